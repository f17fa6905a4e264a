//! How an administrator, or a program of one, looks into a running node.
//! Knows: the engine's messages, the control socket. Must not: reach into a machine or a store.

pub mod control;
pub mod status;

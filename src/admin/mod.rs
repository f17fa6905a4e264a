//! How an administrator, or a program of one, looks into a running node and changes the organisation.
//! Knows: the node's messages, the control socket, the directory's files. Must not: reach into a machine or a store.
//!
//! A command is a [`command::Request`] whoever gives it: the command line, Exchange's spelling, REST. The node executes
//! it ([`execute::execute`]); without a node the command line does what concerns files alone ([`organisation`]).

mod account;
pub mod command;
pub mod control;
pub mod edit;
pub mod exchange;
pub mod execute;
pub mod http;

pub mod organisation;
pub mod settings;
pub mod status;

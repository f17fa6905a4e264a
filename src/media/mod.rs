//! Media.

pub mod jitter;
pub mod latch;
pub mod telephone_event;

//! Media.

pub mod latch;
pub mod telephone_event;

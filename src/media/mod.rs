//! Media.

pub mod latch;

//! The outside world behind one trait, and a whole node as a value.
//! Knows: sockets, files, entropy, the wall clock, in two kinds: [`real`] and [`virtual_`].
//! Must not: decide anything; what is done with a byte belongs to the rooms within.

pub mod config;
pub mod disk;
#[allow(clippy::module_inception)]
mod engine;
pub mod environment;
pub mod process;
pub mod provider;
pub mod real;
pub mod virtual_;

pub use disk::{Disk, DiskFile};
pub use engine::{Engine, Parts, Placement, StartError};
pub use environment::Environment;

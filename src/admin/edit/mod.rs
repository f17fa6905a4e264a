//! Changes of the directory's files: in their text, with comments, order and layout kept.
//! Knows: TOML text, which tables are objects. Must not: read or write a file, decide what is sound (the directory does).
//!
//! Start with [`Draft`]: made of the files as they were read, changed, loaded, and then written by whoever has the disk.

mod draft;
mod extent;
mod list;

#[cfg(test)]
mod tests;

pub use draft::{Draft, Drafted, Spot};

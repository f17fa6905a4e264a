//! The command line: one module a noun or verb; each talks to a node by messages or reads files.
//! Knows: arguments, exit statuses. Must not: hold call logic.

pub mod check;

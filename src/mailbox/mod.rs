//! From recording to mailbox: the spool that never loses a message, the e-mail it becomes, the stores that take it.
//! Knows: the disk, calls as an administrator describes them, RFC 5322 and SMTP. Must not: know SIP, media streams
//! or actors, nor read a clock: the time is handed in.
//!
//! The way of a message: [`Spool::begin`] -> [`Recording`] -> [`Recording::finish`] (durable from here on) ->
//! [`Queue`] says when -> [`Courier::attempt`] composes the mail and hands it to a [`MailboxStore`] -> gone from the
//! spool, or kept with the reason why, or parked in `failed/`. Everything in [`spool`] blocks; run it off the Arbiters.

pub mod call;
pub mod courier;
pub mod delivery;
pub mod greetings;
pub mod message;
pub mod spool;
pub mod store;

pub use call::{CallDetails, Caller, EntryId, Importance, Recipient, Sensitivity};
pub use courier::Courier;
pub use delivery::{DeliveryState, Queue};
pub use message::Composer;
pub use spool::{Entry, Recording, Spool, SpoolError};
pub use store::{DeliveryError, Letter, MailboxStore};

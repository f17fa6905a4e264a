//! What goes over the wire: SIP messages, transactions and dialogs, SDP, RTP and RTCP.
//! Knows: bytes, addresses, instants handed to it. Sans-IO: no actix, no tokio, no clock of its own.
//! Must not: open sockets or files, draw random numbers, know what a voice application is.

// what a peer sends never panics; tests may
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

pub mod random;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod timers;

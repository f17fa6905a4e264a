//! The thin shell: actix actors that move bytes, timers and messages in and out of the pure machines.
//! Knows: every room, and the outside through [`crate::engine::Environment`] only. Must not: decide anything a
//! machine could decide, or block an Arbiter.
//!
//! A call walks [`transport`] -> [`sip_endpoint`] -> [`um_worker`] -> [`dialog`] <-> [`rtp_stream`] ->
//! [`spool_writer`] in a worker process, and from there over [`node_link`] and [`um_service`] -> [`delivery`] in the
//! node.

mod alarm;
pub mod call;
mod call_account;
pub mod call_events;
pub mod call_refused;
pub mod call_router;
pub mod calls;
pub mod components;
pub mod config_poller;
pub mod delivery;
pub mod dialog;
pub mod gateway_peer;
pub mod host_lookup;
pub mod media_clock;
pub mod node_link;
pub mod peers;
pub mod rtp_ports;
pub mod rtp_stream;
pub mod sip_endpoint;
pub mod spool_keeper;
pub mod spool_writer;
pub mod test_caller;
pub mod transport;
pub mod um_service;
pub mod um_worker;
pub mod wiretap;

//! Whole calls by injected events: the node runs as it does in production, but its network, disk and clock are a
//! world in memory. A test tells a call as a story; when one fails, the ladder of its SIP messages is printed.
//!
//! `world` starts the node and turns the clock, `caller` is the far end (with SIP and RTP of its own, in `sip`, `rtp`
//! and `sound`), `post` is what lies in the mailboxes. All the rest are stories.

mod caller;
mod invite;
mod post;
mod rtp;
mod sip;
mod sound;
mod world;

mod answering;
mod chance;
mod crowd;
mod damage;
mod delivery;
mod disk;
mod early;
mod engine;
mod forwarded;
mod fragile;
mod gateways;
mod hanging_up;
mod keys;
mod listening;
mod menus;
mod network;
mod records;
mod redirect;
mod refresh;
mod refusals;
mod session;
mod signalling;
mod states;
mod streams;
mod test_calls;
mod tracing;
mod trusted_peers;
mod watching;
mod workers;

//! Ringpost answers the calls a phone system could not, and puts every message where its owner reads mail.
//!
//! The rooms, from the wire inwards (ARCHITECTURE.md walks one call through them):
//!
//! * [`protocol`] - SIP, SDP, RTP and RTCP as pure state machines: `(now, Event)` in, `Command`s out
//! * [`media`] - codecs, tones, DTMF, jitter buffer, player and recorder, and the stream that joins them
//! * [`directory`] - the organisation: dial plans, gateways, hunt groups, mailboxes, and how a call is understood
//! * [`apps`] - what a caller meets: call answering
//! * [`peers`] - gateways and other servers: which of them are asked whether they live, and what they answer
//! * [`prompts`] - what is said: the catalogue, and the sound files behind it
//! * [`mailbox`] - the message, the spool that never loses it, the stores it is delivered to
//! * [`metrics`] - what a node counts and measures, for Prometheus
//! * [`records`] - what is known of calls in progress and of those that ended
//! * [`reconcile`] - what two readings of the organisation differ in
//! * [`components`] - which parts of the server are in service, and who says so
//! * [`replay`] - SIPp scenarios: read, and played against anything
//! * [`store`] - what a node remembers between two lives
//! * [`link`] - what a node and its UM workers tell each other
//! * [`engine`] - the outside (network, disk, entropy, clock), real or virtual
//! * [`actors`] - the thin shell that moves bytes and timers in and out of the machines
//! * [`admin`], [`cli`] - how an administrator talks to a node

pub mod actors;
pub mod admin;
pub mod apps;
pub mod cli;
pub mod components;
pub mod directory;
pub mod engine;
pub mod link;
pub mod mailbox;
pub mod media;
pub mod metrics;
pub mod peers;
pub mod prompts;
pub mod protocol;
pub mod reconcile;
pub mod records;
pub mod replay;
pub mod routing;
pub mod store;

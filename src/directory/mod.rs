//! The organisation: dial plans, UM IP gateways, hunt groups, mailbox policies, mailboxes, servers, and how a call is
//! understood.
//! Knows: configuration text handed to it, addresses and URIs of a call. Sans-IO: no files, no sockets, no clock.
//! Must not: know SIP messages, actors, or where its text came from (that is a [`DirectoryProvider`]'s business).
//!
//! Start with [`Directory::load`], which makes a validated, indexed [`Directory`] out of [`SourceFile`]s or names every
//! [`Fault`] in them, and with [`resolve`], which says what a call is: whose mailbox answers, or why it is refused.
//! Objects are shared (`Arc`) and never change: a call keeps the ones it began with when the directory is replaced.

mod dial_plan;
mod duration;
mod fields;
mod hunt_group;
mod ip_gateway;
mod link;
mod load;
mod lookup;
mod mailbox;
mod mailbox_policy;
mod names;
mod numbers;
mod provider;
mod registry;
mod resolve;
mod service;
mod source;
mod whereabouts;

#[cfg(test)]
mod tests;

pub use dial_plan::{DialPlan, NumberFormat, UriType, VoipSecurity};
pub use duration::{parse_duration, show_duration};
pub use hunt_group::HuntGroup;
pub use ip_gateway::{GatewayAddress, GatewayStatus, IpGateway};
pub use load::Parsed;
pub use lookup::Directory;
pub use mailbox::Mailbox;
pub use mailbox_policy::MailboxPolicy;
pub use names::{
    Alias, E164Number, EmailAddress, Extension, HostName, Invalid, Language, Name, PilotNumber, SipAddress,
};
pub use provider::{DirectoryProvider, ProviderError};
pub use resolve::{CallFacts, Caller, Destination, DivertedFrom, ReasonForCall, Refused, Resolved, resolve};
pub use service::{CallRouter, FrontEnd, IpAddressFamily, Service, StartupMode};
pub use source::{Fault, SourceFile};
pub use whereabouts::{SipService, Whereabouts};

pub(crate) use fields::{Choice, choose, nearest, unknown_key};

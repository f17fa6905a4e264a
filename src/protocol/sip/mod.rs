//! SIP (RFC 3261 and friends): messages, transactions, the endpoint that matches them, INVITE dialogs.
//! Knows: bytes in and out, flows they travel on, instants. Must not: own a socket or a clock.
//! Start with [`Message`], [`endpoint::Endpoint`] and [`dialog::Session`].

pub mod address;
pub mod body;
pub mod calling_party;
pub mod dialog;
pub mod diversion;
pub mod endpoint;
pub mod framing;
pub mod headers;
mod isup;
pub mod message;
pub mod method;
pub mod screen;
pub mod status;
pub mod tap;
pub mod transaction;
pub mod uri;
pub mod values;

pub use address::NameAddr;
pub use headers::{HeaderName, Headers};
pub use message::{Message, Request, Response};
pub use method::Method;
pub use status::Status;
pub use uri::Uri;

use std::net::SocketAddr;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// True where the transport itself delivers or reports failure (RFC 3261 17: timers A, E, G and the linger
    /// timers D, I, J, K are zero).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// Reads `UDP`, `TCP`, `TLS` in any case; `None` for what we do not speak (SCTP, WS …).
    pub fn parse(text: &str) -> Option<Transport> {
        match text.parse().ok()? {
            rsip::Transport::Udp => Some(Transport::Udp),
            rsip::Transport::Tcp => Some(Transport::Tcp),
            rsip::Transport::Tls => Some(Transport::Tls),
            _ => None,
        }
    }

    /// As in a Via: `UDP`, `TCP`, `TLS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }
}

/// The way between us and one peer: for UDP the pair of addresses, for streams one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    /// Our address: the socket's, or the one we advertise for it.
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// The stream connection that brought the message; `None` for datagrams and for a stream still to be opened.
    pub connection: Option<ConnectionId>,
}

/// One stream connection of this process, numbered by whoever accepted or opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

//! Session descriptions (RFC 4566, RFC 8866) and what two sides agree on by them (RFC 3264).
//! Knows: text, addresses, the codecs we speak. Must not: open a port, know the SIP message that carries a body.
//! Start with [`Description`] (the text), [`Negotiation`] (offers and answers), [`MediaPlan`] (the outcome).

mod description;
mod offer_answer;

pub use description::{Attribute, Connection, Description, Direction, Media, NotSdp};
pub use offer_answer::{Incompatible, Negotiation};

use std::net::{IpAddr, SocketAddr};

/// An audio codec we speak: 8000 Hz, one channel, one octet a sample (RFC 3551 4.5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcmu,
    Pcma,
}

impl Codec {
    /// The encoding name of an `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// The payload type that needs no `a=rtpmap` (RFC 3551 6).
    pub fn static_payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }
}

/// What we bring to a call: where we receive, and what we can speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// The address peers reach us at; it may be an advertised one.
    pub address: IpAddr,
    /// RTP port, even; RTCP is the next one.
    pub port: u16,
    /// In order of preference; used when we offer. In an answer the offerer's order decides.
    pub codecs: Vec<Codec>,
    /// Whether telephone-event (RFC 4733) is agreed to.
    pub dtmf: bool,
    /// `sess-id` of our `o=` line; its upper two bits are not sent.
    pub session_id: u64,
}

/// What was agreed for the one audio stream of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// Where RTP goes; `None` when the peer holds the call by `0.0.0.0` or took the stream away.
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes: `a=rtcp` (RFC 3605), else the port after RTP's.
    pub remote_rtcp: Option<SocketAddr>,
    pub codec: Codec,
    pub payload_type: u8,
    /// Payload type of telephone-event at 8000 Hz, if agreed.
    pub telephone_event: Option<u8>,
    /// Payload type of comfort noise (RFC 3389), if agreed.
    pub comfort_noise: Option<u8>,
    /// Milliseconds of audio in each packet we send: a multiple of 20, 20 to 100.
    pub ptime_ms: u16,
    /// The peer wants to hear us.
    pub send: bool,
    /// The peer may send to us.
    pub receive: bool,
}

#[cfg(test)]
mod tests;

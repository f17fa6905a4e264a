//! Header values with a structure of their own: Via, CSeq, Session-Expires, RAck.
//! Knows: text and numbers. Must not: know a dialog or a transaction.

use super::address::parse_params;
use super::uri::split_host_port;
use super::{HeaderName, Headers, Method};

/// One Via value (RFC 3261 20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP` …, upper case.
    pub transport: String,
    pub host: String,
    pub port: Option<u16>,
    /// Parameters in order, names in lower case.
    pub params: Vec<(String, String)>,
}

impl Via {
    pub fn parse(text: &str) -> Option<Via> {
        let (sent, params) = text.split_once(';').unwrap_or((text, ""));
        // white space is allowed around the slashes: SIP / 2.0 / UDP host
        let mut parts = sent.splitn(3, '/');
        let (_, _) = (parts.next()?, parts.next()?);
        let (transport, sent_by) = parts.next()?.trim().split_once([' ', '\t'])?;
        let (host, port) = split_host_port(sent_by);
        Some(Via {
            transport: transport.to_ascii_uppercase(),
            host: host.to_owned(),
            port,
            params: parse_params(params),
        })
    }

    /// The topmost Via of a message.
    pub fn top(headers: &Headers) -> Option<Via> {
        headers.values(&HeaderName::Via).next().and_then(Via::parse)
    }

    /// The value of a parameter; empty for one without a value (`rport` in a request).
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn branch(&self) -> Option<&str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }
}

/// `CSeq: 314159 INVITE` (RFC 3261 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    pub fn parse(text: &str) -> Option<CSeq> {
        let mut words = text.split_ascii_whitespace();
        Some(CSeq { number: words.next()?.parse().ok()?, method: Method::parse(words.next()?) })
    }

    pub fn of(headers: &Headers) -> Option<CSeq> {
        headers.get(&HeaderName::CSeq).and_then(CSeq::parse)
    }
}

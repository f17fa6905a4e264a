//! Header values with a structure of their own: Via, CSeq, Session-Expires, Min-SE, RAck, Reason.
//! Knows: text and numbers. Must not: know a dialog or a transaction.

use std::fmt;

use super::address::{Quoted, parse_params, write_params};
use super::uri::split_host_port;
use super::{HeaderName, Headers, Method};

/// One Via value (RFC 3261 20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP` …, upper case.
    pub transport: String,
    /// Without brackets.
    pub host: String,
    pub port: Option<u16>,
    /// Parameters in order, names in lower case.
    pub params: Vec<(String, String)>,
}

impl Via {
    /// `None` for what cannot be answered: no SIP Via, no host, a port that is none.
    pub fn parse(text: &str) -> Option<Via> {
        let (sent, params) = text.split_once(';').unwrap_or((text, ""));
        // white space is allowed around the slashes: SIP / 2.0 / UDP host
        let mut parts = sent.splitn(3, '/');
        let (protocol, _version) = (parts.next()?, parts.next()?);
        let (transport, sent_by) = parts.next()?.trim().split_once([' ', '\t'])?;
        let (host, port) = split_host_port(sent_by);
        if !protocol.trim().eq_ignore_ascii_case("SIP") || host.is_empty() {
            return None;
        }
        let port = match port.unwrap_or_default() {
            "" => None,
            port => Some(port.parse().ok()?),
        };
        let transport = transport.to_ascii_uppercase();
        Some(Via { transport, host: host.to_owned(), port, params: parse_params(params) })
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

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} ", self.transport)?;
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write_params(f, &self.params)
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
        let cseq = CSeq { number: number(words.next()?)?, method: Method::parse(words.next()?) };
        words.next().is_none().then_some(cseq)
    }

    pub fn of(headers: &Headers) -> Option<CSeq> {
        headers.get(&HeaderName::CSeq).and_then(CSeq::parse)
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Who refreshes a session (RFC 4028 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

impl Refresher {
    pub fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

/// `Session-Expires: 1800;refresher=uac` (RFC 4028 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval in seconds.
    pub seconds: u32,
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    pub fn parse(text: &str) -> Option<SessionExpires> {
        let (seconds, params) = text.split_once(';').unwrap_or((text, ""));
        let refresher = parse_params(params).into_iter().find_map(|(name, value)| match name.as_str() {
            "refresher" if value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            "refresher" if value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        });
        Some(SessionExpires { seconds: number(seconds.trim())?, refresher })
    }

    pub fn of(headers: &Headers) -> Option<SessionExpires> {
        headers.get(&HeaderName::SessionExpires).and_then(SessionExpires::parse)
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        self.refresher.map_or(Ok(()), |refresher| write!(f, ";refresher={}", refresher.as_str()))
    }
}

/// `Min-SE: 90`: the shortest session interval someone on the way accepts (RFC 4028 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinSe {
    pub seconds: u32,
}

impl MinSe {
    pub fn parse(text: &str) -> Option<MinSe> {
        let seconds = text.split(';').next().unwrap_or_default();
        Some(MinSe { seconds: number(seconds.trim())? })
    }

    pub fn of(headers: &Headers) -> Option<MinSe> {
        headers.get(&HeaderName::MinSe).and_then(MinSe::parse)
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)
    }
}

/// `RAck: 776656 1 INVITE`: which reliable provisional response a PRACK acknowledges (RFC 3262 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: u32,
    pub method: Method,
}

impl RAck {
    pub fn parse(text: &str) -> Option<RAck> {
        let mut words = text.split_ascii_whitespace();
        let (rseq, cseq) = (number(words.next()?)?, number(words.next()?)?);
        Some(RAck { rseq, cseq, method: Method::parse(words.next()?) })
    }

    pub fn of(headers: &Headers) -> Option<RAck> {
        headers.get(&HeaderName::RAck).and_then(RAck::parse)
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}

/// `Reason: Q.850;cause=16;text="Normal call clearing"` (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` …, as it was written.
    pub protocol: String,
    /// A SIP status code or a Q.850 cause.
    pub cause: Option<u16>,
    pub text: Option<String>,
}

impl Reason {
    pub fn parse(text: &str) -> Option<Reason> {
        let (protocol, params) = text.split_once(';').unwrap_or((text, ""));
        let params = parse_params(params);
        let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let protocol = protocol.trim();
        (!protocol.is_empty()).then(|| Reason {
            protocol: protocol.to_owned(),
            cause: param("cause").and_then(|cause| cause.parse().ok()),
            text: param("text").map(str::to_owned),
        })
    }

    /// Every reason of a message, one a protocol.
    pub fn all(headers: &Headers) -> Vec<Reason> {
        headers.values(&HeaderName::Reason).filter_map(Reason::parse).collect()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        self.text.as_ref().map_or(Ok(()), |text| write!(f, ";text={}", Quoted(text)))
    }
}

/// Digits only: Rust would take a sign too.
pub(super) fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn via_with_blanks_rport_and_ipv6() {
        let via =
            Via::parse("SIP / 2.0 / udp \t first.example.com : 4000 ;ttl=16 ; rport; branch = z9hG4bKa7").unwrap();
        assert_eq!((via.transport.as_str(), via.host.as_str(), via.port), ("UDP", "first.example.com", Some(4000)));
        assert_eq!((via.param("rport"), via.branch()), (Some(""), Some("z9hG4bKa7")));
        assert_eq!(via.to_string(), "SIP/2.0/UDP first.example.com:4000;ttl=16;rport;branch=z9hG4bKa7");
        let six = Via::parse("SIP/2.0/TCP [fd17::1]:15060;branch=x;received=[fd17::2]").unwrap();
        assert_eq!((six.host.as_str(), six.port, six.param("received")), ("fd17::1", Some(15060), Some("[fd17::2]")));
        assert_eq!(six.to_string(), "SIP/2.0/TCP [fd17::1]:15060;branch=x;received=[fd17::2]");
        let bare = Via::parse("SIP/2.0/UDP fd17::1").unwrap();
        assert_eq!((bare.host.as_str(), bare.port), ("fd17::1", None));
    }

    #[test]
    fn via_that_cannot_be_answered_is_none() {
        for text in
            ["", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP x:99999", "HTTP/1.1/TCP x", "x", "SIP/2.0 x"]
        {
            assert_eq!(Via::parse(text), None, "{text}");
        }
    }

    #[test]
    fn cseq_is_a_number_and_a_method() {
        assert_eq!(CSeq::parse(" 0009  INVITE "), Some(CSeq { number: 9, method: Method::Invite }));
        assert_eq!(CSeq::parse("0 OPTIONS").map(|cseq| cseq.number), Some(0));
        assert_eq!(CSeq::parse("650000000 BYE").map(|cseq| cseq.number), Some(650_000_000));
        for text in ["", "1", "INVITE 1", "+1 INVITE", "-1 INVITE", "4294967296 INVITE", "1 INVITE x"] {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }

    #[test]
    fn session_timer_values() {
        let written = SessionExpires { seconds: 1800, refresher: Some(Refresher::Uac) };
        assert_eq!(SessionExpires::parse(" 1800 ; Refresher = UAC"), Some(written));
        assert_eq!(written.to_string(), "1800;refresher=uac");
        assert_eq!(SessionExpires::parse("43080").map(|value| value.refresher), Some(None));
        assert_eq!(SessionExpires::parse("soon"), None);
        assert_eq!(MinSe::parse("0;x=y"), Some(MinSe { seconds: 0 }));
    }

    #[test]
    fn rack_and_reason() {
        assert_eq!(RAck::parse("776656 1 INVITE"), Some(RAck { rseq: 776_656, cseq: 1, method: Method::Invite }));
        assert_eq!(RAck::parse("1 INVITE"), None);
        let reason = Reason::parse("Q.850 ; cause=16;text=\"Normal call clearing\"").unwrap();
        assert_eq!((reason.cause, reason.text.as_deref()), (Some(16), Some("Normal call clearing")));
        assert_eq!(reason.to_string(), "Q.850;cause=16;text=\"Normal call clearing\"");
        assert_eq!(Reason::parse("SIP").map(|reason| reason.cause), Some(None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in "\\PC*|(SIP/2.0/UDP )?[a-zA-Z0-9:;=\\[\\]., /\"]{0,30}") {
            let _ = (Via::parse(&text), CSeq::parse(&text), SessionExpires::parse(&text), MinSe::parse(&text));
            let _ = (RAck::parse(&text), Reason::parse(&text));
        }
    }
}

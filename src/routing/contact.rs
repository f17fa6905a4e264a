//! The Contact of a redirect: where to, and what the next hop must know to decide alike.
//! Knows: URIs. Must not: know who decided.
//!
//! `sip:CALLED@HOST:PORT;transport=tcp;target=1001;cause=408;called=sip%3ACALLED%40example.test`: the user part stays as
//! it was called; `target` and `cause` (RFC 4458) name whose mailbox answers and why; `called` is the request URI as it
//! came, unless it is a plain number at an address (SIP URI plans and pilots that are addresses look at the host).

use std::fmt::Write;
use std::net::IpAddr;

use super::decision::Target;
use crate::directory::GatewayAddress;
use crate::protocol::sip::uri::{Scheme, escape};
use crate::protocol::sip::{Transport, Uri};

/// The URI parameter of ours that keeps the request URI.
pub(super) const CALLED: &str = "called";

/// Writes the URI, without angle brackets.
pub(super) fn write(out: &mut String, called: &Uri, target: &Target, transport: Transport) {
    out.push_str("sip:");
    let user = called.user();
    if let Some(user) = &user {
        out.push_str(&escape(user));
        out.push('@');
    }
    write_host(out, &target.place.host);
    let transport = match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    };
    // writing to a String cannot fail
    let _ = write!(out, ":{};transport={transport}", target.place.port);
    if let Some((user, cause)) = &target.diverted {
        let _ = write!(out, ";target={};cause={cause}", escape(user));
    }
    if let Some(first) = called.param(CALLED) {
        let _ = write!(out, ";{CALLED}={}", escape(&first));
    } else if let (Some(user), Some(host)) = (user, called.host())
        && called.scheme() != Scheme::Tel
        && !(is_number(&user) && host.parse::<IpAddr>().is_ok())
    {
        let _ = write!(out, ";{CALLED}={}", escape(&format!("sip:{}@{host}", escape(&user))));
    }
}

fn write_host(out: &mut String, host: &GatewayAddress) {
    let _ = match host {
        GatewayAddress::Ip(IpAddr::V6(address)) => write!(out, "[{address}]"),
        host => write!(out, "{host}"),
    };
}

fn is_number(user: &str) -> bool {
    user.strip_prefix('+').unwrap_or(user).bytes().all(|byte| byte.is_ascii_digit())
}

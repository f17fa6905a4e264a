//! What scenarios look up in SIP messages: by text, as they were received.
//! Knows: lines, headers and their short forms. Must not: refuse anything: a scenario may be about broken messages.

use std::net::{IpAddr, SocketAddr};

/// Short forms of headers (RFC 3261 7.3.3).
const SHORT: &[(&str, &str)] = &[
    ("Call-ID", "i"),
    ("Contact", "m"),
    ("Content-Encoding", "e"),
    ("Content-Length", "l"),
    ("Content-Type", "c"),
    ("From", "f"),
    ("Subject", "s"),
    ("Supported", "k"),
    ("To", "t"),
    ("Via", "v"),
];

/// The status of a response, or the method of a request.
pub fn status(message: &str) -> Option<u16> {
    let rest = message.strip_prefix("SIP/2.0")?.trim_start();
    rest.get(..3)?.parse().ok()
}

pub fn method(message: &str) -> &str {
    message.split([' ', '\r', '\n']).next().unwrap_or_default()
}

pub fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// The lines of a header, each with its name, and with those that continue it.
pub fn header_lines<'m>(message: &'m str, name: &str) -> impl Iterator<Item = &'m str> {
    let short = SHORT.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|(_, short)| *short);
    let is_called = |line: &str, name: &str| {
        let rest =
            line.get(name.len()..).filter(|_| line.as_bytes()[..name.len()].eq_ignore_ascii_case(name.as_bytes()));
        rest.is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(':'))
    };
    unfolded(message)
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(move |line| is_called(line, name) || short.is_some_and(|short| is_called(line, short)))
}

/// What a header says, the first of its name.
pub fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let line = header_lines(message, name).next()?;
    line.split_once(':').map(|(_, value)| value.trim())
}

pub fn call_id(message: &str) -> Option<&str> {
    header(message, "Call-ID").filter(|id| !id.is_empty())
}

/// The Call-ID a command names: it has no first line of its own.
pub fn call_id_of_command(command: &str) -> Option<&str> {
    let of_line = |line: &str| {
        let (name, _) = line.split_once(':')?;
        ["call-id", "i"].contains(&name.trim().to_ascii_lowercase().as_str()).then_some(name.len() + 1)
    };
    command.lines().find_map(|line| line.get(of_line(line)?..)).map(str::trim).filter(|id| !id.is_empty())
}

pub fn cseq_number(message: &str) -> Option<u32> {
    header(message, "CSeq")?.split_ascii_whitespace().next()?.parse().ok()
}

pub fn cseq_method(message: &str) -> &str {
    header(message, "CSeq").and_then(|cseq| cseq.split_ascii_whitespace().nth(1)).unwrap_or_default()
}

/// The branch of the topmost Via.
pub fn branch(message: &str) -> Option<&str> {
    parameter(header(message, "Via")?, "branch")
}

pub fn tag<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let value = header(message, name)?;
    let after_address = value.rfind('>').map_or(value, |at| &value[at..]);
    parameter(after_address, "tag")
}

/// The value of `;name=`.
fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let of_first = value.split(',').next().unwrap_or_default();
    of_first.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The URI of a Contact or To, without its brackets.
pub fn address_of(value: &str) -> &str {
    match value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

pub fn body(message: &str) -> Option<&str> {
    message.split_once("\r\n\r\n").map(|(_, body)| body)
}

/// Where a description in the message wants audio sent to.
pub fn audio_address(message: &str) -> Option<SocketAddr> {
    let body = body(message)?;
    let (mut session, mut media, mut port) = (None, None, None);
    for line in body.lines() {
        if let Some(connection) = line.strip_prefix("c=IN IP") {
            let ip = connection.get(1..).and_then(|rest| rest.split(['/', ' ']).find(|word| !word.is_empty()));
            let ip: Option<IpAddr> = ip.and_then(|ip| ip.trim().parse().ok());
            match port {
                None => session = ip,
                Some(_) => media = ip,
            }
        } else if let Some(audio) = line.strip_prefix("m=audio ") {
            port = audio.split(['/', ' ']).next().and_then(|port| port.parse::<u16>().ok());
        } else if line.starts_with("m=") && port.is_some() {
            break;
        }
    }
    Some(SocketAddr::new(media.or(session)?, port?)).filter(|at| at.port() != 0)
}

/// Lines, where one that begins with a blank belongs to the one before.
fn unfolded(message: &str) -> impl Iterator<Item = &str> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            match rest[end..].find('\n') {
                None => end = rest.len(),
                Some(at) => {
                    end += at + 1;
                    if rest[end..].starts_with([' ', '\t']) {
                        continue;
                    }
                }
            }
            break;
        }
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line.trim_end_matches(['\r', '\n']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK-1;x=y\r\nv: SIP/2.0/UDP b\r\n\
        t: <sip:5000@h;tag=no>;tag=abc\r\nSubject: one\r\n two\r\nCall-ID: 1@h\r\nCSeq: 7 INVITE\r\n\r\n\
        v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n";

    #[test]
    fn headers_are_found_by_their_long_and_short_names() {
        assert_eq!(status(RESPONSE), Some(200));
        assert_eq!(header_lines(RESPONSE, "via").count(), 2);
        assert_eq!((branch(RESPONSE), tag(RESPONSE, "To")), (Some("z9hG4bK-1"), Some("abc")));
        assert_eq!(header(RESPONSE, "subject"), Some("one\r\n two"));
        assert_eq!((call_id(RESPONSE), cseq_number(RESPONSE), cseq_method(RESPONSE)), (Some("1@h"), Some(7), "INVITE"));
        assert_eq!(audio_address(RESPONSE), Some("192.0.2.1:4000".parse().unwrap()));
        assert_eq!(method("BYE sip:x SIP/2.0\r\n"), "BYE");
        assert_eq!(status("BYE sip:x SIP/2.0\r\n"), None);
        assert_eq!(address_of("\"A <b>\" <sip:a@b>;tag=1"), "b", "as sipp reads it");
        assert_eq!(address_of("sip:a@b;tag=1"), "sip:a@b");
    }
}

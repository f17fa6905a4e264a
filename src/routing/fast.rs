//! The same answer for the INVITE that nearly every gateway sends, without taking the message apart.
//! Knows: octets, and of which messages it is sure. Must not: say anything `answer` would not say: whatever is unusual
//! is left to it.
//!
//! The header is looked at once, line by line; only the values that are copied or looked at are kept, as slices of the
//! message. What is not here (other methods, folded lines, odd names, refusals …) costs a full parse and is as right.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use memchr::{memchr, memchr2, memmem};

use super::answer::{Answer, hash, tag_of};
use super::decision::decide;
use super::understand::{called, diverted_from, reason_for_call};
use super::view::View;
use super::{Role, contact, proxy};
use crate::directory::{CallFacts, DivertedFrom, resolve};
use crate::protocol::sip::diversion::{Diversion, DiversionReason};
use crate::protocol::sip::headers::split_list;
use crate::protocol::sip::screen::MAX_URI;
use crate::protocol::sip::{Flow, Transport, Uri};

/// The end of `Route` and `Record-Route`, and what marks a Via of ours: searched for in every ACK.
static ROUTE: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"oute"));
static OWN_MARK: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(proxy::MARK.as_bytes()));

/// More header lines or Vias than that are unusual.
const MAX_LINES: usize = 100;
const MAX_VIAS: usize = 8;

/// What is copied into the response or decides about it.
#[derive(Default)]
struct Invite<'m> {
    uri: &'m str,
    vias: [&'m str; MAX_VIAS],
    via_count: usize,
    from: &'m str,
    to: &'m str,
    call_id: &'m str,
    cseq: &'m str,
    contact: bool,
    max_forwards: bool,
    content_type: &'m str,
    diversions: Vec<DivertedFrom>,
    history: bool,
}

/// `None`: `answer` must look at it.
pub(super) fn answer(view: &View, role: Role, bytes: &[u8], flow: Flow, out: &mut Vec<u8>) -> Option<Answer> {
    if bytes.starts_with(b"ACK ") {
        // one with a Route, or from another router, may be one that goes on
        let goes_on = || ROUTE.find(bytes).is_some() || OWN_MARK.find(bytes).is_some();
        let absorbed = !proxy::forwards(view, flow.remote) && !goes_on();
        return absorbed.then_some(Answer::Nothing);
    }
    if !bytes.starts_with(b"INVITE ") {
        return None;
    }
    let refuses = match role {
        Role::Router => view.router_refuses.is_some(),
        Role::Service => view.home.as_ref().is_some_and(|home| home.refuses.is_some()),
    };
    // a test call is for nobody the directory knows
    if refuses || !view.tests.is_empty() {
        return None;
    }
    let invite = Invite::scan(bytes)?;
    let via = TopVia::read(invite.vias.first()?)?;
    if via.value.contains(proxy::MARK) {
        return None;
    }
    let uri = Uri::parse(invite.uri);
    if invite.diversions.is_empty() && (invite.history || uri.param("target").is_some()) {
        return None;
    }
    let first = called(&uri);
    let called = first.as_ref().unwrap_or(&uri);
    called.user()?;
    let facts = CallFacts {
        peer: flow.remote.ip(),
        peer_port: flow.remote.port(),
        called,
        to: called,
        calling: None,
        diversions: &invite.diversions,
    };
    let resolved = resolve(&view.directory, &facts).ok().filter(|resolved| resolved.gateway.redirect)?;
    if resolved.gateway.trusted_peer {
        return None;
    }
    let target = decide(view, role, &resolved, flow.local.ip(), hash(0, invite.call_id)).ok()?;

    let mut text = String::with_capacity(192);
    text.push_str("Contact: <");
    contact::write(&mut text, &uri, &target, flow.transport);
    text.push_str(">\r\nServer: ");
    text.push_str(&view.server);
    out.extend_from_slice(b"SIP/2.0 302 Moved Temporarily\r\n");
    via.write(flow.remote, out);
    for via in invite.vias.get(1..invite.via_count)? {
        line(out, "Via: ", via);
    }
    line(out, "From: ", invite.from);
    out.extend_from_slice(b"To: ");
    out.extend_from_slice(invite.to.as_bytes());
    line(out, ";tag=", &tag_of(view.seed, invite.call_id, invite.from, invite.vias.first()?));
    line(out, "Call-ID: ", invite.call_id);
    line(out, "CSeq: ", invite.cseq);
    line(out, &text, "");
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    let port = if via.rport || flow.transport != Transport::Udp { flow.remote.port() } else { via.port };
    Some(Answer::Respond(SocketAddr::new(flow.remote.ip(), port)))
}

fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

impl<'m> Invite<'m> {
    fn scan(bytes: &'m [u8]) -> Option<Invite<'m>> {
        if bytes.len() > crate::protocol::sip::message::MAX_MESSAGE {
            return None;
        }
        // the body may be anything; the lines before it may not
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        let (start, mut rest) = next_line(text)?;
        let uri = start.strip_prefix("INVITE ")?.strip_suffix(" SIP/2.0")?;
        let known = uri.starts_with("sip:") || uri.starts_with("tel:");
        if !known || uri.len() > MAX_URI || uri.contains(char::is_whitespace) {
            return None;
        }
        let whole = text.len();
        let mut invite = Invite { uri, ..Invite::default() };
        let mut length = None;
        for _ in 0..MAX_LINES {
            let (text, after) = next_line(rest)?;
            rest = after;
            if text.is_empty() {
                let there = bytes.len() - (whole - rest.len());
                let body = length.unwrap_or(there);
                return (body <= there && invite.is_sound(body > 0)).then_some(invite);
            }
            let (name, value) = text.split_at_checked(memchr(b':', text.as_bytes())?)?;
            if name.is_empty() || name.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
                return None;
            }
            match invite.take(name, value.get(1..)?)? {
                Some(_) if length.is_some() => return None,
                Some(first) => length = Some(first),
                None => {}
            }
        }
        None
    }

    /// Keeps what is looked at. `None`: unusual; `Some(Some(…))`: a Content-Length.
    fn take(&mut self, name: &str, value: &'m str) -> Option<Option<usize>> {
        match field(name) {
            Field::Other => {}
            Field::Odd => return None,
            Field::History => self.history = true,
            Field::Via => {
                *self.vias.get_mut(self.via_count)? = one_line(value.trim())?;
                self.via_count += 1;
            }
            Field::From => once(&mut self.from, address(value.trim())?.0)?,
            Field::To => {
                let (value, _, params) = address(value.trim())?;
                once(&mut self.to, value)?;
                // within a dialog
                if memchr2(b't', b'T', params.as_bytes()).is_some() {
                    return None;
                }
            }
            Field::CallId => once(&mut self.call_id, one_line(value.trim())?)?,
            Field::CSeq => {
                let value = one_line(value.trim())?;
                let digits = value.strip_suffix(" INVITE")?;
                let number =
                    !digits.is_empty() && digits.len() < 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
                once(&mut self.cseq, number.then_some(value)?)?;
            }
            Field::Contact => {
                address(value.trim())?;
                self.contact = true;
            }
            Field::MaxForwards => {
                let value = value.trim();
                let hops: u16 = value.parse().ok().filter(|hops| (1..=255).contains(hops))?;
                let plain = !value.starts_with('+') && hops > 0 && !self.max_forwards;
                self.max_forwards = plain.then_some(true)?;
            }
            Field::ContentLength => {
                let value = value.trim();
                let plain = value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit());
                return plain.then(|| value.parse().ok()).flatten().map(Some);
            }
            Field::ContentType => once(&mut self.content_type, one_line(value.trim())?)?,
            Field::Diversion => {
                let value = one_line(value.trim())?;
                match address(value) {
                    Some((_, uri, params)) => self.diversions.extend(plain_diversion(uri, params)),
                    None => {
                        let all = split_list(value).map(Diversion::parse);
                        self.diversions.extend(all.filter_map(diverted_from));
                    }
                }
            }
        }
        Some(None)
    }

    /// All there is that must be, and a body, if there is one, that is an offer.
    fn is_sound(&self, body: bool) -> bool {
        let kind = self.content_type.split(';').next().unwrap_or_default();
        let there = [self.from, self.to, self.call_id, self.cseq].iter().all(|value| !value.is_empty());
        there && self.via_count > 0 && self.contact && (!body || kind.eq_ignore_ascii_case("application/sdp"))
    }
}

/// A header field, as far as it decides about the answer.
enum Field {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    ContentLength,
    ContentType,
    Diversion,
    History,
    /// The message is not one of the usual ones.
    Odd,
    /// Is not looked at.
    Other,
}

/// By length and first letter there is one name at most that it can be.
fn field(name: &str) -> Field {
    let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
    let (full, field) = match (name.len(), first) {
        (1, b'v') => return Field::Via,
        (1, b'f') => return Field::From,
        (1, b't') => return Field::To,
        (1, b'i') => return Field::CallId,
        (1, b'm') => return Field::Contact,
        (1, b'l') => return Field::ContentLength,
        (1, b'c') => return Field::ContentType,
        // Content-Encoding
        (1, b'e') => return Field::Odd,
        (3, b'v') => ("via", Field::Via),
        (4, b'f') => ("from", Field::From),
        (2, b't') => ("to", Field::To),
        (7, b'c') if name.eq_ignore_ascii_case("contact") => return Field::Contact,
        (7, b'c') => ("call-id", Field::CallId),
        (4, b'c') => ("cseq", Field::CSeq),
        (12, b'm') => ("max-forwards", Field::MaxForwards),
        (14, b'c') => ("content-length", Field::ContentLength),
        (12, b'c') => ("content-type", Field::ContentType),
        (9, b'd') => ("diversion", Field::Diversion),
        (12, b'h') => ("history-info", Field::History),
        (7, b'r') => ("require", Field::Odd),
        (16, b'c') => ("content-encoding", Field::Odd),
        (19, b'c') => ("content-disposition", Field::Odd),
        _ => return Field::Other,
    };
    if name.eq_ignore_ascii_case(full) { field } else { Field::Other }
}

/// Of a value without quotes: what [`Diversion::parse`] reads of it.
fn plain_diversion(uri: &str, params: &str) -> Option<DivertedFrom> {
    let uri = Uri::parse(uri);
    let named = |param: &'_ str| {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        name.trim().eq_ignore_ascii_case("reason").then(|| value.trim().to_owned())
    };
    let reason = params.split(';').find_map(named).unwrap_or_default();
    Some(DivertedFrom {
        user: uri.user()?,
        host: uri.host(),
        reason: reason_for_call(&DiversionReason::parse(&reason)),
    })
}

/// A line that ends as the RFC says, without its end, and what follows.
fn next_line(text: &str) -> Option<(&str, &str)> {
    let end = memchr(b'\n', text.as_bytes())?;
    let (line, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let line = line.strip_suffix('\r')?;
    // one that begins with white space belongs to the one before
    if matches!(line.as_bytes().first(), Some(b' ' | b'\t')) {
        return None;
    }
    Some((line, rest))
}

fn one_line(value: &str) -> Option<&str> {
    (!value.is_empty() && memchr(b'\r', value.as_bytes()).is_none()).then_some(value)
}

fn once<'m>(slot: &mut &'m str, value: &'m str) -> Option<()> {
    if !slot.is_empty() {
        return None;
    }
    *slot = value;
    Some(())
}

/// `<sip:…>…`, `"Name" <sip:…>…`: what is certainly one address; the whole of it, its URI, and what follows that.
fn address(value: &str) -> Option<(&str, &str, &str)> {
    let value = one_line(value)?;
    let quoted = value.strip_prefix('"');
    let bracketed = match quoted {
        Some(quoted) => {
            let (name, rest) = quoted.split_at_checked(memchr(b'"', quoted.as_bytes())?)?;
            if memchr(b'\\', name.as_bytes()).is_some() || name.starts_with('<') {
                return None;
            }
            rest.get(1..)?.trim_start()
        }
        None => value.get(memchr(b'<', value.as_bytes())?..)?,
    };
    let display = value.get(..value.len() - bracketed.len())?;
    let plain = quoted.is_some() || memchr2(b'"', b',', display.as_bytes()).is_none();
    let inner = bracketed.strip_prefix('<')?;
    let (uri, params) = inner.split_at_checked(memchr(b'>', inner.as_bytes())?)?;
    let params = params.get(1..)?;
    let known = uri.starts_with("sip:") || uri.starts_with("sips:") || uri.starts_with("tel:");
    let odd = |text: &str| memchr2(b'"', b'<', text.as_bytes()).is_some();
    (plain && known && !odd(uri) && !odd(params) && memchr(b',', params.as_bytes()).is_none())
        .then_some((value, uri, params))
}

/// The Via that says where the answer goes.
struct TopVia<'m> {
    value: &'m str,
    /// The host is an address, and this one.
    host: Option<IpAddr>,
    port: u16,
    rport: bool,
}

impl<'m> TopVia<'m> {
    /// `SIP/2.0/UDP host:port;branch=…;rport`, and nothing that is less plain.
    fn read(value: &'m str) -> Option<TopVia<'m>> {
        let odd = |byte: u8| matches!(byte, b'"' | b',' | b'[' | b'\t' | b'\\');
        if value.bytes().any(odd) {
            return None;
        }
        let (sent, params) = value.split_once(';')?;
        let sent_by = sent.strip_prefix("SIP/2.0/UDP ").or_else(|| sent.strip_prefix("SIP/2.0/TCP "))?;
        if sent_by.contains(' ') || params.contains(' ') {
            return None;
        }
        let (host, port) = match sent_by.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0 && !sent_by.contains(":+"))?),
            None => (sent_by, 5060),
        };
        if host.is_empty() {
            return None;
        }
        let mut rport = false;
        for param in params.split(';') {
            let name = param.split('=').next().unwrap_or_default();
            match name.len() {
                5 if param == "rport" && !rport => rport = true,
                5 if name.eq_ignore_ascii_case("rport") || name.eq_ignore_ascii_case("maddr") => return None,
                8 if name.eq_ignore_ascii_case("received") => return None,
                _ => {}
            }
        }
        Some(TopVia { value, host: host.parse().ok(), port, rport })
    }

    /// With what RFC 3261 18.2.1 and RFC 3581 add.
    fn write(&self, source: SocketAddr, out: &mut Vec<u8>) {
        let ip = source.ip().to_canonical();
        if !self.rport && self.host.is_some_and(|host| host.to_canonical() == ip) {
            return line(out, "Via: ", self.value);
        }
        let mut noted = String::with_capacity(64);
        // writing to a String cannot fail
        let _ = write!(noted, ";received={ip}");
        if self.rport {
            let _ = write!(noted, ";rport={}", source.port());
        }
        out.extend_from_slice(b"Via: ");
        for (number, part) in self.value.split(';').filter(|part| *part != "rport").enumerate() {
            if number > 0 {
                out.push(b';');
            }
            out.extend_from_slice(part.as_bytes());
        }
        line(out, &noted, "");
    }
}

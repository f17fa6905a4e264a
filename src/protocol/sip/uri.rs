//! SIP, SIPS and TEL URIs (RFC 3261 19.1, RFC 3966), as products write them.
//! Knows: text. Must not: resolve a host, know who a user is.

use std::fmt;
use std::net::IpAddr;

use memchr::{memchr, memchr2, memrchr};

use super::Transport;

/// A URI. Kept as written, so that it is sent on unchanged; the parts are read from the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
    parts: Parts,
}

/// Where the parts of the text are, in octets. Looked for once: each part is asked for many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Parts {
    scheme: Scheme,
    /// Behind the scheme and its colon.
    start: usize,
    /// The `@` that ends the user part.
    at: Option<usize>,
    /// The end of `host:port`.
    host_end: usize,
}

impl Uri {
    /// Takes any text; what is no URI we know has scheme [`Scheme::Other`] and no parts.
    pub fn parse(text: &str) -> Uri {
        let text = text.trim();
        Uri { text: text.to_owned(), parts: Parts::of(text) }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What kind of URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}

impl Uri {
    pub fn scheme(&self) -> Scheme {
        self.parts.scheme
    }

    /// The user part without parameters inside it and without password, unescaped
    /// (`8000;context=private` is `8000`); for `tel:` the number without visual separators (RFC 3966 5.1.1).
    /// `None` when there is none.
    pub fn user(&self) -> Option<String> {
        let user = match self.scheme() {
            Scheme::Tel => self.hierarchical().split([';', '?']).next()?.trim().replace(['-', '.', '(', ')'], ""),
            Scheme::Sip | Scheme::Sips => unescape(self.user_info()?.split([';', ':']).next()?.trim()),
            Scheme::Other => return None,
        };
        (!user.is_empty()).then_some(user)
    }

    /// A parameter inside the user part (`5201;phone-context=cdp.udp@…`), unescaped; names are case-insensitive.
    /// For `tel:` the same as [`Uri::param`].
    pub fn user_param(&self, name: &str) -> Option<String> {
        match self.scheme() {
            Scheme::Tel => self.param(name),
            _ => find_param(self.user_info()?, name),
        }
    }

    /// Host without brackets, lower case; `None` for `tel:`.
    pub fn host(&self) -> Option<String> {
        let (host, _) = split_host_port(self.host_port()?);
        (!host.is_empty()).then(|| host.to_ascii_lowercase())
    }

    /// The host when it is an IP address and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        match rsip::Host::from(self.host()?) {
            rsip::Host::IpAddr(address) => Some(address),
            rsip::Host::Domain(_) => None,
        }
    }

    pub fn port(&self) -> Option<u16> {
        split_host_port(self.host_port()?).1?.parse().ok()
    }

    /// What `;transport=` asks for, in any case (`Tcp`, `TLS`); `None` when it is absent or one we do not speak.
    pub fn transport(&self) -> Option<Transport> {
        Transport::parse(&self.param("transport")?)
    }

    /// The value of a URI parameter, unescaped; `Some("")` for one without a value. Names are case-insensitive.
    pub fn param(&self, name: &str) -> Option<String> {
        find_param(self.after_user().split('?').next().unwrap_or_default(), name)
    }

    /// The value of a URI header (`?Reason=…`), unescaped. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, headers) = self.after_user().split_once('?')?;
        headers.split('&').find_map(|header| {
            let (key, value) = header.split_once('=').unwrap_or((header, ""));
            key.eq_ignore_ascii_case(name).then(|| unescape(value))
        })
    }

    fn hierarchical(&self) -> &str {
        self.text.get(self.parts.start..).unwrap_or_default()
    }

    /// What stands before the `@` that ends the user part.
    fn user_info(&self) -> Option<&str> {
        self.text.get(self.parts.start..self.parts.at?)
    }

    fn after_user(&self) -> &str {
        self.text.get(self.parts.host_start()..).unwrap_or_default()
    }

    fn host_port(&self) -> Option<&str> {
        if !matches!(self.parts.scheme, Scheme::Sip | Scheme::Sips) {
            return None;
        }
        self.text.get(self.parts.host_start()..self.parts.host_end)
    }
}

impl Parts {
    fn of(text: &str) -> Parts {
        let colon = memchr(b':', text.as_bytes());
        let scheme = match colon.and_then(|colon| text.get(..colon)).unwrap_or_default() {
            scheme if scheme.eq_ignore_ascii_case("sip") => Scheme::Sip,
            scheme if scheme.eq_ignore_ascii_case("sips") => Scheme::Sips,
            scheme if scheme.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other,
        };
        let start = colon.map_or(text.len(), |colon| colon + 1);
        let rest = text.get(start..).unwrap_or_default();
        let at = if scheme == Scheme::Tel { None } else { end_of_user(rest).map(|at| start + at) };
        let parts = Parts { scheme, start, at, host_end: text.len() };
        let host = parts.host_start();
        let after = text.get(host..).unwrap_or_default();
        Parts { host_end: memchr2(b';', b'?', after.as_bytes()).map_or(text.len(), |end| host + end), ..parts }
    }

    fn host_start(&self) -> usize {
        self.at.map_or(self.start, |at| at + 1)
    }
}

/// The `@` between user part and host.
fn end_of_user(rest: &str) -> Option<usize> {
    let first = memchr(b'@', rest.as_bytes())?;
    // an @ after ? may belong to a URI header (?Replaces=1@host), but ? may also stand in a user part
    if let Some((_, after)) = rest.get(..first)?.split_once('?')
        && names_a_header(after)
    {
        return None;
    }
    // of several, the last one before the parameters counts: alice@example.com@host;transport=udp
    let host = rest.get(first + 1..)?;
    let host_end = memchr2(b';', b'?', host.as_bytes()).unwrap_or(host.len());
    let last = memrchr(b'@', host.get(..host_end)?.as_bytes());
    Some(last.map_or(first, |last| first + 1 + last))
}

fn find_param(text: &str, name: &str) -> Option<String> {
    text.split(';').skip(1).find_map(|param| {
        let (key, value) = param.split_once('=').unwrap_or((param, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| unescape(value.trim()))
    })
}

/// True when `text` begins with `hname=` (RFC 3261 25.1): letters, digits, and few signs, no `,` `;` `&`.
fn names_a_header(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()%[]/?:+$".contains(c);
    text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(allowed))
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`, and a bare IPv6 address; the port as it was written.
pub(super) fn split_host_port(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, after.trim().strip_prefix(':').map(str::trim));
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => (text, None),
        Some((host, port)) => (host.trim(), Some(port.trim())),
        None => (text, None),
    }
}

/// Undoes `%HH` escapes; a broken escape stays as it is.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let digit =
        |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes what may not stand in a user part or a parameter value as it is (RFC 3261 19.1.2): everything but
/// `unreserved` and a leading or inner `+`.
pub fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte);
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(text: &str) -> Option<String> {
        Uri::parse(text).user()
    }

    fn host(text: &str) -> (Option<String>, Option<u16>) {
        (Uri::parse(text).host(), Uri::parse(text).port())
    }

    #[test]
    fn user_parts_as_products_write_them() {
        for (text, expected) in [
            ("sip:8000@x", "8000"),
            ("SIPS:+14255550101@x", "+14255550101"),
            ("sip:8000;context=private@x", "8000"),
            ("sip:5201;phone-context=cdp.udp@example.com;user=phone", "5201"),
            ("sip:alice:secret@x", "alice"),
            ("sip:~~mh~@x", "~~mh~"),
            ("sip:sips%3Auser%40example.com@example.net", "sips:user@example.com"),
            ("sip:bob@example.com@pbx;transport=udp", "bob@example.com"),
            ("sip:1001@pbx;x=a@b", "1001"),
            ("sip:what?now@pbx", "what?now"),
            ("tel:+1-425-555-0101;phone-context=example.com", "+14255550101"),
            ("tel:14255550103", "14255550103"),
        ] {
            assert_eq!(user(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["sip:10.0.0.1:5060", "sip:@x", "sip:x;a=b", "mailto:a@x", "urn:service:sos", "", "sip:", "x"] {
            assert_eq!(user(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host("sip:a@Example.COM:5062;transport=tcp"), (Some("example.com".into()), Some(5062)));
        assert_eq!(host("sip:[fd17::1]:25060;transport=UDP"), (Some("fd17::1".into()), Some(25060)));
        assert_eq!(host("sip:a@[::1]"), (Some("::1".into()), None));
        assert_eq!(host("sip:a@x:"), (Some("x".into()), None));
        assert_eq!(host("sip:10.91.254.190:5060?Replaces=1@y"), (Some("10.91.254.190".into()), Some(5060)));
        assert_eq!(host("tel:123"), (None, None));
        assert_eq!(Uri::parse("sip:a@[::1]:5060").address(), Some("::1".parse().unwrap()));
        assert_eq!(Uri::parse("sip:a@pbx").address(), None);
    }

    #[test]
    fn parameters_and_headers() {
        let uri =
            Uri::parse("sip:8000;cpc=ordinary@x;Transport=Tcp;lr;t=%3b?Replaces=1%40y%3Bto-tag%3D7&REQUIRE=replaces");
        assert_eq!(uri.param("transport").as_deref(), Some("Tcp"));
        assert_eq!(uri.transport(), Some(Transport::Tcp));
        assert_eq!(uri.param("LR").as_deref(), Some(""));
        assert_eq!(uri.param("t").as_deref(), Some(";"));
        assert_eq!(uri.param("cpc"), None);
        assert_eq!(uri.user_param("cpc").as_deref(), Some("ordinary"));
        assert_eq!(uri.header("replaces").as_deref(), Some("1@y;to-tag=7"));
        assert_eq!(uri.header("Require").as_deref(), Some("replaces"));
        assert_eq!(Uri::parse("sip:x;x-m=8:orgid:fce2").param("x-m").as_deref(), Some("8:orgid:fce2"));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a%2Bb%zz%4"), "a+b%zz%4");
        assert_eq!(unescape("%+f"), "%+f");
        assert_eq!(escape("a b@+1;ü"), "a%20b%40+1%3B%C3%BC");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in "\\PC*|(sips?|tel):[a-z@:;?&=%\\[\\]., ]{0,30}") {
            let uri = Uri::parse(&text);
            let _ = (uri.scheme(), uri.user(), uri.host(), uri.port(), uri.param("a"), uri.header("a"), uri.user_param("a"));
            let _ = (uri.address(), uri.transport());
        }

        #[test]
        fn a_user_survives_escaping(name in "\\PC{1,20}", port in 1u16..) {
            let uri = Uri::parse(&format!("sip:{}@pbx.example.com:{port};lr", escape(&name)));
            prop_assert_eq!(uri.user(), Some(name));
            prop_assert_eq!(uri.port(), Some(port));
        }
    }
}

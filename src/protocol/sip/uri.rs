//! SIP, SIPS and TEL URIs (RFC 3261 19.1, RFC 3966), as products write them.
//! Knows: text. Must not: resolve a host, know who a user is.

use std::fmt;

/// A URI. Kept as written, so that it is sent on unchanged; the parts are read from the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
}

impl Uri {
    /// Takes any text; what is no URI we know has scheme [`Scheme::Other`] and no parts.
    pub fn parse(text: &str) -> Uri {
        Uri { text: text.trim().to_owned() }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}

impl Uri {
    pub fn scheme(&self) -> Scheme {
        let scheme = self.text.split_once(':').map_or("", |(scheme, _)| scheme);
        match () {
            _ if scheme.eq_ignore_ascii_case("sip") => Scheme::Sip,
            _ if scheme.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ if scheme.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other,
        }
    }

    /// The user part without parameters inside it and without password, unescaped
    /// (`8000;context=private` is `8000`); for `tel:` the number. `None` when there is none.
    pub fn user(&self) -> Option<String> {
        let raw = match self.scheme() {
            Scheme::Tel => self.hierarchical(),
            Scheme::Sip | Scheme::Sips => self.user_info()?,
            Scheme::Other => return None,
        };
        let user = raw.split([';', ':']).next().unwrap_or_default();
        (!user.is_empty()).then(|| unescape(user))
    }

    /// Host without brackets, lower case; `None` for `tel:`.
    pub fn host(&self) -> Option<String> {
        let (host, _) = split_host_port(self.host_port()?);
        (!host.is_empty()).then(|| host.to_ascii_lowercase())
    }

    pub fn port(&self) -> Option<u16> {
        split_host_port(self.host_port()?).1
    }

    /// The value of a URI parameter, unescaped; `Some("")` for one without a value. Names are case-insensitive.
    pub fn param(&self, name: &str) -> Option<String> {
        let after_host = match self.scheme() {
            Scheme::Tel => self.hierarchical(),
            _ => self.after_user(),
        };
        let params = after_host.split('?').next().unwrap_or_default();
        params.split(';').skip(1).find_map(|param| {
            let (key, value) = param.split_once('=').unwrap_or((param, ""));
            key.trim().eq_ignore_ascii_case(name).then(|| unescape(value.trim()))
        })
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
        self.text.split_once(':').map_or("", |(_, rest)| rest)
    }

    fn user_info(&self) -> Option<&str> {
        // an @ in a URI header (after ?) is no user part
        let rest = self.hierarchical();
        rest.split('?').next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user)
    }

    fn after_user(&self) -> &str {
        match self.user_info() {
            Some(user) => self.hierarchical().get(user.len() + 1..).unwrap_or_default(),
            None => self.hierarchical(),
        }
    }

    fn host_port(&self) -> Option<&str> {
        if !matches!(self.scheme(), Scheme::Sip | Scheme::Sips) {
            return None;
        }
        self.after_user().split([';', '?']).next()
    }
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`, and a bare IPv6 address.
pub(super) fn split_host_port(text: &str) -> (&str, Option<u16>) {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, after.trim().strip_prefix(':').and_then(|port| port.trim().parse().ok()));
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => (text, None),
        Some((host, port)) => (host.trim(), port.trim().parse().ok()),
        None => (text, None),
    }
}

/// Undoes `%HH` escapes; a broken escape stays as it is.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped =
            (byte == b'%').then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        match escaped {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route, Diversion and their kind (RFC 3261 20.10).
//! Knows: text as products write it. Must not: know what a header means.

use super::Uri;

/// `"Display" <uri>;param=value`, also without the angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without quotes and escapes; empty when there is none.
    pub display: String,
    pub uri: Uri,
    /// Parameters after the address, in order; names in lower case, quotes taken off values.
    pub params: Vec<(String, String)>,
}

impl NameAddr {
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: String::new(), uri, params: Vec::new() }
    }

    /// Reads one value (not a list). Without angle brackets everything after `;` is a header parameter
    /// (RFC 3261 20.10). Never fails: text without an address has an empty URI.
    pub fn parse(text: &str) -> NameAddr {
        let text = text.trim();
        let open = angle_open(text);
        let (display, uri, params) = match open {
            Some(at) => {
                let display = text.get(..at).unwrap_or_default();
                let rest = text.get(at + 1..).unwrap_or_default();
                let (uri, params) = rest.split_once('>').unwrap_or((rest, ""));
                (display, uri, params)
            }
            None => {
                let (uri, _) = text.split_once(';').unwrap_or((text, ""));
                ("", uri, text.get(uri.len()..).unwrap_or_default())
            }
        };
        NameAddr { display: unquote(display), uri: Uri::parse(uri), params: parse_params(params) }
    }

    /// The value of a parameter; empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }
}

/// Position of the `<` that opens the address: the first one outside a quoted string; when quotes do not pair up
/// (a doubled end quote is seen in the wild), the last one.
fn angle_open(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(at),
            _ => {}
        }
    }
    text.rfind('<')
}

/// Reads `;name=value;flag`; separators inside quotes belong to the value.
pub(super) fn parse_params(text: &str) -> Vec<(String, String)> {
    let mut params = Vec::new();
    let (mut quoted, mut start) = (false, 0);
    let mut take = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() {
            params.push((name, unquote(value)));
        }
    };
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                take(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    take(text.get(start..).unwrap_or_default());
    params
}

/// Takes the quotes and backslash escapes off a quoted string; other text is only trimmed.
pub(super) fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out.trim_matches(['"', ' ']).to_owned()
}

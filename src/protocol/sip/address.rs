//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route, Diversion and their kind (RFC 3261 20.10).
//! Knows: text as products write it. Must not: know what a header means.

use std::fmt;

use super::Uri;
use super::headers::unquoted;

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
    /// (RFC 3261 20.10); so it is when the closing bracket is missing (`<sip:1@x;tag=7`, as a Cisco CUCM guide prints
    /// it: losing the tag would lose the dialog). Never fails: text without an address has an empty URI.
    pub fn parse(text: &str) -> NameAddr {
        let text = text.trim();
        let (display, address) = match unquoted(text).find(|(_, byte)| *byte == b'<') {
            Some((at, _)) => (text.get(..at), text.get(at + 1..)),
            // a quoted name and no address at all
            None if text.starts_with('"') => {
                let end = unquoted(text).next().map_or(text.len(), |(at, _)| at);
                (text.get(..end), text.get(end..))
            }
            None => (None, Some(text)),
        };
        let address = address.unwrap_or_default();
        let bracketed = if display.is_some() { address.split_once('>') } else { None };
        let (uri, params) = bracketed.unwrap_or_else(|| address.split_at(address.find(';').unwrap_or(address.len())));
        NameAddr { display: unquote(display.unwrap_or_default()), uri: Uri::parse(uri), params: parse_params(params) }
    }

    /// The value of a parameter; empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// The same address with one more parameter.
    pub fn with_param(mut self, name: &str, value: impl Into<String>) -> NameAddr {
        self.params.push((name.to_ascii_lowercase(), value.into()));
        self
    }
}

impl fmt::Display for NameAddr {
    /// Always with angle brackets, so that nobody can take a URI parameter for a header parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "{} ", Quoted(&self.display))?;
        }
        write!(f, "<{}>", self.uri)?;
        write_params(f, &self.params)
    }
}

/// Writes `;name=value;flag`; a value that is no token is quoted.
pub(super) fn write_params(f: &mut fmt::Formatter<'_>, params: &[(String, String)]) -> fmt::Result {
    // token, host and IPv6 reference need no quotes (RFC 3261 25.1, gen-value)
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~[]:".contains(c);
    params.iter().try_for_each(|(name, value)| match value.as_str() {
        "" => write!(f, ";{name}"),
        value if value.chars().all(plain) => write!(f, ";{name}={value}"),
        value => write!(f, ";{name}={}", Quoted(value)),
    })
}

/// A quoted string (RFC 3261 25.1): quotes and backslashes escaped.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Reads `;name=value;flag`; separators inside quotes belong to the value.
pub(super) fn parse_params(text: &str) -> Vec<(String, String)> {
    let mut params = Vec::new();
    let mut start = 0;
    let mut take = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() {
            params.push((name, unquote(value)));
        }
    };
    for (at, _) in unquoted(text).filter(|(_, byte)| *byte == b';') {
        take(text.get(start..at).unwrap_or_default());
        start = at + 1;
    }
    take(text.get(start..).unwrap_or_default());
    params
}

/// Takes the quotes and backslash escapes off a quoted string; other text is only trimmed. Quotes too many
/// (`""unknown""`, `" Jane" "`) are taken off as well.
pub(super) fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains(['\\', '"']) {
        return inner.trim().to_owned();
    }
    // an escaped quote belongs to the name, a bare one at either end is one too many
    let inner = inner.trim_start_matches(['"', ' ']);
    let mut out = String::with_capacity(inner.len());
    let mut kept = 0;
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
        if !matches!(c, '"' | ' ') {
            kept = out.len();
        }
    }
    out.truncate(kept);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn reads(text: &str, display: &str, uri: &str, params: &[(&str, &str)]) {
        let address = NameAddr::parse(text);
        let found: Vec<_> = address.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((address.display.as_str(), address.uri.as_str(), &found[..]), (display, uri, params), "{text}");
    }

    #[test]
    fn addresses_as_products_write_them() {
        reads("<sip:a@x>", "", "sip:a@x", &[]);
        reads("Alice <sip:a@x;p=1>;tag=7", "Alice", "sip:a@x;p=1", &[("tag", "7")]);
        reads(
            "\"Doe, \\\"J\\\" <x>\"<sip:a@x> ; Tag = 7 ; lr",
            "Doe, \"J\" <x>",
            "sip:a@x",
            &[("tag", "7"), ("lr", "")],
        );
        reads("sip:a@x;tag=7", "", "sip:a@x", &[("tag", "7")]);
        reads("tel:14255550103;reason=unknown", "", "tel:14255550103", &[("reason", "unknown")]);
        reads("<sip:a@x>;reason=\"unconditional\"", "", "sip:a@x", &[("reason", "unconditional")]);
    }

    #[test]
    fn addresses_that_are_broken_are_read_as_a_person_would() {
        reads("\" Jane\" \"<sip:65514@x>;privacy=off", "Jane", "sip:65514@x", &[("privacy", "off")]);
        reads("\"\"unknown\"\" <sip:1001@x>", "unknown", "sip:1001@x", &[]);
        reads("<sip:45002@x;tag=445~b5", "", "sip:45002@x", &[("tag", "445~b5")]);
        reads("\"Alice - Test\";counter=5", "Alice - Test", "", &[("counter", "5")]);
        reads("\"unfinished;a=b", "", "\"unfinished", &[("a", "b")]);
        reads("", "", "", &[]);
    }

    #[test]
    fn what_is_written_is_quoted_where_it_must_be() {
        let address = NameAddr { display: "Doe, \"J\"".into(), uri: Uri::parse("sip:a@x;lr"), params: Vec::new() };
        let address = address.with_param("Text", "a b").with_param("lr", "").with_param("received", "[::1]");
        assert_eq!(address.to_string(), r#""Doe, \"J\"" <sip:a@x;lr>;text="a b";lr;received=[::1]"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in "\\PC*|[\"<>;=\\\\, a@:sipte]{0,40}") {
            let _ = NameAddr::parse(&text);
            let _ = parse_params(&text);
        }

        #[test]
        fn what_is_written_reads_the_same(
            display in "[a-zA-Zäß,;\"\\\\<>]([a-zA-Z ,;\"\\\\<>@]{0,12}[a-z\\\\,;>])?",
            params in prop::collection::vec(("[a-z]{1,6}", "([a-zA-Z0-9;,=\\\\]{0,8}[a-z\\\\])?"), 0..4),
        ) {
            let address = NameAddr { display, uri: Uri::parse("sip:a;b@[::1]:5060;lr"), params };
            prop_assert_eq!(NameAddr::parse(&address.to_string()), address);
        }
    }
}

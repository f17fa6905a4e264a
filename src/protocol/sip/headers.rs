//! Header fields of a message, in the order they came.
//! Knows: names (compact forms too) and raw values. Must not: interpret a value; `values` does.

use std::borrow::Cow;
use std::fmt;

macro_rules! header_names {
    ($($variant:ident = $text:literal $(/ $compact:literal)?),* $(,)?) => {
        /// The name of a header field; names are case-insensitive (RFC 3261 7.3.1), compact forms are understood.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum HeaderName {
            $($variant,)*
            /// Any other name, as it was written.
            Other(Box<str>),
        }

        impl HeaderName {
            pub fn parse(text: &str) -> HeaderName {
                $(if text.eq_ignore_ascii_case($text) $(|| text.eq_ignore_ascii_case($compact))? {
                    return HeaderName::$variant;
                })*
                HeaderName::Other(text.into())
            }

            /// The long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$variant => $text,)*
                    HeaderName::Other(name) => name,
                }
            }
        }
    };
}

header_names! {
    Via = "Via" / "v", From = "From" / "f", To = "To" / "t", CallId = "Call-ID" / "i", CSeq = "CSeq",
    Contact = "Contact" / "m", MaxForwards = "Max-Forwards", ContentLength = "Content-Length" / "l",
    ContentType = "Content-Type" / "c", ContentEncoding = "Content-Encoding" / "e",
    ContentDisposition = "Content-Disposition", Route = "Route", RecordRoute = "Record-Route", Allow = "Allow",
    Supported = "Supported" / "k", Require = "Require", ProxyRequire = "Proxy-Require", Unsupported = "Unsupported",
    Accept = "Accept", AcceptEncoding = "Accept-Encoding", AcceptLanguage = "Accept-Language",
    RetryAfter = "Retry-After", Reason = "Reason", Warning = "Warning", Server = "Server", UserAgent = "User-Agent",
    SessionExpires = "Session-Expires" / "x", MinSe = "Min-SE", RSeq = "RSeq", RAck = "RAck",
    Diversion = "Diversion", HistoryInfo = "History-Info", PAssertedIdentity = "P-Asserted-Identity",
    RemotePartyId = "Remote-Party-ID", Privacy = "Privacy", Timestamp = "Timestamp", Date = "Date",
    Subject = "Subject" / "s", Event = "Event" / "o", ReferTo = "Refer-To" / "r", ReferredBy = "Referred-By" / "b",
    Replaces = "Replaces", SubscriptionState = "Subscription-State", Expires = "Expires", Organization = "Organization",
    Authorization = "Authorization", ProxyAuthorization = "Proxy-Authorization",
    WwwAuthenticate = "WWW-Authenticate", ProxyAuthenticate = "Proxy-Authenticate",
    RecvInfo = "Recv-Info", InfoPackage = "Info-Package", MimeVersion = "MIME-Version", AlertInfo = "Alert-Info",
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Header fields in the order they came; values are unfolded and trimmed, otherwise as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(HeaderName, String)>);

impl Headers {
    /// The first field of that name.
    pub fn get(&self, name: &HeaderName) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every field of that name, one item a line.
    pub fn fields<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every value of that name, lines with several comma-separated values taken apart
    /// (commas inside quotes and angle brackets do not separate).
    pub fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> + 'a {
        self.fields(name).flat_map(split_list)
    }

    /// True when a value of that name equals `token`, case-insensitively (option tags, event packages).
    pub fn has_token(&self, name: &HeaderName, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token))
    }

    pub fn push(&mut self, name: HeaderName, value: impl Into<String>) {
        self.0.push((name, value.into()));
    }

    /// Puts a field before all others of its name (a Via on top).
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<String>) {
        let at = self.0.iter().position(|(n, _)| *n == name).unwrap_or(0);
        self.0.insert(at, (name, value.into()));
    }

    /// Replaces the first field of that name, removes the others; adds one if there was none.
    pub fn set(&mut self, name: HeaderName, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter().position(|(n, _)| *n == name) {
            Some(at) => {
                let mut index = 0;
                self.0.retain(|(n, _)| {
                    let keep = *n != name || index == at;
                    index += 1;
                    keep
                });
                if let Some(field) = self.0.iter_mut().find(|(n, _)| *n == name) {
                    field.1 = value;
                }
            }
            None => self.0.push((name, value)),
        }
    }

    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(n, _)| n != name);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// Copies every field of that name from another message.
    pub fn copy_from(&mut self, other: &Headers, name: &HeaderName) {
        self.0.extend(other.0.iter().filter(|(n, _)| n == name).cloned());
    }
}

/// Splits a comma-separated header value; commas inside quoted strings and angle brackets belong to the value.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = list_end(text);
        rest = end.and_then(|at| text.get(at + 1..));
        Some(text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim())
    })
    .filter(|item| !item.is_empty())
}

fn list_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !bracketed => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            b',' if !quoted && !bracketed => return Some(at),
            _ => {}
        }
    }
    None
}

/// Unfolds a header value (RFC 3261 7.3.1: a line break with white space after it is one blank) and trims it.
pub fn unfold(raw: &str) -> Cow<'_, str> {
    let raw = raw.trim();
    if !raw.contains(['\r', '\n']) {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

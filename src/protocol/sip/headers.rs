//! Header fields of a message, in the order they came.
//! Knows: names (compact forms too) and raw values. Must not: interpret a value; `values` does.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem;

macro_rules! header_names {
    ($($variant:ident = $text:literal $(/ $compact:literal)?),* $(,)?) => {
        /// The name of a header field. Names are case-insensitive (RFC 3261 7.3.1), [`HeaderName::Other`] included;
        /// compact forms are understood.
        #[derive(Debug, Clone, Eq)]
        pub enum HeaderName {
            $($variant,)*
            /// Any other name, as it was written.
            Other(Box<str>),
        }

        impl HeaderName {
            /// The long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$variant => $text,)*
                    HeaderName::Other(name) => name,
                }
            }
        }

        /// Every spelling we know, long and compact, with the name it stands for.
        static SPELLINGS: &[(&str, HeaderName)] = &[$(
            ($text, HeaderName::$variant),
            $(($compact, HeaderName::$variant),)?
        )*];
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
    PPreferredIdentity = "P-Preferred-Identity", RemotePartyId = "Remote-Party-ID", Privacy = "Privacy",
    Timestamp = "Timestamp", Date = "Date", Subject = "Subject" / "s", Event = "Event" / "o",
    AllowEvents = "Allow-Events" / "u", ReferTo = "Refer-To" / "r", ReferredBy = "Referred-By" / "b",
    Replaces = "Replaces", SubscriptionState = "Subscription-State", Expires = "Expires", Organization = "Organization",
    Authorization = "Authorization", ProxyAuthorization = "Proxy-Authorization",
    WwwAuthenticate = "WWW-Authenticate", ProxyAuthenticate = "Proxy-Authenticate",
    RecvInfo = "Recv-Info", InfoPackage = "Info-Package", MimeVersion = "MIME-Version", AlertInfo = "Alert-Info",
    CallInfo = "Call-Info", AcceptContact = "Accept-Contact" / "a", RejectContact = "Reject-Contact" / "j",
    RequestDisposition = "Request-Disposition" / "d", Identity = "Identity" / "y",
    ContentTransferEncoding = "Content-Transfer-Encoding",
}

impl HeaderName {
    /// Never fails: a name we do not know is [`HeaderName::Other`].
    pub fn parse(text: &str) -> HeaderName {
        let mut slot = slot_of(text.as_bytes());
        // the table is never full, so an empty slot always ends the search
        while let Some((spelling, name)) = SLOTS.get(slot).and_then(|index| SPELLINGS.get(usize::from(*index))) {
            if spelling.eq_ignore_ascii_case(text) {
                return name.clone();
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
        HeaderName::Other(text.into())
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &HeaderName) -> bool {
        match (self, other) {
            (HeaderName::Other(mine), HeaderName::Other(theirs)) => mine.eq_ignore_ascii_case(theirs),
            _ => mem::discriminant(self) == mem::discriminant(other),
        }
    }
}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        mem::discriminant(self).hash(state);
        if let HeaderName::Other(name) = self {
            name.bytes().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
        }
    }
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

    /// How many lines of that name there are.
    pub fn count(&self, name: &HeaderName) -> usize {
        self.fields(name).count()
    }

    /// How many lines there are in all.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        let at = self.0.iter().position(|(n, _)| *n == name).unwrap_or(self.0.len());
        self.remove(&name);
        self.0.insert(at, (name, value.into()));
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
    let mut bracketed = false;
    let mut separators = unquoted(value);
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let end = separators.find_map(|(at, byte)| {
            match byte {
                b'<' => bracketed = true,
                b'>' => bracketed = false,
                b',' if !bracketed => return Some(at),
                _ => {}
            }
            None
        });
        start = end.map(|at| at + 1);
        Some(value.get(from..end.unwrap_or(value.len())).unwrap_or_default().trim())
    })
    .filter(|item| !item.is_empty())
}

/// The octets of a value that stand outside quoted strings, with their positions: where separators are looked for.
///
/// A quote that opens nothing is an ordinary character: one that never closes, and one right before `<sip:` and its
/// kind (`" Jane" "<sip:65514@…>`, a doubled end quote as a Cisco CUCM sends it).
pub(super) fn unquoted(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let bytes = text.as_bytes();
    let (mut at, mut closable) = (0, true);
    std::iter::from_fn(move || {
        while closable && bytes.get(at) == Some(&b'"') && !opens_address(bytes.get(at + 1..).unwrap_or_default()) {
            match closing_quote(bytes, at + 1) {
                Some(end) => at = end + 1,
                None => closable = false,
            }
        }
        let byte = *bytes.get(at)?;
        at += 1;
        Some((at - 1, byte))
    })
}

fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut escaped = false;
    let rest = bytes.get(from..)?.iter();
    let length = rest.take_while(|byte| {
        let open = escaped || **byte != b'"';
        escaped = !escaped && **byte == b'\\';
        open
    });
    let end = from + length.count();
    (end < bytes.len()).then_some(end)
}

fn opens_address(bytes: &[u8]) -> bool {
    let starts = |text: &str| bytes.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()));
    starts("<sip:") || starts("<sips:") || starts("<tel:")
}

/// Unfolds a header value (RFC 3261 7.3.1: a line break with white space after it is one blank) and trims it.
pub fn unfold(raw: &str) -> Cow<'_, str> {
    let raw = raw.trim();
    if !raw.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    for line in raw.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(line);
    }
    Cow::Owned(value)
}

const SLOT_COUNT: usize = 256;
/// [`SPELLINGS`] hashed by length, first and last letter: which index stands in which slot (open addressing).
static SLOTS: [u8; SLOT_COUNT] = slots();
const EMPTY: u8 = u8::MAX;

const fn slot_of(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let (first, last) = (first.to_ascii_lowercase() as usize, last.to_ascii_lowercase() as usize);
    (name.len() * 11 + first * 7 + last * 29) % SLOT_COUNT
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler
const fn slots() -> [u8; SLOT_COUNT] {
    let mut slots = [EMPTY; SLOT_COUNT];
    let mut index = 0;
    while index < SPELLINGS.len() {
        let mut slot = slot_of(SPELLINGS[index].0.as_bytes());
        while slots[slot] != EMPTY {
            slot = (slot + 1) % SLOT_COUNT;
        }
        slots[slot] = index as u8;
        index += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(value: &str) -> Vec<&str> {
        split_list(value).collect()
    }

    #[test]
    fn every_spelling_is_found_in_any_case() {
        for (spelling, name) in SPELLINGS {
            assert_eq!(HeaderName::parse(spelling), *name);
            assert_eq!(HeaderName::parse(&spelling.to_ascii_uppercase()), *name);
            assert_eq!(HeaderName::parse(&spelling.to_ascii_lowercase()), *name);
        }
    }

    #[test]
    fn unknown_names_keep_their_spelling_and_compare_without_case() {
        let name = HeaderName::parse("X-Nt-Corr-id");
        assert_eq!(name.as_str(), "X-Nt-Corr-id");
        assert_eq!(name, HeaderName::Other("x-nt-corr-ID".into()));
        assert_ne!(name, HeaderName::Other("x-nt-corr".into()));
        for odd in ["", "z", "Vib", "Content-Lengt", "Contact:"] {
            assert_eq!(HeaderName::parse(odd), HeaderName::Other(odd.into()));
        }
    }

    #[test]
    fn lists_split_at_commas_outside_quotes_and_brackets() {
        assert_eq!(
            list("<sip:a@x;p=1,2>;q=1, \"Doe, John\" <sip:b@x> ,,"),
            ["<sip:a@x;p=1,2>;q=1", "\"Doe, John\" <sip:b@x>"]
        );
        assert_eq!(list("INVITE,ACK, BYE ,OPTIONS"), ["INVITE", "ACK", "BYE", "OPTIONS"]);
        assert_eq!(list(r#""a \", b" <sip:a@x>, <sip:b@x>"#), [r#""a \", b" <sip:a@x>"#, "<sip:b@x>"]);
        assert_eq!(list(" , "), [""; 0]);
    }

    #[test]
    fn a_stray_quote_hides_neither_its_own_address_nor_the_next_value() {
        let values = "\" Jane\" \"<sip:1@x>;reason=no-answer, \"Doe\" <sip:2@x>";
        assert_eq!(list(values), ["\" Jane\" \"<sip:1@x>;reason=no-answer", "\"Doe\" <sip:2@x>"]);
        assert_eq!(list("<sip:1@x>;text=\"never closed, <sip:2@x>"), ["<sip:1@x>;text=\"never closed", "<sip:2@x>"]);
    }

    #[test]
    fn fields_are_set_replaced_and_put_on_top() {
        let mut headers = Headers::default();
        for value in ["one", "two"] {
            headers.push(HeaderName::Via, value);
        }
        headers.push(HeaderName::To, "x");
        headers.push_front(HeaderName::Via, "zero");
        assert_eq!(headers.fields(&HeaderName::Via).collect::<Vec<_>>(), ["zero", "one", "two"]);
        headers.set(HeaderName::Via, "only");
        headers.set(HeaderName::From, "y");
        let all: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(all, [("Via", "only"), ("To", "x"), ("From", "y")]);
    }

    #[test]
    fn folded_values_are_one_line() {
        assert_eq!(unfold(" <sip:a@x>,\r\n        <sip:b@x>\r\n\t;index=1 "), "<sip:a@x>, <sip:b@x> ;index=1");
        assert_eq!(unfold(" plain "), "plain");
    }
}

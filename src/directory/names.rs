//! Names, numbers and addresses of the directory as types: parsed once at the edge, valid from then on.
//! Knows: text and the rules of Exchange, E.164, RFC 5322 and BCP 47 for it. Must not: know the objects that bear them.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

/// Why a text is not what it should be, and what is allowed: one sentence for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_type! {
    /// The name of a directory object: 1 to 64 characters without `" / \ [ ] : ; | = , + * ? < >`. Kept as written;
    /// two names that differ only in case are the same name ([`Name::key`]).
    Name
}

text_type! {
    /// A mailbox's alias, also the name of its folder: 1 to 64 of `A-Z a-z 0-9 . _ - +`, beginning and ending with
    /// another character than a dot. Case does not count ([`Alias::key`]).
    Alias
}

text_type! {
    /// An extension: 1 to 20 digits (a dial plan says how many).
    Extension
}

text_type! {
    /// An E.164 number: `+` and 2 to 15 digits, the first not 0. Read with punctuation and without `+`, too.
    E164Number
}

text_type! {
    /// A SIP address `user@host` in lower case; `sip:` before it is taken off.
    SipAddress
}

text_type! {
    /// A mailbox to send mail to: `local@domain` (RFC 5321 4.1.2, dot-string and domain, ASCII).
    EmailAddress
}

text_type! {
    /// A language with an optional region: `en-US`, `ko-KR`, `fr` (BCP 47), case put right.
    Language
}

text_type! {
    /// A DNS name, lower case, without a dot at the end.
    HostName
}

/// A number that gateways send calls to: digits, `*`, `#`, with or without `+` and punctuation, or a SIP address.
/// Two that differ only in those are the same pilot ([`PilotNumber::key`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PilotNumber {
    text: String,
    key: String,
}

impl Name {
    /// What makes two names the same.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

impl HostName {
    /// True for a node of this name, however it writes it.
    pub fn is(&self, node: &str) -> bool {
        self.0.eq_ignore_ascii_case(node.trim_end_matches('.'))
    }
}

impl Name {
    /// What a trusted peer, which has no name of its own, goes by.
    pub(super) fn of_peer(address: &super::GatewayAddress) -> Name {
        Name(address.to_string())
    }
}

impl Alias {
    /// What makes two aliases the same.
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

impl PilotNumber {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a called party is compared with: digits alone, or `user@host` in lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key of a called user part that is a number; `None` when it is none.
    pub(super) fn number_key(user: &str) -> Option<Cow<'_, str>> {
        let dialable = |byte: u8| byte.is_ascii_digit() || byte == b'*' || byte == b'#';
        let dialled = |text: &str| !text.is_empty() && text.bytes().all(dialable);
        let plain = user.strip_prefix('+').unwrap_or(user);
        if dialled(plain) {
            return Some(Cow::Borrowed(plain));
        }
        let bare = strip_punctuation(user);
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        dialled(digits).then(|| Cow::Owned(digits.to_owned()))
    }
}

impl fmt::Display for PilotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Name {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Name, Invalid> {
        const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>";
        let length = text.chars().count();
        if text.trim().is_empty() || length > 64 {
            return Err(Invalid(format!("a name has 1 to 64 characters, this one {length}")));
        }
        if text.trim() != text {
            return Err(Invalid(format!("\"{text}\" begins or ends with a blank")));
        }
        match text.chars().find(|c| FORBIDDEN.contains(*c) || c.is_control()) {
            Some(bad) => {
                Err(Invalid(format!("a name must not contain {bad:?}, nor any of \" / \\ [ ] : ; | = , + * ? < >")))
            }
            None => Ok(Name(text.to_owned())),
        }
    }
}

impl FromStr for Alias {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Alias, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let dots = text.starts_with('.') || text.ends_with('.') || text.contains("..");
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) || dots {
            return Err(Invalid(format!(
                "\"{text}\" is no alias; it is 1 to 64 letters A-Z, digits, '_', '-', '+', and single dots within"
            )));
        }
        Ok(Alias(text.to_owned()))
    }
}

impl FromStr for Extension {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Extension, Invalid> {
        if text.is_empty() || text.len() > 20 || !all_digits(text) {
            return Err(Invalid(format!("\"{text}\" is no extension; it is 1 to 20 digits and nothing else")));
        }
        Ok(Extension(text.to_owned()))
    }
}

impl FromStr for E164Number {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<E164Number, Invalid> {
        let bare = strip_punctuation(text);
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        if !(2..=15).contains(&digits.len()) || !all_digits(digits) || digits.starts_with('0') {
            return Err(Invalid(format!(
                "\"{text}\" is no E.164 number; it is + and 2 to 15 digits beginning with the country code, such as +14255550123"
            )));
        }
        Ok(E164Number(format!("+{digits}")))
    }
}

impl FromStr for SipAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<SipAddress, Invalid> {
        let invalid = || Invalid(format!("\"{text}\" is no SIP address; it is user@host, such as alice@example.test"));
        let bare = strip_scheme(text, &["sip:", "sips:"]);
        let (user, host) = bare.split_once('@').ok_or_else(invalid)?;
        let user_allowed = |c: char| c.is_alphanumeric() || "-_.!~*'()&=+$,?/%#".contains(c);
        let host_allowed = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let fits =
            !user.is_empty() && user.chars().all(user_allowed) && !host.is_empty() && host.chars().all(host_allowed);
        if !fits {
            return Err(invalid());
        }
        Ok(SipAddress(fold(bare)))
    }
}

impl FromStr for EmailAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<EmailAddress, Invalid> {
        let invalid =
            || Invalid(format!("\"{text}\" is no e-mail address; it is name@domain, such as alice@example.test"));
        let (local, domain) = text.rsplit_once('@').ok_or_else(invalid)?;
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let local_fits = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
        if !local_fits || text.len() > 254 || domain.parse::<HostName>().is_err() || domain.ends_with('.') {
            return Err(invalid());
        }
        Ok(EmailAddress(text.to_owned()))
    }
}

impl FromStr for HostName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<HostName, Invalid> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            let allowed = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            (1..=63).contains(&label.len()) && allowed && !label.starts_with('-') && !label.ends_with('-')
        };
        // a last label of digits only is a mistyped IPv4 address
        let numeric = name.rsplit('.').next().is_some_and(all_digits);
        if name.len() > 253 || !name.split('.').all(label) || numeric {
            return Err(Invalid(format!("\"{text}\" is no host name")));
        }
        Ok(HostName(fold(name)))
    }
}

impl Language {
    /// The language every node can speak: its prompts are part of the program.
    pub fn en_us() -> Language {
        Language("en-US".to_owned())
    }

    /// The language without its region: `en` of `en-US`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl FromStr for Language {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Language, Invalid> {
        let invalid = || Invalid(format!("\"{text}\" is no language; write one such as en-US or ko-KR"));
        let (language, region) =
            text.split_once('-').map_or((text, None), |(language, region)| (language, Some(region)));
        let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
            lengths.contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic())
        };
        if !letters(language, 2..=3) {
            return Err(invalid());
        }
        let language = language.to_ascii_lowercase();
        match region {
            None => Ok(Language(language)),
            Some(region) if letters(region, 2..=2) || region.len() == 3 && all_digits(region) => {
                Ok(Language(format!("{language}-{}", region.to_ascii_uppercase())))
            }
            Some(_) => Err(invalid()),
        }
    }
}

impl FromStr for PilotNumber {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<PilotNumber, Invalid> {
        let bare = strip_scheme(text, &["tel:"]);
        let key = PilotNumber::number_key(bare)
            .map(Cow::into_owned)
            .or_else(|| bare.parse::<SipAddress>().ok().map(|address| address.0));
        match key {
            Some(key) if text.chars().count() <= 64 => Ok(PilotNumber { text: text.to_owned(), key }),
            _ => Err(Invalid(format!(
                "\"{text}\" is no number or SIP address; write one such as 5000, +14255550100 or pilot@example.test"
            ))),
        }
    }
}

/// Lower case, for names in which case does not count.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

pub(super) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Without the visual separators of RFC 3966 5.1.1 and blanks.
pub(super) fn strip_punctuation(text: &str) -> String {
    text.chars().filter(|c| !"-.() ".contains(*c)).collect()
}

/// Takes the first of the schemes that the text begins with off it, in any case.
pub(super) fn strip_scheme<'t>(text: &'t str, schemes: &[&str]) -> &'t str {
    let text = text.trim();
    let found = schemes.iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| text.get(scheme.len()..)).flatten()
    });
    found.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted<T: FromStr<Err = Invalid> + fmt::Display>(cases: &[(&str, &str)]) {
        for (text, canonical) in cases {
            match text.parse::<T>() {
                Ok(value) => assert_eq!(value.to_string(), *canonical, "{text}"),
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }

    fn refused<T: FromStr<Err = Invalid> + fmt::Display>(cases: &[&str]) {
        for text in cases {
            if let Ok(value) = text.parse::<T>() {
                panic!("{text:?} was taken for {value}");
            }
        }
    }

    #[test]
    fn names_follow_the_rules_of_exchange() {
        accepted::<Name>(&[
            ("Lab", "Lab"),
            ("Lab Default Policy", "Lab Default Policy"),
            ("Zürich (Süd)", "Zürich (Süd)"),
        ]);
        refused::<Name>(&[
            "", " ", " Lab", "Lab ", "a/b", "a\\b", "a\"b", "[a]", "a:b", "a;b", "a|b", "a=b", "a,b", "a+b", "a*b",
            "a?b", "<a>", "a\tb", "a\nb",
        ]);
        assert!("x".repeat(64).parse::<Name>().is_ok() && "x".repeat(65).parse::<Name>().is_err());
        assert_eq!("LAB".parse::<Name>().unwrap().key(), "lab");
    }

    #[test]
    fn an_alias_can_be_the_name_of_a_folder() {
        accepted::<Alias>(&[("alice", "alice"), ("Alice.B-c_d+e", "Alice.B-c_d+e"), ("1001", "1001")]);
        refused::<Alias>(&["", ".", "..", ".hidden", "a.", "a..b", "a/b", "a b", "a\0b", "älice", "../mail", "a:b"]);
        assert!("x".repeat(65).parse::<Alias>().is_err());
    }

    #[test]
    fn extensions_are_1_to_20_digits() {
        accepted::<Extension>(&[("0", "0"), ("01001", "01001"), ("12345678901234567890", "12345678901234567890")]);
        refused::<Extension>(&["", "+1001", "10 01", "10a1", "123456789012345678901", "１００１"]);
    }

    #[test]
    fn e164_numbers_get_their_plus_and_lose_their_punctuation() {
        accepted::<E164Number>(&[
            ("+14255550123", "+14255550123"),
            ("14255550123", "+14255550123"),
            ("+1 (425) 555-01.23", "+14255550123"),
            ("+442079460000", "+442079460000"),
        ]);
        refused::<E164Number>(&["", "+", "+1", "0014255550123", "+1425555x", "++1425", "+1234567890123456"]);
    }

    #[test]
    fn sip_addresses_are_lower_case_without_scheme() {
        accepted::<SipAddress>(&[
            ("alice@example.test", "alice@example.test"),
            ("SIP:Alice.B@Example.TEST", "alice.b@example.test"),
            ("sips:+1425@[2001:db8::1]", "+1425@[2001:db8::1]"),
        ]);
        refused::<SipAddress>(&["alice", "@host", "alice@", "al ice@host", "a@b@c", "alice@host;x", "<alice@host>"]);
    }

    #[test]
    fn e_mail_addresses_cannot_carry_headers_or_routes() {
        accepted::<EmailAddress>(&[
            ("alice@example.test", "alice@example.test"),
            ("a.b+c@sub.example.test", "a.b+c@sub.example.test"),
        ]);
        refused::<EmailAddress>(&[
            "alice",
            "@example.test",
            "alice@",
            "a b@example.test",
            "alice@example.test\r\nBcc: eve@example.test",
            "<alice@example.test>",
            "alice@exa mple.test",
            ".a@example.test",
            "a..b@example.test",
            "älice@example.test",
            "alice@10.0.0.1",
            "alice@-x.test",
            "\"a b\"@example.test",
            "alice@example.test.",
        ]);
    }

    #[test]
    fn host_names_are_not_mistyped_addresses() {
        accepted::<HostName>(&[
            ("GW1.Example.Test", "gw1.example.test"),
            ("gw1.example.test.", "gw1.example.test"),
            ("localhost", "localhost"),
        ]);
        refused::<HostName>(&["", ".", "10.0.0", "10.0.0.256", "a..b", "-a", "a b", "gw_1!", "gw:5060"]);
    }

    #[test]
    fn languages_get_their_case_put_right() {
        accepted::<Language>(&[
            ("en-US", "en-US"),
            ("KO-kr", "ko-KR"),
            ("fr", "fr"),
            ("es-419", "es-419"),
            ("fil-ph", "fil-PH"),
        ]);
        refused::<Language>(&["", "e", "english", "en_US", "en-", "en-USA", "en-US-x", "en-41"]);
    }

    #[test]
    fn pilots_that_differ_only_in_punctuation_are_the_same() {
        let key = |text: &str| text.parse::<PilotNumber>().unwrap().key().to_owned();
        assert_eq!(key("5000"), "5000");
        assert_eq!(key("*98"), "*98");
        assert_eq!(key("+1 (425) 555-0100"), key("tel:14255550100"));
        assert_eq!(key("sip:Pilot@Example.test"), "pilot@example.test");
        refused::<PilotNumber>(&["", "pilot", "+", "50 00x", "tel:", "sip:@host"]);
    }
}

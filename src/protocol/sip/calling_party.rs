//! Who calls: the identity the network asserts, else the one the caller claims, unless it is withheld.
//! Knows: From, P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC 3323). Must not: look anybody up.

use super::{HeaderName, NameAddr, Request, Uri};

/// The calling party of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingParty {
    pub uri: Uri,
    /// Display name; empty when none was sent.
    pub display: String,
    /// The caller asked that nobody be told (the identity is then for the network only).
    pub withheld: bool,
}

impl CallingParty {
    /// Who it is among users that are named by SIP address: a telephone number all the same, else `user@host`.
    pub fn address(&self) -> Option<String> {
        let user = self.uri.user()?;
        match self.uri.host() {
            Some(host) if !is_number(&user) => Some(format!("{user}@{host}")),
            _ => Some(user),
        }
    }
}

/// The calling party; `None` when the request names nobody.
///
/// Asserted identities come first, those with a `tel:` or telephone number before others (RFC 3325 9.1 allows one SIP
/// and one tel URI). An anonymous From beside an asserted identity without a Privacy request is that identity: the
/// network shows it.
pub fn calling_party(request: &Request) -> Option<CallingParty> {
    let headers = &request.headers;
    let asserted = headers.values(&HeaderName::PAssertedIdentity).map(NameAddr::parse);
    let asserted = best(asserted.map(|address| (address, false)));
    let remote_party = headers.values(&HeaderName::RemotePartyId).map(NameAddr::parse);
    // an Remote-Party-ID of the called side travels in answers and in some PBX's requests
    let remote_party = remote_party.filter(|address| !matches!(address.param("party"), Some("called")));
    let remote_party = best(remote_party.map(|address| {
        let withheld = matches!(address.param("privacy"), Some("full" | "id" | "uri" | "yes"));
        (address, withheld)
    }));
    let from = headers.get(&HeaderName::From).map(NameAddr::parse).filter(|address| address.uri.user().is_some());
    let from = from.map(|address| {
        let withheld = is_anonymous(&address);
        (address, withheld)
    });
    let (address, withheld) = asserted.or(remote_party).or(from)?;
    let withheld = withheld || privacy_asked(request);
    Some(CallingParty { uri: address.uri, display: address.display, withheld })
}

fn best(candidates: impl Iterator<Item = (NameAddr, bool)>) -> Option<(NameAddr, bool)> {
    let candidates: Vec<_> = candidates.filter(|(address, _)| address.uri.user().is_some()).collect();
    let number = candidates.iter().position(|(address, _)| address.uri.user().is_some_and(|user| is_number(&user)));
    candidates.into_iter().nth(number.unwrap_or(0))
}

fn is_number(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Privacy: id`, `user` or `header` (RFC 3323 4.2, RFC 3325 7); `none` asks for nothing.
fn privacy_asked(request: &Request) -> bool {
    let values = request.headers.values(&HeaderName::Privacy).flat_map(|value| value.split(';'));
    values.map(str::trim).any(|value| ["id", "user", "header"].iter().any(|asked| value.eq_ignore_ascii_case(asked)))
}

/// `anonymous@anonymous.invalid` (RFC 3323 4.1.1.3) and what products write in its place.
fn is_anonymous(address: &NameAddr) -> bool {
    let user = address.uri.user().unwrap_or_default();
    let host = address.uri.host().unwrap_or_default();
    let named =
        |name: &str| ["anonymous", "restricted", "unavailable", "unknown"].iter().any(|n| name.eq_ignore_ascii_case(n));
    named(&user) || host == "anonymous.invalid"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::Message;

    /// The user and whether it is withheld.
    fn read(headers: &str) -> Option<(String, bool)> {
        let text = format!("INVITE sip:5000@host SIP/2.0\r\n{headers}\r\n\r\n");
        let Ok(Message::Request(request)) = Message::parse(text.as_bytes()) else { panic!("no request") };
        calling_party(&request).map(|party| (party.uri.user().unwrap(), party.withheld))
    }

    #[test]
    fn the_asserted_identity_counts_more_than_the_claimed_one() {
        for (headers, expected) in [
            ("From: <sip:1002@host>;tag=a", Some(("1002", false))),
            ("From: <sip:host>;tag=a", None),
            ("From: <sip:1002@host>\r\nP-Asserted-Identity: <sip:+14255550100@host>", Some(("+14255550100", false))),
            (
                "From: <sip:a@host>\r\nP-Asserted-Identity: <sip:ada@host>, <tel:+14255550100>",
                Some(("+14255550100", false)),
            ),
            ("From: <sip:anonymous@anonymous.invalid>;tag=a", Some(("anonymous", true))),
            (
                "From: \"Anonymous\" <sip:restricted@host>\r\nRemote-Party-ID: <sip:12155550100@host>;privacy=off",
                Some(("12155550100", false)),
            ),
            (
                "From: <sip:anonymous@host>\r\nRemote-Party-ID: <sip:1002@host>;party=calling;privacy=full",
                Some(("1002", true)),
            ),
            ("From: <sip:1002@host>\r\nRemote-Party-ID: <sip:5000@host>;party=called", Some(("1002", false))),
            ("From: <sip:1002@host>\r\nPrivacy: id;critical", Some(("1002", true))),
            ("From: <sip:1002@host>\r\nPrivacy: none", Some(("1002", false))),
        ] {
            assert_eq!(read(headers), expected.map(|(user, withheld)| (user.to_owned(), withheld)), "{headers}");
        }
    }
}

//! Who a call was meant for before it was diverted here, and why: Diversion (RFC 5806), History-Info (RFC 7044) with
//! the causes of RFC 4458, the same on the request URI, and the numbers of an ISUP part (`isup`).
//! Knows: what these say, in the many ways products say it. Must not: know whose mailbox a user is.

use super::values::{Reason, number};
use super::{HeaderName, NameAddr, Request, Uri, isup};

/// One diversion a call went through on its way here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// Who diverted the call: user part or number, bare of parameters. `None` when the address has none.
    pub user: Option<String>,
    /// The address as written; empty when there was none.
    pub uri: Uri,
    /// Display name; empty when there was none.
    pub display: String,
    pub reason: DiversionReason,
    /// How many diversions this one stands for.
    pub counter: Option<u32>,
}

/// Why a call was diverted: the words of RFC 5806.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiversionReason {
    NoAnswer,
    UserBusy,
    Unconditional,
    Deflection,
    FollowMe,
    Unavailable,
    TimeOfDay,
    DoNotDisturb,
    Away,
    OutOfService,
    /// `unknown`, a word of the sender's own as it was written, or empty when nothing was said.
    Unknown(String),
}

/// The diversions a request tells of, the latest first: that one's mailbox answers. From Diversion, else History-Info,
/// else RFC 4458 on the request URI, else an ISUP part: the first of them that names a user. Empty for a direct call.
pub fn diversions(request: &Request) -> Vec<Diversion> {
    let written: Vec<_> = request.headers.values(&HeaderName::Diversion).map(Diversion::parse).collect();
    let names_a_user = |found: &Vec<Diversion>| found.iter().any(|diversion| diversion.user.is_some());
    if names_a_user(&written) {
        return written;
    }
    let sources = [from_history, from_target, isup::diversions];
    // Diversion values without a user still say why
    sources.iter().map(|source| source(request)).find(names_a_user).unwrap_or(written)
}

impl Diversion {
    /// Reads one value of a Diversion header. Never fails: what is not there is empty.
    pub fn parse(value: &str) -> Diversion {
        let address = NameAddr::parse(value);
        Diversion {
            user: address.uri.user(),
            reason: DiversionReason::parse(address.param("reason").unwrap_or_default()),
            counter: address.param("counter").and_then(number),
            display: address.display,
            uri: address.uri,
        }
    }
}

impl DiversionReason {
    /// Reads the word of a Diversion header in any case, with `_` for `-` too.
    pub fn parse(word: &str) -> DiversionReason {
        use DiversionReason::*;
        match word.trim().to_ascii_lowercase().replace('_', "-").as_str() {
            "no-answer" | "no-reply" => NoAnswer,
            "user-busy" | "busy" => UserBusy,
            "unconditional" => Unconditional,
            "deflection" => Deflection,
            "follow-me" => FollowMe,
            "unavailable" => Unavailable,
            "time-of-day" => TimeOfDay,
            "do-not-disturb" => DoNotDisturb,
            "away" => Away,
            "out-of-service" => OutOfService,
            _ => Unknown(word.trim().to_owned()),
        }
    }

    /// What a SIP cause means as a redirecting reason (RFC 4458 2, RFC 7544 7).
    pub fn of_cause(cause: u16) -> Option<DiversionReason> {
        use DiversionReason::*;
        Some(match cause {
            302 => Unconditional,
            404 => Unknown("404".into()),
            408 => NoAnswer,
            480 | 487 => Deflection,
            486 | 600 => UserBusy,
            503 => Unavailable,
            _ => return None,
        })
    }

    /// The word for a Diversion header.
    pub fn as_str(&self) -> &str {
        use DiversionReason::*;
        match self {
            NoAnswer => "no-answer",
            UserBusy => "user-busy",
            Unconditional => "unconditional",
            Deflection => "deflection",
            FollowMe => "follow-me",
            Unavailable => "unavailable",
            TimeOfDay => "time-of-day",
            DoNotDisturb => "do-not-disturb",
            Away => "away",
            OutOfService => "out-of-service",
            Unknown(_) => "unknown",
        }
    }
}

/// One entry of History-Info (RFC 7044 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub address: NameAddr,
    /// `1.1.2` as numbers; empty when there was none.
    pub index: Vec<u32>,
    /// Why the call came to this target: the `cause` of its URI (RFC 4458), as carriers say it.
    pub came_for: Option<u16>,
    /// Why the call left this target: the SIP cause of the Reason escaped in its URI (RFC 7044 5.2).
    pub left_for: Option<u16>,
}

impl HistoryEntry {
    /// Reads one value of a History-Info header. Never fails.
    pub fn parse(value: &str) -> HistoryEntry {
        let address = NameAddr::parse(value);
        let index = address.param("index").unwrap_or_default().split('.').filter_map(number).collect();
        let came_for = address.uri.param("cause").and_then(|cause| cause.parse().ok());
        // a Reason may stand behind the address too
        let reason = address.uri.header("Reason").or_else(|| address.param("reason").map(str::to_owned));
        let left_for = reason.and_then(|reason| Reason::parse(&reason)).and_then(|reason| reason.cause);
        HistoryEntry { address, index, came_for, left_for }
    }
}

/// A History-Info tells of a diversion when the call went from one user to another: the last user is where it is now
/// (the pilot), each one before diverted it. Entries of one user in a row are retargets, no diversion; so is a single
/// user, unless the entry says why the call left it and the request goes to somebody else.
fn from_history(request: &Request) -> Vec<Diversion> {
    let mut stops: Vec<Stop> = Vec::new();
    for entry in request.headers.values(&HeaderName::HistoryInfo).map(HistoryEntry::parse) {
        match stops.last_mut() {
            Some(stop) if stop.user == entry.address.uri.user() => {
                stop.left_for = entry.left_for.or(stop.left_for);
            }
            _ => stops.push(Stop {
                user: entry.address.uri.user(),
                came_for: entry.came_for,
                left_for: entry.left_for,
                address: entry.address,
            }),
        }
    }
    let Some(last) = stops.last() else { return Vec::new() };
    // a diverter that nobody wrote the next entry for
    let went_on = last.left_for.is_some() && last.user != request.uri.user();
    let (now, mut came_for) = match went_on {
        true => (request.uri.user(), request.uri.param("cause").and_then(|cause| cause.parse().ok())),
        false => stops.pop().map(|stop| (stop.user, stop.came_for)).unwrap_or_default(),
    };
    let mut found = Vec::new();
    for stop in stops.into_iter().rev() {
        let cause = stop.left_for.or(came_for);
        came_for = stop.came_for;
        if stop.user == now {
            continue;
        }
        let reason = cause.and_then(DiversionReason::of_cause);
        found.push(Diversion {
            user: stop.user,
            uri: stop.address.uri,
            display: stop.address.display,
            reason: reason.unwrap_or_else(|| DiversionReason::Unknown(cause.map_or(String::new(), |c| c.to_string()))),
            counter: None,
        });
    }
    found
}

/// A user on the way of a call, with all entries that name it in a row.
struct Stop {
    user: Option<String>,
    address: NameAddr,
    came_for: Option<u16>,
    left_for: Option<u16>,
}

/// RFC 4458: `sip:voicemail@host;target=sip:1001%40host;cause=486`; a target without scheme is taken for a user.
fn from_target(request: &Request) -> Vec<Diversion> {
    let Some(target) = request.uri.param("target").filter(|target| !target.is_empty()) else { return Vec::new() };
    let uri = Uri::parse(&target);
    let cause = request.uri.param("cause").unwrap_or_default();
    let user =
        uri.user().or_else(|| (!target.contains(':')).then(|| target.split('@').next().map(str::to_owned)).flatten());
    let reason = cause.parse().ok().and_then(DiversionReason::of_cause);
    let reason = reason.unwrap_or(DiversionReason::Unknown(cause));
    vec![Diversion { user, uri, display: String::new(), reason, counter: None }]
}

#[cfg(test)]
mod tests {
    use super::DiversionReason::*;
    use super::*;
    use crate::protocol::sip::Method;
    use proptest::prelude::*;

    fn invite(uri: &str, fields: &[(HeaderName, &str)]) -> Request {
        let mut request = Request::new(Method::Invite, Uri::parse(uri));
        fields.iter().for_each(|(name, value)| request.headers.push(name.clone(), *value));
        request
    }

    #[track_caller]
    fn finds(request: &Request, expected: &[(&str, DiversionReason)]) {
        let found: Vec<_> = diversions(request).into_iter().map(|d| (d.user.unwrap_or_default(), d.reason)).collect();
        let expected: Vec<_> = expected.iter().map(|(user, reason)| ((*user).to_owned(), reason.clone())).collect();
        assert_eq!(found, expected);
    }

    fn history(uri: &str, value: &str, expected: &[(&str, DiversionReason)]) {
        finds(&invite(uri, &[(HeaderName::HistoryInfo, value)]), expected);
    }

    #[test]
    fn a_direct_call_has_none() {
        finds(&invite("sip:5000@x", &[]), &[]);
        history("sip:5000@x", "<sip:5000@x>;index=1", &[]);
        history("sip:5000@x", "<sip:5000@a>;index=1, \"Pilot\" <sip:5000@b?Reason=SIP%3Bcause%3D302>;index=1.1", &[]);
    }

    #[test]
    fn diversion_headers_latest_first_with_all_they_say() {
        let request = invite(
            "sip:5000@x",
            &[
                (
                    HeaderName::Diversion,
                    "\"Doe, Jane\"<sip:1001;phone-context=p@y>;counter=2;reason=\"USER-BUSY\";privacy",
                ),
                (HeaderName::Diversion, "<tel:+1-425-5550102>;reason=no-answer,<sip:1003@y>"),
            ],
        );
        finds(&request, &[("1001", UserBusy), ("+14255550102", NoAnswer), ("1003", Unknown(String::new()))]);
        let first = diversions(&request).into_iter().next().unwrap();
        assert_eq!((first.display.as_str(), first.counter), ("Doe, Jane", Some(2)));
        assert_eq!(first.uri.as_str(), "sip:1001;phone-context=p@y");
    }

    #[test]
    fn reasons_in_every_spelling() {
        for (word, reason) in
            [("no-answer", NoAnswer), ("Follow_Me", FollowMe), ("TIME-OF-DAY", TimeOfDay), ("busy", UserBusy)]
        {
            assert_eq!(DiversionReason::parse(word), reason);
        }
        assert_eq!(DiversionReason::parse("send_to_vm"), Unknown("send_to_vm".into()));
        for reason in [
            NoAnswer,
            UserBusy,
            Unconditional,
            Deflection,
            FollowMe,
            Unavailable,
            TimeOfDay,
            DoNotDisturb,
            Away,
            OutOfService,
        ] {
            assert_eq!(DiversionReason::parse(reason.as_str()), reason);
        }
    }

    #[test]
    fn history_with_the_reason_escaped_in_the_entry_that_was_left() {
        let value = "<sip:1001@x?Reason=SIP%3Bcause%3D408%3Btext%3D%22No%20answer%22>;index=1, <sip:5000@x>;index=1.1";
        history("sip:5000@x", value, &[("1001", NoAnswer)]);
        history("sip:5000@x", "<sip:1001@x?reason=SIP%3Bcause%3D486>;index=1", &[("1001", UserBusy)]);
        history("sip:5000@x", "<sip:1001@x>;index=1", &[]);
    }

    #[test]
    fn history_with_the_cause_in_the_entry_it_came_to() {
        let value = "<sip:1001@x?Privacy=none>;index=1, <sip:5000@x;cause=408>;index=1.1";
        history("sip:5000@x", value, &[("1001", NoAnswer)]);
        history("sip:5000@x", "<sip:1001@x>;index=1,<sip:5000@x;cause=302>;index=1.1", &[("1001", Unconditional)]);
    }

    #[test]
    fn history_of_several_diversions_tells_each_its_own_reason() {
        let value = "<sip:1001@x>;index=1, <sip:1002@x;cause=302>;index=1.1, <sip:1002@y>;index=1.1.1, <sip:5000@x;cause=486>;index=1.1.1.1";
        history("sip:5000@x", value, &[("1002", UserBusy), ("1001", Unconditional)]);
        history("sip:5000@x", "<sip:1001@x>;index=1, <sip:5000@x>;index=1.1", &[("1001", Unknown(String::new()))]);
        history(
            "sip:5000@x",
            "<sip:5000@x>;index=1, <sip:1001@x>;index=1.1, <sip:5000@x;cause=408>;index=1.2",
            &[("1001", NoAnswer)],
        );
    }

    #[test]
    fn target_and_cause_on_the_request_uri() {
        finds(&invite("sip:vm@x;target=sip:1001%40y%3Buser=phone;cause=486", &[]), &[("1001", UserBusy)]);
        finds(&invite("sip:vm@x;target=1001;cause=408", &[]), &[("1001", NoAnswer)]);
        finds(&invite("sip:vm@x;cause=408", &[]), &[]);
    }

    #[test]
    fn the_first_source_that_names_a_user_counts() {
        let both = [
            (HeaderName::HistoryInfo, "<sip:1@x>;index=1, <sip:5000@x>;index=1.1"),
            (HeaderName::Diversion, "<sip:2@x>"),
        ];
        finds(&invite("sip:5000@x;target=3", &both), &[("2", Unknown(String::new()))]);
        let nameless = [(HeaderName::Diversion, "\"Alice\";reason=follow-me;counter=5")];
        finds(&invite("sip:5000@x;target=3", &nameless), &[("3", Unknown(String::new()))]);
        finds(&invite("sip:5000@x", &nameless), &[("", FollowMe)]);
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_a_fault(value in "\\PC*|([<>;,=?\"%@:.0-9]|sip:|cause|index|Reason){0,40}", uri in "\\PC*") {
            let request = invite(&uri, &[(HeaderName::HistoryInfo, &value)]);
            let _ = (diversions(&request), HistoryEntry::parse(&value), Diversion::parse(&value));
        }
    }
}

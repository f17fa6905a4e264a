//! Which messages on the wire belong to a call that somebody wants to see.
//! Knows: octets as they come and go, Call-IDs, whom an INVITE is for. Must not: know who watches, or change a message.
//!
//! It looks at octets, not at messages read, so that what cannot be read is seen too. What it holds is bounded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::diversion::diversions;
use super::values::Via;
use super::{HeaderName, Message, NameAddr, Request};

/// So many calls are watched at once; one more takes the place of the one that was silent for longest.
pub const CALLS: usize = 50;
/// Copies still come for so long after a call has ended (RFC 3261 17: 64 times T1), and a little longer.
const AFTERWARDS: Duration = Duration::from_secs(35);

/// New calls that are wanted: the next so many that fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub calls: usize,
    /// From these addresses, or through a proxy that names one in a Via; empty: from anywhere.
    pub from: Vec<IpAddr>,
    /// Whom the call is for: user of the request URI, of To, or of a diversion.
    pub number: Option<String>,
}

/// So much of each call is seen, and the message that is too many: who keeps them then knows that there was more.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    pub messages: usize,
    pub octets: usize,
}

/// The calls that are watched.
#[derive(Debug)]
pub struct Tap {
    most: Most,
    calls: BTreeMap<String, Watched>,
    wanted: Option<Wanted>,
    /// A call that is silent for so long is over, whoever should have said so.
    silence: Duration,
}

#[derive(Debug)]
struct Watched {
    messages: usize,
    octets: usize,
    last: Instant,
    ended: Option<Instant>,
    /// Nothing of it has come yet, and perhaps never will.
    expected: bool,
}

impl Tap {
    pub fn new(silence: Duration, most: Most) -> Tap {
        Tap { most, calls: BTreeMap::new(), wanted: None, silence }
    }

    /// True when nothing is watched: no message need be shown to it.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.wanted.is_none()
    }

    /// From now on. One that is watched already, is.
    pub fn watch(&mut self, now: Instant, call_id: &str) {
        self.add(now, call_id, false);
    }

    /// A call that may come within the next seconds.
    pub fn expect(&mut self, now: Instant, call_id: &str) {
        self.add(now, call_id, true);
    }

    fn add(&mut self, now: Instant, call_id: &str, expected: bool) {
        if self.calls.len() >= CALLS && !self.calls.contains_key(call_id) {
            let longest = self.calls.iter().min_by_key(|(_, watched)| watched.last).map(|(call, _)| call.clone());
            if let Some(call) = longest {
                self.calls.remove(&call);
            }
        }
        let new = Watched { messages: 0, octets: 0, last: now, ended: None, expected };
        self.calls.entry(call_id.to_owned()).or_insert(new);
    }

    pub fn forget(&mut self, call_id: &str) {
        self.calls.remove(call_id);
    }

    /// Watches new calls; `None`: no more of them. Those that are watched already, are.
    pub fn want(&mut self, wanted: Option<Wanted>) {
        self.wanted = wanted.filter(|wanted| wanted.calls > 0);
    }

    pub fn forget_all(&mut self) {
        self.calls.clear();
        self.wanted = None;
    }

    /// The call is over; copies of its messages may still come.
    pub fn ended(&mut self, now: Instant, call_id: &str) {
        if let Some(watched) = self.calls.get_mut(call_id) {
            watched.ended.get_or_insert(now);
        }
    }

    /// Lets go of what is over. To be called now and then.
    pub fn sweep(&mut self, now: Instant) {
        let since = |at| now.saturating_duration_since(at);
        self.calls.retain(|_, watched| {
            let patience = if watched.expected { AFTERWARDS } else { self.silence };
            watched.ended.is_none_or(|at| since(at) < AFTERWARDS) && since(watched.last) < patience
        });
    }

    /// The Call-ID of a message that came from `peer`, when its call is watched, or is to be from now on.
    pub fn received(&mut self, now: Instant, bytes: &[u8], peer: IpAddr) -> Option<String> {
        let call_id = call_id(bytes)?;
        if self.calls.contains_key(&*call_id) {
            return self.count(now, &call_id, bytes);
        }
        self.wanted.as_ref().filter(|wanted| wanted.takes(bytes, peer))?;
        if let Some(wanted) = &mut self.wanted {
            wanted.calls -= 1;
        }
        self.wanted.take_if(|wanted| wanted.calls == 0);
        self.watch(now, &call_id);
        self.count(now, &call_id, bytes)
    }

    /// The Call-ID of a message that goes out, when its call is watched.
    pub fn sent(&mut self, now: Instant, bytes: &[u8]) -> Option<String> {
        self.count(now, &call_id(bytes)?, bytes)
    }

    fn count(&mut self, now: Instant, call_id: &str, bytes: &[u8]) -> Option<String> {
        let watched = self.calls.get_mut(call_id)?;
        watched.last = now;
        watched.expected = false;
        let seen = watched.messages <= self.most.messages && watched.octets <= self.most.octets;
        watched.messages += 1;
        watched.octets += bytes.len();
        seen.then(|| call_id.to_owned())
    }
}

impl Wanted {
    /// True for an INVITE that begins a call that fits.
    fn takes(&self, bytes: &[u8], peer: IpAddr) -> bool {
        if !bytes.starts_with(b"INVITE ") {
            return false;
        }
        let Ok(Message::Request(invite)) = Message::parse(bytes) else {
            // nobody can say whom it is for
            return self.number.is_none() && self.is_from(peer, &[]);
        };
        let to = invite.headers.get(&HeaderName::To).map(NameAddr::parse);
        if to.as_ref().is_some_and(|to| to.tag().is_some()) {
            return false;
        }
        let vias: Vec<Via> = invite.headers.values(&HeaderName::Via).filter_map(Via::parse).collect();
        self.is_from(peer, &vias) && self.number.as_ref().is_none_or(|number| is_for(&invite, to, number))
    }

    fn is_from(&self, peer: IpAddr, vias: &[Via]) -> bool {
        let named =
            |text: &str| text.parse::<IpAddr>().is_ok_and(|address| self.from.contains(&address.to_canonical()));
        self.from.is_empty()
            || self.from.contains(&peer.to_canonical())
            || vias.iter().any(|via| named(&via.host) || via.param("received").is_some_and(named))
    }
}

fn is_for(invite: &Request, to: Option<NameAddr>, number: &str) -> bool {
    let is = |user: Option<String>| user.is_some_and(|user| user.eq_ignore_ascii_case(number));
    is(invite.uri.user())
        || to.is_some_and(|to| is(to.uri.user()))
        || diversions(invite).into_iter().any(|diversion| is(diversion.user))
}

/// The value of the Call-ID line. A folded one is not found; nobody sends it.
fn call_id(bytes: &[u8]) -> Option<Cow<'_, str>> {
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"Call-ID") || name.eq_ignore_ascii_case(b"i") {
            return Some(String::from_utf8_lossy(value.get(1..)?.trim_ascii()));
        }
    }
    None
}

/// The octets as somebody may see them: keys pressed in an INFO are stars, for they may be a PIN.
pub fn without_keys(bytes: &[u8]) -> Vec<u8> {
    let mut shown = bytes.to_vec();
    let end = memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4).or(memmem::find(bytes, b"\n\n").map(|at| at + 2));
    if let Some(body) = end.filter(|_| bytes.starts_with(b"INFO ")).and_then(|end| shown.get_mut(end..)) {
        // `Signal=5`, `Duration=160`; or the key alone
        for line in body.split_mut(|byte| *byte == b'\n') {
            let value = match memchr::memchr(b'=', line) {
                Some(at) if line.get(..at).is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"signal")) => {
                    at + 1
                }
                Some(_) => continue,
                None => 0,
            };
            let keys = line.get_mut(value..).into_iter().flatten();
            keys.filter(|byte| byte.is_ascii_graphic()).for_each(|byte| *byte = b'*');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PBX: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    fn message(start: &str, call: &str) -> Vec<u8> {
        format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\nFrom: <sip:0100@pbx>;tag=1\r\n\
             To: <sip:5000@um>\r\nDiversion: <sip:1001@pbx>;reason=no-answer\r\nCall-ID: {call}\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn tap() -> (Tap, Instant) {
        (Tap::new(Duration::from_secs(3600), Most { messages: 400, octets: 1 << 20 }), Instant::now())
    }

    #[test]
    fn a_call_is_seen_from_when_it_is_watched_until_copies_cannot_come_any_more() {
        let (mut tap, now) = tap();
        let bye = message("BYE sip:um SIP/2.0", "a");
        assert!(tap.is_idle());
        tap.watch(now, "a");
        assert_eq!(tap.received(now, &bye, PBX).as_deref(), Some("a"));
        assert_eq!(tap.sent(now, &message("SIP/2.0 200 OK", "a")).as_deref(), Some("a"));
        assert_eq!(tap.received(now, &message("BYE sip:um SIP/2.0", "b"), PBX), None);
        tap.ended(now, "a");
        tap.sweep(now + AFTERWARDS / 2);
        assert!(tap.received(now, &bye, PBX).is_some());
        tap.sweep(now + AFTERWARDS);
        assert!(tap.is_idle());
    }

    #[test]
    fn a_call_that_is_expected_and_does_not_come_is_let_go() {
        let (mut tap, now) = tap();
        tap.expect(now, "a");
        tap.expect(now, "b");
        assert!(tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "b"), PBX).is_some());
        tap.sweep(now + AFTERWARDS);
        assert!(tap.received(now, &message("BYE sip:um SIP/2.0", "a"), PBX).is_none());
        assert!(tap.received(now, &message("BYE sip:um SIP/2.0", "b"), PBX).is_some());
    }

    #[test]
    fn the_next_calls_are_those_that_fit_and_no_more() {
        let (mut tap, now) = tap();
        let wanted = |from: &str, number: &str| Wanted {
            calls: 2,
            from: vec![from.parse().unwrap()],
            number: Some(number.to_owned()),
        };
        for (from, number, fits) in [
            ("192.0.2.9", "1001", true),
            ("192.0.2.9", "5000", true),
            ("192.0.2.9", "7", false),
            ("192.0.2.8", "1001", false),
        ] {
            tap.forget_all();
            tap.want(Some(wanted(from, number)));
            let seen = tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "a"), PBX);
            assert_eq!(seen.is_some(), fits, "{from} {number}");
        }
        // a call that came through a proxy of ours is still its gateway's
        tap.want(Some(wanted("192.0.2.9", "1001")));
        let proxy = "198.51.100.1".parse().unwrap();
        assert!(tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "b"), proxy).is_some());
        assert!(tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "b"), proxy).is_some(), "a copy");
        assert!(tap.received(now, &message("BYE sip:um SIP/2.0", "c"), PBX).is_none(), "no new call");
        assert!(tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "d"), PBX).is_some());
        assert!(tap.received(now, &message("INVITE sip:5000@um SIP/2.0", "e"), PBX).is_none(), "two were wanted");
    }

    #[test]
    fn what_is_seen_is_bounded_whatever_comes() {
        let (mut tap, now) = tap();
        tap.watch(now, "a");
        let info = message("INFO sip:um SIP/2.0", "a");
        let seen = (0..2000).filter(|_| tap.received(now, &info, PBX).is_some()).count();
        assert_eq!(seen, 401, "and the one that is too many");
        tap.watch(now, "b");
        let mut long = message("INFO sip:um SIP/2.0", "b");
        long.resize(300_000, b' ');
        let seen = (0..10).filter(|_| tap.received(now, &long, PBX).is_some()).count();
        assert_eq!(seen, 4, "the fourth is over the limit, and told for that");
        for number in 0..3 * CALLS {
            tap.watch(now + Duration::from_secs(number as u64), &format!("call {number}"));
        }
        assert_eq!(tap.calls.len(), CALLS);
        assert!(tap.calls.contains_key(&format!("call {}", 3 * CALLS - 1)), "the newest is watched");
    }

    #[test]
    fn keys_in_an_info_are_not_shown_and_its_length_stays() {
        for (body, shown) in [
            ("Signal=5\r\nDuration=160\r\n", "Signal=*\r\nDuration=160\r\n"),
            ("Signal= 12\r\n", "Signal= **\r\n"),
            ("7", "*"),
        ] {
            let sent = format!("INFO sip:um SIP/2.0\r\nCall-ID: a\r\n\r\n{body}");
            assert_eq!(without_keys(sent.as_bytes()), sent.replace(body, shown).into_bytes());
        }
        let invite = b"INVITE sip:um SIP/2.0\r\nCall-ID: a\r\n\r\nv=0\r\nSignal=5\r\n";
        assert_eq!(without_keys(invite), invite);
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_it_stumble(bytes: Vec<u8>) {
            let (mut tap, now) = tap();
            tap.want(Some(Wanted { calls: 1, ..Wanted::default() }));
            let _ = tap.received(now, &bytes, PBX);
            let _ = tap.received(now, &[b"INVITE ", &bytes[..]].concat(), PBX);
            assert_eq!(without_keys(&bytes).len(), bytes.len());
            let info = [b"INFO ", &bytes[..]].concat();
            assert_eq!(without_keys(&info).len(), info.len());
        }
    }
}

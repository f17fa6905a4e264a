//! A session as the calling side, until it is answered: the INVITE, where it is redirected to, its CANCEL.
//! Knows: RFC 3261 8.1.3.4, 9.1 and 13.2, RFC 4028 7. Must not: know whom it calls and why; look up names.

use std::time::Instant;

use super::own_requests::send_ack;
use super::{Phase, SDP, Session};
use crate::protocol::sip::dialog::session_timer::{SessionTimer, Side};
use crate::protocol::sip::dialog::state::DialogState;
use crate::protocol::sip::dialog::{Command, EndCause, Placing};
use crate::protocol::sip::endpoint::ClientTransaction;
use crate::protocol::sip::screen::ACCEPT;
use crate::protocol::sip::uri::Scheme;
use crate::protocol::sip::values::{MinSe, SessionExpires};
use crate::protocol::sip::{HeaderName, Headers, Method, NameAddr, Response, Status, Transport, Uri};

/// A call that is sent on and on is sent on no more than so often.
const MAX_TARGETS: usize = 10;

/// Our INVITE and what has come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calling {
    pub invite: ClientTransaction,
    /// A provisional response has come: from now on it can be cancelled.
    rings: bool,
    /// We have given up: whatever comes ends the call.
    leaving: bool,
}

/// Where a call of ours may be taken.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Told by redirections, the next one last.
    left: Vec<Uri>,
    tried: Vec<String>,
}

impl Session {
    /// A call of our own; [`Session::start`] sends its INVITE.
    pub fn call(placing: Placing) -> Session {
        let Placing { target, route, from, to, call_id, local_tag, flow, own } = placing;
        let search = Search { left: Vec::new(), tried: vec![target.as_str().to_owned()] };
        let dialog = DialogState::of_call(target, route, (&from, &to), call_id, local_tag, flow);
        let nothing_sent = Calling { invite: ClientTransaction(0), rings: false, leaving: false };
        Session { search, ..Session::of(dialog, Phase::Calling(nothing_sent), own) }
    }

    /// The INVITE, with our offer, to the target of the moment.
    pub(super) fn invite(&mut self, out: &mut Vec<Command>) {
        let proposed = SessionExpires { seconds: self.limits.interval, refresher: None };
        let mut headers = self.terms(proposed);
        headers.push(HeaderName::Accept, ACCEPT);
        headers.push(HeaderName::ContentType, SDP);
        let offer = self.negotiation.repeat_offer().to_string().into_bytes();
        let invite = self.send(Method::Invite, headers, offer, out);
        self.phase = Phase::Calling(Calling { invite, rings: false, leaving: false });
    }

    /// A provisional response.
    pub(super) fn call_rings(&mut self, client: ClientTransaction, out: &mut Vec<Command>) {
        let Phase::Calling(calling) = &mut self.phase else { return };
        if calling.invite == client && !std::mem::replace(&mut calling.rings, true) && calling.leaving {
            out.push(Command::Cancel { client });
        }
    }

    /// CANCEL; before a provisional response, as soon as one has come (RFC 3261 9.1).
    pub(super) fn give_up(&mut self, out: &mut Vec<Command>) {
        let Phase::Calling(calling) = &mut self.phase else { return };
        if !std::mem::replace(&mut calling.leaving, true) && calling.rings {
            out.push(Command::Cancel { client: calling.invite });
        }
    }

    /// The final response to our INVITE.
    pub(super) fn call_answered(
        &mut self,
        now: Instant,
        calling: Calling,
        response: &Response,
        out: &mut Vec<Command>,
    ) {
        if !response.status.is_success() {
            let too_small = response.status == Status::SESSION_INTERVAL_TOO_SMALL && !calling.leaving;
            if too_small && self.longer_interval(response) {
                return self.invite(out);
            }
            if response.status.code() < 400 {
                self.note_contacts(response);
            }
            return self.call_declined(response.status, calling, out);
        }
        self.dialog.confirm(response);
        self.bind(out);
        self.acknowledge(calling.invite, response, out);
        self.note_allow(&response.headers);
        self.phase = Phase::Established;
        let failure = self.take_answer(response.part(SDP)).err();
        match failure {
            // the CANCEL came too late
            _ if calling.leaving => self.leave(EndCause::Cancelled, None, out),
            Some(why) => self.leave(EndCause::BadAnswer, Some((488, &why)), out),
            None => {
                let agreed = SessionExpires::of(&response.headers).is_some();
                let ours = SessionTimer { seconds: self.limits.interval, refresher: Side::Us };
                self.start_session_timer(now, agreed.then(|| ours.confirmed(&response.headers, self.limits)));
                self.tell_media(out);
                out.push(Command::Established);
            }
        }
    }

    /// Not taken here; it is tried at the next place there is (RFC 3261 8.1.3.4), unless nobody is to take it (6xx).
    pub(super) fn call_declined(&mut self, status: Status, calling: Calling, out: &mut Vec<Command>) {
        self.negotiation.withdraw_offer();
        if calling.leaving {
            return self.end(EndCause::Cancelled, out);
        }
        match self.search.left.pop() {
            Some(target) if status.code() < 600 => {
                self.dialog.turn_to(target);
                self.invite(out);
            }
            _ => self.end(EndCause::Declined(status), out),
        }
    }

    /// 422 (RFC 4028 7.3): true when the interval has grown by it.
    fn longer_interval(&mut self, response: &Response) -> bool {
        let least = MinSe::of(&response.headers).map_or(0, |least| least.seconds);
        let grows = least > self.limits.interval.max(self.limits.min_se);
        if grows {
            (self.limits.min_se, self.limits.interval) = (least, least);
        }
        grows
    }

    /// The places a redirection names that can be gone to from here, each once.
    fn note_contacts(&mut self, response: &Response) {
        let Search { left, tried } = &mut self.search;
        let mut contacts: Vec<_> = response.headers.values(&HeaderName::Contact).map(NameAddr::parse).collect();
        contacts.sort_by_key(|contact| std::cmp::Reverse(preference(contact)));
        let mut found = Vec::new();
        for uri in contacts.into_iter().map(|contact| contact.uri).filter(can_be_reached) {
            if tried.len() < MAX_TARGETS && !tried.iter().any(|known| known == uri.as_str()) {
                tried.push(uri.as_str().to_owned());
                found.push(uri);
            }
        }
        left.extend(found.into_iter().rev());
    }

    /// A proxy has forked our INVITE and a second phone answered (RFC 3261 13.2.2.4): it is told that we have gone.
    pub(super) fn decline_fork(&mut self, response: &Response, out: &mut Vec<Command>) {
        let mut other = self.dialog.clone();
        other.confirm(response);
        out.push(send_ack(other.ack(response)));
        let ours = std::mem::replace(&mut self.dialog, other);
        self.send(Method::Bye, Headers::default(), Vec::new(), out);
        self.dialog = ours;
    }
}

/// The `q` of a Contact in thousandths; 1 where none is given.
fn preference(contact: &NameAddr) -> u16 {
    let q = contact.param("q").and_then(|q| q.parse::<f32>().ok());
    q.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// At an address, not a name, and without TLS, which is not spoken yet.
fn can_be_reached(uri: &Uri) -> bool {
    uri.scheme() == Scheme::Sip && uri.address().is_some() && uri.transport() != Some(Transport::Tls)
}

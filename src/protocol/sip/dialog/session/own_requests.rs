//! Requests of our own within the dialog: the BYE, the session refresh by UPDATE or re-INVITE, and OPTIONS to a peer on hold.
//! Knows: RFC 3261 11, 12.2.1 and 14.1, RFC 4028 7 and 10. Must not: retransmit; the endpoint does.

use std::time::{Duration, Instant};

use super::{Phase, SDP, Session, Timer};
use crate::protocol::sip::dialog::state::Outbound;
use crate::protocol::sip::dialog::{Command, EndCause};
use crate::protocol::sip::endpoint::ClientTransaction;
use crate::protocol::sip::screen::ALLOW;
use crate::protocol::sip::values::{MinSe, Reason, SessionExpires};
use crate::protocol::sip::{HeaderName, Headers, Method, Response, Status};

/// How long to wait after a refresh was refused for no reason we can mend.
const RETRY: Duration = Duration::from_secs(30);
/// How long a peer that sends no media is believed to be there: whoever holds a call may vanish without a sign.
const PROBE: Duration = Duration::from_secs(60);
/// Extensions of our requests: a peer must not answer a re-INVITE by reliable provisional responses.
const SUPPORTED: &str = "timer";

/// The refresh that waits for its final response.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    client: ClientTransaction,
    method: Method,
}

impl Session {
    /// Sends BYE. `reason`: a status code and a text for the peer's log (RFC 3326).
    pub(super) fn leave(&mut self, cause: EndCause, reason: Option<(u16, &str)>, out: &mut Vec<Command>) {
        let mut headers = Headers::default();
        if let Some((code, text)) = reason {
            let reason = Reason { protocol: "SIP".into(), cause: Some(code), text: Some(text.into()) };
            headers.push(HeaderName::Reason, reason.to_string());
        }
        let bye = self.send(Method::Bye, headers, Vec::new(), out);
        self.timers.clear();
        self.unacknowledged.clear();
        self.phase = Phase::Leaving { bye, cause };
        out.push(Command::HungUp);
    }

    /// Refreshes the session: by UPDATE where the peer allows it, else by a re-INVITE that repeats what holds.
    pub(super) fn refresh(&mut self, now: Instant, out: &mut Vec<Command>) {
        let Some(timer) = self.session_timer else { return };
        if self.pending.is_some() {
            return;
        }
        if self.phase != Phase::Established || self.negotiation.offer_pending() {
            // an INVITE of the peer is not settled yet
            let wait = self.glare_wait();
            return self.timers.arm(Timer::Refresh, now + wait);
        }
        let mut headers = self.terms(timer.in_request());
        let (method, body) = match self.peer_allows_update {
            true => (Method::Update, Vec::new()),
            false => (Method::Invite, self.negotiation.repeat_offer().to_string().into_bytes()),
        };
        if !body.is_empty() {
            headers.push(HeaderName::ContentType, SDP);
        }
        let client = self.send(method.clone(), headers, body, out);
        self.pending = Some(Pending { client, method });
    }

    /// What a request of ours says of us and of the session timer it proposes.
    pub(super) fn terms(&self, proposed: SessionExpires) -> Headers {
        let mut headers = Headers::default();
        headers.push(HeaderName::Contact, format!("<{}>", self.contact));
        headers.push(HeaderName::Allow, ALLOW);
        headers.push(HeaderName::Supported, SUPPORTED);
        headers.push(HeaderName::SessionExpires, proposed.to_string());
        headers.push(HeaderName::MinSe, self.limits.min_se.to_string());
        headers
    }

    /// While the call is on hold no media tells that the peer is there, and it need not have a session timer: it is
    /// asked, each minute.
    pub(super) fn watch_held_call(&mut self, now: Instant) {
        let held = self.told.as_ref().is_some_and(|plan| !plan.receive || plan.remote.is_none());
        if self.phase != Phase::Established || !held {
            self.timers.disarm(Timer::Probe);
        } else if self.probe.is_none() && !self.timers.is_armed(Timer::Probe) {
            self.timers.arm(Timer::Probe, now + PROBE);
        }
    }

    /// OPTIONS within the dialog (RFC 3261 11.2): changes nothing, and every answer but 408 and 481 means that the peer
    /// knows the call (RFC 5057 5.1).
    pub(super) fn probe(&mut self, out: &mut Vec<Command>) {
        self.probe = Some(self.send(Method::Options, Headers::default(), Vec::new(), out));
    }

    /// True while a re-INVITE of ours waits for its final response.
    pub(super) fn reinviting(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.method == Method::Invite)
    }

    /// A response to a request of ours.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        client: ClientTransaction,
        response: &Response,
        out: &mut Vec<Command>,
    ) {
        if !response.status.is_final() {
            return self.call_rings(client, out);
        }
        if let Phase::Calling(calling) = self.phase
            && calling.invite == client
        {
            return self.call_answered(now, calling, response, out);
        }
        if let Some((acked, ack)) = &self.last_ack
            && *acked == client
            && response.status.is_success()
        {
            if !self.dialog.is_of(response) {
                return self.decline_fork(response, out);
            }
            // RFC 3261 13.2.2.4: the 2xx came again, so its ACK was lost
            return out.push(send_ack(ack.clone()));
        }
        if let Some(pending) = self.pending.take_if(|pending| pending.client == client) {
            return self.refresh_answered(now, pending, response, out);
        }
        match self.phase {
            Phase::Leaving { bye, cause } if bye == client => self.end(cause, out),
            Phase::Established if self.probe.take_if(|probe| *probe == client).is_some() => match response.status {
                Status::CALL_DOES_NOT_EXIST => self.end(EndCause::PeerGone, out),
                Status::REQUEST_TIMEOUT => self.leave_vanished(out),
                _ => {}
            },
            _ => {}
        }
    }

    /// A request of ours that nobody answered (RFC 3261 12.2.1.2: as if 408 had come).
    pub(super) fn unanswered(&mut self, client: ClientTransaction, out: &mut Vec<Command>) {
        match self.phase {
            Phase::Leaving { bye, cause } if bye == client => self.end(cause, out),
            Phase::Leaving { .. } | Phase::Over => {}
            Phase::Calling(calling) if calling.invite == client => {
                self.call_declined(Status::REQUEST_TIMEOUT, calling, out)
            }
            _ => {
                if self.pending.take_if(|pending| pending.client == client).is_some() {
                    self.leave(EndCause::PeerGone, Some((408, "Nobody answered the session refresh")), out);
                } else if self.probe.take_if(|probe| *probe == client).is_some() {
                    self.leave_vanished(out);
                }
            }
        }
    }

    fn leave_vanished(&mut self, out: &mut Vec<Command>) {
        self.leave(EndCause::PeerGone, Some((408, "Nobody answered OPTIONS while the call was on hold")), out);
    }

    fn refresh_answered(&mut self, now: Instant, pending: Pending, response: &Response, out: &mut Vec<Command>) {
        let invited = pending.method == Method::Invite;
        let mut failure = None;
        if response.status.is_success() {
            self.dialog.refresh_target(&response.headers);
            self.note_allow(&response.headers);
            if invited {
                self.acknowledge(pending.client, response, out);
                failure = self.take_answer(response.part(SDP)).err();
            }
        } else if invited {
            self.negotiation.withdraw_offer();
        }
        if self.phase != Phase::Established {
            return;
        }
        match (response.status, failure) {
            (_, Some(why)) => self.leave(EndCause::BadAnswer, Some((488, &why)), out),
            (status, None) if status.is_success() => {
                let confirmed = self.session_timer.map(|timer| timer.confirmed(&response.headers, self.limits));
                self.start_session_timer(now, confirmed);
                self.tell_media(out);
            }
            (Status::CALL_DOES_NOT_EXIST, None) => self.end(EndCause::PeerGone, out),
            (Status::REQUEST_TIMEOUT, None) => {
                self.leave(EndCause::PeerGone, Some((408, "Nobody answered the session refresh")), out);
            }
            (Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED, None) if !invited => {
                self.peer_allows_update = false;
                self.refresh(now, out);
            }
            (Status::SESSION_INTERVAL_TOO_SMALL, None) => self.lengthen(now, response, out),
            (Status::REQUEST_PENDING, None) => {
                let wait = self.glare_wait();
                self.timers.arm(Timer::Refresh, now + wait);
            }
            // RFC 4028 10: tried again until the session expires
            (_, None) => {
                let after = response.headers.get(&HeaderName::RetryAfter).and_then(retry_after).unwrap_or(RETRY);
                self.timers.arm(Timer::Refresh, now + after);
            }
        }
    }

    /// The ACK to a 2xx to an INVITE of ours.
    pub(super) fn acknowledge(&mut self, client: ClientTransaction, accepted: &Response, out: &mut Vec<Command>) {
        let mut ack = self.dialog.ack(accepted);
        ack.request.headers.push(HeaderName::UserAgent, &self.server);
        out.push(send_ack(ack.clone()));
        self.last_ack = Some((client, ack));
    }

    /// 422 (RFC 4028 7.3): the interval grows to the Min-SE asked for, once per wish.
    fn lengthen(&mut self, now: Instant, response: &Response, out: &mut Vec<Command>) {
        match (&mut self.session_timer, MinSe::of(&response.headers)) {
            (Some(timer), Some(MinSe { seconds: least })) if least > timer.seconds => {
                timer.seconds = least;
                self.limits.min_se = least;
                self.limits.interval = self.limits.interval.max(least);
                self.refresh(now, out);
            }
            _ => self.timers.arm(Timer::Refresh, now + RETRY),
        }
    }

    /// Whether the peer takes UPDATE, if the message says.
    pub(super) fn note_allow(&mut self, headers: &Headers) {
        if headers.get(&HeaderName::Allow).is_some() {
            self.peer_allows_update = headers.has_token(&HeaderName::Allow, "UPDATE");
        }
    }

    pub(super) fn send(
        &mut self,
        method: Method,
        headers: Headers,
        body: Vec<u8>,
        out: &mut Vec<Command>,
    ) -> ClientTransaction {
        let Outbound { mut request, next_hop, flow } = self.dialog.request(method);
        request.headers.push(HeaderName::UserAgent, &self.server);
        for (name, value) in headers.iter() {
            request.headers.push(name.clone(), value);
        }
        request.body = body;
        self.clients += 1;
        let client = ClientTransaction(self.clients);
        out.push(Command::Request { client, request, next_hop, flow });
        client
    }

    /// RFC 3261 14.1: who does not own the Call-ID tries again after up to 2 s, in steps of 10 ms.
    fn glare_wait(&mut self) -> Duration {
        Duration::from_millis((1 + self.random.up_to(199)) * 10)
    }
}

pub(super) fn send_ack(Outbound { request, next_hop, flow }: Outbound) -> Command {
    Command::SendAck { request, next_hop, flow }
}

/// `Retry-After: 120 (comment);duration=…`, in seconds; at most what a session lasts anyway.
fn retry_after(value: &str) -> Option<Duration> {
    let digits = value.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Duration::from_secs(u64::from(digits.parse::<u16>().ok()?.max(1))))
}

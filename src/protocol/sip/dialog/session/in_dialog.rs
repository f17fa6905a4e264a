//! Requests of the peer within the dialog: each gets exactly one final response.
//! Knows: RFC 3261 12.2.2 and 14.2, RFC 3262, RFC 3311, RFC 6086. Must not: send requests.

use std::time::Instant;

use super::replies::with_sdp;
use super::{Phase, SDP, Session, SessionTimer, Timer, session_description};
use crate::protocol::sdp::Description;
use crate::protocol::sip::dialog::info_dtmf::{self, Info};
use crate::protocol::sip::dialog::{Command, EndCause, warning};
use crate::protocol::sip::endpoint::ServerTransaction;
use crate::protocol::sip::screen::{ACCEPT, ALLOW};
use crate::protocol::sip::{HeaderName, Method, Request, Response, Status};

/// The bodies of an INFO.
const ACCEPT_INFO: &str = "application/dtmf-relay, application/dtmf";

impl Session {
    pub(super) fn receive(
        &mut self,
        now: Instant,
        transaction: ServerTransaction,
        request: &Request,
        out: &mut Vec<Command>,
    ) {
        if request.method == Method::Ack {
            return self.acknowledged(request, out);
        }
        let refusal = self.out_of_place(request);
        let response = match (&request.method, refusal) {
            (_, Some(refusal)) => refusal,
            (Method::Bye, None) => return self.bye(transaction, request, out),
            (Method::Prack, None) => return self.prack(now, transaction, request, out),
            (Method::Invite, None) => self.reinvite(now, transaction, request),
            (Method::Update, None) => self.update(now, request),
            (Method::Info, None) => self.info(request, out),
            (Method::Options, None) => {
                self.with_capabilities(self.reply(request, Status::OK)).with(HeaderName::Accept, ACCEPT)
            }
            (_, None) => self.reply(request, Status::METHOD_NOT_ALLOWED).with(HeaderName::Allow, ALLOW),
        };
        // the new plan is in force before the peer can act on our answer
        if response.status.is_success() && self.phase != Phase::Ringing {
            self.tell_media(out);
        }
        out.push(Command::Respond { transaction, response });
    }

    /// What is wrong with a request before its method matters.
    fn out_of_place(&mut self, request: &Request) -> Option<Response> {
        match self.phase {
            Phase::Over | Phase::Calling(_) => return Some(self.reply(request, Status::CALL_DOES_NOT_EXIST)),
            Phase::Leaving { .. } if request.method != Method::Bye => {
                return Some(self.reply(request, Status::CALL_DOES_NOT_EXIST));
            }
            _ => {}
        }
        if self.dialog.receive(request).is_err() {
            let text = warning(399, "CSeq is lower than that of an earlier request");
            return Some(self.reply(request, Status::SERVER_INTERNAL_ERROR).with(HeaderName::Warning, text));
        }
        None
    }

    /// RFC 3261 15.1.2: at any time; an INVITE not yet answered gets 487.
    fn bye(&mut self, transaction: ServerTransaction, request: &Request, out: &mut Vec<Command>) {
        out.push(Command::Respond { transaction, response: self.reply(request, Status::OK) });
        let cause = match self.phase {
            Phase::Ringing | Phase::Accepted => {
                return self.turn_down(Status::REQUEST_TERMINATED, "", EndCause::PeerHungUp, out);
            }
            // both hung up at once: we did so first
            Phase::Leaving { cause, .. } => cause,
            _ => EndCause::PeerHungUp,
        };
        self.end(cause, out);
    }

    /// RFC 3262 3 and 5: the 200 to the INVITE follows the PRACK.
    fn prack(&mut self, now: Instant, transaction: ServerTransaction, request: &Request, out: &mut Vec<Command>) {
        if !self.reliable.as_ref().is_some_and(|reliable| reliable.is_acknowledged_by(&request.headers)) {
            let response = self.reply(request, Status::CALL_DOES_NOT_EXIST);
            return out.push(Command::Respond { transaction, response });
        }
        self.reliable = None;
        self.timers.disarm(Timer::Retransmit);
        self.timers.disarm(Timer::NoPrack);

        if self.negotiation.offer_pending() {
            let taken = self.take_answer(request.part(SDP));
            out.push(Command::Respond { transaction, response: self.reply(request, Status::OK) });
            if let Err(why) = taken {
                let status = Status::NOT_ACCEPTABLE_HERE;
                return self.turn_down(status, &why, EndCause::Refused(status), out);
            }
        } else {
            // a refused offer leaves what was agreed, and the 180 acknowledged (RFC 6337 3.3)
            let response = match self.answer_offer(request) {
                Ok(Some(answer)) => with_sdp(self.reply(request, Status::OK), &answer),
                Ok(None) => self.reply(request, Status::OK),
                Err(refusal) => refusal,
            };
            self.tell_media(out);
            out.push(Command::Respond { transaction, response });
        }
        self.answer_invite(now, out);
    }

    /// RFC 3261 14.2.
    fn reinvite(&mut self, now: Instant, transaction: ServerTransaction, request: &Request) -> Response {
        if matches!(self.phase, Phase::Ringing | Phase::Accepted) {
            return self.retry_later(request, "The first INVITE is not answered yet");
        }
        if self.negotiation.offer_pending() || self.reinviting() {
            return self.reply(request, Status::REQUEST_PENDING);
        }
        let timer = match self.agree_on_timer(request) {
            Ok(timer) => timer,
            Err(refusal) => return refusal,
        };
        let answer = match self.answer_offer(request) {
            Ok(answer) => answer,
            Err(refusal) => return refusal,
        };
        // without SDP we offer, and offer all we can, as in a new call
        let awaits_answer = answer.is_none();
        let description = answer.unwrap_or_else(|| self.negotiation.offer());
        let response = self.refreshed(now, request, timer);
        self.await_ack(transaction, &request.headers, awaits_answer);
        with_sdp(response, &description)
    }

    /// RFC 3311 5.2.
    fn update(&mut self, now: Instant, request: &Request) -> Response {
        if let Some(Ok(_)) = session_description(request.part(SDP)) {
            if self.negotiation.offer_pending() || self.reinviting() {
                return self.reply(request, Status::REQUEST_PENDING);
            }
            if self.answer.is_some() || self.offer_due {
                return self.retry_later(request, "The offer of the INVITE is not answered yet");
            }
        }
        let timer = match self.agree_on_timer(request) {
            Ok(timer) => timer,
            Err(refusal) => return refusal,
        };
        match self.answer_offer(request) {
            Ok(Some(answer)) => with_sdp(self.refreshed(now, request, timer), &answer),
            Ok(None) => self.refreshed(now, request, timer),
            Err(refusal) => refusal,
        }
    }

    /// RFC 6086: keys by the INFO of old, which has no package; no package of ours.
    fn info(&mut self, request: &Request, out: &mut Vec<Command>) -> Response {
        if request.headers.get(&HeaderName::InfoPackage).is_some() {
            return self.reply(request, Status::BAD_INFO_PACKAGE).with(HeaderName::RecvInfo, "");
        }
        match info_dtmf::read(request) {
            Info::Pressed(press) => {
                out.push(Command::Key { key: press.key, duration_ms: press.duration_ms });
                self.reply(request, Status::OK)
            }
            Info::Nothing => self.reply(request, Status::OK),
            Info::NoSuchKey => {
                let text = warning(399, "Signal names no key");
                self.reply(request, Status::BAD_REQUEST).with(HeaderName::Warning, text)
            }
            Info::OtherType => {
                self.reply(request, Status::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::Accept, ACCEPT_INFO)
            }
        }
    }

    /// Answers the offer a request carries, if it carries one; or the refusal it gets.
    fn answer_offer(&mut self, request: &Request) -> Result<Option<Description>, Response> {
        match session_description(request.part(SDP)) {
            None => Ok(None),
            Some(Err(why)) => Err(self.unreadable(request, &why)),
            Some(Ok(offer)) => match self.negotiation.answer(&offer) {
                Ok((answer, _)) => Ok(Some(answer)),
                Err(why) => Err(self.incompatible(request, why)),
            },
        }
    }

    /// The 200 to a target refresh request, which is a session refresh too.
    fn refreshed(&mut self, now: Instant, request: &Request, timer: Option<SessionTimer>) -> Response {
        self.dialog.refresh_target(&request.headers);
        self.note_allow(&request.headers);
        let mut response = self.with_capabilities(self.reply(request, Status::OK));
        // before the answer no session runs that could be refreshed
        if matches!(self.phase, Phase::Answered { .. } | Phase::Established) {
            self.start_session_timer(now, timer);
            self.add_session_timer(&mut response);
        }
        response
    }

    /// 500 with a Retry-After of 0 to 10 s (RFC 3261 14.2, RFC 3311 5.2).
    fn retry_later(&mut self, request: &Request, why: &str) -> Response {
        let seconds = self.random.up_to(10);
        self.reply(request, Status::SERVER_INTERNAL_ERROR)
            .with(HeaderName::RetryAfter, seconds.to_string())
            .with(HeaderName::Warning, warning(399, why))
    }
}

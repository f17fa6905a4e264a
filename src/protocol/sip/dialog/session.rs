//! One INVITE session. Here: as the called side, ringing, answered, established, over. As the calling side it begins in
//! `session/calling.rs`; what happens inside an established one is in `session/in_dialog.rs`, our own requests are in
//! `session/own_requests.rs`.
//! Knows: the dialog's parts and the application's wishes. Must not: retransmit a 2xx or match messages (the endpoint
//! does), know why the application answers.

mod calling;
mod in_dialog;
mod own_requests;
mod replies;

use std::time::Instant;

use super::reliable::ReliableProvisional;
use super::session_timer::{Limits, SessionTimer, Side};
use super::state::{DialogState, Outbound, cseq_of};
use super::{Command, EndCause, Event, Own, Refusal, Setup, warning};
use crate::protocol::random::Random;
use crate::protocol::sdp::{Description, MediaPlan, Negotiation, NotSdp};
use crate::protocol::sip::endpoint::{ClientTransaction, ServerTransaction};
use crate::protocol::sip::{HeaderName, Headers, Request, Response, Status};
use crate::protocol::timers::Timers;
use calling::{Calling, Search};
use own_requests::Pending;

/// The machine of one call. See the module for what it does; it neither waits nor sends.
#[derive(Debug)]
pub struct Session {
    /// `None`: the call is ours.
    invited: Option<Invited>,
    /// Where else a call of ours may be taken.
    search: Search,
    dialog: DialogState,
    contact: String,
    server: String,
    limits: Limits,
    negotiation: Negotiation,
    /// Our SDP answer to the INVITE's offer, until a response has carried it.
    answer: Option<Description>,
    /// The INVITE had no offer and ours has not left yet.
    offer_due: bool,
    /// The plan last told by [`Command::Media`].
    told: Option<MediaPlan>,
    phase: Phase,
    bound: bool,
    reliable: Option<ReliableProvisional>,
    /// Our 2xx to INVITEs that wait for their ACK.
    unacknowledged: Vec<Unacknowledged>,
    session_timer: Option<SessionTimer>,
    timers: Timers<Timer>,
    pending: Option<Pending>,
    /// Our question whether a peer that sends no media is still there.
    probe: Option<ClientTransaction>,
    /// The ACK to our last re-INVITE, sent again with each 2xx that comes again.
    last_ack: Option<(ClientTransaction, Outbound)>,
    peer_allows_update: bool,
    /// How many requests we have sent; each is named by its number.
    clients: u64,
    random: Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Our INVITE waits for its answer.
    Calling(Calling),
    /// The application has not decided.
    Ringing,
    /// The application accepted; the reliable 180 waits for its PRACK.
    Accepted,
    /// The 200 is sent, its ACK has not come. `leaving`: what to say BYE for once it comes (RFC 3261 15).
    Answered {
        leaving: Option<EndCause>,
    },
    Established,
    /// Our BYE is on its way.
    Leaving {
        bye: ClientTransaction,
        cause: EndCause,
    },
    Over,
}

/// The INVITE that was sent to us.
#[derive(Debug)]
struct Invited {
    transaction: ServerTransaction,
    request: Request,
}

/// A 2xx of ours to an INVITE.
#[derive(Debug, Clone, Copy)]
struct Unacknowledged {
    transaction: ServerTransaction,
    /// CSeq number of the INVITE.
    cseq: u32,
    /// It carried our offer: the ACK must carry the answer.
    awaits_answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// Send the reliable provisional response again.
    Retransmit,
    /// No PRACK came.
    NoPrack,
    /// Refresh the session, or try again to.
    Refresh,
    /// The session has expired.
    Expired,
    /// Ask a peer that sends no media whether it is still there.
    Probe,
}

impl Session {
    pub fn new(setup: Setup) -> Session {
        let dialog = DialogState::of_invite(&setup.invite, &setup.local_tag, setup.flow);
        let peer_allows_update = setup.invite.headers.has_token(&HeaderName::Allow, "UPDATE");
        let invited = Invited { transaction: setup.transaction, request: setup.invite };
        let session = Session::of(dialog, Phase::Ringing, setup.own);
        Session { invited: Some(invited), peer_allows_update, ..session }
    }

    fn of(dialog: DialogState, phase: Phase, own: Own) -> Session {
        Session {
            invited: None,
            search: Search::default(),
            dialog,
            contact: own.contact,
            server: own.server,
            limits: Limits::new(own.session_expires, own.min_se),
            negotiation: Negotiation::new(own.media),
            answer: None,
            offer_due: false,
            told: None,
            phase,
            bound: false,
            reliable: None,
            unacknowledged: Vec::new(),
            session_timer: None,
            timers: Timers::default(),
            pending: None,
            probe: None,
            last_ack: None,
            peer_allows_update: false,
            clients: 0,
            random: Random::new(own.seed),
        }
    }

    /// Looks at the INVITE, which [`screen`](crate::protocol::sip::screen) has passed, and refuses what no application can
    /// make good: 400, 422, 488. A call of ours goes out.
    pub fn start(&mut self, _now: Instant, out: &mut Vec<Command>) {
        let Some(invited) = self.invited.take() else { return self.invite(out) };
        let refusal = self.examine(&invited.request).err();
        self.invited = Some(invited);
        if let Some(response) = refusal {
            self.refuse(response, out);
        }
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Request { transaction, request } => self.receive(now, transaction, &request, out),
            Event::Ack { request } => self.acknowledged(&request, out),
            Event::Cancelled => self.cancelled(out),
            Event::NoAck { transaction } => self.not_acknowledged(transaction, out),
            Event::Response { client, response } => self.answered(now, client, &response, out),
            Event::NoResponse { client } => self.unanswered(client, out),
            Event::Accept => self.accept(now, out),
            Event::Refuse(refusal) => self.refused_by_application(refusal, out),
            Event::HangUp => self.hang_up(out),
            Event::Tick => {
                while let Some(timer) = self.timers.pop_due(now) {
                    self.fired(now, timer, out);
                }
            }
        }
        self.watch_held_call(now);
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn call_id(&self) -> &str {
        &self.dialog.call_id
    }

    /// Checks the INVITE and prepares the answer to its offer.
    fn examine(&mut self, invite: &Request) -> Result<(), Response> {
        self.agree_on_timer(invite)?;
        match session_description(invite.part(SDP)) {
            None => self.offer_due = true,
            Some(Err(why)) => return Err(self.unreadable(invite, &why)),
            Some(Ok(offer)) => match self.negotiation.answer(&offer) {
                Ok((answer, _)) => self.answer = Some(answer),
                Err(why) => return Err(self.incompatible(invite, why)),
            },
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant, out: &mut Vec<Command>) {
        let Some(Invited { request, .. }) = self.invited.as_ref().filter(|_| self.phase == Phase::Ringing) else {
            return;
        };
        self.phase = Phase::Accepted;
        if !request.headers.has_token(&HeaderName::Require, "100rel") {
            return self.answer_invite(now, out);
        }
        // RFC 3262 5: the first reliable response carries our part of the offer/answer, so that PRACK and UPDATE may
        // carry the next one
        let ringing = self.dialog_response(request, Status::RINGING);
        let ringing = self.with_session_description(ringing);
        let mut reliable = ReliableProvisional::new(ringing, self.random.draw());
        self.bind(out);
        self.tell_media(out);
        let (response, again) = reliable.transmit(now);
        self.reliable = Some(reliable);
        self.timers.arm(Timer::Retransmit, again);
        self.timers.arm(Timer::NoPrack, now + ReliableProvisional::patience());
        self.respond_to_invite(response, out);
    }

    /// The 200 to the INVITE.
    fn answer_invite(&mut self, now: Instant, out: &mut Vec<Command>) {
        let Some(Invited { request, transaction }) = &self.invited else { return };
        let transaction = *transaction;
        let response = self.dialog_response(request, Status::OK);
        // examined when the INVITE came: it cannot be too small now
        let timer = self.agree_on_timer(request).ok();
        let awaits_answer = self.offer_due;
        let mut response = self.with_session_description(response);
        if let Some(timer) = timer {
            self.start_session_timer(now, timer);
        }
        self.add_session_timer(&mut response);
        self.bind(out);
        self.tell_media(out);
        self.phase = Phase::Answered { leaving: None };
        self.await_ack(transaction, &response.headers, awaits_answer);
        out.push(Command::Respond { transaction, response });
    }

    fn refused_by_application(&mut self, refusal: Refusal, out: &mut Vec<Command>) {
        let valid = refusal.status.code() >= 300;
        let status = if valid { refusal.status } else { Status::SERVER_INTERNAL_ERROR };
        let unanswered = matches!(self.phase, Phase::Ringing | Phase::Accepted);
        let Some(Invited { request, .. }) = self.invited.as_ref().filter(|_| unanswered) else {
            return self.hang_up(out);
        };
        let response = self.signed(Refusal { status, ..refusal }.response(request));
        self.refuse(response, out);
    }

    fn hang_up(&mut self, out: &mut Vec<Command>) {
        match &mut self.phase {
            Phase::Ringing | Phase::Accepted => {
                let text = "The call was ended here before it was answered";
                self.turn_down(Status::TEMPORARILY_UNAVAILABLE, text, EndCause::WeHungUp, out);
            }
            Phase::Calling(_) => self.give_up(out),
            Phase::Answered { leaving } => *leaving = leaving.or(Some(EndCause::WeHungUp)),
            Phase::Established => self.leave(EndCause::WeHungUp, None, out),
            Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    /// RFC 3261 9.2: before the final response 487, after it nothing.
    fn cancelled(&mut self, out: &mut Vec<Command>) {
        if matches!(self.phase, Phase::Ringing | Phase::Accepted) {
            self.turn_down(Status::REQUEST_TERMINATED, "", EndCause::Cancelled, out);
        }
    }

    fn acknowledged(&mut self, ack: &Request, out: &mut Vec<Command>) {
        let cseq = cseq_of(&ack.headers);
        let Some(index) = self.unacknowledged.iter().position(|sent| Some(sent.cseq) == cseq) else { return };
        let sent = self.unacknowledged.remove(index);
        let failure = if sent.awaits_answer { self.take_answer(ack.part(SDP)).err() } else { None };
        match (self.phase, failure) {
            (Phase::Answered { .. } | Phase::Established, Some(why)) => {
                self.leave(EndCause::BadAnswer, Some((488, &why)), out);
            }
            (Phase::Answered { leaving: Some(cause) }, None) => self.leave(cause, None, out),
            (Phase::Answered { leaving: None }, None) => {
                self.tell_media(out);
                self.phase = Phase::Established;
                out.push(Command::Established);
            }
            (Phase::Established, None) => self.tell_media(out),
            (Phase::Calling(_) | Phase::Ringing | Phase::Accepted | Phase::Leaving { .. } | Phase::Over, _) => {}
        }
    }

    /// RFC 3261 13.3.1.4 and 14.2: a 2xx that nobody acknowledges ends the session, by BYE.
    fn not_acknowledged(&mut self, transaction: ServerTransaction, out: &mut Vec<Command>) {
        let sent = self.unacknowledged.len();
        self.unacknowledged.retain(|unacknowledged| unacknowledged.transaction != transaction);
        if sent == self.unacknowledged.len() {
            return;
        }
        match self.phase {
            Phase::Answered { leaving: Some(cause) } => self.leave(cause, None, out),
            Phase::Answered { leaving: None } | Phase::Established => {
                self.leave(EndCause::NoAck, Some((408, "No ACK came for our 200")), out);
            }
            _ => {}
        }
    }

    fn fired(&mut self, now: Instant, timer: Timer, out: &mut Vec<Command>) {
        match timer {
            Timer::Retransmit => {
                if let Some(reliable) = &mut self.reliable {
                    let (response, again) = reliable.transmit(now);
                    self.timers.arm(Timer::Retransmit, again);
                    self.respond_to_invite(response, out);
                }
            }
            Timer::NoPrack => {
                let text = "No PRACK came for our reliable 180";
                self.turn_down(Status::SERVER_TIMEOUT, text, EndCause::NoPrack, out);
            }
            Timer::Refresh => self.refresh(now, out),
            Timer::Probe => self.probe(out),
            Timer::Expired => {
                self.leave(EndCause::SessionExpired, Some((408, "The session expired without a refresh")), out);
            }
        }
    }

    /// The final refusal of the INVITE.
    fn refuse(&mut self, response: Response, out: &mut Vec<Command>) {
        let cause = EndCause::Refused(response.status);
        self.end_unanswered(response, cause, out);
    }

    /// The same, with a text for the caller's administrator, unless it is empty.
    fn turn_down(&mut self, status: Status, text: &str, cause: EndCause, out: &mut Vec<Command>) {
        let Some(Invited { request, .. }) = &self.invited else { return };
        let mut response = self.reply(request, status);
        if !text.is_empty() {
            response = response.with(HeaderName::Warning, warning(399, text));
        }
        self.end_unanswered(response, cause, out);
    }

    fn end_unanswered(&mut self, response: Response, cause: EndCause, out: &mut Vec<Command>) {
        self.respond_to_invite(response, out);
        self.end(cause, out);
    }

    fn respond_to_invite(&self, response: Response, out: &mut Vec<Command>) {
        if let Some(Invited { transaction, .. }) = &self.invited {
            out.push(Command::Respond { transaction: *transaction, response });
        }
    }

    fn end(&mut self, cause: EndCause, out: &mut Vec<Command>) {
        self.phase = Phase::Over;
        self.timers.clear();
        self.reliable = None;
        self.unacknowledged.clear();
        self.pending = None;
        self.probe = None;
        out.push(Command::Ended { cause });
    }

    fn await_ack(&mut self, transaction: ServerTransaction, sent: &Headers, awaits_answer: bool) {
        let cseq = cseq_of(sent).unwrap_or_default();
        self.unacknowledged.push(Unacknowledged { transaction, cseq, awaits_answer });
    }

    fn bind(&mut self, out: &mut Vec<Command>) {
        if !self.bound {
            self.bound = true;
            let DialogState { call_id, local_tag, remote_tag, .. } = self.dialog.clone();
            out.push(Command::Bind { call_id, local_tag, remote_tag });
        }
    }

    /// Tells a plan that was agreed and not told yet.
    fn tell_media(&mut self, out: &mut Vec<Command>) {
        if let Some(plan) = self.negotiation.plan().filter(|plan| self.told.as_ref() != Some(plan)) {
            self.told = Some(plan.clone());
            out.push(Command::Media(plan.clone()));
        }
    }

    /// Reads the answer to our offer; the error is a text for the peer's administrator.
    fn take_answer(&mut self, part: Option<&[u8]>) -> Result<(), String> {
        match session_description(part) {
            None => {
                self.negotiation.withdraw_offer();
                Err("The answer to our offer is missing".to_owned())
            }
            Some(Err(why)) => {
                self.negotiation.withdraw_offer();
                Err(why.to_string())
            }
            Some(Ok(answer)) => self.negotiation.accept(&answer).map(drop).map_err(|why| why.to_string()),
        }
    }

    fn start_session_timer(&mut self, now: Instant, timer: Option<SessionTimer>) {
        self.session_timer = timer;
        self.timers.disarm(Timer::Refresh);
        self.timers.disarm(Timer::Expired);
        if let Some(timer) = timer {
            self.timers.arm(Timer::Expired, now + timer.expires_after());
            if timer.refresher == Side::Us {
                self.timers.arm(Timer::Refresh, now + timer.refresh_after());
            }
        }
    }
}

const SDP: &str = "application/sdp";

/// Reads the SDP part of a message; `None` when there is none, or it is empty.
fn session_description(part: Option<&[u8]>) -> Option<Result<Description, NotSdp>> {
    part.filter(|body| !body.trim_ascii().is_empty()).map(Description::parse)
}

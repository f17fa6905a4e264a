//! The actor of one call: its SIP session, its voice application and its media stream, each a machine of its own.
//! Knows: how the commands of one are events of another. Must not: decide what any of them decides.

use actix::prelude::*;

use super::alarm::Alarm;
use super::call::{Call, Greetings};
use super::call_account::Account;
use super::call_events::CallHappened;
use super::rtp_stream::{self, Ordered, Owner, RtpStream, StopStream};
use super::sip_endpoint::{Forget, Incoming, Outgoing};
use super::spool_writer::{self, Begin, CannotRecord, Ending, Finish, ReadBack, Truncate};
use super::um_worker::{CallEnded, CallerGone, Equipment, UmWorker};
use crate::apps::conversation::{self as app, Outcome};
use crate::apps::{Application, KeyPad, KeySource};
use crate::media::recorder::{RecordEnd, RecordRules};
use crate::media::stream::{Order, Quality, StreamEvent};
use crate::protocol::sdp::MediaPlan;
use crate::protocol::sip::dialog::{self as session, EndCause, Session};
use crate::protocol::sip::endpoint::{self, ClientTransaction, DialogKey, NoResponseCause, ServerTransaction};
use crate::protocol::sip::{Request, Response};

pub struct Dialog {
    key: DialogKey,
    equipment: Equipment,
    worker: Addr<UmWorker>,
    call: Call,
    session: Session,
    session_commands: Vec<session::Command>,
    /// Set when what is played to the caller is known: the user's greetings are read from disk first.
    answering: Option<Application>,
    app_commands: Vec<app::Command>,
    greetings: Greetings,
    keys: KeyPad,
    stream: Option<Addr<RtpStream>>,
    recording_begun: bool,
    /// A take is under way: the application waits for its end.
    taking: bool,
    ended: Option<EndCause>,
    /// There is no media any more: the caller has hung up, or we have.
    hung_up: bool,
    quality: Option<Quality>,
    /// The application has nothing left to do.
    application_over: bool,
    alarm: Alarm,
    account: Account,
    /// Its record was handed in.
    recorded: bool,
    span: tracing::Span,
}

/// What the endpoint reports of this dialog.
#[derive(Message)]
#[rtype(result = "()")]
pub enum DialogEvent {
    Request { transaction: ServerTransaction, request: Request },
    Ack { request: Request },
    Cancelled,
    NoAck { transaction: ServerTransaction },
    Response { client: ClientTransaction, response: Response },
    NoResponse { client: ClientTransaction, cause: NoResponseCause },
}

impl From<DialogEvent> for session::Event {
    fn from(event: DialogEvent) -> session::Event {
        use session::Event;
        match event {
            DialogEvent::Request { transaction, request } => Event::Request { transaction, request },
            DialogEvent::Ack { request } => Event::Ack { request },
            DialogEvent::Cancelled => Event::Cancelled,
            DialogEvent::NoAck { transaction } => Event::NoAck { transaction },
            DialogEvent::Response { client, response } => Event::Response { client, response },
            DialogEvent::NoResponse { client, .. } => Event::NoResponse { client },
        }
    }
}

/// What a session wants of its call, and not of the endpoint.
pub(super) enum CallCommand {
    Media(MediaPlan),
    Established,
    Key(char),
    HungUp,
    Ended(EndCause),
}

/// Who is to carry out a command of the session that owns this dialog.
pub(super) fn for_endpoint(dialog: DialogKey, command: session::Command) -> Result<endpoint::Event, CallCommand> {
    use endpoint::Event;
    use session::Command::*;
    Ok(match command {
        Respond { transaction, response } => Event::Respond { transaction, response },
        Request { client, request, next_hop, flow } => Event::Request { client, dialog, request, next_hop, flow },
        Cancel { client } => Event::Cancel { dialog, client },
        SendAck { request, next_hop, flow } => Event::Ack { request, next_hop, flow },
        Bind { call_id, local_tag, remote_tag } => Event::Bind { dialog, call_id, local_tag, remote_tag },
        Media(plan) => return Err(CallCommand::Media(plan)),
        Established => return Err(CallCommand::Established),
        Key { key, .. } => return Err(CallCommand::Key(key)),
        HungUp => return Err(CallCommand::HungUp),
        Ended { cause } => return Err(CallCommand::Ended(cause)),
    })
}

/// What the media stream of this dialog heard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Heard(pub StreamEvent);

/// The media stream died. `recorded`: the samples of an unfinished take that had gone to the spool by then.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StreamLost {
    pub recorded: Option<u64>,
}

/// End the call now; what was recorded is kept.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HangUp;

impl Dialog {
    pub fn start(
        key: DialogKey,
        call: Call,
        incoming: Incoming,
        equipment: Equipment,
        worker: Addr<UmWorker>,
    ) -> Addr<Dialog> {
        let span = tracing::info_span!(
            "call",
            call_id = call.details.call_id,
            dial_plan = call.details.dial_plan,
            mailbox = call.details.mailbox.alias
        );
        let details = &call.details;
        let caller = details.caller.as_ref().and_then(|caller| caller.number.as_deref()).unwrap_or("anonymous");
        match details.test {
            true => tracing::info!(parent: &span, "test call taken"),
            false => {
                tracing::info!(parent: &span, gateway = details.gateway, caller, reason = details.reason, "call taken");
            }
        }
        let account = Account::open(details, call.peer);
        equipment.events.do_send(account.started());
        let session = Session::new(call.session_setup(incoming, &equipment));
        let dialog = Dialog {
            key,
            equipment,
            worker,
            call,
            session,
            session_commands: Vec::new(),
            answering: None,
            app_commands: Vec::new(),
            greetings: Greetings::default(),
            keys: KeyPad::default(),
            stream: None,
            recording_begun: false,
            taking: false,
            ended: None,
            hung_up: false,
            quality: None,
            application_over: false,
            alarm: Alarm::default(),
            account,
            recorded: false,
            span,
        };
        Actor::start(dialog)
    }

    // ---- the machines

    /// Runs the session and carries out what it asked for, in order.
    fn step(&mut self, event: session::Event, ctx: &mut Context<Self>) {
        let now = self.equipment.environment.now();
        let mut commands = std::mem::take(&mut self.session_commands);
        self.session.on_event(now, event, &mut commands);
        self.carry_out(&mut commands, ctx);
        self.session_commands = commands;
    }

    fn carry_out(&mut self, commands: &mut Vec<session::Command>, ctx: &mut Context<Self>) {
        for command in commands.drain(..) {
            self.carry_out_one(command, ctx);
        }
        self.set_alarm(ctx);
    }

    fn carry_out_one(&mut self, command: session::Command, ctx: &mut Context<Self>) {
        match for_endpoint(self.key, command) {
            Ok(event) => self.equipment.endpoint.do_send(Outgoing(event)),
            Err(CallCommand::Media(plan)) => {
                self.account.speaks(plan.codec);
                self.order(Order::Plan(plan), ctx);
            }
            Err(CallCommand::Established) => {
                let answered = self.account.answered(self.equipment.environment.now());
                self.equipment.events.do_send(answered);
                self.tell_application(app::Event::Answered, ctx);
            }
            Err(CallCommand::Key(key)) => self.press(KeySource::Signalling, key, ctx),
            Err(CallCommand::HungUp) => self.hang_up(ctx),
            Err(CallCommand::Ended(cause)) => self.end(cause, ctx),
        }
    }

    /// Runs the voice application and carries out what it asked for, in order.
    fn tell_application(&mut self, event: app::Event, ctx: &mut Context<Self>) {
        let Some(answering) = &mut self.answering else { return };
        let now = self.equipment.environment.now();
        let mut commands = std::mem::take(&mut self.app_commands);
        answering.on_event(now, event, &mut commands);
        for command in commands.drain(..) {
            self.perform(command, ctx);
        }
        self.app_commands = commands;
        self.set_alarm(ctx);
    }

    fn perform(&mut self, command: app::Command, ctx: &mut Context<Self>) {
        use app::Command::*;
        let id = self.call.details.id.clone();
        let spool = &self.equipment.spool;
        match command {
            Play { id, language, what } => {
                let audio = self.equipment.prompts.render(&language, &what, &|name| self.greetings.sound(name));
                self.order(Order::Play { id: id.0, audio }, ctx);
            }
            PlayRecording { id: play, samples } => {
                let recorded = spool.send(ReadBack(id)).into_actor(self);
                ctx.spawn(recorded.map(move |recorded, dialog, ctx| {
                    let mut audio = recorded.ok().and_then(Result::ok).unwrap_or_default();
                    audio.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
                    dialog.order(Order::Play { id: play.0, audio: vec![audio.into()] }, ctx);
                }));
            }
            StopPlaying => self.order(Order::StopPlaying, ctx),
            Record { from, max, idle } => {
                match self.recording_begun {
                    false => {
                        spool.do_send(Begin { details: self.call.details.clone(), call: ctx.address().recipient() });
                    }
                    true => spool.do_send(Truncate { id, samples: from }),
                }
                self.recording_begun = true;
                self.taking = true;
                self.order(Order::Record(RecordRules { idle_timeout: idle, max_duration: max }), ctx);
            }
            StopRecording => self.order(Order::StopRecording, ctx),
            DiscardRecording => spool.do_send(Truncate { id, samples: 0 }),
            Mark { importance, sensitivity } => {
                let ending = Outcome::VoiceMessage { samples: 0, importance, sensitivity }.into();
                spool.do_send(spool_writer::Mark { id, ending });
            }
            Store(outcome) => {
                self.account.stores(&outcome);
                self.store(outcome.into(), ctx);
            }
            HangUp => self.step(session::Event::HangUp, ctx),
            Finished => self.application_finished(ctx),
        }
    }

    fn store(&mut self, ending: Ending, ctx: &mut Context<Self>) {
        let stored = self.equipment.spool.send(Finish { details: self.call.details.clone(), ending });
        ctx.spawn(stored.into_actor(self).map(|stored, dialog, ctx| {
            let stored = match stored {
                Ok(stored) => stored.map_err(|error| error.to_string()),
                Err(error) => Err(format!("the spool does not answer: {error}")),
            };
            dialog.tell_application(app::Event::Stored(stored), ctx);
        }));
        self.recording_begun = false;
    }

    fn press(&mut self, source: KeySource, key: char, ctx: &mut Context<Self>) {
        if let Some(key) = self.keys.press(self.equipment.environment.now(), source, key) {
            self.tell_application(app::Event::Key(key), ctx);
        }
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let application = self.answering.as_ref().and_then(Application::next_deadline);
        let deadline = self.session.next_deadline().into_iter().chain(application).min();
        self.alarm.no_later_than(ctx, self.equipment.environment.now(), deadline, |dialog, ctx| {
            dialog.alarm.rang();
            dialog.step(session::Event::Tick, ctx);
            dialog.tell_application(app::Event::Tick, ctx);
        });
    }

    // ---- media

    fn order(&mut self, order: Order, ctx: &mut Context<Self>) {
        if self.stream.is_none() && !self.hung_up {
            self.stream = self.start_stream(ctx);
        }
        match &self.stream {
            Some(stream) => stream.do_send(Ordered(order)),
            // the call is over: nobody hears what is played, and what is recorded has ended
            None if matches!(order, Order::StopRecording | Order::Record(_)) => {
                ctx.notify(Heard(StreamEvent::RecordingEnded { reason: RecordEnd::Stopped, samples: 0 }));
            }
            None => {}
        }
    }

    fn start_stream(&mut self, ctx: &mut Context<Self>) -> Option<Addr<RtpStream>> {
        let owner = Owner {
            heard: ctx.address().recipient(),
            lost: ctx.address().recipient(),
            audio: self.equipment.spool.clone().recipient(),
            recording: self.call.details.id.clone(),
        };
        let sockets = self.call.sockets.take()?;
        Some(rtp_stream::start(&self.equipment, sockets, self.key, self.call.peer, owner))
    }

    // ---- the end

    /// The media ends, and with it what the application can do.
    fn hang_up(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.hung_up, true) {
            return;
        }
        self.account.hangs_up(self.equipment.environment.now());
        self.worker.do_send(CallerGone(self.key));
        self.tell_application(app::Event::HungUp, ctx);
        // after the application's last orders: a recording it ended is complete by then
        if let Some(stream) = &self.stream {
            let quality = stream.send(StopStream).into_actor(self);
            ctx.spawn(quality.map(|quality, dialog, ctx| {
                dialog.stream = None;
                dialog.quality = quality.ok();
                dialog.leave_when_over(ctx);
            }));
        }
    }

    fn end(&mut self, cause: EndCause, ctx: &mut Context<Self>) {
        self.ended = Some(cause);
        self.hang_up(ctx);
        self.leave_when_over(ctx);
    }

    fn application_finished(&mut self, ctx: &mut Context<Self>) {
        self.application_over = true;
        if std::mem::take(&mut self.recording_begun) {
            self.equipment.spool.do_send(Finish { details: self.call.details.clone(), ending: Ending::Discard });
        }
        self.leave_when_over(ctx);
    }

    /// Gives back everything: the endpoint forgets the dialog, the worker the call, the actor stops.
    fn leave_when_over(&mut self, ctx: &mut Context<Self>) {
        if self.application_over
            && self.stream.is_none()
            && let Some(cause) = self.ended.take()
        {
            self.put_on_record(cause);
            let _entered = self.span.enter();
            match self.quality {
                Some(quality) => tracing::info!(?cause, ?quality, "call ended"),
                None => tracing::info!(?cause, "call ended"),
            }
            ctx.stop();
        }
    }
}

impl Dialog {
    fn put_on_record(&mut self, cause: EndCause) {
        if !std::mem::replace(&mut self.recorded, true) {
            if let EndCause::Refused(status) = cause {
                let refused = CallHappened::Refused { status: status.code(), not_recorded: false };
                self.equipment.events.do_send(refused);
            }
            let record = self.account.record(cause, self.quality, &self.equipment);
            self.equipment.events.do_send(record);
        }
    }
}

/// Also when the actor dies of a panic, where actix calls nothing: the call is on record all the same.
impl Drop for Dialog {
    fn drop(&mut self) {
        self.account.cut("the call died of a fault of this server");
        self.put_on_record(EndCause::WeHungUp);
    }
}

impl Actor for Dialog {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let now = self.equipment.environment.now();
        let mut commands = Vec::new();
        self.session.start(now, &mut commands);
        self.carry_out(&mut commands, ctx);
        if self.ended.is_some() {
            return self.application_finished(ctx);
        }
        let (environment, store) = (self.equipment.environment.clone(), self.equipment.greetings.clone());
        let greetings = Greetings::read(environment, store, self.call.details.mailbox.alias.clone());
        ctx.spawn(greetings.into_actor(self).map(|greetings, dialog, ctx| {
            dialog.answering = Some(dialog.call.application(&greetings, &dialog.equipment));
            dialog.greetings = greetings;
            match dialog.hung_up {
                // given up while the greetings were read: a missed call all the same
                true => dialog.tell_application(app::Event::HungUp, ctx),
                false => dialog.step(session::Event::Accept, ctx),
            }
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.equipment.endpoint.do_send(Forget(self.key));
        self.worker.do_send(CallEnded(self.key));
    }
}

impl Handler<DialogEvent> for Dialog {
    type Result = ();

    fn handle(&mut self, event: DialogEvent, ctx: &mut Self::Context) {
        self.step(event.into(), ctx);
    }
}

impl Handler<Heard> for Dialog {
    type Result = ();

    fn handle(&mut self, Heard(event): Heard, ctx: &mut Self::Context) {
        match event {
            StreamEvent::Key(key) => self.press(KeySource::Media, key, ctx),
            StreamEvent::Played { id } => self.tell_application(app::Event::Played(app::PlayId(id)), ctx),
            StreamEvent::RecordingEnded { reason, samples } => {
                self.taking = false;
                let reason = match reason {
                    RecordEnd::Silence => app::RecordingEnd::Silence,
                    RecordEnd::MaximumDuration => app::RecordingEnd::MaximumDuration,
                    RecordEnd::Stopped => app::RecordingEnd::Stopped,
                };
                self.tell_application(app::Event::RecordingEnded { reason, samples }, ctx);
            }
            StreamEvent::NoMedia => {
                self.account.cut("no media came from the peer");
                tracing::warn!(parent: &self.span, "no media from the peer: the call is ended");
                self.step(session::Event::HangUp, ctx);
            }
            // the peer's RTCP says it leaves; its BYE follows, or the media timeout does
            StreamEvent::PeerLeft => {}
        }
    }
}

impl Handler<StreamLost> for Dialog {
    type Result = ();

    /// What the spool has of the message is kept; without media there is no call.
    fn handle(&mut self, StreamLost { recorded }: StreamLost, ctx: &mut Self::Context) {
        tracing::error!(parent: &self.span, "the media stream died: the call is ended");
        self.stream = None;
        self.account.cut("the media stream died");
        if std::mem::take(&mut self.taking) {
            let samples = recorded.unwrap_or(0);
            let ended = app::Event::RecordingEnded { reason: app::RecordingEnd::Stopped, samples };
            self.tell_application(ended, ctx);
        }
        self.step(session::Event::HangUp, ctx);
        self.leave_when_over(ctx);
    }
}

impl Handler<CannotRecord> for Dialog {
    type Result = ();

    fn handle(&mut self, _: CannotRecord, ctx: &mut Self::Context) {
        self.tell_application(app::Event::DiskFull, ctx);
    }
}

impl Handler<HangUp> for Dialog {
    type Result = ();

    fn handle(&mut self, _: HangUp, ctx: &mut Self::Context) {
        self.account.cut("ended by an administrator");
        self.step(session::Event::HangUp, ctx);
    }
}

//! The calling end of a test call, in the worker: its SIP session, its media stream, and who compares what comes back.
//! Knows: how the commands of one are events of another. Must not: judge what is a success.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::alarm::Alarm;
use super::call::own_side;
use super::call_events::CallHappened;
use super::dialog::{CallCommand, DialogEvent, Heard, StreamLost, for_endpoint};
use super::rtp_ports::MediaSockets;
use super::rtp_stream::{self, Ordered, Owner, RtpStream, StopStream};
use super::sip_endpoint::{Forget, Join, Outgoing};
use super::spool_writer::Append;
use super::um_worker::Equipment;
use crate::apps::connectivity::{Asked, Expected, Tester, TesterCommand, TesterEvent};
use crate::mailbox::EntryId;
use crate::media::level::Dbm0;
use crate::media::recorder::RecordRules;
use crate::media::stream::{Order, Quality, StreamEvent};
use crate::media::{FRAME, dtmf};
use crate::protocol::sip::dialog::{self as session, EndCause, Placing, Session};
use crate::protocol::sip::endpoint::DialogKey;
use crate::protocol::sip::{Flow, HeaderName, Response, Transport, Uri};
use crate::records::test_call::{TestOrder, TestOutcome};

/// What is listened to, and how much silence ends it.
const LISTENS: RecordRules =
    RecordRules { idle_timeout: Duration::from_secs(30), max_duration: Duration::from_secs(60) };
const TONE_MS: u32 = 100;
const TONE_LEVEL: Dbm0 = Dbm0(-10.0);
const PAUSE: [i16; 800] = [0; 800];

pub struct TestCaller {
    equipment: Equipment,
    order: TestOrder,
    asked: Asked,
    session: Session,
    tester: Tester,
    peer: IpAddr,
    sockets: Option<MediaSockets>,
    stream: Option<Addr<RtpStream>>,
    key: Option<DialogKey>,
    /// What was heard since listening began.
    audio: Vec<i16>,
    listening: bool,
    hung_up: bool,
    quality: Option<Quality>,
    ended: Option<EndCause>,
    /// What came of it is told.
    told: bool,
    began: Instant,
    outcome: TestOutcome,
    alarm: Alarm,
}

/// The tester has something to do, told in a message of its own.
#[derive(Message)]
#[rtype(result = "()")]
struct Happened(TesterEvent);

impl TestCaller {
    /// `socket`: the one of ours that reaches the target; `ip`: our address on the way there.
    ///
    /// # Errors
    /// The target cannot be called, in a sentence.
    pub fn start(equipment: Equipment, order: TestOrder, socket: SocketAddr, ip: IpAddr) -> Result<(), String> {
        let target = Uri::parse(&order.target);
        let route = order.route.as_deref().map(Uri::parse);
        let hop = Uri::parse(order.next_hop());
        let address = hop.address().ok_or_else(|| format!("{hop} has no address to call"))?;
        let transport = hop.transport().unwrap_or(Transport::Udp);
        let local = SocketAddr::new(ip, socket.port());
        let remote = SocketAddr::new(address, hop.port().unwrap_or(5060));
        let sockets = equipment.ports.bind(&*equipment.environment, socket.ip());
        let sockets = sockets.map_err(|error| format!("no RTP port: {error}"))?;
        let rtp_port = sockets.rtp.local().port();
        let random = || equipment.environment.random_u64();
        let began = equipment.environment.now();
        let placing = Placing {
            from: format!("<{}>", order.from),
            to: format!("<{}>", order.target.split(';').next().unwrap_or_default()),
            target,
            route,
            call_id: format!("{:016x}{:016x}@{ip}", random(), random()),
            local_tag: format!("{:016x}", random()),
            flow: Flow { transport, local, remote, connection: None },
            own: own_side(local, transport, rtp_port, &equipment),
        };
        let expected = if order.outside { Expected::AnyMedia } else { Expected::SameTones };
        let asked = Asked { expected, keys: order.keys.clone(), deadline: began + order.timeout };
        let outcome = TestOutcome { tones_sent: order.keys.clone(), ..TestOutcome::default() };
        let caller = TestCaller {
            session: Session::call(placing),
            tester: Tester::new(asked.clone()),
            asked,
            equipment,
            order,
            peer: address,
            sockets: Some(sockets),
            stream: None,
            key: None,
            audio: Vec::new(),
            listening: false,
            hung_up: false,
            quality: None,
            ended: None,
            told: false,
            began,
            outcome,
            alarm: Alarm::default(),
        };
        Actor::start(caller);
        Ok(())
    }

    /// Where the call went, for the log: without the secret that a call to ourselves is for.
    fn asked_for(&self) -> &str {
        match self.order.outside {
            true => &self.order.target,
            false => self.order.target.rsplit('@').next().unwrap_or_default(),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        let elapsed = self.equipment.environment.now().saturating_duration_since(self.began);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn step(&mut self, event: Option<session::Event>, ctx: &mut Context<Self>) {
        let Some(key) = self.key else { return };
        let now = self.equipment.environment.now();
        let mut commands = Vec::new();
        match event {
            Some(event) => self.session.on_event(now, event, &mut commands),
            None => self.session.start(now, &mut commands),
        }
        for command in commands {
            match for_endpoint(key, command) {
                Ok(event) => self.equipment.endpoint.do_send(Outgoing(event)),
                Err(CallCommand::Media(plan)) => {
                    self.outcome.audio_codec = plan.codec.name().to_owned();
                    self.order(Order::Plan(plan), ctx);
                }
                Err(CallCommand::Established) => {
                    self.outcome.latency_ms = Some(self.elapsed_ms());
                    self.test(TesterEvent::Answered, ctx);
                }
                Err(CallCommand::Key(_)) => {}
                Err(CallCommand::HungUp) => self.hang_up(ctx),
                Err(CallCommand::Ended(cause)) => {
                    self.ended = Some(cause);
                    self.hang_up(ctx);
                }
            }
        }
        self.set_alarm(ctx);
        self.leave_when_over(ctx);
    }

    fn test(&mut self, event: TesterEvent, ctx: &mut Context<Self>) {
        let now = self.equipment.environment.now();
        let mut commands = Vec::new();
        self.tester.on_event(now, event, &mut commands);
        for command in commands {
            match command {
                TesterCommand::SendTones(keys) => self.order(Order::Play { id: 1, audio: tones(&keys) }, ctx),
                TesterCommand::Press(keys) => self.order(Order::SendKeys(keys), ctx),
                TesterCommand::Listen => {
                    self.listening = true;
                    self.order(Order::Record(LISTENS), ctx);
                }
                TesterCommand::StopListening => self.order(Order::StopRecording, ctx),
                TesterCommand::HangUp => self.step(Some(session::Event::HangUp), ctx),
            }
        }
        self.set_alarm(ctx);
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let deadline = self.session.next_deadline().into_iter().chain(self.tester.next_deadline()).min();
        self.alarm.no_later_than(ctx, self.equipment.environment.now(), deadline, |caller, ctx| {
            caller.alarm.rang();
            caller.step(Some(session::Event::Tick), ctx);
            caller.test(TesterEvent::Tick, ctx);
        });
    }

    fn order(&mut self, order: Order, ctx: &mut Context<Self>) {
        if let (None, false, Some(key)) = (&self.stream, self.hung_up, self.key)
            && let Some(sockets) = self.sockets.take()
        {
            let owner = Owner {
                heard: ctx.address().recipient(),
                lost: ctx.address().recipient(),
                audio: ctx.address().recipient(),
                recording: EntryId::from_random(u128::from(self.equipment.environment.random_u64()).to_be_bytes()),
            };
            self.stream = Some(rtp_stream::start(&self.equipment, sockets, key, self.peer, owner));
        }
        if let Some(stream) = &self.stream {
            stream.do_send(Ordered(order));
        }
    }

    fn hang_up(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.hung_up, true) {
            return;
        }
        // what is heard until the stream has stopped still counts
        ctx.notify(Happened(TesterEvent::HungUp));
        if let Some(stream) = &self.stream {
            let quality = stream.send(StopStream).into_actor(self);
            ctx.spawn(quality.map(|quality, caller, ctx| {
                caller.stream = None;
                caller.quality = quality.ok();
                caller.leave_when_over(ctx);
            }));
        }
    }

    fn leave_when_over(&mut self, ctx: &mut Context<Self>) {
        if self.stream.is_some() || self.listening {
            return;
        }
        let heard = self.tester.heard();
        // whether the other end answers our BYE, or a CANCEL that may not even have gone out, changes nothing any more
        let known = if heard.answered { self.hung_up } else { heard.timed_out };
        if (known || self.ended.is_some()) && !std::mem::replace(&mut self.told, true) {
            self.conclude();
        }
        if self.ended.is_some() {
            ctx.stop();
        }
    }

    fn conclude(&mut self) {
        let heard = self.tester.heard();
        let packets = self.quality.map_or(0, |quality| quality.packets);
        let failure = match self.ended {
            _ if heard.answered => heard.judge(&self.asked, packets).err().map(|wanting| wanting.to_string()),
            _ if heard.timed_out => Some("nobody answered within the time for the test".to_owned()),
            Some(EndCause::Declined(_)) | None => Some(match self.outcome.hops.last() {
                Some(last) => last.clone(),
                None => "nobody answered the INVITE".to_owned(),
            }),
            Some(cause) => Some(format!("the call ended before it was answered: {cause:?}")),
        };
        let duration_ms = self.elapsed_ms();
        let outcome = TestOutcome {
            success: failure.is_none(),
            reason: failure.unwrap_or_default(),
            duration_ms,
            packets_sent: self.quality.map_or(0, |quality| quality.sent),
            packets_received: packets,
            packets_lost: self.quality.map_or(0, |quality| quality.lost),
            tones_heard: heard.tones.clone().unwrap_or_default(),
            ..std::mem::take(&mut self.outcome)
        };
        let (success, reason) = (outcome.success, &outcome.reason);
        tracing::info!(call_id = self.session.call_id(), to = self.asked_for(), success, reason, "test call is over");
        let token = self.order.token.clone();
        self.equipment.events.do_send(CallHappened::Tested { token, outcome: Box::new(outcome) });
    }
}

/// The tones of keys, with a pause after each.
fn tones(keys: &str) -> Vec<std::sync::Arc<[i16]>> {
    let tone = |key| std::sync::Arc::from(dtmf::generate(key, TONE_MS, TONE_LEVEL));
    keys.chars().flat_map(|key| [tone(key), std::sync::Arc::from(PAUSE)]).collect()
}

/// The keys whose tones are in the sound.
fn keys_in(audio: &[i16]) -> String {
    let mut detector = dtmf::Detector::new();
    audio.chunks(FRAME).filter_map(|frame| detector.push(frame)).collect()
}

/// `404 Not Found from sip:…: why`.
fn told(response: &Response) -> String {
    let warning = response.headers.get(&HeaderName::Warning).and_then(|warning| warning.split('"').nth(1));
    let why = warning.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {}{why}", response.status.code(), response.reason)
}

impl Actor for TestCaller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let joined = self.equipment.endpoint.send(Join(ctx.address().recipient())).into_actor(self);
        ctx.wait(joined.map(|key, caller, ctx| {
            caller.key = key.ok();
            match caller.key {
                Some(_) => caller.step(None, ctx),
                None => ctx.stop(),
            }
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.key.into_iter().for_each(|key| self.equipment.endpoint.do_send(Forget(key)));
    }
}

impl Handler<DialogEvent> for TestCaller {
    type Result = ();

    fn handle(&mut self, event: DialogEvent, ctx: &mut Self::Context) {
        if let DialogEvent::Response { response, .. } = &event
            && response.status.is_final()
            && !self.tester.heard().answered
        {
            self.outcome.hops.push(told(response));
        }
        self.step(Some(event.into()), ctx);
    }
}

impl Handler<Happened> for TestCaller {
    type Result = ();

    fn handle(&mut self, Happened(event): Happened, ctx: &mut Self::Context) {
        self.test(event, ctx);
    }
}

impl Handler<Heard> for TestCaller {
    type Result = ();

    fn handle(&mut self, Heard(event): Heard, ctx: &mut Self::Context) {
        match event {
            StreamEvent::Played { .. } => self.test(TesterEvent::Sent, ctx),
            StreamEvent::RecordingEnded { .. } => {
                self.listening = false;
                let heard = keys_in(&std::mem::take(&mut self.audio));
                self.test(TesterEvent::Heard(heard), ctx);
                self.leave_when_over(ctx);
            }
            StreamEvent::NoMedia => self.step(Some(session::Event::HangUp), ctx),
            StreamEvent::Key(_) | StreamEvent::PeerLeft => {}
        }
    }
}

impl Handler<Append> for TestCaller {
    type Result = ();

    fn handle(&mut self, Append { samples, .. }: Append, _: &mut Self::Context) {
        self.audio.extend(samples);
    }
}

impl Handler<StreamLost> for TestCaller {
    type Result = ();

    fn handle(&mut self, _: StreamLost, ctx: &mut Self::Context) {
        (self.stream, self.listening) = (None, false);
        self.step(Some(session::Event::HangUp), ctx);
    }
}

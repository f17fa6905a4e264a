//! One call of a scenario: events in, messages and media orders out. It goes where sipp 3.6 would go.
//! Knows: the scenario, its own variables, what was sent and received last. Must not: touch a socket or a clock.

mod acting;
mod commands;
mod fill;
mod giving_up;
mod incoming;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) use fill::settled;

use super::message;
use super::outcome::{Failed, Failure, Outcome};
use super::scenario::{Expected, Mismatch, Optional, PauseLength, Receiving, Scenario, Sending, Step, What};
use super::setup::Setup;
use super::value::{Value, Variable};
use crate::protocol::random::Random;
use crate::protocol::sip::Transport;

/// RFC 3261's T2: copies of a request that is no INVITE come no further apart.
const T2: Duration = Duration::from_secs(4);
/// So many copies after the first message, as sipp does it.
const INVITE_COPIES: u32 = 5;
const OTHER_COPIES: u32 = 9;
/// More steps than this without waiting are a circle.
const MOST_STEPS_AT_ONCE: u32 = 100_000;

/// What all calls of one replay have in common and may change.
#[derive(Debug, Default)]
pub struct Shared {
    /// Variables that are global.
    pub globals: HashMap<Variable, Value>,
    pub users: u64,
    /// The time of day, as long as one event lasts.
    pub wall: Option<jiff::Timestamp>,
}

#[derive(Debug)]
pub enum Event<'m> {
    Begin,
    Received(&'m str),
    /// By the scenario beside this one.
    Told(Rc<str>),
    /// That one tells nothing more.
    NobodyTells,
    /// [`Call::deadline`] has come.
    Tick,
    /// The connection is closed.
    Closed,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Send(Rc<str>, SocketAddr),
    /// To the scenario beside this one.
    Tell(Rc<str>),
    Media(MediaOrder),
    /// For the log, or as a warning.
    Note {
        warning: bool,
        text: String,
    },
    Run(String),
    /// So long between two steps that begin and end a measurement.
    Measured {
        timer: String,
        time: Duration,
    },
    StartNoMoreCalls,
    StopEverything,
    Ended(Box<Outcome>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum MediaOrder {
    /// Audio goes there from now on.
    To(SocketAddr),
    Stream {
        file: PathBuf,
        loops: i64,
        payload: u8,
    },
    Pause,
    Resume,
    Pcap(PathBuf),
    Keys(String),
    Echo(bool),
}

pub struct Call {
    scenario: Rc<Scenario>,
    setup: Rc<Setup>,
    number: u64,
    id: String,
    began: Instant,
    /// Which step.
    at: usize,
    variables: Vec<Value>,
    random: Random,
    cseq: u32,
    destination: SocketAddr,
    /// The port its audio is sent from.
    media_port: u16,
    paused_until: Option<Instant>,
    /// What is waited for has not come by then.
    wait_until: Option<Instant>,
    copies: Option<Copies>,
    last_sent: Option<(usize, Rc<str>)>,
    last_received: String,
    /// Commands that no step has taken yet.
    told: VecDeque<Rc<str>>,
    /// There are no more.
    nobody_tells: bool,
    /// The step that took it, and its hash, until something is sent.
    last_taken: Option<(usize, u64)>,
    /// What was sent upon what: sent again when that comes again.
    answered: Option<Answered>,
    established: bool,
    ack_is_pending: bool,
    is_over: bool,
    waits_at_end: bool,
    peer_tag: Option<String>,
    routes: Option<String>,
    next_url: String,
    challenge: Option<(u16, String)>,
    nonces_used: u32,
    transactions: BTreeMap<String, Transaction>,
    mismatch: Option<Mismatch>,
    timers: BTreeMap<String, Instant>,
    /// Measured already.
    measured: Vec<String>,
    fields_line: Vec<usize>,
}

/// Copies of what was sent last, until it is answered.
#[derive(Debug, Clone, Copy)]
struct Copies {
    next: Instant,
    delay: Duration,
    sent: u32,
}

#[derive(Debug, Clone, Copy)]
struct Answered {
    received: u64,
    by: usize,
}

#[derive(Debug, Default)]
struct Transaction {
    branch: String,
    ack: Option<usize>,
    response: Option<u64>,
}

/// Whether the steps go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Waiting,
}

impl Call {
    /// `id`: the Call-ID, for a call that a peer has begun. `peer`: where that one is.
    pub fn new(
        (scenario, setup): (Rc<Scenario>, Rc<Setup>),
        number: u64,
        id: Option<&str>,
        peer: Option<SocketAddr>,
        media_port: u16,
        mut random: Random,
        now: Instant,
    ) -> Call {
        let own_id = || format!("{number}-{}@{}", setup.process, setup.local.ip());
        let fields_line = setup.fields.iter().map(|file| file.line_for(number, &mut random)).collect();
        Call {
            id: id.map_or_else(own_id, str::to_owned),
            destination: peer.unwrap_or(setup.remote),
            variables: vec![Value::Unset; scenario.names.variables().len()],
            scenario,
            setup,
            number,
            began: now,
            at: 0,
            random,
            cseq: 0,
            media_port,
            paused_until: None,
            wait_until: None,
            copies: None,
            last_sent: None,
            last_received: String::new(),
            told: VecDeque::new(),
            nobody_tells: false,
            last_taken: None,
            answered: None,
            established: false,
            ack_is_pending: false,
            is_over: false,
            waits_at_end: false,
            peer_tag: None,
            routes: None,
            next_url: String::new(),
            challenge: None,
            nonces_used: 0,
            transactions: BTreeMap::new(),
            mismatch: None,
            timers: BTreeMap::new(),
            measured: Vec::new(),
            fields_line,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.paused_until.or(self.wait_until);
        self.copies.map(|copies| copies.next).into_iter().chain(waiting).min().filter(|_| !self.is_over)
    }

    pub fn on_event(&mut self, now: Instant, event: Event, shared: &mut Shared, out: &mut Vec<Command>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Begin => self.run(now, shared, out),
            Event::Received(message) => {
                if self.take(now, message, shared, out) == Goes::On {
                    self.run(now, shared, out);
                }
            }
            Event::Told(text) => {
                self.told.push_back(text);
                self.run(now, shared, out);
            }
            Event::NobodyTells => {
                self.nobody_tells = true;
                self.run(now, shared, out);
            }
            Event::Tick => self.run(now, shared, out),
            Event::Closed if self.waits_at_end => self.end(now, None, out),
            Event::Closed => self.fail(now, Failure::Closed, out),
        }
    }

    /// Does the actions of `<init>`, once for all calls.
    pub fn prepare(&mut self, now: Instant, shared: &mut Shared, out: &mut Vec<Command>) {
        let scenario = self.scenario.clone();
        for step in &scenario.first {
            self.act(now, step, "", shared, out);
        }
    }

    fn run(&mut self, now: Instant, shared: &mut Shared, out: &mut Vec<Command>) {
        let scenario = self.scenario.clone();
        for _ in 0..MOST_STEPS_AT_ONCE {
            let Some(step) = scenario.steps.get(self.at) else { return self.end(now, None, out) };
            let skipped = step.only_if.is_some_and(|(variable, wanted)| self.get(variable, shared).is_set() != wanted);
            if skipped {
                self.next(shared);
                continue;
            }
            self.send_copies(now, out);
            if self.is_over {
                return;
            }
            if let Some(until) = self.paused_until {
                if until > now {
                    return;
                }
                self.paused_until = None;
                self.next(shared);
                continue;
            }
            if self.execute(now, step, shared, out) == Goes::Waiting || self.is_over {
                return;
            }
        }
        self.fail(now, Failure::Endless, out);
    }

    fn execute(&mut self, now: Instant, step: &Step, shared: &mut Shared, out: &mut Vec<Command>) -> Goes {
        match &step.what {
            What::Pause { length, is_wait } => {
                let length = match length {
                    PauseLength::Drawn(distribution) => distribution.draw(&mut self.random),
                    PauseLength::Variable(variable) => self.get(*variable, shared).number(),
                };
                self.paused_until = Some(now + Duration::from_millis(length.max(0.0) as u64));
                self.waits_at_end = *is_wait;
                self.measure(now, step, out);
                self.act(now, step, "", shared, out);
                Goes::On
            }
            What::Nop => {
                self.measure(now, step, out);
                self.act(now, step, "", shared, out);
                if !self.is_over {
                    self.next(shared);
                }
                Goes::On
            }
            What::Send(sending) => self.send(now, step, sending, shared, out),
            What::Receive(receiving) => self.wait(now, receiving, out),
            What::SendCommand(command) => self.tell(now, step, command, shared, out),
            What::ReceiveCommand => self.be_told(now, step, shared, out),
        }
    }

    fn send(
        &mut self,
        now: Instant,
        step: &Step,
        sending: &Sending,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) -> Goes {
        if self.copies.is_some() {
            // not before the one before is answered
            return Goes::Waiting;
        }
        self.measure(now, step, out);
        if !sending.is_ack() && !sending.is_cancel() && !sending.is_response() {
            self.cseq += 1;
        }
        self.established |= sending.is_ack();
        self.ack_is_pending &= !sending.is_ack();
        let text = match self.message(now, &sending.message, self.at, shared) {
            Ok(text) => text,
            Err(why) => {
                self.fail(now, Failure::CannotSend(why), out);
                return Goes::Waiting;
            }
        };
        if !self.is_lost(sending.lost) {
            out.push(Command::Send(text.clone(), self.destination));
        }
        if let Some(transaction) = &sending.starts_transaction {
            let transaction = self.transactions.entry(transaction.clone()).or_default();
            transaction.branch = message::branch(&text).unwrap_or_default().to_owned();
        }
        if let Some(transaction) = &sending.acknowledges {
            self.transactions.entry(transaction.clone()).or_default().ack = Some(self.at);
        }
        if let Some((_, received)) = self.last_taken.take() {
            self.answered = Some(Answered { received, by: self.at });
        }
        let delay = sending.retransmit.filter(|_| self.setup.transport == Transport::Udp && self.setup.retransmits);
        self.copies = delay.map(|delay| Copies { next: now + delay, delay, sent: 0 });
        self.last_sent = Some((self.at, text.clone()));
        self.act(now, step, &text, shared, out);
        self.next(shared);
        Goes::On
    }

    /// Waits for what comes, or knows that it has not.
    fn wait(&mut self, now: Instant, receiving: &Receiving, out: &mut Vec<Command>) -> Goes {
        let timeout = receiving.timeout.or(self.setup.receive_timeout);
        match (self.wait_until, timeout) {
            (None, None) => Goes::Waiting,
            (None, Some(timeout)) => {
                self.wait_until = Some(now + timeout);
                Goes::Waiting
            }
            (Some(until), _) if until > now => Goes::Waiting,
            (Some(_), timeout) => {
                self.wait_until = None;
                match receiving.on_timeout.filter(|to| *to < self.scenario.steps.len()) {
                    Some(to) => {
                        self.at = to;
                        Goes::On
                    }
                    None => {
                        let (expected, after) = (self.expectation(), timeout.unwrap_or_default());
                        self.give_up(now, Failure::NothingCame { expected, after }, out);
                        Goes::Waiting
                    }
                }
            }
        }
    }

    /// Sends what was sent last once more when it is time to, or gives up.
    fn send_copies(&mut self, now: Instant, out: &mut Vec<Command>) {
        let Some(mut copies) = self.copies.filter(|copies| copies.next <= now) else { return };
        let Some((step, text)) = &self.last_sent else { return };
        let is_invite = text.starts_with("INVITE");
        if copies.sent >= if is_invite { INVITE_COPIES } else { OTHER_COPIES } {
            let failure = Failure::NoAnswer { sent: message::first_line(text).to_owned(), copies: copies.sent + 1 };
            let way_out = match self.scenario.steps.get(*step).map(|step| &step.what) {
                Some(What::Send(sending)) => sending.on_timeout.filter(|to| *to < self.scenario.steps.len()),
                _ => None,
            };
            self.copies = None;
            return match way_out {
                Some(to) => (self.at, self.wait_until, self.paused_until) = (to, None, None),
                None => self.give_up(now, failure, out),
            };
        }
        let (step, text) = (*step, text.clone());
        copies.delay *= 2;
        if !is_invite {
            copies.delay = copies.delay.min(T2);
        }
        copies.sent += 1;
        copies.next = now + copies.delay;
        self.copies = Some(copies);
        let lost = match self.scenario.steps.get(step).map(|step| &step.what) {
            Some(What::Send(sending)) => sending.lost,
            _ => 0.0,
        };
        if !self.is_lost(lost) {
            out.push(Command::Send(text, self.destination));
        }
    }

    /// Goes on with the next step, or where a branch leads.
    fn next(&mut self, shared: &Shared) {
        self.wait_until = None;
        let branch = self.scenario.steps.get(self.at).and_then(|step| step.branch);
        let taken = branch.filter(|branch| {
            let holds = branch.test.is_none_or(|test| self.get(test, shared).is_set());
            holds && (branch.chance >= 1.0 || self.chance() < branch.chance)
        });
        self.at = match taken {
            Some(branch) => branch.to,
            None => self.at.wrapping_add(1),
        };
    }

    /// 0 to 1, without the 1.
    fn chance(&mut self) -> f64 {
        (self.random.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn is_lost(&mut self, percent: f64) -> bool {
        percent > 0.0 && self.chance() * 100.0 < percent
    }

    fn measure(&mut self, now: Instant, step: &Step, out: &mut Vec<Command>) {
        if let Some(timer) = &step.starts_timer {
            self.timers.insert(timer.clone(), now);
        }
        if let Some(timer) = &step.stops_timer
            && let Some(began) = self.timers.get(timer)
            && !self.measured.contains(timer)
        {
            out.push(Command::Measured { timer: timer.clone(), time: now.saturating_duration_since(*began) });
            if !step.repeats_timer {
                self.measured.push(timer.clone());
            }
        }
    }

    fn get<'v>(&'v self, variable: Variable, shared: &'v Shared) -> &'v Value {
        static UNSET: Value = Value::Unset;
        match self.scenario.names.is_global(variable) {
            true => shared.globals.get(&variable).unwrap_or(&UNSET),
            false => self.variables.get(variable.0).unwrap_or(&UNSET),
        }
    }

    fn set(&mut self, variable: Variable, value: Value, shared: &mut Shared) {
        if self.scenario.names.is_global(variable) {
            shared.globals.insert(variable, value);
        } else if let Some(place) = self.variables.get_mut(variable.0) {
            *place = value;
        }
    }

    /// What the call is at, in words.
    fn expectation(&self) -> String {
        match self.scenario.steps.get(self.at).map(|step| &step.what) {
            Some(What::Receive(receiving)) => match &receiving.expected {
                Expected::Request(method) => format!("{method} is expected"),
                Expected::RequestLike(pattern) => format!("a request like {pattern} is expected"),
                Expected::Response { code, .. } => format!("{code} is expected"),
            },
            Some(What::Pause { .. }) => "nothing is expected in a pause".to_owned(),
            Some(What::Send(sending)) => format!("nothing is expected before \"{}\"", sending.message.first_word()),
            Some(What::ReceiveCommand) => "nothing is expected before a command".to_owned(),
            Some(What::SendCommand(_) | What::Nop) | None => "nothing is expected".to_owned(),
        }
    }

    fn optional(&self, step: usize) -> Optional {
        match self.scenario.steps.get(step).map(|step| &step.what) {
            Some(What::Receive(receiving)) => receiving.optional,
            _ => Optional::No,
        }
    }

    /// The call is over. A check that has failed on the way counts now.
    fn end(&mut self, now: Instant, failure: Option<Failure>, out: &mut Vec<Command>) {
        let failure = failure.or(self.mismatch.map(Failure::Check));
        self.is_over = true;
        let line =
            |step: usize| self.scenario.steps.get(step).or(self.scenario.steps.last()).map_or(0, |step| step.line);
        let outcome = Outcome {
            number: self.number,
            call_id: self.id.clone(),
            duration: now.saturating_duration_since(self.began),
            failure: failure.map(|why| Failed { step: self.at, line: line(self.at), why }),
        };
        out.push(Command::Ended(Box::new(outcome)));
    }

    fn fail(&mut self, now: Instant, failure: Failure, out: &mut Vec<Command>) {
        self.end(now, Some(failure), out);
    }
}

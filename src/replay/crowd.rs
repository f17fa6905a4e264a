//! All calls of a replay: which begin when, whose a message is, what became of each.
//! Knows: Call-IDs, rate, count. Must not: touch a socket or a clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::call::{self, Call, Command, Event, Shared};
use super::message;
use super::outcome::Outcome;
use super::scenario::{Keyword, Part, Scenario, Side, What};
use super::setup::Setup;
use super::value::{Value, Variable};
use crate::protocol::random::Random;

/// What comes for a call that is over is nothing new for so long.
const REMEMBERED: Duration = Duration::from_secs(33);
/// How far apart the media ports of calls are.
const PORTS_APART: u64 = 4;
const PORT_RANGE: u64 = 10_000;

/// How many calls, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    pub calls: u64,
    /// Calls a second.
    pub rate: f64,
    /// No more than so many at a time.
    pub limit: Option<usize>,
}

/// Which call a command is of.
pub type Ordered = (u64, Command);

pub struct Crowd {
    scenario: Rc<Scenario>,
    setup: Rc<Setup>,
    load: Load,
    shared: Shared,
    random: Random,
    began: Option<Instant>,
    started: u64,
    ended: u64,
    stopping: bool,
    stopped: bool,
    calls: HashMap<u64, Call>,
    ids: HashMap<String, u64>,
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Of calls that are over.
    past: VecDeque<(Instant, String)>,
    commands: Vec<Command>,
    has_own_media_port: bool,
}

impl Crowd {
    /// `variables`: values that variables begin with, by their names.
    pub fn new(
        scenario: Rc<Scenario>,
        setup: Rc<Setup>,
        load: Load,
        variables: &BTreeMap<String, String>,
        seed: u64,
    ) -> Crowd {
        let scenario = Rc::new(settled(&scenario, &setup));
        let mut shared = Shared::default();
        for (at, name) in scenario.names.variables().iter().enumerate() {
            if let Some(value) = variables.get(name).filter(|_| scenario.names.is_global(Variable(at))) {
                let value = value.parse().map_or_else(|_| Value::Text(value.clone()), Value::Number);
                shared.globals.insert(Variable(at), value);
            }
        }
        Crowd {
            has_own_media_port: has_own_media_port(&scenario),
            scenario,
            setup,
            load,
            shared,
            random: Random::new(seed),
            began: None,
            started: 0,
            ended: 0,
            stopping: false,
            stopped: false,
            calls: HashMap::new(),
            ids: HashMap::new(),
            deadlines: BinaryHeap::new(),
            past: VecDeque::new(),
            commands: Vec::new(),
        }
    }

    pub fn in_progress(&self) -> usize {
        self.calls.len()
    }

    pub fn is_over(&self) -> bool {
        let all = self.stopping || self.started >= self.load.calls;
        self.stopped || (all && self.calls.is_empty() && self.began.is_some())
    }

    /// Whose a Call-ID is.
    pub fn number_of(&self, call_id: &str) -> Option<u64> {
        self.ids.get(call_id).copied()
    }

    /// No call begins any more.
    pub fn start_no_more(&mut self) {
        self.stopping = true;
    }

    /// When [`Crowd::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let call = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let start = self.next_start().filter(|_| self.may_start());
        call.into_iter().chain(start).min()
    }

    /// The port a call's audio is sent from.
    pub fn media_port(&self, number: u64) -> u16 {
        let offset = if self.has_own_media_port { number.saturating_sub(1) * PORTS_APART % PORT_RANGE } else { 0 };
        self.setup.media_port.saturating_add(u16::try_from(offset).unwrap_or(0))
    }

    /// Begins calls that are due, and lets those go on whose time has come.
    pub fn tick(&mut self, now: Instant, wall: jiff::Timestamp, out: &mut Vec<Ordered>) {
        self.shared.wall = Some(wall);
        if self.began.is_none() {
            self.began = Some(now);
            self.prepare(now, out);
        }
        while self.may_start() && self.next_start().is_some_and(|at| at <= now) {
            self.start(now, None, None, out);
        }
        while let Some(Reverse((at, number))) = self.deadlines.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.deadlines.pop();
            // an old entry of a call that has another one by now
            if self.calls.get(&number).and_then(Call::deadline) == Some(at) {
                self.drive(now, number, Event::Tick, out);
            }
        }
        while self.past.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, id)) = self.past.pop_front() {
                self.ids.remove(&id);
            }
        }
    }

    /// A message has come.
    pub fn received(
        &mut self,
        now: Instant,
        wall: jiff::Timestamp,
        text: &str,
        from: SocketAddr,
        out: &mut Vec<Ordered>,
    ) {
        self.shared.wall = Some(wall);
        let Some(id) = message::call_id(text) else { return };
        let number = match self.ids.get(id) {
            Some(number) => *number,
            None if self.scenario.side == Side::Called && self.may_start() && message::status(text).is_none() => {
                let id = id.to_owned();
                self.start(now, Some(&id), Some(from), out)
            }
            None => return,
        };
        self.drive(now, number, Event::Received(text), out);
    }

    /// The scenario beside this one tells one of the calls something, or lets one begin.
    pub fn told(&mut self, now: Instant, wall: jiff::Timestamp, text: Rc<str>, out: &mut Vec<Ordered>) {
        self.shared.wall = Some(wall);
        let Some(id) = message::call_id_of_command(&text) else { return };
        let number = match self.ids.get(id) {
            Some(number) => *number,
            None if self.scenario.begins_when_told() && self.may_start() => {
                let id = id.to_owned();
                self.start(now, Some(&id), None, out)
            }
            None => return,
        };
        self.drive(now, number, Event::Told(text), out);
    }

    /// It tells nothing more.
    pub fn nobody_tells(&mut self, now: Instant, out: &mut Vec<Ordered>) {
        self.stopping |= self.scenario.begins_when_told();
        let mut numbers: Vec<u64> = self.calls.keys().copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().for_each(|number| self.drive(now, number, Event::NobodyTells, out));
    }

    /// The connection all calls go by is closed.
    pub fn closed(&mut self, now: Instant, out: &mut Vec<Ordered>) {
        let mut numbers: Vec<u64> = self.calls.keys().copied().collect();
        numbers.sort_unstable();
        self.stopping |= self.scenario.side == Side::Caller;
        numbers.into_iter().for_each(|number| self.drive(now, number, Event::Closed, out));
    }

    fn may_start(&self) -> bool {
        let room = self.load.limit.is_none_or(|limit| self.calls.len() < limit);
        !self.stopping && !self.stopped && room && self.started < self.load.calls
    }

    /// Counted from the first call, so that nothing adds up.
    fn next_start(&self) -> Option<Instant> {
        if self.scenario.side == Side::Called || self.scenario.begins_when_told() {
            return None;
        }
        let after = Duration::try_from_secs_f64(self.started as f64 / self.load.rate).ok()?;
        self.began.map(|began| began + after)
    }

    fn prepare(&mut self, now: Instant, out: &mut Vec<Ordered>) {
        if self.scenario.first.is_empty() {
            return;
        }
        let (scenario, setup) = (self.scenario.clone(), self.setup.clone());
        let mut call = Call::new((scenario, setup), 0, None, None, 0, Random::new(self.random.draw()), now);
        let mut commands = Vec::new();
        call.prepare(now, &mut self.shared, &mut commands);
        out.extend(commands.into_iter().map(|command| (0, command)));
    }

    fn start(&mut self, now: Instant, id: Option<&str>, peer: Option<SocketAddr>, out: &mut Vec<Ordered>) -> u64 {
        self.started += 1;
        let number = self.started;
        let (scenario, setup) = (self.scenario.clone(), self.setup.clone());
        let random = Random::new(self.random.draw());
        let call = Call::new((scenario, setup), number, id, peer, self.media_port(number), random, now);
        self.ids.insert(call.id().to_owned(), number);
        self.calls.insert(number, call);
        self.drive(now, number, Event::Begin, out);
        number
    }

    fn drive(&mut self, now: Instant, number: u64, event: Event, out: &mut Vec<Ordered>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let mut commands = std::mem::take(&mut self.commands);
        call.on_event(now, event, &mut self.shared, &mut commands);
        if let Some(at) = call.deadline() {
            self.deadlines.push(Reverse((at, number)));
        }
        for command in commands.drain(..) {
            match &command {
                Command::StartNoMoreCalls => self.stopping = true,
                Command::StopEverything => self.stopped = true,
                Command::Ended(outcome) => self.forget(now, outcome),
                _ => {}
            }
            out.push((number, command));
        }
        self.commands = commands;
    }

    fn forget(&mut self, now: Instant, outcome: &Outcome) {
        self.ended += 1;
        self.calls.remove(&outcome.number);
        self.past.push_back((now + REMEMBERED, outcome.call_id.clone()));
    }
}

/// A scenario whose messages have in them what is the same for all calls.
fn settled(scenario: &Scenario, setup: &Setup) -> Scenario {
    let mut scenario = scenario.clone();
    for step in &mut scenario.steps {
        if let What::Send(sending) = &mut step.what {
            sending.message = sending.message.settled(|keyword| call::settled(keyword, setup));
        }
    }
    scenario
}

/// Whether its messages name a port that is another one for each call.
fn has_own_media_port(scenario: &Scenario) -> bool {
    let own = |part: &Part| matches!(part, Part::Word(Keyword::StreamPort(_) | Keyword::AutoMediaPort(_)));
    scenario.steps.iter().any(|step| match &step.what {
        What::Send(sending) => sending.message.parts.iter().any(own),
        _ => false,
    })
}

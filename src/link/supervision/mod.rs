//! Which UM workers there must be: one that takes calls, others that only finish theirs, and a new one when it is time.
//! Knows: what workers say and what became of them, as events. Must not: start or end a process, or send anything.
//!
//! There are two slots (pairs of ports). The current worker has one; its replacement starts on the other, takes over
//! when it is ready, and the old one drains. A worker that dies, or says nothing for [`SILENCE`], is replaced at once,
//! and after that with growing pauses. A node that starts takes over the workers its predecessor left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Beat, WorkerId};

#[cfg(test)]
mod tests;

/// A worker that says nothing for so long is taken for dead.
pub const SILENCE: Duration = Duration::from_secs(5);
/// A worker that is not ready after so long will not be.
pub const START_WITHIN: Duration = Duration::from_secs(30);
/// So long a starting node waits for workers that live to connect.
pub const ADOPT_WITHIN: Duration = Duration::from_secs(3);
/// A worker that took calls for so long was a good one: its death is a new story.
pub const PROVEN: Duration = Duration::from_secs(60);
/// Pauses between starts that fail: doubled from the first on, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a program file must stay as it is before it is taken for complete.
const SETTLED: Duration = Duration::from_secs(2);

/// When a worker is replaced though nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The ports of the two slots; 0: whichever is free.
    pub ports: [u16; 2],
    pub max_age: Duration,
    /// Octets of resident memory.
    pub max_rss: u64,
}

/// Why a worker is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Command,
    Age,
    Memory,
    /// The program file has changed.
    Program,
    /// It is to listen elsewhere.
    Addresses,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The node begins; so many workers of an earlier node live.
    Begin {
        living: usize,
    },
    /// Somebody greeted: ours, or one an earlier node started.
    Hello {
        worker: WorkerId,
        pid: u32,
        port: u16,
        draining: bool,
        age: Duration,
        build: String,
    },
    /// Its listeners are up.
    Ready {
        worker: WorkerId,
        port: u16,
    },
    Beat {
        worker: WorkerId,
        beat: Beat,
    },
    /// It says why it cannot begin; its end follows.
    CannotStart {
        worker: WorkerId,
        reason: String,
    },
    /// The link to it broke; the process may live.
    LinkLost {
        worker: WorkerId,
    },
    /// The process is no more.
    Ended {
        worker: WorkerId,
        how: String,
    },
    /// A start was ordered and could not be done.
    StartFailed {
        worker: WorkerId,
        reason: String,
    },
    /// The mark of the program file at this moment.
    Program {
        build: String,
    },
    /// Replace the current worker.
    Recycle(Reason),
    /// The node ends: nobody is started any more.
    Retire,
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start a process with this name on a slot.
    Start {
        worker: WorkerId,
        slot: usize,
    },
    /// It is one of ours: tell it what it needs.
    Welcome {
        worker: WorkerId,
    },
    Drain {
        worker: WorkerId,
    },
    Kill {
        worker: WorkerId,
        pid: Option<u32>,
    },
    /// Where calls go from now on; `None`: nowhere.
    Current(Option<u16>),
    /// Its recordings are nobody's any more.
    Bury {
        worker: WorkerId,
        how: String,
    },
    /// For the log.
    Replacing {
        worker: WorkerId,
        reason: Reason,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Starting,
    Current,
    Draining,
    /// Told to die, and not dead yet.
    Killed,
}

/// One worker as the node knows it.
#[derive(Debug, Clone)]
pub struct Known {
    pub pid: Option<u32>,
    pub port: u16,
    pub state: State,
    pub born: Instant,
    /// Of the program it runs.
    pub build: String,
    pub beat: Beat,
    slot: usize,
    /// Since when it is in this state.
    since: Instant,
    heard: Instant,
}

pub struct Supervision {
    terms: Terms,
    /// Makes names of this node's workers its own.
    seed: u64,
    begun: bool,
    started: u64,
    workers: BTreeMap<WorkerId, Known>,
    build: Option<(String, Instant)>,
    /// Starts that came to nothing, one after another.
    failures: u32,
    /// How many of them since one last became ready: perhaps somebody else has the ports.
    unready: usize,
    /// Why the last of them did.
    last_failure: Option<String>,
    not_before: Option<Instant>,
    /// Until when workers of an earlier node are waited for, and how many.
    adopting: Option<(Instant, usize)>,
    replacement: Option<Reason>,
    retired: bool,
    /// How often a worker ended that was not told to.
    deaths: u64,
}

impl Supervision {
    /// `seed` makes the names of workers this node's own: any number no other node had.
    pub fn new(terms: Terms, seed: u64) -> Supervision {
        Supervision {
            terms,
            seed,
            begun: false,
            started: 0,
            workers: BTreeMap::new(),
            build: None,
            failures: 0,
            unready: 0,
            last_failure: None,
            not_before: None,
            adopting: None,
            replacement: None,
            retired: false,
            deaths: 0,
        }
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Begin { living } => {
                self.begun = true;
                self.adopting = (living > 0).then_some((now + ADOPT_WITHIN, living));
            }
            Event::Tick => {}
            Event::Hello { worker, pid, port, draining, age, build } => {
                self.greet(now, &worker, (pid, port, draining, age, build));
                out.push(Command::Welcome { worker });
            }
            Event::Ready { worker, port } => self.ready(now, &worker, port, out),
            Event::Beat { worker, beat } => self.heard(now, &worker, beat, out),
            Event::CannotStart { worker, reason } => {
                if self.workers.contains_key(&worker) {
                    self.last_failure = Some(reason);
                }
            }
            // silence decides, or the end of the process
            Event::LinkLost { .. } => {}
            Event::Ended { worker, how } => self.ended(now, worker, how, out),
            Event::StartFailed { worker, reason } => {
                self.workers.remove(&worker);
                self.failed(now, reason);
            }
            Event::Program { build } => self.look_at_program(now, build),
            Event::Recycle(reason) => self.replacement = self.current().is_some().then_some(reason),
            Event::Retire => self.retired = true,
        }
        self.look_for_silence(now, out);
        self.look_at_age(now);
        self.start_what_is_missing(now, out);
    }

    /// Every worker, by name.
    pub fn workers(&self) -> impl Iterator<Item = (&WorkerId, &Known)> {
        self.workers.iter()
    }

    pub fn current(&self) -> Option<(&WorkerId, &Known)> {
        self.workers.iter().find(|(_, known)| known.state == State::Current)
    }

    /// How often a worker ended that was not told to, since the node began.
    pub fn deaths(&self) -> u64 {
        self.deaths
    }

    /// What is wrong, for an administrator.
    pub fn problem(&self, now: Instant) -> Option<String> {
        if self.retired || self.current().is_some() {
            return None;
        }
        let why = self.last_failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let next = self.not_before.map_or(0, |at| at.saturating_duration_since(now).as_secs());
        Some(match next {
            0 => format!("no calls are taken: the UM worker is being started{why}"),
            next => format!(
                "no calls are taken: the UM worker ended, {} times in a row{why}; it is started again in {next} s",
                self.failures
            ),
        })
    }

    /// Why no worker could be started, if none ever was.
    pub fn failure(&self) -> Option<&str> {
        self.last_failure.as_deref().filter(|_| self.current().is_none() && self.failures > 0)
    }

    fn greet(&mut self, now: Instant, worker: &WorkerId, (pid, port, draining, age, build): Greeting) {
        if let Some(known) = self.workers.get_mut(worker) {
            known.pid = Some(pid);
            known.heard = now;
            known.build = build;
            return;
        }
        let slot = self.terms.ports.iter().position(|own| *own == port && port != 0);
        let slot = slot.or_else(|| self.free_slot()).unwrap_or(0);
        let state = if draining { State::Draining } else { State::Starting };
        let born = now.checked_sub(age).unwrap_or(now);
        let known =
            Known { pid: Some(pid), port, state, born, build, beat: Beat::default(), slot, since: now, heard: now };
        self.workers.insert(worker.clone(), known);
        if let Some((_, waited_for)) = &mut self.adopting {
            *waited_for = waited_for.saturating_sub(1);
        }
    }

    fn ready(&mut self, now: Instant, worker: &WorkerId, port: u16, out: &mut Vec<Command>) {
        let Some(known) = self.workers.get_mut(worker) else { return };
        known.port = port;
        known.heard = now;
        if known.state != State::Starting {
            return;
        }
        let born = known.born;
        // of two that an earlier node left, the younger one was to take over
        if self.current().is_some_and(|(_, current)| current.born > born) {
            return self.drain(now, worker, out);
        }
        let older = self.current().map(|(id, _)| id.clone());
        if let Some(known) = self.workers.get_mut(worker) {
            (known.state, known.since) = (State::Current, now);
        }
        self.replacement = None;
        self.unready = 0;
        self.not_before = None;
        self.last_failure = None;
        out.push(Command::Current(Some(port)));
        if let Some(older) = older {
            self.drain(now, &older, out);
        }
    }

    fn drain(&mut self, now: Instant, worker: &WorkerId, out: &mut Vec<Command>) {
        if let Some(known) = self.workers.get_mut(worker) {
            (known.state, known.since) = (State::Draining, now);
            out.push(Command::Drain { worker: worker.clone() });
        }
    }

    fn heard(&mut self, now: Instant, worker: &WorkerId, beat: Beat, out: &mut Vec<Command>) {
        let Some(known) = self.workers.get_mut(worker) else { return };
        known.heard = now;
        known.beat = beat;
        match known.state {
            // somebody else told it to
            State::Current if known.beat.draining => {
                (known.state, known.since) = (State::Draining, now);
                out.push(Command::Current(None));
            }
            State::Current => {
                if now.saturating_duration_since(known.since) >= PROVEN {
                    self.failures = 0;
                }
                if known.beat.rss >= self.terms.max_rss {
                    self.replacement.get_or_insert(Reason::Memory);
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, now: Instant, worker: WorkerId, how: String, out: &mut Vec<Command>) {
        let Some(known) = self.workers.remove(&worker) else { return };
        out.push(Command::Bury { worker, how: how.clone() });
        match known.state {
            State::Draining => {}
            _ if self.retired => {}
            State::Current => {
                self.deaths += 1;
                out.push(Command::Current(None));
                self.failed(now, how);
            }
            State::Starting | State::Killed => {
                self.deaths += 1;
                self.unready += 1;
                let why = self.last_failure.take().filter(|_| known.state == State::Starting).unwrap_or(how);
                self.failed(now, why);
            }
        }
    }

    /// The first start after a failure is at once, those after it wait longer and longer.
    fn failed(&mut self, now: Instant, why: String) {
        self.last_failure = Some(why);
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE),
        };
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + pause);
    }

    fn look_for_silence(&mut self, now: Instant, out: &mut Vec<Command>) {
        let mut silent = Vec::new();
        for (id, known) in &mut self.workers {
            let patience = if known.state == State::Starting { START_WITHIN } else { SILENCE };
            if now.saturating_duration_since(known.heard) >= patience {
                // a process that cannot be ended is told so again
                known.heard = now;
                silent.push((id.clone(), std::mem::replace(&mut known.state, State::Killed), known.pid));
            }
        }
        for (worker, was, pid) in silent {
            if was == State::Current {
                out.push(Command::Current(None));
            }
            out.push(Command::Kill { worker, pid });
        }
    }

    fn look_at_age(&mut self, now: Instant) {
        let Some((_, known)) = self.current() else { return };
        let age = now.saturating_duration_since(known.born);
        let settled = |(build, since): &(String, Instant)| {
            *build != known.build && now.saturating_duration_since(*since) >= SETTLED
        };
        if self.replacement.is_some() {
        } else if self.build.as_ref().is_some_and(settled) {
            self.replacement = Some(Reason::Program);
        } else if age >= self.terms.max_age {
            self.replacement = Some(Reason::Age);
        }
    }

    fn look_at_program(&mut self, now: Instant, build: String) {
        match &self.build {
            Some((known, _)) if *known == build => {}
            _ => self.build = Some((build, now)),
        }
    }

    fn start_what_is_missing(&mut self, now: Instant, out: &mut Vec<Command>) {
        if let Some((until, waited_for)) = self.adopting {
            let one_is_here = self.workers.values().any(|known| matches!(known.state, State::Current));
            if now < until && waited_for > 0 && !one_is_here {
                return;
            }
            self.adopting = None;
        }
        let is_starting = self.workers.values().any(|known| known.state == State::Starting);
        let wanted = self.current().is_none() || self.replacement.is_some();
        let waits = self.not_before.is_some_and(|at| now < at);
        if !self.begun || self.retired || is_starting || !wanted || waits {
            return;
        }
        let Some(slot) = self.free_slot() else { return };
        if let (Some((current, _)), Some(reason)) = (self.current(), self.replacement) {
            out.push(Command::Replacing { worker: current.clone(), reason });
        }
        self.started += 1;
        let worker = WorkerId(format!("{:08x}-{}", self.seed as u32, self.started));
        let known = Known {
            pid: None,
            port: self.terms.ports.get(slot).copied().unwrap_or_default(),
            state: State::Starting,
            born: now,
            build: self.build.as_ref().map(|(build, _)| build.clone()).unwrap_or_default(),
            beat: Beat::default(),
            slot,
            since: now,
            heard: now,
        };
        self.workers.insert(worker.clone(), known);
        out.push(Command::Start { worker, slot });
    }

    /// A slot whose ports no worker of ours holds; another one each time than where nobody got ready.
    fn free_slot(&self) -> Option<usize> {
        let slots = self.terms.ports.len();
        (0..slots)
            .map(|slot| (slot + self.unready) % slots)
            .find(|slot| self.workers.values().all(|known| known.slot != *slot))
    }
}

type Greeting = (u32, u16, bool, Duration, String);

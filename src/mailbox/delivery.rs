//! When each message is tried, tried again, and given up for an administrator: a pure state machine.
//! Knows: names of messages and mailboxes, attempts, the time handed in. Must not: touch spool or store; it says what
//! is to be done there.
//!
//! The time is the wall clock, because a schedule outlives the process that made it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::call::EntryId;
use super::store::{DeliveryError, Failure};

/// How often an attempt was made and what it came to: the content of `delivery.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryState {
    /// Since when the message waits.
    pub since: Timestamp,
    pub attempts: u32,
    /// How many of the attempts were refused for good (SMTP 5xx).
    #[serde(default)]
    pub refusals: u32,
    pub last_error: Option<String>,
    /// `None`: at once.
    pub next_attempt: Option<Timestamp>,
}

impl DeliveryState {
    pub fn new(since: Timestamp) -> Self {
        Self { since, attempts: 0, refusals: 0, last_error: None, next_attempt: None }
    }

    /// Parked once, and to be tried again from now on.
    pub fn again(now: Timestamp, last_error: Option<String>) -> Self {
        Self { last_error, ..Self::new(now) }
    }

    /// Why a message that cannot be read was set aside.
    pub fn damaged(reason: &str) -> Self {
        Self { last_error: Some(reason.to_owned()), ..Self::new(Timestamp::UNIX_EPOCH) }
    }

    /// What follows from an attempt that failed.
    pub fn after(&self, now: Timestamp, error: &DeliveryError) -> Verdict {
        let attempts = self.attempts.saturating_add(1);
        let refusals = self.refusals + u32::from(error.kind == Failure::Permanent);
        let wait = BACK_OFF.get(attempts as usize - 1).copied().unwrap_or(LONGEST_WAIT);
        let next = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let state = Self {
            since: self.since,
            attempts,
            refusals,
            last_error: Some(error.text.clone()),
            next_attempt: Some(next),
        };
        let given_up = refusals >= REFUSAL_LIMIT || now.duration_since(self.since) >= TIME_LIMIT;
        if given_up { Verdict::Park(Self { next_attempt: None, ..state }) } else { Verdict::Retry(state) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Retry(DeliveryState),
    Park(DeliveryState),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message is in `ready/`. One that is known already changes nothing, so the whole folder may be told again.
    Ready {
        id: EntryId,
        mailbox: String,
        state: DeliveryState,
    },
    /// An attempt succeeded, and the message has left the spool (or was not there any more).
    Delivered(EntryId),
    Failed(EntryId, DeliveryError),
    /// What [`Command::Park`] asked for is over, and no look into `ready/` from before that is still to be told. When
    /// it could not be done, the next look finds the message again.
    Parked(EntryId),
    /// [`Queue::next_deadline`] has passed.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make one attempt and answer with `Delivered` or `Failed`.
    Attempt(EntryId),
    /// Write this beside the message ([`Spool::note_attempt`](super::Spool::note_attempt)).
    Remember { id: EntryId, state: DeliveryState },
    /// Move the message to `failed/` ([`Spool::park`](super::Spool::park)) and raise an alarm.
    Park { id: EntryId, state: DeliveryState },
}

/// The messages that wait. One attempt at a time for each mailbox, so messages keep their order; and messages that
/// failed before take at most half of all attempts under way, so that a mailbox that hangs holds up nobody else.
#[derive(Debug)]
pub struct Queue {
    parallel: usize,
    waiting: BTreeMap<EntryId, Message>,
    /// Mailboxes with an attempt under way.
    busy: BTreeSet<String>,
    /// On their way to `failed/`: a look into `ready/` may still see them there.
    parking: BTreeSet<EntryId>,
}

#[derive(Debug)]
struct Message {
    mailbox: String,
    state: DeliveryState,
    under_way: bool,
}

impl Queue {
    /// `parallel`: attempts under way at once, at least 2.
    pub fn new(parallel: usize) -> Self {
        Self { parallel: parallel.max(2), waiting: BTreeMap::new(), busy: BTreeSet::new(), parking: BTreeSet::new() }
    }

    pub fn on_event(&mut self, now: Timestamp, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Ready { id, .. } if self.parking.contains(&id) => {}
            Event::Ready { id, mailbox, mut state } => {
                // A clock that was set back must not make a message wait for a year.
                let latest = now.saturating_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX);
                state.next_attempt = state.next_attempt.map(|at| at.min(latest));
                self.waiting.entry(id).or_insert(Message { mailbox, state, under_way: false });
            }
            Event::Delivered(id) => {
                if let Some(message) = self.waiting.remove(&id) {
                    self.busy.remove(&message.mailbox);
                }
            }
            Event::Failed(id, error) => {
                if let Some(mut message) = self.waiting.remove(&id) {
                    self.busy.remove(&message.mailbox);
                    match message.state.after(now, &error) {
                        Verdict::Retry(state) => {
                            out.push(Command::Remember { id: id.clone(), state: state.clone() });
                            message.state = state;
                            message.under_way = false;
                            self.waiting.insert(id, message);
                        }
                        Verdict::Park(state) => {
                            self.parking.insert(id.clone());
                            out.push(Command::Park { id, state });
                        }
                    }
                }
            }
            Event::Parked(id) => drop(self.parking.remove(&id)),
            Event::Tick => {}
        }
        self.start(now, out);
    }

    /// When a message that waits becomes due; `None` when only answers to attempts can change anything.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let idle = self.waiting.values().filter(|m| !m.under_way && !self.busy.contains(&m.mailbox));
        idle.filter_map(|message| message.state.next_attempt).min()
    }

    /// Since when this message waits; `None` when it is not known here.
    pub fn waits_since(&self, id: &EntryId) -> Option<Timestamp> {
        self.waiting.get(id).map(|message| message.state.since)
    }

    /// Since when the oldest of all waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.waiting.values().map(|message| message.state.since).min()
    }

    /// Messages that wait or are under way.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn start(&mut self, now: Timestamp, out: &mut Vec<Command>) {
        let mut under_way = self.waiting.values().filter(|message| message.under_way).count();
        let mut retries = self.waiting.values().filter(|m| m.under_way && m.state.attempts > 0).count();
        if under_way >= self.parallel {
            return;
        }
        let mut due: Vec<_> = self
            .waiting
            .iter_mut()
            .filter(|(_, message)| !message.under_way && message.state.next_attempt.is_none_or(|at| at <= now))
            .collect();
        due.sort_by_key(|(id, message)| (Reverse(message.state.attempts == 0), message.state.since, (*id).clone()));
        for (id, message) in due {
            let again = message.state.attempts > 0;
            if under_way >= self.parallel || (again && retries >= self.parallel / 2) {
                break;
            }
            if self.busy.insert(message.mailbox.clone()) {
                message.under_way = true;
                under_way += 1;
                retries += usize::from(again);
                out.push(Command::Attempt(id.clone()));
            }
        }
    }
}

/// Waiting time after the first, second, ... attempt.
const BACK_OFF: [SignedDuration; 5] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_secs(30),
    SignedDuration::from_secs(60),
    SignedDuration::from_secs(5 * 60),
    SignedDuration::from_secs(15 * 60),
];

/// Waiting time after all further attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);

/// A message is parked when this long was not enough (RFC 5321 4.5.4.1: four to five days).
const TIME_LIMIT: SignedDuration = SignedDuration::from_hours(5 * 24);

/// A message is parked after so many refusals for good: 21 minutes for an administrator who is just creating the mailbox.
const REFUSAL_LIMIT: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn id(name: &str) -> EntryId {
        EntryId::new(name).unwrap()
    }

    fn ready(name: &str, mailbox: &str) -> Event {
        Event::Ready { id: id(name), mailbox: mailbox.into(), state: DeliveryState::new(at(0)) }
    }

    fn step(queue: &mut Queue, now: Timestamp, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        queue.on_event(now, event, &mut out);
        out
    }

    fn attempts(commands: &[Command]) -> Vec<&str> {
        commands
            .iter()
            .filter_map(|command| if let Command::Attempt(id) = command { Some(id.as_str()) } else { None })
            .collect()
    }

    #[test]
    fn fresh_message_is_tried_at_once_and_forgotten_when_delivered() {
        let mut queue = Queue::new(4);
        assert_eq!(step(&mut queue, at(0), ready("a", "alice")), [Command::Attempt(id("a"))]);
        assert_eq!(step(&mut queue, at(0), ready("a", "alice")), [], "told again");
        assert_eq!(step(&mut queue, at(1), Event::Delivered(id("a"))), []);
        assert!(queue.is_empty());
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn temporary_failures_back_off_and_are_parked_after_five_days_not_dropped() {
        let mut queue = Queue::new(4);
        let mut now = at(0);
        let mut waits = Vec::new();
        assert_eq!(attempts(&step(&mut queue, now, ready("a", "alice"))), ["a"]);
        let parked = loop {
            let failed = Event::Failed(id("a"), DeliveryError::temporary("connection refused"));
            match step(&mut queue, now, failed).remove(0) {
                Command::Remember { state, .. } => {
                    let next = queue.next_deadline().unwrap();
                    assert_eq!(state.next_attempt, Some(next));
                    assert_eq!(step(&mut queue, next - SignedDuration::from_secs(1), Event::Tick), []);
                    assert_eq!(attempts(&step(&mut queue, next, Event::Tick)), ["a"]);
                    waits.push(next.duration_since(now).as_secs());
                    now = next;
                }
                Command::Park { state, .. } => break state,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(waits[..7], [10, 30, 60, 300, 900, 1800, 1800]);
        assert_eq!(parked.attempts as usize, waits.len() + 1);
        assert_eq!(parked.last_error.as_deref(), Some("connection refused"));
        let lasted = now.duration_since(at(0));
        assert!(lasted >= TIME_LIMIT && lasted < TIME_LIMIT + LONGEST_WAIT, "{lasted:?}");
        assert!(queue.is_empty());
    }

    #[test]
    fn refused_message_is_parked_after_six_refusals() {
        let mut state = DeliveryState::new(at(0));
        let refused = DeliveryError::permanent("550 no such user");
        for _ in 1..REFUSAL_LIMIT {
            let Verdict::Retry(next) = state.after(at(60), &refused) else { panic!("{state:?}") };
            state = next;
        }
        let Verdict::Park(parked) = state.after(at(60), &refused) else { panic!("{state:?}") };
        assert_eq!((parked.attempts, parked.next_attempt), (6, None));
    }

    #[test]
    fn message_on_its_way_to_failed_is_not_tried_again_by_a_look_that_still_saw_it() {
        let mut queue = Queue::new(4);
        let state = DeliveryState { refusals: REFUSAL_LIMIT - 1, ..DeliveryState::new(at(0)) };
        step(&mut queue, at(0), Event::Ready { id: id("a"), mailbox: "alice".into(), state });
        let parked = step(&mut queue, at(1), Event::Failed(id("a"), DeliveryError::permanent("550 no such user")));
        assert!(matches!(&parked[..], [Command::Park { .. }]), "{parked:?}");
        assert_eq!(step(&mut queue, at(1), ready("a", "alice")), [], "the rename is still to come");
        assert!(queue.is_empty());
        assert_eq!(step(&mut queue, at(2), Event::Parked(id("a"))), []);
        assert_eq!(attempts(&step(&mut queue, at(3), ready("a", "alice"))), ["a"], "moved back");
    }

    #[test]
    fn mailbox_takes_one_message_at_a_time_in_order_and_others_do_not_wait_for_it() {
        let mut queue = Queue::new(8);
        assert_eq!(attempts(&step(&mut queue, at(0), ready("a1", "alice"))), ["a1"]);
        assert!(attempts(&step(&mut queue, at(0), ready("a3", "alice"))).is_empty());
        assert!(attempts(&step(&mut queue, at(0), ready("a2", "alice"))).is_empty());
        assert_eq!(attempts(&step(&mut queue, at(0), ready("b1", "bob"))), ["b1"]);
        assert_eq!(attempts(&step(&mut queue, at(0), Event::Delivered(id("a1")))), ["a2"]);
        assert_eq!(attempts(&step(&mut queue, at(0), Event::Delivered(id("a2")))), ["a3"]);
    }

    #[test]
    fn mailboxes_that_hang_leave_room_for_fresh_messages() {
        let mut queue = Queue::new(4);
        let failed = DeliveryError::temporary("timed out");
        for name in ["h1", "h2", "h3", "h4", "h5"] {
            let mut state = DeliveryState::new(at(0));
            let Verdict::Retry(next) = state.after(at(0), &failed) else { panic!() };
            state = next;
            step(&mut queue, at(0), Event::Ready { id: id(name), mailbox: name.into(), state });
        }
        assert_eq!(attempts(&step(&mut queue, at(100), Event::Tick)), ["h1", "h2"], "half of four");
        assert_eq!(attempts(&step(&mut queue, at(100), ready("f1", "f1"))), ["f1"]);
        assert_eq!(attempts(&step(&mut queue, at(100), ready("f2", "f2"))), ["f2"]);
        assert!(attempts(&step(&mut queue, at(100), ready("f3", "f3"))).is_empty(), "four are under way");
        assert_eq!(attempts(&step(&mut queue, at(101), Event::Delivered(id("h1")))), ["f3"], "fresh ones first");
    }

    #[test]
    fn schedule_survives_a_restart_and_a_clock_set_back() {
        let Verdict::Retry(state) = DeliveryState::new(at(0)).after(at(0), &DeliveryError::temporary("x")) else {
            panic!()
        };
        let json = serde_json::to_vec(&state).unwrap();
        let state: DeliveryState = serde_json::from_slice(&json).unwrap();
        let mut queue = Queue::new(4);
        let event = Event::Ready { id: id("a"), mailbox: "alice".into(), state };
        assert_eq!(step(&mut queue, at(5), event.clone()), []);
        assert_eq!(queue.next_deadline(), Some(at(10)));

        let mut queue = Queue::new(4);
        let year = 365 * 86_400;
        assert_eq!(step(&mut queue, at(-year), event), []);
        assert_eq!(queue.next_deadline(), Some(at(-year) + LONGEST_WAIT));
    }
}

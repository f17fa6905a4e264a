//! The health of one peer: when it is asked (OPTIONS), on which of its addresses, and what it takes to be up or down.
//! Knows: instants, statuses of answers. Must not: know who the peer is, how an OPTIONS is sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::protocol::random::Random;
use crate::protocol::sip::{Status, Transport};

/// An address that leaves a request unanswered for so long is given up: time for five datagrams (RFC 3261 17.1.2.2).
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(8);
/// A peer that is down is asked after 1, 2, 4 and then always 8 intervals.
const LONGEST_BACK_OFF: u32 = 8;
/// Peers that were first asked together drift apart: each waits up to a sixteenth less than its interval.
const SPREAD: u64 = 16;

/// Where a peer may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    pub address: SocketAddr,
    pub transport: Transport,
}

/// A question to a peer, numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A final response.
    Answered { question: Question, status: Status },
    /// There will be none.
    NoAnswer { question: Question, why: String },
    /// [`Health::deadline`] has come. The first one asks at once.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Ask {
        question: Question,
        target: Target,
    },
    /// The peer is up or down, and was not, or was not known to be.
    Changed(Verdict),
}

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answered there.
    Up(Target),
    /// For this reason, in a sentence.
    Down(String),
}

/// One peer's health.
pub struct Health {
    /// The one that answered last comes first.
    targets: Vec<Target>,
    interval: Duration,
    random: Random,
    verdict: Option<Verdict>,
    /// Rounds without an answer, in a row.
    failures: u32,
    questions: u64,
    asking: Option<Asking>,
    deadline: Instant,
}

/// A round under way.
struct Asking {
    question: Question,
    /// In `targets`.
    at: usize,
    /// Why those before did not do.
    why: Vec<String>,
}

impl Health {
    /// `targets` in the order they are asked; the first one at `now`.
    pub fn new(targets: Vec<Target>, interval: Duration, seed: u64, now: Instant) -> Health {
        Health {
            targets,
            interval,
            random: Random::new(seed),
            verdict: None,
            failures: 0,
            questions: 0,
            asking: None,
            deadline: now,
        }
    }

    /// `None`: not known yet.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Answered { question, status } if self.asks(question) => match down_by(status) {
                Some(why) => self.next_target(now, why, out),
                None => self.is_up(now, out),
            },
            Event::NoAnswer { question, why } if self.asks(question) => self.next_target(now, why, out),
            // to a question that was given up
            Event::Answered { .. } | Event::NoAnswer { .. } => {}
            Event::Tick if now < self.deadline => {}
            Event::Tick if self.asking.is_some() => {
                self.next_target(now, format!("no answer within {} s", ANSWERS_WITHIN.as_secs()), out);
            }
            Event::Tick => self.ask(now, 0, Vec::new(), out),
        }
    }

    fn asks(&self, question: Question) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.question == question)
    }

    /// Asks a target, or knows that none is left.
    fn ask(&mut self, now: Instant, at: usize, why: Vec<String>, out: &mut Vec<Command>) {
        let Some(&target) = self.targets.get(at) else { return self.is_down(now, why, out) };
        self.questions += 1;
        let question = Question(self.questions);
        self.asking = Some(Asking { question, at, why });
        self.deadline = now + ANSWERS_WITHIN;
        out.push(Command::Ask { question, target });
    }

    fn next_target(&mut self, now: Instant, why: String, out: &mut Vec<Command>) {
        let Some(mut asking) = self.asking.take() else { return };
        if let Some(Target { address, transport }) = self.targets.get(asking.at) {
            asking.why.push(format!("{} {address}: {why}", transport.as_str()));
        }
        self.ask(now, asking.at + 1, asking.why, out);
    }

    fn is_up(&mut self, now: Instant, out: &mut Vec<Command>) {
        let Some(asking) = self.asking.take() else { return };
        let Some(&target) = self.targets.get(asking.at) else { return };
        self.targets.swap(0, asking.at);
        self.failures = 0;
        self.rest(now, 1);
        let was_up = matches!(self.verdict, Some(Verdict::Up(_)));
        self.verdict = Some(Verdict::Up(target));
        if !was_up {
            out.push(Command::Changed(Verdict::Up(target)));
        }
    }

    fn is_down(&mut self, now: Instant, why: Vec<String>, out: &mut Vec<Command>) {
        self.asking = None;
        let why = if why.is_empty() { "its address is not known".to_owned() } else { why.join("; ") };
        self.rest(now, 1 << self.failures.min(LONGEST_BACK_OFF.ilog2()));
        self.failures += 1;
        let was_down = matches!(self.verdict, Some(Verdict::Down(_)));
        let verdict = Verdict::Down(why);
        self.verdict = Some(verdict.clone());
        if !was_down {
            out.push(Command::Changed(verdict));
        }
    }

    fn rest(&mut self, now: Instant, intervals: u32) {
        let whole = self.interval * intervals;
        let less = whole.as_millis() as u64 / SPREAD;
        self.deadline = now + whole - Duration::from_millis(self.random.up_to(less));
    }
}

/// Whether a peer that answers so takes no calls. One that does not know OPTIONS lives all the same; 408, 503 and 504
/// come of proxies whose server does not.
fn down_by(status: Status) -> Option<String> {
    matches!(status.code(), 408 | 503 | 504)
        .then(|| format!("it answers {} {}", status.code(), status.default_reason()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(60);

    struct Peer {
        health: Health,
        now: Instant,
    }

    fn target(last: u8, transport: Transport) -> Target {
        Target { address: SocketAddr::from(([192, 0, 2, last], 5060)), transport }
    }

    impl Peer {
        fn new(targets: &[Target]) -> Peer {
            let now = Instant::now();
            Peer { health: Health::new(targets.to_vec(), INTERVAL, 7, now), now }
        }

        fn event(&mut self, event: Event) -> Vec<Command> {
            let mut out = Vec::new();
            self.health.on_event(self.now, event, &mut out);
            out
        }

        /// Lets time run to the next deadline; how long that was, and what came of it.
        fn wait(&mut self) -> (Duration, Vec<Command>) {
            let before = self.now;
            self.now = self.health.deadline();
            (self.now - before, self.event(Event::Tick))
        }

        fn answer(&mut self, commands: &[Command], status: u16) -> Vec<Command> {
            let [.., Command::Ask { question, .. }] = commands else { panic!("asks nothing: {commands:?}") };
            let status = Status::new(status).unwrap();
            self.event(Event::Answered { question: *question, status })
        }
    }

    fn asked(commands: &[Command]) -> Option<Target> {
        commands.iter().find_map(|command| match command {
            Command::Ask { target, .. } => Some(*target),
            Command::Changed(_) => None,
        })
    }

    #[test]
    fn asked_at_once_and_then_each_interval() {
        let udp = target(1, Transport::Udp);
        let mut peer = Peer::new(&[udp]);
        let (waited, first) = peer.wait();
        assert_eq!((waited, asked(&first)), (Duration::ZERO, Some(udp)));
        assert_eq!(peer.answer(&first, 200), [Command::Changed(Verdict::Up(udp))]);
        for _ in 0..5 {
            let (waited, again) = peer.wait();
            assert!(waited <= INTERVAL && waited >= INTERVAL * 15 / 16, "{waited:?}");
            assert_eq!(peer.answer(&again, 200), [], "it was up before");
        }
    }

    /// Statuses of those that live, and of those that do not.
    #[test]
    fn any_answer_is_life_but_those_that_say_otherwise() {
        for (status, up) in [(200, true), (404, true), (405, true), (480, true), (500, true), (501, true)]
            .into_iter()
            .chain([(408, false), (503, false), (504, false)])
        {
            let mut peer = Peer::new(&[target(1, Transport::Udp)]);
            let (_, first) = peer.wait();
            let told = peer.answer(&first, status);
            assert_eq!(matches!(told[..], [Command::Changed(Verdict::Up(_))]), up, "{status}");
            assert_eq!(matches!(told[..], [Command::Changed(Verdict::Down(_))]), !up, "{status}");
        }
    }

    #[test]
    fn every_way_is_tried_and_the_one_that_answered_comes_first_the_next_time() {
        let (udp, tcp) = (target(1, Transport::Udp), target(1, Transport::Tcp));
        let mut peer = Peer::new(&[udp, tcp]);
        let (_, first) = peer.wait();
        assert_eq!(asked(&first), Some(udp));
        let (waited, second) = peer.wait();
        assert_eq!((waited, asked(&second)), (ANSWERS_WITHIN, Some(tcp)));
        assert_eq!(peer.answer(&first, 200), [], "too late");
        assert_eq!(peer.answer(&second, 200), [Command::Changed(Verdict::Up(tcp))]);
        let (_, again) = peer.wait();
        assert_eq!(asked(&again), Some(tcp));
        let [Command::Ask { question, .. }] = again[..] else { panic!("{again:?}") };
        let refused = peer.event(Event::NoAnswer { question, why: "connection refused".to_owned() });
        assert_eq!(asked(&refused), Some(udp), "at once");
    }

    #[test]
    fn a_peer_that_is_down_is_asked_less_and_less_often_until_it_answers() {
        let udp = target(1, Transport::Udp);
        let mut peer = Peer::new(&[udp]);
        let mut rests = Vec::new();
        for round in 0..6 {
            let (rested, _) = peer.wait();
            rests.push(rested.as_secs_f64());
            let (_, told) = peer.wait();
            let why = "UDP 192.0.2.1:5060: no answer within 8 s".to_owned();
            let expected = if round == 0 { vec![Command::Changed(Verdict::Down(why))] } else { vec![] };
            assert_eq!(told, expected, "round {round}");
        }
        for (rested, intervals) in rests.iter().zip([0.0, 1.0, 2.0, 4.0, 8.0, 8.0]) {
            let whole = intervals * INTERVAL.as_secs_f64();
            assert!(*rested <= whole && *rested >= whole * 15.0 / 16.0, "{rests:?}");
        }
        let (_, asked) = peer.wait();
        assert_eq!(peer.answer(&asked, 200), [Command::Changed(Verdict::Up(udp))]);
        let (rested, _) = peer.wait();
        assert!(rested <= INTERVAL);
    }

    #[test]
    fn a_peer_without_an_address_is_down() {
        let mut peer = Peer::new(&[]);
        let (_, told) = peer.wait();
        assert_eq!(told, [Command::Changed(Verdict::Down("its address is not known".to_owned()))]);
        assert!(peer.health.deadline() > peer.now);
    }
}

//! kill -9 at every stage of a message, again and again: what the caller was told, or said long enough, is in the mailbox, once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::caller::{Call, Cut, Line};
use crate::node::{Mail, Node};

#[test]
fn killed_during_recording_keeps_what_was_said() {
    crash_again_and_again(Stage::Recording, 0x5eed_0001);
}

#[test]
fn killed_during_finishing_keeps_what_was_told() {
    crash_again_and_again(Stage::Finishing, 0x5eed_0002);
}

#[test]
fn killed_during_delivery_delivers_once() {
    crash_again_and_again(Stage::Delivery, 0x5eed_0003);
}

const KILLS: usize = 8;
const CALLERS: u64 = 16;
/// What of a recording is on its way to the disk: a second is written at once, a tenth held back, and what waits in
/// buffers of the network and of a busy machine.
const ON_ITS_WAY: f64 = 1.6;
/// A recording is cut behind its last word: a pause of the speech may be missing at its end.
const TRIMMED: f64 = 0.8;
/// What is shorter is no message.
const SHORTEST: f64 = 2.0;

/// Where a call is when the node is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Recording,
    /// The caller sends the last key, or the BYE.
    Finishing,
    /// The caller has begun to hear that the message was sent, or has been let go.
    Delivery,
}

impl Stage {
    /// How long a caller listens to the greeting and then speaks, so that a kill finds calls at every point around the
    /// one it is meant for.
    fn pace(self, chance: &mut Chance) -> (Duration, Duration) {
        let (listens, speaks) = match self {
            // until the kill comes, from its beginning on or for a while
            Stage::Recording => (chance.below(4000), 12_000),
            // long enough to be owed
            Stage::Finishing | Stage::Delivery => (0, 3700 + chance.below(500)),
        };
        (Duration::from_millis(listens), Duration::from_millis(speaks))
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// The node and its worker: the machine stops.
    Both,
    /// Calls go on, and the next node finds them.
    Node,
    /// The node starts another.
    Worker,
}

impl Victim {
    /// In turn.
    const ALL: [Victim; 4] = [Victim::Both, Victim::Worker, Victim::Both, Victim::Node];

    fn is_killed(self, node: &mut Node) {
        match self {
            Victim::Both => node.kill(),
            Victim::Node => node.kill_node(),
            Victim::Worker => node.kill_workers(),
        }
    }

    fn is_killed_again(self, node: &mut Node) {
        match self {
            // one that dies too often is given longer and longer pauses
            Victim::Worker => {}
            Victim::Both | Victim::Node => self.is_killed(node),
        }
    }

    fn is_restarted(self, node: &mut Node) {
        match self {
            // not by us
            Victim::Worker => {}
            Victim::Both | Victim::Node => node.restart(),
        }
    }
}

/// What a caller does.
#[derive(Clone, Copy)]
struct Habits {
    listens: Duration,
    speaks: Duration,
    /// Sends the message with keys; others hang up.
    sends: bool,
}

/// What a call left, as its caller knows it.
struct Left {
    call_id: String,
    /// When recording began.
    began: Option<Instant>,
    /// How long the caller spoke into it, seconds.
    spoken: f64,
    /// "Your message has been sent."
    told: bool,
}

fn crash_again_and_again(stage: Stage, seed: u64) {
    let mut chance = Chance(seed);
    let mut node = Node::start();
    let mut left = Vec::new();
    for victim in Victim::ALL.into_iter().cycle().take(KILLS) {
        left.extend(calls_until_killed(&mut node, stage, victim, &mut chance));
        // it dies again while it takes up what it finds
        for _ in 0..chance.below(3) {
            victim.is_restarted(&mut node);
            thread::sleep(Duration::from_millis(chance.below(400)));
            victim.is_killed_again(&mut node);
        }
        victim.is_restarted(&mut node);
        node.wait_until_ready();
    }
    let mails = node.mails_when_idle();
    let owed = left.iter().filter(|left| left.is_owed()).count();
    assert!(owed >= KILLS, "the test proves little: {owed} of {} calls left a message for certain", left.len());
    judge(&left, &mails);
}

/// Many callers at once, and a kill at the given stage of one of them.
fn calls_until_killed(node: &mut Node, stage: Stage, victim: Victim, chance: &mut Chance) -> Vec<Left> {
    let line = Line::default();
    let (reached, stages) = mpsc::channel();
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (sip, line, reached) = (node.sip(), line.clone(), reached.clone());
            let (listens, speaks) = stage.pace(chance);
            let habits = Habits { listens, speaks, sends: number % 3 > 0 };
            thread::spawn(move || leave_message(sip, habits, line, &reached))
        })
        .collect();
    drop(reached);
    let lucky = chance.below(CALLERS / 2) as usize;
    stages.iter().filter(|reached| *reached == stage).nth(lucky).expect("every caller gets there");
    thread::sleep(match stage {
        Stage::Recording => Duration::from_millis(2500 + chance.below(3500)),
        Stage::Finishing => Duration::from_micros(chance.below(15_000)),
        // near its beginning as a rule
        Stage::Delivery => Duration::from_micros(chance.below(800_000) >> chance.below(6)),
    });
    victim.is_killed(node);
    // calls do not notice that a node is away
    if !matches!(victim, Victim::Node) {
        line.cut();
    }
    callers.into_iter().filter_map(|caller| caller.join().expect("a caller's call goes well")).collect()
}

/// One call, as far as it gets; `None` when it was not answered.
fn leave_message(sip: SocketAddr, habits: Habits, line: Line, reached: &Sender<Stage>) -> Option<Left> {
    let mut call = Call::dial(sip, "1001", line).ok()?;
    let mut left = Left { call_id: call.id().to_owned(), began: None, spoken: 0.0, told: false };
    let outcome = converse(&mut call, habits, &mut left, reached);
    if outcome.is_err() && left.spoken == 0.0 {
        left.stops_speaking();
    }
    left.told = habits.sends && call.was_told();
    Some(left)
}

fn converse(call: &mut Call, habits: Habits, left: &mut Left, reached: &Sender<Stage>) -> Result<(), Cut> {
    // the one that waits for a stage listens no more when it has come
    let tell = |stage| {
        let _ = reached.send(stage);
    };
    call.talk(habits.listens)?;
    call.reach_recording()?;
    left.began = Some(Instant::now());
    tell(Stage::Recording);
    call.talk(habits.speaks)?;
    if !habits.sends {
        left.stops_speaking();
        tell(Stage::Finishing);
        call.hang_up()?;
        tell(Stage::Delivery);
        return Ok(());
    }
    call.press('#')?;
    left.stops_speaking();
    // nobody chooses from a menu before it begins
    call.talk(Duration::from_millis(100))?;
    call.press('1')?;
    call.listen_anew();
    tell(Stage::Finishing);
    call.press('#')?;
    tell(Stage::Delivery);
    call.wait_for_bye()
}

impl Left {
    fn stops_speaking(&mut self) {
        self.spoken = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
    }

    /// Whether there must be a voice message. (Of what is neither owed nor too short there may be one.)
    fn is_owed(&self) -> bool {
        self.told || self.spoken >= SHORTEST + ON_ITS_WAY
    }
}

fn judge(left: &[Left], mails: &[Mail]) {
    let mut by_call: HashMap<String, Vec<&Mail>> = HashMap::new();
    for mail in mails {
        assert_eq!(mail.alias, "alice");
        by_call.entry(mail.call_id()).or_default().push(mail);
    }
    for left in left {
        let Left { call_id, spoken, told, .. } = left;
        let mails = by_call.remove(call_id).unwrap_or_default();
        assert!(mails.len() <= 1, "{call_id} is in the mailbox {} times", mails.len());
        let recorded = mails.first().filter(|mail| mail.is_voice_message()).map(|mail| mail.seconds());
        let what = format!("{call_id}: spoke for {spoken:.2} s, told: {told}, in the mailbox: {recorded:?} s");
        assert!(recorded.is_some() || !left.is_owed(), "lost: {what}");
        let least = if *told { spoken - TRIMMED } else { SHORTEST.max(spoken - ON_ITS_WAY) };
        assert!(recorded.is_none_or(|seconds| seconds >= least), "cut short: {what}");
        assert!(recorded.is_none_or(|seconds| seconds <= spoken + 0.3), "made longer: {what}");
    }
    assert!(by_call.is_empty(), "mail of calls nobody made: {:?}", by_call.keys());
}

/// The same numbers in each run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit
    }
}

#[test]
#[should_panic(expected = "lost")]
fn a_message_that_is_missing_is_noticed() {
    let told = Left { call_id: "1@caller".to_owned(), began: None, spoken: 2.5, told: true };
    judge(&[told], &[]);
}

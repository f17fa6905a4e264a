use super::tests::setup;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::num::NonZeroU8;

/// What the caller and the world may do next. In [`World`] it happens only when it can: a key is pressed at any time, but
/// nothing is heard to its end that is not playing.
#[derive(Debug, Clone)]
enum Step {
    Key(char),
    HeardToTheEnd,
    /// Speaks so long, samples.
    Speak(u64),
    /// Says nothing until recording ends by itself, or the machine's next deadline comes.
    Wait,
    Stored(bool),
    DiskFull,
    HangUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::sample::select("0123456789*#A".chars().collect::<Vec<_>>()).prop_map(Step::Key),
        8 => Just(Step::HeardToTheEnd),
        5 => prop_oneof![0..2 * SHORTEST_MESSAGE, Just(SHORTEST_MESSAGE), Just(SHORTEST_MESSAGE - 1)].prop_map(Step::Speak),
        4 => Just(Step::Wait),
        3 => any::<bool>().prop_map(Step::Stored),
        1 => Just(Step::DiskFull),
        1 => Just(Step::HangUp),
    ]
}

fn any_setup() -> impl Strategy<Value = CallAnsweringSetup> {
    let bools = prop::array::uniform5(prop::bool::weighted(0.8));
    (bools, 1_u8..5, 1_u64..20, 10_u64..100).prop_map(
        |([named, allowed, offered, notified, room], failures, recording, call)| CallAnsweringSetup {
            anonymous: !named,
            anonymous_allowed: allowed,
            private_offered: offered,
            missed_call_notification: notified,
            disk_ok: room,
            input_failures: NonZeroU8::new(failures).unwrap(),
            max_recording: Duration::from_secs(recording),
            max_call: Duration::from_secs(call),
            ..setup()
        },
    )
}

/// A call with a world that keeps to the contract of [`Event`] and [`Command`], and checks that the machine does too.
struct World {
    machine: CallAnswering,
    now: Instant,
    playing: Option<PlayId>,
    recording: Option<Take>,
    /// What the spool holds, samples.
    message: u64,
    /// The caller chose to erase or to cancel since the last take.
    given_up: bool,
    stored: Option<Outcome>,
    /// The store has not answered.
    storing: bool,
    hung_up: bool,
    leaving: bool,
    finished: bool,
}

struct Take {
    spoken: u64,
    max: u64,
    stopping: bool,
}

impl World {
    fn new(setup: CallAnsweringSetup) -> Self {
        let mut world = Self {
            machine: CallAnswering::new(setup),
            now: Instant::now(),
            playing: None,
            recording: None,
            message: 0,
            given_up: false,
            stored: None,
            storing: false,
            hung_up: false,
            leaving: false,
            finished: false,
        };
        world.event(Event::Answered);
        world
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Key(key) if !self.hung_up => {
                if self.recording.is_none() && matches!(key, '3' | '*') {
                    self.given_up = true;
                }
                self.event(Event::Key(*key));
            }
            Step::HeardToTheEnd => {
                if let Some(id) = self.playing.take() {
                    self.event(Event::Played(id));
                }
            }
            Step::Speak(samples) => {
                if let Some(take) = &mut self.recording {
                    take.spoken = (take.spoken + samples).min(take.max);
                    if take.spoken == take.max {
                        self.take_ends(RecordingEnd::MaximumDuration);
                    }
                }
            }
            Step::Wait if self.recording.is_some() => self.take_ends(RecordingEnd::Silence),
            Step::Wait => {
                if let Some(deadline) = self.machine.next_deadline() {
                    self.now = self.now.max(deadline);
                    self.event(Event::Tick);
                }
            }
            Step::Stored(works) if self.storing => {
                self.storing = false;
                self.event(Event::Stored(if *works { Ok(()) } else { Err("no room".to_owned()) }));
            }
            Step::DiskFull => self.event(Event::DiskFull),
            Step::HangUp if !self.hung_up => {
                self.hung_up = true;
                self.playing = None;
                self.event(Event::HungUp);
            }
            Step::Key(_) | Step::Stored(_) | Step::HangUp => {}
        }
    }

    /// The caller does nothing any more; everything else goes its way.
    fn run_out(&mut self) {
        for _ in 0..1_000 {
            if self.finished {
                return;
            }
            for step in [Step::HeardToTheEnd, Step::Stored(true), Step::Wait] {
                self.step(&step);
            }
            if self.leaving {
                self.step(&Step::HangUp);
            }
        }
        panic!("the call does not end: {:?}", self.machine);
    }

    fn take_ends(&mut self, reason: RecordingEnd) {
        if let Some(take) = self.recording.take() {
            self.message += take.spoken;
            self.given_up = false;
            self.event(Event::RecordingEnded { reason, samples: take.spoken });
        }
    }

    fn event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.machine.on_event(self.now, event, &mut out);
        out.into_iter().for_each(|command| self.obey(command));
        if self.recording.as_ref().is_some_and(|take| take.stopping) {
            self.take_ends(RecordingEnd::Stopped);
        }
    }

    fn obey(&mut self, command: Command) {
        assert!(!self.finished, "{command:?} after the last command");
        match command {
            Command::Play { id, .. } | Command::PlayRecording { id, .. } => {
                assert!(!self.hung_up && !self.leaving, "{command:?} for a caller who is gone");
                assert!(self.recording.is_none(), "{command:?} while recording");
                if let Command::PlayRecording { samples, .. } = command {
                    assert_eq!(samples, self.message);
                }
                assert_eq!(self.playing.replace(id), None, "one at a time");
            }
            Command::StopPlaying => assert!(self.playing.take().is_some(), "nothing is playing"),
            Command::Record { from, max, .. } => {
                assert!(!self.hung_up && self.recording.is_none() && self.playing.is_none() && self.stored.is_none());
                self.erase_down_to(from);
                let max = u64::try_from(max.as_millis()).unwrap() * 8;
                self.recording = Some(Take { spoken: 0, max, stopping: false });
            }
            Command::StopRecording => {
                let take = self.recording.as_mut().expect("nothing is recorded");
                assert!(!std::mem::replace(&mut take.stopping, true), "stopped twice");
            }
            Command::DiscardRecording => self.erase_down_to(0),
            Command::Mark { .. } => assert!(self.stored.is_none(), "marked too late"),
            Command::Store(outcome) => {
                match outcome {
                    Outcome::VoiceMessage { samples, .. } => {
                        assert_eq!(samples, self.message);
                        assert!(samples >= SHORTEST_MESSAGE);
                    }
                    Outcome::MissedCall => {
                        assert!(self.machine.setup.missed_call_notification);
                        assert_eq!(self.message, 0, "a missed call is one without a message");
                    }
                }
                assert_eq!(self.stored.replace(outcome), None, "stored once");
                self.storing = true;
            }
            Command::HangUp => {
                let untold = self.storing && matches!(self.stored, Some(Outcome::VoiceMessage { .. }));
                assert!(!untold, "hung up on a caller who does not know what became of the message");
                assert!(!self.hung_up && !std::mem::replace(&mut self.leaving, true));
            }
            Command::Finished => {
                assert!(self.hung_up && !self.storing && self.recording.is_none());
                if self.machine.setup.missed_call_notification {
                    assert!(self.stored.is_some(), "the mailbox learns of every call");
                }
                self.finished = true;
            }
        }
    }

    /// Only the caller erases a message.
    fn erase_down_to(&mut self, samples: u64) {
        assert!(samples <= self.message);
        let erased = samples < self.message;
        assert!(!erased || self.given_up || self.message < SHORTEST_MESSAGE, "{} samples lost", self.message);
        self.message = samples;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_call_ends_and_loses_no_message(setup in any_setup(), steps in vec(step(), 0..80)) {
        let mut world = World::new(setup);
        steps.iter().for_each(|step| world.step(step));
        world.run_out();
        prop_assert_eq!(world.machine.next_deadline(), None);
    }

    /// A world that does not keep to the contract: no order of events makes it panic, speak to nobody, or store twice.
    #[test]
    fn no_order_of_events_confuses_it(setup in any_setup(), events in vec(any_event(), 0..60)) {
        let mut machine = CallAnswering::new(setup);
        let mut now = Instant::now();
        let (mut gone, mut stored, mut finished) = (false, 0, 0);
        for (event, later) in events {
            now += Duration::from_millis(later);
            gone |= event == Event::HungUp;
            let mut out = Vec::new();
            machine.on_event(now, event, &mut out);
            prop_assert!(finished == 0 || out.is_empty());
            for command in out {
                let speaks = matches!(command, Command::Play { .. } | Command::PlayRecording { .. } | Command::Record { .. });
                prop_assert!(!(gone && speaks), "{:?}", command);
                stored += u32::from(matches!(command, Command::Store(_)));
                finished += u32::from(command == Command::Finished);
            }
        }
        prop_assert!(stored <= 1 && finished <= 1);
    }
}

fn any_event() -> impl Strategy<Value = (Event, u64)> {
    let reason =
        prop::sample::select(vec![RecordingEnd::Silence, RecordingEnd::MaximumDuration, RecordingEnd::Stopped]);
    let event = prop_oneof![
        1 => Just(Event::Answered),
        4 => prop::sample::select("0123456789*#A\u{e9}".chars().collect::<Vec<_>>()).prop_map(Event::Key),
        6 => (0_u64..12).prop_map(|id| Event::Played(PlayId(id))),
        4 => (reason, any::<u64>()).prop_map(|(reason, samples)| Event::RecordingEnded { reason, samples }),
        1 => Just(Event::Stored(Ok(()))),
        1 => Just(Event::Stored(Err(String::new()))),
        1 => Just(Event::DiskFull),
        1 => Just(Event::HungUp),
        2 => Just(Event::Tick),
    ];
    (event, 0_u64..8_000)
}

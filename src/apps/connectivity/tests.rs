//! Test calls told as tables: what happens on the left, what is to be done on the right.

use std::time::{Duration, Instant};

use super::super::conversation::{Command, Event, PlayId, RecordingEnd};
use super::{Asked, Echo, Expected, Heard, Tester, TesterCommand as Do, TesterEvent as On};

fn stopped(samples: u64) -> Event {
    Event::RecordingEnded { reason: RecordingEnd::Stopped, samples }
}

fn record() -> Command {
    Command::Record { from: 0, max: Duration::from_secs(60), idle: Duration::from_secs(30) }
}

fn echo(table: Vec<(Event, Vec<Command>)>) -> Echo {
    let (mut echo, now) = (Echo::default(), Instant::now());
    for (event, expected) in table {
        let mut out = Vec::new();
        echo.on_event(now, event.clone(), &mut out);
        assert_eq!(out, expected, "at {event:?}");
    }
    echo
}

#[test]
fn what_was_recorded_is_played_back_and_never_kept() {
    let over = echo(vec![
        (Event::Answered, vec![record()]),
        (Event::Key('5'), vec![]),
        (Event::Key('#'), vec![Command::StopRecording]),
        // tones are no speech: none of it counts as a message
        (stopped(0), vec![Command::PlayRecording { id: PlayId(1), samples: u64::MAX }]),
        (Event::Key('#'), vec![]),
        (Event::Played(PlayId(1)), vec![Command::HangUp]),
        (Event::HungUp, vec![Command::DiscardRecording, Command::Finished]),
        (Event::HungUp, vec![]),
    ]);
    assert_eq!(over.next_deadline(), None);
}

#[test]
fn a_call_in_which_nothing_can_be_recorded_ends() {
    echo(vec![(Event::Answered, vec![record()]), (Event::DiskFull, vec![Command::HangUp])]);
    let gone = vec![Command::DiscardRecording, Command::Finished];
    echo(vec![(Event::HungUp, gone.clone()), (Event::Answered, vec![])]);
    echo(vec![(Event::Answered, vec![record()]), (Event::HungUp, gone), (stopped(8000), vec![])]);
}

#[test]
fn who_answers_hangs_up_after_two_minutes() {
    let (mut echo, begun, mut out) = (Echo::default(), Instant::now(), Vec::new());
    echo.on_event(begun, Event::Answered, &mut out);
    assert_eq!(echo.next_deadline(), Some(begun + Duration::from_secs(120)));
    out.clear();
    echo.on_event(begun + Duration::from_secs(120), Event::Tick, &mut out);
    assert_eq!(out, [Command::HangUp]);
}

struct Test {
    tester: Tester,
    asked: Asked,
    now: Instant,
}

impl Test {
    fn new(expected: Expected) -> Test {
        let now = Instant::now();
        let asked = Asked { expected, keys: "12a".to_owned(), deadline: now + Duration::from_secs(60) };
        Test { tester: Tester::new(asked.clone()), asked, now }
    }

    fn on(&mut self, event: On) -> Vec<Do> {
        let mut out = Vec::new();
        self.tester.on_event(self.now, event, &mut out);
        out
    }

    /// Until the machine's next deadline, so many milliseconds away.
    fn wait(&mut self, ms: u64) -> Vec<Do> {
        self.now += Duration::from_millis(ms);
        assert_eq!(self.tester.next_deadline(), Some(self.now));
        self.on(On::Tick)
    }

    fn verdict(&self, packets: u64) -> String {
        let judged = self.tester.heard().judge(&self.asked, packets);
        judged.map_or_else(|wanting| wanting.to_string(), |()| "success".to_owned())
    }
}

#[test]
fn tones_that_come_back_are_a_success() {
    let mut test = Test::new(Expected::SameTones);
    assert_eq!(test.on(On::Answered), [Do::SendTones("12a".into())]);
    assert_eq!(test.on(On::Sent), [Do::Press("#".into()), Do::Listen]);
    // the echo hangs up when it has played; what was heard is told after that
    assert_eq!(test.on(On::HungUp), []);
    assert_eq!(test.on(On::Heard("12A".into())), [Do::HangUp]);
    assert_eq!(test.tester.next_deadline(), None);
    assert_eq!(test.verdict(100), "success");
}

#[test]
fn what_is_wanting_is_said() {
    let mut test = Test::new(Expected::SameTones);
    test.on(On::Answered);
    test.on(On::Sent);
    test.on(On::Heard("1A".into()));
    assert_eq!(test.verdict(100), "the tones 12a were sent, and 1A came back");
    assert_eq!(test.verdict(0), "the call was answered, but no RTP packet came back");
    let silent = Heard { answered: true, tones: Some(String::new()), timed_out: false };
    let judged = silent.judge(&test.asked, 100).map_err(|wanting| wanting.to_string());
    assert_eq!(judged.unwrap_err(), "the tones 12a were sent, and none came back");

    let mut test = Test::new(Expected::SameTones);
    test.on(On::Answered);
    test.on(On::HungUp);
    assert_eq!(test.verdict(9), "the call ended before anything was played back");
}

#[test]
fn a_silent_echo_is_listened_to_for_half_a_minute() {
    let mut test = Test::new(Expected::SameTones);
    test.on(On::Answered);
    test.on(On::Sent);
    assert_eq!(test.wait(30_000), [Do::StopListening]);
    assert_eq!(test.on(On::Heard(String::new())), [Do::HangUp]);
}

#[test]
fn the_test_ends_when_its_time_is_over() {
    let mut test = Test::new(Expected::SameTones);
    assert_eq!(test.wait(60_000), [Do::HangUp]);
    assert_eq!(*test.tester.heard(), Heard { answered: false, tones: None, timed_out: true });

    let mut test = Test::new(Expected::SameTones);
    test.on(On::Answered);
    assert_eq!(test.wait(60_000), [Do::HangUp]);
    assert_eq!(test.verdict(9), "the time for the test was over before it had ended");
}

#[test]
fn behind_a_gateway_keys_are_pressed_and_any_media_will_do() {
    let mut test = Test::new(Expected::AnyMedia);
    assert_eq!(test.on(On::Answered), [Do::Listen, Do::Press("12a".into())]);
    assert_eq!(test.wait(3 * 300 + 2000), [Do::StopListening]);
    assert_eq!(test.on(On::Heard("99".into())), [Do::HangUp]);
    assert_eq!(test.verdict(1), "success");
    assert_eq!(test.verdict(0), "the call was answered, but no RTP packet came back");
}

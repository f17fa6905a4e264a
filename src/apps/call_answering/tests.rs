use super::*;
use crate::prompts::{GreetingId, Language};
use std::num::NonZeroU8;

pub(super) fn setup() -> CallAnsweringSetup {
    CallAnsweringSetup {
        language: Language::en_us(),
        name: CalledName::Number("1001".to_owned()),
        personal_greeting: None,
        max_recording: Duration::from_secs(1200),
        idle_timeout: Duration::from_secs(5),
        max_call: Duration::from_secs(1800),
        input_failures: NonZeroU8::new(3).unwrap(),
        anonymous: false,
        anonymous_allowed: true,
        private_offered: false,
        missed_call_notification: true,
        disk_ok: true,
    }
}

/// A call as its caller and the world around it meet it; what the machine asks for is told in words.
struct Call {
    machine: CallAnswering,
    now: Instant,
    playing: PlayId,
}

const SECOND: u64 = 8_000;
const GREETING: &str = "say extension-not-available(1001), record-after-tone, when-finished";
const MESSAGE_MENU: &str = "press-1-accept, press-2-replay, press-3-record-again, press-4-continue, press-star-cancel, \
                            press-0-repeat";
const DELIVERY_MENU: &str = "press-pound-send, press-1-high-importance, press-star-back, press-0-repeat";

impl Call {
    fn new(setup: CallAnsweringSetup) -> Self {
        Self { machine: CallAnswering::new(setup), now: Instant::now(), playing: PlayId(0) }
    }

    /// A call whose caller is being recorded.
    fn recording(setup: CallAnsweringSetup) -> Self {
        let mut call = Self::new(setup);
        call.on(Event::Answered);
        call.played();
        assert_eq!(call.played(), ["record from 0 s"]);
        call
    }

    /// A call whose caller spoke for so long and pressed `#`.
    fn at_menu(setup: CallAnsweringSetup, seconds: u64) -> Self {
        let mut call = Self::recording(setup);
        assert_eq!(call.key('#'), ["stop recording"]);
        assert_eq!(call.stopped(seconds), [format!("say {MESSAGE_MENU}")]);
        call
    }

    fn on(&mut self, event: Event) -> Vec<String> {
        let mut out = Vec::new();
        self.machine.on_event(self.now, event, &mut out);
        out.iter().map(|command| self.tell(command)).collect()
    }

    fn key(&mut self, key: char) -> Vec<String> {
        self.on(Event::Key(key))
    }

    /// What was said last is heard to its end.
    fn played(&mut self) -> Vec<String> {
        self.on(Event::Played(self.playing))
    }

    fn stopped(&mut self, seconds: u64) -> Vec<String> {
        self.ended(RecordingEnd::Stopped, seconds)
    }

    fn ended(&mut self, reason: RecordingEnd, seconds: u64) -> Vec<String> {
        self.on(Event::RecordingEnded { reason, samples: seconds * SECOND })
    }

    fn stored(&mut self) -> Vec<String> {
        self.on(Event::Stored(Ok(())))
    }

    fn hang_up(&mut self) -> Vec<String> {
        self.on(Event::HungUp)
    }

    /// Nothing happens until the machine's deadline, so many seconds away.
    fn wait(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        assert_eq!(self.machine.next_deadline(), Some(self.now));
        self.on(Event::Tick)
    }

    fn tell(&mut self, command: &Command) -> String {
        match command {
            Command::Play { id, language, what } => {
                self.playing = *id;
                assert_eq!(*language, self.machine.setup.language);
                format!("say {}", what.iter().map(say).collect::<Vec<_>>().join(", "))
            }
            Command::PlayRecording { id, samples } => {
                self.playing = *id;
                format!("replay {} s", samples / SECOND)
            }
            Command::StopPlaying => "hush".to_owned(),
            Command::Record { from, max, idle } => {
                assert_eq!(*max, self.machine.setup.max_recording - length(*from));
                assert_eq!(*idle, self.machine.setup.idle_timeout);
                format!("record from {} s", from / SECOND)
            }
            Command::StopRecording => "stop recording".to_owned(),
            Command::DiscardRecording => "discard".to_owned(),
            Command::Mark { importance, sensitivity } => format!("mark {importance:?} {sensitivity:?}"),
            Command::Store(Outcome::VoiceMessage { samples, importance, sensitivity }) => {
                format!("store {} s {importance:?} {sensitivity:?}", samples / SECOND)
            }
            Command::Store(Outcome::MissedCall) => "store missed call".to_owned(),
            Command::HangUp => "hang up".to_owned(),
            Command::Finished => "finished".to_owned(),
        }
    }

    /// The last words are heard, the call ends, and all is over.
    fn ends_after_farewell(&mut self) {
        assert_eq!(self.played(), ["hang up"]);
        assert_eq!(self.hang_up(), ["finished"]);
        assert_eq!(self.machine.next_deadline(), None);
    }
}

fn say(say: &Say) -> String {
    match say {
        Say::Prompt(id) => id.to_string(),
        Say::Phrase(id, filling) => format!("{id}({})", self::say(filling)),
        Say::Digits(digits) => digits.clone(),
        Say::Greeting(id) => format!("greeting {id}"),
        Say::Silence(length) => format!("{length:?}"),
        Say::Tone => "tone".to_owned(),
    }
}

// ---- the greeting

#[test]
fn a_caller_hears_the_system_greeting_and_the_tone_and_is_recorded() {
    let mut call = Call::new(setup());
    assert_eq!(call.on(Event::Answered), [GREETING]);
    assert_eq!(call.played(), ["say tone"]);
    assert_eq!(call.played(), ["record from 0 s"]);
}

#[test]
fn the_greeting_names_the_user_as_well_as_it_can() {
    let greeting = |name| Call::new(CallAnsweringSetup { name, ..setup() }).on(Event::Answered);
    let recorded = greeting(CalledName::Recorded(GreetingId::new("alice/name")));
    assert_eq!(recorded, ["say name-not-available(greeting alice/name), record-after-tone, when-finished"]);
    let unknown = greeting(CalledName::Unknown);
    assert_eq!(unknown, ["say person-you-called-not-available, record-after-tone, when-finished"]);
}

#[test]
fn a_personal_greeting_takes_the_place_of_the_systems() {
    let personal_greeting = Some(GreetingId::new("alice/personal"));
    let mut call = Call::new(CallAnsweringSetup { personal_greeting, ..setup() });
    assert_eq!(call.on(Event::Answered), ["say greeting alice/personal"]);
    assert_eq!(call.played(), ["say tone"]);
}

#[test]
fn any_key_skips_the_greeting() {
    for key in ['#', '1', '5', '9', 'A'] {
        let mut call = Call::new(setup());
        call.on(Event::Answered);
        assert_eq!(call.key(key), ["hush", "say tone"], "{key}");
        assert_eq!(call.key('#'), Vec::<String>::new(), "a second press is not yet an order");
        assert_eq!(call.played(), ["record from 0 s"]);
    }
}

#[test]
fn zero_and_star_in_the_greeting_are_explained_and_the_tone_follows() {
    for (key, told) in [('0', "operator-not-available"), ('*', "invalid-option")] {
        let mut call = Call::new(setup());
        call.on(Event::Answered);
        assert_eq!(call.key(key), ["hush".to_owned(), format!("say {told}, record-after-tone")]);
        assert_eq!(call.played(), ["say tone"]);
    }
}

#[test]
fn the_end_of_what_was_skipped_comes_late_and_changes_nothing() {
    let mut call = Call::new(setup());
    call.on(Event::Answered);
    let skipped = call.playing;
    call.key('#');
    assert_eq!(call.on(Event::Played(skipped)), Vec::<String>::new());
    assert_eq!(call.played(), ["record from 0 s"]);
}

// ---- recording

#[test]
fn a_caller_who_hangs_up_while_speaking_has_left_a_message() {
    let mut call = Call::recording(setup());
    assert_eq!(call.hang_up(), ["stop recording"]);
    assert_eq!(call.stopped(7), ["store 7 s Normal Normal"]);
    assert_eq!(call.stored(), ["finished"]);
}

#[test]
fn the_end_of_the_take_may_have_been_on_its_way_when_the_caller_hung_up() {
    let mut call = Call::recording(setup());
    call.hang_up();
    assert_eq!(call.ended(RecordingEnd::Silence, 3), ["store 3 s Normal Normal"]);
}

#[test]
fn silence_after_speech_sends_the_message() {
    let mut call = Call::recording(setup());
    assert_eq!(call.ended(RecordingEnd::Silence, 7), ["store 7 s Normal Normal"]);
    assert_eq!(call.key('#'), Vec::<String>::new(), "nothing is said before the message is durable");
    assert_eq!(call.stored(), ["say message-sent, goodbye"]);
    call.ends_after_farewell();
}

#[test]
fn silence_from_the_beginning_is_asked_about_once() {
    let mut call = Call::recording(setup());
    assert_eq!(call.ended(RecordingEnd::Silence, 0), ["say nothing-heard, record-after-tone"]);
    assert_eq!(call.played(), ["say tone"]);
    assert_eq!(call.played(), ["record from 0 s"]);
    assert_eq!(call.ended(RecordingEnd::Silence, 1), ["discard", "store missed call", "say nothing-heard, goodbye"]);
    assert_eq!(call.stored(), Vec::<String>::new());
    call.ends_after_farewell();
}

#[test]
fn the_maximum_length_is_announced_and_the_options_follow() {
    let mut call = Call::recording(setup());
    assert_eq!(
        call.ended(RecordingEnd::MaximumDuration, 1200),
        [format!("say maximum-length-reached, {MESSAGE_MENU}")]
    );
    let refused = ["hush".to_owned(), format!("say maximum-length-reached, {MESSAGE_MENU}")];
    assert_eq!(call.key('4'), refused, "there is no room to continue");
    call.hang_up();
    assert_eq!(call.stored(), ["finished"]);
}

#[test]
fn keys_other_than_pound_do_not_disturb_a_recording() {
    let mut call = Call::recording(setup());
    for key in "0123456789*ABCD".chars() {
        assert_eq!(call.key(key), Vec::<String>::new(), "{key}");
    }
}

#[test]
fn a_message_under_two_seconds_is_recorded_again() {
    let mut call = Call::recording(setup());
    for _ in 0..2 {
        call.key('#');
        assert_eq!(call.stopped(1), ["say message-too-short, record-after-tone"]);
        call.played();
        assert_eq!(call.played(), ["record from 0 s"]);
    }
    call.key('#');
    assert_eq!(call.stopped(1), ["discard", "store missed call", "say message-too-short, goodbye"]);
}

// ---- the options

#[test]
fn accepted_and_sent() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('1'), ["hush".to_owned(), format!("say {DELIVERY_MENU}")]);
    assert_eq!(call.key('#'), ["hush", "store 7 s Normal Normal"]);
    assert_eq!(call.stored(), ["say message-sent, goodbye"]);
    call.ends_after_farewell();
}

#[test]
fn importance_and_privacy_are_toggled_and_kept_through_the_other_menu() {
    let mut call = Call::at_menu(CallAnsweringSetup { private_offered: true, ..setup() }, 7);
    call.key('1');
    assert_eq!(
        call.key('1'),
        [
            "mark High Normal",
            "hush",
            "say importance-is-high, press-pound-send, press-1-normal-importance, press-2-private, press-star-back, \
             press-0-repeat"
        ]
    );
    assert_eq!(
        call.key('2'),
        [
            "mark High Private",
            "hush",
            "say message-is-private, press-pound-send, press-1-normal-importance, press-2-not-private, press-star-back, \
             press-0-repeat"
        ]
    );
    assert_eq!(call.key('1')[0], "mark Normal Private");
    assert_eq!(call.key('1')[0], "mark High Private");
    assert_eq!(call.key('*')[1], format!("say {MESSAGE_MENU}"));
    call.key('1');
    assert_eq!(call.key('#')[1], "store 7 s High Private");
}

#[test]
fn private_is_no_option_where_the_policy_does_not_protect() {
    let mut call = Call::at_menu(setup(), 7);
    call.key('1');
    assert_eq!(call.key('2')[1], format!("say invalid-option, {DELIVERY_MENU}"));
    assert_eq!(call.key('#')[1], "store 7 s Normal Normal");
}

#[test]
fn replayed_and_the_options_again() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('2'), ["hush", "replay 7 s"]);
    assert_eq!(call.played(), [format!("say {MESSAGE_MENU}")]);
    call.key('2');
    assert_eq!(call.key('1'), ["hush".to_owned(), format!("say {DELIVERY_MENU}")], "the options hold while replaying");
}

#[test]
fn erased_and_recorded_again() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('3'), ["discard", "hush", "say record-after-tone"]);
    call.played();
    assert_eq!(call.played(), ["record from 0 s"]);
    call.hang_up();
    assert_eq!(call.stopped(4), ["store 4 s Normal Normal"]);
}

#[test]
fn erased_and_nothing_recorded_again_is_a_missed_call() {
    let mut call = Call::at_menu(setup(), 7);
    call.key('3');
    assert_eq!(call.hang_up(), ["discard", "store missed call"]);
    assert_eq!(call.stored(), ["finished"]);
}

#[test]
fn continued_after_what_there_is() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('4'), ["hush", "say continue-after-tone"]);
    call.played();
    assert_eq!(call.played(), ["record from 7 s"]);
    call.key('#');
    assert_eq!(call.stopped(1), [format!("say {MESSAGE_MENU}")]);
    assert_eq!(call.key('2')[1], "replay 8 s");
}

#[test]
fn continued_and_silent_sends_what_there_is() {
    let mut call = Call::at_menu(setup(), 7);
    call.key('4');
    call.played();
    call.played();
    assert_eq!(call.ended(RecordingEnd::Silence, 0), ["store 7 s Normal Normal"]);
}

#[test]
fn cancelled_is_erased_and_a_missed_call() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('*'), ["discard", "store missed call", "hush", "say message-cancelled, goodbye"]);
    assert_eq!(call.stored(), Vec::<String>::new());
    call.ends_after_farewell();
}

#[test]
fn options_are_repeated_on_zero() {
    let mut call = Call::at_menu(setup(), 7);
    assert_eq!(call.key('0')[1], format!("say {MESSAGE_MENU}"));
    call.key('1');
    assert_eq!(call.key('0')[1], format!("say {DELIVERY_MENU}"));
}

#[test]
fn a_caller_who_chooses_nothing_is_asked_again_and_then_the_message_is_sent() {
    let mut call = Call::at_menu(setup(), 7);
    for _ in 0..2 {
        call.played();
        assert_eq!(call.wait(5), [format!("say no-option-chosen, {MESSAGE_MENU}")]);
    }
    call.played();
    assert_eq!(call.wait(5), ["store 7 s Normal Normal"]);
    assert_eq!(call.stored(), ["say message-sent, goodbye"]);
}

#[test]
fn wrong_keys_in_a_row_send_the_message_and_a_right_one_forgives_them() {
    let mut call = Call::at_menu(setup(), 7);
    for key in ['7', 'A'] {
        assert_eq!(call.key(key)[1], format!("say invalid-option, {MESSAGE_MENU}"), "{key}");
    }
    call.key('0');
    for _ in 0..2 {
        assert_eq!(call.key('#')[1], format!("say invalid-option, {MESSAGE_MENU}"));
    }
    assert_eq!(call.key('9'), ["hush", "store 7 s Normal Normal"]);
}

// ---- the end

#[test]
fn hanging_up_in_a_menu_keeps_the_message_and_its_marks() {
    let mut call = Call::at_menu(setup(), 7);
    call.key('1');
    call.key('1');
    assert_eq!(call.hang_up(), ["store 7 s High Normal"]);
    assert_eq!(call.stored(), ["finished"]);
}

#[test]
fn hanging_up_before_speaking_is_a_missed_call() {
    let mut rings = Call::new(setup());
    assert_eq!(rings.hang_up(), ["discard", "store missed call"]);
    let mut greeted = Call::new(setup());
    greeted.on(Event::Answered);
    assert_eq!(greeted.hang_up(), ["discard", "store missed call"]);
    let mut silent = Call::recording(setup());
    silent.hang_up();
    assert_eq!(silent.stopped(1), ["discard", "store missed call"]);
    assert_eq!(silent.stored(), ["finished"]);
}

#[test]
fn nobody_hears_of_a_missed_call_where_the_mailbox_does_not_want_to() {
    let mut call = Call::new(CallAnsweringSetup { missed_call_notification: false, ..setup() });
    call.on(Event::Answered);
    assert_eq!(call.hang_up(), ["discard", "finished"]);
}

#[test]
fn a_caller_who_hangs_up_while_the_message_is_stored_hears_nothing_more() {
    let mut call = Call::recording(setup());
    call.ended(RecordingEnd::Silence, 7);
    assert_eq!(call.hang_up(), Vec::<String>::new());
    assert_eq!(call.stored(), ["finished"]);
}

#[test]
fn a_message_that_could_not_be_made_durable_is_not_called_sent() {
    let mut call = Call::recording(setup());
    call.ended(RecordingEnd::Silence, 7);
    let failed = call.on(Event::Stored(Err("the disk is full".to_owned())));
    assert_eq!(failed, ["say message-not-saved, goodbye"]);
    call.ends_after_farewell();
}

#[test]
fn an_anonymous_caller_is_declined_where_the_mailbox_does_not_take_them() {
    let declined = CallAnsweringSetup { anonymous: true, anonymous_allowed: false, ..setup() };
    let mut call = Call::new(declined.clone());
    assert_eq!(call.on(Event::Answered), ["discard", "store missed call", "say number-withheld, goodbye"]);
    assert_eq!(call.stored(), Vec::<String>::new());
    call.ends_after_farewell();
    for (anonymous, anonymous_allowed) in [(true, true), (false, false), (false, true)] {
        let mut call = Call::new(CallAnsweringSetup { anonymous, anonymous_allowed, ..declined.clone() });
        assert_eq!(call.on(Event::Answered), [GREETING]);
    }
}

#[test]
fn a_full_disk_is_told_instead_of_the_greeting() {
    let mut call = Call::new(CallAnsweringSetup { disk_ok: false, ..setup() });
    assert_eq!(call.on(Event::Answered), ["discard", "store missed call", "say cannot-take-messages, goodbye"]);
    assert_eq!(call.on(Event::Stored(Err("the disk is full".to_owned()))), Vec::<String>::new());
    call.ends_after_farewell();
}

#[test]
fn a_disk_that_fills_up_ends_the_recording_and_keeps_what_there_is() {
    let mut call = Call::recording(setup());
    assert_eq!(call.on(Event::DiskFull), ["stop recording"]);
    assert_eq!(call.stopped(60), ["store 60 s Normal Normal"]);
    assert_eq!(call.stored(), ["say recording-stopped, message-sent, goodbye"]);
    call.ends_after_farewell();
}

#[test]
fn a_disk_that_fills_up_at_once_is_told() {
    let mut call = Call::recording(setup());
    call.on(Event::DiskFull);
    assert_eq!(call.stopped(0), ["discard", "store missed call", "say recording-stopped, goodbye"]);
    let mut greeted = Call::new(setup());
    greeted.on(Event::Answered);
    greeted.on(Event::DiskFull);
    greeted.played();
    assert_eq!(greeted.played(), ["discard", "store missed call", "say cannot-take-messages, goodbye"]);
}

#[test]
fn nothing_is_erased_while_nothing_can_be_recorded() {
    let mut call = Call::at_menu(setup(), 7);
    call.on(Event::DiskFull);
    for key in ['3', '4'] {
        assert_eq!(call.key(key)[1], format!("say cannot-take-messages, {MESSAGE_MENU}"), "{key}");
    }
    assert_eq!(call.hang_up(), ["store 7 s Normal Normal"]);
}

#[test]
fn the_longest_call_ends_with_its_message_sent() {
    let mut call = Call::recording(CallAnsweringSetup { max_call: Duration::from_secs(600), ..setup() });
    assert_eq!(call.wait(600), ["stop recording"]);
    assert_eq!(call.stopped(590), ["store 590 s Normal Normal"]);
    assert_eq!(call.stored(), ["say recording-stopped, message-sent, goodbye"]);

    let mut call = Call::at_menu(CallAnsweringSetup { max_call: Duration::from_secs(600), ..setup() }, 7);
    assert_eq!(call.wait(600), ["hush", "store 7 s Normal Normal"]);
    assert_eq!(call.stored(), ["say message-sent, goodbye"]);
}

#[test]
fn a_caller_who_has_us_on_hold_does_not_keep_the_call() {
    let mut call = Call::recording(setup());
    call.ended(RecordingEnd::Silence, 7);
    call.stored();
    assert_eq!(call.wait(30), ["hang up"]);
    assert_eq!(call.hang_up(), ["finished"]);
}

#[test]
fn a_take_whose_end_is_never_told_ends_all_the_same() {
    for gone in [false, true] {
        let mut call = Call::recording(setup());
        call.now += Duration::from_secs(10);
        assert_eq!(call.key('#'), ["stop recording"]);
        if gone {
            assert_eq!(call.on(Event::HungUp), [""; 0]);
        }
        assert_eq!(call.machine.next_deadline(), Some(call.now + Duration::from_secs(2)));
        call.now += Duration::from_secs(2);
        let mut out = Vec::new();
        call.machine.on_event(call.now, Event::Tick, &mut out);
        match gone {
            true => assert!(
                matches!(out[..], [Command::Store(Outcome::VoiceMessage { samples, .. })] if samples == 12 * SECOND),
                "{out:?}"
            ),
            false => assert_eq!(out.iter().map(|c| call.tell(c)).collect::<Vec<_>>(), [format!("say {MESSAGE_MENU}")]),
        }
        assert_eq!(call.stopped(10), [""; 0], "a late one does no harm");
    }
}

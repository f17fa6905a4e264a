//! Every scenario of `scenarios/`, played by sipp against a node of its own, and what it must come to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::node::{Mail, Node};
use crate::peers::Sipp;
use crate::sound;

/// A test for each scenario; the names are kept to see that none is left out.
macro_rules! scenarios {
    ($($scenario:literal $test:ident($play:ident) $check:block)*) => {
        const PLAYED: &[&str] = &[$($scenario),*];
        $(#[test] fn $test() { let $play = Play::new($scenario); $check })*
    };
}

scenarios! {
    "leave-message" leaves_message_over_udp(play) {
        play.run();
        let mail = play.voice_message_for("alice");
        assert_speech_arrived(&mail);
        assert_eq!(mail.header("X-CallingTelephoneNumber"), "+14255550100");
        assert_eq!(mail.header("Importance"), "");
        assert_eq!(mail.header("X-VoiceMessageDuration"), "5");
        assert_eq!(mail.subject(), "Voice Mail from Ada Lovelace (0:05)");
        assert_eq!(mail.attachment().unwrap().0, "+14255550100 (5 seconds) voice mail.wav");
    }

    "re-record-and-send" re_records_and_sends(play) {
        play.run();
        let mail = play.voice_message_for("alice");
        // of the second take the caller cut off the end; of the first nothing is left
        let second = first_seconds(SECOND_TAKE);
        assert_length(&mail, SECOND_TAKE, 0.3);
        let alike = sound::correlation(&second, &mail.audio(), 4000);
        assert!(alike > 0.9, "not the second take: {alike}");
        assert_eq!(mail.header("Importance"), "high");
    }

    "hang-up-during-greeting" hanging_up_during_greeting_is_a_missed_call(play) {
        play.run();
        let mail = play.missed_call_for("alice");
        assert_eq!(mail.header("X-CallingTelephoneNumber"), "+14255550100");
    }

    "dtmf-by-info" keys_by_info_replay_and_cancel(play) {
        play.run();
        play.missed_call_for("alice");
    }

    "hold-and-resume" message_goes_on_after_hold(play) {
        play.run();
        let mail = play.voice_message_for("alice");
        let recorded = mail.audio();
        let before = first_seconds(2.0);
        let alike = sound::correlation(&before, &recorded[..before.len()], 800);
        assert!(alike > 0.9, "what was said before the hold: {alike}");
        assert!(mail.seconds() > sound::seconds(&sound::speech()) - 0.2, "what was said after it: {} s", mail.seconds());
    }

    "late-offer" late_offer_is_answered_in_ack(play) {
        play.run();
        assert_speech_arrived(&play.voice_message_for("alice"));
    }

    "cancel-before-answer" cancelled_call_is_a_missed_call(play) {
        play.run();
        play.missed_call_for("alice");
    }

    "lost-ack" retransmitted_invite_and_lost_ack_are_one_call(play) {
        play.sipp().without_retransmission().run();
        play.missed_call_for("alice");
    }

    "bye-crossing" byes_that_cross_end_the_call(play) {
        play.run();
        play.missed_call_for("alice");
    }

    "prack" reliable_provisional_is_acknowledged(play) {
        play.run();
        play.missed_call_for("alice");
    }

    "update" session_is_updated(play) {
        play.run();
        play.missed_call_for("alice");
    }

    "session-timer-expiry" call_nobody_refreshes_ends_and_its_message_is_kept(play) {
        play.run();
        // the BYE comes a third of the interval before its end (RFC 4028 10)
        assert_length(&play.voice_message_for("alice"), 58.0, 2.0);
    }

    "session-interval-too-small" session_interval_too_small_is_422(play) {
        play.run();
        play.nothing_for_anybody();
    }

    "redirect-by-router" router_redirects_to_the_service(play) {
        play.sipp().to(play.node.router()).run();
        play.sipp().to(play.node.router()).over_tcp().run();
        play.nothing_for_anybody();
    }

    "redirect-by-service" service_redirects_to_the_worker(play) {
        play.sipp().to(play.node.service()).run();
        play.sipp().to(play.node.service()).over_tcp().run();
        play.nothing_for_anybody();
    }

    "unknown-extension" unknown_extension_is_404(play) {
        play.run();
        play.nothing_for_anybody();
    }

    "unknown-peer" unknown_peer_is_403(play) {
        play.sipp().from("127.0.0.2").run();
        play.nothing_for_anybody();
    }

    "unknown-option" unknown_option_is_420(play) {
        play.run();
        play.nothing_for_anybody();
    }

    "wrong-codec" no_common_codec_is_488(play) {
        play.run();
        play.nothing_for_anybody();
    }

    "options-ping" options_ping_is_answered(play) {
        play.run();
        play.nothing_for_anybody();
    }

    "silence-until-timeout" silence_ends_and_sends_the_message(play) {
        play.run();
        assert_speech_arrived(&play.voice_message_for("alice"));
    }

    "maximum-duration" message_of_maximum_length_is_sent(play) {
        play.sipp().service("5100").run();
        assert_length(&play.voice_message_for("brief"), 60.0, 0.05);
    }

    "e164-plan" e164_plan_finds_its_user(play) {
        play.sipp().service("+14255550199").run();
        play.voice_message_for("grace");
    }

    "sip-uri-plan" sip_uri_plan_finds_its_user(play) {
        play.sipp().service("um-pilot").run();
        play.voice_message_for("dana");
    }

    "extension-routed" request_uri_alone_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "diversion-quoted" diversion_with_quoted_parameters_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "diversion-tel-uri" diversion_with_tel_uri_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "diversion-two-values" latest_diversion_comes_first(play) {
        play.run();
        play.voice_message_for("bob");
    }

    "diversion-pilot-itself" diversion_that_names_the_pilot_is_passed_over(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "history-info-reason" history_info_with_escaped_reason_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "history-info-cause" history_info_with_cause_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }

    "target-parameter" target_parameter_names_the_user(play) {
        play.run();
        play.voice_message_for("alice");
    }
}

#[test]
fn leaves_message_over_tcp() {
    let play = Play::new("leave-message");
    play.sipp().over_tcp().run();
    assert_speech_arrived(&play.voice_message_for("alice"));
}

#[test]
fn every_scenario_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = files.filter_map(|name| name.strip_suffix(".xml").map(str::to_owned)).collect();
    assert_eq!(there, PLAYED.iter().map(|name| (*name).to_owned()).collect());
}

/// A node, and the scenario that is played to it.
struct Play {
    node: Node,
    scenario: &'static str,
}

impl Play {
    fn new(scenario: &'static str) -> Play {
        Play { node: Node::start(), scenario }
    }

    fn sipp(&self) -> Sipp {
        Sipp::new(&self.node, self.scenario)
    }

    fn run(&self) {
        self.sipp().run();
    }

    fn voice_message_for(&self, alias: &str) -> Mail {
        let mail = self.mail_for(alias);
        assert!(mail.is_voice_message(), "no voice message: {}", mail.subject());
        mail
    }

    fn missed_call_for(&self, alias: &str) -> Mail {
        let mail = self.mail_for(alias);
        assert!(mail.is_missed_call(), "no missed call: {}", mail.subject());
        mail
    }

    fn nothing_for_anybody(&self) {
        assert_eq!(self.subjects(), [""; 0]);
    }

    /// The only mail the call came to.
    fn mail_for(&self, alias: &str) -> Mail {
        let mails = self.node.mails_when_idle();
        let [mail] = mails.as_slice() else { panic!("not one mail, but {:?}", self.subjects()) };
        assert_eq!(mail.alias, alias, "delivered to another mailbox");
        mail.clone()
    }

    fn subjects(&self) -> Vec<String> {
        self.node.mails_when_idle().iter().map(|mail| format!("{}: {}", mail.alias, mail.subject())).collect()
    }
}

/// How long the second take of `re-record-and-send` is, seconds.
const SECOND_TAKE: f64 = 4.0;

/// The delivered sound is what was said: all of it, nothing more, as it sounded.
fn assert_speech_arrived(mail: &Mail) {
    let (said, delivered) = (sound::speech(), mail.audio());
    let longer = sound::seconds(&delivered) - sound::seconds(&said);
    assert!(longer.abs() <= 0.1, "longer than what was said by {longer:.3} s");
    let alike = sound::correlation(&said, &delivered, 800);
    assert!(alike > 0.95, "correlation with what was said: {alike:.3}");
}

fn assert_length(mail: &Mail, seconds: f64, tolerance: f64) {
    assert!((mail.seconds() - seconds).abs() <= tolerance, "{} s long, not {seconds}", mail.seconds());
}

fn first_seconds(seconds: f64) -> Vec<i16> {
    let mut speech = sound::speech();
    speech.truncate((seconds * 8000.0) as usize);
    speech
}

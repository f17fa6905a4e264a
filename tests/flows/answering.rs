//! A call is answered, greeted and recorded.

use std::time::Duration;

use crate::invite::Diverted;
use crate::sound::{Law, jingle, long_speech, prompt, speech, wav_bytes};
use crate::world::World;

const GREETING: [&str; 5] =
    ["person-at-extension", "digit-1", "is-not-available", "record-after-tone", "when-finished"];

#[test]
fn message_left_after_the_tone_is_in_the_mailbox_when_the_caller_hangs_up() {
    let world = World::new();
    let mut caller = world.gateway().invite("5000").diverted_from("1001", Diverted::NoAnswer).dial();

    caller.expect(200);
    caller.hear_all(&GREETING).hear_tone();
    caller.say(&speech());
    caller.hang_up();

    let mail = world.mailbox("alice").only_message();
    assert_eq!(mail.subject(), "Voice Mail from +14255550100 (0:05)");
    assert_eq!(mail.header("To").as_deref(), Some("\"Alice Moreau\" <alice@example.test>"));
    assert_eq!(mail.header("Message-Context").as_deref(), Some("voice-message"));
    assert_eq!(mail.header("Importance"), None);
    assert_eq!(mail.file_name(), "+14255550100 (5 seconds) voice mail.wav");
    assert!(mail.text().contains("+14255550100") && mail.text().contains("1001"), "{}", mail.text());
    mail.audio().assert_holds(&speech(), 0.99);
    mail.audio().assert_lasts(speech().len() as f64 / 8000.0, 0.2);
    caller.assert_steady_stream();
    world.assert_idle();
}

#[test]
fn a_call_forwarded_at_once_leaves_a_message_too() {
    let world = World::new();
    let mut caller = world.gateway().invite("5000").diverted_from("1002", Diverted::Unconditional).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("bob").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn call_routed_to_the_extension_itself_leaves_a_message_too() {
    let world = World::new();
    let mut caller = world.gateway().invite("1002").dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("bob").only_message().audio().assert_holds(&speech(), 0.99);
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn a_law_is_spoken_where_only_a_law_is_offered() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().speaking(Law::A).dial();
    let answer = caller.expect(200);
    assert_eq!(answer.sdp().unwrap().formats(), [8, 101]);
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    assert!(caller.heard().packets.iter().all(|packet| packet.payload_type == 8));
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn any_key_skips_the_greeting() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("person-at-extension");
    let began = world.now();
    caller.press('5').hear_tone();
    assert!(world.now() - began < Duration::from_secs(2), "the tone came {:?} after the key", world.now() - began);
    assert!(!caller.has_heard("when-finished"));
    caller.say(&speech()).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn zero_and_star_are_kept_for_what_is_not_there_yet() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("person-at-extension").press('0').hear("operator-not-available");
    caller.press('*').hear_all(&["invalid-option", "record-after-tone"]).hear_tone();
    caller.say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn history_info_tells_for_whom_the_call_was() {
    let world = World::new();
    let history = "<sip:1002@pbx.example.test>;index=1, \
                   <sip:5000@192.0.2.1?Reason=SIP%3Bcause%3D408>;index=1.1;mp=1";
    let mut caller = world.gateway().invite("5000").header("History-Info", history).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("bob").only_message();
    world.assert_idle();
}

#[test]
fn numbers_and_addresses_lead_to_mailboxes_too() {
    let world = World::with(|begin| {
        begin.organisation(
            r#"
            [[dial_plan]]
            name = "World"
            uri_type = "E164"
            number_of_digits_in_extension = 5
            country_or_region_code = "1"
            [[mailbox_policy]]
            name = "World Policy"
            dial_plan = "World"
            [[hunt_group]]
            name = "World Pilot"
            ip_gateway = "Loopback"
            dial_plan = "World"
            pilot_identifier = ["+14255559900"]
            [[mailbox]]
            alias = "ada"
            email_address = "ada@example.test"
            mailbox_policy = "World Policy"
            extensions = ["70123"]
            e164_numbers = ["+14255559901"]
            [[dial_plan]]
            name = "Names"
            uri_type = "SipName"
            number_of_digits_in_extension = 5
            [[mailbox_policy]]
            name = "Names Policy"
            dial_plan = "Names"
            [[hunt_group]]
            name = "Names Pilot"
            ip_gateway = "Loopback"
            dial_plan = "Names"
            pilot_identifier = ["voicemail@example.test"]
            [[mailbox]]
            alias = "kurt"
            email_address = "kurt@example.test"
            mailbox_policy = "Names Policy"
            extensions = ["80123"]
            sip_addresses = ["kurt.goedel@example.test"]
            "#,
        );
    });
    let diverted = "<sip:+14255559901@pbx.example.test;user=phone>;reason=unconditional";
    let mut caller = world.gateway().invite("+14255559900").header("Diversion", diverted).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("ada").only_message();

    let diverted = "<sip:kurt.goedel@example.test>;reason=no-answer";
    let mut caller =
        world.gateway().invite("voicemail").calling_host("example.test").header("Diversion", diverted).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("kurt").only_message();
    world.assert_idle();
}

#[test]
fn silence_after_the_message_ends_and_sends_it() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    let said = world.now();
    caller.hear("message-sent").hear("goodbye");
    let answered = world.now() - said;
    assert!((6..12).contains(&answered.as_secs()), "told after {answered:?}: the idle timeout is 5 s");
    caller.expect_bye();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_lasts(speech().len() as f64 / 8000.0, 0.4);
    world.assert_idle();
}

#[test]
fn who_never_speaks_is_asked_once_more_and_then_leaves_a_missed_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().hear_all(&["nothing-heard", "record-after-tone"]).hear_tone();
    caller.hear_all(&["nothing-heard", "goodbye"]);
    caller.expect_bye();
    let mail = world.mailbox("alice").only_missed_call();
    assert_eq!(mail.subject(), "Missed Call from +14255550100");
    world.assert_idle();
}

#[test]
fn a_recording_ends_at_the_maximum_duration_and_nothing_of_it_is_lost() {
    let world = World::with(|begin| {
        begin.edit("name = \"Lab\"\nuri_type", "name = \"Lab\"\nmax_recording_duration = \"1m\"\nuri_type");
    });
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(70)).stay_silent(Duration::from_secs(55));
    caller.hear_all(&["maximum-length-reached", "press-1-accept"]);
    caller.finish_speaking().press('1').hear("press-pound-send").press('#').hear("message-sent");
    caller.expect_bye();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_lasts(60.0, 0.05);
    audio.assert_holds(&long_speech(59), 0.98);
    world.assert_idle();
}

#[test]
fn a_call_ends_at_its_maximum_duration_with_the_message_kept() {
    let world = World::with(|begin| {
        let limits = "name = \"Lab\"\nmax_recording_duration = \"9m59s\"\nmax_call_duration = \"10m\"\nuri_type";
        begin.edit("name = \"Lab\"\nuri_type", limits);
    });
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    let began = world.now();
    caller.hear_tone().begin_to_say(&long_speech(600)).stay_silent(Duration::from_secs(570));
    caller.hear_all(&["recording-stopped", "message-sent", "goodbye"]);
    caller.expect_bye();
    let audio = world.mailbox("alice").only_message().audio();
    assert_eq!((world.now() - began).as_secs() / 10, 61, "ten minutes and the last words");
    assert!((570.0..599.0).contains(&audio.seconds()), "{}", audio.seconds());
    world.assert_idle();
}

#[test]
fn a_personal_greeting_is_played_in_place_of_the_systems() {
    let world = World::with(|begin| begin.file("greetings/alice/greeting.wav", &wav_bytes(&jingle())));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_sound("the jingle", &jingle()).hear_tone();
    assert!(!caller.has_heard("record-after-tone") && !caller.has_heard("person-at-extension"));
    caller.say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_spoken_name_is_played_within_the_systems_greeting() {
    let world = World::with(|begin| begin.file("greetings/alice/name.wav", &wav_bytes(&jingle())));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_sound("the name", &jingle()).hear_all(&["is-not-available", "record-after-tone"]).hear_tone();
    caller.hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_greeting_that_is_no_sound_does_not_keep_the_call_from_being_answered() {
    let world = World::with(|begin| begin.file("greetings/alice/greeting.wav", b"RIFF but nothing else"));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_language_without_prompts_is_spoken_in_english() {
    let world = World::new();
    let mut caller = world.gateway().invite("5000").diverted_from("1003", Diverted::UserBusy).dial();
    caller.expect(200);
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    world.mailbox("minji").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn who_hides_the_number_is_refused_where_the_mailbox_does_not_allow_it() {
    let world = World::with(|begin| {
        begin.edit("alias = \"alice\"", "alias = \"alice\"\nanonymous_callers_can_leave_messages = false");
    });
    let mut caller = world.gateway().call_for_alice().anonymously().dial();
    caller.expect(200);
    caller.hear_all(&["number-withheld", "goodbye"]);
    caller.expect_bye();
    assert!(!caller.has_heard("record-after-tone"));
    assert_eq!(world.mailbox("alice").only_missed_call().subject(), "Missed Call from an anonymous caller");

    let mut known = world.gateway().call_for_alice().dial();
    known.expect(200);
    known.hear_tone().hang_up();
    world.assert_idle();
}

#[test]
fn who_hides_the_number_is_not_named_in_the_message() {
    let world = World::new();
    let identity = "<sip:+14255550177@127.0.0.1>";
    let invite = world.gateway().call_for_alice().anonymously().header("P-Asserted-Identity", identity);
    let mut caller = invite.dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    let mail = world.mailbox("alice").only_message();
    assert_eq!(mail.subject(), "Voice Mail from an anonymous caller (0:05)");
    assert!(!mail.text().contains("0177") && mail.header("X-CallingTelephoneNumber").is_none(), "{}", mail.text());
    world.assert_idle();
}

#[test]
fn a_colleague_is_named_and_can_be_answered() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().numbered("1002").dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    let mail = world.mailbox("alice").only_message();
    assert_eq!(mail.subject(), "Voice Mail from Bob Tanner (0:05)");
    assert_eq!(mail.header("From").as_deref(), Some("\"Bob Tanner\" <bob@example.test>"));
    world.assert_idle();
}

#[test]
fn the_prompts_are_what_the_stories_listen_for() {
    for name in GREETING {
        assert!(prompt(name).len() > 1600, "{name} is no sound");
    }
}

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::*;
use crate::mailbox::call::{CallDetails, Finished, Recipient};
use crate::mailbox::delivery::DeliveryState;

fn composer() -> Composer {
    Composer {
        sender_name: "Ringpost".into(),
        sender_address: "ringpost@um.example.test".into(),
        time_zone: TimeZone::fixed(jiff::tz::offset(-7)),
    }
}

fn started() -> Timestamp {
    "2025-11-03T22:04:05Z".parse().unwrap()
}

fn entry(caller: Option<Caller>, outcome: Outcome) -> Entry {
    let details = CallDetails {
        id: EntryId::new("0a1b2c").unwrap(),
        node: "um.example.test".into(),
        mailbox: Recipient {
            alias: "alice".into(),
            address: "alice@example.test".into(),
            display_name: "Alice Ämter".into(),
        },
        caller,
        called: "1001".into(),
        started: started(),
        call_id: "a84b4c76e66710@pc33.example.test".into(),
        dial_plan: "Lab".into(),
        gateway: "Loopback".into(),
        reason: "DivertNoAnswer".into(),
        language: "en-US".into(),
        notify_missed_call: true,
        test: false,
    };
    let finished = Finished { at: started(), outcome };
    Entry {
        record: Record {
            details,
            importance: Importance::Normal,
            sensitivity: Sensitivity::Normal,
            finished: Some(finished),
            owner: None,
        },
        finished,
        delivery: DeliveryState::new(started()),
    }
}

fn number(number: &str) -> Option<Caller> {
    Some(Caller { number: Some(number.into()), ..Caller::default() })
}

fn voice(caller: Option<Caller>, samples: usize) -> (Letter, Vec<i16>) {
    let audio: Vec<i16> = (0..samples).map(|n| (n as i16).wrapping_mul(37)).collect();
    let entry = entry(caller, Outcome::VoiceMessage { samples: samples as u64 });
    (composer().compose(&entry, &audio), audio)
}

fn header<'a>(message: &'a mail_parser::Message<'_>, name: &'a str) -> Option<&'a str> {
    message.header_raw(name).map(str::trim)
}

#[test]
fn voice_message_reads_as_an_administrator_of_exchange_expects() {
    let (letter, audio) = voice(number("+14255550100"), 55_600);
    let message = MessageParser::new().parse(&letter.bytes).unwrap();

    assert_eq!(message.subject(), Some("Voice Mail from +14255550100 (0:07)"));
    assert_eq!(message.message_id(), Some("0a1b2c@um.example.test"));
    assert_eq!(letter.message_id, "0a1b2c@um.example.test");
    let from = message.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("+14255550100"), Some("ringpost@um.example.test")));
    let to = message.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("Alice Ämter"), Some("alice@example.test")));
    for (name, value) in [
        ("Date", "Mon, 03 Nov 2025 15:04:05 -0700"),
        ("X-CallingTelephoneNumber", "+14255550100"),
        ("X-VoiceMessageDuration", "7"),
        ("X-AttachmentOrder", "+14255550100 (7 seconds) voice mail.wav"),
        ("X-CallID", "a84b4c76e66710@pc33.example.test"),
        ("Content-Class", "voice-ca"),
        ("Message-Context", "voice-message"),
        ("Auto-Submitted", "auto-generated"),
    ] {
        assert_eq!(header(&message, name), Some(value), "{name}");
    }
    for name in ["Importance", "X-Priority", "Sensitivity", "X-VoiceMessageSenderName"] {
        assert_eq!(header(&message, name), None, "{name}");
    }
    assert_eq!(
        message.body_text(0).unwrap().replace("\r\n", "\n"),
        "You received a voice mail from +14255550100.\n\n\
         From: +14255550100\n\
         Called: 1001\n\
         Received: Monday, November 3, 2025, 3:04 PM (UTC-07:00)\n\
         Length: 7 seconds\n\n\
         The message is attached as a sound file.\n"
    );

    assert_eq!(message.attachment_count(), 1);
    let sound = message.attachment(0).unwrap();
    assert_eq!(sound.attachment_name(), Some("+14255550100 (7 seconds) voice mail.wav"));
    assert!(sound.is_content_type("audio", "wav"));
    assert!(String::from_utf8_lossy(&letter.bytes).contains("Content-Duration: 7\r\n"));
    let mut wav = hound::WavReader::new(sound.contents()).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (8000, 1));
    assert_eq!(wav.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), audio);
}

#[test]
fn importance_and_privacy_are_marked_in_headers_and_text() {
    let mut entry = entry(number("+14255550100"), Outcome::VoiceMessage { samples: 8000 });
    entry.record.importance = Importance::High;
    entry.record.sensitivity = Sensitivity::Private;
    let letter = composer().compose(&entry, &[0; 8000]);
    let message = MessageParser::new().parse(&letter.bytes).unwrap();
    assert_eq!(header(&message, "Importance"), Some("high"));
    assert_eq!(header(&message, "X-Priority"), Some("1"));
    assert_eq!(header(&message, "Sensitivity"), Some("private"));
    let text = message.body_text(0).unwrap();
    assert!(text.contains("Importance: High") && text.contains("Sensitivity: Private"), "{text}");
    assert!(text.contains("Length: 1 second\r\n"), "{text}");
}

#[test]
fn missed_call_has_no_attachment() {
    let caller =
        Caller { number: Some("1002".into()), display: Some("Bob".into()), address: Some("bob@example.test".into()) };
    let letter = composer().compose(&entry(Some(caller), Outcome::MissedCall), &[]);
    let message = MessageParser::new().parse(&letter.bytes).unwrap();
    assert_eq!(message.subject(), Some("Missed Call from Bob"));
    assert_eq!(header(&message, "Content-Class"), Some("missedcall"));
    assert_eq!(header(&message, "X-VoiceMessageSenderName"), Some("Bob"));
    assert_eq!(header(&message, "Message-Context"), None);
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("bob@example.test"));
    assert_eq!(message.attachment_count(), 0);
    assert!(message.body_text(0).unwrap().contains("From: Bob (1002)"));
}

#[test]
fn anonymous_caller_is_called_so() {
    let (letter, _) = voice(None, 16_000);
    let message = MessageParser::new().parse(&letter.bytes).unwrap();
    assert_eq!(message.subject(), Some("Voice Mail from an anonymous caller (0:02)"));
    assert_eq!(message.attachment(0).unwrap().attachment_name(), Some("anonymous (2 seconds) voice mail.wav"));
    assert_eq!(header(&message, "X-CallingTelephoneNumber"), None);
    let from = message.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Ringpost"), Some("ringpost@um.example.test")));
}

#[test]
fn durations_read_naturally() {
    for (seconds, short, long) in [
        (1, "0:01", "1 second"),
        (65, "1:05", "1 minute 5 seconds"),
        (120, "2:00", "2 minutes"),
        (3661, "1:01:01", "1 hour 1 minute 1 second"),
    ] {
        assert_eq!(clock(seconds), short);
        assert_eq!(Texts::of("en-US").in_words(seconds), long);
    }
    assert_eq!(whole_seconds(100), 1);
    assert_eq!(whole_seconds(11_999), 1);
    assert_eq!(whole_seconds(12_000), 2);
}

#[test]
fn unknown_language_falls_back() {
    for language in ["en-GB", "ko-KR", "", "EN-us"] {
        assert_eq!(Texts::of(language).language, "en-US");
    }
}

#[test]
fn the_same_entry_makes_the_same_octets() {
    assert_eq!(voice(number("1002"), 9000).0.bytes, voice(number("1002"), 9000).0.bytes);
}

/// Names of the header fields of the message itself, as any reader of mail sees them.
fn field_names(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let fields = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    fields.map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
}

const ALLOWED: [&str; 16] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Language",
    "X-CallID",
    "X-CallingTelephoneNumber",
    "X-VoiceMessageSenderName",
    "Message-Context",
    "Content-Class",
    "X-VoiceMessageDuration",
    "X-AttachmentOrder",
    "MIME-Version",
    "Content-Type",
];

fn hostile() -> impl Strategy<Value = String> {
    let bait = prop::sample::select(vec![
        "\r\nBcc: all@example.test\r\n",
        "\n\nbody",
        "\r",
        "\"",
        "\\",
        "<x@y>",
        "=?utf-8?Q?=0D=0ABcc:x?=",
        "--=_ringpost_",
        "\u{202e}",
        "\u{0}",
        "민지",
        "😀",
        ", ",
        ";",
        ":",
    ]);
    prop_oneof![
        prop::collection::vec(prop_oneof![bait.prop_map(str::to_owned), any::<String>()], 0..6)
            .prop_map(|parts| parts.concat()),
        any::<String>(),
        Just("x".repeat(5000)),
        Just("é".repeat(5000)),
    ]
}

proptest! {
    #[test]
    fn caller_cannot_add_a_header_an_address_or_a_part(
        display in hostile(), digits in hostile(), address in hostile(), call_id in hostile(), called in hostile(),
    ) {
        let caller = Caller { number: Some(digits), display: Some(display.clone()), address: Some(address) };
        let mut entry = entry(Some(caller), Outcome::VoiceMessage { samples: 800 });
        entry.record.details.call_id = call_id;
        entry.record.details.called = called;
        let letter = composer().compose(&entry, &[1; 800]);

        prop_assert!(letter.bytes.is_ascii());
        let text = std::str::from_utf8(&letter.bytes).unwrap();
        prop_assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n']) && line.len() <= 998));
        let mut names = field_names(&letter.bytes);
        prop_assert!(names.iter().all(|name| ALLOWED.contains(&name.as_str())), "{names:?}");
        let all = names.len();
        names.sort();
        names.dedup();
        prop_assert_eq!(all, names.len(), "a field twice");

        let message = MessageParser::new().parse(&letter.bytes).unwrap();
        let from = message.from().unwrap();
        prop_assert_eq!(from.clone().into_list().len(), 1);
        let shown = clean::line(&display);
        if !shown.is_empty() {
            prop_assert_eq!(from.first().unwrap().name(), Some(shown.as_str()));
        }
        prop_assert_eq!(message.to().unwrap().clone().into_list().len(), 1);
        prop_assert_eq!(message.parts.len(), 3, "container, text and sound");
        let name = message.attachment(0).unwrap().attachment_name().unwrap();
        prop_assert!(name.ends_with("voice mail.wav") && !name.contains(['/', '\\', ':', '"']), "{}", name);
        prop_assert_eq!(message.attachment(0).unwrap().contents().len(), 1644);
    }
}

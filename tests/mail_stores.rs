//! Messages delivered to real mail servers, and read back from them as their owners do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mail_parser::{Message, MessageParser, MimeHeaders};
use ringpost::engine::MemoryDisk;
use ringpost::engine::disk::RealDisk;
use ringpost::mailbox::delivery::Event;
use ringpost::mailbox::store::{Failure, Maildir, Security, SmtpSettings, SmtpStore};
use ringpost::mailbox::{
    CallDetails, Caller, Composer, Courier, DeliveryError, EntryId, Letter, MailboxStore, Recipient, Spool,
};

#[path = "support/mail.rs"]
mod mail;

use mail::{Dovecot, Exim, PASSWORD, Scratch, USER, free_port};

fn now() -> Timestamp {
    "2025-11-03T22:04:05Z".parse().unwrap()
}

/// Seven seconds of something.
fn speech() -> Vec<i16> {
    (0..56_000_i32).map(|n| ((f64::from(n) * 0.11).sin() * 9000.0) as i16).collect()
}

/// A spool in memory with one finished message for each name.
fn spool_with(names: &[&str], address: &str) -> Spool {
    let spool = Spool::open(Arc::new(MemoryDisk::default()), PathBuf::from("spool")).unwrap();
    for name in names {
        let details = CallDetails {
            id: EntryId::new(*name).unwrap(),
            node: "um.example.test".into(),
            mailbox: Recipient { alias: "alice".into(), address: address.into(), display_name: "Alice".into() },
            caller: Some(Caller {
                number: Some("+14255550100".into()),
                display: Some("Zoë \"Z\" Müller".into()),
                address: None,
            }),
            called: "1001".into(),
            started: now(),
            call_id: "a84b4c76e66710@pc33.example.test".into(),
            dial_plan: "Lab".into(),
            gateway: "Loopback".into(),
            reason: "DivertNoAnswer".into(),
            language: "en-US".into(),
            notify_missed_call: true,
            test: false,
        };
        let mut recording = spool.begin(details).unwrap();
        recording.append(&speech()).unwrap();
        recording.finish(u64::MAX, now()).unwrap();
    }
    spool
}

fn composer() -> Composer {
    Composer {
        sender_name: "Voice Mail".into(),
        sender_address: "um@example.test".into(),
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

fn letter(name: &str, address: &str) -> Letter {
    let spool = spool_with(&[name], address);
    let unused = Arc::new(Maildir::open(Arc::new(MemoryDisk::default()), "mail".into()).unwrap());
    Courier::new(spool, composer(), unused).letter(&EntryId::new(name).unwrap()).unwrap()
}

fn settings(port: u16, security: Security) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".into(),
        port,
        security,
        credentials: None,
        hello_name: "um.example.test".into(),
        return_path: Some("um@example.test".into()),
        timeout: Duration::from_secs(20),
        root_certificates: Vec::new(),
        connections: 2,
    }
}

fn signed_in(exim: &Exim, port: u16, security: Security) -> SmtpSettings {
    SmtpSettings {
        credentials: Some((USER.into(), PASSWORD.into())),
        root_certificates: vec![exim.certificate.clone()],
        ..settings(port, security)
    }
}

async fn refusal(settings: SmtpSettings, address: &str) -> DeliveryError {
    SmtpStore::new(settings).unwrap().deliver(letter("m1", address)).await.unwrap_err()
}

fn check_message(mail: &Message<'_>) {
    assert_eq!(mail.subject(), Some("Voice Mail from Zoë \"Z\" Müller (0:07)"));
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Zoë \"Z\" Müller"), Some("um@example.test")));
    assert_eq!(mail.attachment_count(), 1);
    let sound = mail.attachment(0).unwrap();
    assert_eq!(sound.attachment_name(), Some("+14255550100 (7 seconds) voice mail.wav"));
    let mut wav = hound::WavReader::new(sound.contents()).unwrap();
    assert_eq!(wav.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), speech());
}

#[tokio::test]
async fn smtp_server_takes_messages_over_encrypted_and_signed_in_connections_that_are_used_again() {
    let mut exim = Exim::with_tls();
    let store = Arc::new(SmtpStore::new(signed_in(&exim, exim.port, Security::StartTls)).unwrap());
    let names = ["m1", "m2", "m3", "m4", "m5", "m6"];
    let spool = spool_with(&names, "alice@example.test");
    let courier = Courier::new(spool.clone(), composer(), store);
    for name in names {
        let id = EntryId::new(name).unwrap();
        assert_eq!(courier.attempt(id.clone()).await, Event::Delivered(id));
    }
    assert!(spool.ready().unwrap().is_empty());

    let mut ids = Vec::new();
    for bytes in exim.inbox(names.len()) {
        let mail = MessageParser::new().parse(&bytes).unwrap();
        check_message(&mail);
        let received = mail.header_raw("Received").unwrap();
        assert!(received.contains("esmtpsa") && received.contains("TLS1.3"), "{received}");
        ids.push(mail.message_id().unwrap().to_owned());
    }
    ids.sort();
    assert_eq!(ids, names.map(|name| format!("{name}@um.example.test")));
    // a connection is back in the pool a moment after its message was taken: the next one may be too fast for it
    let connections = exim.logged("TCP/IP connection count");
    assert!(connections < names.len(), "{connections} connections for {} messages", names.len());
}

#[tokio::test]
async fn smtp_server_with_tls_from_the_first_octet_takes_a_message() {
    let mut exim = Exim::with_tls();
    let store = SmtpStore::new(signed_in(&exim, exim.tls_port, Security::Tls)).unwrap();
    store.deliver(letter("m1", "alice@example.test")).await.unwrap();
    check_message(&MessageParser::new().parse(&exim.inbox(1)[0]).unwrap());
}

#[tokio::test]
async fn opportunistic_security_delivers_to_a_server_without_tls() {
    let mut exim = Exim::without_tls();
    let store = SmtpStore::new(settings(exim.port, Security::Opportunistic)).unwrap();
    store.deliver(letter("m1", "alice@example.test")).await.unwrap();
    let store = SmtpStore::new(settings(exim.port, Security::Unprotected)).unwrap();
    store.deliver(letter("m2", "alice@example.test")).await.unwrap();
    assert_eq!(exim.inbox(2).len(), 2);
}

#[tokio::test]
async fn what_the_smtp_server_says_decides_between_again_and_never() {
    let exim = Exim::with_tls();
    let good = signed_in(&exim, exim.port, Security::StartTls);

    let unknown = refusal(good.clone(), "nobody@example.test").await;
    assert_eq!(unknown.kind, Failure::Permanent, "{unknown}");
    assert!(unknown.text.contains("no such user here"), "{unknown}");
    assert!(unknown.text.contains(&format!("localhost:{}", exim.port)), "{unknown}");

    let locked = refusal(good.clone(), "locked@example.test").await;
    assert_eq!(locked.kind, Failure::Temporary, "{locked}");
    assert!(locked.text.contains("mailbox is locked"), "{locked}");

    let nonsense = refusal(good.clone(), "no address").await;
    assert_eq!(nonsense.kind, Failure::Permanent, "{nonsense}");
}

#[tokio::test]
async fn what_an_administrator_can_mend_is_tried_again() {
    let mut exim = Exim::with_tls();
    let good = signed_in(&exim, exim.port, Security::StartTls);

    let mut settings = good.clone();
    settings.credentials = Some((USER.into(), "wrong".into()));
    let password = refusal(settings, "alice@example.test").await;
    assert_eq!(password.kind, Failure::Temporary, "{password}");
    assert!(password.text.contains("535"), "{password}");

    let stranger = SmtpSettings { root_certificates: Vec::new(), ..good.clone() };
    let certificate = refusal(stranger, "alice@example.test").await;
    assert_eq!(certificate.kind, Failure::Temporary, "{certificate}");
    assert!(certificate.text.contains("certificate"), "{certificate}");

    let nobody = SmtpSettings { port: free_port(), ..good };
    let refused = refusal(nobody, "alice@example.test").await;
    assert_eq!(refused.kind, Failure::Temporary, "{refused}");
    assert!(refused.text.contains("refused"), "{refused}");

    let mut plain = Exim::without_tls();
    let unprotected = refusal(signed_in(&plain, plain.port, Security::StartTls), "alice@example.test").await;
    assert_eq!(unprotected.kind, Failure::Temporary, "{unprotected}");
    assert!(unprotected.text.contains("STARTTLS"), "{unprotected}");
    assert_eq!((exim.logged("<="), plain.logged("<=")), (0, 0), "nothing was handed over");
}

#[tokio::test]
async fn dovecot_serves_the_maildir_and_a_repeated_delivery_is_recognised() {
    let scratch = Scratch::new("dovecot");
    let store = Maildir::open(Arc::new(RealDisk), scratch.path().join("mail")).unwrap();
    let letter = letter("m1", "alice@example.test");
    store.deliver(letter.clone()).await.unwrap();
    let mut dovecot = Dovecot::serve(&scratch); // it hands the scratch folder over

    let status = |dovecot: &Dovecot| {
        let answer = dovecot.imap("", Some("STATUS INBOX (MESSAGES UNSEEN)"));
        String::from_utf8(answer).unwrap().trim().to_owned()
    };
    assert_eq!(status(&dovecot), "* STATUS INBOX (MESSAGES 1 UNSEEN 1)");
    let bytes = dovecot.imap("INBOX;MAILINDEX=1", None);
    let mail = MessageParser::new().parse(&bytes).unwrap();
    check_message(&mail);
    assert_eq!(mail.message_id(), Some("m1@um.example.test"));

    // She has read it, which renames the file; then a node that had crashed delivers again.
    dovecot.imap("INBOX", Some("STORE 1 +FLAGS (\\Seen \\Flagged)"));
    store.deliver(letter).await.unwrap();
    scratch.hand_over();
    assert_eq!(status(&dovecot), "* STATUS INBOX (MESSAGES 1 UNSEEN 0)");
    assert_eq!(dovecot.complaints(), [""; 0]);
}

//! What lies in the mailboxes, and a postman whose way can be blocked.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_parser::{Message, MessageParser, MimeHeaders};
use ringpost::engine::disk::Disk;
use ringpost::mailbox::MailboxStore;
use ringpost::mailbox::store::{Attempt, DeliveryError, Letter, Maildir};

use crate::sound;
use crate::world::World;

/// The mailbox of a user.
pub struct Mailbox {
    world: World,
    alias: String,
}

/// One letter in a mailbox.
pub struct Mail {
    bytes: Vec<u8>,
}

/// A Maildir store that fails as long as there is trouble.
pub struct Postman {
    maildir: Maildir,
    trouble: Trouble,
}

/// What keeps the store from taking letters.
#[derive(Clone, Default)]
pub struct Trouble {
    error: Arc<Mutex<Option<DeliveryError>>>,
    attempts: Arc<AtomicUsize>,
}

impl Mailbox {
    pub fn new(world: World, alias: &str) -> Mailbox {
        Mailbox { world, alias: alias.to_owned() }
    }

    /// All that lies there now.
    pub fn messages(&self) -> Vec<Mail> {
        let folder = Path::new("mail").join(&self.alias).join("new");
        let names = self.world.disk().list(&folder).unwrap();
        names.iter().map(|name| Mail { bytes: self.world.disk().read(&folder.join(name)).unwrap() }).collect()
    }

    /// The one message that was delivered, soon and once.
    pub fn only_message(&self) -> Mail {
        self.world.wait(Duration::from_secs(20), || !self.messages().is_empty());
        self.world.seconds(5);
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "messages for {}: {:?}", self.alias, subjects(&messages));
        messages.remove(0)
    }

    pub fn only_missed_call(&self) -> Mail {
        let mail = self.only_message();
        assert!(mail.subject().starts_with("Missed Call from "), "{}", mail.subject());
        assert_eq!(mail.header("Content-Class").as_deref(), Some("missedcall"));
        mail
    }

    pub fn assert_empty(&self) {
        self.world.seconds(5);
        let messages = self.messages();
        assert!(messages.is_empty(), "messages for {}: {:?}", self.alias, subjects(&messages));
    }
}

fn subjects(messages: &[Mail]) -> Vec<String> {
    messages.iter().map(Mail::subject).collect()
}

impl Mail {
    fn message(&self) -> Message<'_> {
        MessageParser::default().parse(&self.bytes).expect("RFC 5322")
    }

    pub fn subject(&self) -> String {
        self.message().subject().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.message().header_raw(name).map(|value| value.trim().to_owned())
    }

    pub fn text(&self) -> String {
        self.message().body_text(0).unwrap_or_default().into_owned()
    }

    pub fn call_id(&self) -> String {
        self.header("X-CallID").unwrap_or_default()
    }

    pub fn message_id(&self) -> String {
        self.message().message_id().unwrap_or_default().to_owned()
    }

    pub fn file_name(&self) -> String {
        let message = self.message();
        let attachment = message.attachment(0).expect("an attachment");
        attachment.attachment_name().unwrap_or_default().to_owned()
    }

    /// The samples of the attached recording.
    pub fn audio(&self) -> Audio {
        let message = self.message();
        let attachment = message.attachment(0).unwrap_or_else(|| panic!("{} has no recording", self.subject()));
        let mut reader = hound::WavReader::new(attachment.contents()).expect("a WAV file");
        assert_eq!((reader.spec().sample_rate, reader.spec().channels, reader.spec().bits_per_sample), (8000, 1, 16));
        Audio(reader.samples::<i16>().map(|sample| sample.expect("PCM")).collect())
    }
}

/// A recording.
pub struct Audio(pub Vec<i16>);

impl Audio {
    pub fn seconds(&self) -> f64 {
        self.0.len() as f64 / 8000.0
    }

    /// It holds what was said, well enough.
    pub fn assert_holds(&self, said: &[i16], at_least: f64) {
        let (score, lag) = sound::correlation(said, &self.0);
        assert!(score > at_least, "correlation {score:.4} at {lag}, of {} said and {} kept", said.len(), self.0.len());
    }

    /// Nothing of it was said by the caller for this recording.
    pub fn assert_lacks(&self, said: &[i16]) {
        let (score, lag) = sound::correlation(said, &self.0);
        assert!(score < 0.5, "correlation {score:.4} at {lag} with what was erased");
    }

    pub fn assert_lasts(&self, seconds: f64, tolerance: f64) {
        assert!((self.seconds() - seconds).abs() <= tolerance, "{:.3} s, expected {seconds:.3} s", self.seconds());
    }
}

impl Postman {
    pub fn new(maildir: Maildir, trouble: Trouble) -> Postman {
        Postman { maildir, trouble }
    }
}

impl MailboxStore for Postman {
    fn deliver(&self, letter: Letter) -> Attempt<'_> {
        self.trouble.attempts.fetch_add(1, Ordering::Relaxed);
        let error = self.trouble.error.lock().unwrap().clone();
        match error {
            Some(error) => Box::pin(async move { Err(error) }),
            None => self.maildir.deliver(letter),
        }
    }
}

impl Trouble {
    pub fn begins(&self, error: DeliveryError) {
        *self.error.lock().unwrap() = Some(error);
    }

    pub fn is_over(&self) {
        *self.error.lock().unwrap() = None;
    }

    /// How often a letter was handed over, or tried to be.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

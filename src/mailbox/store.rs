//! Where messages end up: one trait, and what stands behind it today, Maildir and SMTP.
//! Knows: a finished letter and whom it is for. Must not: know the spool, or decide when to try again.

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;

use super::call::Recipient;

pub mod maildir;
pub mod smtp;

pub use maildir::Maildir;
pub use smtp::{Security, SmtpSettings, SmtpStore};

/// Takes letters. A letter whose Message-ID it has taken before is the same letter: it answers `Ok` and keeps one.
pub trait MailboxStore: Send + Sync + 'static {
    /// `Ok`: the letter is durable in the mailbox, or in the hands of a server that has promised so.
    fn deliver(&self, letter: Letter) -> Attempt<'_>;
}

pub type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// A message as mail, with its envelope.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: Recipient,
    /// Without angle brackets, the same for every attempt.
    pub message_id: String,
    pub sent: Timestamp,
    /// RFC 5322, 7 bit, lines end with CRLF.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct DeliveryError {
    pub kind: Failure,
    /// What went wrong, where, in words for an administrator.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Time or an administrator may mend it.
    Temporary,
    /// The store will not take this letter as it is (SMTP 5xx).
    Permanent,
}

impl DeliveryError {
    pub fn temporary(text: impl Into<String>) -> Self {
        Self { kind: Failure::Temporary, text: text.into() }
    }

    pub fn permanent(text: impl Into<String>) -> Self {
        Self { kind: Failure::Permanent, text: text.into() }
    }
}

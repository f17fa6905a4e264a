//! The call behind a message, as it is written down beside the audio (`call.json`).
//! Knows: plain values. Must not: know files or mail.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Samples a second of everything the spool holds.
pub const SAMPLE_RATE: u64 = 8000;

/// The name of one message: of its folder in the spool, and the left side of its Message-ID. 1 to 64 of
/// `A-Z a-z 0-9 - _`, so that it is one file name wherever it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryId(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot name a message: 1 to 64 letters, digits, - or _ are allowed")]
pub struct InvalidEntryId(String);

impl EntryId {
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidEntryId> {
        let text = text.into();
        let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if fits && (1..=64).contains(&text.len()) { Ok(Self(text)) } else { Err(InvalidEntryId(text)) }
    }

    /// A fresh name out of entropy.
    pub fn from_random(octets: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(octets)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EntryId {
    type Error = InvalidEntryId;

    fn try_from(text: String) -> Result<Self, InvalidEntryId> {
        Self::new(text)
    }
}

impl From<EntryId> for String {
    fn from(id: EntryId) -> Self {
        id.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a call when recording begins: all that the message will need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDetails {
    pub id: EntryId,
    /// Host name of this node, the right side of the Message-ID.
    pub node: String,
    pub mailbox: Recipient,
    /// `None`: the caller withheld who is calling.
    pub caller: Option<Caller>,
    /// The extension or number that was called, as it was dialled.
    pub called: String,
    /// When the call was answered.
    pub started: Timestamp,
    /// SIP Call-ID.
    pub call_id: String,
    pub dial_plan: String,
    pub gateway: String,
    /// Exchange's ReasonForCall: Direct, DivertForward, DivertBusy, DivertNoAnswer.
    pub reason: String,
    /// Language of the mail, `en-US`.
    pub language: String,
    /// The mailbox wants to hear of calls that left no message (MissedCallNotificationEnabled, of policy and mailbox).
    pub notify_missed_call: bool,
    /// A test call: nothing of it is ever delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

impl CallDetails {
    /// The Message-ID without angle brackets, the same for every attempt to deliver.
    pub fn message_id(&self) -> String {
        format!("{}@{}", self.id, self.node)
    }
}

/// The mailbox a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub alias: String,
    /// E-mail address.
    pub address: String,
    pub display_name: String,
}

/// Who called. What comes from the wire is kept as it came; the message makes it harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Number, or SIP address when there is no number.
    pub number: Option<String>,
    pub display: Option<String>,
    /// E-mail address, when the caller is known to be the owner of a mailbox.
    pub address: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Importance {
    #[default]
    Normal,
    High,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sensitivity {
    #[default]
    Normal,
    Private,
}

/// How a call ended for the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// So many samples at 8 kHz count.
    VoiceMessage {
        samples: u64,
    },
    MissedCall,
}

/// Everything about a message but its audio: the content of `call.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub details: CallDetails,
    #[serde(default)]
    pub importance: Importance,
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// `None` while the caller may still go on.
    #[serde(default)]
    pub finished: Option<Finished>,
    /// Which process wrote it: for as long as that one lives, a recording is left to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    pub at: Timestamp,
    pub outcome: Outcome,
}

/// How long so many samples last.
pub fn duration(samples: u64) -> Duration {
    Duration::from_millis(samples.saturating_mul(1000) / SAMPLE_RATE)
}

/// How many samples so long a time has.
pub fn samples(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / SAMPLE_RATE).saturating_mul(SAMPLE_RATE) / 1000
}

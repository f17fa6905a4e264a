//! What call answering is told of a call before it begins.
//! Knows: the settings' names in the directory and their meaning. Must not: know how the caller came here.

use crate::prompts::{GreetingId, Language};
use std::num::NonZeroU8;
use std::time::Duration;

/// What call answering has to know of a call, from the directory and the call itself.
#[derive(Debug, Clone)]
pub struct CallAnsweringSetup {
    /// What is spoken: the dial plan's DefaultLanguage, or the mailbox's.
    pub language: Language,
    /// How the system greeting names the user.
    pub name: CalledName,
    /// Played in place of the system greeting.
    pub personal_greeting: Option<GreetingId>,
    /// MaxRecordingDuration of the dial plan.
    pub max_recording: Duration,
    /// RecordingIdleTimeout of the dial plan.
    pub idle_timeout: Duration,
    /// MaxCallDuration of the dial plan.
    pub max_call: Duration,
    /// InputFailuresBeforeDisconnect of the dial plan: wrong keys, or none in time, in a row.
    pub input_failures: NonZeroU8,
    /// The caller withholds the number.
    pub anonymous: bool,
    /// AnonymousCallersCanLeaveMessages of the mailbox.
    pub anonymous_allowed: bool,
    /// The caller may mark the message private.
    pub private_offered: bool,
    /// AllowMissedCallNotifications of the policy and MissedCallNotificationEnabled of the mailbox.
    pub missed_call_notification: bool,
    /// There is room for a message.
    pub disk_ok: bool,
}

/// How a user is named to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledName {
    /// The user's own voice.
    Recorded(GreetingId),
    /// The extension or number, said digit by digit.
    Number(String),
    /// "The person you called": there are no digits (a SIP address), and no recorded name.
    Unknown,
}

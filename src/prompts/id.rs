//! The table of prompts and phrases: every name the program can say, and the en-US sound it is shipped with.
//! Knows: names and the files beside the source. Must not: know what the sounds are used for.

use std::fmt;

macro_rules! prompts {
    ($($name:ident = $id:literal,)*) => {
        /// A prompt: one sound file a language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PromptId {
            $($name,)*
        }

        impl PromptId {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the catalogue, and of the sound file without `.wav`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The en-US sound file that is part of the program.
            pub(super) fn shipped(self) -> &'static [u8] {
                match self {
                    $(Self::$name => include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/en-US/", $id, ".wav")),)*
                }
            }
        }
    };
}

prompts! {
    Digit0 = "digit-0",
    Digit1 = "digit-1",
    Digit2 = "digit-2",
    Digit3 = "digit-3",
    Digit4 = "digit-4",
    Digit5 = "digit-5",
    Digit6 = "digit-6",
    Digit7 = "digit-7",
    Digit8 = "digit-8",
    Digit9 = "digit-9",
    Plus = "plus",

    PersonAtExtension = "person-at-extension",
    IsNotAvailable = "is-not-available",
    PersonYouCalledNotAvailable = "person-you-called-not-available",
    RecordAfterTone = "record-after-tone",
    WhenFinished = "when-finished",

    NothingHeard = "nothing-heard",
    MessageTooShort = "message-too-short",
    ContinueAfterTone = "continue-after-tone",
    MaximumLengthReached = "maximum-length-reached",
    RecordingStopped = "recording-stopped",

    Press1Accept = "press-1-accept",
    Press2Replay = "press-2-replay",
    Press3RecordAgain = "press-3-record-again",
    Press4Continue = "press-4-continue",
    PressStarCancel = "press-star-cancel",
    Press0Repeat = "press-0-repeat",

    PressPoundSend = "press-pound-send",
    Press1HighImportance = "press-1-high-importance",
    Press1NormalImportance = "press-1-normal-importance",
    Press2Private = "press-2-private",
    Press2NotPrivate = "press-2-not-private",
    PressStarBack = "press-star-back",
    ImportanceIsHigh = "importance-is-high",
    ImportanceIsNormal = "importance-is-normal",
    MessageIsPrivate = "message-is-private",
    MessageIsNotPrivate = "message-is-not-private",

    InvalidOption = "invalid-option",
    NoOptionChosen = "no-option-chosen",
    OperatorNotAvailable = "operator-not-available",

    MessageSent = "message-sent",
    MessageCancelled = "message-cancelled",
    MessageNotSaved = "message-not-saved",
    NumberWithheld = "number-withheld",
    CannotTakeMessages = "cannot-take-messages",
    Goodbye = "goodbye",
}

impl PromptId {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.as_str() == name)
    }

    /// How one character of a number is said; `None` for what is not said (a separator, a letter).
    pub fn digit(character: char) -> Option<Self> {
        Some(match character {
            '0' => Self::Digit0,
            '1' => Self::Digit1,
            '2' => Self::Digit2,
            '3' => Self::Digit3,
            '4' => Self::Digit4,
            '5' => Self::Digit5,
            '6' => Self::Digit6,
            '7' => Self::Digit7,
            '8' => Self::Digit8,
            '9' => Self::Digit9,
            '+' => Self::Plus,
            _ => return None,
        })
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sentence with one place to fill while the call runs. A phrase and not two prompts, because languages order their
/// words differently: each catalogue says how its own is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhraseId {
    /// Filled with the digits of an extension.
    ExtensionNotAvailable,
    /// Filled with a recorded name.
    NameNotAvailable,
}

impl PhraseId {
    pub const ALL: &'static [Self] = &[Self::ExtensionNotAvailable, Self::NameNotAvailable];

    /// The name in the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExtensionNotAvailable => "extension-not-available",
            Self::NameNotAvailable => "name-not-available",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.as_str() == name)
    }
}

impl fmt::Display for PhraseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! The language between a voice application and the call it runs in: what happened, and what is to be done.
//! Knows: keys, sounds to be said, lengths in samples at 8 kHz. Must not: know who carries it out.

use crate::prompts::{Language, Say};
use std::time::Duration;

/// What happened in the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The caller can hear us.
    Answered,
    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`.
    Key(char),
    /// What this [`Command::Play`] or [`Command::PlayRecording`] asked for was heard to its end. Not sent for what was stopped;
    /// a late one does no harm.
    Played(PlayId),
    /// The take begun by [`Command::Record`] is over. Comes exactly once for each, also when the stream itself is gone (then
    /// with what had been kept by that time), and after [`Event::HungUp`] too.
    RecordingEnded { reason: RecordingEnd, samples: u64 },
    /// The answer to [`Command::Store`]: `Ok` when the message is durable (its rename into the spool is), else why not.
    Stored(Result<(), String>),
    /// What is recorded can no longer be written.
    DiskFull,
    /// The caller is gone, or the call has been ended as [`Command::HangUp`] asked.
    HungUp,
    /// The instant of `next_deadline` has come.
    Tick,
}

/// What is to be done, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Say this; nothing else is playing at that time.
    Play {
        id: PlayId,
        language: Language,
        what: Vec<Say>,
    },
    /// Play the first `samples` of the message recorded so far.
    PlayRecording {
        id: PlayId,
        samples: u64,
    },
    StopPlaying,
    /// Record from here: what the message holds beyond its first `from` samples is erased, what is heard follows them. Ends by
    /// itself after `idle` of silence or `max` in length.
    Record {
        from: u64,
        max: Duration,
        idle: Duration,
    },
    StopRecording,
    /// Erase the message; nothing of it is to be delivered.
    DiscardRecording,
    /// How the message is to be delivered; kept with it, so that it holds after a crash too.
    Mark {
        importance: Importance,
        sensitivity: Sensitivity,
    },
    /// What became of the call: given once or never, answered by [`Event::Stored`].
    Store(Outcome),
    /// End the call; [`Event::HungUp`] follows.
    HangUp,
    /// The last command: the call is over and everything is stored.
    Finished,
}

/// Names one [`Command::Play`] of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingEnd {
    /// The caller said nothing for the idle time; the silence is not counted in the samples.
    Silence,
    MaximumDuration,
    /// By [`Command::StopRecording`], or because the stream ended.
    Stopped,
}

/// What is to be delivered to the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The first `samples` of what was recorded.
    VoiceMessage {
        samples: u64,
        importance: Importance,
        sensitivity: Sensitivity,
    },
    MissedCall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Importance {
    #[default]
    Normal,
    High,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sensitivity {
    #[default]
    Normal,
    Private,
}

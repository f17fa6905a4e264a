//! The calling end of a test call.
//! Knows: what is to come back. Must not: know how the call is placed.

use std::fmt;
use std::time::{Duration, Instant};

/// The keys whose tones are sent, unless others are asked for: Exchange's DiagDtmfSequence.
pub const USUAL_KEYS: &str = "ABCD*#0123456789";
/// How long a key takes that is sent as an event, with the pause after it; no key takes longer.
const KEY: Duration = Duration::from_millis(300);
/// How long a stranger is listened to after the last key.
const LISTENS: Duration = Duration::from_secs(2);
/// What was sent must be back within so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is called, and so what is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Expected {
    /// An [`Echo`](super::Echo) of ours: the same tones.
    SameTones,
    /// Anybody behind a gateway: media of any kind.
    AnyMedia,
}

/// What a test asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub expected: Expected,
    /// 0-9, *, #, A-D.
    pub keys: String,
    /// When the call is given up, answered or not.
    pub deadline: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TesterEvent {
    /// Media flows.
    Answered,
    /// The last tone was sent.
    Sent,
    /// What [`TesterCommand::Listen`] recorded until it ended held the tones of these keys.
    Heard(String),
    /// The called has hung up, or we have.
    HungUp,
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TesterCommand {
    /// Play the tones of these keys.
    SendTones(String),
    /// Press these keys, as telephone events where they are agreed.
    Press(String),
    /// Record what is heard; the call's end ends it too.
    Listen,
    StopListening,
    HangUp,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub answered: bool,
    /// The keys whose tones came back; `None`: nothing was listened to.
    pub tones: Option<String>,
    /// Given up because the time was over.
    pub timed_out: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Tester {
    asked: Asked,
    state: State,
    deadline: Option<Instant>,
    heard: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Sending,
    Listening,
    /// Listening has been told to stop, or the call is over: what was heard is still to come.
    Awaiting,
    Leaving,
}

impl Tester {
    pub fn new(asked: Asked) -> Tester {
        let deadline = Some(asked.deadline);
        Tester { asked, state: State::Calling, deadline, heard: Heard::default() }
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    pub fn on_event(&mut self, now: Instant, event: TesterEvent, out: &mut Vec<TesterCommand>) {
        use State::*;
        use TesterCommand as Do;
        self.state = match (self.state, event) {
            (Calling, TesterEvent::Answered) => {
                self.heard.answered = true;
                let keys = self.asked.keys.clone();
                match self.asked.expected {
                    Expected::SameTones => {
                        out.push(Do::SendTones(keys));
                        Sending
                    }
                    Expected::AnyMedia => {
                        let pressing = KEY * u32::try_from(keys.chars().count()).unwrap_or(u32::MAX);
                        self.wait(now + pressing + LISTENS);
                        out.extend([Do::Listen, Do::Press(keys)]);
                        Listening
                    }
                }
            }
            (Sending, TesterEvent::Sent) => {
                self.wait(now + PATIENCE);
                out.extend([Do::Press("#".to_owned()), Do::Listen]);
                Listening
            }
            (Listening | Awaiting, TesterEvent::Heard(tones)) => {
                self.heard.tones = Some(tones);
                self.leave(out)
            }
            (Listening, TesterEvent::HungUp) => Awaiting,
            (_, TesterEvent::HungUp) => Leaving,
            (Leaving, TesterEvent::Tick) => Leaving,
            (state, TesterEvent::Tick) if self.deadline.is_some_and(|deadline| deadline <= now) => {
                self.heard.timed_out = self.asked.deadline <= now;
                match state {
                    Listening if !self.heard.timed_out => {
                        self.wait(self.asked.deadline);
                        out.push(Do::StopListening);
                        Awaiting
                    }
                    _ => self.leave(out),
                }
            }
            (state, _) => state,
        };
    }

    fn wait(&mut self, until: Instant) {
        self.deadline = Some(until.min(self.asked.deadline));
    }

    fn leave(&mut self, out: &mut Vec<TesterCommand>) -> State {
        self.deadline = None;
        out.push(TesterCommand::HangUp);
        State::Leaving
    }
}

/// Why a call that was answered is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanting {
    TimedOut,
    NoMedia,
    OtherTones { sent: String, heard: String },
    NothingBack,
}

impl fmt::Display for Wanting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanting::TimedOut => f.write_str("the time for the test was over before it had ended"),
            Wanting::NoMedia => f.write_str("the call was answered, but no RTP packet came back"),
            Wanting::OtherTones { sent, heard } if heard.is_empty() => {
                write!(f, "the tones {sent} were sent, and none came back")
            }
            Wanting::OtherTones { sent, heard } => write!(f, "the tones {sent} were sent, and {heard} came back"),
            Wanting::NothingBack => f.write_str("the call ended before anything was played back"),
        }
    }
}

impl Heard {
    /// Whether an answered call did what was expected of it. `packets`: RTP packets that came.
    pub fn judge(&self, asked: &Asked, packets: u64) -> Result<(), Wanting> {
        match (&self.tones, asked.expected) {
            _ if self.timed_out => Err(Wanting::TimedOut),
            _ if packets == 0 => Err(Wanting::NoMedia),
            (_, Expected::AnyMedia) => Ok(()),
            (Some(tones), _) if *tones == asked.keys.to_ascii_uppercase() => Ok(()),
            (Some(tones), _) => Err(Wanting::OtherTones { sent: asked.keys.clone(), heard: tones.clone() }),
            (None, _) => Err(Wanting::NothingBack),
        }
    }
}

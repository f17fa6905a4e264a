//! A test call (Exchange's Test-UMConnectivity): [`Echo`] answers it, records what it hears and plays it back;
//! [`Tester`] places it, sends a sequence of tones, and compares what comes back.
//! Knows: keys, lengths. Must not: know SIP, RTP or files, or read a clock.
//!
//! Between the two: tones in the sound, `#` as a key, the recorded tones in return, BYE. So one call tries signalling,
//! both ways of the media, keys, the recording on disk, and playing.

mod tester;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::conversation::{Command, Event, PlayId};
pub use tester::{Asked, Expected, Heard, Tester, TesterCommand, TesterEvent, USUAL_KEYS};

/// Who answers a test call hangs up after so long at the latest.
const LONGEST_CALL: Duration = Duration::from_secs(120);
const LONGEST_RECORDING: Duration = Duration::from_secs(60);
/// A tester that sends nothing, and does not say that it has, is not waited for longer.
const SILENCE: Duration = Duration::from_secs(30);
const PLAYBACK: PlayId = PlayId(1);
/// All that was recorded: tones are no speech, and only speech counts as a message.
const EVERYTHING: u64 = u64::MAX;

/// The answering end.
#[derive(Debug, Default)]
pub struct Echo {
    state: State,
    /// When the call ends whatever happens.
    end: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ringing,
    Recording,
    Playing,
    Leaving,
    Finished,
}

impl Echo {
    /// When [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.end
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        use State::*;
        self.state = match (self.state, event) {
            (Finished, _) => Finished,
            (_, Event::HungUp) => {
                self.end = None;
                out.extend([Command::DiscardRecording, Command::Finished]);
                Finished
            }
            (Ringing, Event::Answered) => {
                self.end = Some(now + LONGEST_CALL);
                out.push(Command::Record { from: 0, max: LONGEST_RECORDING, idle: SILENCE });
                Recording
            }
            (Recording, Event::Key('#')) => {
                out.push(Command::StopRecording);
                Recording
            }
            (Recording, Event::RecordingEnded { .. }) => {
                out.push(Command::PlayRecording { id: PLAYBACK, samples: EVERYTHING });
                Playing
            }
            (Recording, Event::DiskFull) | (Playing, Event::Played(PLAYBACK)) => self.leave(out),
            (Recording | Playing, Event::Tick) if self.end.is_some_and(|end| end <= now) => self.leave(out),
            (state, _) => state,
        };
    }

    fn leave(&mut self, out: &mut Vec<Command>) -> State {
        self.end = None;
        out.push(Command::HangUp);
        State::Leaving
    }
}

//! Call answering: greets the caller of a user who did not answer, records a message, and sees to it that none is lost.
//! Knows: the user's and the dial plan's settings, keys, lengths. Must not: know SIP, RTP, files, or read a clock.
//!
//! What the caller can do is that of Exchange's call answering: a greeting that any key skips, the tone, recording; `#` opens
//! the options. Where its documents differ or are silent:
//!
//! * Silence after speech ends the message and sends it. Silence from the beginning is asked about once, then it is a missed call.
//! * The maximum length is announced and the options follow; a caller who chooses none has the message sent.
//! * A message is two seconds or longer; what is shorter is nothing.
//! * Whatever ends the call (hang-up anywhere, too many wrong keys, its maximum duration, a full disk) keeps the message.
//!   Only the caller's own `*` (cancel) and `3` (erase) do not.
//! * "Your message has been sent" is said after the message is durable, never before.

use super::conversation::{Command, Event, Importance, Outcome, PlayId, RecordingEnd, Sensitivity};
use crate::prompts::{PromptId, Say};
use std::time::{Duration, Instant};

mod setup;
mod words;

pub use setup::{CallAnsweringSetup, CalledName};

/// One call for one user.
#[derive(Debug)]
pub struct CallAnswering {
    setup: CallAnsweringSetup,
    state: State,
    /// The message without the take that is running, samples.
    kept: u64,
    importance: Importance,
    sensitivity: Sensitivity,
    outcome: Decision,
    caller: Caller,
    /// Wrong keys, and none in time, since the last right one.
    failures: u8,
    /// The caller was already told that nothing was heard.
    asked_to_speak: bool,
    disk_full: bool,
    /// Recording was ended by us: the caller, who was still speaking, is told so.
    cut_short: bool,
    playing: Option<PlayId>,
    plays: u64,
    deadline: Option<Instant>,
    take_began: Option<Instant>,
    call_end: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ringing,
    /// Words that end with the tone.
    Greeting,
    Tone,
    Recording,
    /// Recording was told to stop; its length is awaited.
    Stopping(Then),
    Choosing(Menu),
    /// The message is played to the caller, before the message menu.
    Replaying,
    /// The caller waits to be told that the message is sent, or has gone and the call waits for the store.
    Storing,
    /// The last words.
    Farewell,
    /// The call is being ended.
    Leaving,
    Finished,
}

/// What comes after a take was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Menu,
    Send,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Menu {
    Message,
    Delivery,
}

/// What the mailbox gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Open,
    /// The store has been asked.
    Pending,
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Here,
    Gone,
}

impl CallAnswering {
    pub fn new(setup: CallAnsweringSetup) -> Self {
        Self {
            setup,
            state: State::Ringing,
            kept: 0,
            importance: Importance::default(),
            sensitivity: Sensitivity::default(),
            outcome: Decision::Open,
            caller: Caller::Here,
            failures: 0,
            asked_to_speak: false,
            disk_full: false,
            cut_short: false,
            playing: None,
            plays: 0,
            deadline: None,
            take_began: None,
            call_end: None,
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.call_end).min()
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        use State::*;
        match (self.state, event) {
            (Finished, _) => {}
            (Ringing, Event::Answered) => self.greet(now, out),
            (_, Event::HungUp) => self.caller_gone(now, out),
            (_, Event::Stored(result)) => self.stored(now, &result, out),
            (_, Event::Tick) => self.tick(now, out),

            (Greeting, Event::Key('0')) => self.introduce(&[PromptId::OperatorNotAvailable], out),
            // Kept free: it will be "reach someone else", and must not become a habit for anything else
            (Greeting, Event::Key('*')) => self.introduce(&[PromptId::InvalidOption], out),
            (Greeting, Event::Key(_)) => self.sound_tone(out),
            (Choosing(menu), Event::Key(key)) => self.choose(now, menu, key, out),
            (Replaying, Event::Key(key)) => self.choose(now, Menu::Message, key, out),
            (Recording, Event::Key('#')) => self.stop_recording(now, Then::Menu, out),

            (_, Event::Played(id)) => self.played(now, id, out),
            (Recording, Event::RecordingEnded { reason, samples }) => self.take_ended(now, reason, samples, out),
            (Stopping(then), Event::RecordingEnded { samples, .. }) => self.take_stopped(now, then, samples, out),

            (Recording, Event::DiskFull) => {
                self.disk_full = true;
                self.cut_short = true;
                self.stop_recording(now, Then::Send, out);
            }
            (_, Event::DiskFull) => self.disk_full = true,

            // Keys while recording are part of nothing; keys during the tone and the last words come too early or too late
            (_, Event::Key(_) | Event::Answered | Event::RecordingEnded { .. }) => {}
        }
    }

    // ---- from the greeting to the end of a take

    fn greet(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.call_end = Some(now + self.setup.max_call);
        if self.setup.anonymous && !self.setup.anonymous_allowed {
            self.decline(now, PromptId::NumberWithheld, out);
        } else if !self.setup.disk_ok || self.disk_full {
            self.decline(now, PromptId::CannotTakeMessages, out);
        } else {
            self.state = State::Greeting;
            self.say(words::greeting(&self.setup), out);
        }
    }

    /// Says something, then asks for the message.
    fn introduce(&mut self, first: &[PromptId], out: &mut Vec<Command>) {
        self.state = State::Greeting;
        let what = first.iter().chain(&[PromptId::RecordAfterTone]).map(|id| Say::Prompt(*id)).collect();
        self.say(what, out);
    }

    fn sound_tone(&mut self, out: &mut Vec<Command>) {
        self.state = State::Tone;
        self.say(vec![Say::Tone], out);
    }

    fn record(&mut self, now: Instant, out: &mut Vec<Command>) {
        if self.disk_full {
            return self.conclude(now, PromptId::CannotTakeMessages, out);
        }
        self.state = State::Recording;
        self.take_began = Some(now);
        let max = self.setup.max_recording.saturating_sub(length(self.kept));
        out.push(Command::Record { from: self.kept, max, idle: self.setup.idle_timeout });
    }

    fn stop_recording(&mut self, now: Instant, then: Then, out: &mut Vec<Command>) {
        self.state = State::Stopping(then);
        self.deadline = Some(now + TAKE_ENDS);
        out.push(Command::StopRecording);
    }

    /// A take ended by itself.
    fn take_ended(&mut self, now: Instant, reason: RecordingEnd, samples: u64, out: &mut Vec<Command>) {
        match reason {
            RecordingEnd::Stopped => self.take_stopped(now, Then::Menu, samples, out),
            _ if !self.keep(samples) => {
                if self.asked_to_speak {
                    return self.decline(now, PromptId::NothingHeard, out);
                }
                self.asked_to_speak = true;
                self.introduce(&[PromptId::NothingHeard], out);
            }
            RecordingEnd::Silence => self.send(out),
            RecordingEnd::MaximumDuration => self.offer(Menu::Message, &[PromptId::MaximumLengthReached], out),
        }
    }

    fn take_stopped(&mut self, now: Instant, then: Then, samples: u64, out: &mut Vec<Command>) {
        let is_message = self.keep(samples);
        match then {
            _ if self.caller == Caller::Gone => self.settle(out),
            Then::Send => self.conclude(now, PromptId::RecordingStopped, out),
            Then::Menu if is_message => self.offer(Menu::Message, &[], out),
            Then::Menu => {
                self.failures += 1;
                if self.failures >= self.setup.input_failures.get() {
                    return self.decline(now, PromptId::MessageTooShort, out);
                }
                self.introduce(&[PromptId::MessageTooShort], out);
            }
        }
    }

    /// Nobody told how long the take became: all of it counts. It cannot be longer than it lasted, and of what was never
    /// recorded the store keeps nothing.
    fn take_never_ended(&mut self, now: Instant, then: Then, out: &mut Vec<Command>) {
        let lasted = self.take_began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let samples = lasted.as_micros() / 125;
        self.take_stopped(now, then, u64::try_from(samples).unwrap_or(u64::MAX), out);
    }

    /// Adds a take to the message; whether there is one now.
    fn keep(&mut self, samples: u64) -> bool {
        let total = self.kept.saturating_add(samples);
        self.kept = if total >= SHORTEST_MESSAGE { total } else { 0 };
        self.kept > 0
    }

    // ---- menus

    /// Says `first` and the options of a menu.
    fn offer(&mut self, menu: Menu, first: &[PromptId], out: &mut Vec<Command>) {
        self.state = State::Choosing(menu);
        let options = match menu {
            Menu::Message => words::message_menu(),
            Menu::Delivery => words::delivery_menu(&self.setup, self.importance, self.sensitivity),
        };
        self.say(first.iter().map(|id| Say::Prompt(*id)).chain(options).collect(), out);
    }

    fn choose(&mut self, now: Instant, menu: Menu, key: char, out: &mut Vec<Command>) {
        // A right key starts the count anew; a wrong one, below, takes it up again
        let failures = std::mem::take(&mut self.failures);
        match (menu, key) {
            (Menu::Message, '1') => self.offer(Menu::Delivery, &[], out),
            (Menu::Message, '2') => self.replay(out),
            // What cannot be recorded again is not erased
            (Menu::Message, '3' | '4') if self.disk_full => self.offer(menu, &[PromptId::CannotTakeMessages], out),
            (Menu::Message, '3') => {
                self.kept = 0;
                // at once, not with the next take: what was erased must not come back after a crash
                out.push(Command::DiscardRecording);
                self.introduce(&[], out);
            }
            (Menu::Message, '4') if length(self.kept) >= self.setup.max_recording => {
                self.offer(menu, &[PromptId::MaximumLengthReached], out);
            }
            (Menu::Message, '4') => {
                self.state = State::Greeting;
                self.say(vec![Say::Prompt(PromptId::ContinueAfterTone)], out);
            }
            (Menu::Message, '*') => {
                self.kept = 0;
                self.decline(now, PromptId::MessageCancelled, out);
            }
            (Menu::Delivery, '#') => self.send(out),
            (Menu::Delivery, '1') => {
                self.importance = match self.importance {
                    Importance::Normal => Importance::High,
                    Importance::High => Importance::Normal,
                };
                self.mark(words::importance(self.importance), out);
            }
            (Menu::Delivery, '2') if self.setup.private_offered => {
                self.sensitivity = match self.sensitivity {
                    Sensitivity::Normal => Sensitivity::Private,
                    Sensitivity::Private => Sensitivity::Normal,
                };
                self.mark(words::sensitivity(self.sensitivity), out);
            }
            (Menu::Delivery, '*') => self.offer(Menu::Message, &[], out),
            (_, '0') => self.offer(menu, &[], out),
            _ => {
                self.failures = failures;
                self.not_understood(menu, PromptId::InvalidOption, out);
            }
        }
    }

    fn replay(&mut self, out: &mut Vec<Command>) {
        self.state = State::Replaying;
        let id = self.begin_playing(out);
        out.push(Command::PlayRecording { id, samples: self.kept });
    }

    fn mark(&mut self, told: PromptId, out: &mut Vec<Command>) {
        out.push(Command::Mark { importance: self.importance, sensitivity: self.sensitivity });
        self.offer(Menu::Delivery, &[told], out);
    }

    /// A wrong key, or none in time: the options again, and in the end the message is sent as it is.
    fn not_understood(&mut self, menu: Menu, why: PromptId, out: &mut Vec<Command>) {
        self.failures += 1;
        if self.failures >= self.setup.input_failures.get() { self.send(out) } else { self.offer(menu, &[why], out) }
    }

    // ---- the end

    /// Ends the conversation with whatever there is: a message is sent, and if there is none, `why` is said.
    fn conclude(&mut self, now: Instant, why: PromptId, out: &mut Vec<Command>) {
        if self.kept > 0 { self.send(out) } else { self.decline(now, why, out) }
    }

    /// Stores the message; what is said depends on the answer.
    fn send(&mut self, out: &mut Vec<Command>) {
        self.stop_playing(out);
        self.settle(out);
    }

    /// There is no message: says why, and goodbye.
    fn decline(&mut self, now: Instant, why: PromptId, out: &mut Vec<Command>) {
        self.settle(out);
        self.say_farewell(now, &[why], out);
    }

    /// Decides what the mailbox gets, once.
    fn settle(&mut self, out: &mut Vec<Command>) {
        self.state = State::Storing;
        self.deadline = None;
        if self.outcome == Decision::Open {
            self.outcome = Decision::Pending;
            if self.kept > 0 {
                let (importance, sensitivity) = (self.importance, self.sensitivity);
                out.push(Command::Store(Outcome::VoiceMessage { samples: self.kept, importance, sensitivity }));
            } else {
                out.push(Command::DiscardRecording);
                if self.setup.missed_call_notification {
                    out.push(Command::Store(Outcome::MissedCall));
                } else {
                    self.outcome = Decision::Settled;
                }
            }
        }
        self.finish_when_over(out);
    }

    fn stored(&mut self, now: Instant, result: &Result<(), String>, out: &mut Vec<Command>) {
        if self.outcome != Decision::Pending {
            return;
        }
        self.outcome = Decision::Settled;
        if self.state == State::Storing && self.caller == Caller::Here {
            match result {
                Ok(()) if self.cut_short => {
                    self.say_farewell(now, &[PromptId::RecordingStopped, PromptId::MessageSent], out);
                }
                Ok(()) => self.say_farewell(now, &[PromptId::MessageSent], out),
                Err(_) => self.say_farewell(now, &[PromptId::MessageNotSaved], out),
            }
        }
        self.finish_when_over(out);
    }

    fn say_farewell(&mut self, now: Instant, last: &[PromptId], out: &mut Vec<Command>) {
        self.state = State::Farewell;
        self.call_end = None;
        self.say(last.iter().chain(&[PromptId::Goodbye]).map(|id| Say::Prompt(*id)).collect(), out);
        self.deadline = Some(now + FAREWELL);
    }

    fn hang_up(&mut self, out: &mut Vec<Command>) {
        self.state = State::Leaving;
        self.deadline = None;
        out.push(Command::HangUp);
    }

    fn caller_gone(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.caller = Caller::Gone;
        self.playing = None;
        self.call_end = None;
        match self.state {
            State::Recording => self.stop_recording(now, Then::Send, out),
            State::Stopping(_) => {}
            _ => self.settle(out),
        }
    }

    fn finish_when_over(&mut self, out: &mut Vec<Command>) {
        if self.caller == Caller::Gone && self.outcome == Decision::Settled {
            self.state = State::Finished;
            out.push(Command::Finished);
        }
    }

    // ---- time and sound

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        use State::*;
        let due = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if due(self.call_end) {
            self.call_end = None;
            match self.state {
                Recording => {
                    self.cut_short = true;
                    self.stop_recording(now, Then::Send, out);
                }
                Stopping(_) => self.state = Stopping(Then::Send),
                Greeting | Tone | Choosing(_) | Replaying => self.conclude(now, PromptId::RecordingStopped, out),
                Ringing | Storing | Farewell | Leaving | Finished => {}
            }
        } else if due(self.deadline) {
            self.deadline = None;
            match self.state {
                Stopping(then) => self.take_never_ended(now, then, out),
                Choosing(menu) => self.not_understood(menu, PromptId::NoOptionChosen, out),
                Farewell => self.hang_up(out),
                _ => {}
            }
        }
    }

    fn played(&mut self, now: Instant, id: PlayId, out: &mut Vec<Command>) {
        if self.playing != Some(id) {
            return;
        }
        self.playing = None;
        match self.state {
            State::Greeting => self.sound_tone(out),
            State::Tone => self.record(now, out),
            State::Choosing(_) => self.deadline = Some(now + KEY_TIMEOUT),
            State::Replaying => self.offer(Menu::Message, &[], out),
            State::Farewell => self.hang_up(out),
            _ => {}
        }
    }

    fn say(&mut self, what: Vec<Say>, out: &mut Vec<Command>) {
        let id = self.begin_playing(out);
        out.push(Command::Play { id, language: self.setup.language.clone(), what });
    }

    /// Ends what is heard, and names what comes.
    fn begin_playing(&mut self, out: &mut Vec<Command>) -> PlayId {
        self.stop_playing(out);
        self.deadline = None;
        self.plays += 1;
        let id = PlayId(self.plays);
        self.playing = Some(id);
        id
    }

    fn stop_playing(&mut self, out: &mut Vec<Command>) {
        if self.playing.take().is_some() {
            out.push(Command::StopPlaying);
        }
    }
}

/// The length of so many samples at 8 kHz.
fn length(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(125))
}

/// Shorter is not a message, samples: 2 s (design section 6).
const SHORTEST_MESSAGE: u64 = 2 * 8_000;
/// How long the caller may think after a menu was said.
const KEY_TIMEOUT: Duration = Duration::from_secs(5);
/// A take that was told to stop is over at the latest after so long, whether its length is known or not.
const TAKE_ENDS: Duration = Duration::from_secs(2);
/// The last words end the call, also when they cannot be played (the caller has put us on hold).
const FAREWELL: Duration = Duration::from_secs(30);

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

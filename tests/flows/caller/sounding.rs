//! What a caller hears and says: prompts, the tone, speech, keys.

use std::cell::{Ref, RefMut};
use std::net::SocketAddr;
use std::time::Duration;

use ringpost::engine::Environment;

use super::Caller;
use crate::rtp::{Heard, Media};
use crate::sound;

/// Longer than the node ever speaks without a pause.
const EARSHOT: Duration = Duration::from_secs(45);
const KEY_HELD: Duration = Duration::from_millis(100);

impl Caller {
    // ---- what is heard

    /// Waits until this prompt was heard in full, after all that was heard before.
    pub fn hear(&mut self, prompt: &str) -> &mut Caller {
        self.hear_sound(prompt, &sound::prompt(prompt))
    }

    pub fn hear_all(&mut self, prompts: &[&str]) -> &mut Caller {
        prompts.iter().for_each(|prompt| _ = self.hear(prompt));
        self
    }

    pub fn hear_sound(&mut self, what: &str, samples: &[i16]) -> &mut Caller {
        let wanted = samples.to_vec();
        let find = |heard: &[i16]| Some(sound::find(&wanted, heard)? + wanted.len() - 160);
        self.listen(what, wanted.len(), find);
        self
    }

    pub fn hear_tone(&mut self) -> &mut Caller {
        self.listen("the record tone", 6000, sound::find_tone);
        self
    }

    /// Waits until something like this was heard: it has been through the node's recording.
    pub fn hear_sound_alike(&mut self, what: &str, samples: &[i16]) -> &mut Caller {
        let wanted = samples.to_vec();
        self.forget_what_was_heard();
        self.world.run(Duration::from_millis(wanted.len() as u64 / 8 + 1500));
        let (score, lag) = sound::correlation(&wanted, &self.heard().samples[self.heard().listened..]);
        assert!(score > 0.98, "{what} was not heard: correlation {score} at {lag}");
        self.media().heard.listened += lag.unsigned_abs() as usize + wanted.len();
        self
    }

    /// Waits until `find` finds something as long as `length` in what was not listened to yet; it says where that ends.
    fn listen(&mut self, what: &str, length: usize, find: impl Fn(&[i16]) -> Option<usize>) {
        let mut looked_at = 0;
        let found = self.world.clone().wait(EARSHOT, || {
            let mut line = self.line.borrow_mut();
            let Heard { samples, listened, .. } = &mut line.media.heard;
            if samples.len() == looked_at {
                return false;
            }
            let from = looked_at.saturating_sub(length).max(*listened);
            looked_at = samples.len();
            let end = find(&samples[from..]);
            end.into_iter().for_each(|end| *listened = from + end);
            end.is_some()
        });
        assert!(found, "{what} was not heard within {EARSHOT:?}");
    }

    /// All that was heard so far counts as listened to.
    pub fn forget_what_was_heard(&mut self) {
        let heard = &mut self.line.borrow_mut().media.heard;
        heard.listened = heard.samples.len();
    }

    /// Whether this prompt was heard, at any time of the call.
    pub fn has_heard(&self, prompt: &str) -> bool {
        sound::find(&sound::prompt(prompt), &self.line.borrow().media.heard.samples).is_some()
    }

    pub fn heard(&self) -> Ref<'_, Heard> {
        Ref::map(self.line.borrow(), |line| &line.media.heard)
    }

    /// Nothing came for as long as the call has lasted but a packet each 20 ms, each following the other.
    pub fn assert_steady_stream(&self) {
        let heard = self.heard();
        assert!(heard.packets.len() > 50, "only {} packets", heard.packets.len());
        for pair in heard.packets.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1), "{before:?} {after:?}");
            assert_eq!(after.timestamp, before.timestamp.wrapping_add(160), "{before:?} {after:?}");
            assert_eq!((after.ssrc, after.from), (before.ssrc, before.from));
            assert_eq!(after.at - before.at, Duration::from_millis(20), "{before:?} {after:?}");
        }
    }

    // ---- what is said

    /// Says it, and is silent when it is said.
    pub fn say(&mut self, samples: &[i16]) -> &mut Caller {
        self.begin_to_say(samples);
        self.finish_speaking()
    }

    /// Says it while the story goes on.
    pub fn begin_to_say(&mut self, samples: &[i16]) -> &mut Caller {
        self.media().say(samples);
        self
    }

    pub fn finish_speaking(&mut self) -> &mut Caller {
        let long = Duration::from_secs(3600);
        assert!(self.world.clone().wait(long, || self.line.borrow().media.is_silent()), "the line is stuck");
        self
    }

    pub fn stay_silent(&mut self, time: Duration) -> &mut Caller {
        self.world.run(time);
        self
    }

    /// Presses a key as telephone-events, and waits until the node has acted on it.
    pub fn press(&mut self, key: char) -> &mut Caller {
        self.media().press(key, KEY_HELD);
        self.finish_speaking();
        self.world.run(Duration::from_millis(100));
        self
    }

    /// One key right after the other.
    pub fn press_quickly(&mut self, keys: &str) -> &mut Caller {
        for key in keys.chars() {
            self.media().press(key, Duration::from_millis(60));
            self.media().say(&[0; 480]);
        }
        self.finish_speaking()
    }

    pub fn press_by_info(&mut self, key: char) -> &mut Caller {
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        self.request("INFO", &[], Some(("application/dtmf-relay", &body)));
        self.expect(200);
        self
    }

    /// The line itself, for stories about packets.
    pub fn media(&mut self) -> RefMut<'_, Media> {
        RefMut::map(self.line.borrow_mut(), |line| &mut line.media)
    }

    /// The node's side of the media.
    pub fn node_media(&self) -> SocketAddr {
        self.line.borrow().media.remote.expect("the media was agreed")
    }

    /// Our media moves to another port; the node is not told.
    pub fn move_media(&mut self, by: u16) -> SocketAddr {
        let before = self.media().local();
        let moved = SocketAddr::new(before.ip(), before.port() + by);
        let socket = self.world.environment().bind_media(moved).expect("an RTP socket");
        self.media().rebind(socket);
        moved
    }
}

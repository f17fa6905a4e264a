//! Keys from several sources heard as one keypad: a gateway may send one press both in RTP and by INFO.
//! Knows: keys, where they came from, when. Must not: know what a key does.

use std::time::{Duration, Instant};

/// Where a key press was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// Telephone-events, or tones in the audio.
    Media,
    /// SIP INFO.
    Signalling,
}

/// The caller's keypad.
#[derive(Debug, Default)]
pub struct KeyPad {
    last: Option<(KeySource, char, Instant)>,
}

impl KeyPad {
    /// The key, unless it is the echo of one that the other source reported a moment ago.
    pub fn press(&mut self, now: Instant, source: KeySource, key: char) -> Option<char> {
        if let Some((heard_from, last, at)) = self.last
            && heard_from != source
            && last == key
            && now.saturating_duration_since(at) < ECHO
        {
            return None;
        }
        self.last = Some((source, key, now));
        Some(key)
    }
}

/// One press reaches us twice within so long: an INFO may be sent when the key is released.
const ECHO: Duration = Duration::from_millis(1500);

#[cfg(test)]
mod tests {
    use super::KeySource::*;
    use super::*;

    #[test]
    fn one_press_reported_by_both_sources_is_one_key() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pad = KeyPad::default();
        assert_eq!(pad.press(at(0), Media, '5'), Some('5'));
        assert_eq!(pad.press(at(400), Signalling, '5'), None);
        assert_eq!(pad.press(at(900), Media, '5'), Some('5'), "pressed again");
        assert_eq!(pad.press(at(1000), Signalling, '5'), None);
        assert_eq!(pad.press(at(1200), Signalling, '6'), Some('6'), "another key is no echo");
        assert_eq!(pad.press(at(1300), Media, '6'), None);
        assert_eq!(pad.press(at(9000), Media, '6'), Some('6'));
    }
}

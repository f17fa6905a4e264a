//! Plays a list of sounds frame by frame, with pause and seek as a caller who listens to a message needs them.
//! Knows: samples and its place in them. Must not: know prompts, files, codecs or when a frame is due.

use super::FRAME;
use std::sync::Arc;

/// What one frame of [`Player::next_frame`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayerState {
    /// Sound, and there is more.
    Playing,
    /// The last of the sound. Said once for each [`Player::play`] that was not stopped or replaced.
    Finished,
    /// Nothing is being played (or it is paused): silence.
    Idle,
}

/// Plays one list of segments at a time, each following the other without a gap.
#[derive(Debug, Clone)]
pub struct Player {
    segments: Vec<Arc<[i16]>>,
    /// Samples of all segments.
    total: u64,
    place: Place,
    mode: Mode,
    /// What would have been played next when something cut the sound short, fading: cut sharply it would click.
    fade: Option<[i16; FADE]>,
    /// The frame before this moment was sound that goes on.
    sounding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Idle,
    Playing,
    Paused,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    segment: usize,
    offset: usize,
    /// Samples from the beginning of the first segment: the same place, counted otherwise.
    position: u64,
}

/// Samples of a fade: 10 ms.
const FADE: usize = 80;

impl Default for Player {
    fn default() -> Self {
        Self::new()
    }
}

impl Player {
    pub fn new() -> Self {
        Self { segments: Vec::new(), total: 0, place: Place::default(), mode: Mode::Idle, fade: None, sounding: false }
    }

    /// Plays `segments` from their beginning, in place of what is playing (which then does not finish).
    pub fn play(&mut self, segments: Vec<Arc<[i16]>>) {
        self.fade_out();
        self.total = segments.iter().map(|segment| segment.len() as u64).sum();
        self.segments = segments;
        self.place = Place::default();
        self.mode = Mode::Playing;
    }

    /// Ends what is playing, without [`PlayerState::Finished`].
    pub fn stop(&mut self) {
        self.fade_out();
        self.clear();
    }

    pub fn pause(&mut self) {
        if self.mode == Mode::Playing {
            self.fade_out();
            self.mode = Mode::Paused;
        }
    }

    pub fn resume(&mut self) {
        if self.mode == Mode::Paused {
            self.mode = Mode::Playing;
        }
    }

    /// Moves by so many samples, back if negative, at most to the beginning or the end (where playing finishes).
    ///
    /// Works while playing and paused; when idle there is nothing to move in.
    pub fn seek(&mut self, by: i64) {
        self.fade_out();
        let target = self.place.position.saturating_add_signed(by).min(self.total);
        self.place = Place { position: target, ..Place::default() };
        let mut left = target;
        for segment in &self.segments {
            let length = segment.len() as u64;
            if left < length {
                break;
            }
            left -= length;
            self.place.segment += 1;
        }
        self.place.offset = left as usize; // less than the length of a segment, or zero behind the last
    }

    /// Samples played of the current list; 0 when idle.
    pub fn position(&self) -> u64 {
        self.place.position
    }

    /// Samples of the current list; 0 when idle.
    pub fn length(&self) -> u64 {
        self.total
    }

    pub fn is_paused(&self) -> bool {
        self.mode == Mode::Paused
    }

    /// Fills `out` with the next 20 ms, silence where there is nothing to play.
    pub fn next_frame(&mut self, out: &mut [i16; FRAME]) -> PlayerState {
        let mut state = PlayerState::Idle;
        let mut filled = 0;
        if self.mode == Mode::Playing {
            filled = read(&self.segments, &mut self.place, out);
            state = PlayerState::Playing;
            if self.place.position >= self.total {
                self.clear();
                state = PlayerState::Finished;
            }
        }
        self.sounding = state == PlayerState::Playing;
        out.iter_mut().skip(filled).for_each(|sample| *sample = 0);
        if let Some(fade) = self.fade.take() {
            for (sample, fading) in out.iter_mut().zip(fade) {
                *sample = sample.saturating_add(fading);
            }
        }
        state
    }

    fn clear(&mut self) {
        self.segments.clear();
        self.total = 0;
        self.place = Place::default();
        self.mode = Mode::Idle;
    }

    /// Lets what is playing fade into whatever the next frame is.
    fn fade_out(&mut self) {
        if !std::mem::take(&mut self.sounding) {
            return;
        }
        let mut fade = [0; FADE];
        read(&self.segments, &mut self.place.clone(), &mut fade);
        for (left, sample) in (0..FADE as i32).rev().zip(&mut fade) {
            *sample = (i32::from(*sample) * left / FADE as i32) as i16;
        }
        self.fade = Some(fade);
    }
}

/// Copies from `place` on as much as there is and `out` holds, moves `place` behind it, tells how many samples.
fn read(segments: &[Arc<[i16]>], place: &mut Place, out: &mut [i16]) -> usize {
    let wanted = out.len();
    let mut free = out;
    while !free.is_empty()
        && let Some(segment) = segments.get(place.segment)
    {
        let left = segment.get(place.offset..).unwrap_or_default();
        let count = left.len().min(free.len());
        let (now, later) = free.split_at_mut(count);
        now.copy_from_slice(left.split_at(count).0);
        free = later;
        place.offset += count;
        place.position += count as u64;
        if count == left.len() {
            place.segment += 1;
            place.offset = 0;
        }
    }
    wanted - free.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Segments of these lengths whose samples count 1, 2, 3 … through all of them.
    fn counting(lengths: &[usize]) -> Vec<Arc<[i16]>> {
        let mut next = 1..;
        lengths.iter().map(|&length| next.by_ref().take(length).collect()).collect()
    }

    fn frame(player: &mut Player) -> (PlayerState, [i16; FRAME]) {
        let mut out = [99; FRAME];
        (player.next_frame(&mut out), out)
    }

    fn states(player: &mut Player, count: usize) -> Vec<PlayerState> {
        (0..count).map(|_| frame(player).0).collect()
    }

    use PlayerState::*;

    #[test]
    fn segments_follow_each_other_without_a_gap() {
        let mut player = Player::new();
        player.play(counting(&[100, 0, 1, 219, 30]));
        let mut heard = Vec::new();
        for expected in [Playing, Playing, Finished, Idle] {
            let (state, samples) = frame(&mut player);
            assert_eq!(state, expected);
            heard.extend(samples);
        }
        assert_eq!(heard[..350], (1..=350).collect::<Vec<i16>>());
        assert!(heard[350..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn finished_is_said_once_with_the_last_sample() {
        let mut player = Player::new();
        assert_eq!(states(&mut player, 2), [Idle, Idle]);
        player.play(counting(&[320]));
        assert_eq!(states(&mut player, 4), [Playing, Finished, Idle, Idle]);
        player.play(counting(&[1]));
        assert_eq!(states(&mut player, 2), [Finished, Idle]);
    }

    #[test]
    fn an_empty_list_finishes_too() {
        for lengths in [&[][..], &[0, 0]] {
            let mut player = Player::new();
            player.play(counting(lengths));
            assert_eq!(states(&mut player, 2), [Finished, Idle]);
        }
    }

    #[test]
    fn a_stopped_or_replaced_list_does_not_finish() {
        let mut player = Player::new();
        player.play(counting(&[1000]));
        assert_eq!(states(&mut player, 2), [Playing, Playing]);
        player.play(counting(&[200]));
        assert_eq!(states(&mut player, 3), [Playing, Finished, Idle]);
        player.play(counting(&[1000]));
        player.stop();
        assert_eq!(states(&mut player, 2), [Idle, Idle]);
    }

    #[test]
    fn pause_keeps_the_place() {
        let mut player = Player::new();
        player.play(counting(&[100, 900]));
        frame(&mut player);
        player.pause();
        assert!(player.is_paused());
        assert_eq!(states(&mut player, 3), [Idle; 3]);
        assert_eq!(player.position(), 160);
        player.resume();
        let (state, samples) = frame(&mut player);
        assert_eq!((state, samples[0]), (Playing, 161));
    }

    #[test]
    fn seeking_stops_at_both_ends() {
        let mut player = Player::new();
        player.play(counting(&[300, 300]));
        frame(&mut player);
        player.seek(i64::MIN);
        assert_eq!(player.position(), 0);
        player.seek(i64::MAX);
        assert_eq!((player.position(), player.length()), (600, 600));
        assert_eq!(states(&mut player, 2), [Finished, Idle]);
        player.seek(-100);
        assert_eq!((player.position(), states(&mut player, 1)), (0, vec![Idle]));
    }

    #[test]
    fn seeking_works_while_paused() {
        let mut player = Player::new();
        player.play(counting(&[1000, 1000]));
        player.pause();
        player.seek(1500);
        assert_eq!(states(&mut player, 1), [Idle]);
        player.resume();
        assert_eq!(frame(&mut player).1[0], 1501);
    }

    #[test]
    fn a_cut_fades_instead_of_clicking() {
        let loud: Arc<[i16]> = vec![8000; 1600].into();
        for cut in [Player::stop, Player::pause, |player: &mut Player| player.seek(100_000)] {
            let mut player = Player::new();
            player.play(vec![loud.clone()]);
            frame(&mut player);
            cut(&mut player);
            let (_, samples) = frame(&mut player);
            assert!(samples.windows(2).all(|pair| pair[0] >= pair[1] && pair[0] - pair[1] <= 101), "{samples:?}");
            assert!(samples[0] > 7800 && samples[FADE..].iter().all(|&sample| sample == 0));
            assert!(frame(&mut player).1.iter().all(|&sample| sample == 0));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Frames(usize),
        Seek(i64),
        Pause,
        Resume,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1_usize..6).prop_map(Step::Frames),
            (-2000_i64..2000).prop_map(Step::Seek),
            any::<i64>().prop_map(Step::Seek),
            Just(Step::Pause),
            Just(Step::Resume),
        ];
        proptest::collection::vec(step, 0..30)
    }

    proptest! {
        #[test]
        fn the_position_stays_in_range_and_frames_in_order(
            lengths in proptest::collection::vec(0_usize..500, 0..6),
            steps in steps(),
        ) {
            let total: usize = lengths.iter().sum();
            let mut player = Player::new();
            player.play(counting(&lengths));
            let mut position = 0_i64;
            let mut finished = 0;
            for step in steps {
                match step {
                    Step::Pause => player.pause(),
                    Step::Resume => player.resume(),
                    Step::Seek(by) => {
                        player.seek(by);
                        if finished == 0 {
                            position = position.saturating_add(by).clamp(0, total as i64);
                        }
                    }
                    Step::Frames(count) => for n in 0..count {
                        let (state, samples) = frame(&mut player);
                        if state != Idle {
                            // behind a fade, which is mixed into the first frame only
                            let from = if n == 0 { FADE } else { 0 };
                            for (offset, &sample) in samples.iter().enumerate().skip(from) {
                                let place = position as usize + offset;
                                prop_assert_eq!(sample, if place < total { place as i16 + 1 } else { 0 });
                            }
                            position = (position + FRAME as i64).min(total as i64);
                        }
                        if state == Finished {
                            finished += 1;
                            position = 0;
                        }
                    },
                }
                prop_assert!(player.position() <= player.length());
                prop_assert_eq!(player.position(), position as u64);
                prop_assert!(finished <= 1);
            }
            if finished == 0 {
                player.resume();
                let states = states(&mut player, total / FRAME + 2);
                prop_assert_eq!(states.iter().filter(|&&state| state == Finished).count(), 1);
            }
        }
    }
}

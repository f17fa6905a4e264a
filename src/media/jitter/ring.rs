//! The samples between arrival and playing, each in the place its timestamp gives it.
//! Knows: positions on the stream's time line, in samples. Must not: know packets or clocks.

/// Samples held: a second, and a power of two.
pub const CAPACITY: usize = 8192;
/// Nothing has arrived here. No codec of telephony decodes to this value.
pub const MISSING: i16 = i16::MIN;
/// Nobody said anything here: a pause the sender did not transmit, or a key's tone taken out.
pub const QUIET: i16 = i16::MIN + 1;
/// The quietest value that is neither.
pub const AUDIBLE: i16 = i16::MIN + 2;

/// Holds the samples of `[start, start + CAPACITY)`; what lies outside is not stored.
#[derive(Debug, Clone)]
pub struct Ring {
    samples: Box<[i16]>,
    start: i64,
}

impl Ring {
    pub fn new() -> Self {
        Self { samples: vec![MISSING; CAPACITY].into_boxed_slice(), start: 0 }
    }

    /// The position that is taken next.
    pub fn start(&self) -> i64 {
        self.start
    }

    pub fn write(&mut self, position: i64, samples: &[i16]) {
        let skipped = usize::try_from(self.start - position).unwrap_or(0);
        let Some(samples) = samples.get(skipped..) else { return };
        let (first, second) = self.places(position.max(self.start), samples.len());
        let (head, tail) = samples.split_at(first.len().min(samples.len()));
        first.copy_from_slice(head);
        second.iter_mut().zip(tail).for_each(|(place, sample)| *place = *sample);
    }

    /// Marks what is missing between two positions as a pause.
    pub fn pause(&mut self, from: i64, to: i64) {
        self.each(from, to, |sample| {
            if *sample == MISSING {
                *sample = QUIET;
            }
        });
    }

    /// Takes out what is or was to be heard between two positions.
    pub fn silence(&mut self, from: i64, to: i64) {
        self.each(from, to, |sample| *sample = QUIET);
    }

    /// Takes the next samples; what never came is `MISSING`.
    pub fn take(&mut self, out: &mut [i16]) {
        let (first, second) = self.places(self.start, out.len());
        let (head, tail) = out.split_at_mut(first.len().min(out.len()));
        head.copy_from_slice(first);
        first.fill(MISSING);
        tail.iter_mut().zip(second).for_each(|(sample, place)| *sample = std::mem::replace(place, MISSING));
        self.start += out.len() as i64;
    }

    fn each(&mut self, from: i64, to: i64, change: impl Fn(&mut i16)) {
        let from = from.max(self.start);
        let length = usize::try_from(to - from).unwrap_or(0);
        let (first, second) = self.places(from, length);
        first.iter_mut().chain(second).for_each(change);
    }

    /// The places from a position, not before the start, on: two runs, as the ring may wrap; fewer than asked for at the far end.
    fn places(&mut self, position: i64, length: usize) -> (&mut [i16], &mut [i16]) {
        let ahead = usize::try_from(position - self.start).unwrap_or(CAPACITY).min(CAPACITY);
        let length = length.min(CAPACITY - ahead);
        let index = position.rem_euclid(CAPACITY as i64) as usize;
        let (before, after) = self.samples.split_at_mut(index.min(CAPACITY));
        let in_first = length.min(after.len());
        let first = after.get_mut(..in_first).unwrap_or_default();
        let second = before.get_mut(..length - in_first).unwrap_or_default();
        (first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(ring: &mut Ring, count: usize) -> Vec<i16> {
        let mut out = vec![0; count];
        ring.take(&mut out);
        out
    }

    #[test]
    fn samples_come_out_in_their_places_across_the_wrap() {
        let mut ring = Ring::new();
        for round in 0..100i64 {
            let at = ring.start();
            ring.write(at + 10, &[round as i16; 300]);
            ring.pause(at, at + 20);
            ring.silence(at + 305, at + 330);
            let out = take(&mut ring, 333);
            let expected = [[QUIET; 10].as_slice(), &[round as i16; 295], &[QUIET; 25], &[MISSING; 3]].concat();
            assert_eq!(out, expected, "round {round}");
        }
    }

    #[test]
    fn what_lies_outside_is_not_stored() {
        let mut ring = Ring::new();
        take(&mut ring, 160);
        ring.write(0, &[1; 150]);
        ring.write(150, &[2; 20]);
        ring.write(160 + CAPACITY as i64 - 5, &[3; 50]);
        ring.write(i64::MAX / 2, &[4; 50]);
        ring.silence(i64::MIN / 2, 0);
        let out = take(&mut ring, CAPACITY);
        assert_eq!(out[..11], [[2; 10].as_slice(), &[MISSING]].concat());
        assert_eq!(out[CAPACITY - 6..], [[MISSING].as_slice(), &[3; 5]].concat());
    }
}

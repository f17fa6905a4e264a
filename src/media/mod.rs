//! What a caller hears and says: every signal inside this room is 16-bit linear mono at 8 kHz, in 20 ms frames.
//! Knows: samples, levels, instants handed to it, and the plain types of `protocol` (codec names).
//! Must not: touch a socket, a file or a clock, allocate per frame, or know what a mailbox or a menu is.
//!
//! Start with [`codec`] (the wire's G.711), [`player::Player`] and [`recorder::Recorder`] (what a call plays and keeps) and
//! [`dtmf::Detector`] (keys heard in the sound itself). [`level::Dbm0`] is the unit every threshold is written in.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

pub mod codec;
pub mod dtmf;
pub mod level;
pub mod nmos;
pub mod player;
pub mod recorder;
pub mod tone;
pub mod vad;
pub mod wav;

#[cfg(test)]
pub(crate) mod signals;

use std::time::Duration;

/// Samples per second, everywhere inside.
pub const SAMPLE_RATE: u32 = 8000;

/// Samples of one frame: 20 ms.
pub const FRAME: usize = 160;

/// How many samples `duration` lasts, rounded down.
pub fn samples_in(duration: Duration) -> u64 {
    let samples = duration.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// How long `samples` last.
pub fn duration_of(samples: u64) -> Duration {
    let rate = u64::from(SAMPLE_RATE);
    Duration::new(samples / rate, (samples % rate * (1_000_000_000 / rate)) as u32)
}

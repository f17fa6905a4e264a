//! How an Arbiter is kept from being woken for every single message of a flood of small ones.
//! Knows: when a thread goes to sleep and is woken. Must not: know what it works at.
//!
//! As network cards do (interrupt moderation): a thread that is woken in quick succession sleeps a little first, so that
//! what comes meanwhile is found together and costs one wake-up in place of many. A message waits at most that period
//! for it, and only under load.

use std::time::{Duration, Instant};

/// Load is judged over so many wake-ups: under load when they came within …
const WINDOW: u32 = 32;
/// … this (1,000 a second), until they take longer than …
const MANY: Duration = Duration::from_millis(32);
/// … this (250 a second, where a thread under load is woken at least 500 times).
const FEW: Duration = Duration::from_millis(128);

/// One thread's; asked each time it is about to wait for what comes next.
#[derive(Debug, Default)]
pub struct Moderation {
    loaded: bool,
    /// Wake-ups since `window`.
    count: u32,
    window: Option<Instant>,
    woken: Option<Instant>,
}

impl Moderation {
    /// The thread has nothing to do at `now`; how long it rests before it looks for more. A thread under load is not woken
    /// more often than once a `period`.
    pub fn park(&self, now: Instant, period: Duration) -> Option<Duration> {
        let busy = now.saturating_duration_since(self.woken?);
        period.checked_sub(busy).filter(|rest| self.loaded && !rest.is_zero())
    }

    /// It was woken at `now`.
    pub fn unpark(&mut self, now: Instant) {
        self.woken = Some(now);
        self.count += 1;
        let took = now.saturating_duration_since(*self.window.get_or_insert(now));
        if self.count >= WINDOW || took > FEW {
            self.loaded = took < if self.loaded { FEW } else { MANY };
            self.count = 0;
            self.window = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(2);

    /// Lets messages come in bursts at a fixed distance for a while, each message 5 us of work; gives back how often
    /// the thread was woken, and the longest that a message waited for a thread at rest.
    fn wake_ups(
        moderation: &mut Moderation,
        start: Instant,
        (distance, burst): (Duration, u32),
        messages: u32,
    ) -> (u32, Duration) {
        let comes = |message: u32| start + distance * (message / burst);
        let work = Duration::from_micros(5);
        let (mut now, mut wakes, mut longest, mut next) = (start, 0, Duration::ZERO, 0);
        while next < messages {
            let rested = now + moderation.park(now, PERIOD).unwrap_or_default();
            longest = longest.max(rested.saturating_duration_since(comes(next).max(now)));
            now = rested.max(comes(next));
            moderation.unpark(now);
            wakes += 1;
            while next < messages && comes(next) <= now {
                now += work;
                next += 1;
            }
        }
        (wakes, longest)
    }

    #[test]
    fn a_quiet_thread_is_woken_for_each_message_at_once() {
        let mut moderation = Moderation::default();
        let every = Duration::from_millis(2);
        let found = wake_ups(&mut moderation, Instant::now(), (every, 1), 1000);
        assert_eq!(found, (1000, Duration::ZERO));
    }

    #[test]
    fn under_load_messages_are_found_together_and_none_waits_longer_than_the_period() {
        for (distance, burst) in [(200, 1), (400, 3), (800, 2)] {
            let mut moderation = Moderation::default();
            let distance = Duration::from_micros(distance);
            let (wakes, longest) = wake_ups(&mut moderation, Instant::now(), (distance, burst), 10_000);
            let lasts = distance * 10_000 / burst;
            let limit = WINDOW + (lasts.as_micros() / PERIOD.as_micros()) as u32;
            assert!(wakes <= limit, "{wakes} in {lasts:?}");
            assert!(Duration::ZERO < longest && longest <= PERIOD, "{longest:?}");
        }
    }

    #[test]
    fn a_burst_is_no_load() {
        let mut moderation = Moderation::default();
        let found = wake_ups(&mut moderation, Instant::now(), (Duration::from_micros(100), 1), WINDOW);
        assert_eq!(found, (WINDOW, Duration::ZERO));
    }

    #[test]
    fn when_the_load_is_over_messages_do_not_wait_any_more() {
        let mut moderation = Moderation::default();
        let start = Instant::now();
        wake_ups(&mut moderation, start, (Duration::from_micros(100), 1), 1_000);
        assert!(moderation.loaded);
        let later = start + Duration::from_secs(1);
        let found = wake_ups(&mut moderation, later, (Duration::from_millis(10), 1), 100);
        assert_eq!(found, (100, Duration::ZERO));
        assert!(!moderation.loaded);
    }

    #[test]
    fn a_thread_that_works_all_the_time_does_not_rest() {
        let mut moderation = Moderation::default();
        let mut now = Instant::now();
        for _ in 0..1000 {
            moderation.unpark(now);
            now += Duration::from_millis(3);
            assert_eq!(moderation.park(now, PERIOD), None);
        }
    }
}

//! The pace of one direction: a token bucket. spec: secure-tunneling §4.9

use std::time::{Duration, Instant};

use crate::limits;

/// Lets `rate` bytes a second pass, and at most [`limits::BURST`] at once after a rest.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: u32,
    /// Bytes that may pass; below zero when a message larger than what was left has passed.
    level: i64,
    /// Until when `level` was filled up.
    at: Instant,
}

impl Pace {
    /// A full bucket. `rate` is in bytes a second; 0 lets everything pass.
    pub fn new(rate: u32, now: Instant) -> Pace {
        Pace { rate, level: limits::BURST as i64, at: now }
    }

    /// Whether everything passes.
    pub fn is_off(&self) -> bool {
        self.rate == 0
    }

    /// Takes `len` bytes out of the bucket, or says when to ask again. A message larger than the whole bucket
    /// passes when the bucket is full.
    pub fn pass(&mut self, len: usize, now: Instant) -> Result<(), Instant> {
        if self.is_off() {
            return Ok(());
        }
        self.fill(now);
        let needed = len.min(limits::BURST) as i64;
        if self.level < needed {
            return Err(self.at + self.time_for(needed - self.level));
        }
        self.level -= len as i64;
        Ok(())
    }

    /// Adds what has come in since the last time, in whole bytes, without losing the fraction.
    fn fill(&mut self, now: Instant) {
        let room = limits::BURST as i64 - self.level;
        let full_in = self.time_for(room);
        let passed = now.saturating_duration_since(self.at);
        if passed >= full_in {
            self.level = limits::BURST as i64;
            self.at = now.max(self.at);
            return;
        }
        let bytes = passed.as_nanos() * u128::from(self.rate) / NANOS;
        self.level += bytes as i64;
        self.at += self.time_for(bytes as i64).min(passed);
    }

    fn time_for(&self, bytes: i64) -> Duration {
        let nanos = u128::from(bytes.max(0).unsigned_abs()) * NANOS / u128::from(self.rate.max(1)) + 1;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant does as the beginning of virtual time")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_rested_direction_may_burst_and_then_keeps_its_rate() {
        let begin = start();
        let mut pace = Pace::new(100_000, begin);
        assert_eq!(pace.pass(65_536, begin), Ok(()));
        let mut now = begin;
        let mut passed = 0;
        while passed < 1_000_000 {
            match pace.pass(1000, now) {
                Ok(()) => passed += 1000,
                Err(later) => {
                    assert!(later > now);
                    now = later;
                }
            }
        }
        let took = now.duration_since(begin).as_secs_f64();
        assert!((9.98..10.02).contains(&took), "1 MB after the burst took {took} s");
    }

    #[test]
    fn a_message_larger_than_the_burst_passes_when_the_bucket_is_full() {
        let begin = start();
        let mut pace = Pace::new(100_000, begin);
        assert_eq!(pace.pass(65_600, begin), Ok(()));
        let later = pace.pass(65_600, begin).unwrap_err();
        let wait = later.duration_since(begin).as_secs_f64();
        assert!((0.655..0.657).contains(&wait), "{wait}");
        assert_eq!(pace.pass(65_600, later), Ok(()));
    }

    #[test]
    fn a_rate_of_0_is_off() {
        let now = start();
        let mut pace = Pace::new(0, now);
        assert!((0..100).all(|_| pace.pass(1 << 20, now).is_ok()));
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing() {
        let now = start();
        let mut pace = Pace::new(10, now);
        assert_eq!(pace.pass(65_536, now), Ok(()));
        let later = pace.pass(1, now).unwrap_err();
        assert_eq!(pace.pass(1, now), Err(later));
        assert_eq!(pace.pass(1, later), Ok(()));
    }
}

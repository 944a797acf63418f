//! How long to wait before the next try: longer each time, never all devices at once, never for ever.

use std::time::Duration;

/// The waits between tries.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Option<Duration>,
    tries: u32,
}

impl Backoff {
    /// Waits that begin around `first` and double up to `cap`; without a cap every wait is exactly `first`.
    pub fn new(first: Duration, cap: Option<Duration>) -> Backoff {
        Backoff { first, cap, tries: 0 }
    }

    /// The next wait: between half of its step and all of it, as `chance` (any number) decides.
    pub fn next(&mut self, chance: u64) -> Duration {
        let Some(cap) = self.cap else { return self.first };
        let step = self.first.saturating_mul(1u32.checked_shl(self.tries).unwrap_or(u32::MAX)).min(cap);
        self.tries = self.tries.saturating_add(1).min(31);
        let half = u64::try_from(step.as_millis() / 2).unwrap_or(u64::MAX);
        Duration::from_millis(half + chance % (half + 1))
    }

    /// A try was a success: the next wait is short again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

/// A random number for [`Backoff::next`]; the time of day when the system has none.
pub fn chance() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |since| u64::from(since.subsec_nanos()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_cap_and_lie_between_half_and_all() {
        for chance in [0, 1, 499, 500, 12_345, u64::MAX] {
            let mut backoff = Backoff::new(SECOND, Some(20 * SECOND));
            for step in [1, 2, 4, 8, 16, 20, 20, 20] {
                let wait = backoff.next(chance);
                assert!(wait >= SECOND * step / 2 && wait <= SECOND * step, "{wait:?} of {step} s");
            }
            backoff.reset();
            assert!(backoff.next(chance) <= SECOND);
        }
    }

    #[test]
    fn chance_spreads_the_waits() {
        let wait = |chance| Backoff::new(10 * SECOND, Some(20 * SECOND)).next(chance);
        assert_eq!(wait(0), 5 * SECOND);
        assert_eq!(wait(5000), 10 * SECOND);
        assert_eq!(wait(5001), 5 * SECOND);
    }

    #[test]
    fn without_a_cap_every_wait_is_the_same() {
        let mut backoff = Backoff::new(SECOND, None);
        assert_eq!([backoff.next(0), backoff.next(7), backoff.next(u64::MAX)], [SECOND; 3]);
    }

    #[test]
    fn a_hundred_thousand_tries_overflow_nothing() {
        let mut backoff = Backoff::new(SECOND, Some(20 * SECOND));
        let longest = (0..100_000).map(|chance| backoff.next(chance)).max();
        assert_eq!(longest, Some(20 * SECOND));
    }
}

//! One-time codes that sign in to the console: each is good once, for [`LIFE`], and kept as a hash.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adit_iot::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::ids::Ids;
use crate::rates::Rates;

/// How long a code is good.
pub const LIFE: Duration = Duration::from_secs(5 * 60);
/// Codes that wait to be used; a new one takes the place of the oldest.
const MOST: usize = 16;

/// The codes nobody has used yet.
#[derive(Debug, Default)]
pub struct Codes {
    waiting: Mutex<Vec<Waiting>>,
    /// Tries by address.
    pub(super) rates: Rates,
}

#[derive(Debug)]
struct Waiting {
    hash: [u8; 32],
    /// In milliseconds.
    ends_at: i64,
}

impl Codes {
    /// Makes a code; it is told here and nowhere else.
    pub fn make(&self, ids: &Ids, now: Timestamp) -> String {
        let code = ids.hex();
        let life = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            waiting.remove(0);
        }
        waiting.push(Waiting { hash: hash(&code), ends_at: now.plus_millis(life).millis() });
        code
    }

    /// Whether the code is good; it is not any more after that.
    pub(super) fn take(&self, code: &str, now: Timestamp) -> bool {
        let hash = hash(code);
        let mut waiting = self.waiting();
        waiting.retain(|one| one.ends_at > now.millis());
        let before = waiting.len();
        waiting.retain(|one| !bool::from(one.hash.ct_eq(&hash)));
        waiting.len() < before
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    #[test]
    fn a_code_is_good_once_and_for_five_minutes() {
        let codes = Codes::default();
        let code = codes.make(&Ids::Real, NOW);
        assert_eq!(code.len(), 64);
        assert!(!codes.take("", NOW) && !codes.take(&code[1..], NOW));
        assert!(codes.take(&code, NOW.plus_millis(299_999)));
        assert!(!codes.take(&code, NOW));
        let code = codes.make(&Ids::Real, NOW);
        assert!(!codes.take(&code, NOW.plus_millis(300_000)));
    }

    #[test]
    fn the_oldest_code_gives_way() {
        let codes = Codes::default();
        let first = codes.make(&Ids::Real, NOW);
        let others: Vec<String> = (0..MOST).map(|_| codes.make(&Ids::Real, NOW)).collect();
        assert!(!codes.take(&first, NOW));
        assert!(others.iter().all(|code| codes.take(code, NOW)));
    }
}

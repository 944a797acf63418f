//! How many tunnel connections a second an account may make.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use adit_iot::Timestamp;

/// Counts of the current second, by account.
#[derive(Debug, Default)]
pub struct Rates(Mutex<(i64, HashMap<String, u32>)>);

impl Rates {
    /// Counts one for `account`; `false` once there were `limit` in this second. 0 is no limit.
    pub fn allow(&self, account: &str, limit: u32, now: Timestamp) -> bool {
        if limit == 0 {
            return true;
        }
        let second = now.millis().div_euclid(1000);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != second {
            *counts = (second, HashMap::new());
        }
        let count = counts.1.entry(account.to_owned()).or_default();
        *count += 1;
        *count <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_own_count_per_second() {
        let rates = Rates::default();
        let allowed = |account: &str, ms| {
            (0..5).filter(|_| rates.allow(account, 3, Timestamp::from_millis(ms))).count()
        };
        assert_eq!(
            (allowed("a", 1000), allowed("b", 1500), allowed("a", 1999), allowed("a", 2000)),
            (3, 3, 0, 3)
        );
        assert!(rates.allow("a", 0, Timestamp::from_millis(2000)));
    }
}

//! One provisioning at a time per certificate, and not again at once when it failed (spec: provisioning §6.5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_iot::CertificateId;

/// How long a device that could not be provisioned waits until it is tried again, in milliseconds.
const REST: i64 = 1_000;
/// Failures remembered before those that are over are looked for.
const REMEMBERED: usize = 16 * 1024;

/// The certificates that are being provisioned, or have just failed to be.
#[derive(Debug, Default)]
pub struct Arrivals(Arc<Mutex<HashMap<CertificateId, State>>>);

#[derive(Debug, Clone, Copy)]
enum State {
    Running,
    /// Not before that time, in milliseconds since the epoch.
    Resting(i64),
}

/// Whoever holds it provisions this certificate, and nobody else does.
#[derive(Debug)]
pub struct Turn {
    all: Arc<Mutex<HashMap<CertificateId, State>>>,
    id: CertificateId,
    after: Option<State>,
}

impl Arrivals {
    /// The turn of a certificate; `None` while somebody else has it, or shortly after a failure.
    pub fn begin(&self, id: &CertificateId, now: i64) -> Option<Turn> {
        let mut all = lock(&self.0);
        match all.get(id) {
            Some(State::Running) => return None,
            Some(State::Resting(until)) if now < *until => return None,
            _ => {}
        }
        if all.len() >= REMEMBERED {
            all.retain(|_, state| {
                matches!(state, State::Running) || matches!(state, State::Resting(until) if now < *until)
            });
        }
        all.insert(id.clone(), State::Running);
        Some(Turn { all: Arc::clone(&self.0), id: id.clone(), after: None })
    }
}

impl Turn {
    /// It failed: the certificate rests for a second.
    pub fn failed(&mut self, now: i64) {
        self.after = Some(State::Resting(now.saturating_add(REST)));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        match self.after {
            Some(state) => all.insert(self.id.clone(), state),
            None => all.remove(&self.id),
        };
    }
}

fn lock(all: &Mutex<HashMap<CertificateId, State>>) -> MutexGuard<'_, HashMap<CertificateId, State>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> CertificateId {
        let mut sum = [0; 32];
        sum[..8].copy_from_slice(&n.to_be_bytes());
        CertificateId::from_sha256(sum)
    }

    #[test]
    fn one_at_a_time_and_a_rest_after_a_failure() {
        let arrivals = Arrivals::default();
        let turn = arrivals.begin(&id(1), 0).unwrap();
        assert!(arrivals.begin(&id(1), 0).is_none());
        assert!(arrivals.begin(&id(2), 0).is_some());
        drop(turn);
        let mut turn = arrivals.begin(&id(1), 0).unwrap();
        turn.failed(5);
        drop(turn);
        assert!(arrivals.begin(&id(1), 5 + REST - 1).is_none());
        assert!(arrivals.begin(&id(1), 5 + REST).is_some());
    }

    #[test]
    fn failures_are_forgotten() {
        let arrivals = Arrivals::default();
        for n in 0..=REMEMBERED {
            arrivals.begin(&id(n), 0).unwrap().failed(0);
        }
        drop(arrivals.begin(&id(0), 2 * REST));
        assert!(lock(&arrivals.0).is_empty());
    }
}

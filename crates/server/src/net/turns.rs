//! How many TLS handshakes are under way at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A handshake older than this gives way when all turns are taken and another waits.
const STALLED: Duration = Duration::from_millis(500);

/// The turns of all listeners together.
///
/// A peer takes one with its first byte. Those that stall on purpose cannot keep others out for long: each newcomer
/// takes the turn of the oldest of them.
#[derive(Debug)]
pub struct Turns {
    limit: usize,
    running: Mutex<Running>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    by_age: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

/// One handshake's turn; dropping it frees it.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    number: u64,
    lost: Arc<Notify>,
}

impl Turns {
    /// So many at once.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), running: Mutex::default(), freed: Notify::new() })
    }

    /// Waits for a turn.
    pub async fn take(self: &Arc<Self>) -> Turn {
        loop {
            let freed = self.freed.notified();
            match self.try_take() {
                Ok(turn) => return turn,
                Err(when) => {
                    let _ = tokio::time::timeout_at(when, freed).await;
                }
            }
        }
    }

    /// A turn, or when the oldest handshake will have stalled.
    fn try_take(self: &Arc<Self>) -> Result<Turn, Instant> {
        let now = Instant::now();
        let mut running = self.running();
        if running.by_age.len() >= self.limit
            && let Some(oldest) = running.by_age.first_entry()
        {
            let stalls = oldest.get().0 + STALLED;
            if stalls > now {
                return Err(stalls);
            }
            oldest.remove().1.notify_one();
        }
        let (number, lost) = (running.next, Arc::new(Notify::new()));
        running.next += 1;
        running.by_age.insert(number, (now, Arc::clone(&lost)));
        Ok(Turn { turns: Arc::clone(self), number, lost })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits until somebody else needs the turn.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.turns.running().by_age.remove(&self.number).is_some() {
            self.turns.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stalled_handshake_gives_way_and_a_quick_one_does_not() {
        let turns = Turns::new(2);
        let (stalled, started) = (turns.take().await, Instant::now());
        tokio::time::sleep(STALLED / 4).await;
        let quick = turns.take().await;
        let third = turns.take().await;
        assert_eq!(started.elapsed(), STALLED);
        stalled.lost().await;
        drop(stalled);
        tokio::time::timeout(Duration::from_millis(10), quick.lost()).await.unwrap_err();
        drop(quick);
        let fourth = tokio::time::timeout(Duration::from_millis(10), turns.take()).await.unwrap();
        drop((third, fourth));
        assert!(turns.running().by_age.is_empty());
    }
}

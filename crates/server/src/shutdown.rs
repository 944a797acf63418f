//! Serving, draining, ending: one value that everybody watches.

use tokio::sync::watch;

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// Not ready; no tunnel is opened or joined; those connected go on.
    Draining,
    /// Every task ends.
    Ending,
}

impl Phase {
    /// The word for people and programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Ending => "ending",
        }
    }
}

/// The current phase. It only moves forward.
#[derive(Debug)]
pub struct Phases(watch::Sender<Phase>);

impl Default for Phases {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Phases {
    /// The phase now.
    #[must_use]
    pub fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Moves on to `phase`; never back. Returns whether that was a change.
    pub fn enter(&self, phase: Phase) -> bool {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        })
    }

    /// Waits until `phase`, or a later one, is reached.
    pub async fn reached(&self, phase: Phase) {
        // The sender lives in `self`, so waiting cannot fail while we are borrowed.
        let _ = self.0.subscribe().wait_for(|current| *current >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_only_move_forward() {
        let phases = Phases::default();
        assert!(phases.enter(Phase::Ending));
        assert!(!phases.enter(Phase::Draining));
        phases.reached(Phase::Draining).await;
        assert_eq!(phases.now(), Phase::Ending);
    }
}

//! What all scopes of the gateway share: settings, the journal, counters, the time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use adit_iot::Scope;
use adit_mqtt::Settings;

use super::broker::Broker;
use super::journal::Journal;
use super::timers::Due;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Mqtt as Meters;
use crate::state::State;

/// What may be kept besides what [`Settings`] bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Retained messages of a scope.
    pub(super) retained_messages: usize,
    /// Bytes of their topics, payloads and properties.
    pub(super) retained_bytes: usize,
}

/// Shared by all scopes.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) settings: Arc<Settings>,
    pub(super) bounds: Bounds,
    pub(super) journal: Journal,
    pub(super) due: Due,
    pub(super) meters: Meters,
    brokers: RwLock<HashMap<Scope, Arc<Broker>>>,
    keys: AtomicU64,
    /// For choosing members of shared subscriptions: any spread will do.
    dice: AtomicU64,
    clock: Clock,
    /// What the clock said at an instant; from there on it does not go back.
    start: (u64, Instant),
    pub(super) state: Weak<State>,
}

impl Hub {
    pub(super) fn new(state: Weak<State>, config: &Config, meters: Meters, clock: Clock) -> Self {
        let start = (u64::try_from(clock.now_ms()).unwrap_or(0), Instant::now());
        Self {
            settings: Arc::new(config.mqtt.settings()),
            bounds: Bounds {
                retained_messages: config.mqtt.retained_messages as usize,
                retained_bytes: config.mqtt.retained_bytes.as_usize(),
            },
            journal: Journal::default(),
            due: Due::default(),
            meters,
            brokers: RwLock::default(),
            keys: AtomicU64::new(1),
            dice: AtomicU64::new(start.0),
            clock,
            start,
            state,
        }
    }

    /// Milliseconds since the epoch on a clock that never goes back.
    pub(super) fn now(&self) -> u64 {
        match &self.clock {
            Clock::Real => {
                let (wall, instant) = self.start;
                wall + u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
            }
            Clock::Manual(_) => u64::try_from(self.clock.now_ms()).unwrap_or(0),
        }
    }

    /// How long to sleep until `millis` have passed. A clock that a test moves is looked at often.
    pub(super) fn rest(&self, millis: u64) -> Duration {
        match &self.clock {
            Clock::Real => Duration::from_millis(millis),
            Clock::Manual(_) => Duration::from_millis(millis.min(20)),
        }
    }

    /// A number that was not given out before.
    pub(super) fn key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// A number below `end` (0 when that is 0), spread evenly.
    pub(super) fn random(&self, end: usize) -> usize {
        let mut x = self.dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from((x ^ (x >> 31)) % end).unwrap_or(0)
    }

    /// The broker of a scope; made if need be.
    pub(super) fn broker(self: &Arc<Self>, scope: &Scope) -> Arc<Broker> {
        if let Some(broker) = self.find(scope) {
            return broker;
        }
        let mut brokers = self.brokers.write().unwrap_or_else(PoisonError::into_inner);
        let broker = brokers
            .entry(scope.clone())
            .or_insert_with(|| Arc::new(Broker::new(scope.clone(), Arc::clone(self))));
        Arc::clone(broker)
    }

    /// The broker of a scope, if anything was ever there.
    pub(super) fn find(&self, scope: &Scope) -> Option<Arc<Broker>> {
        self.brokers.read().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()
    }

    /// All brokers.
    pub(super) fn all(&self) -> Vec<Arc<Broker>> {
        self.brokers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Forgets all brokers, at the end.
    pub(super) fn forget_all(&self) {
        self.brokers.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets the store forget a session, in a task of its own.
    pub(super) fn end_session(&self, id: i64) {
        let Some(state) = self.state.upgrade() else { return };
        state.clone().tasks.spawn(async move {
            if let Err(error) = state.store.sessions_end(vec![id]).await {
                state.metrics.count("adit_store_failures_total", "kind", "mqtt");
                tracing::error!(%error, "a session that ended could not be forgotten; it ends again after a restart");
            }
        });
    }
}

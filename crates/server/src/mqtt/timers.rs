//! What time does to sessions: they end, wills are published, retained messages expire. spec: mqtt-gateway §4.5, §6

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::broker::Broker;
use super::hub::Hub;
use super::leave::{self, Legacy};
use super::publish::timestamp;
use super::slot::Slot;
use crate::shutdown::Phase;
use crate::state::State;

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_millis(500);
/// Looks between two searches for what is no longer remembered.
const TIDY: u64 = 120;
/// Retained messages forgotten in one transaction.
const BATCH: usize = 500;

/// Sessions by the next time something is due.
#[derive(Debug, Default)]
pub(super) struct Due(Mutex<BTreeMap<(u64, u64), Which>>);

/// A session, unless it is gone by then.
type Which = (Weak<Broker>, Weak<Slot>);

impl Due {
    /// Something is due for a session at `at`, in milliseconds. What has changed by then is ignored then.
    pub(super) fn add(&self, at: u64, broker: &Arc<Broker>, slot: &Arc<Slot>) {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.insert((at, slot.key), (Arc::downgrade(broker), Arc::downgrade(slot)));
    }

    fn take(&self, now: u64) -> Vec<(Arc<Broker>, Arc<Slot>)> {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let later = due.split_off(&(now.saturating_add(1), 0));
        let over = std::mem::replace(&mut *due, later);
        drop(due);
        let both = |(broker, slot): Which| Some((broker.upgrade()?, slot.upgrade()?));
        over.into_values().filter_map(both).collect()
    }
}

/// Looks until the server ends.
pub(super) async fn run(state: Arc<State>, hub: Arc<Hub>) {
    let mut looks = 0_u64;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = state.phases.reached(Phase::Ending) => return,
        }
        let now = hub.now();
        for (broker, slot) in hub.due.take(now) {
            session(&state, &broker, &slot, now).await;
        }
        for broker in hub.all() {
            for share in broker.shares.waiting() {
                share.drain(&broker, &state);
            }
        }
        retained(&state, &hub, now).await;
        looks += 1;
        if looks.is_multiple_of(TIDY) {
            for broker in hub.all() {
                broker.seats().retain(|_, seat| !seat.is_stale(now));
            }
        }
    }
}

/// What is due for a session without a connection.
struct Today {
    will: Option<Box<Legacy>>,
    over: bool,
    /// When something is due again, in milliseconds.
    next: Option<u64>,
}

/// Publishes a will that is due, and ends a session that is over.
async fn session(state: &Arc<State>, broker: &Arc<Broker>, slot: &Arc<Slot>, now: u64) {
    let Some(today) = look(slot, now) else { return };
    if let Some(legacy) = today.will {
        leave::publish_will(state, broker, slot, &legacy.will, &legacy.rights).await;
        if let Some(id) = slot.stored
            && let Err(error) = state.store.will_published(id).await
        {
            tracing::error!(%error, "a will that was published could not be forgotten");
        }
    }
    if !today.over {
        if let Some(next) = today.next {
            broker.hub.due.add(next, broker, slot);
        }
        return;
    }
    // A connect may have taken it up meanwhile.
    if !claim(slot, now) {
        return;
    }
    drop(broker.forget(slot));
    if let Some(id) = slot.stored
        && let Err(error) = state.store.sessions_end(vec![id]).await
    {
        tracing::error!(%error, "a session that is over could not be ended in the store");
    }
}

fn look(slot: &Slot, now: u64) -> Option<Today> {
    let mut inner = slot.lock();
    if inner.link != 0 || inner.gone {
        return None;
    }
    let over = inner.ends_at.is_some_and(|at| at <= now);
    let is_due = over || inner.will.as_ref().is_some_and(|will| will.due <= now);
    let will = if is_due { inner.will.take() } else { None };
    let next = [inner.ends_at, inner.will.as_ref().map(|will| will.due)].into_iter().flatten().min();
    Some(Today { will, over, next })
}

/// Makes sure that nobody resumes a session that is over.
fn claim(slot: &Slot, now: u64) -> bool {
    let mut inner = slot.lock();
    let over = inner.link == 0 && inner.ends_at.is_some_and(|at| at <= now);
    inner.gone |= over;
    over
}

async fn retained(state: &State, hub: &Arc<Hub>, now: u64) {
    if !hub.all().iter().any(|broker| broker.retained.has_expired(now)) {
        return;
    }
    loop {
        let gone = match state.store.retained_expire(timestamp(now), BATCH).await {
            Ok(gone) => gone,
            Err(error) => {
                tracing::error!(%error, "retained messages that expired could not be forgotten");
                return;
            }
        };
        let count = gone.len();
        for (scope, topic) in gone {
            if let Some(broker) = hub.find(&scope) {
                broker.retained.expired(&topic, now);
            }
        }
        if count < BATCH {
            return;
        }
    }
}

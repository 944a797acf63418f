//! Retained messages: the last one of each topic, in memory and in the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_iot::Timestamp;
use adit_mqtt::{Filter, Message, Reason};
use adit_store::MqttWrite;

use super::broker::Broker;
use super::journal;
use super::receipt::Promises;

/// The retained messages of a scope.
#[derive(Debug, Default)]
pub(super) struct Retained(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    topics: BTreeMap<Arc<str>, Kept>,
    bytes: usize,
    /// No message expires before this, in milliseconds; `None` if none does.
    expires: Option<u64>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) message: Arc<Message>,
    /// When it was published, in milliseconds.
    pub(super) modified: u64,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.message.topic.len() + self.message.payload.len() + self.message.properties.raw().len()
    }
}

impl Retained {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message as its topic's, or forgets the topic's when it is empty. spec: mqtt-gateway §5.5
    ///
    /// # Errors
    /// `QuotaExceeded` when there are as many, or as many bytes, as may be; the old one stays.
    pub(super) fn put(
        &self,
        broker: &Broker,
        message: &Arc<Message>,
        promises: &mut impl Promises,
    ) -> Result<(), Reason> {
        let hub = &broker.hub;
        let now = hub.now();
        let mut table = self.lock();
        if message.payload.is_empty() {
            let topic = Arc::clone(&message.topic);
            if table.remove(&topic) {
                hub.journal
                    .write(MqttWrite::Unretain { scope: broker.scope.clone(), topic }, promises.receipt());
            }
            return Ok(());
        }
        let kept = Kept { message: Arc::clone(message), modified: now };
        let before = table.topics.get(&message.topic).map(Kept::bytes);
        let bytes = table.bytes + kept.bytes() - before.unwrap_or(0);
        let count = table.topics.len() + usize::from(before.is_none());
        if count > hub.bounds.retained_messages || bytes > hub.bounds.retained_bytes {
            hub.meters.retained_refused.increment(1);
            return Err(Reason::QuotaExceeded);
        }
        table.insert(kept);
        let message = Arc::new(journal::stored(message, message.qos, true));
        let at = Timestamp::from_millis(i64::try_from(now).unwrap_or(i64::MAX));
        // Under the lock, so that the store sees the changes of a topic in this order.
        hub.journal.write(MqttWrite::Retain { scope: broker.scope.clone(), message, at }, promises.receipt());
        Ok(())
    }

    /// Takes over what the store had.
    pub(super) fn load(&self, kept: Kept) {
        self.lock().insert(kept);
    }

    /// Forgets a topic that the store has forgotten because its message expired.
    pub(super) fn expired(&self, topic: &str, now: u64) {
        let mut table = self.lock();
        let over = |kept: &Kept| kept.message.expires_at.is_some_and(|end| end <= now);
        if table.topics.get(topic).is_some_and(over) {
            table.remove(topic);
        }
    }

    /// Whether one may have expired. Looks through all of them when it is so, to know the next time.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        let mut table = self.lock();
        if table.expires.is_none_or(|at| at > now) {
            return false;
        }
        table.expires =
            table.topics.values().filter_map(|kept| kept.message.expires_at).filter(|at| *at > now).min();
        true
    }

    /// The message of a topic.
    pub(super) fn get(&self, topic: &str, now: u64) -> Option<Kept> {
        self.lock().topics.get(topic).filter(|kept| kept.is_alive(now)).cloned()
    }

    /// Up to `limit` after a topic, in order of topics.
    pub(super) fn page(&self, after: &str, limit: usize, now: u64) -> Vec<Kept> {
        use std::ops::Bound::{Excluded, Unbounded};
        let table = self.lock();
        let rest = table.topics.range::<str, _>((Excluded(after), Unbounded));
        rest.map(|(_, kept)| kept).filter(|kept| kept.is_alive(now)).take(limit).cloned().collect()
    }

    /// How many there are, and how many bytes they take, those that have just expired included.
    pub(super) fn size(&self) -> (usize, usize) {
        let table = self.lock();
        (table.topics.len(), table.bytes)
    }

    /// What a new subscription gets. `wildcards` says whether a filter may match more than its own text.
    pub(super) fn matching(
        &self,
        filter: &Filter,
        wildcards: bool,
        hash: bool,
        now: u64,
    ) -> Vec<Arc<Message>> {
        if filter.share().is_some() {
            return Vec::new();
        }
        if !filter.has_wildcard() {
            return self.get(filter.pattern(), now).map(|kept| kept.message).into_iter().collect();
        }
        if !wildcards {
            return Vec::new();
        }
        let table = self.lock();
        let alive = table.topics.values().filter(|kept| kept.is_alive(now));
        let wanted = alive.filter(|kept| filter.matches(&kept.message.topic, hash));
        wanted.map(|kept| Arc::clone(&kept.message)).collect()
    }
}

impl Kept {
    fn is_alive(&self, now: u64) -> bool {
        self.message.expires_at.is_none_or(|end| end > now)
    }
}

impl Table {
    fn insert(&mut self, kept: Kept) {
        self.bytes += kept.bytes();
        self.expires = self.expires.into_iter().chain(kept.message.expires_at).min();
        if let Some(before) = self.topics.insert(Arc::clone(&kept.message.topic), kept) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
    }

    fn remove(&mut self, topic: &str) -> bool {
        let before = self.topics.remove(topic);
        self.bytes = self.bytes.saturating_sub(before.as_ref().map_or(0, Kept::bytes));
        before.is_some()
    }
}

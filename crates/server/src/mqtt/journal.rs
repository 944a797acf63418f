//! One task writes what must survive: it takes everything that waits, writes it in one transaction, and only then lets
//! the receipts go. The group grows with the load, so the price of a commit is shared by all publishers.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use adit_iot::Timestamp;
use adit_mqtt::{Message, QoS};
use adit_store::{MqttWrite, Phase, StoredMessage};
use bytes::Bytes;
use tokio::sync::Notify;

use super::receipt::Receipt;
use super::slot::Slot;
use crate::state::State;

/// Changes in one transaction, so that the first does not wait long for the last.
const GROUP: usize = 4096;
/// Bytes that may wait before publishers are made to wait.
const FULL: usize = 64 * 1024 * 1024;
/// What a change takes besides its payload, roughly.
const OVERHEAD: usize = 256;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Journal {
    waiting: Mutex<Vec<Entry>>,
    bytes: AtomicUsize,
    bell: Notify,
    idle: Notify,
    /// Entries handed in and not finished.
    open: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    what: What,
    receipt: Option<Receipt>,
}

#[derive(Debug)]
enum What {
    Append(Append),
    Write(MqttWrite),
    /// Only wait for what came before.
    Nothing,
}

/// A message for a session's queue.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) slot: Arc<Slot>,
    pub(super) position: i64,
    pub(super) phase: Phase,
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
}

impl Journal {
    /// Puts a message into a queue; the receipt is dropped when it is on disk.
    pub(super) fn append(&self, append: Append, receipt: Option<Receipt>) {
        self.push(Entry { what: What::Append(append), receipt });
    }

    /// Makes any other change.
    pub(super) fn write(&self, write: MqttWrite, receipt: Option<Receipt>) {
        self.push(Entry { what: What::Write(write), receipt });
    }

    /// Drops the receipt when everything handed in before is on disk.
    pub(super) fn after(&self, receipt: Receipt) {
        self.push(Entry { what: What::Nothing, receipt: Some(receipt) });
    }

    /// Whether so much waits that no more should be read from publishers.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > FULL
    }

    /// Waits until everything handed in before is written or has failed.
    pub(super) async fn settled(&self) {
        loop {
            let idle = self.idle.notified();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    fn push(&self, entry: Entry) {
        self.bytes.fetch_add(entry.bytes(), Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::AcqRel);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(entry);
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.bell.notify_one();
        }
    }

    fn take(&self) -> Vec<Entry> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets [`Journal::run`] end when nothing waits any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    /// Writes until the journal is closed and nothing waits.
    pub(super) async fn run(&self, state: &State) {
        loop {
            let mut entries = self.take().into_iter().peekable();
            if entries.peek().is_none() {
                if self.closed.load(Ordering::Acquire) {
                    return;
                }
                self.bell.notified().await;
                continue;
            }
            while entries.peek().is_some() {
                self.commit(state, entries.by_ref().take(GROUP).collect()).await;
            }
        }
    }

    async fn commit(&self, state: &State, group: Vec<Entry>) {
        let writes = group.iter().filter_map(Entry::write).collect();
        let result = state.store.mqtt_write(writes).await;
        if let Err(error) = &result {
            state.metrics.count("adit_store_failures_total", "kind", "mqtt");
            tracing::error!(%error, changes = group.len(), "messages could not be stored; their publishers get no acknowledgement");
        }
        let (count, bytes) = (group.len(), group.iter().map(Entry::bytes).sum::<usize>());
        let mut woken: Vec<Arc<Slot>> = Vec::new();
        for entry in group {
            if let What::Append(append) = &entry.what {
                append.finish(result.is_ok(), &mut woken);
            }
            match (entry.receipt, result.is_ok()) {
                (Some(receipt), false) => receipt.fail(),
                (receipt, _) => drop(receipt),
            }
        }
        for slot in woken {
            slot.nudge();
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.open.fetch_sub(count, Ordering::AcqRel) == count {
            self.idle.notify_waiters();
        }
    }
}

impl Append {
    /// The write went through, or not. Notes slots with a connection that may read it now.
    fn finish(&self, stored: bool, woken: &mut Vec<Arc<Slot>>) {
        let mut inner = self.slot.lock();
        inner.pending = inner.pending.saturating_sub(1);
        if !stored {
            inner.taken(super::slot::size(&self.message));
        }
        let wake = std::mem::replace(&mut inner.starved, false) && inner.link != 0;
        drop(inner);
        if wake {
            woken.push(Arc::clone(&self.slot));
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        OVERHEAD
            + match &self.what {
                What::Append(append) => append.message.payload.len(),
                What::Write(MqttWrite::Retain { message, .. }) => message.payload.len(),
                What::Write(_) | What::Nothing => 0,
            }
    }

    fn write(&self) -> Option<MqttWrite> {
        match &self.what {
            What::Append(append) => Some(MqttWrite::Append {
                session: append.slot.stored?,
                position: append.position,
                phase: append.phase,
                message: Arc::new(stored(&append.message, append.qos, append.retain)),
            }),
            What::Write(write) => Some(write.clone()),
            What::Nothing => None,
        }
    }
}

/// A message as the store keeps it.
pub(super) fn stored(message: &Message, qos: QoS, retain: bool) -> StoredMessage {
    let properties = &message.properties;
    let millis = |at: u64| Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX));
    StoredMessage {
        topic: Arc::clone(&message.topic),
        payload: message.payload.clone(),
        qos: qos.level(),
        retain,
        properties: (!properties.is_empty()).then(|| Bytes::copy_from_slice(properties.raw())),
        expires_at: message.expires_at.map(millis),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use adit_mqtt::client::message;
    use adit_mqtt::{Settings, Version};

    use super::super::slot::Parcel;
    use super::*;

    #[test]
    fn a_connection_whose_mail_was_moved_to_disk_is_woken_to_read_it_there() {
        let (journal, slot) = (Journal::default(), Arc::new(Slot::new(1, "c".into(), Version::V5, Some(7))));
        let mut inner = slot.lock();
        (inner.link, inner.spill) = (3, false);
        let position = inner.next_position();
        drop(inner);
        let message = Arc::new(message("t", b"x", QoS::AtLeastOnce));
        let mut inbox = VecDeque::from([Parcel {
            message,
            position,
            receipt: None,
            ids: None,
            share: None,
            direct: false,
            qos: QoS::AtLeastOnce,
            retain: false,
        }]);
        assert_eq!(slot.spill(&mut inbox, &Settings::aws(), &journal), 0);
        let is_hungry = || slot.look(3, Waker::noop()).unwrap().hungry;
        assert!(!is_hungry(), "it cannot be read yet");
        assert_eq!(slot.lock().settled(), None, "a page read now may miss it");
        let mut woken = Vec::new();
        for entry in journal.take() {
            let What::Append(append) = &entry.what else { panic!("{entry:?}") };
            append.finish(true, &mut woken);
        }
        assert_eq!(woken.len(), 1, "nobody tells the connection that its message can be read");
        assert!(is_hungry());
        assert_eq!(slot.lock().settled(), Some(1));
    }
}

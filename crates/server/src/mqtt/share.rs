//! Shared subscriptions: each message goes to one member. spec: mqtt-gateway §5.4
//!
//! A group with a member that outlives its connection has a queue of its own in the store, for times when no member can
//! take a message.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_mqtt::{Filter, Message, QoS, Version};
use adit_store::{MqttWrite, NewSession};

use super::broker::{Batch, Broker, Target};
use super::hub::Hub;
use super::offline::message_of;
use super::receipt::{Nobody, Promises, Receipt, Receipts, Reply};
use super::slot::{Delivered, Offered, Options, Slot};
use crate::state::State;

/// Messages read from a group's queue at once.
const PAGE: usize = 100;
/// Bytes of them.
const PAGE_BYTES: usize = 1024 * 1024;
/// Rest when the members are busy.
const REST: Duration = Duration::from_millis(20);

/// The groups of a scope, by filter with `$share/<name>/`.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<Filter, Arc<Share>>>);

/// One group.
#[derive(Debug)]
pub(super) struct Share {
    key: u64,
    filter: Filter,
    inner: Mutex<Inner>,
    draining: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    members: Vec<Member>,
    /// Where messages wait; a session that nobody ever connects to.
    queue: Option<Arc<Slot>>,
    /// What was handed out of the queue last.
    cursor: i64,
}

#[derive(Debug, Clone)]
struct Member {
    slot: Arc<Slot>,
    qos: QoS,
}

impl Shares {
    fn lock(&self) -> MutexGuard<'_, HashMap<Filter, Arc<Share>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group of a filter; made if need be.
    pub(super) fn get(&self, broker: &Broker, filter: &Filter) -> Arc<Share> {
        let mut shares = self.lock();
        let share = shares.entry(filter.clone()).or_insert_with(|| {
            Arc::new(Share {
                key: broker.hub.key(),
                filter: filter.clone(),
                inner: Mutex::default(),
                draining: AtomicBool::new(false),
            })
        });
        Arc::clone(share)
    }

    /// Groups with something in their queues.
    pub(super) fn waiting(&self) -> Vec<Arc<Share>> {
        let shares = self.lock();
        shares.values().filter(|share| share.is_waiting()).cloned().collect()
    }

    /// Makes a session a member. A group with a member that outlives its connection gets its queue first.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn join(
        &self,
        broker: &Arc<Broker>,
        state: &Arc<State>,
        filter: &Filter,
        slot: &Arc<Slot>,
        options: Options,
    ) -> Result<(), adit_store::Error> {
        let share = self.get(broker, filter);
        if slot.stored.is_some() && share.lock().queue.is_none() {
            let opened = state.store.session_open(
                NewSession {
                    scope: broker.scope.clone(),
                    client_id: filter.as_str().to_owned(),
                    version: Version::V5.level(),
                    expiry: u32::MAX,
                    principal: String::new(),
                },
                false,
                None,
            );
            share.adopt(&broker.hub, opened.await?.id, 0);
        }
        share.add(broker, slot, options);
        share.drain(broker, state);
        Ok(())
    }

    /// Takes a session out of its group. The last one that outlives its connection takes the queue with it.
    pub(super) fn leave(&self, broker: &Broker, filter: &Filter, slot: &Arc<Slot>) {
        let Some(share) = self.lock().get(filter).cloned() else { return };
        let mut inner = share.lock();
        inner.members.retain(|member| member.slot.key != slot.key);
        let is_kept = inner.members.iter().any(|member| member.slot.stored.is_some());
        let queue = if is_kept { None } else { inner.queue.take() };
        let is_empty = inner.members.is_empty();
        drop(inner);
        if let Some(id) = queue.as_ref().and_then(|queue| queue.stored) {
            broker.hub.end_session(id);
        }
        if is_empty {
            broker.unsubscribe(filter, share.key);
            self.lock().remove(filter);
        }
    }
}

impl Share {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_waiting(&self) -> bool {
        let queue = self.lock().queue.clone();
        queue.is_some_and(|queue| queue.lock().queue.messages > 0)
    }

    /// Gives the group the queue that the store has for it.
    pub(super) fn adopt(&self, hub: &Hub, id: i64, last: i64) -> Arc<Slot> {
        let mut inner = self.lock();
        let queue = inner.queue.get_or_insert_with(|| {
            let slot = Slot::new(hub.key(), Arc::from(self.filter.as_str()), Version::V5, Some(id));
            slot.lock().position = last;
            Arc::new(slot)
        });
        Arc::clone(queue)
    }

    /// Adds a member, or changes what it asked for.
    pub(super) fn add(self: &Arc<Self>, broker: &Broker, slot: &Arc<Slot>, options: Options) {
        let mut inner = self.lock();
        let member = Member { slot: Arc::clone(slot), qos: options.qos };
        match inner.members.iter_mut().find(|there| there.slot.key == slot.key) {
            Some(there) => *there = member,
            None => inner.members.push(member),
        }
        drop(inner);
        // What members asked for is applied one by one.
        let all = Options { qos: QoS::ExactlyOnce, no_local: false, retain_as_published: false, id: None };
        broker.subscribe(&self.filter, self.key, Target::Share(Arc::clone(self)), all);
    }

    /// The topic with the group's prefix, as some policies name it.
    pub(super) fn prefixed(&self, topic: &str) -> String {
        format!("$share/{}/{topic}", self.filter.share().unwrap_or_default())
    }

    /// Takes a message for one member, or for the queue.
    pub(super) fn offer(
        self: &Arc<Self>,
        broker: &Broker,
        message: &Arc<Message>,
        how: &Delivered,
        promises: &mut impl Promises,
        batch: &mut Batch,
    ) {
        let queue = self.lock().queue.clone();
        let taken = match queue {
            Some(_) => self.offer_members(broker, message, how, promises, batch),
            // Nothing is promised: no member outlives its connection.
            None => self.offer_members(broker, message, how, &mut Nobody, batch),
        };
        if taken {
            return;
        }
        match queue {
            Some(queue) if how.qos > QoS::AtMostOnce => {
                let how = Delivered { share: None, ..how.clone() };
                broker.offer(&queue, message, &how, promises, batch);
            }
            _ => broker.hub.meters.dropped_shared.increment(1),
        }
    }

    /// Offers a message to the members, beginning with a random one. `false` when nobody took it.
    fn offer_members(
        self: &Arc<Self>,
        broker: &Broker,
        message: &Arc<Message>,
        how: &Delivered,
        promises: &mut impl Promises,
        batch: &mut Batch,
    ) -> bool {
        let members = self.lock().members.clone();
        let hub = &broker.hub;
        let start = hub.random(members.len());
        let (before, after) = members.split_at(start.min(members.len()));
        for member in after.iter().chain(before) {
            let how = Delivered {
                qos: how.qos.min(member.qos),
                retain: false,
                ids: None,
                share: Some(Arc::clone(self)),
                direct: false,
            };
            match member.slot.offer(message, &how, &hub.settings, &hub.journal, promises) {
                Offered::Wake => {
                    batch.add(&member.slot);
                    return true;
                }
                Offered::Taken | Offered::Spilled => return true,
                Offered::Away | Offered::Full => {}
            }
        }
        false
    }

    /// Hands out what waits in the queue, in a task of its own, unless one does so already.
    pub(super) fn drain(self: &Arc<Self>, broker: &Arc<Broker>, state: &Arc<State>) {
        if !self.is_waiting() || self.draining.swap(true, Ordering::AcqRel) {
            return;
        }
        let (share, broker, state) = (Arc::clone(self), Arc::clone(broker), Arc::clone(state));
        state.clone().tasks.spawn(async move {
            if let Err(error) = share.hand_out(&broker, &state).await {
                tracing::error!(%error, filter = %share.filter, "the queue of a shared subscription could not be read");
            }
            share.draining.store(false, Ordering::Release);
        });
    }

    async fn hand_out(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        state: &State,
    ) -> Result<(), adit_store::Error> {
        loop {
            let (queue, cursor) = {
                let inner = self.lock();
                (inner.queue.clone(), inner.cursor)
            };
            let Some((queue, id)) = queue.and_then(|queue| Some((Arc::clone(&queue), queue.stored?))) else {
                return Ok(());
            };
            let page = state.store.queue_page(id, cursor, PAGE, PAGE_BYTES).await?;
            if page.is_empty() {
                return Ok(());
            }
            for queued in page {
                let (message, qos) = message_of(queued.message);
                let message = Arc::new(message);
                let size = super::slot::size(&message);
                let row = || Reply::Row {
                    hub: Arc::clone(&broker.hub),
                    queue: Arc::clone(&queue),
                    position: queued.position,
                    size,
                };
                let mut promises = Receipts::always(row);
                let expired = message.expires_at.is_some_and(|end| end <= broker.hub.now());
                let how = Delivered { qos, retain: false, ids: None, share: None, direct: false };
                let mut batch = Batch::default();
                while !expired && !self.offer_members(broker, &message, &how, &mut promises, &mut batch) {
                    if !self.has_online_member() || state.phases.now() == crate::shutdown::Phase::Ending {
                        promises.cancel();
                        return Ok(());
                    }
                    tokio::time::sleep(REST).await;
                }
                batch.flush();
                self.lock().cursor = queued.position;
            }
        }
    }

    fn has_online_member(&self) -> bool {
        let members = self.lock().members.clone();
        members.iter().any(|member| member.slot.is_online())
    }
}

/// What a member gives back when it goes away: the receipt travels with the message.
pub(super) struct Returned(pub(super) Option<Receipt>);

impl Promises for Returned {
    fn receipt(&mut self) -> Option<Receipt> {
        self.0.clone()
    }
}

/// Takes a message out of the queue of a group, because a member has it.
pub(super) fn row_is_done(hub: &Hub, queue: &Slot, position: i64, size: usize) {
    queue.lock().taken(size);
    if let Some(session) = queue.stored {
        hub.journal.write(MqttWrite::Remove { session, position }, None);
    }
}

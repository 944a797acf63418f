//! The messages of one account and region: who subscribes to what, and the way of a message to them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use adit_iot::Scope;
use adit_mqtt::tree::TopicTree;
use adit_mqtt::{Filter, Message, MessageProperties, QoS, Reason};

use super::connect::Claims;
use super::hub::Hub;
use super::receipt::{Nobody, Promises};
use super::retained::Retained;
use super::roster::Seat;
use super::share::{Share, Shares};
use super::slot::{Delivered, Offered, Options, Parcel, Slot};

/// All connections, sessions and messages of a scope.
pub(super) struct Broker {
    pub(super) scope: Scope,
    pub(super) hub: Arc<Hub>,
    tree: RwLock<TopicTree<u64, Entry>>,
    /// Goes up with every change of the tree.
    epoch: AtomicU64,
    seats: Mutex<HashMap<Arc<str>, Seat>>,
    pub(super) retained: Retained,
    pub(super) shares: Shares,
    pub(super) claims: Claims,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// A subscription in the tree.
#[derive(Debug, Clone)]
struct Entry {
    target: Target,
    options: Options,
}

/// Who gets a message.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// One session.
    Session(Arc<Slot>),
    /// One member of a shared subscription.
    Share(Arc<Share>),
}

/// A receiver of a topic, with all its matching subscriptions taken together.
#[derive(Debug, Clone)]
pub(super) struct Subscriber {
    key: u64,
    target: Target,
    qos: QoS,
    no_local: bool,
    retain_as_published: bool,
    ids: Option<Arc<[u32]>>,
}

/// Everybody who gets a topic, as it was at an epoch of the tree.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) epoch: u64,
    pub(super) subscribers: Arc<[Subscriber]>,
}

/// Connections that have to be woken when a batch of publishes is done.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<Arc<Slot>>);

impl Batch {
    /// Notes a slot.
    pub(super) fn add(&mut self, slot: &Arc<Slot>) {
        self.0.push(Arc::clone(slot));
    }

    /// Wakes them, each once.
    pub(super) fn flush(&mut self) {
        for slot in self.0.drain(..) {
            slot.wake();
        }
    }
}

impl Broker {
    /// Nobody is there yet.
    pub(super) fn new(scope: Scope, hub: Arc<Hub>) -> Self {
        Self {
            scope,
            hub,
            tree: RwLock::default(),
            epoch: AtomicU64::new(1),
            seats: Mutex::default(),
            retained: Retained::default(),
            shares: Shares::default(),
            claims: Claims::default(),
        }
    }

    /// What is known by client id. Never hold it across an await; a slot may be locked meanwhile, not the reverse.
    pub(super) fn seats(&self) -> MutexGuard<'_, HashMap<Arc<str>, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of a client id.
    pub(super) fn slot(&self, client_id: &str) -> Option<Arc<Slot>> {
        self.seats().get(client_id)?.slot.clone()
    }

    /// All sessions.
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.seats().values().filter_map(|seat| seat.slot.clone()).collect()
    }

    /// The epoch of the tree: a [`Route`] of an older one may be wrong.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Adds or replaces a subscription in the tree.
    pub(super) fn subscribe(&self, filter: &Filter, key: u64, target: Target, options: Options) {
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let before = tree.insert(filter, key, Entry { target, options });
        self.epoch.fetch_add(1, Ordering::Release);
        drop(tree);
        drop(before);
    }

    /// Takes a subscription out of the tree.
    pub(super) fn unsubscribe(&self, filter: &Filter, key: u64) {
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let before = tree.remove(filter, &key);
        self.epoch.fetch_add(1, Ordering::Release);
        drop(tree);
        drop(before);
    }

    /// Who gets a topic now. A client with several matching filters gets a message once, at the highest QoS.
    /// spec: mqtt-gateway §5.1
    pub(super) fn route(&self, topic: &str) -> Route {
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.epoch();
        let mut found: Vec<(u64, Entry)> = Vec::new();
        tree.matches(topic, self.hub.settings.hash_matches_parent, |key, entry| {
            found.push((*key, entry.clone()));
        });
        drop(tree);
        found.sort_by_key(|(key, _)| *key);
        let mut subscribers: Vec<Subscriber> = Vec::with_capacity(found.len());
        for (key, Entry { target, options }) in found {
            match subscribers.last_mut().filter(|last| last.key == key) {
                Some(last) => last.join(options),
                None => subscribers.push(Subscriber::new(key, target, options)),
            }
        }
        Route { epoch, subscribers: subscribers.into() }
    }

    /// Hands a message to everybody on its route. `from` is the publisher's slot. Whoever has to be woken is noted in
    /// `batch`.
    pub(super) fn send(
        &self,
        message: &Arc<Message>,
        route: &Route,
        from: Option<u64>,
        promises: &mut impl Promises,
        batch: &mut Batch,
    ) {
        for subscriber in &*route.subscribers {
            if subscriber.no_local && from == Some(subscriber.key) {
                continue;
            }
            let how = Delivered {
                qos: subscriber.qos.min(message.qos),
                retain: subscriber.retain_as_published && message.retain,
                ids: subscriber.ids.clone(),
                share: None,
                direct: false,
            };
            match &subscriber.target {
                Target::Session(slot) => self.offer(slot, message, &how, promises, batch),
                Target::Share(share) => share.offer(self, message, &how, promises, batch),
            }
        }
    }

    /// Offers a message to one session and counts what was dropped.
    pub(super) fn offer(
        &self,
        slot: &Arc<Slot>,
        message: &Arc<Message>,
        how: &Delivered,
        promises: &mut impl Promises,
        batch: &mut Batch,
    ) {
        let hub = &self.hub;
        match slot.offer(message, how, &hub.settings, &hub.journal, promises) {
            Offered::Wake => batch.add(slot),
            Offered::Full => hub.meters.dropped_full.increment(1),
            Offered::Taken | Offered::Spilled | Offered::Away => {}
        }
    }

    /// Publishes a message that comes from no connection, or from one that is gone: retains it if it asks for that, and
    /// sends it to everybody.
    ///
    /// # Errors
    /// No retained message can be added; the message was sent nevertheless.
    pub(super) fn publish(&self, message: Message, promises: &mut impl Promises) -> Result<(), Reason> {
        let message = Arc::new(message);
        let kept = match message.retain {
            true => self.retained.put(self, &message, promises),
            false => Ok(()),
        };
        let mut batch = Batch::default();
        let route = self.route(&message.topic);
        self.send(&message, &route, None, promises, &mut batch);
        batch.flush();
        kept
    }

    /// Publishes a message of the server itself with QoS 1, without waiting for anything.
    pub(super) fn tell(&self, topic: &str, payload: Vec<u8>) {
        // Messages of the server are not retained, so nothing can be refused.
        let _ = self.publish(Self::own(topic, payload), &mut Nobody);
    }

    /// Answers one connection, if it is subscribed to the topic and still there. The answer may hold a private key, so it
    /// has QoS 0: it is never kept.
    pub(super) fn answer(&self, slot: &Arc<Slot>, link: u64, topic: &str, payload: Vec<u8>) {
        let route = self.route(topic);
        let Some(subscriber) = route.subscribers.iter().find(|subscriber| subscriber.key == slot.key) else {
            return;
        };
        let (qos, ids) = (QoS::AtMostOnce, subscriber.ids.clone());
        let how = Delivered { qos, retain: false, ids, share: None, direct: true };
        let message = Arc::new(Message { qos, ..Self::own(topic, payload) });
        match slot.offer_to(link, &message, &how, &self.hub.settings, &self.hub.journal) {
            Offered::Wake => slot.wake(),
            Offered::Full => self.hub.meters.dropped_full.increment(1),
            Offered::Taken | Offered::Spilled | Offered::Away => {}
        }
    }

    /// A message of the server itself.
    pub(super) fn own(topic: &str, payload: Vec<u8>) -> Message {
        Message {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: MessageProperties::default(),
            expires_at: None,
        }
    }

    /// Takes a session out of everything and gives back what lay in its mailbox. The store is the caller's.
    pub(super) fn forget(&self, slot: &Arc<Slot>) -> VecDeque<Parcel> {
        let mut inner = slot.lock();
        inner.gone = true;
        let subscriptions = std::mem::take(&mut inner.subscriptions);
        let mail = inner.take_mail();
        drop(inner);
        for (filter, _) in subscriptions {
            self.leave(&filter, slot);
        }
        let mut seats = self.seats();
        let is_its = |seat: &&mut Seat| seat.slot.as_ref().is_some_and(|there| there.key == slot.key);
        if let Some(seat) = seats.get_mut(&slot.client_id).filter(is_its) {
            seat.slot = None;
        }
        mail
    }

    /// Ends one subscription of a session, shared or not.
    pub(super) fn leave(&self, filter: &Filter, slot: &Arc<Slot>) {
        match filter.share() {
            Some(_) => self.shares.leave(self, filter, slot),
            None => self.unsubscribe(filter, slot.key),
        }
    }
}

impl Subscriber {
    fn new(key: u64, target: Target, options: Options) -> Self {
        Self {
            key,
            target,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            ids: options.id.map(|id| Arc::from([id])),
        }
    }

    /// One more subscription of the same client matches.
    fn join(&mut self, options: Options) {
        self.qos = self.qos.max(options.qos);
        self.no_local &= options.no_local;
        self.retain_as_published |= options.retain_as_published;
        if let Some(id) = options.id {
            let known = self.ids.iter().flat_map(|ids| ids.iter().copied());
            self.ids = Some(known.chain([id]).collect());
        }
    }
}

//! One client's session, connected or not, and what waits for it.
//!
//! A session is *direct* while its client is connected and keeps up: messages lie in memory until the connection takes
//! them. Otherwise it *spills*: messages of QoS 1 and 2 for a session that outlives its connection go to the store
//! through the journal, in order. No receipt is ever dropped while the lock of a slot is held: that could ask for the same
//! lock.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use adit_mqtt::connection::Ticket;
use adit_mqtt::session::Session;
use adit_mqtt::why::Why;
use adit_mqtt::{Filter, Message, QoS, Settings, Version};
use adit_store::{Phase, QueueSize};
use tokio::sync::Notify;

use super::journal::{Append, Journal};
use super::leave::Legacy;
use super::receipt::{Nobody, Promises, Receipt};
use super::roster::Online;
use super::share::Share;

/// A message on its way to one client.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) message: Arc<Message>,
    /// Place in the session's order; 0 where nothing is kept of it.
    pub(super) position: i64,
    /// Who hears when it has arrived.
    pub(super) receipt: Option<Receipt>,
    /// Subscription identifiers.
    pub(super) ids: Option<Arc<[u32]>>,
    /// The group whose member the client was when it got this.
    pub(super) share: Option<Arc<Share>>,
    /// Meant for this client alone; whoever sent it waits for its acknowledgement and nothing else.
    pub(super) direct: bool,
    pub(super) qos: QoS,
    pub(super) retain: bool,
}

/// What a client asked for with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) id: Option<u32>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Slot {
    /// Unlike any other slot's, share's or connection's in this process.
    pub(super) key: u64,
    pub(super) client_id: Arc<str>,
    pub(super) version: Version,
    /// Its id in the store, if it outlives its connection.
    pub(super) stored: Option<i64>,
    inner: Mutex<Inner>,
    /// Rings when a connection has handed the session over.
    pub(super) released: Notify,
}

/// The changing part of a slot.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// The connection that has the session; 0 for none.
    pub(super) link: u64,
    /// What is known of that connection.
    pub(super) online: Option<Box<Online>>,
    pub(super) waker: Option<Waker>,
    scheduled: bool,
    mail: VecDeque<Parcel>,
    mail_bytes: usize,
    /// A publisher waits for something in the mailbox.
    owed: bool,
    /// Answers for publishes of this client: kept or broken.
    pub(super) answers: Vec<(Ticket, bool)>,
    /// The connection is to end.
    pub(super) kick: Option<Why>,
    /// Messages go to the store.
    pub(super) spill: bool,
    /// The place given out last.
    pub(super) position: i64,
    /// Appends that the journal has not finished.
    pub(super) pending: u32,
    /// Appends so far: tells whether one came in between.
    pub(super) spilled: u64,
    /// What is in the store, or on its way there.
    pub(super) queue: QueueSize,
    /// In order of the filters.
    pub(super) subscriptions: Vec<(Filter, Options)>,
    /// The session is over; nothing must be kept for it any more.
    pub(super) gone: bool,
    /// Seconds that it outlives its connection.
    pub(super) expiry: u32,
    /// When a session without a connection ends, in milliseconds.
    pub(super) ends_at: Option<u64>,
    /// The operator does not want the will to be published.
    pub(super) no_will: bool,
    /// The operator wants the session to end with the connection.
    pub(super) end_session: bool,
    /// A will that waits for its delay.
    pub(super) will: Option<Box<Legacy>>,
    /// What the protocol machine wants back, packet ids above all.
    pub(super) state: Option<Session<i64>>,
    /// The connection found nothing in the store and waits for what the journal writes next.
    pub(super) starved: bool,
}

/// What became of a message that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It lies in memory and the connection has to be woken.
    Wake,
    /// It lies in memory; somebody else wakes the connection.
    Taken,
    /// The journal has it.
    Spilled,
    /// Nobody is there, and nothing is kept for this session at this QoS.
    Away,
    /// The connection is too slow, or the queue is full.
    Full,
}

/// What a connection finds when it looks.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) answers: Vec<(Ticket, bool)>,
    pub(super) kick: Option<Why>,
    /// Messages may be in the store.
    pub(super) hungry: bool,
}

impl Slot {
    /// A session that nobody is connected to.
    pub(super) fn new(key: u64, client_id: Arc<str>, version: Version, stored: Option<i64>) -> Self {
        let inner = Inner { spill: stored.is_some(), ..Inner::default() };
        Self { key, client_id, version, stored, inner: Mutex::new(inner), released: Notify::new() }
    }

    /// The changing part. Never hold it across an await, and never drop a parcel or receipt meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection has the session.
    pub(super) fn is_online(&self) -> bool {
        self.lock().link != 0
    }

    /// Takes a message for the client. Does not wake its connection: see [`Offered::Wake`].
    pub(super) fn offer(
        self: &Arc<Self>,
        message: &Arc<Message>,
        how: &Delivered,
        settings: &Settings,
        journal: &Journal,
        promises: &mut impl Promises,
    ) -> Offered {
        self.put(self.lock(), message, how, settings, journal, promises)
    }

    /// The same for one connection of the client and no later one.
    pub(super) fn offer_to(
        self: &Arc<Self>,
        link: u64,
        message: &Arc<Message>,
        how: &Delivered,
        settings: &Settings,
        journal: &Journal,
    ) -> Offered {
        let inner = self.lock();
        if inner.link != link {
            return Offered::Away;
        }
        self.put(inner, message, how, settings, journal, &mut Nobody)
    }

    fn put(
        self: &Arc<Self>,
        mut inner: MutexGuard<'_, Inner>,
        message: &Arc<Message>,
        how: &Delivered,
        settings: &Settings,
        journal: &Journal,
        promises: &mut impl Promises,
    ) -> Offered {
        if inner.gone {
            return Offered::Away;
        }
        let size = size(message);
        let kept = how.qos > QoS::AtMostOnce && self.stored.is_some() && !how.direct;
        let now_or_never = how.direct || how.share.is_some();
        if inner.link == 0 && (!kept || now_or_never) {
            return Offered::Away;
        }
        let crowded = inner.mail.len() >= settings.mailbox_messages
            || inner.mail_bytes.saturating_add(size) > settings.mailbox_bytes;
        let is_busy = crowded || (inner.spill && how.share.is_some());
        if now_or_never && how.qos > QoS::AtMostOnce && is_busy {
            return Offered::Full;
        }
        // Exactly once: the publisher's packet id is stored with this message or not at all, so that a crash cannot
        // make its repetition look like one that had arrived. spec: mqtt5 §4.3.3
        let at_once = message.qos == QoS::ExactlyOnce;
        if kept && (inner.spill || crowded || at_once) {
            if !inner.fits(size, settings) {
                return Offered::Full;
            }
            // A connection that keeps up looks at the queue when the message is in it.
            inner.starved |= !inner.spill && !crowded;
            inner.spill = true;
            let append = inner.append(self, message, how, size, Phase::Waiting);
            // Into the journal under the lock: its order is the session's order.
            journal.append(append, promises.receipt());
            return Offered::Spilled;
        }
        if crowded {
            return Offered::Full;
        }
        let position = if kept { inner.next_position() } else { 0 };
        let owed = kept || (now_or_never && how.qos > QoS::AtMostOnce);
        let receipt = if owed { promises.receipt() } else { None };
        inner.mail_bytes += size;
        inner.owed |= receipt.is_some();
        inner.mail.push_back(Parcel {
            message: Arc::clone(message),
            position,
            receipt,
            ids: how.ids.clone(),
            share: how.share.clone(),
            direct: how.direct,
            qos: how.qos,
            retain: how.retain,
        });
        if mem::replace(&mut inner.scheduled, true) { Offered::Taken } else { Offered::Wake }
    }

    /// Wakes the connection after [`Offered::Wake`].
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets the connection look again.
    pub(super) fn nudge(&self) {
        let mut inner = self.lock();
        let waker = if mem::replace(&mut inner.scheduled, true) { None } else { inner.waker.clone() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A publish of this client is safe, or cannot be made so.
    pub(super) fn answer(&self, link: u64, ticket: Ticket, kept: bool) {
        let mut inner = self.lock();
        if inner.link != link {
            return;
        }
        inner.answers.push((ticket, kept));
        drop(inner);
        self.nudge();
    }

    /// Ends the connection, if it is still that one (`None`: whichever it is). Does not wait.
    pub(super) fn kick(&self, link: Option<u64>, why: Why) -> bool {
        let mut inner = self.lock();
        if inner.link == 0 || link.is_some_and(|link| link != inner.link) {
            return false;
        }
        inner.kick.get_or_insert(why);
        drop(inner);
        self.nudge();
        true
    }

    /// What the connection has to know. Also says where to wake it from now on.
    pub(super) fn look(&self, link: u64, waker: &Waker) -> Option<News> {
        let mut inner = self.lock();
        if inner.link != link {
            return None;
        }
        inner.scheduled = false;
        match &mut inner.waker {
            Some(known) if known.will_wake(waker) => {}
            known => *known = Some(waker.clone()),
        }
        Some(News {
            answers: mem::take(&mut inner.answers),
            kick: inner.kick,
            hungry: inner.spill && !inner.starved,
        })
    }

    /// Takes the session from a connection that does not hand it over: whatever it does later finds that it has nothing.
    pub(super) fn seize(&self) {
        let mut inner = self.lock();
        inner.link = 0;
        inner.spill = self.stored.is_some();
        let mail = inner.take_mail();
        drop(inner);
        // Publishers that wait for these messages hear that they were not made safe.
        mail.into_iter().filter_map(|parcel| parcel.receipt).for_each(Receipt::fail);
    }

    /// Sends what waits for a connection that is too slow to the store, to be read again in its order. What is not kept
    /// for this session stays in memory. How many were dropped because the queue is full.
    pub(super) fn spill(
        self: &Arc<Self>,
        inbox: &mut VecDeque<Parcel>,
        settings: &Settings,
        journal: &Journal,
    ) -> usize {
        let (mut dropped, mut let_go) = (Vec::new(), Vec::new());
        let mut inner = self.lock();
        let mail = inner.take_mail();
        for mut parcel in inbox.drain(..).chain(mail) {
            let bytes = size(&parcel.message);
            if parcel.position == 0 || parcel.share.is_some() || self.stored.is_none() {
                if !parcel.direct {
                    let_go.extend(parcel.receipt.take());
                }
                inner.mail_bytes += bytes;
                inner.mail.push_back(parcel);
            } else if inner.fits(bytes, settings) {
                inner.spill = true;
                // The connection has looked already in this turn: the journal wakes it once the message can be read.
                inner.starved = true;
                let how = (parcel.qos, parcel.retain);
                let append =
                    inner.append_at(self, parcel.position, &parcel.message, how, bytes, Phase::Waiting);
                journal.append(append, parcel.receipt.take());
            } else {
                dropped.push(parcel);
            }
        }
        drop(inner);
        drop(let_go);
        dropped.len()
    }

    /// Gives the connection everything that lies in memory, in exchange for its empty box.
    pub(super) fn collect(&self, link: u64, into: &mut VecDeque<Parcel>) {
        let mut inner = self.lock();
        if inner.link == link && into.is_empty() && !inner.mail.is_empty() {
            mem::swap(&mut inner.mail, into);
            inner.mail_bytes = 0;
            inner.owed = false;
        }
    }
}

/// How a message is to be delivered to one client.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) ids: Option<Arc<[u32]>>,
    /// As one member of this group: taken now or not at all.
    pub(super) share: Option<Arc<Share>>,
    /// To this client and no other: taken now or not at all.
    pub(super) direct: bool,
}

impl Inner {
    /// Whether a publisher waits for something that lies in memory.
    pub(super) fn is_owed(&self) -> bool {
        self.owed
    }

    /// How many appends there were, if all of them are finished.
    pub(super) fn settled(&self) -> Option<u64> {
        (self.pending == 0).then_some(self.spilled)
    }

    /// The next place in the session's order.
    pub(super) fn next_position(&mut self) -> i64 {
        self.position += 1;
        self.position
    }

    /// Whether the queue may take a message of that size. spec: mqtt-gateway §6
    pub(super) fn fits(&self, size: usize, settings: &Settings) -> bool {
        self.queue.messages < settings.queue_messages as u64
            && self.queue.bytes.saturating_add(size as u64) <= settings.queue_bytes as u64
    }

    /// Counts a message into the queue at the next place.
    pub(super) fn append(
        &mut self,
        slot: &Arc<Slot>,
        message: &Arc<Message>,
        how: &Delivered,
        size: usize,
        phase: Phase,
    ) -> Append {
        let position = self.next_position();
        self.append_at(slot, position, message, (how.qos, how.retain), size, phase)
    }

    /// Counts a message into the queue at a place that it has.
    pub(super) fn append_at(
        &mut self,
        slot: &Arc<Slot>,
        position: i64,
        message: &Arc<Message>,
        (qos, retain): (QoS, bool),
        size: usize,
        phase: Phase,
    ) -> Append {
        self.queue.messages += 1;
        self.queue.bytes += size as u64;
        self.pending += 1;
        self.spilled += 1;
        Append { slot: Arc::clone(slot), position, phase, message: Arc::clone(message), qos, retain }
    }

    /// A message of that size left the queue.
    pub(super) fn taken(&mut self, size: usize) {
        self.queue.messages = self.queue.messages.saturating_sub(1);
        self.queue.bytes = self.queue.bytes.saturating_sub(size as u64);
    }

    /// Notes a subscription; whether there was none to that filter.
    pub(super) fn subscribe(&mut self, filter: &Filter, options: Options) -> bool {
        match self.subscriptions.binary_search_by(|(there, _)| there.cmp(filter)) {
            Ok(at) => {
                if let Some((_, there)) = self.subscriptions.get_mut(at) {
                    *there = options;
                }
                false
            }
            Err(at) => {
                self.subscriptions.reserve_exact(1);
                self.subscriptions.insert(at, (filter.clone(), options));
                true
            }
        }
    }

    /// Forgets a subscription; whether there was one.
    pub(super) fn unsubscribe(&mut self, filter: &Filter) -> bool {
        let at = self.subscriptions.binary_search_by(|(there, _)| there.cmp(filter));
        at.map(|at| self.subscriptions.remove(at)).is_ok()
    }

    /// Takes out what lies in memory; for a connection that ends.
    pub(super) fn take_mail(&mut self) -> VecDeque<Parcel> {
        self.mail_bytes = 0;
        self.owed = false;
        mem::take(&mut self.mail)
    }
}

/// Bytes that count for bounds: as the store counts them.
pub(super) fn size(message: &Message) -> usize {
    message.payload.len()
}

//! From mailbox and queue to the client, and what hangs on its acknowledgements.

use std::sync::Arc;

use adit_mqtt::QoS;
use adit_mqtt::connection::{Effects, Outcome};
use adit_mqtt::session::Delivery;
use adit_store::{MqttWrite, Phase, Queued};

use super::client::{Client, Held};
use super::connection::{Driver, WRITE, tidy};
use super::offline::{self, message_of};
use super::receipt::Receipt;
use super::slot::{Parcel, Slot, size};

/// How long a publisher waits for the acknowledgement of a subscriber before the message goes to disk, in milliseconds
/// (docs/decisions/0006-what-a-puback-means.md).
const SLOW: u64 = 100;

impl Driver {
    /// Sends what waits, as far as the client's window goes. Whether something was sent.
    pub(super) fn deliver(&mut self, fx: &mut Effects<i64>, now: u64) -> bool {
        let Self { state, broker, machine, client, inbox, .. } = self;
        let Some(client) = client else { return false };
        let mut count = 0_u64;
        while machine.is_connected() && fx.wire.len() < WRITE {
            if inbox.is_empty() {
                client.slot.collect(client.link, inbox);
            }
            let Some(next) = inbox.front() else { break };
            if next.qos > QoS::AtMostOnce && machine.room() == 0 {
                break;
            }
            let Some(parcel) = inbox.pop_front() else { break };
            if !client.may_receive(state, &parcel.message.topic, parcel.share.as_deref(), now) {
                broker.hub.meters.dropped_denied.increment(1);
                if parcel.direct {
                    parcel.receipt.into_iter().for_each(Receipt::fail);
                }
                continue;
            }
            let (delivery, held) = client.prepare(parcel, now);
            match machine.deliver(delivery, fx, now) {
                Ok(packet_id) => client.hold(held, packet_id),
                Err(delivery) => {
                    inbox.push_front(parcel_of(delivery, held));
                    break;
                }
            }
            count += 1;
        }
        tidy(inbox);
        while inbox.is_empty() && machine.room() > 0 && fx.wire.len() < WRITE {
            let Some(queued) = client.page.pop_front() else { break };
            count += 1;
            let Some((delivery, held)) = client.unpack(queued, now) else { continue };
            if !client.may_receive(state, &delivery.message.topic, None, now) {
                broker.hub.meters.dropped_denied.increment(1);
                fx.done.push((delivery.token, Outcome::Acknowledged));
                client.held.push_back(held);
                continue;
            }
            match machine.deliver(delivery, fx, now) {
                Ok(packet_id) => client.hold(Some(held), packet_id),
                // It is in the store still.
                Err(_) => break,
            }
        }
        if count > 0 {
            broker.hub.meters.delivered.increment(count);
        }
        count > 0
    }

    /// Notes which deliveries are over.
    pub(super) fn settle(&mut self, fx: &mut Effects<i64>) {
        let Some(client) = &mut self.client else { return fx.done.clear() };
        for (token, outcome) in fx.done.drain(..) {
            if outcome == Outcome::Expired {
                self.broker.hub.meters.dropped_expired.increment(1);
            }
            if token == 0 {
                continue;
            }
            let Some(held) = client.release(token) else { continue };
            if let Some(session) = client.slot.stored.filter(|_| held.stored) {
                client.slot.lock().taken(size(&held.message));
                self.broker.hub.journal.write(MqttWrite::Remove { session, position: token }, None);
            }
        }
    }

    /// Counts messages that were taken, and keeps the packet ids of those that come exactly once.
    pub(super) fn took(&mut self, taken: u64, exactly_once: Vec<Receipt>) {
        if taken > 0 {
            self.broker.hub.meters.received.increment(taken);
        }
        let stored = self.client.as_ref().and_then(|client| client.slot.stored);
        let (Some(session), false) = (stored, exactly_once.is_empty()) else { return };
        let state = offline::encode(&self.machine.snapshot());
        let mut state = Some(state);
        for receipt in exactly_once {
            let state = state.take().unwrap_or_default();
            match state.is_empty() {
                false => self.broker.hub.journal.write(MqttWrite::State { session, state }, Some(receipt)),
                true => self.broker.hub.journal.after(receipt),
            }
        }
    }

    /// When the oldest delivery that a publisher waits for is slow.
    pub(super) fn slow_at(&self) -> Option<u64> {
        let client = self.client.as_ref()?;
        let owed = client.held.iter().find(|held| held.receipt.is_some() && !held.direct);
        let held = owed.map(|held| held.since + SLOW);
        let stuck = (self.stuck > 0).then_some(self.stuck + SLOW);
        held.into_iter().chain(stuck).min()
    }

    /// Writes what the client has not acknowledged or taken in time, so that its publishers need not wait.
    pub(super) fn save_slow(&mut self, now: u64) {
        let Some(client) = &mut self.client else { return };
        let is_owed = self.inbox.front().is_some_and(|parcel| parcel.receipt.is_some() && !parcel.direct);
        let is_stuck = is_owed || client.slot.stored.is_some() && client.slot.lock().is_owed();
        self.stuck = if is_stuck { if self.stuck == 0 { now } else { self.stuck } } else { 0 };
        let is_slow = |held: &Held| held.receipt.is_some() && !held.direct && held.since + SLOW <= now;
        let waited = self.stuck > 0 && self.stuck + SLOW <= now;
        if !waited && !client.held.iter().any(is_slow) {
            return;
        }
        let hub = &self.broker.hub;
        let slot = Arc::clone(&client.slot);
        let mut let_go: Vec<Receipt> = Vec::new();
        let mut inner = slot.lock();
        for held in client.held.iter_mut().filter(|held| is_slow(held)) {
            let receipt = held.receipt.take();
            if held.token < 0 {
                let_go.extend(receipt);
                continue;
            }
            let (how, bytes) = ((held.qos, held.retain), size(&held.message));
            let append =
                inner.append_at(&slot, held.token, &held.message, how, bytes, Phase::Sent(held.packet_id));
            hub.journal.append(append, receipt);
            held.stored = true;
            // Reading the queue goes on behind it: all before it were sent.
            client.cursor = client.cursor.max(held.token);
        }
        drop(inner);
        drop(let_go);
        let dropped = slot.spill(&mut self.inbox, &hub.settings, &hub.journal);
        hub.meters.dropped_full.increment(dropped as u64);
        self.stuck = 0;
    }

    /// Takes messages read from the queue on disk, or finds that there are none and goes back to memory. `appended`: how
    /// many appends there had been when the reading began, if all of them were on disk.
    pub(super) fn take_page(&mut self, page: Vec<Queued>, appended: Option<u64>) {
        let Some(client) = &mut self.client else { return };
        if let Some(last) = page.last() {
            client.cursor = last.position;
            client.page = page.into();
            return;
        }
        let mut inner = client.slot.lock();
        if appended == Some(inner.spilled) {
            inner.spill = false;
        } else {
            inner.starved = inner.pending > 0;
        }
    }
}

impl Client {
    /// A parcel as the machine wants it, and what is kept of it until it is acknowledged.
    fn prepare(&mut self, parcel: Parcel, now: u64) -> (Delivery<i64>, Option<Held>) {
        let Parcel { message, position, receipt, ids, share, direct, qos, retain } = parcel;
        let is_held = qos > QoS::AtMostOnce && (position > 0 || share.is_some() || receipt.is_some());
        let token = match (is_held, position) {
            (false, _) => 0,
            (true, 1..) => position,
            (true, _) => {
                self.serial -= 1;
                self.serial
            }
        };
        let held = is_held.then(|| Held {
            token,
            packet_id: 0,
            since: now,
            receipt,
            stored: false,
            share,
            direct,
            message: Arc::clone(&message),
            qos,
            retain,
        });
        let subscription_ids = ids.map(|ids| Box::from(&*ids)).unwrap_or_default();
        (Delivery { message, qos, retain, subscription_ids, token }, held)
    }

    /// A message of the queue on disk, likewise. `None` when it is under way already.
    fn unpack(&mut self, queued: Queued, now: u64) -> Option<(Delivery<i64>, Held)> {
        if self.held.iter().any(|held| held.token == queued.position) {
            return None;
        }
        let (message, qos) = message_of(queued.message);
        let message = Arc::new(message);
        let retain = message.retain;
        let subscription_ids = self.slot.ids_of(&message.topic);
        let held = Held {
            token: queued.position,
            packet_id: 0,
            since: now,
            receipt: None,
            stored: true,
            share: None,
            direct: false,
            message: Arc::clone(&message),
            qos,
            retain,
        };
        Some((Delivery { message, qos, retain, subscription_ids, token: queued.position }, held))
    }

    fn hold(&mut self, held: Option<Held>, packet_id: Option<u16>) {
        if let Some(mut held) = held {
            held.packet_id = packet_id.unwrap_or(0);
            self.held.push_back(held);
        }
    }
}

/// A delivery that the machine gave back.
fn parcel_of(delivery: Delivery<i64>, held: Option<Held>) -> Parcel {
    let (receipt, share, direct) =
        held.map_or((None, None, false), |held| (held.receipt, held.share, held.direct));
    Parcel {
        message: delivery.message,
        position: delivery.token.max(0),
        receipt,
        ids: (!delivery.subscription_ids.is_empty()).then(|| Arc::from(delivery.subscription_ids)),
        share,
        direct,
        qos: delivery.qos,
        retain: delivery.retain,
    }
}

impl Slot {
    /// Subscription identifiers for a message from the queue, which keeps none.
    fn ids_of(&self, topic: &str) -> Box<[u32]> {
        let inner = self.lock();
        let with_id = inner.subscriptions.iter().filter_map(|(filter, options)| Some((filter, options.id?)));
        with_id.filter(|(filter, _)| filter.matches(topic, true)).map(|(_, id)| id).collect()
    }
}

//! The end of a connection: what was under way is kept or handed on, the will is published, everybody is told.
//! spec: mqtt-gateway §6, §6.1

use std::collections::VecDeque;
use std::sync::Arc;

use adit_mqtt::QoS;
use adit_mqtt::connection::End;
use adit_mqtt::session::Session;
use adit_mqtt::settings::FOR_EVER;
use adit_mqtt::will::Will;
use adit_store::{MqttWrite, Phase};
use tokio::sync::oneshot;

use super::broker::{Batch, Broker};
use super::client::{Client, Held, Rights};
use super::events;
use super::offline;
use super::publish::{handle, timestamp};
use super::receipt::{Nobody, Receipt, Reply};
use super::reserved::{self, Handler, Publishing};
use super::roster::{Gone, SEATS};
use super::share::{Returned, Share};
use super::slot::{Delivered, Parcel, Slot, size};
use crate::state::State;

/// A will that waits for its delay.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) will: Arc<Will>,
    /// When it is published, in milliseconds.
    pub(super) due: u64,
    /// As whom it is published.
    pub(super) rights: Rights,
}

/// Hands over what a connection leaves. `inbox` is what it had taken out of its mailbox.
pub(super) async fn leave(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    mut client: Client,
    end: End<i64>,
    inbox: VecDeque<Parcel>,
) {
    let slot = Arc::clone(&client.slot);
    let why = end.why;
    let expiry = if slot.lock().end_session { 0 } else { end.session_expiry };
    let Some(will) = begin(&slot, &client, end.will) else {
        // Another connection has the session already; what was not acknowledged is published again.
        client.held.into_iter().filter_map(|held| held.receipt).for_each(Receipt::fail);
        inbox.into_iter().filter_map(|parcel| parcel.receipt).for_each(Receipt::fail);
        broker.hub.meters.connected.down();
        return;
    };
    let keep = slot.stored.filter(|_| expiry > 0);
    let now = broker.hub.now();
    let delay = will.as_ref().map_or(0, |will| if keep.is_some() { will.delay.min(expiry) } else { 0 });
    let due = now.saturating_add(u64::from(delay) * 1000);
    match keep {
        Some(id) => {
            let returned = keep_deliveries(broker, &slot, id, &mut client, &end.session, inbox);
            hand_back(broker, returned);
            let ends_at = ends_at(now, expiry);
            let will_due = (delay > 0).then(|| timestamp(due));
            let state_kept = save(state, broker, id, &end.session, expiry, ends_at, will_due).await;
            if let Err(error) = state_kept {
                tracing::error!(%error, client_id = &*slot.client_id, "the end of a connection could not be stored");
            }
            slot.lock().ends_at = (expiry != FOR_EVER).then_some(ends_at);
        }
        None => drop_session(state, broker, &slot, &mut client, &end.session, inbox).await,
    }
    let waiting = match will {
        Some(will) if delay > 0 => Some(Box::new(Legacy { will, due, rights: client.rights.clone() })),
        Some(will) => {
            publish_will(state, broker, &slot, &will, &client.rights).await;
            None
        }
        None => None,
    };
    release(broker, &client, waiting, end_state(end.session), expiry, why.lifecycle(slot.version));
    events::disconnected(state, broker, &client, why);
    state.metrics.count("adit_mqtt_disconnects_total", "reason", why.lifecycle(slot.version));
}

/// From here on nothing comes into the mailbox. `None` when the connection has lost the session; otherwise the will to
/// be published.
fn begin(slot: &Slot, client: &Client, will: Option<Arc<Will>>) -> Option<Option<Arc<Will>>> {
    let mut inner = slot.lock();
    if inner.link != client.link {
        return None;
    }
    inner.waker = None;
    Some(will.filter(|_| !inner.no_will))
}

/// What is left of the packet ids for the next connection: those of messages that have arrived.
fn end_state(mut session: Session<i64>) -> Session<i64> {
    session.flights.retain(|flight| flight.delivery.is_none());
    session
}

/// Writes everything that is not acknowledged behind what the store has. Returns what goes back to groups.
fn keep_deliveries(
    broker: &Broker,
    slot: &Arc<Slot>,
    id: i64,
    client: &mut Client,
    session: &Session<i64>,
    inbox: VecDeque<Parcel>,
) -> Vec<Parcel> {
    let hub = &broker.hub;
    let mut returned = Vec::new();
    let mut done: Vec<Held> = Vec::new();
    // What was meant for this connection alone did not arrive.
    let mut lost: Vec<Receipt> = Vec::new();
    let mut inner = slot.lock();
    inner.spill = true;
    let mail = inner.take_mail();
    for flight in session.flights.iter().filter(|flight| flight.delivery.is_some()) {
        let token = flight.delivery.as_ref().map_or(0, |delivery| delivery.token);
        let Some(mut held) = client.release(token) else { continue };
        let phase = Phase::Sent(flight.packet_id);
        match (held.share.take(), held.stored) {
            (Some(share), stored) => {
                if stored {
                    hub.journal.write(MqttWrite::Remove { session: id, position: token }, None);
                    inner.taken(size(&held.message));
                }
                returned.push(back(share, &mut held));
            }
            (None, _) if token < 0 => lost.extend(held.receipt.take()),
            (None, true) => {
                hub.journal.write(MqttWrite::Progress { session: id, position: token, phase }, None);
            }
            (None, false) => {
                let (how, bytes) = ((held.qos, held.retain), size(&held.message));
                let append = inner.append_at(slot, token, &held.message, how, bytes, phase);
                hub.journal.append(append, held.receipt.take());
            }
        }
        done.push(held);
    }
    let mut dropped = Vec::new();
    for mut parcel in inbox.into_iter().chain(mail) {
        if parcel.direct {
            lost.extend(parcel.receipt.take());
        } else if parcel.qos == QoS::AtMostOnce {
            dropped.push(parcel);
        } else if parcel.share.is_some() {
            returned.push(parcel);
        } else if inner.fits(size(&parcel.message), &hub.settings) {
            let (how, bytes) = ((parcel.qos, parcel.retain), size(&parcel.message));
            let append = inner.append_at(slot, parcel.position, &parcel.message, how, bytes, Phase::Waiting);
            hub.journal.append(append, parcel.receipt.take());
        } else {
            hub.meters.dropped_full.increment(1);
            dropped.push(parcel);
        }
    }
    drop(inner);
    drop((dropped, done));
    lost.into_iter().for_each(Receipt::fail);
    returned
}

/// A delivery that was not acknowledged, for the group it came from.
fn back(share: Arc<Share>, held: &mut Held) -> Parcel {
    Parcel {
        message: Arc::clone(&held.message),
        position: 0,
        receipt: held.receipt.take(),
        ids: None,
        share: Some(share),
        direct: false,
        qos: held.qos,
        retain: false,
    }
}

/// Gives messages back to their groups. spec: mqtt-gateway §5.4
fn hand_back(broker: &Broker, returned: Vec<Parcel>) {
    let mut batch = Batch::default();
    for mut parcel in returned {
        let Some(share) = parcel.share.take() else { continue };
        let how = Delivered { qos: parcel.qos, retain: false, ids: None, share: None, direct: false };
        share.offer(broker, &parcel.message, &how, &mut Returned(parcel.receipt.take()), &mut batch);
    }
    batch.flush();
}

/// Keeps packet ids and the end of the session; waits until everything handed to the journal before is on disk too.
async fn save(
    state: &State,
    broker: &Broker,
    id: i64,
    session: &Session<i64>,
    expiry: u32,
    ends_at: u64,
    will_due: Option<adit_iot::Timestamp>,
) -> Result<(), adit_store::Error> {
    let (done, wait) = oneshot::channel();
    let write = MqttWrite::State { session: id, state: offline::encode(session) };
    broker.hub.journal.write(write, Some(Receipt::new(Reply::Call(done))));
    let left = state.store.session_left(id, expiry, timestamp(ends_at), will_due).await;
    let _ = wait.await;
    left
}

/// When a session of that expiry ends, in milliseconds.
pub(super) fn ends_at(now: u64, expiry: u32) -> u64 {
    if expiry == FOR_EVER { u64::MAX / 4 } else { now.saturating_add(u64::from(expiry) * 1000) }
}

/// Ends a session with its connection.
async fn drop_session(
    state: &State,
    broker: &Arc<Broker>,
    slot: &Arc<Slot>,
    client: &mut Client,
    session: &Session<i64>,
    inbox: VecDeque<Parcel>,
) {
    // Out of its groups first: what it gives back is for the others.
    let mail = broker.forget(slot);
    let mut returned = Vec::new();
    for flight in &session.flights {
        let Some(delivery) = &flight.delivery else { continue };
        let Some(mut held) = client.release(delivery.token) else { continue };
        match held.share.take() {
            Some(share) => returned.push(back(share, &mut held)),
            None => held.receipt.into_iter().filter(|_| held.direct).for_each(Receipt::fail),
        }
    }
    let shared = |parcel: &Parcel| parcel.share.is_some() && parcel.qos > QoS::AtMostOnce;
    for mut parcel in inbox.into_iter().chain(mail) {
        if shared(&parcel) {
            returned.push(parcel);
        } else if parcel.direct {
            parcel.receipt.take().into_iter().for_each(Receipt::fail);
        }
    }
    hand_back(broker, returned);
    if let Some(id) = slot.stored
        && let Err(error) = state.store.sessions_end(vec![id]).await
    {
        tracing::error!(%error, client_id = &*slot.client_id, "a session could not be ended in the store");
    }
}

/// The session is free for the next connection.
fn release(
    broker: &Arc<Broker>,
    client: &Client,
    will: Option<Box<Legacy>>,
    session: Session<i64>,
    expiry: u32,
    reason: &'static str,
) {
    let slot = &client.slot;
    let now = broker.hub.now();
    let mut inner = slot.lock();
    if inner.link != client.link {
        return;
    }
    inner.link = 0;
    inner.no_will = false;
    inner.expiry = expiry;
    inner.state = Some(session);
    let online = inner.online.take();
    let answers = std::mem::take(&mut inner.answers);
    let due = [will.as_ref().map(|will| will.due), inner.ends_at].into_iter().flatten().min();
    inner.will = will;
    drop((inner, answers));
    broker.hub.meters.connected.down();
    let mut seats = broker.seats();
    if seats.len() >= SEATS {
        seats.retain(|_, seat| seat.slot.is_some());
    }
    let seat = seats.entry(Arc::clone(&slot.client_id)).or_default();
    seat.gone = online.map(|online| Box::new(Gone { online: *online, at: now, reason, expiry }));
    drop(seats);
    slot.released.notify_waiters();
    if let Some(due) = due {
        broker.hub.due.add(due, broker, slot);
    }
}

/// Publishes a will, if whoever left it may still publish there. spec: mqtt-gateway §6.1
pub(super) async fn publish_will(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    slot: &Arc<Slot>,
    will: &Will,
    rights: &Rights,
) {
    let message = &will.message;
    let rights = match Rights::of(state, &rights.peer, &slot.client_id).await {
        Ok(rights) => rights,
        Err(error) => {
            tracing::error!(%error, client_id = &*slot.client_id, "a will was not published: its rights cannot be read");
            return;
        }
    };
    if !rights.publish(state, slot, &message.topic, message.retain) {
        return;
    }
    let message = will.published(broker.hub.now());
    match reserved::publishing(&message.topic) {
        Publishing::Refused => return,
        Publishing::To(handler) => {
            handle(state, broker, handler, &message.topic, message.payload.clone(), None);
            if handler != Handler::Shadow {
                return;
            }
        }
        Publishing::Ordinary => {}
    }
    if let Err(reason) = broker.publish(message, &mut Nobody) {
        tracing::warn!(reason = reason.text(), client_id = &*slot.client_id, "a will was not retained");
    }
}

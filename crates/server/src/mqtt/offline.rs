//! Sessions between connections and between starts of the server: from and to the store.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use adit_iot::CertificateId;
use adit_iot::policy::CertificateFacts;
use adit_mqtt::message::MessageProperties;
use adit_mqtt::session::{Flight, Session};
use adit_mqtt::settings::FOR_EVER;
use adit_mqtt::will::Will;
use adit_mqtt::{Filter, Message, QoS, Version};
use adit_store::{QueueSize, SessionRecord, StoredMessage, StoredWill};

use super::broker::{Broker, Target};
use super::client::Rights;
use super::hub::Hub;
use super::leave::{Legacy, ends_at};
use super::publish::timestamp;
use super::retained::Kept;
use super::share::Share;
use super::slot::Slot;
use super::subscribe::options_of;
use super::{Identity, Peer};
use crate::pki::PeerCertificate;
use crate::state::State;

/// Records read at once.
const PAGE: usize = 1000;

/// A kept message and the QoS of its delivery.
pub(super) fn message_of(stored: StoredMessage) -> (Message, QoS) {
    let qos = QoS::of(stored.qos).unwrap_or(QoS::AtLeastOnce);
    let raw = stored.properties.unwrap_or_default();
    let message = Message {
        topic: stored.topic,
        payload: stored.payload,
        qos,
        retain: stored.retain,
        properties: MessageProperties::from_raw(&raw).unwrap_or_default(),
        expires_at: stored.expires_at.map(|at| u64::try_from(at.millis()).unwrap_or(0)),
    };
    (message, qos)
}

/// Packet ids for the store: the last one given, then those of QoS 2 messages that have arrived, each way, with their
/// number in front.
pub(super) fn encode(session: &Session<i64>) -> Vec<u8> {
    let arrived =
        session.flights.iter().filter(|flight| flight.delivery.is_none()).map(|flight| flight.packet_id);
    let arrived: Vec<u16> = arrived.collect();
    let count = |ids: &[u16]| u16::try_from(ids.len()).unwrap_or(u16::MAX);
    let head = [session.last_packet_id, count(&arrived)];
    let numbers = head.iter().chain(&arrived).chain(&session.received);
    numbers.flat_map(|number| number.to_be_bytes()).collect()
}

/// What [`encode`] wrote; anything else is a session without packet ids.
fn decode(version: Version, bytes: &[u8]) -> Session<i64> {
    let mut numbers = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut session = Session::new(version);
    session.last_packet_id = numbers.next().unwrap_or(0);
    let arrived = usize::from(numbers.next().unwrap_or(0));
    let flight = |packet_id| Flight { packet_id, delivery: None };
    session.flights = numbers.by_ref().take(arrived).map(flight).collect();
    session.received = numbers.collect();
    session
}

/// The groups a session is a member of.
pub(super) fn shares_of(broker: &Broker, slot: &Slot) -> Vec<Arc<Share>> {
    let inner = slot.lock();
    let shared = inner.subscriptions.iter().filter(|(filter, _)| filter.share().is_some());
    let filters: Vec<Filter> = shared.map(|(filter, _)| filter.clone()).collect();
    drop(inner);
    filters.iter().map(|filter| broker.shares.get(broker, filter)).collect()
}

/// Takes over what the store kept. Connections that were open when the server ended are over; their wills are due.
///
/// # Errors
/// The store's own.
pub(super) async fn load(state: &State, hub: &Arc<Hub>) -> Result<(), adit_store::Error> {
    let sizes: HashMap<i64, QueueSize> = state.store.queue_sizes().await?.into_iter().collect();
    let (mut after, mut sessions) = (0, 0_usize);
    loop {
        let page = state.store.sessions_load(after, PAGE).await?;
        let Some(last) = page.last().map(|record| record.id) else { break };
        after = last;
        sessions += page.len();
        for record in page {
            let size = sizes.get(&record.id).copied().unwrap_or_default();
            restore(state, hub, record, size);
        }
    }
    let never = timestamp(ends_at(0, FOR_EVER));
    state.store.all_sessions_left(timestamp(hub.now()), FOR_EVER, never).await?;
    let retained = load_retained(state, hub).await?;
    if sessions + retained > 0 {
        tracing::info!(sessions, retained, "MQTT sessions and retained messages are back");
    }
    Ok(())
}

async fn load_retained(state: &State, hub: &Arc<Hub>) -> Result<usize, adit_store::Error> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = state.store.retained_load(after.take(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some((last.scope.clone(), Arc::clone(&last.message.topic)));
        count += page.len();
        for retained in page {
            let modified = u64::try_from(retained.modified_at.millis()).unwrap_or(0);
            let (message, _) = message_of(retained.message);
            hub.broker(&retained.scope).retained.load(Kept { message: Arc::new(message), modified });
        }
    }
}

fn restore(state: &State, hub: &Arc<Hub>, record: SessionRecord, queue: QueueSize) {
    let broker = hub.broker(&record.scope);
    if let Ok(filter) = Filter::new(&record.client_id)
        && filter.share().is_some()
    {
        let share = broker.shares.get(&broker, &filter);
        share.adopt(hub, record.id, queue.last).lock().queue = queue;
        return;
    }
    let now = hub.now();
    let version = if record.version == Version::V5.level() { Version::V5 } else { Version::V4 };
    let client_id: Arc<str> = record.client_id.as_str().into();
    let slot = Arc::new(Slot::new(hub.key(), Arc::clone(&client_id), version, Some(record.id)));
    for subscription in &record.subscriptions {
        let Ok(filter) = Filter::new(&subscription.filter) else { continue };
        let options = options_of(subscription);
        slot.lock().subscribe(&filter, options);
        match filter.share() {
            Some(_) => broker.shares.get(&broker, &filter).add(&broker, &slot, options),
            None => broker.subscribe(&filter, slot.key, Target::Session(Arc::clone(&slot)), options),
        }
    }
    let was_connected = record.ends_at.is_none();
    let ends = match record.ends_at {
        Some(at) => u64::try_from(at.millis()).unwrap_or(0),
        None => ends_at(now, record.expiry),
    };
    let due = record.will.as_ref().map(|will| match will.due_at {
        Some(at) => u64::try_from(at.millis()).unwrap_or(0),
        None => now.saturating_add(u64::from(will.delay.min(record.expiry)) * 1000),
    });
    let will = match (record.will, due) {
        (Some(will), Some(due)) => Some(Box::new(legacy(state, &record.scope, &record.principal, will, due))),
        _ => None,
    };
    let mut inner = slot.lock();
    inner.position = queue.last;
    inner.queue = queue;
    inner.expiry = record.expiry;
    inner.ends_at = (record.expiry != FOR_EVER).then_some(ends);
    let mut session = decode(version, &record.state);
    if was_connected {
        // Ids given out since the state was kept are not known; the client may still hold some of QoS 2.
        session.last_packet_id = u16::try_from(now % u64::from(u16::MAX)).unwrap_or_default();
    }
    inner.state = Some(session);
    inner.will = will;
    drop(inner);
    hub.due.add(due.unwrap_or(ends).min(ends), &broker, &slot);
    broker.seats().entry(client_id).or_default().slot = Some(slot);
}

/// A will whose connection is forgotten: of its peer only the principal is known.
fn legacy(state: &State, scope: &adit_iot::Scope, principal: &str, stored: StoredWill, due: u64) -> Legacy {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let identity = match CertificateId::parse(principal) {
        Ok(id) => Identity::Certificate {
            scope: scope.clone(),
            certificate: Arc::new(PeerCertificate {
                facts: CertificateFacts::new(id.as_str(), ""),
                id,
                not_before: 0,
                not_after: i64::MAX,
            }),
        },
        Err(_) => Identity::Plain { scope: scope.clone() },
    };
    let peer =
        Peer { address: nowhere, local: nowhere, sni: None, user_agent: None, identity, newcomer: None };
    let peer = Arc::new(peer);
    let (message, _) = message_of(stored.message);
    Legacy {
        will: Arc::new(Will { message, delay: stored.delay, expiry: stored.lifetime }),
        due,
        rights: Rights::none(state, peer),
    }
}

//! CONNECT: may this client in, and is there a session? spec: mqtt-gateway §3

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adit_iot::policy::{ConnectFacts, Will as WillFacts};
use adit_mqtt::connection::{Arrival, Resumed};
use adit_mqtt::session::{Delivery, Flight, Session};
use adit_mqtt::why::Why;
use adit_mqtt::will::Will;
use adit_mqtt::{Filter, Reason};
use adit_store::{NewSession, Phase, StoredWill};
use tokio::sync::OwnedMutexGuard;

use super::broker::Broker;
use super::client::{Client, Held, Rights};
use super::offline::{self, message_of};
use super::publish::Topics;
use super::reserved::{self, Publishing};
use super::roster::Online;
use super::slot::Slot;
use super::{Identity, Peer, events};
use crate::provision::first_connect;
use crate::shutdown::Phase as Stage;
use crate::state::State;
use crate::why::{self, Refusal};

/// How long a newcomer waits for the connection before it to hand the session over. spec: mqtt-gateway §11
const HAND_OVER: Duration = Duration::from_secs(1);
/// Messages under way that are read back at once.
const PAGE: usize = 1000;

/// A client that is in.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) resumed: Option<Resumed<i64>>,
}

/// Keeps connects with the same client id apart.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashMap<Arc<str>, Arc<tokio::sync::Mutex<()>>>>);

impl Claims {
    async fn take(&self, client_id: &Arc<str>) -> OwnedMutexGuard<()> {
        let lock = {
            let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(claims.entry(Arc::clone(client_id)).or_default())
        };
        lock.lock_owned().await
    }

    fn give_back(&self, client_id: &str, claim: OwnedMutexGuard<()>) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(claim);
        if claims.get(client_id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            claims.remove(client_id);
        }
    }
}

/// How a client is kept out.
#[derive(Debug)]
pub(super) enum KeptOut {
    /// With a CONNACK, where the version has one for the reason.
    Refused(Reason),
    /// Without a word, as everybody whose certificate is not let in. spec: mqtt-gateway §2.3
    Dropped,
}

impl From<Reason> for KeptOut {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// Lets a client in, or says why not.
pub(super) async fn connect(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    peer: &Arc<Peer>,
    link: u64,
    arrival: &Arrival,
) -> Result<Box<Connected>, KeptOut> {
    let client_id = &arrival.client_id;
    if state.phases.now() != Stage::Serving {
        return Err(Reason::ServerUnavailable.into());
    }
    // Queues of shared subscriptions are kept under such names.
    if client_id.starts_with("$share/") {
        return Err(Reason::ClientIdentifierNotValid.into());
    }
    if let Some(newcomer) = &peer.newcomer
        && !Box::pin(first_connect::arrive(state, peer, newcomer, client_id)).await
    {
        return Err(KeptOut::Dropped);
    }
    ask_the_gate(state, peer, client_id).await?;
    let rights = Rights::of(state, peer, client_id).await.map_err(|error| {
        tracing::error!(%error, client_id = &**client_id, "what a client may do could not be read");
        Reason::UnspecifiedError
    })?;
    judge(state, broker, peer, &rights, arrival)?;
    let claim = broker.claims.take(client_id).await;
    let entered = enter(state, broker, rights, link, arrival).await;
    broker.claims.give_back(client_id, claim);
    if let Ok(connected) = &entered {
        ask_the_gate_again(state, peer, connected).await;
    }
    entered.map(Box::new).map_err(|error| {
        state.metrics.count("adit_store_failures_total", "kind", "mqtt");
        tracing::error!(%error, client_id = &**client_id, "a session could not be opened");
        Reason::ServerUnavailable.into()
    })
}

/// The certificate may have been deactivated since the handshake.
async fn ask_the_gate(state: &State, peer: &Peer, client_id: &str) -> Result<(), KeptOut> {
    let Identity::Certificate { certificate, .. } = &peer.identity else { return Ok(()) };
    let Err(closed) = state.gate.judge(state, certificate).await else { return Ok(()) };
    state.metrics.count("adit_gate_refusals_total", "reason", closed.reason());
    let refusal = Refusal::of(peer, why::Stage::Connect, closed.text());
    state.why.note(state.now(), refusal.client(client_id, None));
    Err(KeptOut::Dropped)
}

/// Cuts a connection whose certificate was deactivated after the gate had let it in and before it could be cut.
async fn ask_the_gate_again(state: &State, peer: &Peer, connected: &Connected) {
    let Identity::Certificate { certificate, .. } = &peer.identity else { return };
    if state.gate.judge(state, certificate).await.is_err() {
        connected.client.slot.kick(Some(connected.client.link), Why::Forbidden);
    }
}

/// spec: mqtt-gateway §3.1 steps 7 and 8
fn judge(
    state: &State,
    broker: &Broker,
    peer: &Arc<Peer>,
    rights: &Rights,
    arrival: &Arrival,
) -> Result<(), Reason> {
    let will = arrival.will.as_deref().map(|will| &will.message);
    if let Some(will) = will
        && (reserved::publishing(&will.topic) == Publishing::Refused
            || (will.retain && will.topic.starts_with('$')))
    {
        let text = format!("the will's topic {} is reserved", will.topic);
        let refusal = Refusal::of(peer, why::Stage::Connect, text);
        state.why.note(state.now(), refusal.client(&arrival.client_id, rights.thing()));
        return Err(Reason::TopicNameInvalid);
    }
    let facts = will.map(|will| WillFacts { topic: &will.topic, retain: will.retain });
    let mut context = rights.access.context(peer, Some(&arrival.client_id), state.now());
    context.connect = Some(ConnectFacts { persistent: arrival.session_expiry > 0, will: facts });
    let Err(denied) = rights.access.connect(&context) else { return Ok(()) };
    let refusal = Refusal::denied(peer, why::Stage::Connect, denied);
    state.why.note(state.now(), refusal.client(&arrival.client_id, rights.thing()));
    events::connect_failed(state, broker, peer, &arrival.client_id);
    Err(Reason::NotAuthorized)
}

/// Takes the session over or makes one. One connect at a time per client id.
async fn enter(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    rights: Rights,
    link: u64,
    arrival: &Arrival,
) -> Result<Connected, adit_store::Error> {
    let before = broker.slot(&arrival.client_id);
    if let Some(before) = &before {
        take_over(before).await;
    }
    let (slot, resumed) = session(state, broker, before, &rights, arrival).await?;
    let mut client = Client {
        slot: Arc::clone(&slot),
        link,
        topics: Topics::default(),
        held: std::collections::VecDeque::new(),
        page: std::collections::VecDeque::new(),
        cursor: 0,
        serial: 0,
        session: state.ids.uuid(),
        version_number: 0,
        receive: super::client::Receive::default(),
        rights,
    };
    let resumed = match resumed {
        Some(session) => Some(resume(state, &mut client, session).await?),
        None => None,
    };
    client.version_number = attach(broker, &client, arrival);
    client.refresh_receive(state);
    for share in offline::shares_of(broker, &slot) {
        share.drain(broker, state);
    }
    Ok(Connected { client, resumed })
}

/// Ends the connection that has the session and waits until it handed it over, but not for ever.
async fn take_over(slot: &Arc<Slot>) {
    let handed_over = async {
        loop {
            let released = slot.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            if !slot.is_online() {
                return;
            }
            slot.kick(None, Why::TakenOver);
            released.await;
        }
    };
    if tokio::time::timeout(HAND_OVER, handed_over).await.is_err() {
        tracing::warn!(client_id = &*slot.client_id, "a connection did not hand its session over in time");
        slot.seize();
    }
}

/// The session of the client: the one before, or a new one. `Some` when there is something to resume.
async fn session(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    before: Option<Arc<Slot>>,
    rights: &Rights,
    arrival: &Arrival,
) -> Result<(Arc<Slot>, Option<Session<i64>>), adit_store::Error> {
    // From here on it does not end by itself.
    let before = before.filter(|slot| {
        let mut inner = slot.lock();
        inner.ends_at = None;
        !inner.gone
    });
    let fresh = arrival.clean_start || before.as_ref().is_none_or(|slot| slot.version != arrival.version);
    let opened = match before.as_ref().filter(|_| !fresh).and_then(|slot| slot.stored) {
        None if arrival.session_expiry == 0 => None,
        _ => {
            let new = NewSession {
                scope: broker.scope.clone(),
                client_id: arrival.client_id.to_string(),
                version: arrival.version.level(),
                expiry: arrival.session_expiry,
                principal: events::principal(&rights.peer).to_string(),
            };
            let will = arrival.will.as_deref().map(stored_will);
            Some(state.store.session_open(new, fresh, will).await?)
        }
    };
    if let Some(slot) = before {
        if !fresh && opened.is_some_and(|opened| opened.resumed && slot.stored == Some(opened.id)) {
            let state = slot.lock().state.take().unwrap_or_else(|| Session::new(arrival.version));
            return Ok((slot, Some(state)));
        }
        drop(broker.forget(&slot));
        if let Some(id) = slot.stored.filter(|id| opened.is_none_or(|opened| opened.id != *id)) {
            state.store.sessions_end(vec![id]).await?;
        }
    }
    let stored = opened.map(|opened| opened.id);
    let slot = Slot::new(broker.hub.key(), Arc::clone(&arrival.client_id), arrival.version, stored);
    Ok((Arc::new(slot), None))
}

fn stored_will(will: &Will) -> StoredWill {
    let message = &will.message;
    StoredWill {
        delay: will.delay,
        lifetime: will.expiry,
        due_at: None,
        message: super::journal::stored(message, message.qos, message.retain),
    }
}

/// Reads back what was under way.
async fn resume(
    state: &State,
    client: &mut Client,
    mut session: Session<i64>,
) -> Result<Resumed<i64>, adit_store::Error> {
    let slot = Arc::clone(&client.slot);
    let stored = slot.stored.unwrap_or_default();
    let page = state.store.queue_page(stored, 0, PAGE, usize::MAX).await?;
    let mut flights = Vec::new();
    for queued in page {
        let (Phase::Sent(packet_id) | Phase::Received(packet_id)) = queued.phase else { break };
        let (message, qos) = message_of(queued.message);
        let message = Arc::new(message);
        let retain = message.retain;
        client.held.push_back(Held {
            token: queued.position,
            packet_id,
            since: 0,
            receipt: None,
            stored: true,
            share: None,
            direct: false,
            message: Arc::clone(&message),
            qos,
            retain,
        });
        client.cursor = queued.position;
        let subscription_ids = Box::default();
        let delivery = Delivery { message, qos, retain, subscription_ids, token: queued.position };
        flights.push(Flight { packet_id, delivery: Some(delivery) });
    }
    flights.append(&mut session.flights);
    session.flights = flights;
    let inner = slot.lock();
    let filters: Vec<Filter> = inner.subscriptions.iter().map(|(filter, _)| filter.clone()).collect();
    drop(inner);
    Ok(Resumed { session, filters })
}

/// Makes the connection the one that has the session, and the session the one of its client id. The connection's
/// `versionNumber`.
fn attach(broker: &Broker, client: &Client, arrival: &Arrival) -> u32 {
    let now = broker.hub.now();
    let peer = &client.rights.peer;
    let slot = &client.slot;
    let mut inner = slot.lock();
    inner.link = client.link;
    inner.online = Some(Box::new(Online {
        since: now,
        keep_alive: arrival.keep_alive,
        address: peer.address,
        local: peer.local,
        thing: client.rights.thing().map(str::to_owned),
        principal: events::principal(peer),
    }));
    inner.kick = None;
    inner.waker = None;
    inner.spill = slot.stored.is_some();
    inner.starved = false;
    inner.end_session = false;
    inner.expiry = arrival.session_expiry;
    inner.ends_at = None;
    inner.will = None;
    drop(inner);
    let mut seats = broker.seats();
    let seat = seats.entry(Arc::clone(&slot.client_id)).or_default();
    if seat.is_counted_anew(now) {
        seat.version_number = 0;
    }
    let number = seat.version_number;
    seat.version_number = number.wrapping_add(1);
    seat.slot = Some(Arc::clone(slot));
    seat.gone = None;
    drop(seats);
    broker.hub.meters.connected.up();
    number
}

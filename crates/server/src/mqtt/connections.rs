//! Connections, sessions and retained messages for the data API and the operator. spec: mqtt-gateway §10

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::{Error, Kind, Scope, Timestamp};
use adit_mqtt::why::Why;
use adit_mqtt::{Message, QoS};
use serde::Serialize;
use tokio::sync::oneshot;

use super::broker::Broker;
use super::gateway::Gateway;
use super::publish::timestamp;
use super::receipt::{Receipts, Reply};
use super::retained::Kept;
use super::roster::{Online, REMEMBERED, Seat};
use super::slot::{Delivered, Offered, Slot};

/// A client as it is, or was lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Connection {
    /// Its client id.
    pub client_id: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether its session ends with the connection.
    pub clean_session: bool,
    /// Seconds the session outlives the connection.
    pub session_expiry: u32,
    /// Seconds.
    pub keep_alive: Option<u16>,
    /// The connection's thing.
    pub thing: Option<String>,
    /// Certificate id, or ARN of who signed.
    pub principal: Option<String>,
    /// From where.
    pub source: Option<SocketAddr>,
    /// To which address of ours.
    pub target: Option<SocketAddr>,
    /// When it connected, if it is connected.
    pub connected_since: Option<Timestamp>,
    /// When it left, if it is not; remembered for 30 minutes.
    pub disconnected_since: Option<Timestamp>,
    /// The word of the lifecycle event.
    pub disconnect_reason: Option<&'static str>,
    /// Messages that wait on disk.
    pub queued: u64,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedMessage {
    /// Topic, payload, QoS and properties.
    pub message: Arc<Message>,
    /// When it was published.
    pub modified_at: Timestamp,
}

impl RetainedMessage {
    fn of(kept: Kept) -> Self {
        Self { message: kept.message, modified_at: timestamp(kept.modified) }
    }
}

impl Gateway {
    /// Up to `limit` clients after a client id, in order: those connected, and those whose session is kept.
    pub fn connections(&self, scope: &Scope, after: &str, limit: usize) -> Vec<Connection> {
        let Some(broker) = self.find(scope) else { return Vec::new() };
        let seats = broker.seats();
        let kept =
            |(id, seat): (&Arc<str>, &Seat)| (seat.slot.is_some() && **id > *after).then(|| Arc::clone(id));
        let mut ids: Vec<Arc<str>> = seats.iter().filter_map(kept).collect();
        drop(seats);
        ids.sort_unstable();
        ids.truncate(limit);
        ids.iter().filter_map(|id| find(&broker, id)).collect()
    }

    /// A client that is connected, has a session, or left less than 30 minutes ago.
    pub fn connection(&self, scope: &Scope, client_id: &str) -> Option<Connection> {
        find(&*self.find(scope)?, client_id)
    }

    /// Ends a connection, and its session if `clean_session`; also the session of a client that is away. Whether there
    /// was one. Does not wait. spec: mqtt-gateway §6, §6.1
    pub fn disconnect(
        &self,
        scope: &Scope,
        client_id: &str,
        clean_session: bool,
        prevent_will: bool,
    ) -> bool {
        let Some((broker, slot)) = self.slot(scope, client_id) else { return false };
        let mut inner = slot.lock();
        inner.no_will |= prevent_will;
        inner.end_session |= clean_session;
        if prevent_will {
            inner.will = None;
        }
        let is_online = inner.link != 0;
        if !is_online && clean_session {
            inner.ends_at = Some(0);
        }
        drop(inner);
        if is_online {
            return slot.kick(None, Why::Deleted);
        }
        if clean_session {
            broker.hub.due.add(0, &broker, &slot);
        }
        clean_session
    }

    /// Filters and granted QoS of a client, in order; also of one that is away with a session that is kept.
    pub fn subscriptions(&self, scope: &Scope, client_id: &str) -> Option<Vec<(String, u8)>> {
        let (_, slot) = self.slot(scope, client_id)?;
        let inner = slot.lock();
        let all = inner.subscriptions.iter();
        Some(all.map(|(filter, options)| (filter.as_str().to_owned(), options.qos.level())).collect())
    }

    /// Sends a message to one connected client, past subscriptions, queues and retained messages. With `confirm` it is
    /// sent with QoS 1 and its acknowledgement is waited for. spec: mqtt-gateway §10
    ///
    /// # Errors
    /// `NotFound` when the client is not connected, `Throttled` when it is too slow, `Unavailable` when there is no
    /// acknowledgement in time.
    pub async fn send_direct(
        &self,
        scope: &Scope,
        client_id: &str,
        message: Message,
        confirm: Option<Duration>,
    ) -> Result<(), Error> {
        let not_found = || Error::new(Kind::NotFound, format!("The client {client_id} is not connected."));
        let (broker, slot) = self.slot(scope, client_id).ok_or_else(not_found)?;
        let qos = if confirm.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let how = Delivered { qos, retain: false, ids: None, share: None, direct: true };
        let (done, wait) = oneshot::channel();
        let mut receipts = Receipts::new(|| Reply::Call(done));
        let hub = &broker.hub;
        let offered = slot.offer(&Arc::new(message), &how, &hub.settings, &hub.journal, &mut receipts);
        drop(receipts);
        match offered {
            Offered::Wake => slot.wake(),
            Offered::Taken | Offered::Spilled => {}
            Offered::Away => return Err(not_found()),
            Offered::Full => {
                return Err(Error::new(Kind::Throttled, "The client does not take messages fast enough."));
            }
        }
        let Some(patience) = confirm else { return Ok(()) };
        match tokio::time::timeout(patience, wait).await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(Error::new(Kind::Unavailable, "The client did not acknowledge the message in time.")),
        }
    }

    /// The retained message of a topic.
    pub fn retained(&self, scope: &Scope, topic: &str) -> Option<RetainedMessage> {
        let broker = self.find(scope)?;
        broker.retained.get(topic, broker.hub.now()).map(RetainedMessage::of)
    }

    /// How many retained messages a scope has, and their bytes of topics, payloads and properties.
    pub fn retained_size(&self, scope: &Scope) -> (usize, usize) {
        self.find(scope).map_or((0, 0), |broker| broker.retained.size())
    }

    /// Up to `limit` retained messages after a topic, in order of topics.
    pub fn retained_page(&self, scope: &Scope, after: &str, limit: usize) -> Vec<RetainedMessage> {
        let Some(broker) = self.find(scope) else { return Vec::new() };
        let page = broker.retained.page(after, limit, broker.hub.now());
        page.into_iter().map(RetainedMessage::of).collect()
    }

    fn slot(&self, scope: &Scope, client_id: &str) -> Option<(Arc<Broker>, Arc<Slot>)> {
        let broker = self.find(scope)?;
        let slot = broker.slot(client_id)?;
        Some((broker, slot))
    }
}

fn find(broker: &Broker, client_id: &str) -> Option<Connection> {
    let now = broker.hub.now();
    let seats = broker.seats();
    let seat = seats.get(client_id)?;
    let gone = seat.gone.as_deref().filter(|gone| now.saturating_sub(gone.at) <= REMEMBERED).cloned();
    let slot = seat.slot.clone();
    drop(seats);
    let mut connection = Connection {
        client_id: client_id.to_owned(),
        connected: false,
        clean_session: true,
        session_expiry: 0,
        keep_alive: None,
        thing: None,
        principal: None,
        source: None,
        target: None,
        connected_since: None,
        disconnected_since: None,
        disconnect_reason: None,
        queued: 0,
    };
    if slot.is_none() && gone.is_none() {
        return None;
    }
    if let Some(gone) = gone {
        connection.fill(&gone.online);
        connection.session_expiry = gone.expiry;
        connection.disconnected_since = Some(timestamp(gone.at));
        connection.disconnect_reason = Some(gone.reason);
    }
    if let Some(slot) = slot {
        let inner = slot.lock();
        connection.session_expiry = inner.expiry;
        connection.queued = inner.queue.messages;
        if let Some(online) = inner.online.as_deref() {
            connection.fill(online);
            connection.connected = true;
            connection.connected_since = Some(timestamp(online.since));
        }
    }
    connection.clean_session = connection.session_expiry == 0;
    Some(connection)
}

impl Connection {
    fn fill(&mut self, online: &Online) {
        self.keep_alive = Some(online.keep_alive);
        self.thing.clone_from(&online.thing);
        self.principal = Some(online.principal.to_string());
        self.source = Some(online.address);
        self.target = Some(online.local);
    }
}

//! Lifecycle and subscription events. spec: mqtt-gateway §8.2

use std::sync::Arc;

use adit_mqtt::Filter;
use adit_mqtt::why::Why;
use adit_store::{ThingEvent, ThingEventKind};
use serde_json::{Map, Value, json};

use super::broker::Broker;
use super::client::Client;
use super::{Identity, Peer};
use crate::state::State;
use crate::timeline;

/// `principalIdentifier`: the bare certificate id, or the ARN of who signed.
pub(super) fn principal(peer: &Peer) -> Arc<str> {
    match &peer.identity {
        Identity::Certificate { certificate, .. } => Arc::from(certificate.id.as_str()),
        Identity::Signed { principal, .. } => Arc::from(principal.arn.as_str()),
        Identity::Plain { .. } => Arc::from("plain"),
    }
}

/// A connection is about to be accepted: its timeline says so before it says anything of what the client sent along.
pub(super) fn entering(state: &State, client: &Client) {
    note(state, client, ThingEvent::new(ThingEventKind::Connected, state.now()));
}

/// A connection was accepted.
pub(super) fn connected(broker: &Broker, client: &Client) {
    let more = json!({
        "ipAddress": client.rights.peer.address.ip().to_canonical().to_string(),
        "versionNumber": client.version_number,
    });
    of_client(broker, client, "connected", "presence/connected", more);
}

/// A connection is over.
pub(super) fn disconnected(state: &State, broker: &Broker, client: &Client, why: Why) {
    let reason = why.lifecycle(client.slot.version);
    let event = ThingEvent::new(ThingEventKind::Disconnected, state.now());
    note(
        state,
        client,
        ThingEvent { reason: Some(reason.to_owned()), detail: Some(why.to_string()), ..event },
    );
    let more = json!({
        "clientInitiatedDisconnect": why.is_from_client(),
        "disconnectReason": reason,
        "versionNumber": client.version_number,
    });
    of_client(broker, client, "disconnected", "presence/disconnected", more);
}

/// A connection was refused by policy.
pub(super) fn connect_failed(state: &State, broker: &Broker, peer: &Peer, client_id: &str) {
    let mut event = common(broker, peer, client_id, "connect_failed", &state.ids.uuid());
    event.insert("connectFailureReason".to_owned(), json!("AUTHORIZATION_FAILED"));
    event.insert("ipAddress".to_owned(), json!(peer.address.ip().to_canonical().to_string()));
    tell(broker, "presence/connect_failed", client_id, event);
}

/// Filters were subscribed to.
pub(super) fn subscribed(broker: &Broker, client: &Client, filters: &[Filter]) {
    of_client(broker, client, "subscribed", "subscriptions/subscribed", topics(filters));
}

/// Subscriptions ended.
pub(super) fn unsubscribed(broker: &Broker, client: &Client, filters: &[Filter]) {
    of_client(broker, client, "unsubscribed", "subscriptions/unsubscribed", topics(filters));
}

/// Puts an event into the timeline of the client's thing.
fn note(state: &State, client: &Client, event: ThingEvent) {
    let (peer, thing) = (&client.rights.peer, client.rights.thing());
    state.timeline.note(timeline::of_peer(peer, &client.slot.client_id, thing, event));
}

fn topics(filters: &[Filter]) -> Value {
    json!({ "topics": filters.iter().map(Filter::as_str).collect::<Vec<_>>() })
}

fn of_client(broker: &Broker, client: &Client, kind: &str, place: &str, more: Value) {
    let client_id = &client.slot.client_id;
    let mut event = common(broker, &client.rights.peer, client_id, kind, &client.session);
    if let Some(thing) = client.rights.access.exclusive_thing() {
        event.insert("thingName".to_owned(), json!(thing));
    }
    if let Value::Object(more) = more {
        event.extend(more);
    }
    tell(broker, place, client_id, event);
}

fn common(broker: &Broker, peer: &Peer, client_id: &str, kind: &str, session: &str) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("clientId".to_owned(), json!(client_id));
    event.insert("timestamp".to_owned(), json!(broker.hub.now()));
    event.insert("eventType".to_owned(), json!(kind));
    event.insert("sessionIdentifier".to_owned(), json!(session));
    event.insert("principalIdentifier".to_owned(), json!(&*principal(peer)));
    event
}

/// Client ids that are no topic level produce no events. spec: mqtt-gateway §3.2
fn tell(broker: &Broker, place: &str, client_id: &str, event: Map<String, Value>) {
    if !client_id.contains(['+', '#']) {
        broker
            .tell(&format!("$aws/events/{place}/{client_id}"), Value::Object(event).to_string().into_bytes());
    }
}

//! The data API: messages, retained messages and connections over HTTP (spec: mqtt-gateway §10, control-plane §10).

use std::time::Duration;

use adit_iot::page::Listing;
use adit_iot::{Error, Kind};
use adit_mqtt::message::Builder;
use adit_mqtt::{Message, MessageProperties, QoS};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mqtt::{Connection, RetainedMessage};
use crate::state::Call;

/// Retained messages on a page unless asked.
const RETAINED: usize = 200;
/// Subscriptions on a page unless asked. spec: mqtt-gateway §10
const SUBSCRIPTIONS: usize = 20;
/// Seconds that an acknowledgement is waited for unless asked, and at most. spec: mqtt-gateway §10
const PATIENCE: (i64, i64) = (5, 15);

/// What goes with a message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// A JSON array of objects with one name each.
    pub user_properties: Option<String>,
    /// `UTF8_DATA` or `UNSPECIFIED_BYTES`.
    pub payload_format_indicator: Option<String>,
    /// Content type.
    pub content_type: Option<String>,
    /// Topic for an answer.
    pub response_topic: Option<String>,
    /// Base64.
    pub correlation_data: Option<String>,
}

impl Properties {
    fn build(&self) -> Result<MessageProperties, Error> {
        let mut builder = Builder::new();
        if let Some(format) = &self.payload_format_indicator {
            builder = builder.payload_is_text(format == "UTF8_DATA");
        }
        if let Some(text) = &self.content_type {
            builder = builder.content_type(text);
        }
        if let Some(topic) = &self.response_topic {
            builder = builder.response_topic(topic);
        }
        if let Some(data) = &self.correlation_data {
            let bytes =
                STANDARD.decode(data).map_err(|_| Error::invalid("correlationData must be base64"))?;
            builder = builder.correlation_data(&bytes);
        }
        for (name, value) in self.user()? {
            builder = builder.user_property(&name, &value);
        }
        builder.build().map_err(|misdeed| {
            Error::invalid(format!("The properties of the message cannot be sent over MQTT: {misdeed}."))
        })
    }

    fn user(&self) -> Result<Vec<(String, String)>, Error> {
        let Some(text) = self.user_properties.as_deref() else { return Ok(Vec::new()) };
        let wrong = || {
            Error::invalid(
                "userProperties must be a JSON array of objects with texts, such as [{\"a\":\"1\"}]",
            )
        };
        let objects: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|_| wrong())?;
        let pairs = objects.into_iter().flatten().map(|(name, value)| match value {
            Value::String(value) => Ok((name, value)),
            _ => Err(wrong()),
        });
        pairs.collect()
    }
}

fn decoded(payload: Option<String>) -> Result<Bytes, Error> {
    let bytes = STANDARD.decode(payload.unwrap_or_default());
    bytes.map(Bytes::from).map_err(|e| Error::internal(format!("a payload that passed the table: {e}")))
}

/// The answer to a message that was taken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// `OK`.
    pub message: &'static str,
    /// Id of the request.
    pub trace_id: String,
}

impl Taken {
    fn new(cx: &Call<'_>) -> Self {
        Self { message: "OK", trace_id: cx.request_id.to_owned() }
    }
}

/// Input of Publish.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// Where to.
    pub topic: String,
    /// 0 or 1; 0 unless given.
    pub qos: Option<u8>,
    /// Whether to keep it as the topic's.
    #[serde(default)]
    pub retain: bool,
    /// Base64.
    pub payload: Option<String>,
    /// What goes with it.
    #[serde(flatten)]
    pub properties: Properties,
    /// Seconds after which nobody wants it.
    pub message_expiry: Option<i64>,
}

/// Publishes a message.
///
/// # Errors
/// `Invalid` for a topic or properties that MQTT or the settings do not allow, `TooLarge` for the payload,
/// `LimitExceeded` when no more can be retained, `Unavailable` when it cannot be stored.
pub async fn publish(cx: &Call<'_>, input: Publish) -> Result<Taken, Error> {
    let gateway = &cx.state.gateway;
    let expires_at = input.message_expiry.map(|seconds| gateway.expiry(seconds)).transpose()?;
    let message = Message {
        topic: input.topic.into(),
        payload: decoded(input.payload)?,
        qos: if input.qos == Some(1) { QoS::AtLeastOnce } else { QoS::AtMostOnce },
        retain: input.retain,
        properties: input.properties.build()?,
        expires_at,
    };
    gateway.publish_request(cx.state, cx.scope, message).await?;
    Ok(Taken::new(cx))
}

/// Input of GetRetainedMessage.
#[derive(Debug, Deserialize)]
pub struct GetRetainedMessage {
    /// Whose.
    pub topic: String,
}

/// Output of GetRetainedMessage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRetainedMessageOutput {
    /// Its topic.
    pub topic: String,
    /// Base64.
    pub payload: String,
    /// As published.
    pub qos: u8,
    /// Milliseconds since the epoch.
    pub last_modified_time: i64,
    /// Base64 of a JSON array of objects with one name each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_properties: Option<String>,
}

/// Shows the retained message of a topic.
///
/// # Errors
/// `NotFound`.
pub async fn get_retained_message(
    cx: &Call<'_>,
    input: GetRetainedMessage,
) -> Result<GetRetainedMessageOutput, Error> {
    let found = cx.state.gateway.retained(cx.scope, &input.topic);
    let RetainedMessage { message, modified_at } = found.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("No retained message exists for the topic {}", input.topic))
    })?;
    let view = message.properties.view();
    let user: Vec<Value> =
        view.user_properties().map(|(name, value)| serde_json::json!({ name: value })).collect();
    Ok(GetRetainedMessageOutput {
        topic: message.topic.to_string(),
        payload: STANDARD.encode(&message.payload),
        qos: message.qos.level(),
        last_modified_time: modified_at.millis(),
        user_properties: (!user.is_empty()).then(|| STANDARD.encode(Value::Array(user).to_string())),
    })
}

/// Input of ListRetainedMessages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRetainedMessages {
    /// Where to go on.
    pub next_token: Option<String>,
    /// Messages on a page, 1 to 200.
    pub max_results: Option<usize>,
}

/// A retained message in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetainedMessageSummary {
    /// Its topic.
    pub topic: String,
    /// Bytes.
    pub payload_size: usize,
    /// As published.
    pub qos: u8,
    /// Milliseconds since the epoch.
    pub last_modified_time: i64,
}

/// Output of ListRetainedMessages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRetainedMessagesOutput {
    /// The page, in order of topics.
    pub retained_topics: Vec<RetainedMessageSummary>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Lists the retained messages.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_retained_messages(
    cx: &Call<'_>,
    input: ListRetainedMessages,
) -> Result<ListRetainedMessagesOutput, Error> {
    let listing = Listing { operation: "ListRetainedMessages", scope: cx.scope, filters: &[] };
    let after = input.next_token.as_deref().map(|token| listing.name(token)).transpose()?.unwrap_or_default();
    let limit = input.max_results.unwrap_or(RETAINED);
    let mut page = cx.state.gateway.retained_page(cx.scope, &after, limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| more);
    Ok(ListRetainedMessagesOutput {
        next_token: last.map(|last| listing.token_after(&last.message.topic)),
        retained_topics: page.iter().map(summary).collect(),
    })
}

fn summary(retained: &RetainedMessage) -> RetainedMessageSummary {
    RetainedMessageSummary {
        topic: retained.message.topic.to_string(),
        payload_size: retained.message.payload.len(),
        qos: retained.message.qos.level(),
        last_modified_time: retained.modified_at.millis(),
    }
}

/// Input of GetConnection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetConnection {
    /// Whose.
    pub client_id: String,
    /// Whether addresses are shown.
    #[serde(default)]
    pub include_socket_information: bool,
}

/// Output of GetConnection. Times are in milliseconds since the epoch.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of AWS's model")]
pub struct GetConnectionOutput {
    pub connected: bool,
    pub client_id: String,
    pub clean_session: bool,
    pub session_expiry: u32,
    pub thing_name: Option<String>,
    pub keep_alive_duration: Option<u16>,
    pub connected_since: Option<i64>,
    pub disconnected_since: Option<i64>,
    pub disconnect_reason: Option<&'static str>,
    pub source_ip: Option<String>,
    pub source_port: Option<u16>,
    pub target_ip: Option<String>,
    pub target_port: Option<u16>,
}

/// Shows a client that is connected, has a session, or left not long ago.
///
/// # Errors
/// `NotFound`.
pub async fn get_connection(cx: &Call<'_>, input: GetConnection) -> Result<GetConnectionOutput, Error> {
    let found = cx.state.gateway.connection(cx.scope, &input.client_id);
    let connection: Connection = found.ok_or_else(|| no_client(&input.client_id))?;
    let shown = |address| Some(address).filter(|_| input.include_socket_information).flatten();
    let (source, target) = (shown(connection.source), shown(connection.target));
    Ok(GetConnectionOutput {
        connected: connection.connected,
        client_id: connection.client_id,
        clean_session: connection.clean_session,
        session_expiry: connection.session_expiry,
        thing_name: connection.thing,
        keep_alive_duration: connection.keep_alive,
        connected_since: connection.connected_since.map(|at| at.millis()),
        disconnected_since: connection.disconnected_since.map(|at| at.millis()),
        disconnect_reason: connection.disconnect_reason,
        source_ip: source.map(|address| address.ip().to_string()),
        source_port: source.map(|address| address.port()),
        target_ip: target.map(|address| address.ip().to_string()),
        target_port: target.map(|address| address.port()),
    })
}

fn no_client(client_id: &str) -> Error {
    Error::new(Kind::NotFound, format!("No connection or session exists for the client {client_id}"))
}

/// Input of DeleteConnection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteConnection {
    /// Whose.
    pub client_id: String,
    /// Whether its session ends too.
    #[serde(default)]
    pub clean_session: bool,
    /// Whether its will is not published.
    #[serde(default)]
    pub prevent_will_message: bool,
}

/// Ends a client's connection.
///
/// # Errors
/// `NotFound`.
pub async fn delete_connection(cx: &Call<'_>, input: DeleteConnection) -> Result<Map<String, Value>, Error> {
    let DeleteConnection { client_id, clean_session, prevent_will_message } = input;
    match cx.state.gateway.disconnect(cx.scope, &client_id, clean_session, prevent_will_message) {
        true => Ok(Map::new()),
        false => Err(no_client(&client_id)),
    }
}

/// Input of ListSubscriptions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListSubscriptions {
    /// Whose.
    pub client_id: String,
    /// Where to go on.
    pub next_token: Option<String>,
    /// Subscriptions on a page, 1 to 200.
    pub max_results: Option<usize>,
}

/// A subscription in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionSummary {
    /// Its filter.
    pub topic_filter: String,
    /// As granted.
    pub qos: u8,
}

/// Output of ListSubscriptions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListSubscriptionsOutput {
    /// The page, in order of filters.
    pub subscriptions: Vec<SubscriptionSummary>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Lists what a client is subscribed to, also one that is away with a session.
///
/// # Errors
/// `NotFound`; `Invalid` for a page token of another listing.
pub async fn list_subscriptions(
    cx: &Call<'_>,
    input: ListSubscriptions,
) -> Result<ListSubscriptionsOutput, Error> {
    let filters = [Some(input.client_id.as_str())];
    let listing = Listing { operation: "ListSubscriptions", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.name(token)).transpose()?;
    let all = cx.state.gateway.subscriptions(cx.scope, &input.client_id);
    let mut all = all.ok_or_else(|| no_client(&input.client_id))?;
    all.sort_unstable();
    let limit = input.max_results.unwrap_or(SUBSCRIPTIONS);
    let rest = all.into_iter().filter(|(filter, _)| after.as_ref().is_none_or(|after| filter > after));
    let mut page: Vec<_> =
        rest.map(|(topic_filter, qos)| SubscriptionSummary { topic_filter, qos }).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next_token = page.last().filter(|_| more).map(|last| listing.token_after(&last.topic_filter));
    Ok(ListSubscriptionsOutput { subscriptions: page, next_token })
}

/// Input of SendDirectMessage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendDirectMessage {
    /// To whom.
    pub client_id: String,
    /// As which topic it arrives.
    pub topic: String,
    /// Whether its acknowledgement is waited for.
    #[serde(default)]
    pub confirmation: bool,
    /// Seconds to wait, 1 to 15.
    pub timeout: Option<i64>,
    /// Base64.
    pub payload: Option<String>,
    /// What goes with it.
    #[serde(flatten)]
    pub properties: Properties,
}

/// Sends a message to one client that is connected.
///
/// # Errors
/// `Invalid`, `TooLarge`; `NotFound` if it is not connected; `Throttled` if it is too slow; `Unavailable` without an
/// acknowledgement in time.
pub async fn send_direct_message(cx: &Call<'_>, input: SendDirectMessage) -> Result<Taken, Error> {
    let seconds = input.timeout.unwrap_or(PATIENCE.0);
    if !(1..=PATIENCE.1).contains(&seconds) {
        return Err(Error::invalid(format!("timeout must be from 1 to {} seconds", PATIENCE.1)));
    }
    if input.topic.starts_with('$') {
        return Err(Error::invalid("Topic can't start with $"));
    }
    let message = Message {
        topic: input.topic.into(),
        payload: decoded(input.payload)?,
        qos: if input.confirmation { QoS::AtLeastOnce } else { QoS::AtMostOnce },
        retain: false,
        properties: input.properties.build()?,
        expires_at: None,
    };
    cx.state.gateway.check_request(&message)?;
    let patience = input.confirmation.then(|| Duration::from_secs(seconds.unsigned_abs()));
    cx.state.gateway.send_direct(cx.scope, &input.client_id, message, patience).await?;
    Ok(Taken::new(cx))
}

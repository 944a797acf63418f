//! Connected MQTT clients, for the console and for scripts; one of our own operations.

use std::net::SocketAddr;

use adit_iot::{Error, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clients::{self, Wanted};
use crate::mqtt::Connection;
use crate::state::Call;

/// Clients on a page when the caller does not say.
const PAGE: usize = 50;

/// Input of ListConnections.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListConnections {
    /// Only this MQTT client.
    pub client_id: Option<String>,
    /// Only those with a certificate whose id begins so.
    pub certificate_id: Option<String>,
    /// Clients on a page.
    pub max_results: Option<u16>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Output of ListConnections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListConnectionsOutput {
    connections: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SocketAddr>,
    clean_session: bool,
    session_expiry: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_since: Option<Timestamp>,
    queued_messages: u64,
}

impl From<Connection> for Shown {
    fn from(connection: Connection) -> Self {
        Self {
            client_id: connection.client_id,
            principal: connection.principal,
            thing_name: connection.thing,
            source: connection.source,
            clean_session: connection.clean_session,
            session_expiry: connection.session_expiry,
            keep_alive: connection.keep_alive,
            connected_since: connection.connected_since,
            queued_messages: connection.queued,
        }
    }
}

/// Lists the connected clients, by client id.
///
/// # Errors
/// `Invalid` for what is no page token.
pub async fn list_connections(cx: &Call<'_>, input: ListConnections) -> Result<ListConnectionsOutput, Error> {
    let after = input.next_token.as_deref().map(position).transpose()?.unwrap_or_default();
    let wanted = Wanted {
        client_id: input.client_id,
        certificate: input.certificate_id.as_deref().map(str::to_ascii_lowercase),
        away: false,
    };
    let limit = input.max_results.map_or(PAGE, usize::from);
    let (found, next) = clients::page(&cx.state.gateway, cx.scope, &wanted, &after, limit);
    Ok(ListConnectionsOutput {
        connections: found.into_iter().map(Shown::from).collect(),
        next_token: next.map(|client_id| URL_SAFE_NO_PAD.encode(client_id)),
    })
}

/// The client id that a page ended at.
fn position(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        Error::invalid(
            "nextToken is not one that ListConnections handed out; leave it out to start at the first page",
        )
    })
}

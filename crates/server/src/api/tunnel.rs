//! Tunnels: the operations of `iotsecuretunneling` but for tags (spec: secure-tunneling §1.2–1.4, §2.4).
//!
//! The table has checked shapes, lengths and patterns before a handler runs.

use std::time::Duration;

use adit_iot::page::Listing;
use adit_iot::tag::{self, Tag};
use adit_iot::time::MINUTE;
use adit_iot::tunnel::{ClientMode, Connection, Destination, Side, Status, Tunnel};
use adit_iot::{Error, Kind, Secret, ThingName, Timestamp, TunnelId, arn};
use adit_store::{Closing, NewTunnel, Opened, Rotation, hash_token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::ids::Ids;
use crate::shutdown::Phase;
use crate::state::Call;
use crate::tunnel::notify;

/// How every client access token begins, so that one that leaked can be recognised.
pub const TOKEN_PREFIX: &str = "adt1_";

/// Tunnels on a page when the caller does not say (spec: secure-tunneling §1.2 ListTunnels).
const PAGE: usize = 100;

/// Where a tunnel leads, on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationConfig {
    /// The device to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// Names of the streams.
    pub services: Vec<String>,
}

/// How long a tunnel lives, on the wire.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutConfig {
    /// Lifetime in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lifetime_timeout_minutes: Option<i64>,
}

/// Input of OpenTunnel.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OpenTunnel {
    /// Free text.
    pub description: Option<String>,
    /// Tags of the tunnel.
    pub tags: Vec<Tag>,
    /// Where it leads.
    pub destination_config: Option<DestinationConfig>,
    /// How long it lives.
    pub timeout_config: TimeoutConfig,
}

/// Output of OpenTunnel: the only time the tokens can be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTunnelOutput {
    /// The tunnel's id.
    pub tunnel_id: String,
    /// The tunnel's ARN.
    pub tunnel_arn: String,
    /// For the operator's side.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    pub source_access_token: Secret,
    /// For the device's side.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    pub destination_access_token: Secret,
}

/// Opens a tunnel.
///
/// # Errors
/// `Invalid` for a service named twice, a reserved tag key or a lifetime above the configured one; `LimitExceeded`
/// for too many services, tags or open tunnels; `Unavailable` while the server drains.
pub async fn open_tunnel(cx: &Call<'_>, input: OpenTunnel) -> Result<OpenTunnelOutput, Error> {
    if cx.state.phases.now() != Phase::Serving {
        return Err(Error::new(Kind::Unavailable, "The server is shutting down and opens no more tunnels."));
    }
    let id = TunnelId::parse(&cx.state.ids.uuid())?;
    let (source, destination) = (new_token(&cx.state.ids), new_token(&cx.state.ids));
    let device = input.destination_config.map(|given| destination_of(cx, given)).transpose()?;
    let new = NewTunnel {
        id: id.clone(),
        description: input.description,
        destination: device.clone(),
        timeout_minutes: lifetime(cx.state.config.tunnel.max_lifetime, input.timeout_config)?,
        tags: tag::upsert(&[], &input.tags)?,
        source_token: hash_token(source.expose()),
        destination_token: hash_token(destination.expose()),
        created_at: cx.now,
    };
    let quota = u64::from(cx.state.config.tunnel.max_open_tunnels);
    match cx.state.store.tunnel_open(cx.scope, new, Some(quota)).await? {
        Opened::Yes(_) => {
            if let Some(device) = device {
                notify::destination(cx.state, cx.scope, &device, &destination).await;
            }
            Ok(OpenTunnelOutput {
                tunnel_id: id.to_string(),
                tunnel_arn: arn::tunnel(cx.scope, &id),
                source_access_token: source,
                destination_access_token: destination,
            })
        }
        Opened::TooMany => Err(Error::limit_exceeded(format!(
            "The account has {quota} open tunnels in this region, as many as it may have; close one first."
        ))),
    }
}

/// Input of CloseTunnel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseTunnel {
    /// Which tunnel.
    pub tunnel_id: String,
    /// Whether to remove the record as well.
    #[serde(default)]
    pub delete: bool,
}

/// Output of operations that answer nothing.
#[derive(Debug, Serialize)]
pub struct Empty {}

/// Closes a tunnel and ends its live connections; with `delete` the record goes too. Closing a closed one is fine.
///
/// # Errors
/// `NotFound`.
pub async fn close_tunnel(cx: &Call<'_>, input: CloseTunnel) -> Result<Empty, Error> {
    let id = TunnelId::parse(&input.tunnel_id)?;
    let found = if input.delete {
        cx.state.store.tunnel_delete(cx.scope, &id, cx.state.horizon()).await?
    } else {
        cx.state.store.tunnel_close(cx.scope, &id, cx.state.horizon()).await? != Closing::NotFound
    };
    if !found {
        return Err(not_found(&id));
    }
    cx.state.relays.close(&id);
    Ok(Empty {})
}

/// Input of DescribeTunnel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeTunnel {
    /// Which tunnel.
    pub tunnel_id: String,
}

/// Output of DescribeTunnel.
#[derive(Debug, Serialize)]
pub struct DescribeTunnelOutput {
    /// The tunnel.
    pub tunnel: Description,
}

/// A tunnel in full, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    tunnel_id: String,
    tunnel_arn: String,
    status: Status,
    source_connection_state: Connection,
    destination_connection_state: Connection,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_config: Option<DestinationConfig>,
    timeout_config: TimeoutConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    created_at: Timestamp,
    last_updated_at: Timestamp,
}

/// Shows a tunnel.
///
/// # Errors
/// `NotFound`.
pub async fn describe_tunnel(cx: &Call<'_>, input: DescribeTunnel) -> Result<DescribeTunnelOutput, Error> {
    let id = TunnelId::parse(&input.tunnel_id)?;
    let tunnel = cx.state.store.tunnel_get(cx.scope, &id, cx.state.horizon()).await?;
    let tags = cx.state.store.tags_list(cx.scope, &id, cx.state.horizon()).await?;
    let (Some(tunnel), Some(tags)) = (tunnel, tags) else { return Err(not_found(&id)) };
    let tunnel = Description {
        tunnel_id: id.to_string(),
        tunnel_arn: arn::tunnel(cx.scope, &id),
        status: tunnel.status,
        source_connection_state: tunnel.source,
        destination_connection_state: tunnel.destination_connection,
        description: tunnel.description,
        destination_config: tunnel.destination.map(|destination| DestinationConfig {
            thing_name: destination.thing.map(|name| name.to_string()),
            services: destination.services,
        }),
        timeout_config: TimeoutConfig { max_lifetime_timeout_minutes: Some(tunnel.timeout_minutes) },
        tags,
        created_at: tunnel.created_at,
        last_updated_at: tunnel.last_updated_at,
    };
    Ok(DescribeTunnelOutput { tunnel })
}

/// Input of ListTunnels.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListTunnels {
    /// Only tunnels to this thing.
    pub thing_name: Option<String>,
    /// Tunnels on a page, 1 to 100.
    pub max_results: Option<u32>,
    /// Where to go on.
    pub next_token: Option<String>,
}

/// Output of ListTunnels.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTunnelsOutput {
    /// The page, newest first.
    pub tunnel_summaries: Vec<Summary>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A tunnel in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    tunnel_id: String,
    tunnel_arn: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    created_at: Timestamp,
    last_updated_at: Timestamp,
}

/// Lists tunnels, closed ones that are retained included.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_tunnels(cx: &Call<'_>, input: ListTunnels) -> Result<ListTunnelsOutput, Error> {
    let thing = input.thing_name.as_deref();
    let listing = Listing { operation: "ListTunnels", scope: cx.scope, filters: &[thing] };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let page = cx.state.store.tunnels_page(cx.scope, thing, after, limit, cx.state.horizon()).await?;
    let summary = |tunnel: Tunnel| Summary {
        tunnel_arn: arn::tunnel(cx.scope, &tunnel.id),
        tunnel_id: tunnel.id.to_string(),
        status: tunnel.status,
        description: tunnel.description,
        created_at: tunnel.created_at,
        last_updated_at: tunnel.last_updated_at,
    };
    Ok(ListTunnelsOutput {
        tunnel_summaries: page.items.into_iter().map(summary).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

/// Input of RotateTunnelAccessToken.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotateTunnelAccessToken {
    /// Which tunnel.
    pub tunnel_id: String,
    /// Which tokens.
    pub client_mode: ClientMode,
    /// Where to tell the new destination token; ignored when only the source's is rotated.
    pub destination_config: Option<DestinationConfig>,
}

/// Output of RotateTunnelAccessToken: only what was rotated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotateTunnelAccessTokenOutput {
    /// The tunnel's ARN.
    pub tunnel_arn: String,
    /// For the operator's side.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::serialize_exposed_option")]
    pub source_access_token: Option<Secret>,
    /// For the device's side.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::serialize_exposed_option")]
    pub destination_access_token: Option<Secret>,
}

/// Replaces tokens. The old ones stop working at once; a connection made with one stays until it is replaced.
///
/// # Errors
/// `NotFound`, also for a closed tunnel; `Invalid` for services that break the rules.
pub async fn rotate_tunnel_access_token(
    cx: &Call<'_>,
    input: RotateTunnelAccessToken,
) -> Result<RotateTunnelAccessTokenOutput, Error> {
    let id = TunnelId::parse(&input.tunnel_id)?;
    let mode = input.client_mode;
    // The model gives this operation no quota fault: too many services are an invalid input here.
    let given = input.destination_config.filter(|_| mode.covers(Side::Destination));
    let given = given.map(|given| destination_of(cx, given)).transpose();
    let given = given.map_err(|refusal| Error { kind: Kind::Invalid, ..refusal })?;
    let (source, destination) = (new_token(&cx.state.ids), new_token(&cx.state.ids));
    let rotation = Rotation {
        mode,
        source_token: hash_token(source.expose()),
        destination_token: hash_token(destination.expose()),
        destination: given.clone(),
    };
    let rotated = cx.state.store.tunnel_rotate(cx.scope, &id, rotation, cx.state.horizon()).await?;
    rotated.ok_or_else(|| not_found(&id))?;
    if let Some(device) = given {
        notify::destination(cx.state, cx.scope, &device, &destination).await;
    }
    Ok(RotateTunnelAccessTokenOutput {
        tunnel_arn: arn::tunnel(cx.scope, &id),
        source_access_token: mode.covers(Side::Source).then_some(source),
        destination_access_token: mode.covers(Side::Destination).then_some(destination),
    })
}

fn not_found(id: &TunnelId) -> Error {
    Error::not_found(format!("Tunnel {id} does not exist, or is closed."))
}

fn destination_of(cx: &Call<'_>, given: DestinationConfig) -> Result<Destination, Error> {
    let thing = given.thing_name.as_deref().map(ThingName::parse).transpose()?;
    Destination::new(thing, given.services, cx.state.config.tunnel.services_per_tunnel as usize)
}

/// The lifetime in minutes: what was asked for, or the longest there is.
fn lifetime(longest: Duration, asked: TimeoutConfig) -> Result<i64, Error> {
    let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX) / MINUTE;
    match asked.max_lifetime_timeout_minutes {
        Some(minutes) if minutes > longest => Err(Error::invalid(format!(
            "1 validation error detected: Value '{minutes}' at 'timeoutConfig.maxLifetimeTimeoutMinutes' failed to \
             satisfy constraint: Member must have value less than or equal to {longest}"
        ))),
        Some(minutes) => Ok(minutes),
        None => Ok(longest),
    }
}

/// A fresh token: the prefix and 256 random bits, characters `[A-Za-z0-9_-]` (spec: secure-tunneling §2.1).
fn new_token(ids: &Ids) -> Secret {
    Secret::new(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(ids.bytes32())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_header_cookie_shell_and_ini() {
        let token = new_token(&Ids::seeded(1));
        assert_eq!(token.expose().len(), TOKEN_PREFIX.len() + 43);
        assert!(token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert!(!format!("{token:?}").contains(TOKEN_PREFIX));
    }

    #[test]
    fn the_longest_lifetime_is_the_default_and_the_limit() {
        let ask = |minutes| {
            lifetime(Duration::from_secs(3600), TimeoutConfig { max_lifetime_timeout_minutes: minutes })
        };
        assert_eq!(ask(None).unwrap(), 60);
        assert_eq!(ask(Some(60)).unwrap(), 60);
        assert_eq!(ask(Some(61)).unwrap_err().kind, Kind::Invalid);
    }
}

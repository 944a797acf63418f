//! Whether a thing is connected, and since when: what an operator asks first about a device he cannot reach.

use adit_iot::{Error, ThingName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::Call;

/// Input of GetThingConnectivityData.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetThingConnectivityData {
    /// The thing.
    pub thing_name: String,
    /// Whether addresses and ports are shown.
    #[serde(default)]
    pub include_socket_information: bool,
}

/// Output of GetThingConnectivityData. Of a thing that is away with no session and left more than 30 minutes ago only
/// `connected` is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of AWS's model")]
pub struct GetThingConnectivityDataOutput {
    pub thing_name: String,
    pub connected: bool,
    /// When it connected or left.
    pub timestamp: Option<Timestamp>,
    /// `NONE` while it is connected.
    pub disconnect_reason: Option<&'static str>,
    pub source_ip: Option<String>,
    pub source_port: Option<u16>,
    pub target_ip: Option<String>,
    pub target_port: Option<u16>,
    pub keep_alive_duration: Option<u16>,
    pub clean_session: Option<bool>,
    pub session_expiry: Option<u32>,
    pub client_id: Option<String>,
}

/// Shows the connection of the client whose id is the thing's name, as AWS's index does.
///
/// # Errors
/// `NotFound` for an unknown thing.
pub async fn get_thing_connectivity_data(
    cx: &Call<'_>,
    input: GetThingConnectivityData,
) -> Result<GetThingConnectivityDataOutput, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    if cx.state.store.thing_get(cx.scope, &name).await?.is_none() {
        return Err(Error::not_found(format!("Thing {}:{name} not found.", cx.scope.account())));
    }
    let found = cx.state.gateway.connection(cx.scope, name.as_str());
    let shown = |address| Some(address).filter(|_| input.include_socket_information).flatten();
    let source = shown(found.as_ref().and_then(|found| found.source));
    let target = shown(found.as_ref().and_then(|found| found.target));
    Ok(GetThingConnectivityDataOutput {
        thing_name: name.to_string(),
        connected: found.as_ref().is_some_and(|found| found.connected),
        timestamp: found.as_ref().and_then(|found| found.connected_since.or(found.disconnected_since)),
        disconnect_reason: found.as_ref().and_then(|found| match found.connected {
            true => Some("NONE"),
            false => found.disconnect_reason,
        }),
        source_ip: source.map(|address| address.ip().to_string()),
        source_port: source.map(|address| address.port()),
        target_ip: target.map(|address| address.ip().to_string()),
        target_port: target.map(|address| address.port()),
        keep_alive_duration: found.as_ref().and_then(|found| found.keep_alive),
        clean_session: found.as_ref().map(|found| found.clean_session),
        session_expiry: found.as_ref().map(|found| found.session_expiry),
        client_id: found.map(|found| found.client_id),
    })
}

//! Tells a device over MQTT that a tunnel waits for it (spec: secure-tunneling §3).

use adit_iot::tunnel::Destination;
use adit_iot::{Scope, Secret};
use serde::Serialize;

use crate::state::State;

/// What the device gets. Agents read exactly these members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    #[serde(serialize_with = "Secret::serialize_exposed")]
    client_access_token: &'a Secret,
    client_mode: &'static str,
    region: &'a str,
    services: &'a [String],
}

/// Publishes a fresh destination token to the thing of `destination`, if it names one. A device that is away and
/// has no persistent session misses it; the remedy is rotation, and the caller has the token as well.
pub async fn destination(state: &State, scope: &Scope, destination: &Destination, token: &Secret) {
    let Some(thing) = &destination.thing else { return };
    let notification = Notification {
        client_access_token: token,
        client_mode: "destination",
        region: scope.region(),
        services: &destination.services,
    };
    let result = match serde_json::to_vec(&notification) {
        Ok(payload) => {
            state.gateway.say(scope, &format!("$aws/things/{thing}/tunnels/notify"), payload).await
        }
        Err(error) => Err(adit_iot::Error::internal(error.to_string())),
    };
    let outcome = if result.is_ok() { "ok" } else { "failed" };
    state.metrics.count("adit_tunnel_notifications_total", "result", outcome);
    if let Err(error) = result {
        tracing::warn!(%thing, %error, "the device could not be told of its tunnel; rotate the destination token to try again");
    }
}

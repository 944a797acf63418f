//! Waiting for the device's side of a tunnel.

use crate::api::Api;
use crate::exit::{Code, Failure, Result};
use crate::out::Progress;
use adit_aws::Service::IotData;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until the device's side of a tunnel is connected, with a line of progress on a terminal.
///
/// # Errors
/// [`Code::Offline`] if the time is over and the device has no MQTT connection, [`Code::Timeout`] if it has one;
/// [`Code::Conflict`] if the tunnel is closed meanwhile.
pub async fn for_device(api: &Api, tunnel: &str, thing: &str, until: Instant) -> Result {
    let (mut progress, began) = (Progress::new(), Instant::now());
    loop {
        let state = super::get(api, tunnel).await?;
        let text = |pointer: &str| state.pointer(pointer).and_then(Value::as_str);
        if text("/status") != Some("OPEN") {
            return Err(Failure::conflict(format!(
                "the tunnel {tunnel} was closed before {thing} connected"
            )));
        }
        if text("/destinationConnectionState/status") == Some("CONNECTED") {
            return Ok(());
        }
        progress.say(format_args!("waiting for {thing} to connect … {} s", began.elapsed().as_secs()));
        if Instant::now() + LOOK >= until {
            tokio::time::sleep_until(until).await;
            return Err(late(api, thing, began.elapsed()).await);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Why the device did not come: offline, or online and silent.
async fn late(api: &Api, thing: &str, waited: Duration) -> Failure {
    let seconds = waited.as_secs();
    match is_online(api, thing).await {
        Some(false) => Failure::offline(format!("{thing} is offline: it has no MQTT connection, and did not come in {seconds} s"))
            .next(format!("look at the device: `adit agent doctor` there; here, `adit why --thing {thing}` shows refusals")),
        _ => Failure::timeout(format!("{thing} did not connect to the tunnel in {seconds} s"))
            .next("look at the device's log: does its agent run, does it offer that service? --timeout waits longer"),
    }
}

/// Whether the MQTT client with the thing's name is connected; `None` where that cannot be asked.
pub async fn is_online(api: &Api, thing: &str) -> Option<bool> {
    match api.spare().call(IotData, "GetConnection", json!({ "clientId": thing })).await {
        Ok(connection) => connection.get("connected").and_then(Value::as_bool),
        Err(failure) if failure.code() == Code::NotFound => Some(false),
        Err(_) => None,
    }
}

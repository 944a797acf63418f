//! How the server is, for the console and for scripts; one of our own operations. Without paths and secrets.

use adit_iot::{Error, Timestamp};
use serde::Serialize;

use crate::health::{Health, UNWRITABLE};
use crate::state::{Call, Listening};

/// Output of GetServerHealth. Counts are of the whole server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetServerHealthOutput<'a> {
    version: &'static str,
    node: &'a str,
    region: &'a str,
    account: &'a str,
    phase: &'static str,
    started_at: Timestamp,
    uptime_seconds: i64,
    ready: bool,
    connections: i64,
    mqtt_clients: i64,
    tunnels: Tunnels,
    store: Store,
    listeners: &'a [Listening],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tunnels {
    open: i64,
    sources_connected: i64,
    destinations_connected: i64,
}

#[derive(Debug, Serialize)]
struct Store {
    writable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    transactions: u64,
    commits: u64,
    failures: u64,
}

impl From<&Health> for Store {
    fn from(health: &Health) -> Self {
        Self {
            writable: health.store.is_ok(),
            error: health.store.is_err().then_some(UNWRITABLE),
            transactions: health.stats.transactions,
            commits: health.stats.commits,
            failures: health.stats.failures,
        }
    }
}

/// Tells whether the server takes new work, since when it runs, and what it holds.
///
/// # Errors
/// None of its own.
pub async fn get_server_health<'a>(cx: &Call<'a>) -> Result<GetServerHealthOutput<'a>, Error> {
    let (state, health) = (cx.state, Health::of(cx.state).await);
    Ok(GetServerHealthOutput {
        version: env!("CARGO_PKG_VERSION"),
        node: &state.config.node.name,
        region: &state.config.region,
        account: &state.config.account,
        phase: health.phase.as_str(),
        started_at: state.started_at,
        uptime_seconds: health.uptime_seconds,
        ready: health.ready,
        connections: health.connections,
        mqtt_clients: health.mqtt_clients,
        tunnels: Tunnels {
            open: health.tunnels_open,
            sources_connected: health.sources,
            destinations_connected: health.destinations,
        },
        store: Store::from(&health),
        listeners: &state.listeners,
    })
}

#[cfg(test)]
mod tests {
    use adit_store::Stats;
    use serde_json::json;

    use super::*;
    use crate::shutdown::Phase;

    #[test]
    fn a_store_that_cannot_be_written_is_told_without_its_path() {
        let health = Health {
            phase: Phase::Serving,
            ready: false,
            store: Err("/var/lib/adit/adit.db: disk full".to_owned()),
            stats: Stats { transactions: 3, commits: 2, failures: 1 },
            uptime_seconds: 0,
            connections: 0,
            mqtt_clients: 0,
            tunnels_open: 0,
            sources: 0,
            destinations: 0,
        };
        let expected = json!({
            "writable": false, "error": UNWRITABLE, "transactions": 3, "commits": 2, "failures": 1,
        });
        assert_eq!(serde_json::to_value(Store::from(&health)).unwrap(), expected);
    }
}

//! Is it alive, can it serve, what is it doing: for load balancers, for `adit status` and for the console.

use adit_store::Stats;
use http::StatusCode;
use serde_json::{Value, json};

use crate::net::http::{Answer, json as page, text, with_type};
use crate::shutdown::Phase;
use crate::state::State;

/// What is said of a store that cannot be written to whoever is not the operator: the error itself names paths.
pub const UNWRITABLE: &str = "cannot be written; the server's log says why";

/// What the last look at the store found.
#[derive(Debug)]
pub struct Checked {
    /// When, in milliseconds since the epoch.
    at: Option<i64>,
    /// Changes the store had refused by then.
    failures: u64,
    result: Result<(), String>,
}

impl Default for Checked {
    fn default() -> Self {
        Self { at: None, failures: 0, result: Ok(()) }
    }
}

/// The process answers.
#[must_use]
pub fn healthz() -> Answer {
    text(StatusCode::OK, "ok\n")
}

/// 200 while the server takes new work and its store can be written, else 503; the body says which is missing.
pub async fn readyz(state: &State) -> Answer {
    let (phase, store) = (state.phases.now(), store(state).await);
    let ready = is_ready(phase, &store);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let store = if store.is_ok() { "ok" } else { UNWRITABLE };
    page(status, &json!({ "ready": ready, "phase": phase.as_str(), "store": store }))
}

fn is_ready(phase: Phase, store: &Result<(), String>) -> bool {
    phase == Phase::Serving && store.is_ok()
}

/// Whether the store can be written. Asked at most once a second, whoever asks.
async fn store(state: &State) -> Result<(), String> {
    let now = state.now().millis();
    let mut last = state.store_checked.lock().await;
    if last.at.is_none_or(|at| (now - at).abs() >= 1000) {
        let mut result = state.store.check().await.map_err(|e| e.to_string());
        // On a disk that is nearly full small changes go through and others do not.
        let failures = state.store.stats().failures;
        if result.is_ok() && failures > last.failures {
            result = Err("changes were refused since the last look; the log says why".to_owned());
        }
        if let Err(error) = &result {
            tracing::error!(error, "the store cannot be written");
            state.metrics.count("adit_store_failures_total", "kind", "check");
        }
        *last = Checked { at: Some(now), failures, result };
    }
    last.result.clone()
}

/// The page for Prometheus.
pub async fn metrics(state: &State) -> Answer {
    count_tunnels(state).await;
    state.metrics.store(state.store.stats());
    with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", state.metrics.render())
}

/// Open tunnels are counted when somebody looks; the last count stays if the store does not answer.
async fn count_tunnels(state: &State) {
    if let Ok(open) = state.store.tunnels_open(state.now()).await {
        state.metrics.tunnels_open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}

/// How the server is.
#[derive(Debug)]
pub struct Health {
    /// Serving, draining or ending.
    pub phase: Phase,
    /// Whether it takes new work.
    pub ready: bool,
    /// Whether its store can be written; if not, why, in words for the operator.
    pub store: Result<(), String>,
    /// What the store has done.
    pub stats: Stats,
    /// Seconds since the start.
    pub uptime_seconds: i64,
    /// Connections on all listeners.
    pub connections: i64,
    /// Connected MQTT clients.
    pub mqtt_clients: i64,
    /// Open tunnels.
    pub tunnels_open: i64,
    /// Source sides that are connected.
    pub sources: i64,
    /// Destination sides that are connected.
    pub destinations: i64,
}

impl Health {
    /// How the server is now.
    pub async fn of(state: &State) -> Self {
        count_tunnels(state).await;
        let (phase, store, metrics) = (state.phases.now(), store(state).await, &state.metrics);
        Self {
            phase,
            ready: is_ready(phase, &store),
            store,
            stats: state.store.stats(),
            uptime_seconds: (state.now().millis() - state.started_at.millis()) / 1000,
            connections: metrics.connections.get(),
            mqtt_clients: metrics.mqtt.connected.get(),
            tunnels_open: metrics.tunnels_open.get(),
            sources: metrics.sources.get(),
            destinations: metrics.destinations.get(),
        }
    }
}

/// Everything `adit status` shows.
pub async fn status(state: &State) -> Value {
    let health = Health::of(state).await;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "node": state.config.node.name,
        "region": state.config.region,
        "account": state.config.account,
        "phase": health.phase.as_str(),
        "started-at": state.started_at,
        "listeners": state.listeners,
        "uptime-seconds": health.uptime_seconds,
        "connections": health.connections,
        "tunnels": {
            "open": health.tunnels_open,
            "sources-connected": health.sources,
            "destinations-connected": health.destinations,
        },
        "store": {
            "ok": health.store.is_ok(),
            "error": health.store.err(),
            "transactions": health.stats.transactions,
            "commits": health.stats.commits,
            "failures": health.stats.failures,
        },
        "refusals": state.refusals.recent(),
    })
}

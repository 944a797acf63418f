//! Is it alive, can it serve, what is it doing: for load balancers and for `adit status`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::net::http::{Answer, json as page, text, with_type};
use crate::shutdown::Phase;
use crate::state::State;

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
    let phase = state.phases.now();
    let store = store(state).await;
    let ready = phase == Phase::Serving && store.is_ok();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Without paths: anybody may ask.
    let store = if store.is_ok() { "ok" } else { "cannot be written; the server's log says why" };
    page(status, &json!({ "ready": ready, "phase": phase.as_str(), "store": store }))
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

/// Everything `adit status` shows.
pub async fn status(state: &State) -> Value {
    count_tunnels(state).await;
    let metrics = &state.metrics;
    let stats = state.store.stats();
    let store = store(state).await;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "node": state.config.node.name,
        "region": state.config.region,
        "account": state.config.account,
        "phase": state.phases.now().as_str(),
        "started-at": state.started_at,
        "listeners": state.listeners,
        "uptime-seconds": (state.now().millis() - state.started_at.millis()) / 1000,
        "connections": metrics.connections.get(),
        "tunnels": {
            "open": metrics.tunnels_open.get(),
            "sources-connected": metrics.sources.get(),
            "destinations-connected": metrics.destinations.get(),
        },
        "store": {
            "ok": store.is_ok(),
            "error": store.err(),
            "transactions": stats.transactions,
            "commits": stats.commits,
            "failures": stats.failures,
        },
        "refusals": state.refusals.recent(),
    })
}

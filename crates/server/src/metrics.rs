//! Counters and levels, and the page that Prometheus reads.
//!
//! Handles are made once and kept here; nothing registers itself globally, so several servers can live in one
//! process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level as MetricLevel, Metadata, Recorder as _,
    SharedString, Unit,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// A number that goes up and down and can be read back.
#[derive(Clone)]
pub struct Level {
    gauge: Gauge,
    value: Arc<AtomicI64>,
}

impl Default for Level {
    fn default() -> Self {
        Self { gauge: Gauge::noop(), value: Arc::default() }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({})", self.get())
    }
}

impl Level {
    /// One more.
    pub fn up(&self) {
        self.value.fetch_add(1, Ordering::Relaxed);
        self.gauge.increment(1.0);
    }

    /// One less.
    pub fn down(&self) {
        self.value.fetch_sub(1, Ordering::Relaxed);
        self.gauge.decrement(1.0);
    }

    /// As many as that.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        self.gauge.set(value as f64);
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// Counters and levels of the device gateway.
#[derive(Debug, Clone)]
pub struct Mqtt {
    /// MQTT connections whose CONNECT was accepted.
    pub connected: Level,
    /// Messages taken from clients.
    pub received: Counter,
    /// Messages handed to clients.
    pub delivered: Counter,
    /// Messages not kept because a client is too slow, or its queue is full.
    pub dropped_full: Counter,
    /// Messages of shared subscriptions that no member could take.
    pub dropped_shared: Counter,
    /// Deliveries that a policy denied.
    pub dropped_denied: Counter,
    /// Messages that expired before they were delivered.
    pub dropped_expired: Counter,
    /// Publishes to reserved topics of features that this server does not have.
    pub dropped_unserved: Counter,
    /// Retained messages refused because there are too many.
    pub retained_refused: Counter,
}

/// All metrics of one server.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Connections held now, on all listeners.
    pub connections: Level,
    /// Tunnels that are open.
    pub tunnels_open: Level,
    /// Source sides connected now.
    pub sources: Level,
    /// Destination sides connected now.
    pub destinations: Level,
    /// Payload bytes relayed towards destinations.
    pub bytes_to_destination: Counter,
    /// Payload bytes relayed towards sources.
    pub bytes_to_source: Counter,
    /// Times a paced direction had to wait.
    pub pacing_waits: Counter,
    /// Connections of the same side replaced by a newer one.
    pub replacements: Counter,
    /// The device gateway.
    pub mqtt: Mqtt,
    /// Events of things that found no room.
    pub timeline_lost_full: Counter,
    /// Events of things that could not be stored.
    pub timeline_lost_store: Counter,
    store_transactions: Counter,
    store_commits: Counter,
    store_refused: Counter,
}

/// Upper bounds of the histogram of request times.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

const METADATA: Metadata<'static> = Metadata::new("adit", MetricLevel::INFO, None);

/// Name, unit, help of every metric.
const NAMES: &[(&str, Option<Unit>, Shape, &str)] = &[
    ("adit_build_info", None, Shape::Gauge, "Always 1; the version is a label."),
    ("adit_connections", None, Shape::Gauge, "Connections held now, on all listeners."),
    (
        "adit_connections_refused_total",
        None,
        Shape::Counter,
        "Connections closed at once because a limit was reached, by limit.",
    ),
    ("adit_handshakes_total", None, Shape::Counter, "TLS handshakes by result."),
    (
        "adit_gate_refusals_total",
        None,
        Shape::Counter,
        "Clients whose certificate is not registered, not active or not valid, by reason.",
    ),
    ("adit_requests_total", None, Shape::Counter, "API requests by service, operation and result code."),
    (
        "adit_request_seconds",
        Some(Unit::Seconds),
        Shape::Histogram,
        "Time from request head to answer, by operation.",
    ),
    ("adit_tunnels_open", None, Shape::Gauge, "Tunnels that are open."),
    ("adit_tunnel_sides", None, Shape::Gauge, "Sides connected now, by side."),
    ("adit_tunnel_connects_total", None, Shape::Counter, "Tunnel upgrades accepted, by side."),
    ("adit_tunnel_refusals_total", None, Shape::Counter, "Tunnel upgrades refused, by reason."),
    ("adit_tunnel_disconnects_total", None, Shape::Counter, "Tunnel connections ended, by reason."),
    (
        "adit_tunnel_replacements_total",
        None,
        Shape::Counter,
        "Tunnel connections replaced by a newer one of the same side.",
    ),
    (
        "adit_tunnel_relay_bytes_total",
        Some(Unit::Bytes),
        Shape::Counter,
        "Bytes relayed, by the side they went to.",
    ),
    ("adit_tunnel_pacing_waits_total", None, Shape::Counter, "Times a paced direction had to wait."),
    ("adit_mqtt_connections", None, Shape::Gauge, "MQTT connections whose CONNECT was accepted."),
    (
        "adit_mqtt_messages_total",
        None,
        Shape::Counter,
        "Messages taken from and handed to MQTT clients, by direction.",
    ),
    ("adit_mqtt_dropped_total", None, Shape::Counter, "MQTT messages that were not delivered, by reason."),
    (
        "adit_mqtt_disconnects_total",
        None,
        Shape::Counter,
        "MQTT connections ended, by reason of the lifecycle event.",
    ),
    ("adit_mqtt_connects_total", None, Shape::Counter, "MQTT CONNECT packets answered, by result."),
    ("adit_provisioned_total", None, Shape::Counter, "Templates applied to devices, by result."),
    ("adit_store_transactions_total", None, Shape::Counter, "Changes that were stored."),
    ("adit_store_commits_total", None, Shape::Counter, "Commits to disk that carried them."),
    (
        "adit_store_refused_total",
        None,
        Shape::Counter,
        "Changes refused because the disk or the database failed.",
    ),
    ("adit_store_failures_total", None, Shape::Counter, "Store operations that failed, by kind."),
    (
        "adit_audit_lost_total",
        None,
        Shape::Counter,
        "Audit rows that could not be stored; they are in the log.",
    ),
    (
        "adit_timeline_lost_total",
        None,
        Shape::Counter,
        "Events that are not in the timelines of their things, by reason: too many at once, or the store failed.",
    ),
];

enum Shape {
    Counter,
    Gauge,
    Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh metrics, all zero.
    #[must_use]
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(SECONDS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        for (name, unit, shape, help) in NAMES {
            let (name, help) = (KeyName::from(*name), SharedString::from(*help));
            match shape {
                Shape::Counter => recorder.describe_counter(name, *unit, help),
                Shape::Gauge => recorder.describe_gauge(name, *unit, help),
                Shape::Histogram => recorder.describe_histogram(name, *unit, help),
            }
        }
        let counter = |name: &'static str, labels: &[(&'static str, &'static str)]| {
            recorder.register_counter(&key(name, labels), &METADATA)
        };
        let level = |name: &'static str, labels: &[(&'static str, &'static str)]| {
            let gauge = recorder.register_gauge(&key(name, labels), &METADATA);
            gauge.set(0.0);
            Level { gauge, value: Arc::default() }
        };
        level("adit_build_info", &[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        Self {
            handle: recorder.handle(),
            connections: level("adit_connections", &[]),
            tunnels_open: level("adit_tunnels_open", &[]),
            sources: level("adit_tunnel_sides", &[("side", "source")]),
            destinations: level("adit_tunnel_sides", &[("side", "destination")]),
            bytes_to_destination: counter("adit_tunnel_relay_bytes_total", &[("to", "destination")]),
            bytes_to_source: counter("adit_tunnel_relay_bytes_total", &[("to", "source")]),
            pacing_waits: counter("adit_tunnel_pacing_waits_total", &[]),
            replacements: counter("adit_tunnel_replacements_total", &[]),
            mqtt: Mqtt {
                connected: level("adit_mqtt_connections", &[]),
                received: counter("adit_mqtt_messages_total", &[("direction", "in")]),
                delivered: counter("adit_mqtt_messages_total", &[("direction", "out")]),
                dropped_full: counter("adit_mqtt_dropped_total", &[("reason", "full")]),
                dropped_shared: counter("adit_mqtt_dropped_total", &[("reason", "no-member")]),
                dropped_denied: counter("adit_mqtt_dropped_total", &[("reason", "denied")]),
                dropped_expired: counter("adit_mqtt_dropped_total", &[("reason", "expired")]),
                dropped_unserved: counter("adit_mqtt_dropped_total", &[("reason", "unserved")]),
                retained_refused: counter("adit_mqtt_dropped_total", &[("reason", "retained-full")]),
            },
            timeline_lost_full: counter("adit_timeline_lost_total", &[("reason", "full")]),
            timeline_lost_store: counter("adit_timeline_lost_total", &[("reason", "store")]),
            store_transactions: counter("adit_store_transactions_total", &[]),
            store_commits: counter("adit_store_commits_total", &[]),
            store_refused: counter("adit_store_refused_total", &[]),
            recorder,
        }
    }

    /// Counts one, in a metric of one label. The value must come from a closed set, never from a peer.
    pub fn count(&self, name: &'static str, label: &'static str, value: &'static str) {
        self.recorder.register_counter(&key(name, &[(label, value)]), &METADATA).increment(1);
    }

    /// Counts an answered API request. `operation` and `code` come from the tables, not from the peer.
    pub fn request(&self, service: &'static str, operation: &'static str, code: &str, took: Duration) {
        let labels = vec![
            Label::from_static_parts("service", service),
            Label::from_static_parts("operation", operation),
            Label::new("code", code.to_owned()),
        ];
        let requests = Key::from_parts("adit_requests_total", labels);
        self.recorder.register_counter(&requests, &METADATA).increment(1);
        self.histogram("adit_request_seconds", "operation", operation).record(took.as_secs_f64());
    }

    fn histogram(&self, name: &'static str, label: &'static str, value: &'static str) -> Histogram {
        self.recorder.register_histogram(&key(name, &[(label, value)]), &METADATA)
    }

    /// Takes over what the store has counted since it was opened.
    pub fn store(&self, stats: adit_store::Stats) {
        self.store_transactions.absolute(stats.transactions);
        self.store_commits.absolute(stats.commits);
        self.store_refused.absolute(stats.failures);
    }

    /// The page for Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    Key::from_parts(name, labels.iter().map(|(k, v)| Label::from_static_parts(k, v)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_was_counted() {
        let metrics = Metrics::new();
        metrics.connections.up();
        metrics.count("adit_tunnel_refusals_total", "reason", "used");
        metrics.request("iotsecuretunneling", "OpenTunnel", "OK", Duration::from_millis(3));
        let page = metrics.render();
        for line in [
            "adit_connections 1",
            "adit_tunnel_refusals_total{reason=\"used\"} 1",
            "adit_requests_total{service=\"iotsecuretunneling\",operation=\"OpenTunnel\",code=\"OK\"} 1",
            "adit_build_info{version=",
            "adit_tunnel_sides{side=\"source\"} 0",
            "# HELP adit_tunnel_refusals_total ",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }
}

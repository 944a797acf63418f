//! What is noted when a side of a tunnel comes and goes: store, metrics, audit.

use std::net::SocketAddr;
use std::sync::Weak;

use adit_iot::arn;
use adit_iot::tunnel;
use adit_store::AuditEntry;
use adit_tunnel::Side;

use crate::audit;
use crate::metrics::Level;
use crate::state::State;
use crate::tunnel::{Left, Member, Watch};

/// Watches the relays for a server. It holds the server weakly, as the server holds the relays.
pub struct Sides(pub Weak<State>);

impl Watch for Sides {
    fn joined(&self, member: &Member, replaced: bool) {
        let Some(state) = self.0.upgrade() else { return };
        level(&state, member.side).up();
        state.metrics.count("adit_tunnel_connects_total", "side", member.side.as_str());
        if replaced {
            state.metrics.replacements.increment(1);
            let entry = entry(&state, member, "TunnelReplace", "ok", String::new());
            let tasks = state.tasks.clone();
            tasks.spawn(async move { state.audit(entry).await });
        }
    }

    fn left(&self, member: &Member, left: &Left) {
        let Some(state) = self.0.upgrade() else { return };
        level(&state, member.side).down();
        state.metrics.count("adit_tunnel_disconnects_total", "reason", left.end.word());
        let detail = format!(" end=\"{}\" received={} sent={}", left.end, left.received, left.sent);
        let entry = entry(&state, member, "TunnelDisconnect", left.end.word(), detail);
        let (member, tasks) = (member.clone(), state.tasks.clone());
        tasks.spawn(async move {
            leave(&state, &member).await;
            state.audit(entry).await;
        });
    }

    fn relayed(&self, to: Side, bytes: u64) {
        let Some(state) = self.0.upgrade() else { return };
        match to {
            Side::Source => state.metrics.bytes_to_source.increment(bytes),
            Side::Destination => state.metrics.bytes_to_destination.increment(bytes),
        }
    }

    fn paced(&self, _to: Side) {
        if let Some(state) = self.0.upgrade() {
            state.metrics.pacing_waits.increment(1);
        }
    }
}

/// Stores that a side is no longer connected, unless a newer connection took its place.
pub async fn leave(state: &State, member: &Member) {
    let (scope, id) = &*member.tunnel;
    if let Err(error) = state.store.side_left(scope, id, stored(member.side), member.link, state.now()).await
    {
        state.metrics.count("adit_store_failures_total", "kind", "side-left");
        tracing::error!(%error, tunnel = %id, side = %member.side, "the end of a connection could not be stored");
    }
}

fn entry(state: &State, member: &Member, action: &str, result: &str, detail: String) -> AuditEntry {
    let (scope, id) = &*member.tunnel;
    let mut entry = audit::scoped(audit::entry(action, result, state.now()), scope);
    entry.resource = Some(arn::tunnel(scope, id));
    entry.detail = Some(format!("side={} channel={}{detail}", member.side, member.channel_id));
    entry
}

fn level(state: &State, side: Side) -> &Level {
    match side {
        Side::Source => &state.metrics.sources,
        Side::Destination => &state.metrics.destinations,
    }
}

/// Audits that a side was let in.
pub async fn came(state: &State, member: &Member, peer: SocketAddr, client: &str) {
    let entry = entry(state, member, "TunnelConnect", "ok", format!(" client={client:?}"));
    state.audit(audit::from_peer(entry, peer)).await;
}

/// The side as the store knows it.
#[must_use]
pub fn stored(side: Side) -> tunnel::Side {
    match side {
        Side::Source => tunnel::Side::Source,
        Side::Destination => tunnel::Side::Destination,
    }
}

/// The side as the protocol knows it.
#[must_use]
pub fn spoken(side: tunnel::Side) -> Side {
    match side {
        tunnel::Side::Source => Side::Source,
        tunnel::Side::Destination => Side::Destination,
    }
}

//! What time does by itself: tunnels end and are forgotten, audit rows, events of things and versions of deleted
//! shadows age, certificates come due.

use std::sync::Arc;
use std::time::Duration;

use adit_iot::{Timestamp, arn};

use crate::audit;
use crate::mqtt::Cut;
use crate::shutdown::Phase;
use crate::state::State;

/// The longest rest between two looks, so that a changed clock is noticed.
const LONGEST: Duration = Duration::from_secs(30);
/// The shortest, so that a store that fails is not asked all the time.
const SHORTEST: Duration = Duration::from_millis(200);
/// Milliseconds between two looks at old rows: each is a write, and they are old.
const TRIM_EVERY: i64 = 3_600_000;
/// Rows handled in one transaction.
const BATCH: usize = 500;

/// Looks until the server ends.
pub async fn run(state: Arc<State>) {
    let mut trimmed = i64::MIN;
    loop {
        let now = state.now().millis();
        if now.saturating_sub(trimmed) >= TRIM_EVERY {
            trimmed = now;
            trim(&state).await;
            trim_timelines(&state).await;
            forget_shadows(&state).await;
        }
        if let Err(error) = once(&state).await {
            state.metrics.count("adit_store_failures_total", "kind", "sweep");
            tracing::error!(%error, "expired tunnels could not be closed; trying again");
        }
        let rest = rest(&state).await;
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = state.phases.reached(Phase::Ending) => return,
        }
    }
}

/// Closes what is over, forgets what is past retention, ends claims and what nobody finished.
///
/// # Errors
/// The store's own; what was done stays done.
pub async fn once(state: &State) -> Result<(), adit_store::Error> {
    loop {
        let over = state.store.tunnels_expire(state.now(), BATCH).await?;
        for (scope, id) in &over {
            state.relays.close(id);
            let mut entry = audit::scoped(audit::entry("ExpireTunnel", "ok", state.now()), scope);
            entry.resource = Some(arn::tunnel(scope, id));
            state.audit(entry).await;
        }
        if over.len() < BATCH {
            break;
        }
    }
    while state.store.tunnels_purge(state.horizon(), BATCH).await? >= BATCH as u64 {}
    fleet(state).await
}

/// Ends claims that are over, and takes away certificates whose devices did not finish in time.
async fn fleet(state: &State) -> Result<(), adit_store::Error> {
    loop {
        let over = state.store.claims_expire(state.now(), BATCH).await?;
        for claim in &over {
            state.access.certificate_changed(&claim.scope, &claim.id);
            state.gateway.cut_certificate(&claim.scope, claim.id.as_str(), Cut::Certificate);
        }
        if over.len() < BATCH {
            break;
        }
    }
    loop {
        let (count, gone) = state.store.ownership_tokens_expire(state.now(), BATCH).await?;
        for (scope, id) in &gone {
            let mut entry = audit::scoped(audit::entry("ExpireCertificate", "ok", state.now()), scope);
            entry.resource = Some(arn::certificate(scope, id));
            state.audit(entry).await;
        }
        if count < BATCH {
            return Ok(());
        }
    }
}

/// Takes away audit rows past their retention.
async fn trim(state: &State) {
    let kept = i64::try_from(state.config.audit.retention.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp::from_millis(state.now().millis().saturating_sub(kept));
    loop {
        match state.store.audit_trim(before, BATCH).await {
            Ok(gone) if gone >= BATCH as u64 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "old audit rows could not be taken away; trying again in an hour");
                return;
            }
        }
    }
}

/// Takes away events of things past their retention.
async fn trim_timelines(state: &State) {
    loop {
        match state.store.thing_events_trim(state.timeline_since(), BATCH).await {
            Ok(gone) if gone >= BATCH as u64 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "old events of things could not be taken away; trying again in an hour");
                return;
            }
        }
    }
}

/// Takes away versions of shadows that were deleted long ago.
async fn forget_shadows(state: &State) {
    loop {
        match state.store.shadows_forget(state.now(), BATCH).await {
            Ok(gone) if gone >= BATCH as u64 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "versions of deleted shadows could not be taken away; trying again in an hour");
                return;
            }
        }
    }
}

/// Until the next tunnel, claim or unfinished certificate ends.
async fn rest(state: &State) -> Duration {
    let ends = [state.store.tunnel_deadline().await, state.store.fleet_deadline().await];
    match ends.into_iter().filter_map(|end| end.ok().flatten()).min() {
        Some(next) => {
            let wait = next.millis().saturating_sub(state.now().millis());
            Duration::from_millis(u64::try_from(wait).unwrap_or(0)).clamp(SHORTEST, LONGEST)
        }
        None => LONGEST,
    }
}

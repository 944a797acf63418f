//! Who did what to which resource, with what result. Never a token, a key or a payload.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use adit_iot::{Scope, Timestamp};
use adit_store::AuditEntry;

use crate::state::State;

/// Rows a second that peers nobody knows may add; more are only logged, so that strangers cannot fill the disk.
const STRANGERS_PER_SECOND: u32 = 10;

/// Limits what strangers make the server write.
#[derive(Debug, Default)]
pub struct Budget(Mutex<(i64, u32)>);

impl Budget {
    /// Whether a stranger's row may be stored now.
    pub fn spend(&self, now: Timestamp) -> bool {
        let second = now.millis().div_euclid(1000);
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0 != second {
            *spent = (second, 0);
        }
        spent.1 += 1;
        spent.1 <= STRANGERS_PER_SECOND
    }
}

/// A row about something that happened at `now`, to be filled in.
#[must_use]
pub fn entry(action: impl Into<String>, result: impl Into<String>, now: Timestamp) -> AuditEntry {
    AuditEntry {
        at: now,
        account: None,
        region: None,
        principal: None,
        action: action.into(),
        resource: None,
        result: result.into(),
        request_id: None,
        peer: None,
        detail: None,
    }
}

/// The row with account and region.
#[must_use]
pub fn scoped(entry: AuditEntry, scope: &Scope) -> AuditEntry {
    AuditEntry { account: Some(scope.account().to_owned()), region: Some(scope.region().to_owned()), ..entry }
}

/// The row with the peer's address.
#[must_use]
pub fn from_peer(entry: AuditEntry, peer: SocketAddr) -> AuditEntry {
    AuditEntry { peer: Some(peer.ip().to_canonical().to_string()), ..entry }
}

impl State {
    /// Writes a row to the log (target `audit`) and to the store; waits until it is stored. A row that cannot be
    /// stored is counted, and is still in the log.
    pub async fn audit(&self, entry: AuditEntry) {
        tracing::info!(
            target: "audit",
            action = entry.action,
            result = entry.result,
            account = entry.account,
            region = entry.region,
            principal = entry.principal,
            resource = entry.resource,
            request = entry.request_id,
            peer = entry.peer,
            detail = entry.detail,
        );
        if let Err(error) = self.store.audit_append(entry).await {
            self.metrics.count("adit_audit_lost_total", "reason", "store");
            tracing::error!(%error, "an audit row could not be stored; it is in the log above");
        }
    }

    /// As [`State::audit`], for a peer nobody knows: stored only while there is budget.
    pub async fn audit_stranger(&self, entry: AuditEntry) {
        if self.strangers.spend(entry.at) {
            self.audit(entry).await;
        } else {
            self.metrics.count("adit_audit_lost_total", "reason", "strangers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_have_a_budget_per_second() {
        let budget = Budget::default();
        let at = |ms| (0..100).filter(|_| budget.spend(Timestamp::from_millis(ms))).count();
        assert_eq!(at(1000), 10);
        assert_eq!(at(1999), 0);
        assert_eq!(at(2000), 10);
    }
}

//! Who did what to which resource, for the console and for scripts; one of our own operations.

use adit_iot::page::Listing;
use adit_iot::{Error, Timestamp};
use adit_store::{AuditRecord, WantedAudit};
use serde::{Deserialize, Serialize};

use super::refusal::address;
use crate::state::Call;

/// Events on a page when the caller does not say.
const PAGE: usize = 50;

/// Input of ListAuditEvents. What is given must fit; nothing given means all of the account and region.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListAuditEvents {
    /// Only on this resource: an ARN or another name, as the log has it.
    pub resource: Option<String>,
    /// Only by this caller: an ARN.
    pub principal: Option<String>,
    /// Only of this name, such as `OpenTunnel`.
    pub action: Option<String>,
    /// Only what was refused or did not work, or only the rest. How a connection to a tunnel ended is no failure.
    pub failed: Option<bool>,
    /// Only from this address.
    pub ip_address: Option<String>,
    /// Events on a page.
    pub max_results: Option<u16>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Output of ListAuditEvents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAuditEventsOutput {
    events: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    sequence: i64,
    at: Timestamp,
    action: String,
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<AuditRecord> for Shown {
    fn from(record: AuditRecord) -> Self {
        let entry = record.entry;
        Self {
            sequence: record.seq,
            at: entry.at,
            action: entry.action,
            result: entry.result,
            principal: entry.principal,
            resource: entry.resource,
            request_id: entry.request_id,
            ip_address: entry.peer,
            detail: entry.detail,
        }
    }
}

/// Lists what the audit log says, the newest first. Lines of no account, such as those of strangers and of the server's
/// start, belong to the account and region that the server is configured for. A page ends after
/// [`adit_store::AUDIT_SCAN`] lines were looked at, so it may hold fewer than asked for, or none, with more to come.
///
/// # Errors
/// `Invalid` for what is no address, or a page token of another listing.
pub async fn list_audit_events(
    cx: &Call<'_>,
    input: ListAuditEvents,
) -> Result<ListAuditEventsOutput, Error> {
    let failed = input.failed.map(|failed| failed.to_string());
    let filters = [
        input.resource.as_deref(),
        input.principal.as_deref(),
        input.action.as_deref(),
        failed.as_deref(),
        input.ip_address.as_deref(),
    ];
    let listing = Listing { operation: "ListAuditEvents", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let peer = input.ip_address.as_deref().map(address).transpose()?;
    let wanted = WantedAudit {
        scope: Some(cx.scope.clone()),
        strangers: cx.is_at_home(),
        resource: input.resource.clone(),
        principal: input.principal.clone(),
        action: input.action.clone(),
        failed: input.failed,
        peer: peer.map(|peer| peer.to_canonical().to_string()),
    };
    let limit = input.max_results.map_or(PAGE, usize::from);
    let page = cx.state.store.audit_page(wanted, after, limit).await?;
    Ok(ListAuditEventsOutput {
        events: page.items.into_iter().map(Shown::from).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

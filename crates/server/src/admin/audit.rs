//! The audit log, for `adit audit`.

use adit_store::{AuditRecord, WantedAudit};
use http::StatusCode;
use serde_json::{Value, json};

use super::query::Query;
use super::refused;
use crate::net::http::{Answer, json as page};
use crate::state::State;

/// Rows on a page.
const PAGE: usize = 100;

/// Rows that fit, the newest first, 100 at a time unless `limit` says less; `after=N` goes on behind row N. A page may
/// hold fewer, or none, and still say what is next.
pub async fn list(state: &State, query: Option<&str>) -> Answer {
    let asked = || {
        let mut query = Query::parse(query);
        let wanted = WantedAudit {
            resource: query.text("resource"),
            principal: query.text("principal"),
            action: query.text("action"),
            failed: query.value("failed", "true or false")?,
            ..WantedAudit::default()
        };
        let after = query.value("after", "a number")?;
        let limit = query.value::<u16>("limit", "a number up to 65535")?;
        query.end()?;
        Ok((wanted, after, limit))
    };
    let (wanted, after, limit) = match asked() {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let limit = limit.map_or(PAGE, usize::from).clamp(1, PAGE);
    match state.store.audit_page(wanted, after, limit).await {
        Ok(found) => {
            let rows: Vec<_> = found.items.into_iter().map(row).collect();
            page(StatusCode::OK, &json!({ "rows": rows, "next": found.next }))
        }
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

fn row(record: AuditRecord) -> Value {
    let entry = record.entry;
    json!({
        "seq": record.seq, "at": entry.at, "account": entry.account, "region": entry.region,
        "principal": entry.principal, "action": entry.action, "resource": entry.resource, "result": entry.result,
        "request-id": entry.request_id, "peer": entry.peer, "detail": entry.detail,
    })
}

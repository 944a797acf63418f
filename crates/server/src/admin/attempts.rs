//! What came of provisioning devices, on the admin socket: list the tries, and try again.

use adit_iot::CertificateId;
use adit_store::{ProvisioningAttempt, WantedAttempts};
use http::StatusCode;
use serde_json::{Value, json};

use super::clients::scope;
use super::query::Query;
use super::refused;
use crate::audit;
use crate::net::http::{Answer, json as page};
use crate::provision::first_connect;
use crate::state::State;

/// Tries on a page when nobody says.
const PAGE: usize = 100;

/// The last try of each certificate, the newest first: `certificate`, `ca`, `failed`, `after`, `limit`.
pub async fn list(state: &State, query: Option<&str>) -> Answer {
    let asked = || {
        let mut query = Query::parse(query);
        let scope = scope(state, &mut query)?;
        let wanted = WantedAttempts {
            certificate: id(&mut query, "certificate")?,
            ca: id(&mut query, "ca")?,
            failed: query.value("failed", "true or false")?,
        };
        let after = query.value("after", "a number")?;
        let limit = query.value::<u16>("limit", "a number up to 65535")?.map_or(PAGE, usize::from);
        query.end()?;
        Ok((scope, wanted, after, limit))
    };
    let (scope, wanted, after, limit) = match asked() {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    match state.store.provisioning_attempts_page(&scope, wanted, after, limit).await {
        Ok(found) => {
            let rows: Vec<Value> = found.items.into_iter().map(row).collect();
            page(StatusCode::OK, &json!({ "rows": rows, "next": found.next }))
        }
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// Tries again: `certificate`.
pub async fn retry(state: &State, query: Option<&str>) -> Answer {
    let asked = || {
        let mut query = Query::parse(query);
        let scope = scope(state, &mut query)?;
        let id = id(&mut query, "certificate")?.ok_or("certificate must be given")?;
        query.end()?;
        Ok((scope, id))
    };
    let (scope, id) = match asked() {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let result = first_connect::retry(state, &scope, &id).await;
    let code = if result.is_ok() { "ok" } else { "failed" };
    let mut entry = audit::scoped(audit::entry("RetryProvisioning", code, state.now()), &scope);
    entry.principal = Some("operator".to_owned());
    entry.resource = Some(adit_iot::arn::certificate(&scope, &id));
    state.audit(entry).await;
    match result {
        Ok(()) => page(StatusCode::OK, &json!({ "provisioned": true })),
        Err(error) => refused(StatusCode::CONFLICT, error.message),
    }
}

fn id(query: &mut Query, name: &str) -> Result<Option<CertificateId>, String> {
    let text = query.text(name);
    text.map(|text| CertificateId::parse(&text).map_err(|error| error.message)).transpose()
}

fn row(attempt: ProvisioningAttempt) -> Value {
    let (step, reason) = attempt.failure.map(|failure| (failure.step, failure.reason)).unzip();
    json!({
        "at": attempt.at, "first-at": attempt.first_at, "tries": attempt.tries,
        "certificate": attempt.certificate.as_str(), "ca": attempt.ca.as_str(), "template": attempt.template,
        "thing": attempt.thing, "step": step, "reason": reason,
    })
}

//! MQTT clients on the admin socket: list them, show one, cut one off.

use adit_iot::Scope;
use http::StatusCode;
use serde_json::{Value, json};

use super::query::Query;
use crate::audit;
use crate::clients::{self, Wanted};
use crate::net::http::{Answer, json as page};
use crate::state::State;

/// Clients on a page when nobody says.
const PAGE: usize = 100;

/// Clients by client id: `certificate`, `all=true` (sessions of clients that are away, too), `after`, `limit`.
pub fn list(state: &State, query: Option<&str>) -> Answer {
    answered(|| {
        let mut query = Query::parse(query);
        let scope = scope(state, &mut query)?;
        let wanted = Wanted {
            client_id: None,
            certificate: query.text("certificate").map(|id| id.to_ascii_lowercase()),
            away: query.value("all", "true or false")?.unwrap_or(false),
        };
        let after = query.text("after").unwrap_or_default();
        let limit = query.value::<u16>("limit", "a number up to 65535")?.map_or(PAGE, usize::from);
        query.end()?;
        let (rows, next) = clients::page(&state.gateway, &scope, &wanted, &after, limit);
        Ok(json!({ "rows": rows, "next": next }))
    })
}

/// One client with its subscriptions.
pub fn show(state: &State, query: Option<&str>) -> Answer {
    answered(|| {
        let (scope, client_id) = which(state, query)?;
        let found = state.gateway.connection(&scope, &client_id).ok_or_else(|| nobody(&scope, &client_id))?;
        let subscriptions = state.gateway.subscriptions(&scope, &client_id).unwrap_or_default();
        let filters = subscriptions.iter().map(|(filter, qos)| json!({ "filter": filter, "qos": qos }));
        let filters: Vec<Value> = filters.collect();
        let mut shown = serde_json::to_value(found).map_err(|error| error.to_string())?;
        if let Some(members) = shown.as_object_mut() {
            members.insert("subscriptions".to_owned(), filters.into());
        }
        Ok(shown)
    })
}

/// Cuts a client off; its session stays.
pub async fn cut(state: &State, query: Option<&str>) -> Answer {
    let which = which(state, query);
    let answer = answered(|| {
        let (scope, client_id) = which.clone()?;
        let cut = state.gateway.disconnect(&scope, &client_id, false, false);
        if cut { Ok(json!({ "cut": true })) } else { Err(nobody(&scope, &client_id)) }
    });
    if let (StatusCode::OK, Ok((scope, client_id))) = (answer.status(), &which) {
        let mut entry = audit::scoped(audit::entry("CutClient", "ok", state.now()), scope);
        entry.principal = Some("operator".to_owned());
        entry.resource = Some(adit_iot::policy::client(scope, client_id));
        state.audit(entry).await;
    }
    answer
}

fn which(state: &State, query: Option<&str>) -> Result<(Scope, String), String> {
    let mut query = Query::parse(query);
    let scope = scope(state, &mut query)?;
    let client_id = query.text("client-id").ok_or("client-id must be given")?;
    query.end()?;
    Ok((scope, client_id))
}

/// The account and region given, else those of the configuration.
pub(super) fn scope(state: &State, query: &mut Query) -> Result<Scope, String> {
    let account = query.text("account").unwrap_or_else(|| state.config.account.clone());
    let region = query.text("region").unwrap_or_else(|| state.config.region.clone());
    Scope::new(&account, &region).map_err(|error| error.to_string())
}

fn nobody(scope: &Scope, client_id: &str) -> String {
    format!("no client {client_id:?} is connected in {scope}")
}

fn answered(work: impl FnOnce() -> Result<Value, String>) -> Answer {
    match work() {
        Ok(value) => page(StatusCode::OK, &value),
        Err(error) => page(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

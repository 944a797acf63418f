//! A sign-in link to the web console, on the admin socket.

use http::StatusCode;
use serde_json::json;

use crate::audit;
use crate::console::LIFE;
use crate::net::http::{Answer, json as page};
use crate::state::State;

/// Makes a one-time code for the operator.
pub async fn link(state: &State) -> Answer {
    let code = state.codes.make(&state.ids, state.now());
    let mut entry = audit::entry("MakeConsoleLink", "ok", state.now());
    entry.principal = Some("operator".to_owned());
    state.audit(entry).await;
    page(StatusCode::OK, &json!({ "code": code, "seconds": LIFE.as_secs() }))
}

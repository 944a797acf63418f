//! The web console: its built files, and the exchange of a one-time code for credentials of a session.
//!
//! The pages are a client of the public API like any other; see docs/console.md.

mod codes;
mod files;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use crate::api::session;
use crate::audit;
use crate::identity::Caller;
use crate::net::http::{Answer, Visit, json as page, looked_at, text, with_type};
use crate::state::State;

pub use codes::{Codes, LIFE};

/// How long credentials of a sign-in link last, in seconds: as long as a session of AWS's console.
pub const SESSION: i64 = 12 * 60 * 60;
/// Sign-ins a second from one address.
const SIGN_INS: u32 = 5;
/// Where the pages learn what this server is.
const ABOUT: &str = "/console/about";
/// The CA that signed the server's certificate.
const CA: &str = "/console/ca.pem";
/// Where a code is exchanged.
const SIGN_IN: &str = "/console/sign-in";

/// Whether a request is for the console. `POST /` is the API's.
pub(crate) fn is_ours(method: &Method, path: &str) -> bool {
    match path {
        "/" | "/index.html" => matches!(*method, Method::GET | Method::HEAD),
        _ => path.starts_with("/console/") || files::find(path).is_some(),
    }
}

/// Answers a request for which [`is_ours`] holds.
pub(crate) async fn answer(visit: Visit, request: Request<Incoming>) -> Answer {
    let answer = match request.uri().path() {
        SIGN_IN => return guarded(sign_in(visit, request).await),
        ABOUT => looked_at(request.method(), about(&visit.state)),
        CA => looked_at(request.method(), ca(&visit.state)),
        path => looked_at(request.method(), files::page(path, request.headers())),
    };
    guarded(answer)
}

/// What the pages need before anybody signs in; nothing of it is secret.
fn about(state: &State) -> Answer {
    let about = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "region": state.config.region,
        "ownCa": state.config.tls.certificate_file.is_none(),
    });
    fresh(page(StatusCode::OK, &about))
}

fn ca(state: &State) -> Answer {
    let read = || std::fs::read(state.config.node.data_dir.join("pki/ca.pem"));
    match state.config.tls.certificate_file {
        None => match read() {
            Ok(pem) => fresh(with_type(StatusCode::OK, "application/x-pem-file", pem)),
            Err(error) => {
                tracing::error!(%error, "pki/ca.pem cannot be read");
                text(StatusCode::INTERNAL_SERVER_ERROR, "The server cannot read its CA; its log says why.\n")
            }
        },
        Some(_) => text(
            StatusCode::NOT_FOUND,
            "The operator brought this server's certificate; ask the operator for its CA, or trust the system's.\n",
        ),
    }
}

/// Body of a sign-in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

/// Exchanges a code, once, for credentials of the account's root.
async fn sign_in(visit: Visit, request: Request<Incoming>) -> Answer {
    if *request.method() != Method::POST {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Sign in with POST and {\"code\": \"...\"}.\n");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let state = std::sync::Arc::clone(&visit.state);
    let (now, peer) = (state.now(), visit.peer);
    if !state.codes.rates.allow(&peer.ip().to_canonical().to_string(), SIGN_INS, now) {
        return refused(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many sign-ins a second from this address; try again.",
        );
    }
    let body = match visit.body(request.into_body()).await {
        Ok(body) => body,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.message),
    };
    let Ok(Code { code }) = serde_json::from_slice(&body) else {
        return refused(StatusCode::BAD_REQUEST, "The body must be the JSON object {\"code\": \"...\"}.");
    };
    let entry = |result: &str| audit::from_peer(audit::entry("ConsoleSignIn", result, now), peer);
    if !state.codes.take(&code, now) {
        state.audit_stranger(entry("denied")).await;
        return refused(
            StatusCode::FORBIDDEN,
            "This sign-in link was used already or is older than 5 minutes. Make a new one with `adit console`.",
        );
    }
    let account = state.config.account.clone();
    match session::issue(&state, &account, Caller::Root, SESSION) {
        Ok(credentials) => {
            let mut entry = entry("ok");
            (entry.account, entry.region) = (Some(account.clone()), Some(state.config.region.clone()));
            entry.principal = Some("root".to_owned());
            state.audit(entry).await;
            let answer =
                json!({ "credentials": credentials, "account": account, "region": state.config.region });
            fresh(page(StatusCode::OK, &answer))
        }
        Err(error) => {
            tracing::error!(message = error.message, "a sign-in link could not be honoured");
            refused(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server cannot make credentials; its log says why.",
            )
        }
    }
}

fn refused(status: StatusCode, message: &str) -> Answer {
    fresh(page(status, &json!({ "message": message })))
}

/// Nobody may keep this answer.
fn fresh(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The headers that keep foreign script, frames and hosts out; script never runs inline. Style does, for the terminal:
/// xterm.js writes three `<style>` elements, one of them through the page's own document whatever its options say, and
/// `style` attributes for colours, none with a nonce. Nothing that style could fetch is reachable: images and fonts come
/// from here.
fn guarded(mut answer: Answer) -> Answer {
    const HEADERS: [(&str, &str); 6] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_keeps_its_paths() {
        assert!(is_ours(&Method::GET, "/") && is_ours(&Method::HEAD, "/"));
        assert!(is_ours(&Method::POST, "/console/sign-in"));
        for (method, path) in [
            (Method::POST, "/"),
            (Method::GET, "/things"),
            (Method::GET, "/policies/console"),
            (Method::GET, "/adit/refusals"),
            (Method::GET, "/consoles"),
        ] {
            assert!(!is_ours(&method, path), "{method} {path}");
        }
    }
}

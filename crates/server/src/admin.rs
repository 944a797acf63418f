//! The two listeners for the operator: metrics over TCP, and a Unix socket in the data folder for `adit status`.
//!
//! Whoever may open the socket is the operator: its mode is 0600.

mod attempts;
mod audit;
mod clients;
mod console;
mod query;

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::Scope;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use crate::health;
use crate::net::http::{Answer, json as page, text};
use crate::shutdown::Phase;
use crate::state::State;
use crate::trouble::StartError;
use crate::why::{Noted, Wanted};
use crate::{Control, files};

use query::Query;

/// Connections to each of the two at once; more wait.
const CONNECTIONS: usize = 16;
/// What is served on the socket.
const PATHS: &str = "GET /status, GET /audit?resource=R&principal=P&action=A&failed=B&after=N&limit=N, \
    GET /refusals?thing=T&certificate=ID&client-id=C&address=A&after=N&limit=N, \
    GET /clients?certificate=ID&all=B&after=C&limit=N, GET /clients/show?client-id=C, POST /clients/cut?client-id=C, \
    GET /provisioning?certificate=ID&ca=ID&failed=B&after=N&limit=N, POST /provisioning/retry?certificate=ID, \
    POST /console, POST /reload, POST /drain\n";
/// Time for a request head, and between requests.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the admin socket; one that a crash left behind is replaced. The data folder's lock is held already.
///
/// # Errors
/// The folder cannot be written, or its path is too long for a socket (about 100 bytes).
pub fn bind(path: &Path) -> Result<UnixListener, StartError> {
    let failed = |e: &std::io::Error| StartError::file("open the admin socket", path, e);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| failed(&e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(files::PRIVATE))
        .map_err(|e| failed(&e))?;
    Ok(listener)
}

/// Serves the admin socket until the server ends.
pub async fn serve(control: Arc<Control>, listener: UnixListener) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = control.state.phases.reached(Phase::Ending) => return,
        };
        let Ok((socket, _)) = accepted else { continue };
        let control = Arc::clone(&control);
        tokio::spawn(async move {
            let _turn = turn;
            connection(socket, |request| answer(Arc::clone(&control), request)).await;
        });
    }
}

async fn answer(control: Arc<Control>, request: Request<Incoming>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path());
    match (method, path) {
        (Method::GET, "/status") => page(StatusCode::OK, &health::status(&control.state).await),
        (Method::GET, "/audit") => audit::list(&control.state, request.uri().query()).await,
        (Method::GET, "/refusals") => refusals(&control.state, request.uri().query()),
        (Method::GET, "/clients") => clients::list(&control.state, request.uri().query()),
        (Method::GET, "/clients/show") => clients::show(&control.state, request.uri().query()),
        (Method::POST, "/clients/cut") => clients::cut(&control.state, request.uri().query()).await,
        (Method::GET, "/provisioning") => attempts::list(&control.state, request.uri().query()).await,
        (Method::POST, "/provisioning/retry") => attempts::retry(&control.state, request.uri().query()).await,
        (Method::POST, "/console") => console::link(&control.state).await,
        (Method::POST, "/reload") => match control.reload() {
            Ok(()) => page(StatusCode::OK, &json!({ "reloaded": true })),
            Err(error) => {
                page(StatusCode::CONFLICT, &json!({ "reloaded": false, "error": error.to_string() }))
            }
        },
        (Method::POST, "/drain") => {
            let started = control.state.phases.enter(Phase::Draining);
            page(StatusCode::ACCEPTED, &json!({ "draining": true, "started": started }))
        }
        _ => text(StatusCode::NOT_FOUND, PATHS),
    }
}

/// Refusals that fit what is given: the newest first, or with `after=N` those noted after number N, the oldest first.
fn refusals(state: &State, query: Option<&str>) -> Answer {
    let asked = |query: &mut Query| {
        let wanted = Wanted {
            scope: None,
            strangers: false,
            thing: query.text("thing"),
            certificate: query.text("certificate").map(|id| id.to_ascii_lowercase()),
            client_id: query.text("client-id"),
            address: query.value("address", "an IPv4 or IPv6 address")?,
        };
        Ok((wanted, query.value::<u64>("after", "a number")?, query.value::<u16>("limit", "a number")?))
    };
    let mut query = Query::parse(query);
    let (wanted, after, limit) = match asked(&mut query).and_then(|asked| query.end().map(|()| asked)) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let (limit, last) = (limit.map_or(50, usize::from), state.why.last());
    let found = match after {
        Some(after) => state.why.after(&wanted, after, limit),
        None => state.why.before(&wanted, None, limit),
    };
    let rows: Vec<_> = found.into_iter().map(row_of_refusal).collect();
    page(StatusCode::OK, &json!({ "rows": rows, "last": last }))
}

fn refused(status: StatusCode, error: String) -> Answer {
    page(status, &json!({ "error": error }))
}

fn row_of_refusal(noted: Noted) -> Value {
    let refusal = noted.refusal;
    json!({
        "seq": noted.seq, "at": noted.at, "first-at": noted.first_at, "count": noted.count,
        "stage": refusal.stage, "text": refusal.text(), "why": refusal.why,
        "account": refusal.scope.as_ref().map(Scope::account), "region": refusal.scope.as_ref().map(Scope::region),
        "certificate": refusal.certificate, "principal": refusal.principal, "thing": refusal.thing,
        "client-id": refusal.client_id, "address": refusal.address,
        "action": refusal.action, "resource": refusal.resource,
    })
}

/// Serves `/metrics` until the server ends.
pub async fn serve_metrics(state: Arc<State>, listener: TcpListener) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = state.phases.reached(Phase::Ending) => return,
        };
        let Ok((socket, _)) = accepted else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let _turn = turn;
            connection(socket, |request| metrics(Arc::clone(&state), request)).await;
        });
    }
}

async fn metrics(state: Arc<State>, request: Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => health::metrics(&state).await,
        _ => text(StatusCode::NOT_FOUND, "GET /metrics\n"),
    }
}

async fn connection<F, A>(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Answer>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 * 1024);
    if let Err(error) = server.serve_connection(TokioIo::new(socket), service).await {
        tracing::debug!(%error, "an operator's connection ended");
    }
}

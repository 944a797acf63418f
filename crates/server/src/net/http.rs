//! HTTP on an accepted connection: health, tunnel upgrades, and everything else to the AWS front.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::{Error, Kind};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::listen::{Context, Guest};
use super::seats::Seat;
use super::stream::Stream;
use super::{mqtt_ws, upgrade, ws};
use crate::api::{self, Arrived};
use crate::config::Serve;
use crate::console;
use crate::health;
use crate::mqtt::{Identity, Peer};
use crate::shutdown::Phase;
use crate::state::State;

/// An answer on the wire.
pub type Answer = Response<Full<Bytes>>;

/// Time a request that is under way has to finish once the server ends.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves one connection until it ends, or until it becomes a tunnel's.
pub async fn serve(state: Arc<State>, context: Arc<Context>, stream: Stream, guest: Arc<Guest>, seat: Seat) {
    let peer = guest.address;
    let seat = Arc::new(seat);
    let limits = &state.config.limits;
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes.as_usize().max(8192));
    let service = service_fn(|request| {
        let visit = Visit {
            state: Arc::clone(&state),
            context: Arc::clone(&context),
            guest: Arc::clone(&guest),
            peer,
            seat: Arc::clone(&seat),
        };
        async move { Ok::<_, Infallible>(Box::pin(visit.answer(request)).await) }
    });
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = state.phases.reached(Phase::Ending) => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_ANSWERS, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "an HTTP connection ended");
    }
}

/// One request and what it came with.
pub(crate) struct Visit {
    pub(crate) state: Arc<State>,
    pub(super) context: Arc<Context>,
    pub(super) guest: Arc<Guest>,
    pub(crate) peer: SocketAddr,
    pub(super) seat: Arc<Seat>,
}

impl Visit {
    async fn answer(self, request: Request<Incoming>) -> Answer {
        let serves = |what| self.context.serve.contains(&what);
        let device = match &self.guest.certificate {
            // Asked again with every request: the connection may outlive the certificate.
            Some(certificate) => match self.guest.judged(&self.state, certificate).await {
                Ok(identity) => Some(identity),
                Err(_) => return close(reply(api::turned_away(&self.state.ids.uuid()))),
            },
            None => None,
        };
        match request.uri().path() {
            "/healthz" => looked_at(request.method(), health::healthz()),
            "/readyz" => looked_at(request.method(), health::readyz(&self.state).await),
            mqtt_ws::PATH if serves(Serve::MqttWs) => mqtt_ws::open(self, request).await,
            path if serves(Serve::Tunnel) && (path == ws::PATH || upgrade::is_upgrade(&request)) => {
                ws::join(self, request).await
            }
            path if serves(Serve::Console) && console::is_ours(request.method(), path) => {
                console::answer(self, request).await
            }
            _ if serves(Serve::Api) || serves(Serve::DataApi) => self.api(request, device).await,
            _ => text(StatusCode::NOT_FOUND, nothing_else(&self.context.serve)),
        }
    }

    async fn api(self, request: Request<Incoming>, device: Option<Identity>) -> Answer {
        let request_id = self.state.ids.uuid();
        let (head, body) = request.into_parts();
        let body = match self.body(body).await {
            Ok(body) => body,
            Err(error) => return close(reply(api::unread(&head, &error, &request_id))),
        };
        let limit = self.state.config.limits.request_timeout;
        // On a task of its own, so that a client that leaves does not stop a change half-way.
        let tasks = self.state.tasks.clone();
        let work = tasks.spawn(async move {
            let arrived = Arrived {
                head: &head,
                body: &body,
                peer: self.peer,
                request_id: &request_id,
                device: device.map(|identity| self.peer(&head, identity)),
                data_only: !self.context.serve.contains(&Serve::Api),
                secure: self.context.tls,
            };
            reply(api::answer(&self.state, arrived).await)
        });
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(%error, "a request ended without an answer");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The server failed on this request; its log says why.\n",
                )
            }
            Err(_) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is too busy to answer in time; try again.\n",
            ),
        }
    }

    /// The other end of this connection, as a device.
    fn peer(&self, head: &Parts, identity: Identity) -> Peer {
        let agent = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Peer {
            address: self.guest.address,
            local: self.guest.local,
            sni: self.guest.sni.clone(),
            user_agent: agent.map(str::to_owned),
            identity,
            newcomer: None,
        }
    }

    /// The whole body, within the limits of the configuration.
    pub(crate) async fn body(&self, body: Incoming) -> Result<Bytes, Error> {
        let limits = &self.state.config.limits;
        let limit = limits.body_bytes.as_usize();
        let collected = tokio::time::timeout(limits.request_timeout, Limited::new(body, limit).collect());
        match collected.await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::new(
                Kind::TooLarge,
                format!("The request body is larger than the {limit} bytes allowed."),
            )),
            Ok(Err(error)) => Err(Error::invalid(format!("The request body did not arrive whole: {error}."))),
            Err(_) => Err(Error::invalid(format!(
                "The request body did not arrive within {} seconds.",
                limits.request_timeout.as_secs()
            ))),
        }
    }
}

/// What a listener without an API serves.
fn nothing_else(serve: &[Serve]) -> String {
    let mut known = Vec::new();
    if serve.contains(&Serve::Tunnel) {
        known.push("tunnel data: GET /tunnel?local-proxy-mode=source or =destination");
    }
    if serve.contains(&Serve::MqttWs) {
        known.push("MQTT over WebSocket: GET /mqtt");
    }
    match &*known {
        [] => "Nothing is served here over HTTP.\n".to_owned(),
        known => format!("Nothing is served here but {}.\n", known.join("; ")),
    }
}

/// A page that may only be looked at.
pub fn looked_at(method: &Method, page: Answer) -> Answer {
    match *method {
        Method::GET | Method::HEAD => page,
        _ => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here.\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
    }
}

/// A short text for people.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body)
}

/// A JSON object.
pub fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    with_type(status, "application/json", format!("{value}\n"))
}

/// Any body.
pub fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer after which the connection is of no use.
fn close(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// An answer of the AWS front.
pub(super) fn reply(reply: adit_aws::Reply) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(reply.body)));
    *answer.status_mut() = reply.status;
    *answer.headers_mut() = reply.headers;
    answer
}

//! MQTT over WebSocket: who signed the upgrade, and the way from there to the broker. spec: mqtt-gateway §1.1

use std::sync::Arc;

use adit_aws::{About, GATEWAY, Protocol, Refusal, Service, Signature};
use adit_iot::{Error, Scope};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::carrier::Carrier;
use super::http::{Answer, Visit, reply, text};
use super::upgrade::{accept_key, switching, taken};
use super::websocket::WebSocket;
use crate::faults;
use crate::mqtt::{self, Identity, Peer};
use crate::shutdown::Phase;
use crate::state::State;
use crate::why::{self, Stage};

/// The path of MQTT over WebSocket.
pub const PATH: &str = "/mqtt";
/// The subprotocol. spec: mqtt5 §6.0
const SUBPROTOCOL: &str = "mqtt";
/// How long a signed connection may live, in milliseconds. spec: mqtt-gateway §9
pub const LIFE: i64 = 24 * 60 * 60 * 1000;
/// As much of a client's name as is kept.
const AGENT: usize = 128;

/// What a refused upgrade is answered with.
struct Refused {
    answer: Box<Answer>,
    why: String,
}

impl Refused {
    fn new(answer: Answer, why: impl ToString) -> Self {
        Self { answer: Box::new(answer), why: why.to_string() }
    }

    fn plain(status: StatusCode, why: &str) -> Self {
        Self::new(text(status, format!("{why}\n")), why)
    }

    fn signature(why: &Refusal, request_id: &str) -> Self {
        Self::new(reply(faults::refused(why, ABOUT, request_id).1), why)
    }

    fn error(error: &Error, request_id: &str) -> Self {
        Self::new(reply(faults::failed(error, ABOUT, request_id).1), &error.message)
    }
}

const ABOUT: About = About { protocol: Protocol::RestJson, service: Some(Service::IotData), operation: None };

/// Answers an upgrade; on 101 the connection goes to the broker.
pub(super) async fn open(visit: Visit, mut request: Request<Incoming>) -> Answer {
    let upgraded = hyper::upgrade::on(&mut request);
    let (head, _) = request.into_parts();
    let judged = match accept(&head) {
        Ok(accept) => signed(&visit.state, &head).await.map(|identity| (accept, identity)),
        Err(refused) => Err(refused),
    };
    match judged {
        Ok((accept, identity)) => {
            let tasks = visit.state.tasks.clone();
            let peer = peer_of(&visit, &head, identity);
            tasks.spawn(hand_over(visit, peer, upgraded));
            switching(accept, HeaderValue::from_static(SUBPROTOCOL))
        }
        Err(Refused { mut answer, why }) => {
            let refusal = why::Refusal::new(Stage::Handshake, format!("MQTT over WebSocket: {why}"));
            visit.state.why.note(visit.state.now(), refusal.from(visit.guest.address.ip()));
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            *answer
        }
    }
}

/// The part that needs no key: the WebSocket and its subprotocol.
fn accept(head: &Parts) -> Result<HeaderValue, Refused> {
    let bad = |why: &str| Refused::plain(StatusCode::BAD_REQUEST, why);
    let accept = accept_key(&head.method, &head.headers).map_err(bad)?;
    let mut offers = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = |value: &HeaderValue| {
        value.to_str().is_ok_and(|list| list.split(',').any(|name| name.trim() == SUBPROTOCOL))
    };
    if offers.any(offered) {
        Ok(accept)
    } else {
        Err(bad("No acceptable subprotocol: offer mqtt in Sec-WebSocket-Protocol."))
    }
}

/// Verifies the signature, in the query or in a header.
async fn signed(state: &State, head: &Parts) -> Result<Identity, Refused> {
    if state.phases.now() != Phase::Serving {
        let why = "The server is shutting down; try again later.";
        return Err(Refused::plain(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    let request_id = state.ids.uuid();
    let refused = |why: Refusal| Refused::signature(&why, &request_id);
    let failed = |error: Error| Refused::error(&error, &request_id);
    let now = state.now();
    let request = adit_aws::Request::new(head, b"");
    let signature = Signature::parse(&request).map_err(refused)?;
    if ![GATEWAY, Service::IotData.signing_name()].contains(&signature.service()) {
        return Err(refused(Refusal::WrongService(GATEWAY.to_owned())));
    }
    let key = state.keys.find(&state.store, signature.key_id(), signature.session_token(), now).await;
    let key = key.map_err(failed)?;
    let seconds = now.millis().div_euclid(1000);
    let verify = |headers: &HeaderMap| {
        signature.verify(&adit_aws::Request { headers, ..request }, key.secret.expose(), seconds)
    };
    match (verify(&head.headers), without_port(&head.headers)) {
        // Signers of device SDKs know the host only, their WebSocket libraries add the port.
        (Err(Refusal::SignatureMismatch), Some(headers)) => verify(&headers),
        (result, _) => result,
    }
    .map_err(refused)?;
    let scope = Scope::new(&key.account, signature.region()).map_err(failed)?;
    let principal = Box::new(key.principal(signature.region(), signature.key_id()));
    let expires = now.plus_millis(LIFE);
    let expires = key.temporary.map_or(expires, |temporary| temporary.expires_at.min(expires));
    Ok(Identity::Signed { principal, scope, expires })
}

/// The headers with a `Host` that names no port; `None` if it names none anyway.
fn without_port(headers: &HeaderMap) -> Option<HeaderMap> {
    let host = host_of(headers.get(header::HOST)?)?;
    let value = HeaderValue::from_str(host).ok().filter(|value| Some(value) != headers.get(header::HOST))?;
    let mut headers = headers.clone();
    headers.insert(header::HOST, value);
    Some(headers)
}

fn host_of(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(host),
        _ => Some(text),
    }
}

/// The other end, as the broker knows it.
fn peer_of(visit: &Visit, head: &Parts, identity: Identity) -> Peer {
    let host = head.headers.get(header::HOST).and_then(host_of).map(str::to_ascii_lowercase);
    let agent = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Peer {
        address: visit.guest.address,
        local: visit.guest.local,
        sni: visit.guest.sni.clone().or(host),
        user_agent: agent.map(|agent| agent.chars().take(AGENT).collect()),
        identity,
        newcomer: None,
    }
}

async fn hand_over(visit: Visit, peer: Peer, upgraded: OnUpgrade) {
    match taken(upgraded).await {
        Ok((stream, early)) => {
            let socket = Box::new(WebSocket::new(stream, early));
            let Visit { state, seat, .. } = visit;
            let tasks = state.tasks.clone();
            tasks.spawn(mqtt::serve(Arc::clone(&state), Carrier::WebSocket(socket), peer, seat));
        }
        Err(lost) => {
            tracing::debug!(peer = %visit.guest.address, lost, "an accepted upgrade did not become a connection");
        }
    }
}

//! The upgrade to a tunnel: who may join which side, and what the others are told.
//!
//! spec: secure-tunneling §2.3, §2.5, §4.2

mod request;

use std::sync::Arc;
use std::time::Duration;

use adit_store::{Claimed, Link, TokenRecord, TokenState};
use adit_tunnel::Side;
use adit_tunnel::token::{self, ClientToken, Known};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::http::{Answer, Visit, text};
use super::upgrade;
use crate::audit;
use crate::refusals::Refusal;
use crate::shutdown::Phase;
use crate::sides;
use crate::state::State;
use crate::tunnel::{Join, Member};

pub use request::PATH;
use request::Wish;

/// Why an upgrade is refused: status, a fixed word for metrics and the operator, and the text for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    status: StatusCode,
    reason: &'static str,
    text: String,
}

impl Refused {
    fn bad(reason: &'static str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason, text: text.into() }
    }

    fn unavailable(reason: &'static str, text: &str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, reason, text: text.to_owned() }
    }

    fn token(refusal: token::Refusal) -> Self {
        let reason = match refusal {
            token::Refusal::Used => "used",
            token::Refusal::Mismatch => "client-token-mismatch",
            token::Refusal::Invalid => "invalid-token",
        };
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
        Self { status, reason, text: refusal.text().to_owned() }
    }
}

/// Answers a tunnel upgrade; on 101 the connection goes to the relays.
pub(super) async fn join(visit: Visit, mut request: Request<Incoming>) -> Answer {
    let channel = visit.state.ids.channel();
    let upgraded = hyper::upgrade::on(&mut request);
    let mut known = None;
    let limit = visit.state.config.limits.upgrade_bytes.as_usize();
    let result = match Wish::read(&request, limit) {
        Ok(wish) => admit(&visit.state, &wish, &mut known)
            .await
            .map(|link| (wish, link))
            .map_err(|r| (Some(r.0), r.1)),
        Err(refused) => Err((None, refused)),
    };
    let mut answer = match result {
        Ok((wish, link)) => accept(visit, wish, link, &channel, upgraded),
        Err((side, refused)) => refuse(&visit, side, known, refused, &channel),
    };
    if let Ok(value) = HeaderValue::from_str(&channel) {
        answer.headers_mut().insert("channel-id", value);
    }
    answer
}

/// Judges the token and claims it in the store.
async fn admit(state: &State, wish: &Wish, known: &mut Option<TokenRecord>) -> Result<Link, (Side, Refused)> {
    admitted(state, wish, known).await.map_err(|refused| (wish.side, refused))
}

async fn admitted(state: &State, wish: &Wish, known: &mut Option<TokenRecord>) -> Result<Link, Refused> {
    if state.phases.now() != Phase::Serving {
        return Err(Refused::unavailable("draining", "The server is shutting down; try again later."));
    }
    let now = state.now();
    let failed = |error: adit_store::Error| {
        tracing::error!(%error, "a tunnel upgrade could not be judged");
        state.metrics.count("adit_store_failures_total", "kind", "upgrade");
        Refused::unavailable("store", "The server cannot check tokens now; try again later.")
    };
    // A second round tells the loser of a race what became of the token.
    for _ in 0..2 {
        *known = state.store.token_find(wish.token, now).await.map_err(failed)?;
        let judged = known.as_ref().map(as_known);
        let claim = token::judge(judged.as_ref(), wish.side, wish.client_token).map_err(Refused::token)?;
        if let Some(record) = known.as_ref()
            && !state.rates.allow(record.scope.account(), state.config.tunnel.connection_rate, now)
        {
            return Err(Refused::unavailable("connection-rate", "Too many connections a second; try again."));
        }
        match state.store.token_claim(wish.token, stored(claim, wish), now).await.map_err(failed)? {
            Claimed::Yes(link) => return Ok(link),
            Claimed::ClientTokenTaken => return Err(Refused::token(token::Refusal::Mismatch)),
            Claimed::Lost => {}
        }
    }
    Err(Refused::token(token::Refusal::Used))
}

fn as_known(record: &TokenRecord) -> Known {
    Known {
        side: sides::spoken(record.side),
        // The store finds tokens of open tunnels only.
        live: true,
        state: match record.state {
            TokenState::Fresh => token::State::Fresh,
            TokenState::Consumed => token::State::Consumed,
            TokenState::Bound { client_token, automatic } => {
                token::State::Bound(ClientToken { hash: client_token, automatic })
            }
        },
    }
}

fn stored(claim: token::Claim, wish: &Wish) -> adit_store::Claim {
    match (claim, wish.client_token) {
        (token::Claim::Bind(ClientToken { hash, automatic }), _) => {
            adit_store::Claim::Bind { client_token: hash, automatic }
        }
        (token::Claim::Reuse, Some(ClientToken { hash, .. })) => {
            adit_store::Claim::Reuse { client_token: hash }
        }
        (token::Claim::Consume | token::Claim::Reuse, _) => adit_store::Claim::Consume,
    }
}

fn accept(visit: Visit, wish: Wish, link: Link, channel: &str, upgraded: OnUpgrade) -> Answer {
    let answer = upgrade::switching(wish.accept.clone(), wish.subprotocol.clone());
    tracing::debug!(
        tunnel = %link.tunnel,
        side = %wish.side,
        version = ?wish.version,
        agent = wish.agent,
        channel,
        peer = %visit.peer,
        "a side joins its tunnel"
    );
    let channel = channel.to_owned();
    let tasks = visit.state.tasks.clone();
    tasks.spawn(async move { hand_over(visit, wish, link, channel, upgraded).await });
    answer
}

/// Gives the connection to the relays, or takes the claim's mark back if it is lost.
async fn hand_over(visit: Visit, wish: Wish, link: Link, channel: String, upgraded: OnUpgrade) {
    let state = visit.state;
    let member = Member {
        tunnel: Arc::new((link.scope.clone(), link.tunnel.clone())),
        side: wish.side,
        link: link.link,
        channel_id: channel.clone().into(),
    };
    let lost = match upgrade::taken(upgraded).await {
        Ok((stream, leftover)) => {
            let pace = if wish.is_own() { state.config.tunnel.pace_own } else { state.config.tunnel.pace };
            let left = link.ends_at.millis().saturating_sub(state.now().millis());
            let join = Join {
                scope: link.scope,
                tunnel_id: link.tunnel,
                services: link.services,
                expires_in: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
                side: wish.side,
                version: wish.version,
                stream,
                leftover,
                nagle: !wish.is_own(),
                rate: u32::try_from(pace.0).unwrap_or(u32::MAX),
                link: link.link,
                channel_id: channel,
                held: Box::new(visit.seat),
            };
            state.relays.join(join).err().map(|busy| busy.to_string())
        }
        Err(lost) => Some(lost),
    };
    match lost {
        None => sides::came(&state, &member, visit.peer, &wish.agent).await,
        Some(lost) => {
            tracing::debug!(channel = %member.channel_id, lost, "an accepted connection did not reach its tunnel");
            sides::leave(&state, &member).await;
        }
    }
}

fn refuse(
    visit: &Visit,
    side: Option<Side>,
    known: Option<TokenRecord>,
    refused: Refused,
    channel: &str,
) -> Answer {
    let state = &visit.state;
    let tunnel = known.as_ref().map(|record| record.tunnel.to_string());
    state.metrics.count("adit_tunnel_refusals_total", "reason", refused.reason);
    tracing::debug!(
        reason = refused.reason,
        text = refused.text,
        tunnel,
        side = side.map(Side::as_str),
        channel,
        peer = %visit.peer,
        "refused a tunnel upgrade"
    );
    let first = state.refusals.note(Refusal {
        at: state.now(),
        count: 1,
        reason: refused.reason,
        tunnel,
        side: side.map(Side::as_str),
        peer: visit.peer.ip().to_canonical(),
    });
    // Clients come back for ever; only the first of a run makes a row.
    if first {
        let mut entry =
            audit::from_peer(audit::entry("TunnelConnect", refused.reason, state.now()), visit.peer);
        entry.detail = Some(format!("side={} channel={channel}", side.map_or("?", Side::as_str)));
        if let Some(record) = &known {
            entry = audit::scoped(entry, &record.scope);
            entry.resource = Some(adit_iot::arn::tunnel(&record.scope, &record.tunnel));
        }
        let (state, tasks) = (Arc::clone(state), state.tasks.clone());
        tasks.spawn(async move { state.audit_stranger(entry).await });
    }
    let mut answer = text(refused.status, refused.text);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if refused.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
    }
    answer
}

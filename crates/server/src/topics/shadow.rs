//! Device shadows: the same work for a message on a shadow's topic and for a call of the API.

use adit_iot::shadow::{Operation, Refusal, Request, ShadowTopic, Update};
use adit_iot::{Scope, Timestamp};
use bytes::Bytes;

use crate::state::State;

/// What a request came to that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The body of the API's answer.
    pub answer: Vec<u8>,
    /// What is published: topic and payload, `…/accepted` first.
    pub messages: Vec<(String, Vec<u8>)>,
}

/// Answers a message on a request topic: what is to be published, topic and payload, in order.
pub async fn handle(
    state: &State,
    scope: &Scope,
    topic: ShadowTopic,
    payload: Bytes,
) -> Vec<(String, Vec<u8>)> {
    let now = state.now();
    let refusal = match run(state, scope, &topic, &payload, now).await {
        Ok(Ok(done)) => return done.messages,
        Ok(Err(refusal)) => refusal,
        Err(error) => {
            tracing::error!(%error, %scope, shadow = topic.identifier(), "a shadow could not be read or kept");
            Refusal::internal().with_token(Request::parse(&payload).ok().and_then(|it| it.client_token))
        }
    };
    vec![(topic.reply("rejected"), refusal.payload(now))]
}

/// Does what the topic says with the shadow it names.
///
/// # Errors
/// The store's own; a refusal is an answer.
pub async fn run(
    state: &State,
    scope: &Scope,
    topic: &ShadowTopic,
    payload: &[u8],
    now: Timestamp,
) -> Result<Result<Done, Refusal>, adit_store::Error> {
    match topic.operation {
        Operation::Update => update(state, scope, topic, payload, now).await,
        Operation::Get | Operation::Delete => {
            let token = match Request::parse(payload) {
                Ok(request) => request.client_token,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let token = token.as_deref();
            let (thing, name) = (&topic.thing, topic.name.as_ref());
            let answer = if topic.operation == Operation::Get {
                state.store.shadow_get(scope, thing, name).await?.shown(token, now)
            } else {
                state.store.shadow_delete(scope, thing, name, now).await?.map(|kept| kept.deleted(token, now))
            };
            let missing = || Refusal::not_found(topic).with_token(token.map(str::to_owned));
            Ok(answer
                .ok_or_else(missing)
                .map(|answer| Done { messages: vec![(topic.reply("accepted"), answer.clone())], answer }))
        }
    }
}

async fn update(
    state: &State,
    scope: &Scope,
    topic: &ShadowTopic,
    payload: &[u8],
    now: Timestamp,
) -> Result<Result<Done, Refusal>, adit_store::Error> {
    let update = match Update::parse(payload) {
        Ok(update) => update,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let limit = state.config.shadow.state_bytes.as_usize();
    let (thing, name) = (&topic.thing, topic.name.as_ref());
    let updated = match state.store.shadow_update(scope, thing, name, update, limit, now).await? {
        Ok(updated) => updated,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut messages = vec![(topic.reply("accepted"), updated.accepted.clone())];
    messages.extend(updated.delta.map(|delta| (topic.reply("delta"), delta)));
    messages.push((topic.reply("documents"), updated.documents));
    Ok(Ok(Done { answer: updated.accepted, messages }))
}

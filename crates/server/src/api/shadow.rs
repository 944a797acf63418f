//! Device shadows over HTTP (spec: control-plane §10, mqtt-gateway §10).

use adit_iot::page::Listing;
use adit_iot::shadow::{Operation, ShadowName, ShadowTopic, seconds};
use adit_iot::{Error, ThingName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::state::Call;
use crate::topics;

/// Names on a page when the caller does not say (spec: control-plane §6).
const PAGE: usize = 25;

/// Input of GetThingShadow and DeleteThingShadow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhichShadow {
    /// Whose shadow.
    pub thing_name: String,
    /// Its name; the classic one has none.
    pub shadow_name: Option<String>,
}

impl WhichShadow {
    fn topic(&self, operation: Operation) -> Result<ShadowTopic, Error> {
        Ok(ShadowTopic {
            thing: ThingName::parse(&self.thing_name)?,
            name: self.shadow_name.as_deref().map(ShadowName::parse).transpose()?,
            operation,
        })
    }
}

/// Shows a shadow. The thing need not be in the registry.
///
/// # Errors
/// `NotFound`.
pub async fn get_thing_shadow(cx: &Call<'_>, input: WhichShadow) -> Result<Vec<u8>, Error> {
    let topic = input.topic(Operation::Get)?;
    Ok(topics::shadow::run(cx.state, cx.scope, &topic, &[], cx.now).await??.answer)
}

/// Deletes a shadow, and says so on its topic; its version is remembered for 48 hours.
///
/// # Errors
/// `NotFound`.
pub async fn delete_thing_shadow(cx: &Call<'_>, input: WhichShadow) -> Result<Vec<u8>, Error> {
    changed(cx, input.topic(Operation::Delete)?, &[]).await
}

/// Input of UpdateThingShadow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingShadow {
    /// Which shadow.
    #[serde(flatten)]
    pub which: WhichShadow,
    /// The state document, in base64.
    pub payload: String,
}

/// Merges a state over a shadow and says on its topics what came of it. The thing need not be in the registry.
///
/// # Errors
/// `Invalid` for a document that AWS would refuse, `Encoding` if it is not UTF-8, `VersionConflict`, `TooLarge`.
pub async fn update_thing_shadow(cx: &Call<'_>, input: UpdateThingShadow) -> Result<Vec<u8>, Error> {
    let payload = STANDARD.decode(&input.payload);
    let payload = payload.map_err(|e| Error::internal(format!("a payload that passed the table: {e}")))?;
    changed(cx, input.which.topic(Operation::Update)?, &payload).await
}

/// Does it and publishes what a device would be told. The change is kept by then: what cannot be published is logged.
async fn changed(cx: &Call<'_>, topic: ShadowTopic, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let done = topics::shadow::run(cx.state, cx.scope, &topic, payload, cx.now).await??;
    let said = done.messages.into_iter().map(async |(topic, payload)| {
        if let Err(error) = cx.state.gateway.say(cx.scope, &topic, payload).await {
            tracing::error!(%error, scope = %cx.scope, topic, "a shadow's message could not be published");
        }
    });
    join_all(said).await;
    Ok(done.answer)
}

/// Input of ListNamedShadowsForThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListNamedShadowsForThing {
    /// Whose shadows.
    pub thing_name: String,
    /// Where to go on.
    pub next_token: Option<String>,
    /// Names on a page, 1 to 100.
    pub page_size: Option<u32>,
}

/// Output of ListNamedShadowsForThing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListNamedShadowsForThingOutput {
    /// The page, in order of creation.
    pub results: Vec<String>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Now, in seconds since the epoch.
    pub timestamp: i64,
}

/// Lists the named shadows of a thing; none of a thing that has none.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_named_shadows_for_thing(
    cx: &Call<'_>,
    input: ListNamedShadowsForThing,
) -> Result<ListNamedShadowsForThingOutput, Error> {
    let thing = ThingName::parse(&input.thing_name)?;
    let filters = [Some(thing.as_str())];
    let listing = Listing { operation: "ListNamedShadowsForThing", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.page_size.map_or(PAGE, |count| count as usize);
    let page = cx.state.store.shadow_names_page(cx.scope, &thing, after, limit).await?;
    Ok(ListNamedShadowsForThingOutput {
        results: page.items.iter().map(ShadowName::to_string).collect(),
        next_token: page.next.map(|position| listing.token(position)),
        timestamp: seconds(cx.now),
    })
}

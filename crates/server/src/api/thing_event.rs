//! The timeline of a thing, for the console and for scripts; one of our own operations.

use adit_iot::page::Listing;
use adit_iot::{Error, ThingName, Timestamp};
use adit_store::ThingEvent;
use serde::{Deserialize, Serialize};

use crate::state::Call;

/// Events on a page when the caller does not say.
const PAGE: usize = 50;

/// Input of ListThingEvents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingEvents {
    /// The thing.
    pub thing_name: String,
    /// Events on a page.
    pub max_results: Option<u16>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Output of ListThingEvents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingEventsOutput {
    events: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// Grows with everything that happens; of what happens again it is a new one.
    sequence: i64,
    at: Timestamp,
    first_at: Timestamp,
    count: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<(i64, ThingEvent)> for Shown {
    fn from((sequence, event): (i64, ThingEvent)) -> Self {
        Self {
            sequence,
            at: event.at,
            first_at: event.first_at,
            count: event.count,
            kind: event.kind.as_str(),
            reason: event.reason,
            stage: event.stage,
            client_id: event.client_id,
            certificate_id: event.certificate_id,
            ip_address: event.ip_address,
            detail: event.detail,
        }
    }
}

/// Lists what happened to the device of a thing, the newest first; what happened just now is there. A refusal that
/// repeats comes to the front, so a later page may show fewer than asked for.
///
/// # Errors
/// `NotFound` for an unknown thing; `Invalid` for a page token of another listing.
pub async fn list_thing_events(
    cx: &Call<'_>,
    input: ListThingEvents,
) -> Result<ListThingEventsOutput, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let filters = [Some(name.as_str())];
    let listing = Listing { operation: "ListThingEvents", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, usize::from);
    cx.state.timeline.settled().await;
    let since = cx.state.timeline_since();
    let page = cx.state.store.thing_events_page(cx.scope, &name, since, after, limit).await?;
    let page = page.ok_or_else(|| Error::not_found(format!("Thing {name} not found.")))?;
    Ok(ListThingEventsOutput {
        events: page.items.into_iter().map(Shown::from).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

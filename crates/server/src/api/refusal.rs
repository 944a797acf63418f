//! Why devices were refused, for the console and for scripts; one of our own operations.

use std::borrow::Cow;
use std::net::IpAddr;

use adit_iot::page::Listing;
use adit_iot::{Error, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::Call;
use crate::why::{Noted, Wanted};

/// Refusals on a page when the caller does not say.
const PAGE: usize = 50;

/// Input of ListRefusals. What is given must fit; nothing given means all of the account and region.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRefusals {
    /// Only of this thing, or of a client of that name.
    pub thing_name: Option<String>,
    /// Only of certificates whose id begins so.
    pub certificate_id: Option<String>,
    /// Only of this MQTT client.
    pub client_id: Option<String>,
    /// Only from this address.
    pub ip_address: Option<String>,
    /// Refusals on a page.
    pub max_results: Option<u16>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Output of ListRefusals.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRefusalsOutput {
    refusals: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    last_at: Timestamp,
    first_at: Timestamp,
    count: u64,
    stage: &'static str,
    text: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

impl From<Noted> for Shown {
    fn from(noted: Noted) -> Self {
        let refusal = noted.refusal;
        Self {
            last_at: noted.at,
            first_at: noted.first_at,
            count: noted.count,
            stage: refusal.stage.as_str(),
            text: refusal.text(),
            reason: refusal.why,
            certificate_id: refusal.certificate,
            principal: refusal.principal,
            thing_name: refusal.thing,
            client_id: refusal.client_id,
            ip_address: refusal.address,
            action: refusal.action,
            resource: refusal.resource,
        }
    }
}

/// Lists refusals, the newest first. Those of peers that no account knows belong to the account and region that the
/// server is configured for. One that repeats comes to the front, so a later page may show fewer than asked for.
///
/// # Errors
/// `Invalid` for what is no address, or a page token of another listing.
pub async fn list_refusals(cx: &Call<'_>, input: ListRefusals) -> Result<ListRefusalsOutput, Error> {
    let filters = [
        input.thing_name.as_deref(),
        input.certificate_id.as_deref(),
        input.client_id.as_deref(),
        input.ip_address.as_deref(),
    ];
    let listing = Listing { operation: "ListRefusals", scope: cx.scope, filters: &filters };
    let before = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let wanted = Wanted {
        scope: Some(cx.scope.clone()),
        strangers: cx.is_at_home(),
        thing: input.thing_name.clone(),
        certificate: input.certificate_id.as_deref().map(str::to_ascii_lowercase),
        client_id: input.client_id.clone(),
        address: input.ip_address.as_deref().map(address).transpose()?,
    };
    let limit = input.max_results.map_or(PAGE, usize::from);
    let before = before.and_then(|position| u64::try_from(position).ok());
    let mut found = cx.state.why.before(&wanted, before, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).and_then(|noted| i64::try_from(noted.seq).ok());
    Ok(ListRefusalsOutput {
        refusals: found.into_iter().map(Shown::from).collect(),
        next_token: position.map(|position| listing.token(position)),
    })
}

/// What `ipAddress` says.
pub(super) fn address(text: &str) -> Result<IpAddr, Error> {
    text.parse().map_err(|_| {
        Error::invalid(format!("ipAddress {text:?} must be an IPv4 or IPv6 address, such as 192.0.2.1"))
    })
}

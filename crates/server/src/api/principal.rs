//! Which certificates and Cognito identities speak for a thing (spec: control-plane §8.5).

use adit_iot::page::Listing;
use adit_iot::principal::Principal;
use adit_iot::{Error, ThingName};
use adit_store::{PrincipalAttached, PrincipalDetached};
use serde::{Deserialize, Serialize};

use super::paging::Paged;
use super::tunnel::Empty;
use crate::state::Call;

/// How a principal is attached to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum ThingPrincipalType {
    /// To this thing alone.
    #[serde(rename = "EXCLUSIVE_THING")]
    Exclusive,
    /// To any number of things.
    #[serde(rename = "NON_EXCLUSIVE_THING")]
    NonExclusive,
}

impl ThingPrincipalType {
    fn of(exclusive: bool) -> Self {
        if exclusive { Self::Exclusive } else { Self::NonExclusive }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "EXCLUSIVE_THING",
            Self::NonExclusive => "NON_EXCLUSIVE_THING",
        }
    }
}

/// Input of AttachThingPrincipal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachThingPrincipal {
    /// Which thing.
    pub thing_name: String,
    /// ARN of a certificate, or a Cognito identity.
    pub principal: String,
    /// How; not exclusively without.
    pub thing_principal_type: Option<ThingPrincipalType>,
}

/// Attaches a principal to a thing; once more in the same way is fine.
///
/// # Errors
/// `NotFound` for an unknown thing or principal; `Invalid` against the rules of exclusive attachment.
pub async fn attach_thing_principal(cx: &Call<'_>, input: AttachThingPrincipal) -> Result<Empty, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let exclusive = input.thing_principal_type == Some(ThingPrincipalType::Exclusive);
    let given = &input.principal;
    let Some(principal) = Principal::parse(given) else {
        return Err(no_principal("attach", given, "to", &name));
    };
    match cx.state.store.thing_principal_attach(cx.scope, &name, &principal, exclusive).await? {
        PrincipalAttached::Yes => changed(cx, &principal),
        PrincipalAttached::Already => {}
        PrincipalAttached::NoThing => return Err(no_thing(cx, &name)),
        PrincipalAttached::NoPrincipal => return Err(no_principal("attach", given, "to", &name)),
        PrincipalAttached::Exclusive(thing) => {
            return Err(Error::invalid(format!(
                "The principal {given} is attached to thing {thing} as EXCLUSIVE_THING; detach it there first"
            )));
        }
        PrincipalAttached::InUse(thing) => {
            return Err(Error::invalid(format!(
                "The principal {given} cannot be attached as EXCLUSIVE_THING while it is attached to thing {thing}"
            )));
        }
    }
    Ok(Empty {})
}

/// Input of DetachThingPrincipal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachThingPrincipal {
    /// Which thing.
    pub thing_name: String,
    /// ARN of a certificate, or a Cognito identity.
    pub principal: String,
}

/// Detaches a principal from a thing; one that is not attached is fine.
///
/// # Errors
/// `NotFound` for an unknown thing or principal.
pub async fn detach_thing_principal(cx: &Call<'_>, input: DetachThingPrincipal) -> Result<Empty, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let given = &input.principal;
    let Some(principal) = Principal::parse(given) else {
        return Err(no_principal("detach", given, "from", &name));
    };
    match cx.state.store.thing_principal_detach(cx.scope, &name, &principal).await? {
        PrincipalDetached::Yes(was) => {
            if was {
                changed(cx, &principal);
            }
            Ok(Empty {})
        }
        PrincipalDetached::NoThing => Err(no_thing(cx, &name)),
        PrincipalDetached::NoPrincipal => Err(no_principal("detach", given, "from", &name)),
    }
}

/// Input of ListThingPrincipals and ListThingPrincipalsV2.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipals {
    /// Which thing.
    pub thing_name: String,
    /// Only those attached in this way; V2 alone.
    pub thing_principal_type: Option<ThingPrincipalType>,
    #[serde(flatten)]
    page: Paged,
}

/// Output of ListThingPrincipals.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsOutput {
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Lists the principals of a thing.
///
/// # Errors
/// `NotFound`; `Invalid` for a token of another listing.
pub async fn list_thing_principals(
    cx: &Call<'_>,
    input: ListThingPrincipals,
) -> Result<ListThingPrincipalsOutput, Error> {
    let (found, next_token) = principals(cx, "ListThingPrincipals", &input).await?;
    Ok(ListThingPrincipalsOutput {
        principals: found.into_iter().map(|(text, _)| text).collect(),
        next_token,
    })
}

/// Output of ListThingPrincipalsV2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsV2Output {
    thing_principal_objects: Vec<ThingPrincipalObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingPrincipalObject {
    principal: String,
    thing_principal_type: ThingPrincipalType,
}

/// Lists the principals of a thing and how each is attached.
///
/// # Errors
/// As [`list_thing_principals`].
pub async fn list_thing_principals_v2(
    cx: &Call<'_>,
    input: ListThingPrincipals,
) -> Result<ListThingPrincipalsV2Output, Error> {
    let (found, next_token) = principals(cx, "ListThingPrincipalsV2", &input).await?;
    let object = |(principal, exclusive)| ThingPrincipalObject {
        principal,
        thing_principal_type: ThingPrincipalType::of(exclusive),
    };
    Ok(ListThingPrincipalsV2Output {
        thing_principal_objects: found.into_iter().map(object).collect(),
        next_token,
    })
}

async fn principals(
    cx: &Call<'_>,
    operation: &str,
    input: &ListThingPrincipals,
) -> Result<(Vec<(String, bool)>, Option<String>), Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let filters = [Some(name.as_str()), input.thing_principal_type.map(ThingPrincipalType::as_str)];
    let listing = Listing { operation, scope: cx.scope, filters: &filters };
    let exclusive = input.thing_principal_type.map(|way| way == ThingPrincipalType::Exclusive);
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.thing_principals_page(cx.scope, &name, exclusive, after, limit).await?;
    let page = page.ok_or_else(|| {
        Error::not_found(format!(
            "Failed to list principals for thing {name} because the thing does not exist in your account"
        ))
    })?;
    Ok((page.items, page.next.map(|position| listing.token(position))))
}

/// Input of ListPrincipalThings and ListPrincipalThingsV2.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThings {
    /// ARN of a certificate, or a Cognito identity.
    pub principal: String,
    /// Only those attached in this way; V2 alone.
    pub thing_principal_type: Option<ThingPrincipalType>,
    #[serde(flatten)]
    page: Paged,
}

/// Output of ListPrincipalThings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsOutput {
    things: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Lists the things of a principal.
///
/// # Errors
/// `NotFound`; `Invalid` for a token of another listing.
pub async fn list_principal_things(
    cx: &Call<'_>,
    input: ListPrincipalThings,
) -> Result<ListPrincipalThingsOutput, Error> {
    let (found, next_token) = things(cx, "ListPrincipalThings", &input).await?;
    Ok(ListPrincipalThingsOutput {
        things: found.into_iter().map(|(name, _)| name.to_string()).collect(),
        next_token,
    })
}

/// Output of ListPrincipalThingsV2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsV2Output {
    principal_thing_objects: Vec<PrincipalThingObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrincipalThingObject {
    thing_name: String,
    thing_principal_type: ThingPrincipalType,
}

/// Lists the things of a principal and how it is attached to each.
///
/// # Errors
/// As [`list_principal_things`].
pub async fn list_principal_things_v2(
    cx: &Call<'_>,
    input: ListPrincipalThings,
) -> Result<ListPrincipalThingsV2Output, Error> {
    let (found, next_token) = things(cx, "ListPrincipalThingsV2", &input).await?;
    let object = |(name, exclusive): (ThingName, bool)| PrincipalThingObject {
        thing_name: name.to_string(),
        thing_principal_type: ThingPrincipalType::of(exclusive),
    };
    Ok(ListPrincipalThingsV2Output {
        principal_thing_objects: found.into_iter().map(object).collect(),
        next_token,
    })
}

async fn things(
    cx: &Call<'_>,
    operation: &str,
    input: &ListPrincipalThings,
) -> Result<(Vec<(ThingName, bool)>, Option<String>), Error> {
    let given = &input.principal;
    let unknown = || {
        Error::not_found(format!(
            "Failed to list things for principal {given} because the principal does not exist in your account"
        ))
    };
    let filters = [Some(given.as_str()), input.thing_principal_type.map(ThingPrincipalType::as_str)];
    let listing = Listing { operation, scope: cx.scope, filters: &filters };
    let exclusive = input.thing_principal_type.map(|way| way == ThingPrincipalType::Exclusive);
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let principal = Principal::parse(given).ok_or_else(unknown)?;
    let page = cx.state.store.principal_things_page(cx.scope, &principal, exclusive, after, limit).await?;
    let page = page.ok_or_else(unknown)?;
    Ok((page.items, page.next.map(|position| listing.token(position))))
}

fn changed(cx: &Call<'_>, principal: &Principal) {
    match principal {
        Principal::Certificate(_, id) => cx.state.access.certificate_changed(cx.scope, id),
        Principal::Cognito(_) => cx.state.access.changed(cx.scope),
    }
}

fn no_thing(cx: &Call<'_>, name: &ThingName) -> Error {
    Error::not_found(format!("Thing {}:{name} not found.", cx.scope.account()))
}

fn no_principal(verb: &str, principal: &str, preposition: &str, thing: &ThingName) -> Error {
    Error::not_found(format!(
        "Can't {verb} the principal {principal} {preposition} thing {thing} because the principal does not exist in \
         your account"
    ))
}

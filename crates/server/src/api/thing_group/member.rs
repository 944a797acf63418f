//! Which thing is in which group.

use adit_iot::arn::Arn;
use adit_iot::page::Listing;
use adit_iot::{Error, ThingGroupName, ThingName};
use adit_store::Regrouped;
use serde::{Deserialize, Serialize};

use super::{PAGE, ThingGroupsOutput, not_found};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// Input of AddThingToThingGroup and RemoveThingFromThingGroup: each by name, by ARN, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThingAndGroup {
    /// The group's name.
    pub thing_group_name: Option<String>,
    /// The group's ARN.
    pub thing_group_arn: Option<String>,
    /// The thing's name.
    pub thing_name: Option<String>,
    /// The thing's ARN.
    pub thing_arn: Option<String>,
}

impl ThingAndGroup {
    /// The two names.
    fn names(&self, cx: &Call<'_>) -> Result<(ThingName, ThingGroupName), Error> {
        let group =
            chosen("thingGroup", self.thing_group_name.as_deref(), self.thing_group_arn.as_deref(), |arn| {
                let (scope, name) = Arn::parse(arn)?.as_thing_group()?;
                (scope == *cx.scope).then(|| name.to_string())
            })?;
        let thing = chosen("thing", self.thing_name.as_deref(), self.thing_arn.as_deref(), |arn| {
            let (scope, name) = Arn::parse(arn)?.as_thing()?;
            (scope == *cx.scope).then(|| name.to_string())
        })?;
        Ok((ThingName::parse(&thing)?, ThingGroupName::parse(&group)?))
    }
}

/// The name that a name or an ARN gives; `named` reads an ARN of the caller's scope.
fn chosen(
    what: &str,
    name: Option<&str>,
    arn: Option<&str>,
    named: impl Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let from_arn = arn.map(|arn| {
        let wrong = || {
            Error::invalid(format!("{what}Arn {arn} is not the ARN of a {what} of this account and region."))
        };
        named(arn).ok_or_else(wrong)
    });
    match (name, from_arn.transpose()?) {
        (Some(name), Some(other)) if name != other => {
            Err(Error::invalid(format!("{what}Name and {what}Arn name different ones; give one of them.")))
        }
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(name)) => Ok(name),
        (None, None) => Err(Error::invalid(format!("{what}Name or {what}Arn must be given."))),
    }
}

/// Puts a thing into a group; again is fine.
///
/// # Errors
/// `NotFound` for an unknown thing or group; `Invalid` for names and ARNs that disagree, or if the thing is in another
/// group of the hierarchy; `LimitExceeded` for an eleventh group.
pub async fn add_thing_to_thing_group(cx: &Call<'_>, input: ThingAndGroup) -> Result<Empty, Error> {
    let (thing, group) = input.names(cx)?;
    regroup(cx, &thing, Vec::new(), vec![group]).await
}

/// Takes a thing out of a group; it need not be in it.
///
/// # Errors
/// `NotFound` for an unknown thing or group; `Invalid` for names and ARNs that disagree.
pub async fn remove_thing_from_thing_group(cx: &Call<'_>, input: ThingAndGroup) -> Result<Empty, Error> {
    let (thing, group) = input.names(cx)?;
    regroup(cx, &thing, vec![group], Vec::new()).await
}

/// Input of UpdateThingGroupsForThing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateThingGroupsForThing {
    /// Which thing.
    pub thing_name: Option<String>,
    /// Groups it joins.
    pub thing_groups_to_add: Vec<String>,
    /// Groups it leaves, before it joins the others.
    pub thing_groups_to_remove: Vec<String>,
}

/// Takes a thing out of groups and puts it into others: all of it or nothing.
///
/// # Errors
/// `NotFound` for an unknown thing or group; `Invalid` without a thing or for two groups of a hierarchy;
/// `LimitExceeded` for an eleventh group.
pub async fn update_thing_groups_for_thing(
    cx: &Call<'_>,
    input: UpdateThingGroupsForThing,
) -> Result<Empty, Error> {
    let thing = input.thing_name.as_deref().ok_or_else(|| Error::invalid("thingName must be given."))?;
    let names =
        |names: &[String]| names.iter().map(|name| ThingGroupName::parse(name)).collect::<Result<_, _>>();
    let (remove, add) = (names(&input.thing_groups_to_remove)?, names(&input.thing_groups_to_add)?);
    regroup(cx, &ThingName::parse(thing)?, remove, add).await
}

async fn regroup(
    cx: &Call<'_>,
    thing: &ThingName,
    remove: Vec<ThingGroupName>,
    add: Vec<ThingGroupName>,
) -> Result<Empty, Error> {
    match cx.state.store.thing_regroup(cx.scope, thing, remove, add).await? {
        Regrouped::Yes(changed) => {
            if changed {
                cx.state.access.thing_changed(cx.scope, thing);
            }
            Ok(Empty {})
        }
        Regrouped::NoSuchThing => Err(no_such_thing(cx, thing)),
        Regrouped::NoSuchGroup(group) => Err(not_found(cx, &group)),
        Regrouped::Refused(refusal) => Err(refusal),
    }
}

/// Input of ListThingGroupsForThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingGroupsForThing {
    /// Which thing.
    pub thing_name: String,
    /// Where to go on.
    pub next_token: Option<String>,
    /// Groups on a page, 1 to 250.
    pub max_results: Option<u32>,
}

/// Lists the groups a thing is in, not those above them.
///
/// # Errors
/// `NotFound`; `Invalid` for a page token of another listing.
pub async fn list_thing_groups_for_thing(
    cx: &Call<'_>,
    input: ListThingGroupsForThing,
) -> Result<ThingGroupsOutput, Error> {
    let thing = ThingName::parse(&input.thing_name)?;
    let filters = [Some(thing.as_str())];
    let listing = Listing { operation: "ListThingGroupsForThing", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let page = cx.state.store.thing_groups_of_thing(cx.scope, &thing, after, limit).await?;
    let page = page.ok_or_else(|| no_such_thing(cx, &thing))?;
    Ok(ThingGroupsOutput::of(cx, &listing, &page))
}

/// Input of ListThingsInThingGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInThingGroup {
    /// Which group.
    pub thing_group_name: String,
    /// Whether things of the groups below it are shown too.
    #[serde(default)]
    pub recursive: bool,
    /// Where to go on.
    pub next_token: Option<String>,
    /// Things on a page, 1 to 250.
    pub max_results: Option<u32>,
}

/// Output of ListThingsInThingGroup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInThingGroupOutput {
    /// Names, in order of the things' creation.
    pub things: Vec<String>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Lists the things in a group.
///
/// # Errors
/// `NotFound`; `Invalid` for a page token of another listing.
pub async fn list_things_in_thing_group(
    cx: &Call<'_>,
    input: ListThingsInThingGroup,
) -> Result<ListThingsInThingGroupOutput, Error> {
    let group = ThingGroupName::parse(&input.thing_group_name)?;
    let filters = [Some(group.as_str()), input.recursive.then_some("recursive")];
    let listing = Listing { operation: "ListThingsInThingGroup", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let page = cx.state.store.things_of_thing_group(cx.scope, &group, input.recursive, after, limit).await?;
    let page = page.ok_or_else(|| not_found(cx, &group))?;
    Ok(ListThingsInThingGroupOutput {
        things: page.items.iter().map(ThingName::to_string).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

/// spec: control-plane §13
fn no_such_thing(cx: &Call<'_>, name: &ThingName) -> Error {
    Error::not_found(format!("Thing {}:{name} not found.", cx.scope.account()))
}

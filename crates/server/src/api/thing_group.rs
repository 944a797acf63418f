//! Static thing groups (spec: control-plane §7, §9.2, §13). Who is in them is in `thing_group/member.rs`.

mod member;

use adit_iot::page::Listing;
use adit_iot::thing::Attributes;
use adit_iot::thing_group::{Change, NewGroup, ThingGroup};
use adit_iot::{Error, Kind, ThingGroupName, Timestamp, arn};
use adit_store::{GroupCreated, GroupDeleted, GroupFilter, GroupUpdated, Page};
use serde::{Deserialize, Serialize};

use super::tag::{self, IotTag};
use super::thing::AttributePayload;
use super::tunnel::Empty;
use crate::state::Call;

pub use member::{
    add_thing_to_thing_group, list_thing_groups_for_thing, list_things_in_thing_group,
    remove_thing_from_thing_group, update_thing_groups_for_thing,
};

/// Groups on a page when the caller does not say (spec: control-plane §6).
const PAGE: usize = 25;

/// `ThingGroupProperties` as it arrives.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GivenProperties {
    /// Free text.
    pub thing_group_description: Option<String>,
    /// Its attributes.
    pub attribute_payload: Option<AttributePayload>,
}

/// Input of CreateThingGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingGroup {
    /// Its name.
    pub thing_group_name: String,
    /// The group above it.
    pub parent_group_name: Option<String>,
    /// Its properties.
    #[serde(default)]
    pub thing_group_properties: GivenProperties,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Output of CreateThingGroup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingGroupOutput {
    thing_group_name: String,
    thing_group_arn: String,
    thing_group_id: String,
}

/// Creates a group; the same one again is fine.
///
/// # Errors
/// `NotFound` for an unknown parent; `Invalid` for too many attributes or tags; `LimitExceeded` for too many levels or
/// children; `Exists` for another group of that name.
pub async fn create_thing_group(
    cx: &Call<'_>,
    input: CreateThingGroup,
) -> Result<CreateThingGroupOutput, Error> {
    let name = ThingGroupName::parse(&input.thing_group_name)?;
    let parent = input.parent_group_name.as_deref().map(ThingGroupName::parse).transpose()?;
    let GivenProperties { thing_group_description, attribute_payload } = input.thing_group_properties;
    let new = NewGroup {
        name: name.clone(),
        id: cx.state.ids.uuid(),
        parent: parent.clone(),
        description: thing_group_description,
        attributes: attribute_payload.and_then(|payload| payload.attributes).unwrap_or_default(),
        created_at: cx.now,
    };
    let thing_group_arn = arn::thing_group(cx.scope, &name);
    match cx.state.store.thing_group_create(cx.scope, new, tag::of_new(input.tags)?).await? {
        GroupCreated::Yes(group) | GroupCreated::Same(group) => Ok(CreateThingGroupOutput {
            thing_group_name: name.to_string(),
            thing_group_arn,
            thing_group_id: group.id,
        }),
        GroupCreated::Different(there) => {
            let text =
                format!("Thing Group {name} already exists in current account with different properties");
            Err(Error::new(Kind::Exists, text).with_resource(there.id, thing_group_arn))
        }
        GroupCreated::NoSuchParent => Err(not_found(cx, parent.as_ref().unwrap_or(&name))),
        GroupCreated::Refused(refusal) => Err(refusal),
    }
}

/// Input of DescribeThingGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingGroup {
    /// Its name.
    pub thing_group_name: String,
}

/// Output of DescribeThingGroup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingGroupOutput {
    thing_group_name: String,
    thing_group_id: String,
    thing_group_arn: String,
    version: i64,
    thing_group_properties: Properties,
    thing_group_metadata: Metadata,
}

/// `ThingGroupProperties` as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_group_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_payload: Option<ShownAttributes>,
}

#[derive(Debug, Serialize)]
struct ShownAttributes {
    attributes: Attributes,
}

/// `ThingGroupMetadata` on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_group_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    root_to_parent_thing_groups: Vec<NameAndArn>,
    creation_date: Timestamp,
}

/// `GroupNameAndArn` on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameAndArn {
    group_name: String,
    group_arn: String,
}

impl NameAndArn {
    fn of(cx: &Call<'_>, name: &ThingGroupName) -> Self {
        Self { group_name: name.to_string(), group_arn: arn::thing_group(cx.scope, name) }
    }
}

/// Shows a group.
///
/// # Errors
/// `NotFound`.
pub async fn describe_thing_group(
    cx: &Call<'_>,
    input: DescribeThingGroup,
) -> Result<DescribeThingGroupOutput, Error> {
    let name = ThingGroupName::parse(&input.thing_group_name)?;
    let found = cx.state.store.thing_group_get(cx.scope, &name).await?;
    let ThingGroup { id, above, description, attributes, version, created_at, .. } =
        found.ok_or_else(|| not_found(cx, &name))?;
    let attribute_payload = (!attributes.is_empty()).then_some(ShownAttributes { attributes });
    Ok(DescribeThingGroupOutput {
        thing_group_arn: arn::thing_group(cx.scope, &name),
        thing_group_name: name.to_string(),
        thing_group_id: id,
        version,
        thing_group_properties: Properties { thing_group_description: description, attribute_payload },
        thing_group_metadata: Metadata {
            parent_group_name: above.last().map(ThingGroupName::to_string),
            root_to_parent_thing_groups: above.iter().map(|name| NameAndArn::of(cx, name)).collect(),
            creation_date: created_at,
        },
    })
}

/// Input of UpdateThingGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingGroup {
    /// Its name.
    pub thing_group_name: String,
    /// What to set; what is not given stays.
    pub thing_group_properties: GivenProperties,
    /// The version the caller believes it has.
    pub expected_version: Option<i64>,
}

/// Output of UpdateThingGroup.
#[derive(Debug, Serialize)]
pub struct UpdateThingGroupOutput {
    version: i64,
}

/// Changes a group.
///
/// # Errors
/// `NotFound`; `Invalid` for too many attributes; `VersionConflict`.
pub async fn update_thing_group(
    cx: &Call<'_>,
    input: UpdateThingGroup,
) -> Result<UpdateThingGroupOutput, Error> {
    let name = ThingGroupName::parse(&input.thing_group_name)?;
    let GivenProperties { thing_group_description, attribute_payload } = input.thing_group_properties;
    let AttributePayload { attributes, merge } = attribute_payload.unwrap_or_default();
    let change = Change { description: thing_group_description, attributes, merge };
    match cx.state.store.thing_group_update(cx.scope, &name, input.expected_version, change).await? {
        GroupUpdated::Yes(group) => Ok(UpdateThingGroupOutput { version: group.version }),
        GroupUpdated::NotFound => Err(not_found(cx, &name)),
        GroupUpdated::VersionConflict => Err(version_conflict(&name)),
        GroupUpdated::Refused(refusal) => Err(refusal),
    }
}

/// Input of DeleteThingGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteThingGroup {
    /// Its name.
    pub thing_group_name: String,
    /// The version the caller believes it has.
    pub expected_version: Option<i64>,
}

/// Deletes a group without children; an unknown one is fine. Its things leave it, its policies are detached.
///
/// # Errors
/// `Invalid` while there are groups below it; `VersionConflict`.
pub async fn delete_thing_group(cx: &Call<'_>, input: DeleteThingGroup) -> Result<Empty, Error> {
    let name = ThingGroupName::parse(&input.thing_group_name)?;
    match cx.state.store.thing_group_delete(cx.scope, &name, input.expected_version).await? {
        GroupDeleted::Yes => {
            cx.state.access.changed(cx.scope);
            Ok(Empty {})
        }
        GroupDeleted::NotFound => Ok(Empty {}),
        GroupDeleted::VersionConflict => Err(version_conflict(&name)),
        GroupDeleted::HasChildren => Err(Error::invalid(format!(
            "Cannot delete thing group : {name} when there are still child groups attached to it."
        ))),
    }
}

/// Input of ListThingGroups.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListThingGroups {
    /// Where to go on.
    pub next_token: Option<String>,
    /// Groups on a page, 1 to 250.
    pub max_results: Option<u32>,
    /// Only groups below this one.
    pub parent_group: Option<String>,
    /// Only groups whose name begins with this.
    pub name_prefix_filter: Option<String>,
    /// All levels (the default), or the first only.
    pub recursive: Option<bool>,
}

/// Output of ListThingGroups and ListThingGroupsForThing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingGroupsOutput {
    /// The page, in order of creation.
    pub thing_groups: Vec<NameAndArn>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl ThingGroupsOutput {
    fn of(cx: &Call<'_>, listing: &Listing<'_>, page: &Page<ThingGroupName>) -> Self {
        Self {
            thing_groups: page.items.iter().map(|name| NameAndArn::of(cx, name)).collect(),
            next_token: page.next.map(|position| listing.token(position)),
        }
    }
}

/// Lists groups.
///
/// # Errors
/// `NotFound` for an unknown parent; `Invalid` for a page token of another listing.
pub async fn list_thing_groups(cx: &Call<'_>, input: ListThingGroups) -> Result<ThingGroupsOutput, Error> {
    let parent = input.parent_group.as_deref().map(ThingGroupName::parse).transpose()?;
    let recursive = input.recursive.unwrap_or(true);
    let filters = [
        input.parent_group.as_deref(),
        input.name_prefix_filter.as_deref(),
        recursive.then_some("recursive"),
    ];
    let listing = Listing { operation: "ListThingGroups", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let filter = GroupFilter { parent: parent.clone(), prefix: input.name_prefix_filter.clone(), recursive };
    let page = cx.state.store.thing_groups_page(cx.scope, filter, after, limit).await?;
    match (page, parent) {
        (Some(page), _) => Ok(ThingGroupsOutput::of(cx, &listing, &page)),
        (None, Some(parent)) => Err(not_found(cx, &parent)),
        (None, None) => Err(Error::internal("a listing without a parent misses its parent")),
    }
}

/// spec: control-plane §13
fn not_found(cx: &Call<'_>, name: &ThingGroupName) -> Error {
    Error::not_found(format!("ThingGroup {}:{name} not found.", cx.scope.account()))
}

fn version_conflict(name: &ThingGroupName) -> Error {
    let text = format!("The version for thing group {name} does not match the expected version.");
    Error::new(Kind::VersionConflict, text)
}

//! Thing types (spec: control-plane §7, §9.1, §13).

use adit_iot::page::Listing;
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{Error, Kind, ThingTypeName, Timestamp, arn};
use adit_store::{TypeChanged, TypeCreated};
use serde::{Deserialize, Serialize};

use super::tag::{self, IotTag};
use super::tunnel::Empty;
use crate::state::Call;

/// Types on a page when the caller does not say (spec: control-plane §6).
const PAGE: usize = 50;

/// Input of CreateThingType and UpdateThingType.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefineThingType {
    /// Its name.
    pub thing_type_name: String,
    /// What it says of its things.
    #[serde(default)]
    pub thing_type_properties: Properties,
    /// Its tags; only of a new one.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Output of CreateThingType.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingTypeOutput {
    thing_type_name: String,
    thing_type_arn: String,
    thing_type_id: String,
}

/// Creates a type; the same one again is fine.
///
/// # Errors
/// `Invalid` for too many searchable attributes or tags; `Exists` for another type of that name.
pub async fn create_thing_type(
    cx: &Call<'_>,
    input: DefineThingType,
) -> Result<CreateThingTypeOutput, Error> {
    let name = ThingTypeName::parse(&input.thing_type_name)?;
    let new = ThingType::new(name.clone(), cx.state.ids.uuid(), input.thing_type_properties, cx.now)?;
    let thing_type_arn = arn::thing_type(cx.scope, &name);
    let tags = tag::of_new(input.tags)?;
    match cx.state.store.thing_type_create(cx.scope, new, tags).await? {
        TypeCreated::Yes(kind) | TypeCreated::Same(kind) => Ok(CreateThingTypeOutput {
            thing_type_name: name.to_string(),
            thing_type_arn,
            thing_type_id: kind.id,
        }),
        TypeCreated::Different(there) => {
            let text = format!("Thing Type {name} already exists in account with different properties");
            Err(Error::new(Kind::Exists, text).with_resource(there.id, thing_type_arn))
        }
    }
}

/// Changes what a type says of its things; what is not given stays.
///
/// # Errors
/// `NotFound`; `Invalid` for other searchable attributes.
pub async fn update_thing_type(cx: &Call<'_>, input: DefineThingType) -> Result<Empty, Error> {
    let name = ThingTypeName::parse(&input.thing_type_name)?;
    let changed = cx.state.store.thing_type_update(cx.scope, &name, input.thing_type_properties).await?;
    answer(cx, &name, changed)
}

/// Input of operations on one type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhichThingType {
    /// Its name.
    pub thing_type_name: String,
}

/// Output of DescribeThingType.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingTypeOutput {
    thing_type_name: String,
    thing_type_id: String,
    thing_type_arn: String,
    thing_type_properties: Properties,
    thing_type_metadata: Metadata,
}

/// `ThingTypeMetadata` on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecation_date: Option<Timestamp>,
    creation_date: Timestamp,
}

impl Metadata {
    fn of(kind: &ThingType) -> Self {
        Self {
            deprecated: kind.deprecated_at.is_some(),
            deprecation_date: kind.deprecated_at,
            creation_date: kind.created_at,
        }
    }
}

/// Shows a type.
///
/// # Errors
/// `NotFound`.
pub async fn describe_thing_type(
    cx: &Call<'_>,
    input: WhichThingType,
) -> Result<DescribeThingTypeOutput, Error> {
    let name = ThingTypeName::parse(&input.thing_type_name)?;
    let found = cx.state.store.thing_type_get(cx.scope, &name).await?;
    let kind = found.ok_or_else(|| not_found(cx, &name))?;
    Ok(DescribeThingTypeOutput {
        thing_type_arn: arn::thing_type(cx.scope, &name),
        thing_type_name: name.to_string(),
        thing_type_metadata: Metadata::of(&kind),
        thing_type_id: kind.id,
        thing_type_properties: kind.properties,
    })
}

/// Input of DeprecateThingType.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeprecateThingType {
    /// Its name.
    pub thing_type_name: String,
    /// Whether to take it back.
    #[serde(default)]
    pub undo_deprecate: bool,
}

/// Deprecates a type, so that no further thing gets it, or takes that back.
///
/// # Errors
/// `NotFound`.
pub async fn deprecate_thing_type(cx: &Call<'_>, input: DeprecateThingType) -> Result<Empty, Error> {
    let name = ThingTypeName::parse(&input.thing_type_name)?;
    let at = (!input.undo_deprecate).then_some(cx.now);
    let changed = cx.state.store.thing_type_deprecate(cx.scope, &name, at).await?;
    answer(cx, &name, changed)
}

/// Deletes a type that nothing has and that was deprecated long enough ago.
///
/// # Errors
/// `NotFound`; `Invalid` saying what is in the way.
pub async fn delete_thing_type(cx: &Call<'_>, input: WhichThingType) -> Result<Empty, Error> {
    let name = ThingTypeName::parse(&input.thing_type_name)?;
    let wait = cx.state.config.registry.thing_type_delete_wait.as_millis();
    let wait = i64::try_from(wait).unwrap_or(i64::MAX);
    let changed = cx.state.store.thing_type_delete(cx.scope, &name, wait, cx.now).await?;
    answer(cx, &name, changed)
}

/// Input of ListThingTypes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListThingTypes {
    /// Where to go on.
    pub next_token: Option<String>,
    /// Types on a page, 1 to 250.
    pub max_results: Option<u32>,
    /// Only the type of this name.
    pub thing_type_name: Option<String>,
}

/// Output of ListThingTypes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingTypesOutput {
    /// The page, in order of creation.
    pub thing_types: Vec<Definition>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A type in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    thing_type_name: String,
    thing_type_arn: String,
    thing_type_properties: Properties,
    thing_type_metadata: Metadata,
}

/// Lists types.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_thing_types(cx: &Call<'_>, input: ListThingTypes) -> Result<ListThingTypesOutput, Error> {
    let name = input.thing_type_name.as_deref().map(ThingTypeName::parse).transpose()?;
    let filters = [input.thing_type_name.as_deref()];
    let listing = Listing { operation: "ListThingTypes", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let page = cx.state.store.thing_types_page(cx.scope, name, after, limit).await?;
    let shown = |kind: ThingType| Definition {
        thing_type_arn: arn::thing_type(cx.scope, &kind.name),
        thing_type_metadata: Metadata::of(&kind),
        thing_type_name: kind.name.to_string(),
        thing_type_properties: kind.properties,
    };
    Ok(ListThingTypesOutput {
        thing_types: page.items.into_iter().map(shown).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

fn answer(cx: &Call<'_>, name: &ThingTypeName, changed: TypeChanged) -> Result<Empty, Error> {
    match changed {
        TypeChanged::Yes => Ok(Empty {}),
        TypeChanged::NotFound => Err(not_found(cx, name)),
        TypeChanged::Refused(refusal) => Err(refusal),
    }
}

/// spec: control-plane §13
pub(super) fn not_found(cx: &Call<'_>, name: &ThingTypeName) -> Error {
    Error::not_found(format!("Thing Type {}:{name} not found.", cx.scope.account()))
}

//! Things: the five operations people's scripts use around a tunnel (spec: control-plane §7, §8.5, §13).

use adit_iot::page::Listing;
use adit_iot::thing::{AttributeFilter, Attributes, Change, Filter, Thing, TypeChange, ValueFilter};
use adit_iot::{Error, Kind, ThingName, ThingTypeName, arn};
use adit_store::{ThingCreated, ThingDeleted, ThingUpdated};
use serde::{Deserialize, Serialize};

use super::tunnel::Empty;
use crate::state::Call;

/// Things on a page when the caller does not say (spec: control-plane §6).
const PAGE: usize = 50;

/// Attributes of a thing or a thing group, on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AttributePayload {
    /// The attributes; an empty value removes one.
    pub attributes: Option<Attributes>,
    /// Whether they are put over the present ones.
    pub merge: bool,
}

/// Input of CreateThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThing {
    /// Its name.
    pub thing_name: String,
    /// Its type.
    pub thing_type_name: Option<String>,
    /// Its attributes.
    pub attribute_payload: Option<AttributePayload>,
    /// Its billing group.
    pub billing_group_name: Option<String>,
}

/// Output of CreateThing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingOutput {
    /// Its name.
    pub thing_name: String,
    /// Its ARN.
    pub thing_arn: String,
    /// Its id.
    pub thing_id: String,
}

/// Creates a thing; the same one again is fine.
///
/// # Errors
/// `NotFound` for an unknown type or billing group; `Invalid` for too many attributes or a deprecated type; `Exists`
/// for another thing of that name.
pub async fn create_thing(cx: &Call<'_>, input: CreateThing) -> Result<CreateThingOutput, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let type_name = input.thing_type_name.as_deref().map(ThingTypeName::parse).transpose()?;
    if let Some(group) = &input.billing_group_name {
        return Err(Error::not_found(format!("Billing Group {}:{group} not found.", cx.scope.account())));
    }
    let attributes = input.attribute_payload.and_then(|payload| payload.attributes).unwrap_or_default();
    let new = Thing::new(name.clone(), cx.state.ids.uuid(), type_name.clone(), attributes, cx.now)?;
    let thing_arn = arn::thing(cx.scope, &name);
    match cx.state.store.thing_create(cx.scope, new).await? {
        ThingCreated::Yes(thing) | ThingCreated::Same(thing) => {
            Ok(CreateThingOutput { thing_name: name.to_string(), thing_arn, thing_id: thing.id })
        }
        ThingCreated::Different(there) => {
            let text = format!("Thing {name} already exists in account with different attributes");
            Err(Error::new(Kind::Exists, text).with_resource(there.id, thing_arn))
        }
        ThingCreated::NoSuchType => Err(no_such_type(cx, type_name)),
        ThingCreated::Refused(refusal) => Err(refusal),
    }
}

/// Input of DescribeThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThing {
    /// Which thing.
    pub thing_name: String,
}

/// Output of DescribeThing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingOutput {
    default_client_id: String,
    thing_name: String,
    thing_id: String,
    thing_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<String>,
    attributes: Attributes,
    version: i64,
}

/// Shows a thing.
///
/// # Errors
/// `NotFound`.
pub async fn describe_thing(cx: &Call<'_>, input: DescribeThing) -> Result<DescribeThingOutput, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    let Some(thing) = cx.state.store.thing_get(cx.scope, &name).await? else {
        return Err(Error::not_found(format!("Thing {}:{name} not found.", cx.scope.account())));
    };
    Ok(DescribeThingOutput {
        default_client_id: name.to_string(),
        thing_arn: arn::thing(cx.scope, &name),
        thing_name: name.to_string(),
        thing_id: thing.id,
        thing_type_name: thing.type_name.map(|name| name.to_string()),
        attributes: thing.attributes,
        version: thing.version,
    })
}

/// Input of UpdateThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThing {
    /// Which thing.
    pub thing_name: String,
    /// A type to give it.
    pub thing_type_name: Option<String>,
    /// Attributes to set; without it they stay.
    pub attribute_payload: Option<AttributePayload>,
    /// The version the caller believes it has.
    pub expected_version: Option<i64>,
    /// Whether to take its type away.
    #[serde(default)]
    pub remove_thing_type: bool,
}

/// Changes a thing.
///
/// # Errors
/// `NotFound` for an unknown thing or type; `Invalid` for too many attributes, a deprecated type, or for giving and
/// taking a type at once; `VersionConflict`.
pub async fn update_thing(cx: &Call<'_>, input: UpdateThing) -> Result<Empty, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    if input.remove_thing_type && input.thing_type_name.is_some() {
        return Err(Error::invalid(
            "thingTypeName and removeThingType cannot be given together; choose one.",
        ));
    }
    let type_name = input.thing_type_name.as_deref().map(ThingTypeName::parse).transpose()?;
    let set = type_name.clone().map(TypeChange::Set);
    let kind = if input.remove_thing_type { Some(TypeChange::Remove) } else { set };
    let AttributePayload { attributes, merge } = input.attribute_payload.unwrap_or_default();
    let change = Change { attributes, merge, kind };
    match cx.state.store.thing_update(cx.scope, &name, input.expected_version, change).await? {
        ThingUpdated::Yes(_) => {
            cx.state.access.thing_changed(cx.scope, &name);
            Ok(Empty {})
        }
        ThingUpdated::NotFound => Err(Error::not_found(format!("Thing {name} not found."))),
        ThingUpdated::VersionConflict => Err(version_conflict(&name)),
        ThingUpdated::NoSuchType => Err(no_such_type(cx, type_name)),
        ThingUpdated::Refused(refusal) => Err(refusal),
    }
}

/// Input of DeleteThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteThing {
    /// Which thing.
    pub thing_name: String,
    /// The version the caller believes it has.
    pub expected_version: Option<i64>,
}

/// Deletes a thing; an unknown one is fine.
///
/// # Errors
/// `VersionConflict`; `InUse` while a principal is attached.
pub async fn delete_thing(cx: &Call<'_>, input: DeleteThing) -> Result<Empty, Error> {
    let name = ThingName::parse(&input.thing_name)?;
    match cx.state.store.thing_delete(cx.scope, &name, input.expected_version).await? {
        ThingDeleted::Yes | ThingDeleted::NotFound => Ok(Empty {}),
        ThingDeleted::VersionConflict => Err(version_conflict(&name)),
        ThingDeleted::Attached => Err(Error::new(
            Kind::InUse,
            format!("Cannot delete. Thing {name} is still attached to one or more principals"),
        )),
    }
}

/// Input of ListThings.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListThings {
    /// Where to go on.
    pub next_token: Option<String>,
    /// Things on a page, 1 to 250.
    pub max_results: Option<u32>,
    /// Only things with this attribute.
    pub attribute_name: Option<String>,
    /// Only things whose attribute has this value.
    pub attribute_value: Option<String>,
    /// Only things of this type.
    pub thing_type_name: Option<String>,
    /// Whether the value is only the beginning of one.
    pub use_prefix_attribute_value: bool,
}

/// Output of ListThings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsOutput {
    /// The page, in order of creation.
    pub things: Vec<ThingAttribute>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A thing in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingAttribute {
    thing_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<String>,
    thing_arn: String,
    attributes: Attributes,
    version: i64,
}

/// Lists things.
///
/// # Errors
/// `Invalid` for a value without a name, or a page token of another listing.
pub async fn list_things(cx: &Call<'_>, input: ListThings) -> Result<ListThingsOutput, Error> {
    if input.attribute_value.is_some() && input.attribute_name.is_none() {
        return Err(Error::invalid("attributeValue needs attributeName: say whose value it is."));
    }
    let prefix = input.use_prefix_attribute_value;
    let filters = [
        input.thing_type_name.as_deref(),
        input.attribute_name.as_deref(),
        input.attribute_value.as_deref(),
        prefix.then_some("prefix"),
    ];
    let listing = Listing { operation: "ListThings", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let limit = input.max_results.map_or(PAGE, |count| count as usize);
    let value_filter = |value: &String| match prefix {
        true => ValueFilter::StartsWith(value.clone()),
        false => ValueFilter::Is(value.clone()),
    };
    let filter = Filter {
        type_name: input.thing_type_name.as_deref().map(ThingTypeName::parse).transpose()?,
        attribute: input.attribute_name.as_ref().map(|name| AttributeFilter {
            name: name.clone(),
            value: input.attribute_value.as_ref().map(value_filter),
        }),
    };
    let page = cx.state.store.things_page(cx.scope, filter, after, limit).await?;
    let shown = |thing: Thing| ThingAttribute {
        thing_arn: arn::thing(cx.scope, &thing.name),
        thing_name: thing.name.to_string(),
        thing_type_name: thing.type_name.map(|name| name.to_string()),
        attributes: thing.attributes,
        version: thing.version,
    };
    Ok(ListThingsOutput {
        things: page.items.into_iter().map(shown).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

fn no_such_type(cx: &Call<'_>, name: Option<ThingTypeName>) -> Error {
    let unnamed = || Error::internal("a type that was not asked for is missing");
    name.map_or_else(unnamed, |name| super::thing_type::not_found(cx, &name))
}

fn version_conflict(name: &ThingName) -> Error {
    let text = format!("The version for thing {name} does not match the expected version.");
    Error::new(Kind::VersionConflict, text)
}

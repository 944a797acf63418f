//! Tags: of tunnels (spec: secure-tunneling §1.2 TagResource) and of what service `iot` keeps (control-plane §8.7).

use adit_iot::arn::Arn;
use adit_iot::tag::{Tag, Taggable};
use adit_iot::{Error, Kind, TunnelId};
use adit_store::Tagged;
use serde::{Deserialize, Serialize};

use super::tunnel::Empty;
use crate::state::Call;

/// Input of TagResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagResource {
    /// ARN of a tunnel.
    pub resource_arn: String,
    /// What to set, by key.
    pub tags: Vec<Tag>,
}

/// Sets tags; a known key gets the new value.
///
/// # Errors
/// `NotFound` for anything but a tunnel of the caller; `Invalid` for a reserved key or more than 50 tags.
pub async fn tag_resource(cx: &Call<'_>, input: TagResource) -> Result<Empty, Error> {
    let id = tunnel_of(cx, &input.resource_arn)?;
    match cx.state.store.tags_set(cx.scope, &id, input.tags, cx.state.horizon()).await? {
        Tagged::Yes => Ok(Empty {}),
        Tagged::NotFound => Err(not_found(&input.resource_arn)),
        // The model gives this operation no quota fault.
        Tagged::Refused(refusal) => Err(Error { kind: Kind::Invalid, ..refusal }),
    }
}

/// Input of UntagResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UntagResource {
    /// Whose.
    pub resource_arn: String,
    /// Keys to remove.
    pub tag_keys: Vec<String>,
}

/// Removes tags; unknown keys are ignored.
///
/// # Errors
/// `NotFound` for anything but a tunnel of the caller.
pub async fn untag_resource(cx: &Call<'_>, input: UntagResource) -> Result<Empty, Error> {
    let id = tunnel_of(cx, &input.resource_arn)?;
    let found = cx.state.store.tags_remove(cx.scope, &id, input.tag_keys, cx.state.horizon()).await?;
    if found { Ok(Empty {}) } else { Err(not_found(&input.resource_arn)) }
}

/// Input of ListTagsForResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResource {
    /// ARN of a tunnel.
    pub resource_arn: String,
}

/// Output of ListTagsForResource.
#[derive(Debug, Serialize)]
pub struct ListTagsForResourceOutput {
    /// The tags, by key.
    pub tags: Vec<Tag>,
}

/// Shows tags.
///
/// # Errors
/// `NotFound` for anything but a tunnel of the caller.
pub async fn list_tags_for_resource(
    cx: &Call<'_>,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let id = tunnel_of(cx, &input.resource_arn)?;
    let tags = cx.state.store.tags_list(cx.scope, &id, cx.state.horizon()).await?;
    Ok(ListTagsForResourceOutput { tags: tags.ok_or_else(|| not_found(&input.resource_arn))? })
}

/// The tunnel an ARN names, if it is in the caller's account and region.
fn tunnel_of(cx: &Call<'_>, arn: &str) -> Result<TunnelId, Error> {
    let named = Arn::parse(arn).and_then(|arn| arn.as_tunnel());
    named.filter(|(scope, _)| scope == cx.scope).map(|(_, id)| id).ok_or_else(|| not_found(arn))
}

fn not_found(arn: &str) -> Error {
    Error::not_found(format!("Resource {arn} is not a tunnel of this account and region."))
}

/// A tag as service `iot` writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IotTag {
    /// The key, unique per resource.
    pub key: String,
    /// The value; none is an empty one.
    #[serde(default)]
    pub value: String,
}

impl From<IotTag> for Tag {
    fn from(IotTag { key, value }: IotTag) -> Self {
        Self { key, value }
    }
}

impl From<Tag> for IotTag {
    fn from(Tag { key, value }: Tag) -> Self {
        Self { key, value }
    }
}

/// The tags a new resource is to have.
///
/// # Errors
/// `Invalid` for a reserved key or more than 50 tags.
pub fn of_new(tags: Vec<IotTag>) -> Result<Vec<Tag>, Error> {
    let tags: Vec<Tag> = tags.into_iter().map(Tag::from).collect();
    adit_iot::tag::upsert(&[], &tags).map_err(|refusal| Error { kind: Kind::Invalid, ..refusal })
}

/// Input of TagResource of service `iot`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagIotResource {
    /// ARN of a policy, thing type, thing group, …
    pub resource_arn: String,
    /// What to set, by key.
    pub tags: Vec<IotTag>,
}

/// Sets tags; a known key gets the new value.
///
/// # Errors
/// `Invalid` for what is no ARN, cannot be tagged or is another account's, for a reserved key or more than 50 tags;
/// `NotFound` for what does not exist.
pub async fn tag_resource_of_iot(cx: &Call<'_>, input: TagIotResource) -> Result<Empty, Error> {
    let resource = Taggable::parse(cx.scope, &input.resource_arn)?;
    let tags = input.tags.into_iter().map(Tag::from).collect();
    match cx.state.store.resource_tags_set(cx.scope, &resource, tags).await? {
        Tagged::Yes => Ok(Empty {}),
        Tagged::NotFound => Err(no_such_resource(&input.resource_arn)),
        // spec: control-plane §15
        Tagged::Refused(refusal) => Err(Error { kind: Kind::Invalid, ..refusal }),
    }
}

/// Removes tags; unknown keys are ignored.
///
/// # Errors
/// As of [`tag_resource_of_iot`].
pub async fn untag_resource_of_iot(cx: &Call<'_>, input: UntagResource) -> Result<Empty, Error> {
    let resource = Taggable::parse(cx.scope, &input.resource_arn)?;
    let found = cx.state.store.resource_tags_remove(cx.scope, &resource, input.tag_keys).await?;
    if found { Ok(Empty {}) } else { Err(no_such_resource(&input.resource_arn)) }
}

/// Output of ListTagsForResource of service `iot`.
#[derive(Debug, Serialize)]
pub struct ListTagsOfIotOutput {
    /// The tags, by key, all of them.
    pub tags: Vec<IotTag>,
}

/// Shows tags; none of what does not exist.
///
/// # Errors
/// `Invalid` for what is no ARN, cannot be tagged or is another account's.
pub async fn list_tags_of_iot(
    cx: &Call<'_>,
    input: ListTagsForResource,
) -> Result<ListTagsOfIotOutput, Error> {
    let resource = Taggable::parse(cx.scope, &input.resource_arn)?;
    let tags = cx.state.store.resource_tags_list(cx.scope, &resource).await?;
    Ok(ListTagsOfIotOutput { tags: tags.into_iter().map(IotTag::from).collect() })
}

fn no_such_resource(arn: &str) -> Error {
    Error::not_found(format!("Resource {arn} not found."))
}

//! Roles: what others may become for a while.

use adit_iot::iam::role::DEFAULT_SESSION;
use adit_iot::iam::{self, IdentityKind};
use adit_iot::page::Listing;
use adit_iot::{Error, Scope};
use adit_store::RoleChange;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Iso, Paged, changed, check_trust, created, deleted, encoded, identity, new_identity, no_boundary,
    no_identity, page_of, root_path, tagged,
};
use crate::api::tag::IotTag;
use crate::api::tunnel::Empty;
use crate::state::Call;

const KIND: IdentityKind = IdentityKind::Role;

/// A role on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: Iso,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<IotTag>,
}

impl Role {
    /// As listings show it: without its tags.
    fn line(scope: &Scope, role: iam::Role) -> Self {
        Self {
            arn: role.identity.arn(scope),
            path: role.identity.path,
            role_name: role.identity.name,
            role_id: role.identity.id,
            create_date: Iso(role.identity.created_at),
            assume_role_policy_document: encoded(&role.trust),
            description: role.description,
            max_session_duration: role.max_session,
            tags: Vec::new(),
        }
    }

    fn whole(scope: &Scope, mut role: iam::Role) -> Self {
        let tags = std::mem::take(&mut role.identity.tags);
        Self { tags: tags.into_iter().map(IotTag::from).collect(), ..Self::line(scope, role) }
    }
}

/// Output of CreateRole, GetRole and UpdateRoleDescription.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleOutput {
    role: Role,
}

/// Input of CreateRole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRole {
    /// Its name.
    pub role_name: String,
    /// Its path.
    #[serde(default = "root_path")]
    pub path: String,
    /// Who may assume it.
    pub assume_role_policy_document: String,
    /// What it is for.
    pub description: Option<String>,
    /// Longest session in seconds.
    pub max_session_duration: Option<i64>,
    /// Not supported.
    pub permissions_boundary: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Creates a role.
///
/// # Errors
/// `MalformedPolicy`; `Exists`; `LimitExceeded`; `Invalid` for reserved tags or a permissions boundary.
pub async fn create_role(cx: &Call<'_>, input: CreateRole) -> Result<RoleOutput, Error> {
    no_boundary(input.permissions_boundary.as_ref())?;
    check_trust(&input.assume_role_policy_document)?;
    let new = iam::Role {
        identity: new_identity(cx, KIND, input.role_name, input.path, input.tags)?,
        description: input.description,
        trust: input.assume_role_policy_document,
        max_session: input.max_session_duration.unwrap_or(DEFAULT_SESSION),
    };
    let outcome = cx.state.store.role_create(cx.scope.account(), new.clone(), KIND.most()).await?;
    created(outcome, KIND, &new.identity.name)?;
    changed(cx);
    Ok(RoleOutput { role: Role::whole(cx.scope, new) })
}

/// Input of what asks for a role.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OneRole {
    /// Which role.
    pub role_name: String,
}

/// Shows a role.
///
/// # Errors
/// `NotFound`.
pub async fn get_role(cx: &Call<'_>, input: OneRole) -> Result<RoleOutput, Error> {
    let found = cx.state.store.role_get(cx.scope.account(), &input.role_name).await?;
    let role = found.ok_or_else(|| no_identity(KIND, &input.role_name))?;
    Ok(RoleOutput { role: Role::whole(cx.scope, role) })
}

/// Input of ListRoles.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRoles {
    /// What their path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists roles.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_roles(cx: &Call<'_>, input: ListRoles) -> Result<Map<String, Value>, Error> {
    let filters = [Some(input.path_prefix.as_str())];
    let listing = Listing { operation: "ListRoles", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.roles_page(cx.scope.account(), &input.path_prefix, after, limit).await?;
    let roles = page.items.into_iter().map(|role| Role::line(cx.scope, role)).collect();
    page_of("Roles", roles, page.next, &listing)
}

/// Input of UpdateRole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRole {
    /// Which role.
    pub role_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Longest session in seconds.
    pub max_session_duration: Option<i64>,
}

/// Changes what a role is for and how long its sessions last.
///
/// # Errors
/// `NotFound`.
pub async fn update_role(cx: &Call<'_>, input: UpdateRole) -> Result<Empty, Error> {
    let (description, max_session) = (input.description, input.max_session_duration);
    change(cx, &input.role_name, RoleChange { trust: None, description, max_session }).await?;
    Ok(Empty {})
}

/// Input of UpdateRoleDescription.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRoleDescription {
    /// Which role.
    pub role_name: String,
    /// What it is for.
    pub description: String,
}

/// Changes what a role is for.
///
/// # Errors
/// `NotFound`.
pub async fn update_role_description(
    cx: &Call<'_>,
    input: UpdateRoleDescription,
) -> Result<RoleOutput, Error> {
    let new = RoleChange { description: Some(input.description), ..RoleChange::default() };
    let role = change(cx, &input.role_name, new).await?;
    Ok(RoleOutput { role: Role::whole(cx.scope, role) })
}

/// Input of UpdateAssumeRolePolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAssumeRolePolicy {
    /// Which role.
    pub role_name: String,
    /// Who may assume it.
    pub policy_document: String,
}

/// Changes who may assume a role. Sessions that there are go on.
///
/// # Errors
/// `MalformedPolicy`, `NotFound`, `LimitExceeded`.
pub async fn update_assume_role_policy(cx: &Call<'_>, input: UpdateAssumeRolePolicy) -> Result<Empty, Error> {
    check_trust(&input.policy_document)?;
    let new = RoleChange { trust: Some(input.policy_document), ..RoleChange::default() };
    change(cx, &input.role_name, new).await?;
    Ok(Empty {})
}

async fn change(cx: &Call<'_>, name: &str, new: RoleChange) -> Result<iam::Role, Error> {
    let role = cx.state.store.role_update(cx.scope.account(), name, new).await?;
    let role = role.ok_or_else(|| no_identity(KIND, name))?;
    changed(cx);
    Ok(role)
}

/// Deletes a role without policies.
///
/// # Errors
/// `NotFound`, `InUse`.
pub async fn delete_role(cx: &Call<'_>, input: OneRole) -> Result<Empty, Error> {
    let outcome = cx.state.store.role_delete(cx.scope.account(), &input.role_name).await?;
    deleted(outcome, KIND, &input.role_name)?;
    changed(cx);
    Ok(Empty {})
}

/// Input of TagRole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagRole {
    /// Which role.
    pub role_name: String,
    /// What to set, by key.
    pub tags: Vec<IotTag>,
}

/// Sets tags; a known key gets the new value.
///
/// # Errors
/// `NotFound`; `Invalid` for reserved keys; `LimitExceeded`.
pub async fn tag_role(cx: &Call<'_>, input: TagRole) -> Result<Empty, Error> {
    let tags = input.tags.into_iter().map(Into::into).collect();
    let outcome = cx.state.store.identity_tags_set(cx.scope.account(), KIND, &input.role_name, tags).await?;
    tagged(outcome, || no_identity(KIND, &input.role_name))?;
    changed(cx);
    Ok(Empty {})
}

/// Input of UntagRole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagRole {
    /// Which role.
    pub role_name: String,
    /// Keys to remove.
    pub tag_keys: Vec<String>,
}

/// Removes tags; unknown keys are ignored.
///
/// # Errors
/// `NotFound`.
pub async fn untag_role(cx: &Call<'_>, input: UntagRole) -> Result<Empty, Error> {
    let (name, keys) = (input.role_name, input.tag_keys);
    if !cx.state.store.identity_tags_remove(cx.scope.account(), KIND, &name, keys).await? {
        return Err(no_identity(KIND, &name));
    }
    changed(cx);
    Ok(Empty {})
}

/// Shows the tags of a role, all on one page.
///
/// # Errors
/// `NotFound`.
pub async fn list_role_tags(cx: &Call<'_>, input: OneRole) -> Result<Map<String, Value>, Error> {
    let role = identity(cx, KIND, &input.role_name).await?;
    let listing = Listing { operation: "ListRoleTags", scope: cx.scope, filters: &[] };
    let tags: Vec<IotTag> = role.tags.into_iter().map(IotTag::from).collect();
    page_of("Tags", tags, None, &listing)
}

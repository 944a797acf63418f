//! Users.

use adit_iot::iam::{Identity, IdentityKind};
use adit_iot::page::Listing;
use adit_iot::{Error, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Iso, Paged, changed, created, deleted, identity, new_identity, no_boundary, no_identity, page_of,
    renamed, root_path, tagged,
};
use crate::api::tag::IotTag;
use crate::api::tunnel::Empty;
use crate::identity::Caller;
use crate::state::Call;

const KIND: IdentityKind = IdentityKind::User;

/// A user on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    path: Option<String>,
    user_name: Option<String>,
    user_id: String,
    arn: String,
    create_date: Iso,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<IotTag>,
}

impl User {
    /// As listings show it: without its tags.
    pub(super) fn line(scope: &Scope, user: Identity) -> Self {
        Self {
            arn: user.arn(scope),
            path: Some(user.path),
            user_name: Some(user.name),
            user_id: user.id,
            create_date: Iso(user.created_at),
            tags: Vec::new(),
        }
    }

    fn whole(scope: &Scope, mut user: Identity) -> Self {
        let tags = std::mem::take(&mut user.tags);
        Self { tags: tags.into_iter().map(IotTag::from).collect(), ..Self::line(scope, user) }
    }
}

/// Output of CreateUser and GetUser.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserOutput {
    user: User,
}

/// Input of CreateUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUser {
    /// Its name.
    pub user_name: String,
    /// Its path.
    #[serde(default = "root_path")]
    pub path: String,
    /// Not supported.
    pub permissions_boundary: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Creates a user.
///
/// # Errors
/// `Exists`; `LimitExceeded`; `Invalid` for reserved tags or a permissions boundary.
pub async fn create_user(cx: &Call<'_>, input: CreateUser) -> Result<UserOutput, Error> {
    no_boundary(input.permissions_boundary.as_ref())?;
    let new = new_identity(cx, KIND, input.user_name, input.path, input.tags)?;
    let outcome = cx.state.store.user_create(cx.scope.account(), new.clone(), KIND.most()).await?;
    created(outcome, KIND, &new.name)?;
    Ok(UserOutput { user: User::whole(cx.scope, new) })
}

/// Input of GetUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUser {
    /// Which user; without one the caller.
    pub user_name: Option<String>,
}

/// Shows a user.
///
/// # Errors
/// `NotFound`; `Invalid` if no user is named and the caller is none.
pub async fn get_user(cx: &Call<'_>, input: GetUser) -> Result<UserOutput, Error> {
    let user = match owner(cx, input.user_name.as_deref()).await? {
        Some(user) => User::whole(cx.scope, user),
        None => User {
            path: None,
            user_name: None,
            user_id: cx.principal.account.clone(),
            arn: cx.principal.arn.clone(),
            create_date: Iso(account_since(cx).await?),
            tags: Vec::new(),
        },
    };
    Ok(UserOutput { user })
}

/// The account is as old as its first key.
async fn account_since(cx: &Call<'_>) -> Result<adit_iot::Timestamp, Error> {
    let keys = cx.state.store.credentials_of(cx.scope.account(), None).await?;
    Ok(keys.first().map_or(cx.state.started_at, |key| key.created_at))
}

/// The user named, or else the caller; `None` if that is the account itself.
pub(super) async fn owner(cx: &Call<'_>, name: Option<&str>) -> Result<Option<Identity>, Error> {
    match (name, &cx.principal.caller) {
        (Some(name), _) => identity(cx, KIND, name).await.map(Some),
        (None, Caller::Root) => Ok(None),
        (None, Caller::User(user)) => {
            let found = cx.state.store.identity_by_id(cx.scope.account(), &user.id).await?;
            found.ok_or_else(|| no_identity(KIND, user.name())).map(Some)
        }
        (None, Caller::Role { .. } | Caller::Device) => {
            Err(Error::invalid("Must specify userName when calling with non-User credentials"))
        }
    }
}

/// Input of ListUsers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsers {
    /// What their path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists users.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_users(cx: &Call<'_>, input: ListUsers) -> Result<Map<String, Value>, Error> {
    let filters = [Some(input.path_prefix.as_str())];
    let listing = Listing { operation: "ListUsers", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let account = cx.scope.account();
    let page = cx.state.store.identities_page(account, KIND, &input.path_prefix, after, limit).await?;
    let users = page.items.into_iter().map(|user| User::line(cx.scope, user)).collect();
    page_of("Users", users, page.next, &listing)
}

/// Input of UpdateUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUser {
    /// Which user.
    pub user_name: String,
    /// Its name from now on.
    pub new_user_name: Option<String>,
    /// Its path from now on.
    pub new_path: Option<String>,
}

/// Gives a user another name or path.
///
/// # Errors
/// `NotFound`, `Exists`.
pub async fn update_user(cx: &Call<'_>, input: UpdateUser) -> Result<Empty, Error> {
    let (name, new) = (input.user_name, input.new_user_name);
    let account = cx.scope.account();
    let outcome = cx.state.store.user_update(account, &name, new.clone(), input.new_path).await?;
    renamed(outcome, KIND, &name, new.as_deref())?;
    changed(cx);
    Ok(Empty {})
}

/// Input of what asks for a user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OneUser {
    /// Which user.
    pub user_name: String,
}

/// Deletes a user that has no keys, policies or groups.
///
/// # Errors
/// `NotFound`, `InUse`.
pub async fn delete_user(cx: &Call<'_>, input: OneUser) -> Result<Empty, Error> {
    let outcome = cx.state.store.user_delete(cx.scope.account(), &input.user_name).await?;
    deleted(outcome, KIND, &input.user_name)?;
    changed(cx);
    Ok(Empty {})
}

/// Input of TagUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagUser {
    /// Which user.
    pub user_name: String,
    /// What to set, by key.
    pub tags: Vec<IotTag>,
}

/// Sets tags; a known key gets the new value.
///
/// # Errors
/// `NotFound`; `Invalid` for reserved keys; `LimitExceeded`.
pub async fn tag_user(cx: &Call<'_>, input: TagUser) -> Result<Empty, Error> {
    let tags = input.tags.into_iter().map(Into::into).collect();
    let outcome = cx.state.store.identity_tags_set(cx.scope.account(), KIND, &input.user_name, tags).await?;
    tagged(outcome, || no_identity(KIND, &input.user_name))?;
    changed(cx);
    Ok(Empty {})
}

/// Input of UntagUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagUser {
    /// Which user.
    pub user_name: String,
    /// Keys to remove.
    pub tag_keys: Vec<String>,
}

/// Removes tags; unknown keys are ignored.
///
/// # Errors
/// `NotFound`.
pub async fn untag_user(cx: &Call<'_>, input: UntagUser) -> Result<Empty, Error> {
    let (name, keys) = (input.user_name, input.tag_keys);
    if !cx.state.store.identity_tags_remove(cx.scope.account(), KIND, &name, keys).await? {
        return Err(no_identity(KIND, &name));
    }
    changed(cx);
    Ok(Empty {})
}

/// Shows the tags of a user, all on one page.
///
/// # Errors
/// `NotFound`.
pub async fn list_user_tags(cx: &Call<'_>, input: OneUser) -> Result<Map<String, Value>, Error> {
    let user = identity(cx, KIND, &input.user_name).await?;
    let listing = Listing { operation: "ListUserTags", scope: cx.scope, filters: &[] };
    let tags: Vec<IotTag> = user.tags.into_iter().map(IotTag::from).collect();
    page_of("Tags", tags, None, &listing)
}

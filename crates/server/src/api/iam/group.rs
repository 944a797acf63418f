//! Groups of users.

use adit_iot::iam::{Identity, IdentityKind};
use adit_iot::page::Listing;
use adit_iot::{Error, Scope};
use adit_store::MemberChanged;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::user::User;
use super::{
    Iso, Paged, changed, created, deleted, identity, new_identity, no_identity, page_of, renamed, root_path,
};
use crate::api::tunnel::Empty;
use crate::state::Call;

const KIND: IdentityKind = IdentityKind::Group;
/// Most groups of a user: AWS's own quota.
pub const MOST: usize = 10;

/// A group on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Group {
    path: String,
    group_name: String,
    group_id: String,
    arn: String,
    create_date: Iso,
}

impl Group {
    fn new(scope: &Scope, group: Identity) -> Self {
        Self {
            arn: group.arn(scope),
            path: group.path,
            group_name: group.name,
            group_id: group.id,
            create_date: Iso(group.created_at),
        }
    }
}

/// Output of CreateGroup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroupOutput {
    group: Group,
}

/// Input of CreateGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroup {
    /// Its name.
    pub group_name: String,
    /// Its path.
    #[serde(default = "root_path")]
    pub path: String,
}

/// Creates a group.
///
/// # Errors
/// `Exists`, `LimitExceeded`.
pub async fn create_group(cx: &Call<'_>, input: CreateGroup) -> Result<CreateGroupOutput, Error> {
    let new = new_identity(cx, KIND, input.group_name, input.path, Vec::new())?;
    let outcome = cx.state.store.user_group_create(cx.scope.account(), new.clone(), KIND.most()).await?;
    created(outcome, KIND, &new.name)?;
    Ok(CreateGroupOutput { group: Group::new(cx.scope, new) })
}

/// Input of GetGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroup {
    /// Which group.
    pub group_name: String,
    /// The page of its users.
    #[serde(flatten)]
    pub page: Paged,
}

/// Shows a group and its users.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn get_group(cx: &Call<'_>, input: GetGroup) -> Result<Map<String, Value>, Error> {
    let name = input.group_name.as_str();
    let group = identity(cx, KIND, name).await?;
    let filters = [Some(name)];
    let listing = Listing { operation: "GetGroup", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.user_group_members(cx.scope.account(), name, after, limit).await?;
    let page = page.ok_or_else(|| no_identity(KIND, name))?;
    let users = page.items.into_iter().map(|user| User::line(cx.scope, user)).collect();
    let mut output = page_of("Users", users, page.next, &listing)?;
    let group = serde_json::to_value(Group::new(cx.scope, group));
    let group = group.map_err(|error| Error::internal(format!("a group cannot be written: {error}")))?;
    output.insert("Group".to_owned(), group);
    Ok(output)
}

/// Input of ListGroups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroups {
    /// What their path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists groups.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_groups(cx: &Call<'_>, input: ListGroups) -> Result<Map<String, Value>, Error> {
    let filters = [Some(input.path_prefix.as_str())];
    let listing = Listing { operation: "ListGroups", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let account = cx.scope.account();
    let page = cx.state.store.identities_page(account, KIND, &input.path_prefix, after, limit).await?;
    let groups = page.items.into_iter().map(|group| Group::new(cx.scope, group)).collect();
    page_of("Groups", groups, page.next, &listing)
}

/// Input of ListGroupsForUser.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsForUser {
    /// Which user.
    pub user_name: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists the groups that a user is in.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_groups_for_user(
    cx: &Call<'_>,
    input: ListGroupsForUser,
) -> Result<Map<String, Value>, Error> {
    let name = input.user_name.as_str();
    let filters = [Some(name)];
    let listing = Listing { operation: "ListGroupsForUser", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.user_groups_of(cx.scope.account(), name, after, limit).await?;
    let page = page.ok_or_else(|| no_identity(IdentityKind::User, name))?;
    let groups = page.items.into_iter().map(|group| Group::new(cx.scope, group)).collect();
    page_of("Groups", groups, page.next, &listing)
}

/// Input of UpdateGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateGroup {
    /// Which group.
    pub group_name: String,
    /// Its name from now on.
    pub new_group_name: Option<String>,
    /// Its path from now on.
    pub new_path: Option<String>,
}

/// Gives a group another name or path.
///
/// # Errors
/// `NotFound`, `Exists`.
pub async fn update_group(cx: &Call<'_>, input: UpdateGroup) -> Result<Empty, Error> {
    let (name, new) = (input.group_name, input.new_group_name);
    let account = cx.scope.account();
    let outcome = cx.state.store.user_group_update(account, &name, new.clone(), input.new_path).await?;
    renamed(outcome, KIND, &name, new.as_deref())?;
    changed(cx);
    Ok(Empty {})
}

/// Input of DeleteGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroup {
    /// Which group.
    pub group_name: String,
}

/// Deletes a group without users and policies.
///
/// # Errors
/// `NotFound`, `InUse`.
pub async fn delete_group(cx: &Call<'_>, input: DeleteGroup) -> Result<Empty, Error> {
    let outcome = cx.state.store.user_group_delete(cx.scope.account(), &input.group_name).await?;
    deleted(outcome, KIND, &input.group_name)?;
    Ok(Empty {})
}

/// Input of AddUserToGroup and RemoveUserFromGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Membership {
    /// Which group.
    pub group_name: String,
    /// Which user.
    pub user_name: String,
}

/// Puts a user into a group; it may be in it already.
///
/// # Errors
/// `NotFound`, `LimitExceeded`.
pub async fn add_user_to_group(cx: &Call<'_>, input: Membership) -> Result<Empty, Error> {
    let (account, group, user) = (cx.scope.account(), &input.group_name, &input.user_name);
    done(cx, cx.state.store.user_group_add(account, group, user, MOST).await?, &input)
}

/// Takes a user out of a group, whether it was in it or not.
///
/// # Errors
/// `NotFound`.
pub async fn remove_user_from_group(cx: &Call<'_>, input: Membership) -> Result<Empty, Error> {
    let (account, group, user) = (cx.scope.account(), &input.group_name, &input.user_name);
    done(cx, cx.state.store.user_group_remove(account, group, user).await?, &input)
}

fn done(cx: &Call<'_>, outcome: MemberChanged, input: &Membership) -> Result<Empty, Error> {
    match outcome {
        MemberChanged::Yes => {
            changed(cx);
            Ok(Empty {})
        }
        MemberChanged::NoGroup => Err(no_identity(KIND, &input.group_name)),
        MemberChanged::NoUser => Err(no_identity(IdentityKind::User, &input.user_name)),
        MemberChanged::TooMany => {
            Err(Error::limit_exceeded(format!("Cannot exceed quota for GroupsPerUser: {MOST}")))
        }
    }
}

//! Policies that are part of one user, group or role.

use adit_iot::Error;
use adit_iot::iam::IdentityKind::{self, Group, Role, User};
use adit_iot::page::Listing;
use adit_store::InlineKept;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Paged, changed, check_policy, encoded, no_identity, page_of};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// Input of the Put operations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Put {
    /// Of whom.
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    pub identity: String,
    /// Its name.
    pub policy_name: String,
    /// Its document.
    pub policy_document: String,
}

async fn put(cx: &Call<'_>, kind: IdentityKind, input: Put) -> Result<Empty, Error> {
    let most = kind.most_inline();
    check_policy(&input.policy_document, usize::MAX)?;
    let (identity, name, document) = (&input.identity, &input.policy_name, input.policy_document);
    let account = cx.scope.account();
    match cx.state.store.inline_policy_put(account, kind, identity, name, document, most).await? {
        InlineKept::Yes => {
            changed(cx);
            Ok(Empty {})
        }
        InlineKept::NotFound => Err(no_identity(kind, identity)),
        InlineKept::TooLong => Err(Error::limit_exceeded(format!(
            "Maximum policy size of {most} bytes exceeded for {} {identity}",
            kind.as_str()
        ))),
    }
}

/// Keeps an inline policy of a user, over one of the same name.
///
/// # Errors
/// `MalformedPolicy`, `NotFound`, `LimitExceeded`.
pub async fn put_user_policy(cx: &Call<'_>, input: Put) -> Result<Empty, Error> {
    put(cx, User, input).await
}

/// Keeps an inline policy of a group, over one of the same name.
///
/// # Errors
/// `MalformedPolicy`, `NotFound`, `LimitExceeded`.
pub async fn put_group_policy(cx: &Call<'_>, input: Put) -> Result<Empty, Error> {
    put(cx, Group, input).await
}

/// Keeps an inline policy of a role, over one of the same name.
///
/// # Errors
/// `MalformedPolicy`, `NotFound`, `LimitExceeded`.
pub async fn put_role_policy(cx: &Call<'_>, input: Put) -> Result<Empty, Error> {
    put(cx, Role, input).await
}

/// Input of the Get and Delete operations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct One {
    /// Of whom.
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    pub identity: String,
    /// Which policy.
    pub policy_name: String,
}

fn no_policy(kind: IdentityKind, name: &str) -> Error {
    Error::not_found(format!("The {} policy with name {name} cannot be found.", kind.as_str()))
}

async fn get(cx: &Call<'_>, kind: IdentityKind, input: One) -> Result<Map<String, Value>, Error> {
    let (identity, name) = (input.identity, input.policy_name);
    let found = cx.state.store.inline_policy_get(cx.scope.account(), kind, &identity, &name).await?;
    let found = found.ok_or_else(|| no_identity(kind, &identity))?;
    let document = found.ok_or_else(|| no_policy(kind, &name))?;
    let mut output = Map::new();
    output.insert(format!("{}Name", kind.title()), Value::String(identity));
    output.insert("PolicyName".to_owned(), Value::String(name));
    output.insert("PolicyDocument".to_owned(), Value::String(encoded(&document)));
    Ok(output)
}

/// Shows an inline policy of a user.
///
/// # Errors
/// `NotFound`.
pub async fn get_user_policy(cx: &Call<'_>, input: One) -> Result<Map<String, Value>, Error> {
    get(cx, User, input).await
}

/// Shows an inline policy of a group.
///
/// # Errors
/// `NotFound`.
pub async fn get_group_policy(cx: &Call<'_>, input: One) -> Result<Map<String, Value>, Error> {
    get(cx, Group, input).await
}

/// Shows an inline policy of a role.
///
/// # Errors
/// `NotFound`.
pub async fn get_role_policy(cx: &Call<'_>, input: One) -> Result<Map<String, Value>, Error> {
    get(cx, Role, input).await
}

async fn delete(cx: &Call<'_>, kind: IdentityKind, input: One) -> Result<Empty, Error> {
    let (identity, name) = (input.identity, input.policy_name);
    match cx.state.store.inline_policy_delete(cx.scope.account(), kind, &identity, &name).await? {
        Some(true) => {
            changed(cx);
            Ok(Empty {})
        }
        Some(false) => Err(no_policy(kind, &name)),
        None => Err(no_identity(kind, &identity)),
    }
}

/// Deletes an inline policy of a user.
///
/// # Errors
/// `NotFound`.
pub async fn delete_user_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    delete(cx, User, input).await
}

/// Deletes an inline policy of a group.
///
/// # Errors
/// `NotFound`.
pub async fn delete_group_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    delete(cx, Group, input).await
}

/// Deletes an inline policy of a role.
///
/// # Errors
/// `NotFound`.
pub async fn delete_role_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    delete(cx, Role, input).await
}

/// Input of the listings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Of {
    /// Of whom.
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    pub identity: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

async fn list(
    cx: &Call<'_>,
    operation: &str,
    kind: IdentityKind,
    input: Of,
) -> Result<Map<String, Value>, Error> {
    let filters = [Some(input.identity.as_str())];
    let listing = Listing { operation, scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let (account, identity) = (cx.scope.account(), &input.identity);
    let page = cx.state.store.inline_policies_page(account, kind, identity, after, limit).await?;
    let page = page.ok_or_else(|| no_identity(kind, identity))?;
    page_of("PolicyNames", page.items, page.next, &listing)
}

/// Lists the names of the inline policies of a user.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_user_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListUserPolicies", User, input).await
}

/// Lists the names of the inline policies of a group.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_group_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListGroupPolicies", Group, input).await
}

/// Lists the names of the inline policies of a role.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_role_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListRolePolicies", Role, input).await
}

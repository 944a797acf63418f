//! Which policies with an ARN count for which user, group or role.

use adit_iot::Error;
use adit_iot::iam::IdentityKind::{self, Group, Role, User};
use adit_iot::iam::PolicyArn;
use adit_iot::iam::managed_policy::{MOST_ATTACHED, no_such};
use adit_iot::page::Listing;
use adit_store::Attaching;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::managed_policy::not_found;
use super::{Paged, changed, no_identity, page_of, root_path};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// Input of the Attach and Detach operations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct One {
    /// To whom.
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    pub identity: String,
    /// Which policy.
    pub policy_arn: String,
}

async fn attach(cx: &Call<'_>, kind: IdentityKind, input: One) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    let (account, identity) = (cx.scope.account(), &input.identity);
    let outcome = cx.state.store.managed_policy_attach(account, kind, identity, &arn, MOST_ATTACHED).await?;
    done(cx, kind, &input, outcome)
}

async fn detach(cx: &Call<'_>, kind: IdentityKind, input: One) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    let outcome =
        cx.state.store.managed_policy_detach(cx.scope.account(), kind, &input.identity, &arn).await?;
    done(cx, kind, &input, outcome)
}

fn done(cx: &Call<'_>, kind: IdentityKind, input: &One, outcome: Attaching) -> Result<Empty, Error> {
    match outcome {
        Attaching::Yes => {
            changed(cx);
            Ok(Empty {})
        }
        Attaching::NoIdentity => Err(no_identity(kind, &input.identity)),
        Attaching::NoPolicy => Err(no_such(&input.policy_arn)),
        Attaching::NotAttached => Err(not_found(&input.policy_arn)),
        Attaching::TooMany => Err(Error::limit_exceeded(format!(
            "Cannot exceed quota for PoliciesPer{}: {MOST_ATTACHED}",
            kind.title()
        ))),
    }
}

/// Attaches a policy to a user.
///
/// # Errors
/// `Invalid`, `NotFound`, `LimitExceeded`.
pub async fn attach_user_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    attach(cx, User, input).await
}

/// Attaches a policy to a group.
///
/// # Errors
/// `Invalid`, `NotFound`, `LimitExceeded`.
pub async fn attach_group_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    attach(cx, Group, input).await
}

/// Attaches a policy to a role.
///
/// # Errors
/// `Invalid`, `NotFound`, `LimitExceeded`.
pub async fn attach_role_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    attach(cx, Role, input).await
}

/// Detaches a policy from a user.
///
/// # Errors
/// `Invalid`, `NotFound`.
pub async fn detach_user_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    detach(cx, User, input).await
}

/// Detaches a policy from a group.
///
/// # Errors
/// `Invalid`, `NotFound`.
pub async fn detach_group_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    detach(cx, Group, input).await
}

/// Detaches a policy from a role.
///
/// # Errors
/// `Invalid`, `NotFound`.
pub async fn detach_role_policy(cx: &Call<'_>, input: One) -> Result<Empty, Error> {
    detach(cx, Role, input).await
}

/// Input of the listings of an identity's policies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Of {
    /// Of whom.
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    pub identity: String,
    /// What the policies' path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
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
    let filters = [Some(input.identity.as_str()), Some(input.path_prefix.as_str())];
    let listing = Listing { operation, scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let (account, identity, prefix) = (cx.scope.account(), &input.identity, &input.path_prefix);
    let page = cx.state.store.identity_policies_page(account, kind, identity, prefix, after, limit).await?;
    let page = page.ok_or_else(|| no_identity(kind, identity))?;
    let line = |arn: &PolicyArn| json!({ "PolicyName": arn.name, "PolicyArn": arn.text(cx.scope) });
    page_of("AttachedPolicies", page.items.iter().map(line).collect(), page.next, &listing)
}

/// Lists the policies attached to a user.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_attached_user_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListAttachedUserPolicies", User, input).await
}

/// Lists the policies attached to a group.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_attached_group_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListAttachedGroupPolicies", Group, input).await
}

/// Lists the policies attached to a role.
///
/// # Errors
/// `NotFound`; `Invalid` for a marker of another listing.
pub async fn list_attached_role_policies(cx: &Call<'_>, input: Of) -> Result<Map<String, Value>, Error> {
    list(cx, "ListAttachedRolePolicies", Role, input).await
}

/// Input of ListEntitiesForPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEntitiesForPolicy {
    /// Which policy.
    pub policy_arn: String,
    /// `User`, `Group` or `Role`; the model's other kinds are never there.
    pub entity_filter: Option<String>,
    /// `PermissionsPolicy`, or `PermissionsBoundary`, which nobody has here.
    pub policy_usage_filter: Option<String>,
    /// What the entities' path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists the users, groups and roles that have a policy.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN, or a marker of another listing.
pub async fn list_entities_for_policy(
    cx: &Call<'_>,
    input: ListEntitiesForPolicy,
) -> Result<Map<String, Value>, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    let (filter, usage) = (input.entity_filter.as_deref(), input.policy_usage_filter.as_deref());
    let prefix = input.path_prefix.as_str();
    let filters = [Some(input.policy_arn.as_str()), filter, usage, Some(prefix)];
    let listing = Listing { operation: "ListEntitiesForPolicy", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let kind = IdentityKind::ALL.into_iter().find(|kind| Some(kind.title()) == filter);
    let nobody = usage == Some("PermissionsBoundary") || (filter.is_some() && kind.is_none());
    let account = cx.scope.account();
    let page = cx.state.store.policy_entities_page(account, &arn, kind, prefix, after, limit).await?;
    let page = page.ok_or_else(|| not_found(&input.policy_arn))?;
    let items = if nobody { Vec::new() } else { page.items };
    let next = page.next.filter(|_| !nobody);
    let mut output = page_of("PolicyUsers", lines(&items, User), next, &listing)?;
    output.insert("PolicyGroups".to_owned(), Value::Array(lines(&items, Group)));
    output.insert("PolicyRoles".to_owned(), Value::Array(lines(&items, Role)));
    Ok(output)
}

/// Those of a kind as `UserName` and `UserId`, and so on.
fn lines(items: &[adit_iot::iam::Identity], kind: IdentityKind) -> Vec<Value> {
    let title = kind.title();
    let of_kind = items.iter().filter(|entity| entity.kind == kind);
    of_kind
        .map(|entity| json!({ (format!("{title}Name")): entity.name, (format!("{title}Id")): entity.id }))
        .collect()
}

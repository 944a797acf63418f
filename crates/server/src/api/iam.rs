//! Identities: users, groups, roles and their policies, asked for by IAM's query protocol.
//!
//! They belong to an account and no region. Names of operations are matched here.

pub mod absent;
pub mod access_key;
pub mod attached_policy;
pub mod group;
pub mod inline_policy;
pub mod managed_policy;
pub mod role;
pub mod user;
pub mod version;

use adit_iot::iam::role::MOST_TRUST_CHARS;
use adit_iot::iam::{Identity, IdentityKind};
use adit_iot::page::Listing;
use adit_iot::policy::{Document, MalformedDocument, TrustPolicy, characters};
use adit_iot::{Error, Kind, Timestamp};
use adit_store::{IamCreated, IdentityDeleted, Renamed, Tagged};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::tag::{self, IotTag};
use super::{Handler, shown, typed, with_input};
use crate::authority;
use crate::state::Call;

/// The function that serves an operation of IAM; `None` if this server does not offer it.
pub(super) fn handler(operation: &str) -> Option<Handler> {
    let handler: Handler = match operation {
        "AddUserToGroup" => with_input!(group::add_user_to_group),
        "AttachGroupPolicy" => with_input!(attached_policy::attach_group_policy),
        "AttachRolePolicy" => with_input!(attached_policy::attach_role_policy),
        "AttachUserPolicy" => with_input!(attached_policy::attach_user_policy),
        "CreateAccessKey" => with_input!(access_key::create_access_key),
        "CreateGroup" => with_input!(group::create_group),
        "CreatePolicy" => with_input!(managed_policy::create_policy),
        "CreatePolicyVersion" => with_input!(version::create_policy_version),
        "CreateRole" => with_input!(role::create_role),
        "CreateUser" => with_input!(user::create_user),
        "DeleteAccessKey" => with_input!(access_key::delete_access_key),
        "DeleteGroup" => with_input!(group::delete_group),
        "DeleteGroupPolicy" => with_input!(inline_policy::delete_group_policy),
        "DeleteLoginProfile" | "GetLoginProfile" => with_input!(absent::no_login_profile),
        "DeletePolicy" => with_input!(managed_policy::delete_policy),
        "DeletePolicyVersion" => with_input!(version::delete_policy_version),
        "DeleteRole" => with_input!(role::delete_role),
        "DeleteRolePolicy" => with_input!(inline_policy::delete_role_policy),
        "DeleteUser" => with_input!(user::delete_user),
        "DeleteUserPolicy" => with_input!(inline_policy::delete_user_policy),
        "DetachGroupPolicy" => with_input!(attached_policy::detach_group_policy),
        "DetachRolePolicy" => with_input!(attached_policy::detach_role_policy),
        "DetachUserPolicy" => with_input!(attached_policy::detach_user_policy),
        "GetAccessKeyLastUsed" => with_input!(access_key::get_access_key_last_used),
        "GetGroup" => with_input!(group::get_group),
        "GetGroupPolicy" => with_input!(inline_policy::get_group_policy),
        "GetPolicy" => with_input!(managed_policy::get_policy),
        "GetPolicyVersion" => with_input!(version::get_policy_version),
        "GetRole" => with_input!(role::get_role),
        "GetRolePolicy" => with_input!(inline_policy::get_role_policy),
        "GetUser" => with_input!(user::get_user),
        "GetUserPolicy" => with_input!(inline_policy::get_user_policy),
        "ListAccessKeys" => with_input!(access_key::list_access_keys),
        "ListAccountAliases" => with_input!(absent::list_account_aliases),
        "ListAttachedGroupPolicies" => with_input!(attached_policy::list_attached_group_policies),
        "ListAttachedRolePolicies" => with_input!(attached_policy::list_attached_role_policies),
        "ListAttachedUserPolicies" => with_input!(attached_policy::list_attached_user_policies),
        "ListEntitiesForPolicy" => with_input!(attached_policy::list_entities_for_policy),
        "ListGroupPolicies" => with_input!(inline_policy::list_group_policies),
        "ListGroups" => with_input!(group::list_groups),
        "ListGroupsForUser" => with_input!(group::list_groups_for_user),
        "ListInstanceProfilesForRole" => with_input!(absent::list_instance_profiles_for_role),
        "ListMFADevices" => with_input!(absent::list_mfa_devices),
        "ListPolicies" => with_input!(managed_policy::list_policies),
        "ListPolicyTags" => with_input!(managed_policy::list_policy_tags),
        "ListPolicyVersions" => with_input!(version::list_policy_versions),
        "ListRolePolicies" => with_input!(inline_policy::list_role_policies),
        "ListRoleTags" => with_input!(role::list_role_tags),
        "ListRoles" => with_input!(role::list_roles),
        "ListSSHPublicKeys" => with_input!(absent::list_ssh_public_keys),
        "ListServiceSpecificCredentials" => with_input!(absent::list_service_specific_credentials),
        "ListSigningCertificates" => with_input!(absent::list_signing_certificates),
        "ListUserPolicies" => with_input!(inline_policy::list_user_policies),
        "ListUserTags" => with_input!(user::list_user_tags),
        "ListUsers" => with_input!(user::list_users),
        "ListVirtualMFADevices" => with_input!(absent::list_virtual_mfa_devices),
        "PutGroupPolicy" => with_input!(inline_policy::put_group_policy),
        "PutRolePolicy" => with_input!(inline_policy::put_role_policy),
        "PutUserPolicy" => with_input!(inline_policy::put_user_policy),
        "RemoveUserFromGroup" => with_input!(group::remove_user_from_group),
        "SetDefaultPolicyVersion" => with_input!(version::set_default_policy_version),
        "TagPolicy" => with_input!(managed_policy::tag_policy),
        "TagRole" => with_input!(role::tag_role),
        "TagUser" => with_input!(user::tag_user),
        "UntagPolicy" => with_input!(managed_policy::untag_policy),
        "UntagRole" => with_input!(role::untag_role),
        "UntagUser" => with_input!(user::untag_user),
        "UpdateAccessKey" => with_input!(access_key::update_access_key),
        "UpdateAssumeRolePolicy" => with_input!(role::update_assume_role_policy),
        "UpdateGroup" => with_input!(group::update_group),
        "UpdateRole" => with_input!(role::update_role),
        "UpdateRoleDescription" => with_input!(role::update_role_description),
        "UpdateUser" => with_input!(user::update_user),
        _ => return None,
    };
    Some(handler)
}

/// A point in time as XML answers write it.
#[derive(Debug, Clone, Copy)]
pub struct Iso(pub Timestamp);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&adit_aws::extended(self.0.millis().div_euclid(1000)))
    }
}

/// Items on a page when the caller does not say.
const PAGE: usize = 100;

/// A page of a listing: oldest first.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Paged {
    /// Where to go on.
    pub marker: Option<String>,
    /// Items on a page, 1 to 1000.
    pub max_items: Option<u32>,
}

impl Paged {
    /// Items on the page.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.max_items.map_or(PAGE, |count| count as usize)
    }

    /// The position to go on after.
    ///
    /// # Errors
    /// `Invalid` for a marker of another listing.
    pub fn after(&self, listing: &Listing<'_>) -> Result<Option<i64>, Error> {
        self.marker.as_deref().map(|marker| listing.marked(marker)).transpose()
    }
}

/// The answer of a listing: its items under a name, and whether there are more.
fn page_of(
    name: &str,
    items: Vec<impl Serialize>,
    next: Option<i64>,
    listing: &Listing<'_>,
) -> Result<Map<String, Value>, Error> {
    let items = items.into_iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let items = items.map_err(|error| Error::internal(format!("an item cannot be written: {error}")))?;
    let mut page = Map::new();
    page.insert(name.to_owned(), Value::Array(items));
    page.insert("IsTruncated".to_owned(), Value::Bool(next.is_some()));
    if let Some(position) = next {
        page.insert("Marker".to_owned(), Value::String(listing.marker(position)));
    }
    Ok(page)
}

/// The path of what is made without one, and the prefix that every path has.
fn root_path() -> String {
    "/".to_owned()
}

/// A fresh identity.
fn new_identity(
    cx: &Call<'_>,
    kind: IdentityKind,
    name: String,
    path: String,
    tags: Vec<IotTag>,
) -> Result<Identity, Error> {
    let id = cx.state.ids.iam_id(kind.id_prefix());
    Ok(Identity { kind, name, path, id, tags: tag::of_new(tags)?, created_at: cx.now })
}

async fn identity(cx: &Call<'_>, kind: IdentityKind, name: &str) -> Result<Identity, Error> {
    let found = cx.state.store.identity_get(cx.scope.account(), kind, name).await?;
    found.ok_or_else(|| no_identity(kind, name))
}

fn no_identity(kind: IdentityKind, name: &str) -> Error {
    Error::not_found(format!("The {} with name {name} cannot be found.", kind.as_str()))
}

fn created(outcome: IamCreated, kind: IdentityKind, name: &str) -> Result<(), Error> {
    match outcome {
        IamCreated::Yes => Ok(()),
        IamCreated::Exists => {
            Err(Error::new(Kind::Exists, format!("{} with name {name} already exists.", kind.title())))
        }
        IamCreated::TooMany => Err(Error::limit_exceeded(format!(
            "Cannot exceed quota for {}sPerAccount: {}",
            kind.title(),
            kind.most()
        ))),
    }
}

fn renamed(outcome: Renamed, kind: IdentityKind, name: &str, new: Option<&str>) -> Result<(), Error> {
    match outcome {
        Renamed::Yes => Ok(()),
        Renamed::NotFound => Err(no_identity(kind, name)),
        Renamed::Exists => created(IamCreated::Exists, kind, new.unwrap_or(name)),
    }
}

fn deleted(outcome: IdentityDeleted, kind: IdentityKind, name: &str) -> Result<(), Error> {
    match outcome {
        IdentityDeleted::Yes => Ok(()),
        IdentityDeleted::NotFound => Err(no_identity(kind, name)),
        IdentityDeleted::InUse(hindrance) => Err(hindrance.refusal()),
    }
}

fn tagged(outcome: Tagged, missing: impl FnOnce() -> Error) -> Result<(), Error> {
    match outcome {
        Tagged::Yes => Ok(()),
        Tagged::NotFound => Err(missing()),
        Tagged::Refused(refusal) => Err(refusal),
    }
}

/// A policy document as answers carry it: percent-encoded.
fn encoded(document: &str) -> String {
    adit_aws::percent_encoded(document.as_bytes())
}

/// Refuses what would not be heeded: a boundary that does not bound is worse than none.
fn no_boundary(boundary: Option<&String>) -> Result<(), Error> {
    match boundary {
        None => Ok(()),
        Some(_) => Err(Error::invalid(
            "PermissionsBoundary is not supported by this server; leave it out and give fewer permissions.",
        )),
    }
}

/// Checks a document that says what somebody may do, of at most `most` characters besides white space.
///
/// # Errors
/// `MalformedPolicy`, `LimitExceeded`.
pub(super) fn check_policy(document: &str, most: usize) -> Result<(), Error> {
    Document::identity(document).map_err(malformed)?;
    if characters(document) > most {
        return Err(Error::limit_exceeded(format!("Cannot exceed quota for PolicySize: {most}")));
    }
    Ok(())
}

/// Checks a document that says who may assume a role.
///
/// # Errors
/// `MalformedPolicy`, `LimitExceeded`.
fn check_trust(document: &str) -> Result<(), Error> {
    TrustPolicy::parse(document).map_err(malformed)?;
    let most = MOST_TRUST_CHARS;
    if characters(document) > most {
        return Err(Error::limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {most}")));
    }
    Ok(())
}

fn malformed(why: MalformedDocument) -> Error {
    Error::new(Kind::MalformedPolicy, why.to_string())
}

/// Called after what somebody may do has become another, so that nobody decides by what was.
fn changed(cx: &Call<'_>) {
    authority::changed(cx.state, cx.scope.account());
}

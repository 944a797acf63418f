//! What IAM keeps elsewhere and nobody has here: passwords, devices, keys of other kinds, instance profiles. Tools ask
//! for them before they delete a user or role, and get an empty list.

use adit_iot::Error;
use adit_iot::iam::IdentityKind;
use adit_iot::page::Listing;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::role::OneRole;
use super::user::owner;
use super::{identity, page_of};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// Input of listings about a user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OfUser {
    /// Which user; without a name the caller.
    pub user_name: Option<String>,
}

/// Input of listings that are about nobody.
#[derive(Debug, Deserialize)]
pub struct Everything {}

fn nothing(cx: &Call<'_>, name: &str) -> Result<Map<String, Value>, Error> {
    let listing = Listing { operation: "List", scope: cx.scope, filters: &[] };
    page_of(name, Vec::<Value>::new(), None, &listing)
}

async fn nothing_of(cx: &Call<'_>, user: OfUser, name: &str) -> Result<Map<String, Value>, Error> {
    owner(cx, user.user_name.as_deref()).await?;
    nothing(cx, name)
}

/// Instance profiles of a role: none.
///
/// # Errors
/// `NotFound` for the role.
pub async fn list_instance_profiles_for_role(
    cx: &Call<'_>,
    input: OneRole,
) -> Result<Map<String, Value>, Error> {
    identity(cx, IdentityKind::Role, &input.role_name).await?;
    nothing(cx, "InstanceProfiles")
}

/// MFA devices of a user: none.
///
/// # Errors
/// `NotFound` for the user.
pub async fn list_mfa_devices(cx: &Call<'_>, input: OfUser) -> Result<Map<String, Value>, Error> {
    nothing_of(cx, input, "MFADevices").await
}

/// SSH keys of a user: none.
///
/// # Errors
/// `NotFound` for the user.
pub async fn list_ssh_public_keys(cx: &Call<'_>, input: OfUser) -> Result<Map<String, Value>, Error> {
    nothing_of(cx, input, "SSHPublicKeys").await
}

/// Signing certificates of a user: none.
///
/// # Errors
/// `NotFound` for the user.
pub async fn list_signing_certificates(cx: &Call<'_>, input: OfUser) -> Result<Map<String, Value>, Error> {
    nothing_of(cx, input, "Certificates").await
}

/// Passwords for single services: none.
///
/// # Errors
/// `NotFound` for the user.
pub async fn list_service_specific_credentials(
    cx: &Call<'_>,
    input: OfUser,
) -> Result<Map<String, Value>, Error> {
    nothing_of(cx, input, "ServiceSpecificCredentials").await
}

/// MFA devices of the account: none.
///
/// # Errors
/// None.
pub async fn list_virtual_mfa_devices(cx: &Call<'_>, _: Everything) -> Result<Map<String, Value>, Error> {
    nothing(cx, "VirtualMFADevices")
}

/// Names of the account: none.
///
/// # Errors
/// None.
pub async fn list_account_aliases(cx: &Call<'_>, _: Everything) -> Result<Map<String, Value>, Error> {
    nothing(cx, "AccountAliases")
}

/// The password of a user for the console: there is none to show or delete.
///
/// # Errors
/// `NotFound` always.
pub async fn no_login_profile(cx: &Call<'_>, input: OfUser) -> Result<Empty, Error> {
    let user = owner(cx, input.user_name.as_deref()).await?;
    let name = user.map_or("root".to_owned(), |user| user.name);
    Err(Error::not_found(format!("Login Profile for User {name} cannot be found.")))
}

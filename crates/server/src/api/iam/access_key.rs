//! Access keys of users and of the account itself.

use adit_iot::iam::Identity;
use adit_iot::page::Listing;
use adit_iot::{Error, Secret};
use adit_store::{Credential, KeyChanged, KeyCreated};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::user::owner;
use super::{Iso, changed, no_identity, page_of};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// Most keys of a user, and of an account itself: AWS's own quota.
pub const MOST: usize = 2;

/// A key on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKey {
    user_name: Option<String>,
    access_key_id: String,
    status: &'static str,
    #[serde(serialize_with = "Secret::serialize_exposed_option")]
    secret_access_key: Option<Secret>,
    create_date: Iso,
}

/// Output of CreateAccessKey.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccessKeyOutput {
    access_key: AccessKey,
}

/// Input of what is about a user's keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OfUser {
    /// Whose; without a name the caller's.
    pub user_name: Option<String>,
}

/// Makes a key. Its secret is in this answer and nowhere else.
///
/// # Errors
/// `NotFound`; `LimitExceeded`; `Invalid` if no user is named and the caller is none.
pub async fn create_access_key(cx: &Call<'_>, input: OfUser) -> Result<CreateAccessKeyOutput, Error> {
    let user = owner(cx, input.user_name.as_deref()).await?;
    let id = cx.state.ids.access_key_id();
    let secret = Secret::new(cx.state.ids.secret_access_key());
    let new = Credential {
        key_id: id.clone(),
        account: cx.scope.account().to_owned(),
        principal: user.as_ref().map_or("root".to_owned(), Identity::resource),
        user_id: user.as_ref().map(|user| user.id.clone()),
        sealed: cx.state.keys.sealed(&id, &secret)?,
        active: true,
        created_at: cx.now,
        last_used: None,
    };
    match cx.state.store.credential_create(new, MOST).await? {
        KeyCreated::Yes => Ok(CreateAccessKeyOutput {
            access_key: AccessKey {
                user_name: user.map(|user| user.name),
                access_key_id: id,
                status: "Active",
                secret_access_key: Some(secret),
                create_date: Iso(cx.now),
            },
        }),
        KeyCreated::NoUser => {
            let name = user.map(|user| user.name).unwrap_or_default();
            Err(no_identity(adit_iot::iam::IdentityKind::User, &name))
        }
        KeyCreated::TooMany => {
            Err(Error::limit_exceeded(format!("Cannot exceed quota for AccessKeysPerUser: {MOST}")))
        }
    }
}

/// Lists the keys of a user, all on one page.
///
/// # Errors
/// `NotFound`; `Invalid` if no user is named and the caller is none.
pub async fn list_access_keys(cx: &Call<'_>, input: OfUser) -> Result<Map<String, Value>, Error> {
    let user = owner(cx, input.user_name.as_deref()).await?;
    let id = user.as_ref().map(|user| user.id.as_str());
    let keys = cx.state.store.credentials_of(cx.scope.account(), id).await?;
    let keys: Vec<AccessKey> = keys
        .into_iter()
        .map(|key| AccessKey {
            user_name: user.as_ref().map(|user| user.name.clone()),
            access_key_id: key.key_id,
            status: if key.active { "Active" } else { "Inactive" },
            secret_access_key: None,
            create_date: Iso(key.created_at),
        })
        .collect();
    let listing = Listing { operation: "ListAccessKeys", scope: cx.scope, filters: &[] };
    page_of("AccessKeyMetadata", keys, None, &listing)
}

/// Input of UpdateAccessKey.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAccessKey {
    /// Whose; without a name the caller's.
    pub user_name: Option<String>,
    /// Which key.
    pub access_key_id: String,
    /// `Active` or `Inactive`.
    pub status: String,
}

/// Switches a key on or off, from the next request on.
///
/// # Errors
/// `NotFound`; `Invalid` for another status.
pub async fn update_access_key(cx: &Call<'_>, input: UpdateAccessKey) -> Result<Empty, Error> {
    let active = match input.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(Error::invalid(format!("Status must be Active or Inactive, not {other}."))),
    };
    let user = owner(cx, input.user_name.as_deref()).await?;
    let user = user.as_ref().map(|user| user.id.as_str());
    let (account, id) = (cx.scope.account(), input.access_key_id.as_str());
    let outcome = cx.state.store.credential_switch(account, user, id, active).await?;
    done(cx, outcome, id)
}

/// Input of DeleteAccessKey.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteAccessKey {
    /// Whose; without a name the caller's.
    pub user_name: Option<String>,
    /// Which key.
    pub access_key_id: String,
}

/// Takes a key away, from the next request on.
///
/// # Errors
/// `NotFound`.
pub async fn delete_access_key(cx: &Call<'_>, input: DeleteAccessKey) -> Result<Empty, Error> {
    let user = owner(cx, input.user_name.as_deref()).await?;
    let user = user.as_ref().map(|user| user.id.as_str());
    let (account, id) = (cx.scope.account(), input.access_key_id.as_str());
    let outcome = cx.state.store.credential_remove(account, user, id).await?;
    done(cx, outcome, id)
}

fn done(cx: &Call<'_>, outcome: KeyChanged, id: &str) -> Result<Empty, Error> {
    match outcome {
        KeyChanged::Yes => {
            cx.state.keys.forget(id);
            changed(cx);
            Ok(Empty {})
        }
        KeyChanged::NotFound => Err(no_key(id)),
    }
}

fn no_key(id: &str) -> Error {
    Error::not_found(format!("The Access Key with id {id} cannot be found."))
}

/// Input of GetAccessKeyLastUsed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyLastUsed {
    /// Which key.
    pub access_key_id: String,
}

/// Output of GetAccessKeyLastUsed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyLastUsedOutput {
    user_name: Option<String>,
    access_key_last_used: LastUsed,
}

/// The last use of a key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LastUsed {
    last_used_date: Option<Iso>,
    service_name: String,
    region: String,
}

/// Says when a key was last used, to a quarter of an hour.
///
/// # Errors
/// `NotFound` for a key of nobody in the account.
pub async fn get_access_key_last_used(
    cx: &Call<'_>,
    input: GetAccessKeyLastUsed,
) -> Result<GetAccessKeyLastUsedOutput, Error> {
    let id = &input.access_key_id;
    let key = cx.state.store.credential_get(id).await?.filter(|key| key.account == cx.scope.account());
    let key = key.ok_or_else(|| no_key(id))?;
    let user = cx.state.store.user_of_key(cx.scope.account(), id).await?;
    let never = || "N/A".to_owned();
    let (last_used_date, service_name, region) = match key.last_used {
        Some(used) => (Some(Iso(used.at)), used.service, used.region),
        None => (None, never(), never()),
    };
    Ok(GetAccessKeyLastUsedOutput {
        user_name: user.map(|user| user.name),
        access_key_last_used: LastUsed { last_used_date, service_name, region },
    })
}

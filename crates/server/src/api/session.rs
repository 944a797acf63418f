//! Temporary credentials: AssumeRole and GetSessionToken of `sts`. Nothing of them is stored; see `identity/session.rs`.

use adit_iot::arn::{Arn, partition};
use adit_iot::iam::Role;
use adit_iot::iam::role::{DEFAULT_SESSION, LONGEST_SESSION};
use adit_iot::{Error, Kind, Scope, Secret};
use serde::{Deserialize, Serialize};

use super::iam::{Iso, check_policy};
use super::tag::IotTag;
use crate::authority::may_assume;
use crate::identity::{Caller, Key, Member, Temporary};
use crate::state::{Call, State};

/// How long credentials of GetSessionToken last when nobody says, in seconds: AWS's own.
const DEFAULT_TOKEN: i64 = 43_200;
/// Most characters of a session policy: AWS's own bound.
const MOST_SESSION_CHARS: usize = 2048;

/// Temporary credentials on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    access_key_id: String,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    secret_access_key: Secret,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    session_token: Secret,
    expiration: Iso,
}

/// Makes credentials for `caller` that last so many seconds.
///
/// # Errors
/// `Internal` if they cannot be sealed.
pub fn issue(state: &State, account: &str, caller: Caller, seconds: i64) -> Result<Credentials, Error> {
    let id = state.ids.session_key_id();
    let secret = Secret::new(state.ids.secret_access_key());
    let now = state.now();
    let life = Temporary { issued_at: now, expires_at: now.plus_millis(seconds.saturating_mul(1000)) };
    let key = Key { secret, account: account.to_owned(), caller, temporary: Some(life) };
    let session_token = state.keys.session_token(&id, &key, life)?;
    let expiration = Iso(life.expires_at);
    Ok(Credentials { access_key_id: id, secret_access_key: key.secret, session_token, expiration })
}

/// Input of AssumeRole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRole {
    /// Which role.
    pub role_arn: String,
    /// The name of the session.
    pub role_session_name: String,
    /// What the session may do at most.
    pub policy: Option<String>,
    /// How long it lasts, in seconds.
    pub duration_seconds: Option<i64>,
    /// What a trust policy may ask for.
    pub external_id: Option<String>,
    /// Not supported.
    pub policy_arns: Option<Vec<serde_json::Value>>,
    /// Not supported.
    pub tags: Option<Vec<IotTag>>,
    /// Not supported.
    pub source_identity: Option<String>,
    /// Not supported.
    pub serial_number: Option<String>,
    /// Not supported.
    pub token_code: Option<String>,
}

/// Output of AssumeRole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleOutput {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    packed_policy_size: Option<usize>,
}

/// Who the caller is from then on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// Makes credentials of a role for a caller whom the role trusts.
///
/// # Errors
/// `Forbidden` if there is no such role or it does not trust the caller; `MalformedPolicy`; `Invalid` for a session that
/// is too long or for what is not supported.
pub async fn assume_role(cx: &Call<'_>, input: AssumeRole) -> Result<AssumeRoleOutput, Error> {
    unsupported(&input)?;
    if let Some(policy) = &input.policy {
        check_policy(policy, MOST_SESSION_CHARS)?;
    }
    let (account, role) = trusting_role(cx, &input).await?;
    let seconds = duration(cx, &input, &role)?;
    let scope = Scope::new(&account, cx.scope.region())?;
    let (id, session) = (role.identity.id.clone(), input.role_session_name);
    let arn = format!(
        "arn:{}:sts::{account}:assumed-role/{}/{session}",
        partition(scope.region()),
        role.identity.name
    );
    let packed = input.policy.as_ref().map(|policy| policy.len().saturating_mul(100) / MOST_SESSION_CHARS);
    let assumed_role_id = format!("{id}:{session}");
    let caller = Caller::Role {
        role: Member { id, resource: role.identity.resource() },
        session,
        policy: input.policy,
    };
    Ok(AssumeRoleOutput {
        credentials: issue(cx.state, &account, caller, seconds)?,
        assumed_role_user: AssumedRoleUser { assumed_role_id, arn },
        packed_policy_size: packed,
    })
}

/// What would not be heeded is refused: whoever sends it relies on it.
fn unsupported(input: &AssumeRole) -> Result<(), Error> {
    let given = [
        ("PolicyArns", input.policy_arns.as_ref().is_some_and(|arns| !arns.is_empty())),
        ("Tags", input.tags.as_ref().is_some_and(|tags| !tags.is_empty())),
        ("SourceIdentity", input.source_identity.is_some()),
        ("SerialNumber", input.serial_number.is_some()),
        ("TokenCode", input.token_code.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => {
            Err(Error::invalid(format!("{name} is not supported by this server; leave it out.")))
        }
    }
}

/// The role of that ARN and its account, if the caller may assume it.
async fn trusting_role(cx: &Call<'_>, input: &AssumeRole) -> Result<(String, Role), Error> {
    let arn = Arn::parse(&input.role_arn).filter(|arn| arn.service == "iam" && arn.region.is_empty());
    let named = arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("role/")?.rsplit('/').next()?)));
    let Some((arn, name)) = named else {
        return Err(Error::invalid(format!("{} is invalid", input.role_arn)));
    };
    let denied = || {
        Error::new(
            Kind::Forbidden,
            format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                cx.principal.arn, input.role_arn
            ),
        )
    };
    let scope = Scope::new(arn.account, cx.scope.region()).map_err(|_| denied())?;
    let role = cx.state.store.role_get(arn.account, name).await?.ok_or_else(denied)?;
    if role.identity.arn(&scope) != input.role_arn {
        return Err(denied());
    }
    let (external_id, session) = (input.external_id.as_deref(), input.role_session_name.as_str());
    may_assume(cx, &input.role_arn, &role.trust, external_id, session).await?;
    Ok((arn.account.to_owned(), role))
}

/// How long the session lasts.
fn duration(cx: &Call<'_>, input: &AssumeRole, role: &Role) -> Result<i64, Error> {
    let chained = cx.principal.temporary.is_some() && matches!(cx.principal.caller, Caller::Role { .. });
    let seconds = input.duration_seconds.unwrap_or(DEFAULT_SESSION);
    if chained && seconds > DEFAULT_SESSION {
        return Err(Error::invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > role.max_session.min(LONGEST_SESSION) {
        return Err(Error::invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// Input of GetSessionToken.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSessionToken {
    /// How long they last, in seconds.
    pub duration_seconds: Option<i64>,
    /// Not supported.
    pub serial_number: Option<String>,
    /// Not supported.
    pub token_code: Option<String>,
}

/// Output of GetSessionToken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSessionTokenOutput {
    credentials: Credentials,
}

/// Makes temporary credentials of the caller itself.
///
/// # Errors
/// `Forbidden` for who has temporary ones; `Invalid` for an MFA device, which nobody has here.
pub async fn get_session_token(
    cx: &Call<'_>,
    input: GetSessionToken,
) -> Result<GetSessionTokenOutput, Error> {
    if input.serial_number.is_some() || input.token_code.is_some() {
        return Err(Error::invalid(
            "MFA devices are not supported by this server; leave SerialNumber and TokenCode out.",
        ));
    }
    if cx.principal.temporary.is_some() {
        return Err(Error::new(Kind::Forbidden, "Cannot call GetSessionToken with session credentials"));
    }
    // AWS cuts an account's own session to an hour without a word.
    let seconds = input.duration_seconds.unwrap_or(DEFAULT_TOKEN);
    let seconds = if cx.principal.caller == Caller::Root { seconds.min(DEFAULT_SESSION) } else { seconds };
    let caller = cx.principal.caller.clone();
    Ok(GetSessionTokenOutput { credentials: issue(cx.state, cx.scope.account(), caller, seconds)? })
}

/// Input of GetAccessKeyInfo.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyInfo {
    /// Which key.
    pub access_key_id: String,
}

/// Output of GetAccessKeyInfo.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAccessKeyInfoOutput {
    account: String,
}

/// Says whose account a key belongs to, if it is one of the caller's own.
///
/// # Errors
/// `NotFound`.
pub async fn get_access_key_info(
    cx: &Call<'_>,
    input: GetAccessKeyInfo,
) -> Result<GetAccessKeyInfoOutput, Error> {
    let key = cx.state.store.credential_get(&input.access_key_id).await?;
    let account = key.map(|key| key.account).filter(|account| account == cx.scope.account());
    let unknown =
        || Error::not_found(format!("The Access Key with id {} cannot be found.", input.access_key_id));
    Ok(GetAccessKeyInfoOutput { account: account.ok_or_else(unknown)? })
}

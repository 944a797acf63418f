//! Versions of policies with an ARN.

use adit_iot::iam::managed_policy::{MOST_CHARS, MOST_VERSIONS};
use adit_iot::iam::{ManagedVersion, PolicyArn};
use adit_iot::page::Listing;
use adit_iot::{Error, Kind};
use adit_store::Versioned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::managed_policy::{OnePolicy, aws_policy, not_found, of_the_account};
use super::{Iso, changed, check_policy, encoded, page_of};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// A version on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersion {
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: Iso,
}

impl PolicyVersion {
    /// As listings show it: without its document.
    fn line(version: &ManagedVersion) -> Self {
        Self {
            document: None,
            version_id: format!("v{}", version.version),
            is_default_version: version.is_default,
            create_date: Iso(version.created_at),
        }
    }
}

/// Output of CreatePolicyVersion and GetPolicyVersion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionOutput {
    policy_version: PolicyVersion,
}

/// Input of CreatePolicyVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicyVersion {
    /// Of which policy.
    pub policy_arn: String,
    /// Its document.
    pub policy_document: String,
    /// Whether it counts from now on.
    #[serde(default)]
    pub set_as_default: bool,
}

/// Adds a version to a policy.
///
/// # Errors
/// `MalformedPolicy`; `NotFound`; `LimitExceeded`; `Invalid` for what is no ARN; `Forbidden` for one of AWS's.
pub async fn create_policy_version(
    cx: &Call<'_>,
    input: CreatePolicyVersion,
) -> Result<VersionOutput, Error> {
    check_policy(&input.policy_document, MOST_CHARS)?;
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let (account, document, default) = (cx.scope.account(), input.policy_document, input.set_as_default);
    let outcome = cx
        .state
        .store
        .managed_version_create(account, &arn, document, default, MOST_VERSIONS, cx.now)
        .await?;
    let made = done(outcome, &input.policy_arn, "")?;
    if default {
        changed(cx);
    }
    Ok(VersionOutput { policy_version: PolicyVersion::line(&made) })
}

/// Input of what asks for a version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OneVersion {
    /// Of which policy.
    pub policy_arn: String,
    /// Which version.
    pub version_id: String,
}

impl OneVersion {
    /// The number of the version; one that cannot be one is never found.
    fn number(&self) -> i64 {
        let number = self.version_id.strip_prefix('v').and_then(|digits| digits.parse().ok());
        number.unwrap_or(0)
    }
}

/// Shows a version with its document.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy.
pub async fn get_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<VersionOutput, Error> {
    let versions = versions(cx, &input.policy_arn).await?;
    let number = input.number();
    let found = versions.iter().find(|version| version.version == number);
    let found = found.ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    let document = Some(encoded(&found.document));
    Ok(VersionOutput { policy_version: PolicyVersion { document, ..PolicyVersion::line(found) } })
}

/// Lists the versions of a policy, newest first and all on one page.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy.
pub async fn list_policy_versions(cx: &Call<'_>, input: OnePolicy) -> Result<Map<String, Value>, Error> {
    let versions = versions(cx, &input.policy_arn).await?;
    let listing = Listing { operation: "ListPolicyVersions", scope: cx.scope, filters: &[] };
    page_of("Versions", versions.iter().map(PolicyVersion::line).collect(), None, &listing)
}

async fn versions(cx: &Call<'_>, text: &str) -> Result<Vec<ManagedVersion>, Error> {
    let arn = PolicyArn::parse(cx.scope, text)?;
    if let Some(policy) = aws_policy(&arn) {
        return Ok(vec![ManagedVersion {
            version: policy.version,
            is_default: true,
            document: policy.document.to_owned(),
            created_at: policy.updated_at,
        }]);
    }
    let found = cx.state.store.managed_versions(cx.scope.account(), &arn).await?;
    found.ok_or_else(|| not_found(text))
}

/// Makes a version the default one.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy; `Forbidden` for one of AWS's.
pub async fn set_default_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let (account, number) = (cx.scope.account(), input.number());
    let outcome = cx.state.store.managed_version_set_default(account, &arn, number, cx.now).await?;
    done(outcome, &input.policy_arn, &input.version_id)?;
    changed(cx);
    Ok(Empty {})
}

/// Deletes a version that is not the default one.
///
/// # Errors
/// `NotFound`; `InUse`; `Invalid` for what is no ARN of a policy; `Forbidden` for one of AWS's.
pub async fn delete_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let outcome = cx.state.store.managed_version_delete(cx.scope.account(), &arn, input.number()).await?;
    done(outcome, &input.policy_arn, &input.version_id)?;
    Ok(Empty {})
}

fn no_version(arn: &str, version: &str) -> Error {
    Error::not_found(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

fn done(outcome: Versioned, arn: &str, version: &str) -> Result<ManagedVersion, Error> {
    match outcome {
        Versioned::Yes(version) => Ok(version),
        Versioned::NoPolicy => Err(not_found(arn)),
        Versioned::NoVersion => Err(no_version(arn, version)),
        Versioned::Default => Err(Error::new(Kind::InUse, "Cannot delete the default version of a policy.")),
        Versioned::TooMany => Err(Error::limit_exceeded(format!(
            "A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must \
             delete an existing version."
        ))),
    }
}

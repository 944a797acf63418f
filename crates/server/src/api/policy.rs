//! Policies and their versions (spec: control-plane §7, §8.3).

use adit_iot::page::Listing;
use adit_iot::policy::Document;
use adit_iot::{Error, Kind, PolicyName, Scope, Timestamp, arn};
use adit_store::{NewPolicy, PolicyDeleted, VersionCreated, VersionTouched};
use serde::{Deserialize, Serialize};

use super::paging::Marked;
use super::tag::{self, IotTag};
use super::tunnel::Empty;
use crate::state::Call;

/// A policy in a list, on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyLine {
    policy_name: String,
    policy_arn: String,
}

impl PolicyLine {
    /// The line of a policy.
    #[must_use]
    pub fn new(scope: &Scope, name: &PolicyName) -> Self {
        Self { policy_name: name.to_string(), policy_arn: arn::policy(scope, name) }
    }
}

/// Input of CreatePolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicy {
    /// Its name.
    pub policy_name: String,
    /// Its document.
    pub policy_document: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Output of CreatePolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyOutput {
    policy_name: String,
    policy_arn: String,
    policy_document: String,
    policy_version_id: String,
}

/// Creates a policy.
///
/// # Errors
/// `MalformedPolicy`; `Exists`, even for the same document; `Invalid` for reserved or too many tags.
pub async fn create_policy(cx: &Call<'_>, input: CreatePolicy) -> Result<CreatePolicyOutput, Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    check(&input.policy_document)?;
    let new = NewPolicy {
        tags: tag::of_new(input.tags)?,
        name: name.clone(),
        document: input.policy_document.clone(),
        generation_id: cx.state.ids.uuid(),
        created_at: cx.now,
    };
    let policy_arn = arn::policy(cx.scope, &name);
    if !cx.state.store.policy_create(cx.scope, new).await? {
        let text = format!("Policy cannot be created - name already exists (name={name})");
        return Err(Error::new(Kind::Exists, text).with_resource(name.to_string(), policy_arn));
    }
    Ok(CreatePolicyOutput {
        policy_name: name.to_string(),
        policy_arn,
        policy_document: input.policy_document,
        policy_version_id: "1".to_owned(),
    })
}

/// Input of GetPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicy {
    /// Which policy.
    pub policy_name: String,
}

/// Output of GetPolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyOutput {
    policy_name: String,
    policy_arn: String,
    policy_document: String,
    default_version_id: String,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
    generation_id: String,
}

/// Shows a policy with its default version.
///
/// # Errors
/// `NotFound`.
pub async fn get_policy(cx: &Call<'_>, input: GetPolicy) -> Result<GetPolicyOutput, Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    let found = cx.state.store.policy_get(cx.scope, &name).await?;
    let policy = found.ok_or_else(|| Error::not_found("Policy default version not found"))?;
    Ok(GetPolicyOutput {
        policy_name: name.to_string(),
        policy_arn: arn::policy(cx.scope, &name),
        policy_document: policy.document,
        default_version_id: policy.default_version.to_string(),
        creation_date: policy.created_at,
        last_modified_date: policy.updated_at,
        generation_id: policy.generation_id,
    })
}

/// Input of ListPolicies.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListPolicies {
    #[serde(flatten)]
    page: Marked,
}

/// Output of the listings of policies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPoliciesOutput {
    /// The page.
    pub policies: Vec<PolicyLine>,
    /// Where to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// Lists policies.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_policies(cx: &Call<'_>, input: ListPolicies) -> Result<ListPoliciesOutput, Error> {
    let listing = Listing { operation: "ListPolicies", scope: cx.scope, filters: &[] };
    let (order, after, limit) = (input.page.order(), input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.policies_page(cx.scope, order, after, limit).await?;
    Ok(ListPoliciesOutput {
        policies: page.items.iter().map(|name| PolicyLine::new(cx.scope, name)).collect(),
        next_marker: page.next.map(|position| listing.marker(position)),
    })
}

/// Input of DeletePolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletePolicy {
    /// Which policy.
    pub policy_name: String,
}

/// Deletes a policy.
///
/// # Errors
/// `NotFound`; `InUse` while it has more than one version or is attached.
pub async fn delete_policy(cx: &Call<'_>, input: DeletePolicy) -> Result<Empty, Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    match cx.state.store.policy_delete(cx.scope, &name).await? {
        PolicyDeleted::Yes => {
            cx.state.access.changed(cx.scope);
            Ok(Empty {})
        }
        PolicyDeleted::NotFound => Err(not_found()),
        PolicyDeleted::Kept(kept) => Err(kept.refusal(&name)),
    }
}

/// Input of CreatePolicyVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyVersion {
    /// Which policy.
    pub policy_name: String,
    /// The document of the new version.
    pub policy_document: String,
    /// Whether it counts from now on.
    #[serde(default)]
    pub set_as_default: bool,
}

/// Output of CreatePolicyVersion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyVersionOutput {
    policy_arn: String,
    policy_document: String,
    policy_version_id: String,
    is_default_version: bool,
}

/// Adds a version to a policy.
///
/// # Errors
/// `MalformedPolicy`; `NotFound`; `LimitExceeded` for more versions than `registry.policy-versions`.
pub async fn create_policy_version(
    cx: &Call<'_>,
    input: CreatePolicyVersion,
) -> Result<CreatePolicyVersionOutput, Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    check(&input.policy_document)?;
    let (document, default) = (input.policy_document, input.set_as_default);
    let most = cx.state.config.registry.policy_versions as usize;
    match cx.state.store.policy_version_create(cx.scope, &name, document, default, most, cx.now).await? {
        VersionCreated::Yes(made) => {
            if made.is_default {
                cx.state.access.changed(cx.scope);
            }
            Ok(CreatePolicyVersionOutput {
                policy_arn: arn::policy(cx.scope, &name),
                policy_document: made.document,
                policy_version_id: made.version.to_string(),
                is_default_version: made.is_default,
            })
        }
        VersionCreated::NotFound => Err(not_found()),
        VersionCreated::TooMany => Err(Error::limit_exceeded(format!(
            "The policy {name} already has the maximum number of versions ({most})"
        ))),
    }
}

/// Input of the operations on one version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneVersion {
    /// Which policy.
    pub policy_name: String,
    /// Which version.
    pub policy_version_id: String,
}

impl OneVersion {
    fn read(&self) -> Result<(PolicyName, i64), Error> {
        let name = PolicyName::parse(&self.policy_name)?;
        let number = self.policy_version_id.parse::<i64>().ok();
        // A number written in another way than ours is no version's.
        let number = number.filter(|number| number.to_string() == self.policy_version_id);
        Ok((name, number.ok_or_else(|| self.not_found())?))
    }

    fn not_found(&self) -> Error {
        let (name, version) = (&self.policy_name, &self.policy_version_id);
        Error::not_found(format!("Policy version does not exist (name={name}, versionId={version})"))
    }

    fn done(&self, cx: &Call<'_>, touched: VersionTouched) -> Result<Empty, Error> {
        match touched {
            VersionTouched::Yes => {
                cx.state.access.changed(cx.scope);
                Ok(Empty {})
            }
            VersionTouched::NoPolicy => Err(not_found()),
            VersionTouched::NoVersion => Err(self.not_found()),
            VersionTouched::Default => Err(Error::new(
                Kind::InUse,
                format!(
                    "Cannot delete a default policy version (name={}, versionId={}). Cannot delete the default version \
                     of a policy",
                    self.policy_name, self.policy_version_id
                ),
            )),
        }
    }
}

/// Output of GetPolicyVersion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyVersionOutput {
    policy_arn: String,
    policy_name: String,
    policy_document: String,
    policy_version_id: String,
    is_default_version: bool,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
    generation_id: String,
}

/// Shows one version.
///
/// # Errors
/// `NotFound`.
pub async fn get_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<GetPolicyVersionOutput, Error> {
    let (name, number) = input.read()?;
    let versions = cx.state.store.policy_versions(cx.scope, &name).await?.ok_or_else(not_found)?;
    let found = versions.into_iter().find(|version| version.version == number);
    let version = found.ok_or_else(|| input.not_found())?;
    Ok(GetPolicyVersionOutput {
        policy_arn: arn::policy(cx.scope, &name),
        policy_name: name.to_string(),
        policy_document: version.document,
        policy_version_id: version.version.to_string(),
        is_default_version: version.is_default,
        creation_date: version.created_at,
        last_modified_date: version.created_at,
        generation_id: version.generation_id,
    })
}

/// Input of ListPolicyVersions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyVersions {
    /// Which policy.
    pub policy_name: String,
}

/// Output of ListPolicyVersions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyVersionsOutput {
    policy_versions: Vec<VersionLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionLine {
    version_id: String,
    is_default_version: bool,
    create_date: Timestamp,
}

/// Lists the versions of a policy, newest first, all of them.
///
/// # Errors
/// `NotFound`.
pub async fn list_policy_versions(
    cx: &Call<'_>,
    input: ListPolicyVersions,
) -> Result<ListPolicyVersionsOutput, Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    let versions = cx.state.store.policy_versions(cx.scope, &name).await?.ok_or_else(not_found)?;
    let lines = versions.into_iter().map(|version| VersionLine {
        version_id: version.version.to_string(),
        is_default_version: version.is_default,
        create_date: version.created_at,
    });
    Ok(ListPolicyVersionsOutput { policy_versions: lines.collect() })
}

/// Makes a version the one that counts; the one that does already is fine.
///
/// # Errors
/// `NotFound`.
pub async fn set_default_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<Empty, Error> {
    let (name, number) = input.read()?;
    let done = cx.state.store.policy_version_set_default(cx.scope, &name, number, cx.now).await?;
    input.done(cx, done)
}

/// Deletes a version.
///
/// # Errors
/// `NotFound`; `InUse` for the one that counts.
pub async fn delete_policy_version(cx: &Call<'_>, input: OneVersion) -> Result<Empty, Error> {
    let (name, number) = input.read()?;
    let done = cx.state.store.policy_version_delete(cx.scope, &name, number).await?;
    input.done(cx, done)
}

fn check(document: &str) -> Result<(), Error> {
    if document.is_empty() {
        return Err(Error::invalid(
            "policyDocument must not be empty; it is a JSON object with a Statement.",
        ));
    }
    match Document::parse(document) {
        Ok(_) => Ok(()),
        Err(malformed) => Err(Error::new(Kind::MalformedPolicy, malformed.to_string())),
    }
}

/// The refusal of a policy that is not there.
pub(super) fn not_found() -> Error {
    Error::not_found("Policy not found")
}

//! Policies with an ARN: those of the account, and AWS's own.

use adit_iot::iam::aws_policy::{self, AwsPolicy};
use adit_iot::iam::managed_policy::{MOST_CHARS, MOST_POLICIES};
use adit_iot::iam::{self, PolicyArn};
use adit_iot::page::Listing;
use adit_iot::{Error, Kind, Scope};
use adit_store::{IamCreated, ManagedDeleted, ManagedFilter, NewManagedPolicy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Iso, Paged, check_policy, page_of, root_path, tagged};
use crate::api::tag::{self, IotTag};
use crate::api::tunnel::Empty;
use crate::state::Call;

/// A policy on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: String,
    attachment_count: i64,
    permissions_boundary_usage_count: i64,
    is_attachable: bool,
    description: Option<String>,
    create_date: Iso,
    update_date: Iso,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<IotTag>,
}

impl Policy {
    fn of_account(scope: &Scope, policy: iam::ManagedPolicy) -> Self {
        let arn = PolicyArn { of_aws: false, path: policy.path, name: policy.name };
        Self {
            arn: arn.text(scope),
            policy_name: arn.name,
            policy_id: policy.id,
            path: arn.path,
            default_version_id: format!("v{}", policy.default_version),
            attachment_count: policy.attached,
            permissions_boundary_usage_count: 0,
            is_attachable: true,
            description: policy.description,
            create_date: Iso(policy.created_at),
            update_date: Iso(policy.updated_at),
            tags: policy.tags.into_iter().map(IotTag::from).collect(),
        }
    }

    fn of_aws(scope: &Scope, policy: &AwsPolicy, attached: i64) -> Self {
        let arn = PolicyArn { of_aws: true, path: policy.path.to_owned(), name: policy.name.to_owned() };
        Self {
            arn: arn.text(scope),
            policy_name: arn.name,
            policy_id: policy.id(),
            path: arn.path,
            default_version_id: format!("v{}", policy.version),
            attachment_count: attached,
            permissions_boundary_usage_count: 0,
            is_attachable: true,
            description: None,
            create_date: Iso(policy.created_at),
            update_date: Iso(policy.updated_at),
            tags: Vec::new(),
        }
    }

    /// As listings show it.
    fn line(self) -> Self {
        Self { description: None, tags: Vec::new(), ..self }
    }
}

/// The refusal of an ARN that no policy has.
pub(super) fn not_found(arn: &str) -> Error {
    Error::not_found(format!("Policy {arn} was not found."))
}

/// The refusal of changing one of AWS's own.
pub(super) fn of_the_account(arn: &PolicyArn, text: &str) -> Result<(), Error> {
    if arn.of_aws {
        return Err(Error::new(
            Kind::Forbidden,
            format!("Policy {text} is AWS's own and cannot be changed."),
        ));
    }
    Ok(())
}

/// The one of AWS's that an ARN names.
pub(super) fn aws_policy(arn: &PolicyArn) -> Option<&'static AwsPolicy> {
    AwsPolicy::find(&arn.name).filter(|policy| arn.of_aws && policy.path == arn.path)
}

/// Input of CreatePolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatePolicy {
    /// Its name.
    pub policy_name: String,
    /// Its path.
    #[serde(default = "root_path")]
    pub path: String,
    /// Its document.
    pub policy_document: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
}

/// Output of CreatePolicy and GetPolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyOutput {
    policy: Policy,
}

/// Creates a policy.
///
/// # Errors
/// `MalformedPolicy`; `Exists`; `LimitExceeded`; `Invalid` for reserved tags.
pub async fn create_policy(cx: &Call<'_>, input: CreatePolicy) -> Result<PolicyOutput, Error> {
    check_policy(&input.policy_document, MOST_CHARS)?;
    let new = NewManagedPolicy {
        name: input.policy_name.clone(),
        path: input.path.clone(),
        id: cx.state.ids.iam_id("ANPA"),
        description: input.description.filter(|text| !text.is_empty()),
        document: input.policy_document,
        tags: tag::of_new(input.tags)?,
        created_at: cx.now,
    };
    match cx.state.store.managed_policy_create(cx.scope.account(), new, MOST_POLICIES).await? {
        IamCreated::Yes => {
            let arn = PolicyArn { of_aws: false, path: input.path, name: input.policy_name };
            let made = cx.state.store.managed_policy_get(cx.scope.account(), &arn).await?;
            let made = made.ok_or_else(|| not_found(&arn.text(cx.scope)))?;
            Ok(PolicyOutput { policy: Policy::of_account(cx.scope, made) })
        }
        IamCreated::Exists => {
            let text = format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                input.policy_name
            );
            Err(Error::new(Kind::Exists, text))
        }
        IamCreated::TooMany => {
            Err(Error::limit_exceeded(format!("Cannot exceed quota for PoliciesPerAccount: {MOST_POLICIES}")))
        }
    }
}

/// Input of what asks for a policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnePolicy {
    /// Which policy.
    pub policy_arn: String,
}

/// Shows a policy without its document.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy.
pub async fn get_policy(cx: &Call<'_>, input: OnePolicy) -> Result<PolicyOutput, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    let account = cx.scope.account();
    let policy = match aws_policy(&arn) {
        Some(policy) => {
            let attached = cx.state.store.aws_policies_attached(account).await?;
            Policy::of_aws(cx.scope, policy, attached.get(policy.name).copied().unwrap_or(0))
        }
        None => {
            let found = cx.state.store.managed_policy_get(account, &arn).await?;
            Policy::of_account(cx.scope, found.ok_or_else(|| not_found(&input.policy_arn))?)
        }
    };
    Ok(PolicyOutput { policy })
}

/// Input of ListPolicies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPolicies {
    /// `All`, `AWS` or `Local`.
    pub scope: Option<String>,
    /// Only those that some identity has.
    #[serde(default)]
    pub only_attached: bool,
    /// What their path begins with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
    /// `PermissionsPolicy`, or `PermissionsBoundary`, which none is here.
    pub policy_usage_filter: Option<String>,
    /// The page.
    #[serde(flatten)]
    pub page: Paged,
}

/// Lists AWS's policies, then the account's.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_policies(cx: &Call<'_>, input: ListPolicies) -> Result<Map<String, Value>, Error> {
    let (scope, usage) = (input.scope.as_deref(), input.policy_usage_filter.as_deref());
    let prefix = input.path_prefix.as_str();
    let only_attached = input.only_attached;
    let filters = [scope, usage, Some(prefix), only_attached.then_some("attached")];
    let listing = Listing { operation: "ListPolicies", scope: cx.scope, filters: &filters };
    let (after, limit) = (input.page.after(&listing)?, input.page.limit());
    let bounds = usage == Some("PermissionsBoundary");
    let mut lines = Vec::new();
    if scope != Some("Local") && !bounds {
        let attached = cx.state.store.aws_policies_attached(cx.scope.account()).await?;
        for (policy, position) in of_aws() {
            let attached = attached.get(policy.name).copied().unwrap_or(0);
            if after.is_none_or(|after| position > after)
                && policy.path.starts_with(prefix)
                && !(only_attached && attached == 0)
            {
                lines.push((position, Policy::of_aws(cx.scope, policy, attached)));
            }
        }
    }
    let mut more = lines.len() > limit;
    lines.truncate(limit);
    if scope != Some("AWS") && !bounds && !more {
        let filter = ManagedFilter { prefix: prefix.to_owned(), only_attached };
        let (account, left) = (cx.scope.account(), limit - lines.len());
        let after = after.map(|after| after.max(0));
        let page = cx.state.store.managed_policies_page(account, filter, after, left.max(1)).await?;
        if left == 0 {
            more = !page.items.is_empty();
        } else {
            more = page.next.is_some();
            let position = page.next.unwrap_or(0);
            let items = page.items.into_iter();
            lines.extend(items.map(|policy| (position, Policy::of_account(cx.scope, policy))));
        }
    }
    let next = lines.last().map(|(position, _)| *position).filter(|_| more);
    page_of("Policies", lines.into_iter().map(|(_, line)| line.line()).collect(), next, &listing)
}

/// AWS's policies with their positions, all before those of any record.
fn of_aws() -> impl Iterator<Item = (&'static AwsPolicy, i64)> {
    let count = i64::try_from(aws_policy::ALL.len()).unwrap_or(i64::MAX);
    aws_policy::ALL.iter().zip(-count..0)
}

/// Deletes a policy that has one version and that nobody has.
///
/// # Errors
/// `NotFound`; `InUse`; `Invalid` for what is no ARN of a policy; `Forbidden` for one of AWS's.
pub async fn delete_policy(cx: &Call<'_>, input: OnePolicy) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let kept = |text: &str| Err(Error::new(Kind::InUse, text));
    match cx.state.store.managed_policy_delete(cx.scope.account(), &arn).await? {
        ManagedDeleted::Yes => Ok(Empty {}),
        ManagedDeleted::NotFound => Err(not_found(&input.policy_arn)),
        ManagedDeleted::Attached => kept("Cannot delete a policy attached to entities."),
        ManagedDeleted::Versions => kept(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ),
    }
}

/// Input of TagPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagPolicy {
    /// Which policy.
    pub policy_arn: String,
    /// What to set, by key.
    pub tags: Vec<IotTag>,
}

/// Sets tags; a known key gets the new value.
///
/// # Errors
/// `NotFound`; `Invalid` for reserved keys or what is no ARN; `LimitExceeded`; `Forbidden` for one of AWS's.
pub async fn tag_policy(cx: &Call<'_>, input: TagPolicy) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let tags = input.tags.into_iter().map(Into::into).collect();
    let outcome = cx.state.store.managed_policy_tags_set(cx.scope.account(), &arn, tags).await?;
    tagged(outcome, || not_found(&input.policy_arn))?;
    Ok(Empty {})
}

/// Input of UntagPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagPolicy {
    /// Which policy.
    pub policy_arn: String,
    /// Keys to remove.
    pub tag_keys: Vec<String>,
}

/// Removes tags; unknown keys are ignored.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy; `Forbidden` for one of AWS's.
pub async fn untag_policy(cx: &Call<'_>, input: UntagPolicy) -> Result<Empty, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    of_the_account(&arn, &input.policy_arn)?;
    let gone = cx.state.store.managed_policy_tags_remove(cx.scope.account(), &arn, input.tag_keys).await?;
    if gone { Ok(Empty {}) } else { Err(not_found(&input.policy_arn)) }
}

/// Shows the tags of a policy, all on one page.
///
/// # Errors
/// `NotFound`; `Invalid` for what is no ARN of a policy.
pub async fn list_policy_tags(cx: &Call<'_>, input: OnePolicy) -> Result<Map<String, Value>, Error> {
    let arn = PolicyArn::parse(cx.scope, &input.policy_arn)?;
    let found = cx.state.store.managed_policy_get(cx.scope.account(), &arn).await?;
    let tags = match (found, aws_policy(&arn)) {
        (Some(policy), _) => policy.tags,
        (None, Some(_)) => Vec::new(),
        (None, None) => return Err(not_found(&input.policy_arn)),
    };
    let listing = Listing { operation: "ListPolicyTags", scope: cx.scope, filters: &[] };
    let tags: Vec<IotTag> = tags.into_iter().map(IotTag::from).collect();
    page_of("Tags", tags, None, &listing)
}

//! Which policies are attached to whom, in the present words and in the deprecated ones (spec: control-plane §8.4).

use std::collections::BTreeSet;

use adit_iot::arn::{self, Arn};
use adit_iot::page::Listing;
use adit_iot::principal::{Principal, Target};
use adit_iot::{Error, PolicyName, ThingGroupName};
use adit_store::{Attached, Detached, PolicyTargets};
use serde::{Deserialize, Serialize};

use super::paging::Marked;
use super::policy::{ListPoliciesOutput, PolicyLine, not_found};
use super::tunnel::Empty;
use crate::state::Call;

/// Input of AttachPolicy and DetachPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnTarget {
    /// Which policy.
    pub policy_name: String,
    /// ARN of a certificate or thing group, or a Cognito identity.
    pub target: String,
}

/// Attaches a policy; once more is fine.
///
/// # Errors
/// `Invalid` or `Forbidden` for what is no target of the caller's; `NotFound` for an unknown policy or target;
/// `LimitExceeded`.
pub async fn attach_policy(cx: &Call<'_>, input: OnTarget) -> Result<Empty, Error> {
    let target = Target::parse(cx.scope, &input.target)?;
    attach(cx, &PolicyName::parse(&input.policy_name)?, &target).await
}

/// Detaches a policy; an unknown policy is fine.
///
/// # Errors
/// `Invalid` or `Forbidden` for what is no target of the caller's; `NotFound` for a policy that is not attached there.
pub async fn detach_policy(cx: &Call<'_>, input: OnTarget) -> Result<Empty, Error> {
    let target = Target::parse(cx.scope, &input.target)?;
    match detach(cx, &PolicyName::parse(&input.policy_name)?, &target).await? {
        Detached::Yes | Detached::NoPolicy => Ok(Empty {}),
        Detached::NotAttached => Err(not_attached(&input.policy_name, &input.target)),
    }
}

/// Input of ListAttachedPolicies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAttachedPolicies {
    /// ARN of a certificate or thing group, or a Cognito identity.
    pub target: String,
    /// Whether the policies of the groups above a group are listed too.
    #[serde(default)]
    pub recursive: bool,
    #[serde(flatten)]
    page: Marked,
}

/// Lists the policies attached to a target; with `recursive` those of the groups above it too, nearest group first.
///
/// # Errors
/// `Invalid` or `Forbidden` for what is no target of the caller's; `NotFound` for an unknown group.
pub async fn list_attached_policies(
    cx: &Call<'_>,
    input: ListAttachedPolicies,
) -> Result<ListPoliciesOutput, Error> {
    let target = Target::parse(cx.scope, &input.target)?;
    let filters = [Some(input.target.as_str()), input.recursive.then_some("recursive")];
    let listing = Listing { operation: "ListAttachedPolicies", scope: cx.scope, filters: &filters };
    let Target::Group(group) = target else {
        return of_target(cx, &target.text(cx.scope), &input.page, &listing).await;
    };
    let found = cx.state.store.thing_group_get(cx.scope, &group).await?;
    let there = found.ok_or_else(|| no_such_group(cx, &group))?;
    if !input.recursive {
        return of_target(cx, &arn::thing_group(cx.scope, &group), &input.page, &listing).await;
    }
    let mut names = BTreeSet::new();
    let mut policies = Vec::new();
    for group in std::iter::once(&group).chain(there.above.iter().rev()) {
        let text = arn::thing_group(cx.scope, group);
        let attached = cx.state.store.policies_of_target(cx.scope, &text).await?;
        policies.extend(attached.into_iter().map(|(name, _)| name).filter(|name| names.insert(name.clone())));
    }
    let after = input.page.after(&listing)?.and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let until = policies.len().min(after.saturating_add(input.page.limit()));
    let next = i64::try_from(until).ok().filter(|_| until < policies.len());
    Ok(ListPoliciesOutput {
        policies: policies
            .get(after..until)
            .unwrap_or_default()
            .iter()
            .map(|n| PolicyLine::new(cx.scope, n))
            .collect(),
        next_marker: next.map(|position| listing.marker(position)),
    })
}

async fn of_target(
    cx: &Call<'_>,
    target: &str,
    page: &Marked,
    listing: &Listing<'_>,
) -> Result<ListPoliciesOutput, Error> {
    let (order, after) = (page.order(), page.after(listing)?);
    let found = cx.state.store.attached_policies_page(cx.scope, target, order, after, page.limit()).await?;
    Ok(ListPoliciesOutput {
        policies: found.items.iter().map(|name| PolicyLine::new(cx.scope, name)).collect(),
        next_marker: found.next.map(|position| listing.marker(position)),
    })
}

/// Input of ListTargetsForPolicy and ListPolicyPrincipals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfPolicy {
    /// Which policy.
    pub policy_name: String,
    #[serde(flatten)]
    page: Marked,
}

/// Output of ListTargetsForPolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTargetsForPolicyOutput {
    targets: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// Lists what a policy is attached to.
///
/// # Errors
/// `NotFound` for an unknown policy; `Invalid` for a marker of another listing.
pub async fn list_targets_for_policy(
    cx: &Call<'_>,
    input: OfPolicy,
) -> Result<ListTargetsForPolicyOutput, Error> {
    let (targets, next_marker) = targets(cx, &input, "ListTargetsForPolicy", PolicyTargets::All).await?;
    Ok(ListTargetsForPolicyOutput { targets, next_marker })
}

/// Output of ListPolicyPrincipals.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyPrincipalsOutput {
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// Lists the certificates and identities a policy is attached to. Deprecated.
///
/// # Errors
/// As [`list_targets_for_policy`].
pub async fn list_policy_principals(
    cx: &Call<'_>,
    input: OfPolicy,
) -> Result<ListPolicyPrincipalsOutput, Error> {
    let (principals, next_marker) =
        targets(cx, &input, "ListPolicyPrincipals", PolicyTargets::Principals).await?;
    Ok(ListPolicyPrincipalsOutput { principals, next_marker })
}

async fn targets(
    cx: &Call<'_>,
    input: &OfPolicy,
    operation: &str,
    which: PolicyTargets,
) -> Result<(Vec<String>, Option<String>), Error> {
    let name = PolicyName::parse(&input.policy_name)?;
    let listing = Listing { operation, scope: cx.scope, filters: &[Some(name.as_str())] };
    let (order, after, limit) = (input.page.order(), input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.policy_targets_page(cx.scope, &name, which, order, after, limit).await?;
    let page = page.ok_or_else(not_found)?;
    Ok((page.items, page.next.map(|position| listing.marker(position))))
}

/// Input of AttachPrincipalPolicy and DetachPrincipalPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnPrincipal {
    /// Which policy.
    pub policy_name: String,
    /// ARN of a certificate, or a Cognito identity.
    pub principal: String,
}

/// Attaches a policy to a certificate or an identity. Deprecated.
///
/// # Errors
/// As [`attach_policy`]; `Invalid` for a group.
pub async fn attach_principal_policy(cx: &Call<'_>, input: OnPrincipal) -> Result<Empty, Error> {
    let target = principal(cx, &input.principal)?;
    attach(cx, &PolicyName::parse(&input.policy_name)?, &target).await
}

/// Detaches a policy from a certificate or an identity. Deprecated.
///
/// # Errors
/// As [`detach_policy`]; `NotFound` for an unknown policy.
pub async fn detach_principal_policy(cx: &Call<'_>, input: OnPrincipal) -> Result<Empty, Error> {
    let target = principal(cx, &input.principal)?;
    match detach(cx, &PolicyName::parse(&input.policy_name)?, &target).await? {
        Detached::Yes => Ok(Empty {}),
        Detached::NoPolicy => Err(not_found()),
        Detached::NotAttached => Err(not_attached(&input.policy_name, &input.principal)),
    }
}

/// Input of ListPrincipalPolicies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalPolicies {
    /// ARN of a certificate, or a Cognito identity.
    pub principal: String,
    #[serde(flatten)]
    page: Marked,
}

/// Lists the policies of a certificate or an identity. Deprecated.
///
/// # Errors
/// `Invalid` or `Forbidden` for what is no principal of the caller's.
pub async fn list_principal_policies(
    cx: &Call<'_>,
    input: ListPrincipalPolicies,
) -> Result<ListPoliciesOutput, Error> {
    let target = principal(cx, &input.principal)?;
    let filters = [Some(input.principal.as_str())];
    let listing = Listing { operation: "ListPrincipalPolicies", scope: cx.scope, filters: &filters };
    of_target(cx, &target.text(cx.scope), &input.page, &listing).await
}

/// A principal in the deprecated operations: groups are none.
fn principal(cx: &Call<'_>, text: &str) -> Result<Target, Error> {
    match (Principal::parse(text), Arn::parse(text)) {
        (Some(_), _) => Target::parse(cx.scope, text),
        (None, Some(_)) => Err(Error::invalid("The given ARN does not represent a cert")),
        (None, None) => Err(Error::invalid("Invalid principal type")),
    }
}

async fn attach(cx: &Call<'_>, name: &PolicyName, target: &Target) -> Result<Empty, Error> {
    let quotas = &cx.state.config.registry;
    let most = match target {
        Target::Group(_) => quotas.policies_per_group,
        Target::Certificate(_) | Target::Cognito(_) => quotas.policies_per_principal,
    };
    match cx.state.store.policy_attach(cx.scope, name, target, most as usize).await? {
        Attached::Yes => changed(cx, target),
        Attached::Already => {}
        Attached::NoPolicy => return Err(not_found()),
        Attached::NoTarget => {
            return Err(match target {
                Target::Group(group) => no_such_group(cx, group),
                _ => Error::not_found("The certificate given in the principal does not exist."),
            });
        }
        Attached::TooMany => {
            return Err(Error::limit_exceeded(format!(
                "{} already has the maximum number of attached policies ({most})",
                target.text(cx.scope)
            )));
        }
    }
    Ok(Empty {})
}

async fn detach(cx: &Call<'_>, name: &PolicyName, target: &Target) -> Result<Detached, Error> {
    let done = cx.state.store.policy_detach(cx.scope, name, target).await?;
    if done == Detached::Yes {
        changed(cx, target);
    }
    Ok(done)
}

fn changed(cx: &Call<'_>, target: &Target) {
    match target {
        Target::Certificate(id) => cx.state.access.certificate_changed(cx.scope, id),
        Target::Group(_) | Target::Cognito(_) => cx.state.access.changed(cx.scope),
    }
}

fn not_attached(policy: &str, target: &str) -> Error {
    Error::not_found(format!("The policy {policy} is not attached to {target}"))
}

/// The text holds what two generations of clients look for: AWS's words and the ARN.
fn no_such_group(cx: &Call<'_>, group: &ThingGroupName) -> Error {
    Error::not_found(format!(
        "Cannot find requested thing group for accountId: {} and thing group name: {group} ({})",
        cx.scope.account(),
        arn::thing_group(cx.scope, group)
    ))
}

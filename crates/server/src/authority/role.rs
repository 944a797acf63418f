//! Roles that AWS IoT uses for others: may it, and what may it do with them? And who may assume one.

use std::sync::Arc;

use adit_iot::arn::{Arn, partition};
use adit_iot::iam::Role;
use adit_iot::policy::{
    ASSUME_ROLE, Assumer, Context, Keys, PolicySet, Request, Rights, Trust, TrustPolicy, Verdict,
};
use adit_iot::{Error, Kind, Scope, Timestamp};

use super::{Asked, PASSED_TO, denied_text};
use crate::identity::Caller;
use crate::state::{Call, State};

/// A role that AWS IoT may use.
#[derive(Debug, Clone)]
pub struct ServiceRole {
    arn: String,
    scope: Scope,
    policies: Arc<PolicySet>,
    now: Timestamp,
}

impl ServiceRole {
    /// May the role do that? Pure, so that it can be asked inside a transaction.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub fn may(&self, action: &str, resource: &str) -> Result<(), String> {
        let mut keys = Keys::default();
        keys.one("aws:PrincipalArn", self.arn.as_str());
        keys.one("aws:PrincipalAccount", self.scope.account());
        keys.one("aws:PrincipalType", "AssumedRole");
        let context = Context { keys: Some(&keys), ..Context::new(&self.scope, self.now) };
        let request = Request { action, resource, context: &context };
        let rights = Rights::new(Arc::clone(&self.policies));
        match rights.decide(&request) {
            Verdict::Allow => Ok(()),
            verdict => Err(format!(
                "role {} may not {action} on {resource}: {}",
                self.arn,
                rights.words(verdict, &request)
            )),
        }
    }
}

/// The role that AWS IoT is to use: it must be of this account and trust `iot.amazonaws.com`.
///
/// # Errors
/// The reason, for the operator.
pub async fn service_role(state: &State, scope: &Scope, role_arn: &str) -> Result<ServiceRole, String> {
    let failed = |error: adit_store::Error| format!("role {role_arn} could not be read: {error}");
    let role = find(state, scope, role_arn).await.map_err(failed)?;
    let role =
        role.ok_or_else(|| format!("role {role_arn} does not exist in account {}", scope.account()))?;
    let now = state.now();
    let trust = TrustPolicy::parse(&role.trust)
        .map_err(|error| format!("the trust policy of role {role_arn} cannot be read: {error}"))?;
    let mut keys = Keys::default();
    keys.one("aws:SourceAccount", scope.account());
    let everything_here =
        format!("arn:{}:iot:{}:{}:*", partition(scope.region()), scope.region(), scope.account());
    keys.one("aws:SourceArn", everything_here);
    let context = Context { keys: Some(&keys), ..Context::new(scope, now) };
    match trust.decide(&Assumer::Service(PASSED_TO), ASSUME_ROLE, &context) {
        Trust::Itself | Trust::Account => {}
        Trust::No | Trust::Denied => {
            return Err(format!(
                "the trust policy of role {role_arn} does not let {PASSED_TO} do {ASSUME_ROLE}"
            ));
        }
    }
    let granted = state.authority.granted(&state.store, scope.account(), &role.identity.id, now).await;
    let granted = granted.map_err(|error| format!("role {role_arn} could not be read: {error}"))?;
    let granted = granted.ok_or_else(|| format!("role {role_arn} does not exist any more"))?;
    let policies = Arc::clone(&granted.policies);
    Ok(ServiceRole { arn: role_arn.to_owned(), scope: scope.clone(), policies, now })
}

/// Does the role exist, does it trust AWS IoT, and may it do all of that?
///
/// # Errors
/// The first reason why not, for the operator.
pub async fn role_may(
    state: &State,
    scope: &Scope,
    role_arn: &str,
    all: &[(&str, String)],
) -> Result<(), String> {
    let role = service_role(state, scope, role_arn).await?;
    all.iter().try_for_each(|(action, resource)| role.may(action, resource))
}

async fn find(state: &State, scope: &Scope, role_arn: &str) -> Result<Option<Role>, adit_store::Error> {
    let named = Arn::parse(role_arn).filter(|arn| arn.service == "iam" && arn.account == scope.account());
    let Some(name) = named.and_then(|arn| arn.resource.strip_prefix("role/")) else { return Ok(None) };
    let name = name.rsplit('/').next().unwrap_or_default();
    let role = state.store.role_get(scope.account(), name).await?;
    Ok(role.filter(|role| role.identity.arn(scope) == role_arn))
}

/// May the caller assume this role? The role's trust policy and the caller's own policies together: trusted itself, within
/// the role's account, it needs nothing more; otherwise its own policies must allow it, too.
///
/// # Errors
/// `Forbidden`, noted for the operator; the store's own.
pub async fn may_assume(
    cx: &Call<'_>,
    role: &str,
    trust: &str,
    external_id: Option<&str>,
    session: &str,
) -> Result<(), Error> {
    let mut keys = Keys::default();
    keys.one("sts:RoleSessionName", session);
    if let Some(id) = external_id {
        keys.one("sts:ExternalId", id);
    }
    let known = super::Known::of(cx).await?;
    keys.extend(&known.keys);
    let context = known.context(cx, &keys);
    let arn = cx.principal.arn.as_str();
    let own_role = cx.principal.identity_arn(cx.scope.region());
    let of_session = matches!(cx.principal.caller, Caller::Role { .. }).then_some(own_role.as_str());
    let who = Assumer::Aws { account: &cx.principal.account, arn, role: of_session };
    let asked = Asked { action: ASSUME_ROLE.into(), resource: role.to_owned() };
    let request = Request { action: ASSUME_ROLE, resource: role, context: &context };
    let refused = |why: String| {
        super::note(cx, &asked, why);
        Err(Error::new(Kind::Forbidden, denied_text(cx.principal, &asked, "")))
    };
    let trust = match TrustPolicy::parse(trust) {
        Ok(trust) => trust.decide(&who, ASSUME_ROLE, &context),
        Err(error) => return refused(format!("the role's trust policy cannot be read: {error}")),
    };
    let same_account = Arn::parse(role).is_some_and(|arn| arn.account == cx.principal.account);
    let verdict = match (&known.rights, trust) {
        (_, Trust::No) => return refused("the role's trust policy does not name the caller".to_owned()),
        (_, Trust::Denied) => return refused("the role's trust policy denies it".to_owned()),
        (None, _) => return Ok(()),
        (Some(rights), Trust::Itself) if same_account => rights.decide_named(&request),
        (Some(rights), _) => rights.decide(&request),
    };
    match (&known.rights, verdict) {
        (Some(rights), verdict) if verdict != Verdict::Allow => refused(rights.words(verdict, &request)),
        _ => Ok(()),
    }
}

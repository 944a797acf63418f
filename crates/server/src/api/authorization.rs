//! Which policies count for a device, and what they would decide (spec: control-plane §8.4, policies §1 and §7).

mod explain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adit_iot::policy::{
    CertificateFacts, ConnectFacts, Context, Decision, Document, PolicySet, Request, ThingFacts, action,
};
use adit_iot::principal::Principal;
use adit_iot::thing::Thing;
use adit_iot::{Error, PolicyName, ThingName, arn};
use serde::{Deserialize, Serialize};

use super::policy::{PolicyLine, not_found};
use crate::pki;
use crate::state::Call;

pub use explain::explain_authorization;

/// Input of GetEffectivePolicies.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetEffectivePolicies {
    /// ARN of a certificate, or a Cognito identity.
    pub principal: Option<String>,
    /// A thing whose groups count too.
    pub thing_name: Option<String>,
}

/// Output of GetEffectivePolicies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetEffectivePoliciesOutput {
    effective_policies: Vec<EffectivePolicy>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EffectivePolicy {
    policy_name: String,
    policy_arn: String,
    policy_document: String,
}

/// Shows the policies of a principal and of the groups of a thing, each once.
///
/// # Errors
/// `Invalid` if neither is given; `NotFound` for an unknown principal or thing.
pub async fn get_effective_policies(
    cx: &Call<'_>,
    input: GetEffectivePolicies,
) -> Result<GetEffectivePoliciesOutput, Error> {
    let mut found = Vec::new();
    if let Some(text) = &input.principal {
        let (principal, _) = known(cx, text).await?;
        found = cx.state.store.policies_of_target(cx.scope, &principal.text()).await?;
    }
    if let Some(name) = &input.thing_name {
        let name = ThingName::parse(name)?;
        let thing = cx.state.store.thing_get(cx.scope, &name).await?;
        thing.ok_or_else(|| Error::not_found(format!("Thing {}:{name} not found.", cx.scope.account())))?;
        found.extend(cx.state.store.group_policies_of_thing(cx.scope, &name).await?);
    } else if input.principal.is_none() {
        return Err(Error::invalid("Give a principal, a thingName, or both: neither is there."));
    }
    let mut names = BTreeSet::new();
    found.retain(|(name, _)| names.insert(name.clone()));
    let effective = found.into_iter().map(|(name, document)| EffectivePolicy {
        policy_name: name.to_string(),
        policy_arn: arn::policy(cx.scope, &name),
        policy_document: document,
    });
    Ok(GetEffectivePoliciesOutput { effective_policies: effective.collect() })
}

/// Input of TestAuthorization, and of ExplainAuthorization.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestAuthorization {
    /// ARN of a certificate, or a Cognito identity.
    pub principal: Option<String>,
    /// The MQTT client id; the connection's thing follows from it.
    pub client_id: Option<String>,
    /// What is asked.
    pub auth_infos: Vec<AuthInfo>,
    /// Policies to take as attached.
    #[serde(default)]
    pub policy_names_to_add: Vec<String>,
    /// Policies to take as not attached.
    #[serde(default)]
    pub policy_names_to_skip: Vec<String>,
}

/// One question, on the wire.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthInfo {
    /// What would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_type: Option<ActionType>,
    /// On what: ARNs.
    pub resources: Vec<String>,
}

impl AuthInfo {
    fn action(&self) -> Result<ActionType, Error> {
        self.action_type.ok_or_else(|| Error::invalid("Every one of authInfos needs an actionType."))
    }
}

/// What may be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActionType {
    /// `iot:Publish`
    Publish,
    /// `iot:Subscribe`
    Subscribe,
    /// `iot:Receive`
    Receive,
    /// `iot:Connect`
    Connect,
}

impl ActionType {
    fn action(self) -> &'static str {
        match self {
            Self::Publish => action::PUBLISH,
            Self::Subscribe => action::SUBSCRIBE,
            Self::Receive => action::RECEIVE,
            Self::Connect => action::CONNECT,
        }
    }
}

const ALLOWED: &str = "ALLOWED";
const EXPLICIT_DENY: &str = "EXPLICIT_DENY";
const IMPLICIT_DENY: &str = "IMPLICIT_DENY";

/// Output of TestAuthorization.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestAuthorizationOutput {
    auth_results: Vec<AuthResult>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthResult {
    auth_info: AuthInfo,
    allowed: Policies,
    denied: Denied,
    auth_decision: &'static str,
    missing_context_values: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Denied {
    implicit_deny: Policies,
    explicit_deny: Policies,
}

#[derive(Debug, Serialize)]
struct Policies {
    policies: Vec<PolicyLine>,
}

/// Tells what the policies of a principal would decide.
///
/// # Errors
/// `Invalid` for a question without an action; `NotFound` for an unknown principal or policy.
pub async fn test_authorization(
    cx: &Call<'_>,
    input: TestAuthorization,
) -> Result<TestAuthorizationOutput, Error> {
    let judge = Judge::new(cx, &input).await?;
    let results = input.auth_infos.into_iter().map(|info| judge.ask(cx, info));
    Ok(TestAuthorizationOutput { auth_results: results.collect::<Result<_, _>>()? })
}

/// The policies and facts that all questions of a call share.
struct Judge {
    set: PolicySet,
    /// Texts by name; one that does not parse is not in the set.
    policies: BTreeMap<PolicyName, String>,
    client_id: Option<String>,
    certificate: Option<CertificateFacts>,
    thing: Option<ThingFacts>,
}

impl Judge {
    async fn new(cx: &Call<'_>, input: &TestAuthorization) -> Result<Self, Error> {
        let store = &cx.state.store;
        let mut policies = BTreeMap::new();
        let (mut certificate, mut thing) = (None, None);
        if let Some(text) = &input.principal {
            let (principal, facts) = known(cx, text).await?;
            certificate = facts;
            let text = principal.text();
            policies.extend(store.policies_of_target(cx.scope, &text).await?);
            let client_id = input.client_id.as_deref().unwrap_or_default();
            if let Some(found) = store.thing_of_connection(cx.scope, &text, client_id).await? {
                policies.extend(store.group_policies_of_thing(cx.scope, &found.thing.name).await?);
                thing = Some(facts_of(found.thing));
            }
        }
        for name in &input.policy_names_to_add {
            let name = PolicyName::parse(name)?;
            let policy = store.policy_get(cx.scope, &name).await?.ok_or_else(not_found)?;
            policies.insert(name, policy.document);
        }
        for name in &input.policy_names_to_skip {
            policies.remove(&PolicyName::parse(name)?);
        }
        let mut documents = Vec::new();
        for (name, text) in &policies {
            match Document::parse(text) {
                Ok(document) => documents.push((Arc::from(name.as_str()), Arc::new(document))),
                Err(error) => {
                    tracing::error!(policy = %name, %error, "a stored policy does not parse and counts as absent")
                }
            }
        }
        Ok(Self {
            set: PolicySet::new(documents),
            policies,
            client_id: input.client_id.clone(),
            certificate,
            thing,
        })
    }

    fn context<'a>(&'a self, cx: &Call<'a>, action: ActionType) -> Context<'a> {
        Context {
            client_id: self.client_id.as_deref(),
            certificate: self.certificate.as_ref(),
            thing: self.thing.as_ref(),
            connect: (action == ActionType::Connect).then(ConnectFacts::default),
            ..Context::new(cx.scope, cx.now)
        }
    }

    fn ask(&self, cx: &Call<'_>, info: AuthInfo) -> Result<AuthResult, Error> {
        let action_type = info.action()?;
        let context = self.context(cx, action_type);
        let (mut allowing, mut denying, mut missing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut all_allowed, mut undecided) = (true, false);
        for resource in &info.resources {
            let request = Request { action: action_type.action(), resource, context: &context };
            let explanation = self.set.explain(&request);
            all_allowed &= explanation.decision.allows();
            undecided |= explanation.decision == Decision::ImplicitDeny;
            let names = |reasons: Vec<_>| {
                reasons.into_iter().filter_map(|reason| self.set.place(reason)).map(|at| at.policy)
            };
            allowing.extend(names(explanation.allowing));
            denying.extend(names(explanation.denying));
            missing.extend(explanation.missing);
        }
        let auth_decision = match (denying.is_empty(), all_allowed && !info.resources.is_empty()) {
            (false, _) => EXPLICIT_DENY,
            (true, true) => ALLOWED,
            (true, false) => IMPLICIT_DENY,
        };
        let lines = |wanted: &dyn Fn(&str) -> bool| Policies {
            policies: self
                .policies
                .keys()
                .filter(|name| wanted(name.as_str()))
                .map(|name| PolicyLine::new(cx.scope, name))
                .collect(),
        };
        let silent = |name: &str| undecided && !allowing.contains(name) && !denying.contains(name);
        Ok(AuthResult {
            allowed: lines(&|name| allowing.contains(name)),
            denied: Denied {
                implicit_deny: lines(&silent),
                explicit_deny: lines(&|name| denying.contains(name)),
            },
            auth_info: info,
            auth_decision,
            missing_context_values: missing.into_iter().collect(),
        })
    }
}

/// A principal that exists, with what is known of its certificate.
async fn known(cx: &Call<'_>, text: &str) -> Result<(Principal, Option<CertificateFacts>), Error> {
    let unknown = || Error::not_found("The certificate given in the principal does not exist.");
    match Principal::parse(text) {
        None => Err(Error::invalid("Invalid principal type")),
        Some(Principal::Certificate(scope, _)) if scope != *cx.scope => Err(unknown()),
        Some(Principal::Certificate(scope, id)) => {
            let certificate = cx.state.store.certificate_get(&scope, &id).await?.ok_or_else(unknown)?;
            let facts = pki::facts_of_pem(&certificate.pem);
            Ok((Principal::Certificate(scope, id), facts))
        }
        Some(cognito @ Principal::Cognito(_)) => Ok((cognito, None)),
    }
}

fn facts_of(thing: Thing) -> ThingFacts {
    ThingFacts {
        name: thing.name.as_str().to_owned(),
        type_name: thing.type_name.map(|name| name.to_string()),
        attributes: thing.attributes,
    }
}

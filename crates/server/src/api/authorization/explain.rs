//! The questions of TestAuthorization, each resource for itself and with the statements that decide: for the console's
//! simulator and for scripts; one of our own operations.

use adit_iot::policy::{Decision, Explanation, Reason, Request, statement_of};
use adit_iot::{Error, PolicyName};
use serde::Serialize;
use serde_json::Value;

use super::{ALLOWED, ActionType, EXPLICIT_DENY, IMPLICIT_DENY, Judge, TestAuthorization};
use crate::state::Call;

/// Resources that a call may ask about, in all of its questions.
const RESOURCES: usize = 100;

/// Output of ExplainAuthorization.
#[derive(Debug, Serialize)]
pub struct ExplainAuthorizationOutput {
    results: Vec<Explained>,
}

/// What is decided for one resource, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    action_type: ActionType,
    resource: String,
    decision: &'static str,
    reason: String,
    statements: Vec<Deciding>,
    policies: Vec<String>,
    missing_context_values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
}

/// A statement that makes the decision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Deciding {
    policy_name: String,
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    effect: String,
    statement: Value,
}

/// Tells what the policies of a principal would decide, and by which statements.
///
/// # Errors
/// `Invalid` for a question without an action, and for more than 100 resources in all; `NotFound` for an unknown
/// principal or policy.
pub async fn explain_authorization(
    cx: &Call<'_>,
    input: TestAuthorization,
) -> Result<ExplainAuthorizationOutput, Error> {
    let asked: usize = input.auth_infos.iter().map(|info| info.resources.len()).sum();
    if asked > RESOURCES {
        return Err(Error::invalid(format!(
            "authInfos name {asked} resources; at most {RESOURCES} can be asked about at once."
        )));
    }
    let judge = Judge::new(cx, &input).await?;
    let mut results = Vec::with_capacity(asked);
    for info in input.auth_infos {
        let action = info.action()?;
        results.extend(info.resources.into_iter().map(|resource| judge.explain(cx, action, resource)));
    }
    Ok(ExplainAuthorizationOutput { results })
}

impl Judge {
    fn explain(&self, cx: &Call<'_>, action_type: ActionType, resource: String) -> Explained {
        let context = self.context(cx, action_type);
        let request = Request { action: action_type.action(), resource: &resource, context: &context };
        let Explanation { decision, allowing, denying, missing } = self.set.explain(&request);
        let (word, deciding) = match decision {
            Decision::Allow(_) => (ALLOWED, allowing),
            Decision::ExplicitDeny(_) => (EXPLICIT_DENY, denying),
            Decision::ImplicitDeny => (IMPLICIT_DENY, Vec::new()),
        };
        Explained {
            action_type,
            decision: word,
            reason: self.set.words(decision, &request),
            statements: deciding.into_iter().filter_map(|reason| self.deciding(reason)).collect(),
            policies: self.policies.keys().map(PolicyName::to_string).collect(),
            missing_context_values: missing,
            thing_name: self.thing.as_ref().map(|thing| thing.name.clone()),
            resource,
        }
    }

    fn deciding(&self, reason: Reason) -> Option<Deciding> {
        let place = self.set.place(reason)?;
        let (_, text) = self.policies.iter().find(|(name, _)| name.as_str() == place.policy)?;
        let statement = statement_of(text, place.statement)?;
        Some(Deciding {
            policy_name: place.policy.to_owned(),
            number: place.statement,
            sid: place.sid.map(str::to_owned),
            effect: statement.get("Effect").and_then(Value::as_str)?.to_owned(),
            statement,
        })
    }
}

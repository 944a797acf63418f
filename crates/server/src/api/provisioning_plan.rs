//! What a provisioning template would make, without making it; one of our own operations.

use std::collections::BTreeMap;

use adit_iot::certificate::{Certificate, Mode, Status};
use adit_iot::provisioning::parameters::{CERTIFICATE_ID, Parameters};
use adit_iot::provisioning::{Failure, Plan, ProvisioningTemplate, Stage, Template, Wanted};
use adit_iot::{CertificateId, Error};
use serde::{Deserialize, Serialize};

use super::provisioning_template::{find, no_version, versions};
use crate::provision::apply;
use crate::state::Call;

/// Input of PlanProvisioning.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanProvisioning {
    /// Which template.
    pub template_name: String,
    /// Which of its versions; the one that counts if nothing is said.
    pub version_id: Option<i64>,
    /// A body to try in its place.
    pub template_body: Option<String>,
    /// Values of its parameters, as a device would bring them.
    #[serde(default)]
    pub parameters: Parameters,
}

/// Output of PlanProvisioning. What the template asks for is there unless it could not be found out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanProvisioningOutput {
    succeeds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing: Option<PlannedThing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_status: Option<&'static str>,
    policies: Vec<PlannedPolicy>,
    device_configuration: BTreeMap<String, String>,
    calls: Vec<PlannedCall>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedThing {
    thing_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<String>,
    attributes: BTreeMap<String, String>,
    thing_groups: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedPolicy {
    policy_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_document: Option<String>,
}

/// A call that would be made, as its role must be allowed it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedCall {
    operation: &'static str,
    resource: String,
}

/// Says what a template would make for a device with these parameters. Nothing is changed, the hook is not asked, and
/// a certificate that is not registered counts as one that waits for its activation.
///
/// # Errors
/// `NotFound` for the template or the version; `Invalid` for a body that breaks the language and a certificate's id that
/// is none. What would be in a device's way is no error but the answer.
pub async fn plan_provisioning(
    cx: &Call<'_>,
    input: PlanProvisioning,
) -> Result<PlanProvisioningOutput, Error> {
    let there = find(cx, &input.template_name).await?;
    let body = match (input.template_body, input.version_id) {
        (Some(body), _) => body,
        (None, None) => there.body.clone(),
        (None, Some(id)) => {
            let all = versions(cx, &input.template_name).await?;
            all.into_iter().find(|version| version.version == id).ok_or_else(|| no_version(id))?.body
        }
    };
    let template =
        Template::parse(&body, there.kind.flow()).map_err(|bad| Error::invalid(bad.to_string()))?;
    let certificate = stand_in(cx, &input.parameters)?;
    let wanted = match template.resolve(&input.parameters) {
        Ok(wanted) => wanted,
        Err(failure) => return Ok(PlanProvisioningOutput::default().refused(failure)),
    };
    let output = asked_for(&wanted);
    let id = certificate.id.clone();
    match planned(cx, &there, wanted, certificate).await? {
        Err(failure) => Ok(output.refused(failure)),
        Ok(plan) => {
            let calls = plan.steps.iter().flat_map(|step| step.permissions(cx.scope, Some(&id)));
            let calls = calls.map(|(operation, resource)| PlannedCall { operation, resource }).collect();
            Ok(PlanProvisioningOutput { succeeds: true, calls, ..output })
        }
    }
}

impl PlanProvisioningOutput {
    fn refused(self, failure: Failure) -> Self {
        Self { step: Some(failure.stage.as_str()), reason: Some(failure.reason), ..self }
    }
}

/// What is missing, if the template's role may do it.
async fn planned(
    cx: &Call<'_>,
    there: &ProvisioningTemplate,
    wanted: Wanted,
    certificate: Certificate,
) -> Result<Result<Plan, Failure>, Error> {
    let may = match apply::may(cx.state, cx.scope, Some(&there.role_arn)).await {
        Ok(may) => may,
        Err(failure) => return Ok(Err(failure)),
    };
    if !there.enabled {
        let text = format!("Template {} is not enabled.", there.name);
        return Ok(Err(Failure::forbidden(Stage::Template, text)));
    }
    let id = certificate.id.clone();
    let most = cx.state.config.registry.policies_per_principal as usize;
    let plan = cx.state.store.provision_plan(cx.scope, wanted, certificate, most, cx.now).await?;
    Ok(plan.and_then(|plan| may(&plan, Some(&id)).map(|()| plan)))
}

fn asked_for(wanted: &Wanted) -> PlanProvisioningOutput {
    let thing = wanted.thing.as_ref().map(|thing| PlannedThing {
        thing_name: thing.name.to_string(),
        thing_type_name: thing.type_name.as_ref().map(ToString::to_string),
        attributes: thing.attributes.clone().unwrap_or_default(),
        thing_groups: thing.groups.iter().flatten().map(ToString::to_string).collect(),
    });
    let policies = wanted.policies.iter().map(|policy| PlannedPolicy {
        policy_name: policy.name.to_string(),
        policy_document: policy.document.clone(),
    });
    PlanProvisioningOutput {
        thing,
        certificate_status: wanted.certificate.as_ref().map(|certificate| certificate.status.as_str()),
        policies: policies.collect(),
        device_configuration: wanted.device_configuration.clone(),
        ..PlanProvisioningOutput::default()
    }
}

/// The certificate of a device that has none yet: of the id among the parameters, or of 64 zeros.
fn stand_in(cx: &Call<'_>, parameters: &Parameters) -> Result<Certificate, Error> {
    let zeros = "0".repeat(64);
    let id = CertificateId::parse(parameters.get(CERTIFICATE_ID).unwrap_or(&zeros))?;
    Ok(Certificate {
        id,
        status: Status::PendingActivation,
        mode: Mode::Default,
        ca_id: None,
        pem: String::new(),
        not_before: cx.now,
        not_after: cx.now,
        customer_version: 1,
        generation_id: String::new(),
        created_at: cx.now,
        updated_at: cx.now,
    })
}

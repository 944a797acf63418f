//! Provisioning by call: a device at once, or what a person hands to one (spec: control-plane §8.6, provisioning §5, §7).

use std::collections::BTreeMap;

use adit_iot::certificate::{Certificate, Mode};
use adit_iot::provisioning::parameters::Parameters;
use adit_iot::provisioning::{Cause, Failure, Flow, Source, Template, TemplateType, WantedCertificate};
use adit_iot::{Error, Kind, Timestamp};
use adit_store::{ProvisioningClaim, Subject};
use serde::{Deserialize, Serialize};

use super::certificate::{KeyPair, registered_under};
use super::provisioning_template::{WhichTemplate, find};
use crate::pki::Registrable;
use crate::provision::apply::{Attempt, apply};
use crate::state::Call;

/// How long a claim works, in milliseconds (spec: provisioning §8).
pub const CLAIM_LIFE: i64 = 5 * 60_000;

/// Input of RegisterThing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterThing {
    /// A template.
    pub template_body: String,
    /// Values of its parameters.
    #[serde(default)]
    pub parameters: Parameters,
}

/// Output of RegisterThing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterThingOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_pem: Option<String>,
    resource_arns: BTreeMap<String, String>,
}

/// Applies a template: all of it or nothing.
///
/// # Errors
/// `Invalid` for a template that breaks the language or a parameter without a value; `RegistrationFailed` for what is in
/// the way.
pub async fn register_thing(cx: &Call<'_>, input: RegisterThing) -> Result<RegisterThingOutput, Error> {
    let template = Template::parse(&input.template_body, Flow::RegisterThing)
        .map_err(|invalid| Error::invalid(invalid.to_string()))?;
    let wanted = template.resolve(&input.parameters).map_err(refusal)?;
    let subject = match &wanted.certificate {
        None => Subject::Nothing,
        Some(certificate) => subject(cx, certificate).await?,
    };
    let attempt = Attempt {
        scope: cx.scope,
        template: &template,
        template_name: None,
        parameters: &input.parameters,
        subject,
        role: None,
        client_id: None,
        address: None,
    };
    let applied = apply(cx.state, attempt).await.map_err(refusal)?;
    Ok(RegisterThingOutput {
        certificate_pem: applied.certificate.map(|certificate| certificate.pem),
        resource_arns: applied.resource_arns,
    })
}

fn refusal(failure: Failure) -> Error {
    match failure.cause {
        Cause::Parameters => Error::invalid(failure.reason),
        Cause::Template | Cause::Registry => Error::new(Kind::RegistrationFailed, failure.reason),
        Cause::Forbidden => Error::new(Kind::Forbidden, failure.reason),
        Cause::Server => Error::new(Kind::Unavailable, failure.reason),
    }
}

/// The certificate that the template names, makes or shows.
async fn subject(cx: &Call<'_>, wanted: &WantedCertificate) -> Result<Subject, Error> {
    let failed = |error: Error| match error.kind {
        Kind::Unavailable | Kind::Internal => error,
        _ => Error { kind: Kind::RegistrationFailed, ..error },
    };
    let new = |id, pem, not_before, not_after, (mode, ca_id)| {
        Subject::New(Certificate {
            id,
            status: wanted.status,
            mode,
            ca_id,
            pem,
            not_before,
            not_after,
            customer_version: 1,
            generation_id: cx.state.ids.uuid(),
            created_at: cx.now,
            updated_at: cx.now,
        })
    };
    match &wanted.source {
        Source::Given => Err(Error::internal("a template of RegisterThing names no certificate")),
        Source::Id(id) => Ok(Subject::Known(id.clone())),
        Source::Request(request) => {
            let issued = cx.state.issuer.issue_csr(request.clone(), &cx.state.ids, cx.now).await;
            let issued = issued.map_err(failed)?;
            Ok(new(issued.id, issued.pem, issued.not_before, issued.not_after, (Mode::Default, None)))
        }
        Source::Pem { pem, ca_pem } => {
            let read = Registrable::read(pem).map_err(failed)?;
            if let Some(there) = cx.state.store.certificate_get(cx.scope, &read.id).await? {
                return Ok(Subject::Known(there.id));
            }
            let under = registered_under(cx, &read, ca_pem.as_deref()).await.map_err(failed)?;
            Ok(new(read.id, pem.clone(), read.not_before, read.not_after, under))
        }
    }
}

/// Output of CreateProvisioningClaim.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProvisioningClaimOutput {
    certificate_id: String,
    certificate_pem: String,
    key_pair: KeyPair,
    expiration: Timestamp,
}

/// Makes a certificate with which a device may use one template for five minutes. It is in no registry.
///
/// # Errors
/// `NotFound`; `Invalid` for a template that is not for fleet provisioning or not enabled; `Unavailable` if the device
/// CA cannot be used.
pub async fn create_provisioning_claim(
    cx: &Call<'_>,
    input: WhichTemplate,
) -> Result<CreateProvisioningClaimOutput, Error> {
    let template = find(cx, &input.template_name).await?;
    if template.kind != TemplateType::Fleet {
        return Err(Error::invalid(format!(
            "Provisioning claims are not supported for template type: {}",
            template.kind.as_str()
        )));
    }
    if !template.enabled {
        return Err(Error::invalid(format!("Template {} is not enabled.", template.name)));
    }
    let expiration = cx.now.plus_millis(CLAIM_LIFE);
    let (issued, keys) = cx.state.issuer.issue_claim(&cx.state.ids, cx.now, expiration).await?;
    let claim = ProvisioningClaim {
        id: issued.id.clone(),
        scope: cx.scope.clone(),
        template: template.name,
        expires_at: expiration,
    };
    cx.state.store.claim_create(claim).await?;
    cx.state.gate.registered(&issued.id);
    Ok(CreateProvisioningClaimOutput {
        certificate_id: issued.id.to_string(),
        certificate_pem: issued.pem,
        key_pair: KeyPair { public_key: keys.public_pem, private_key: keys.private_pem },
        expiration,
    })
}

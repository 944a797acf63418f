//! Applies a template: what it asks for becomes a plan, and the plan is carried out in one transaction
//! (spec: provisioning §5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use adit_iot::certificate::{Certificate, Status};
use adit_iot::provisioning::parameters::Parameters;
use adit_iot::provisioning::{Cause, Failure, Flow, Stage, Step, Template, TemplateType, Wanted};
use adit_iot::{CertificateId, Scope, ThingName, arn};
use adit_store::{DeviceEvent, May, Provision, Provisioned, Subject, ThingEvent, ThingEventKind};

use crate::authority;
use crate::mqtt::Cut;
use crate::state::State;

/// What is to be applied, and for whom.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Account and region.
    pub scope: &'a Scope,
    /// The template.
    pub template: &'a Template,
    /// Its name; none for one that came with a CA or a call.
    pub template_name: Option<&'a str>,
    /// Values of its parameters.
    pub parameters: &'a Parameters,
    /// The certificate.
    pub subject: Subject,
    /// ARN of the role that must allow every step; none where the caller of the API was asked already.
    pub role: Option<&'a str>,
    /// What the device calls itself, if it asks itself.
    pub client_id: Option<&'a str>,
    /// From where it asks.
    pub address: Option<IpAddr>,
}

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The thing.
    pub thing: Option<ThingName>,
    /// The certificate.
    pub certificate: Option<Certificate>,
    /// ARNs by the names of the resources in the template.
    pub resource_arns: BTreeMap<String, String>,
    /// What a device of fleet provisioning is told.
    pub device_configuration: BTreeMap<String, String>,
}

/// Applies a template. All of it or nothing: a failure changed nothing.
///
/// # Errors
/// Where it stopped and why.
pub async fn apply(state: &State, attempt: Attempt<'_>) -> Result<Applied, Failure> {
    let wanted = match attempt.template.resolve(attempt.parameters) {
        Ok(wanted) => wanted,
        Err(failure) => {
            noted(state, &attempt, None, Some(&failure));
            return Err(failure);
        }
    };
    let done = carry_out(state, &attempt, wanted.clone()).await;
    let thing = wanted.thing.as_ref().map(|thing| &thing.name);
    noted(state, &attempt, thing, done.as_ref().err());
    Ok(applied(attempt.scope, wanted, done?))
}

/// Applies what is wanted already known.
async fn carry_out(state: &State, attempt: &Attempt<'_>, wanted: Wanted) -> Result<Provisioned, Failure> {
    let ids = state.ids.clone();
    let provision = Provision {
        wanted,
        subject: attempt.subject.clone(),
        may: may(state, attempt.scope, attempt.role).await?,
        uuid: Box::new(move || ids.uuid()),
        most_policies: state.config.registry.policies_per_principal as usize,
        now: state.now(),
    };
    let kept = state.store.provision(attempt.scope, provision).await.map_err(|error| {
        state.metrics.count("adit_store_failures_total", "kind", "provision");
        tracing::error!(%error, "what a template asks for could not be stored");
        Failure::server(Stage::Store, "The server cannot store changes now; try again later.")
    })?;
    let done = kept?;
    tell(state, attempt.scope, &done);
    Ok(done)
}

/// Whether the template's role may do what is planned; asked in the transaction, so its policies are read before.
///
/// # Errors
/// A role that cannot be used.
pub async fn may(state: &State, scope: &Scope, role: Option<&str>) -> Result<May, Failure> {
    let Some(role_arn) = role else { return Ok(Box::new(|_, _| Ok(()))) };
    let denied = |reason: String| Failure::forbidden(Stage::Role, reason);
    let role = authority::service_role(state, scope, role_arn).await.map_err(denied)?;
    let scope = scope.clone();
    Ok(Box::new(move |plan, certificate| {
        let asked = plan.steps.iter().flat_map(|step| step.permissions(&scope, certificate));
        for (operation, resource) in asked {
            role.may(&format!("iot:{operation}"), &resource).map_err(denied)?;
        }
        Ok(())
    }))
}

/// Makes what rests on the records forget them.
fn tell(state: &State, scope: &Scope, done: &Provisioned) {
    if let Some(certificate) = &done.certificate {
        let of_certificate = |step: &Step| {
            matches!(step, Step::AttachPolicy(_) | Step::AttachThing { .. } | Step::SetStatus(_))
        };
        if done.plan.steps.iter().any(of_certificate) {
            state.access.certificate_changed(scope, &certificate.id);
        }
        if done.registered || done.status_before != Some(certificate.status) {
            state.gate.registered(&certificate.id);
        }
        if done.status_before == Some(Status::Active) && certificate.status != Status::Active {
            state.gateway.cut_certificate(scope, certificate.id.as_str(), Cut::Certificate);
        }
    }
    for step in &done.plan.steps {
        if let Step::UpdateThing { name, .. } | Step::Regroup { name, .. } = step {
            state.access.thing_changed(scope, name);
        }
    }
}

fn applied(scope: &Scope, wanted: Wanted, done: Provisioned) -> Applied {
    let mut resource_arns = BTreeMap::new();
    if let Some(thing) = &wanted.thing {
        resource_arns.insert(thing.logical.clone(), arn::thing(scope, &thing.name));
    }
    if let (Some(resource), Some(certificate)) = (&wanted.certificate, &done.certificate) {
        resource_arns.insert(resource.logical.clone(), arn::certificate(scope, &certificate.id));
    }
    for policy in &wanted.policies {
        resource_arns.insert(policy.logical.clone(), arn::policy(scope, &policy.name));
    }
    Applied {
        thing: wanted.thing.map(|thing| thing.name),
        certificate: done.certificate,
        resource_arns,
        device_configuration: wanted.device_configuration,
    }
}

/// One line in the log, one count and, if it succeeded, one event per attempt. spec: provisioning §6.6
fn noted(state: &State, attempt: &Attempt<'_>, thing: Option<&ThingName>, failure: Option<&Failure>) {
    let result = match failure.map(|failure| failure.cause) {
        None => "success",
        Some(Cause::Server) => "server-error",
        Some(_) => "client-error",
    };
    state.metrics.count("adit_provisioned_total", "result", result);
    let certificate = match &attempt.subject {
        Subject::Nothing => None,
        Subject::Known(id) => Some(id),
        Subject::New(certificate) => Some(&certificate.id),
    };
    let (scope, template) = (attempt.scope, attempt.template_name);
    let certificate = certificate.map(CertificateId::as_str);
    let thing = thing.map(ThingName::as_str);
    match failure {
        None => {
            tracing::info!(%scope, template, certificate, thing, "provisioned a device");
            tell_timeline(state, attempt, thing, certificate);
        }
        Some(failure) => {
            let (stage, reason) = (failure.stage.as_str(), &failure.reason);
            tracing::warn!(%scope, template, certificate, thing, stage, reason, "a device was not provisioned");
        }
    }
}

fn tell_timeline(state: &State, attempt: &Attempt<'_>, thing: Option<&str>, certificate: Option<&str>) {
    let how = match attempt.template.flow() {
        Flow::Fleet => TemplateType::Fleet.as_str(),
        Flow::FirstConnection => TemplateType::Jitp.as_str(),
        Flow::RegisterThing => "REGISTER_THING",
    };
    let event = ThingEvent {
        reason: Some(how.to_owned()),
        client_id: attempt.client_id.map(str::to_owned),
        certificate_id: certificate.map(str::to_owned),
        ip_address: attempt.address.map(|address| address.to_string()),
        detail: attempt.template_name.map(|name| format!("template {name}")),
        ..ThingEvent::new(ThingEventKind::Provisioned, state.now())
    };
    let (scope, thing) = (Some(attempt.scope.clone()), thing.map(str::to_owned));
    state.timeline.note(DeviceEvent { scope, thing, event });
}

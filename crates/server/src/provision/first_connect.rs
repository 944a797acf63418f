//! The CONNECT of a certificate that is not active: registered, told about, provisioned (spec: provisioning §6.2–§6.6).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::ca::{Ca, RegistrationConfig};
use adit_iot::certificate::{Certificate, Status};
use adit_iot::first_connect::{FirstConnect, Refused, first_connect};
use adit_iot::provisioning::{
    Failure, Flow, ProvisioningTemplate, Stage as Step, Template, TemplateName, TemplateType, parameters,
};
use adit_iot::{CertificateId, Error, Kind, Scope, ThingName, Timestamp, arn};
use adit_store::{AttemptFailure, ProvisioningAttempt, Subject};
use serde_json::json;
use tokio::sync::oneshot;

use super::apply::{Applied, Attempt, apply};
use super::arrivals::Turn;
use super::newcomer::Newcomer;
use crate::audit;
use crate::config::FirstConnection;
use crate::mqtt::Peer;
use crate::pki;
use crate::state::State;
use crate::why::{Refusal, Stage};

/// How long a first connection waits for its provisioning, which goes on without it. spec: provisioning §6.2
const WITHIN: Duration = Duration::from_secs(5);

/// Does what the CONNECT of a newcomer asks for. Whether the connection goes on, as that of an active certificate.
pub async fn arrive(state: &Arc<State>, peer: &Peer, newcomer: &Newcomer, client_id: &str) -> bool {
    let note = |text: String| {
        let refusal = Refusal::of(peer, Stage::FirstConnection, text);
        state.why.note(state.now(), refusal.client(client_id, None));
    };
    let id = pki::certificate_id(&newcomer.leaf);
    let known = async {
        let certificate = state.store.certificate_get(&newcomer.scope, &id).await?;
        Ok::<_, adit_store::Error>((certificate, state.store.ca_get(&newcomer.scope, &newcomer.ca).await?))
    };
    let (certificate, ca) = match known.await {
        Ok(known) => known,
        Err(error) => {
            tracing::error!(%error, "a newcomer could not be looked up");
            note("the store could not be asked about the certificate".to_owned());
            return false;
        }
    };
    let ca = match (first_connect(certificate.map(|there| there.status), ca.as_ref()), ca) {
        (FirstConnect::Admit, _) => return true,
        (FirstConnect::Arrive, Some(ca)) => ca,
        (FirstConnect::Arrive, None) => return false,
        (FirstConnect::Refuse(refused), _) => {
            note(refused.text());
            return false;
        }
    };
    let Some(turn) = state.arrivals.begin(&id, state.now().millis()) else {
        note("the certificate is being provisioned, or just failed to be; the device may try again in a second".to_owned());
        return false;
    };
    let arrival = Arrival {
        id,
        newcomer: newcomer.clone(),
        ca,
        address: Some(peer.address.ip().to_canonical()),
        client_id: Some(client_id.to_owned()),
    };
    let (done, wait) = oneshot::channel();
    let server = Arc::clone(state);
    // A task of its own: it goes on when the client leaves.
    state.tasks.spawn(async move {
        let provisioned = arrival.run(&server, turn).await;
        let _ = done.send(provisioned);
    });
    let provisioned = tokio::time::timeout(WITHIN, wait).await.is_ok_and(|done| done == Ok(true));
    provisioned && state.config.jitp.first_connection == FirstConnection::Accept
}

/// Tries again to provision a device, with the certificate that is kept of it.
///
/// # Errors
/// `NotFound` without such a certificate; `WrongState` if it is not waiting, or its CA does not take or provision
/// devices; `Throttled` while it is being provisioned, or shortly after a failure.
pub async fn retry(state: &State, scope: &Scope, id: &CertificateId) -> Result<(), Error> {
    let found = state.store.certificate_get(scope, id).await?;
    let there = found.ok_or_else(|| Error::not_found(format!("CertificateId {id} does not exist")))?;
    let wrong = |text: String| Error::new(Kind::WrongState, text);
    if there.status != Status::PendingActivation {
        return Err(wrong(format!(
            "Only a certificate that is PENDING_ACTIVATION can be provisioned; this one is {}.",
            there.status.as_str()
        )));
    }
    let Some(ca_id) = &there.ca_id else {
        return Err(wrong("The certificate was not issued by a registered CA.".to_owned()));
    };
    let ca = state.store.ca_get(scope, ca_id).await?;
    let ca = match (first_connect(Some(there.status), ca.as_ref()), ca) {
        (FirstConnect::Arrive, Some(ca)) if ca.config.is_some() => ca,
        (FirstConnect::Arrive, _) => return Err(wrong("The CA has no registration config.".to_owned())),
        (FirstConnect::Refuse(refused), Some(_)) => return Err(wrong(refused.text())),
        _ => return Err(wrong(Refused::NoCa.text())),
    };
    let leaf = pki::der_of(&there.pem).ok_or_else(|| Error::internal("a kept certificate does not read"))?;
    let turn = state.arrivals.begin(id, state.now().millis()).ok_or_else(|| {
        Error::new(
            Kind::Throttled,
            "The device is being provisioned, or just failed to be; try again in a second.",
        )
    })?;
    let newcomer =
        Newcomer { scope: scope.clone(), ca: ca.id.clone(), subject: pki::subject_fields(&leaf), leaf };
    let arrival = Arrival { id: id.clone(), newcomer, ca, address: None, client_id: None };
    arrival.provision(state, turn).await.map_err(|failure| {
        Error::new(
            Kind::Invalid,
            format!("Provisioning failed at {}: {}", failure.stage.as_str(), failure.reason),
        )
    })
}

/// One device on its way in.
struct Arrival {
    id: CertificateId,
    newcomer: Newcomer,
    ca: Ca,
    /// From where; none for a retry.
    address: Option<IpAddr>,
    client_id: Option<String>,
}

impl Arrival {
    /// Registers the certificate if it is new, tells of it, and provisions the device. Whether it is provisioned.
    async fn run(self, state: &Arc<State>, turn: Turn) -> bool {
        let now = state.now();
        let arrived =
            state.store.certificate_arrive(&self.newcomer.scope, self.certificate(state, now)).await;
        let (certificate, is_new) = match arrived {
            Ok(arrived) => arrived,
            Err(error) => {
                state.metrics.count("adit_store_failures_total", "kind", "provisioning");
                tracing::error!(%error, certificate = %self.id, "a newcomer could not be registered");
                return false;
            }
        };
        state.gate.registered(&self.id);
        if certificate.status != Status::PendingActivation {
            // Somebody was faster.
            return certificate.status == Status::Active;
        }
        self.tell(state, &certificate, is_new, now);
        if self.ca.config.is_none() {
            let text =
                "the certificate was registered as PENDING_ACTIVATION; it is let in once it is activated";
            self.note(text.to_owned(), None, |refusal| state.why.note(state.now(), refusal));
            return false;
        }
        self.provision(state, turn).await.is_ok()
    }

    /// The record of a certificate that comes in by itself.
    fn certificate(&self, state: &State, now: Timestamp) -> Certificate {
        let (not_before, not_after) = pki::validity_of(&self.newcomer.leaf);
        Certificate {
            id: self.id.clone(),
            status: Status::PendingActivation,
            mode: self.ca.mode,
            ca_id: Some(self.ca.id.clone()),
            pem: pki::pem_of(&self.newcomer.leaf),
            not_before,
            not_after,
            customer_version: 1,
            generation_id: state.ids.uuid(),
            created_at: now,
            updated_at: now,
        }
    }

    /// spec: provisioning §6.4
    fn tell(&self, state: &State, certificate: &Certificate, is_new: bool, now: Timestamp) {
        let registered = certificate.created_at.millis().to_string();
        let event = json!({
            "certificateId": self.id.as_str(),
            "caCertificateId": self.ca.id.as_str(),
            "timestamp": now.millis(),
            "certificateStatus": Status::PendingActivation.as_str(),
            "awsAccountId": self.newcomer.scope.account(),
            "certificateRegistrationTimestamp": (!is_new).then_some(registered),
            "sourceIp": self.address.map(|address| address.to_string()),
        });
        let topic = format!("$aws/events/certificates/registered/{}", self.ca.id);
        state.gateway.tell(&self.newcomer.scope, &topic, event.to_string().into_bytes());
    }

    /// Provisions the device and keeps what came of it.
    async fn provision(&self, state: &State, mut turn: Turn) -> Result<(), Failure> {
        let result = self.apply(state).await;
        let thing = result.as_ref().ok().and_then(|applied| applied.thing.clone());
        let attempt = ProvisioningAttempt {
            certificate: self.id.clone(),
            ca: self.ca.id.clone(),
            template: match &self.ca.config {
                Some(RegistrationConfig::Named(name)) => Some(name.clone()),
                _ => None,
            },
            thing: thing.as_ref().map(ThingName::to_string),
            failure: result.as_ref().err().map(|failure| AttemptFailure {
                step: failure.stage.as_str().to_owned(),
                reason: failure.reason.clone(),
            }),
            tries: 1,
            first_at: state.now(),
            at: state.now(),
        };
        if let Err(error) = state.store.provisioning_attempt_put(&self.newcomer.scope, attempt).await {
            tracing::error!(%error, certificate = %self.id, "what came of provisioning could not be kept");
        }
        match &result {
            Ok(_) => {
                self.audit(state).await;
                if state.config.jitp.first_connection == FirstConnection::Drop {
                    let text = "the device was provisioned; its next connection is let in";
                    self.note(text.to_owned(), thing.as_ref(), |refusal| {
                        state.why.remember(state.now(), refusal);
                    });
                }
            }
            Err(failure) => {
                turn.failed(state.now().millis());
                let text = format!("provisioning failed at {}: {}", failure.stage.as_str(), failure.reason);
                self.note(text, None, |refusal| state.why.note(state.now(), refusal));
            }
        }
        result.map(|_| ())
    }

    async fn apply(&self, state: &State) -> Result<Applied, Failure> {
        let scope = &self.newcomer.scope;
        let (name, body, role) = match &self.ca.config {
            None => return Err(Failure::template("The CA has no registration config.")),
            Some(RegistrationConfig::Inline { body, role_arn }) => (None, body.clone(), role_arn.clone()),
            Some(RegistrationConfig::Named(name)) => {
                let template = named(state, scope, name).await?;
                (Some(name.as_str()), template.body, template.role_arn)
            }
        };
        let template = Template::parse(&body, Flow::FirstConnection)
            .map_err(|invalid| Failure::template(invalid.to_string()))?;
        let subject = self.newcomer.subject.iter().map(|(field, value)| (*field, value.as_str()));
        let attempt = Attempt {
            scope,
            template: &template,
            template_name: name,
            parameters: &parameters::of_first_connection(&self.id, subject),
            subject: Subject::Known(self.id.clone()),
            role: Some(&role),
            client_id: self.client_id.as_deref(),
            address: self.address,
        };
        apply(state, attempt).await
    }

    /// What changed something; a device that fails again and again would fill the disk.
    async fn audit(&self, state: &State) {
        let scope = &self.newcomer.scope;
        let mut entry = audit::scoped(audit::entry("ProvisionDevice", "ok", state.now()), scope);
        entry.principal = Some(arn::ca(scope, &self.ca.id));
        entry.resource = Some(arn::certificate(scope, &self.id));
        entry.peer = self.address.map(|address| address.to_string());
        state.audit(entry).await;
    }

    /// What the operator may ask about a connection that is closed; a retry closes none.
    fn note(&self, text: String, thing: Option<&ThingName>, keep: impl FnOnce(Refusal)) {
        let Some(client_id) = &self.client_id else { return };
        let mut refusal = Refusal::new(Stage::FirstConnection, text);
        refusal.scope = Some(self.newcomer.scope.clone());
        refusal.certificate = Some(self.id.to_string());
        refusal.client_id = Some(client_id.clone());
        refusal.thing = thing.map(ThingName::to_string);
        refusal.address = self.address;
        keep(refusal);
    }
}

/// The named template as it is now.
async fn named(state: &State, scope: &Scope, name: &str) -> Result<ProvisioningTemplate, Failure> {
    let missing = || Failure::template(format!("Template with name {name} does not exist."));
    let known = TemplateName::parse(name).map_err(|_| missing())?;
    let found = state.store.template_get(scope, &known).await.map_err(|error| {
        tracing::error!(%error, template = name, "a provisioning template could not be read");
        Failure::server(Step::Store, "The server cannot read the template now; try again later.")
    })?;
    let template = found.ok_or_else(missing)?;
    if template.kind != TemplateType::Jitp {
        return Err(Failure::template(format!(
            "Template {name} is of type {}, not JITP.",
            template.kind.as_str()
        )));
    }
    if !template.enabled {
        return Err(Failure::template(format!("Template {name} is not enabled.")));
    }
    Ok(template)
}

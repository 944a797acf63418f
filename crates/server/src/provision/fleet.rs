//! Fleet provisioning: what devices ask for over MQTT with a claim's certificate (spec: provisioning §7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use adit_iot::certificate::{Certificate, Mode, Status};
use adit_iot::provisioning::fleet::{Registration, Rejected};
use adit_iot::provisioning::parameters::{CERTIFICATE_ID, Parameters};
use adit_iot::provisioning::{Flow, Hook, ProvisioningTemplate, Template, TemplateName, TemplateType};
use adit_iot::{CertificateId, Error, Kind, Scope, Timestamp, arn};
use adit_store::{Subject, hash_token};
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::apply::{Attempt, apply};
use super::hook::Hooks;
use crate::audit;
use crate::mqtt::{Identity, Peer};
use crate::pki::Issued;
use crate::state::State;

/// How long an ownership token works, in milliseconds. spec: provisioning §8
pub const TOKEN_LIFE: i64 = 60 * 60_000;
/// Requests that are worked on or wait, on all connections together; more are rejected.
const REQUESTS: usize = 1024;

/// The document of a claim's certificate: what its one template needs and nothing else. spec: provisioning §7
#[must_use]
pub fn claim_policy(scope: &Scope, template: &TemplateName) -> String {
    let own = format!("$aws/provisioning-templates/{template}/provision/*");
    let arns = |kind: fn(&Scope, &str) -> String| {
        ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*", own.as_str()]
            .map(|topic| kind(scope, topic))
    };
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": arns(adit_iot::policy::topic)},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": arns(adit_iot::policy::topic_filter)},
    ]})
    .to_string()
}

/// What all requests of fleet provisioning share.
#[derive(Debug)]
pub struct Fleet {
    room: Semaphore,
    hooks: Hooks,
    turns: Mutex<HashMap<CertificateId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { room: Semaphore::new(REQUESTS), hooks: Hooks::default(), turns: Mutex::default() }
    }
}

impl Fleet {
    /// Room for one request; `None` when too many are under way.
    pub fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.room.try_acquire().ok()
    }

    /// Runs `work` while nobody else provisions that certificate.
    async fn alone<T>(&self, id: &CertificateId, work: impl Future<Output = T>) -> T {
        let turn = Arc::clone(self.turns().entry(id.clone()).or_default());
        let held = turn.lock().await;
        let done = work.await;
        drop(held);
        let mut turns = self.turns();
        drop(turn);
        if turns.get(id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(id);
        }
        done
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<CertificateId, Arc<tokio::sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The other end of the connection.
    pub peer: &'a Peer,
    /// What it calls itself.
    pub client_id: &'a str,
}

impl Asker<'_> {
    fn scope(&self) -> &Scope {
        self.peer.identity.scope()
    }

    fn certificate(&self) -> Option<&CertificateId> {
        match &self.peer.identity {
            Identity::Certificate { certificate, .. } => Some(&certificate.id),
            Identity::Signed { .. } | Identity::Plain { .. } => None,
        }
    }

    async fn audit(&self, state: &State, operation: &str, resource: String) {
        let entry = audit::scoped(audit::entry(operation, "ok", state.now()), self.scope());
        let mut entry = audit::from_peer(entry, self.peer.address);
        entry.principal = match &self.peer.identity {
            Identity::Certificate { scope, certificate } => Some(arn::certificate(scope, &certificate.id)),
            Identity::Signed { principal, .. } => Some(principal.arn.clone()),
            Identity::Plain { .. } => None,
        };
        entry.resource = Some(resource);
        state.audit(entry).await;
    }
}

/// Makes a key and a certificate for it.
///
/// # Errors
/// `InternalFailure`.
pub async fn create_keys(state: &State, asker: Asker<'_>) -> Result<Value, Rejected> {
    let (issued, keys) = state.issuer.issue_keys(&state.ids, state.now()).await.map_err(refusal)?;
    let mut answer = keep(state, asker, issued, "CreateKeysAndCertificate").await?;
    answer.insert("privateKey".to_owned(), Value::from(keys.private_pem.expose()));
    Ok(answer.into())
}

/// Issues a certificate for a PKCS#10 request in PEM.
///
/// # Errors
/// `InvalidCertificateSigningRequest`; `InternalFailure`.
pub async fn create_from_csr(state: &State, asker: Asker<'_>, request: String) -> Result<Value, Rejected> {
    let issued = state.issuer.issue_csr(request, &state.ids, state.now()).await.map_err(refusal)?;
    Ok(keep(state, asker, issued, "CreateCertificateFromCsr").await?.into())
}

fn refusal(error: Error) -> Rejected {
    if error.kind == Kind::Invalid {
        return Rejected::bad("InvalidCertificateSigningRequest", error.message);
    }
    tracing::error!(inside = error.inside, "a certificate could not be issued over MQTT");
    Rejected::internal()
}

fn broken(error: impl std::fmt::Display) -> Rejected {
    tracing::error!(%error, "fleet provisioning failed");
    Rejected::internal()
}

/// Keeps a new certificate until its device has finished, and tells who may finish.
async fn keep(
    state: &State,
    asker: Asker<'_>,
    issued: Issued,
    operation: &'static str,
) -> Result<Map<String, Value>, Rejected> {
    let now = state.now();
    let token = state.ids.hex();
    let certificate = Certificate {
        id: issued.id,
        status: Status::PendingActivation,
        mode: Mode::Default,
        ca_id: None,
        pem: issued.pem,
        not_before: issued.not_before,
        not_after: issued.not_after,
        customer_version: 1,
        generation_id: state.ids.uuid(),
        created_at: now,
        updated_at: now,
    };
    let (scope, hash, ends_at) = (asker.scope(), hash_token(&token), now.plus_millis(TOKEN_LIFE));
    let kept = state.store.certificate_create_owned(scope, certificate.clone(), hash, ends_at).await;
    if !kept.map_err(broken)? {
        return Err(broken("a certificate that was just issued is there already"));
    }
    state.gate.registered(&certificate.id);
    asker.audit(state, operation, arn::certificate(scope, &certificate.id)).await;
    let members = [
        ("certificateId", certificate.id.to_string()),
        ("certificatePem", certificate.pem),
        ("certificateOwnershipToken", token),
    ];
    Ok(members.map(|(name, value)| (name.to_owned(), Value::from(value))).into_iter().collect())
}

/// Provisions a device with a named template.
///
/// # Errors
/// In this order: the template, the token, the hook, what the template asks for. spec: provisioning §7
pub async fn register_thing(
    state: &State,
    asker: Asker<'_>,
    name: &str,
    asked: Registration,
) -> Result<Value, Rejected> {
    let template = find(state, asker.scope(), name).await?;
    let certificate = owned(state, asker.scope(), asked.token.expose(), state.now()).await?;
    let id = certificate.id.clone();
    let work = provision(state, asker, &template, certificate, asked.parameters);
    state.fleet.alone(&id, Box::pin(work)).await
}

async fn find(state: &State, scope: &Scope, name: &str) -> Result<ProvisioningTemplate, Rejected> {
    let missing = || Rejected::template(format!("Template with name {name} does not exist."));
    let parsed = TemplateName::parse(name).map_err(|_| missing())?;
    let template = state.store.template_get(scope, &parsed).await.map_err(broken)?.ok_or_else(missing)?;
    if template.kind != TemplateType::Fleet {
        let kind = template.kind.as_str();
        return Err(Rejected::template(format!(
            "Template {name} is of type {kind}, not FLEET_PROVISIONING."
        )));
    }
    if !template.enabled {
        return Err(Rejected::template(format!("Template {name} is not enabled.")));
    }
    Ok(template)
}

async fn owned(state: &State, scope: &Scope, token: &str, now: Timestamp) -> Result<Certificate, Rejected> {
    let wrong = |what: &str| {
        Rejected::bad("InvalidCertificateOwnershipToken", format!("Certificate ownership token {what}"))
    };
    if token.is_empty() {
        return Err(wrong("cannot be empty."));
    }
    let owned = state.store.certificate_owned(scope, hash_token(token), now).await.map_err(broken)?;
    owned.ok_or_else(|| wrong("is invalid."))
}

async fn provision(
    state: &State,
    asker: Asker<'_>,
    template: &ProvisioningTemplate,
    certificate: Certificate,
    mut parameters: Parameters,
) -> Result<Value, Rejected> {
    let scope = asker.scope();
    if let Some(hook) = &template.hook {
        ask(state, asker, (template, hook), &certificate, &mut parameters).await?;
    }
    parameters.insert(CERTIFICATE_ID.to_owned(), certificate.id.to_string());
    let parsed = Template::parse(&template.body, Flow::Fleet)
        .map_err(|invalid| Rejected::template(invalid.to_string()))?;
    let attempt = Attempt {
        scope,
        template: &parsed,
        template_name: Some(template.name.as_str()),
        parameters: &parameters,
        subject: Subject::Known(certificate.id.clone()),
        role: Some(&template.role_arn),
        client_id: Some(asker.client_id),
        address: Some(asker.peer.address.ip().to_canonical()),
    };
    let applied = apply(state, attempt).await;
    let applied = applied.map_err(|failure| Rejected::of(&failure, &state.ids.uuid()))?;
    asker.audit(state, "RegisterThing", arn::certificate(scope, &certificate.id)).await;
    let thing = applied.thing.map(|thing| ("thingName".to_owned(), Value::from(thing.as_str())));
    let configuration = ("deviceConfiguration".to_owned(), json!(applied.device_configuration));
    Ok([configuration].into_iter().chain(thing).collect::<Map<_, _>>().into())
}

/// Asks the template's hook; its overrides are put over the parameters.
async fn ask(
    state: &State,
    asker: Asker<'_>,
    (template, hook): (&ProvisioningTemplate, &Hook),
    certificate: &Certificate,
    parameters: &mut Parameters,
) -> Result<(), Rejected> {
    let Some(route) = state.config.provisioning.hook(&hook.target_arn) else {
        tracing::warn!(template = %template.name, hook = hook.target_arn, "provisioning.hooks has no such function");
        return Err(Rejected::bad("InvocationError", "Failed to invoke the pre-provisioning hook."));
    };
    let input = json!({
        "claimCertificateId": asker.certificate().map(CertificateId::as_str),
        "certificateId": certificate.id.as_str(),
        "certificatePem": certificate.pem,
        "templateArn": arn::provisioning_template(asker.scope(), &template.name),
        "clientId": asker.client_id,
        "parameters": parameters,
    });
    let verdict = state.fleet.hooks.ask(&route.url, &input).await?;
    if !verdict.allow {
        return Err(Rejected::denied("Access Denied"));
    }
    parameters.extend(verdict.overrides);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_certificate_is_provisioned_by_one_request_at_a_time() {
        let fleet = Fleet::default();
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = async || {
            most.fetch_max(inside.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::Relaxed);
        };
        let (one, two) = (CertificateId::from_sha256([1; 32]), CertificateId::from_sha256([2; 32]));
        tokio::join!(fleet.alone(&one, work()), fleet.alone(&one, work()), fleet.alone(&one, work()));
        assert_eq!(most.swap(0, Ordering::Relaxed), 1);
        tokio::join!(fleet.alone(&one, work()), fleet.alone(&two, work()));
        assert_eq!(most.load(Ordering::Relaxed), 2);
        assert!(fleet.turns().is_empty());
    }

    #[test]
    fn requests_have_room_for_so_many() {
        let fleet = Fleet::default();
        let held: Vec<_> = std::iter::from_fn(|| fleet.enter()).collect();
        assert_eq!(held.len(), REQUESTS);
        drop(held);
        assert!(fleet.enter().is_some());
    }
}

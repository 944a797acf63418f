//! One API request: from HTTP to a handler and back. Operation names are matched here, and those of IAM in `iam.rs`.

pub mod attachment;
pub mod attempt;
pub mod audit_event;
pub mod authorization;
pub mod ca;
pub mod caller;
pub mod certificate;
pub mod connection;
pub mod connectivity;
pub mod data;
pub mod device;
pub mod endpoint;
pub mod health;
pub mod iam;
pub mod limit;
pub mod paging;
pub mod policy;
pub mod principal;
pub mod provisioning;
pub mod provisioning_plan;
pub mod provisioning_template;
pub mod refusal;
pub mod session;
pub mod shadow;
pub mod tag;
pub mod thing;
pub mod thing_event;
pub mod thing_group;
pub mod thing_type;
pub mod tunnel;

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Instant;

use adit_aws::{About, Operation, Protocol, Refused, Reply, Request, Service};
use adit_iot::arn::partition;
use adit_iot::{Error, Kind, Scope, Timestamp};
use adit_store::KeyUse;
use http::header;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::audit;
use crate::authority;
use crate::faults;
use crate::identity::Principal;
use crate::mqtt::Peer;
use crate::state::{Call, State};

use device::Device;

/// What a handler answers.
pub enum Output {
    /// An object, written in the wire form of the service.
    Object(Value),
    /// The body itself, as of a shadow.
    Body(Vec<u8>),
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + Send + 'a>>;
type Handler = for<'a> fn(&'a Call<'a>, Value) -> Answer<'a>;

macro_rules! with_input {
    ($function:path) => {
        |cx, input| Box::pin(async move { shown($function(cx, typed(input)?).await?) })
    };
}

use with_input;

macro_rules! without_input {
    ($function:path) => {
        |cx, _| Box::pin(async move { shown($function(cx).await?) })
    };
}

macro_rules! with_body {
    ($function:path) => {
        |cx, input| Box::pin(async move { Ok(Output::Body($function(cx, typed(input)?).await?)) })
    };
}

/// The function that serves an operation; `None` if this server does not offer it.
#[must_use]
pub fn handler(operation: &Operation) -> Option<Handler> {
    let handler: Handler = match (operation.service, operation.name) {
        (Service::Iot, "AddThingToThingGroup") => with_input!(thing_group::add_thing_to_thing_group),
        (Service::Iot, "AttachPolicy") => with_input!(attachment::attach_policy),
        (Service::Iot, "AttachPrincipalPolicy") => with_input!(attachment::attach_principal_policy),
        (Service::Iot, "AttachThingPrincipal") => with_input!(principal::attach_thing_principal),
        (Service::Iot, "CreateCertificateFromCsr") => with_input!(certificate::create_certificate_from_csr),
        (Service::Iot, "CreateKeysAndCertificate") => with_input!(certificate::create_keys_and_certificate),
        (Service::Iot, "CreatePolicy") => with_input!(policy::create_policy),
        (Service::Iot, "CreatePolicyVersion") => with_input!(policy::create_policy_version),
        (Service::Iot, "CreateProvisioningClaim") => with_input!(provisioning::create_provisioning_claim),
        (Service::Iot, "CreateProvisioningTemplate") => {
            with_input!(provisioning_template::create_provisioning_template)
        }
        (Service::Iot, "CreateProvisioningTemplateVersion") => {
            with_input!(provisioning_template::create_provisioning_template_version)
        }
        (Service::Iot, "CreateThing") => with_input!(thing::create_thing),
        (Service::Iot, "CreateThingGroup") => with_input!(thing_group::create_thing_group),
        (Service::Iot, "CreateThingType") => with_input!(thing_type::create_thing_type),
        (Service::Iot, "DeleteCACertificate") => with_input!(ca::delete_ca_certificate),
        (Service::Iot, "DeleteCertificate") => with_input!(certificate::delete_certificate),
        (Service::Iot, "DeletePolicy") => with_input!(policy::delete_policy),
        (Service::Iot, "DeletePolicyVersion") => with_input!(policy::delete_policy_version),
        (Service::Iot, "DeleteRegistrationCode") => without_input!(ca::delete_registration_code),
        (Service::Iot, "DeleteProvisioningTemplate") => {
            with_input!(provisioning_template::delete_provisioning_template)
        }
        (Service::Iot, "DeleteProvisioningTemplateVersion") => {
            with_input!(provisioning_template::delete_provisioning_template_version)
        }
        (Service::Iot, "DeleteThing") => with_input!(thing::delete_thing),
        (Service::Iot, "DeleteThingGroup") => with_input!(thing_group::delete_thing_group),
        (Service::Iot, "DeleteThingType") => with_input!(thing_type::delete_thing_type),
        (Service::Iot, "DeprecateThingType") => with_input!(thing_type::deprecate_thing_type),
        (Service::Iot, "DescribeCACertificate") => with_input!(ca::describe_ca_certificate),
        (Service::Iot, "DescribeCertificate") => with_input!(certificate::describe_certificate),
        (Service::Iot, "DescribeEndpoint") => with_input!(endpoint::describe_endpoint),
        (Service::Iot, "DescribeProvisioningTemplate") => {
            with_input!(provisioning_template::describe_provisioning_template)
        }
        (Service::Iot, "DescribeProvisioningTemplateVersion") => {
            with_input!(provisioning_template::describe_provisioning_template_version)
        }
        (Service::Iot, "DescribeThing") => with_input!(thing::describe_thing),
        (Service::Iot, "DescribeThingGroup") => with_input!(thing_group::describe_thing_group),
        (Service::Iot, "DescribeThingType") => with_input!(thing_type::describe_thing_type),
        (Service::Iot, "DetachPolicy") => with_input!(attachment::detach_policy),
        (Service::Iot, "DetachPrincipalPolicy") => with_input!(attachment::detach_principal_policy),
        (Service::Iot, "DetachThingPrincipal") => with_input!(principal::detach_thing_principal),
        (Service::Iot, "ExplainAuthorization") => with_input!(authorization::explain_authorization),
        (Service::Iot, "GetEffectivePolicies") => with_input!(authorization::get_effective_policies),
        (Service::Iot, "GetPolicy") => with_input!(policy::get_policy),
        (Service::Iot, "GetPolicyVersion") => with_input!(policy::get_policy_version),
        (Service::Iot, "GetRegistrationCode") => without_input!(ca::get_registration_code),
        (Service::Iot, "GetServerHealth") => without_input!(health::get_server_health),
        (Service::Iot, "GetThingConnectivityData") => {
            with_input!(connectivity::get_thing_connectivity_data)
        }
        (Service::Iot, "ListAttachedPolicies") => with_input!(attachment::list_attached_policies),
        (Service::Iot, "ListAuditEvents") => with_input!(audit_event::list_audit_events),
        (Service::Iot, "ListCACertificates") => with_input!(ca::list_ca_certificates),
        (Service::Iot, "ListCertificates") => with_input!(certificate::list_certificates),
        (Service::Iot, "ListCertificatesByCA") => with_input!(certificate::list_certificates_by_ca),
        (Service::Iot, "ListPolicies") => with_input!(policy::list_policies),
        (Service::Iot, "ListPolicyPrincipals") => with_input!(attachment::list_policy_principals),
        (Service::Iot, "ListPolicyVersions") => with_input!(policy::list_policy_versions),
        (Service::Iot, "ListPrincipalPolicies") => with_input!(attachment::list_principal_policies),
        (Service::Iot, "ListPrincipalThings") => with_input!(principal::list_principal_things),
        (Service::Iot, "ListPrincipalThingsV2") => with_input!(principal::list_principal_things_v2),
        (Service::Iot, "ListProvisioningTemplateVersions") => {
            with_input!(provisioning_template::list_provisioning_template_versions)
        }
        (Service::Iot, "ListProvisioningTemplates") => {
            with_input!(provisioning_template::list_provisioning_templates)
        }
        (Service::Iot, "ListTagsForResource") => with_input!(tag::list_tags_of_iot),
        (Service::Iot, "ListTargetsForPolicy") => with_input!(attachment::list_targets_for_policy),
        (Service::Iot, "ListThingGroups") => with_input!(thing_group::list_thing_groups),
        (Service::Iot, "ListThingGroupsForThing") => with_input!(thing_group::list_thing_groups_for_thing),
        (Service::Iot, "ListThingPrincipals") => with_input!(principal::list_thing_principals),
        (Service::Iot, "ListThingPrincipalsV2") => with_input!(principal::list_thing_principals_v2),
        (Service::Iot, "ListThingTypes") => with_input!(thing_type::list_thing_types),
        (Service::Iot, "ListConnections") => with_input!(connection::list_connections),
        (Service::Iot, "ListLimits") => without_input!(limit::list_limits),
        (Service::Iot, "ListProvisioningAttempts") => with_input!(attempt::list_provisioning_attempts),
        (Service::Iot, "PlanProvisioning") => with_input!(provisioning_plan::plan_provisioning),
        (Service::Iot, "RetryProvisioning") => with_input!(attempt::retry_provisioning),
        (Service::Iot, "ListRefusals") => with_input!(refusal::list_refusals),
        (Service::Iot, "ListThingEvents") => with_input!(thing_event::list_thing_events),
        (Service::Iot, "ListThings") => with_input!(thing::list_things),
        (Service::Iot, "ListThingsInThingGroup") => with_input!(thing_group::list_things_in_thing_group),
        (Service::Iot, "RegisterCACertificate") => with_input!(ca::register_ca_certificate),
        (Service::Iot, "RegisterCertificate") => with_input!(certificate::register_certificate),
        (Service::Iot, "RegisterCertificateWithoutCA") => {
            with_input!(certificate::register_certificate_without_ca)
        }
        (Service::Iot, "RegisterThing") => with_input!(provisioning::register_thing),
        (Service::Iot, "RemoveThingFromThingGroup") => {
            with_input!(thing_group::remove_thing_from_thing_group)
        }
        (Service::Iot, "SetDefaultPolicyVersion") => with_input!(policy::set_default_policy_version),
        (Service::Iot, "TagResource") => with_input!(tag::tag_resource_of_iot),
        (Service::Iot, "TestAuthorization") => with_input!(authorization::test_authorization),
        (Service::Iot, "UntagResource") => with_input!(tag::untag_resource_of_iot),
        (Service::Iot, "UpdateCACertificate") => with_input!(ca::update_ca_certificate),
        (Service::Iot, "UpdateCertificate") => with_input!(certificate::update_certificate),
        (Service::Iot, "UpdateProvisioningTemplate") => {
            with_input!(provisioning_template::update_provisioning_template)
        }
        (Service::Iot, "UpdateThing") => with_input!(thing::update_thing),
        (Service::Iot, "UpdateThingGroup") => with_input!(thing_group::update_thing_group),
        (Service::Iot, "UpdateThingGroupsForThing") => {
            with_input!(thing_group::update_thing_groups_for_thing)
        }
        (Service::Iot, "UpdateThingType") => with_input!(thing_type::update_thing_type),
        (Service::IotData, "DeleteConnection") => with_input!(data::delete_connection),
        (Service::IotData, "GetConnection") => with_input!(data::get_connection),
        (Service::IotData, "GetRetainedMessage") => with_input!(data::get_retained_message),
        (Service::IotData, "ListRetainedMessages") => with_input!(data::list_retained_messages),
        (Service::IotData, "ListSubscriptions") => with_input!(data::list_subscriptions),
        (Service::IotData, "Publish") => with_input!(data::publish),
        (Service::IotData, "SendDirectMessage") => with_input!(data::send_direct_message),
        (Service::IotData, "DeleteThingShadow") => with_body!(shadow::delete_thing_shadow),
        (Service::IotData, "GetThingShadow") => with_body!(shadow::get_thing_shadow),
        (Service::IotData, "ListNamedShadowsForThing") => {
            with_input!(shadow::list_named_shadows_for_thing)
        }
        (Service::IotData, "UpdateThingShadow") => with_body!(shadow::update_thing_shadow),
        (Service::Iam, name) => return iam::handler(name),
        (Service::Sts, "AssumeRole") => with_input!(session::assume_role),
        (Service::Sts, "GetAccessKeyInfo") => with_input!(session::get_access_key_info),
        (Service::Sts, "GetCallerIdentity") => without_input!(caller::get_caller_identity),
        (Service::Sts, "GetSessionToken") => with_input!(session::get_session_token),
        (Service::Tunneling, "CloseTunnel") => with_input!(tunnel::close_tunnel),
        (Service::Tunneling, "DescribeTunnel") => with_input!(tunnel::describe_tunnel),
        (Service::Tunneling, "ListTagsForResource") => with_input!(tag::list_tags_for_resource),
        (Service::Tunneling, "ListTunnels") => with_input!(tunnel::list_tunnels),
        (Service::Tunneling, "OpenTunnel") => with_input!(tunnel::open_tunnel),
        (Service::Tunneling, "RotateTunnelAccessToken") => with_input!(tunnel::rotate_tunnel_access_token),
        (Service::Tunneling, "TagResource") => with_input!(tag::tag_resource),
        (Service::Tunneling, "UntagResource") => with_input!(tag::untag_resource),
        _ => return None,
    };
    Some(handler)
}

fn typed<T: DeserializeOwned>(input: Value) -> Result<T, Error> {
    serde_json::from_value(input)
        .map_err(|e| Error::internal(format!("an input that passed the table does not fit its type: {e}")))
}

fn shown(output: impl Serialize) -> Result<Output, Error> {
    let object = serde_json::to_value(output);
    object.map(Output::Object).map_err(|e| Error::internal(format!("an output cannot be written: {e}")))
}

/// A request that has arrived whole.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// Request line and headers.
    pub head: &'a Parts,
    /// The body.
    pub body: &'a [u8],
    /// From where.
    pub peer: SocketAddr,
    /// Its id.
    pub request_id: &'a str,
    /// The device, if its certificate was proved and let in.
    pub device: Option<Peer>,
    /// Whether only the data API is served where it arrived.
    pub data_only: bool,
    /// Whether it arrived over TLS.
    pub secure: bool,
}

/// What is known of a request as it passes the doors, for the answer, the audit and the metrics.
struct Passage {
    about: About,
    principal: Option<Principal>,
    scope: Option<Scope>,
    resource: Option<String>,
    /// What was denied, and by what.
    denied: Option<String>,
}

enum Outcome {
    Done(&'static Operation, Output),
    Failed(Error),
    Refused(adit_aws::Refusal),
}

/// Answers an API request.
pub async fn answer(state: &State, arrived: Arrived<'_>) -> Reply {
    let started = Instant::now();
    let about = About { protocol: guess(arrived.head), service: None, operation: None };
    let mut passage = Passage { about, principal: None, scope: None, resource: None, denied: None };
    let outcome = match pass(state, &arrived, &mut passage).await {
        Ok(outcome) => outcome,
        Err(Refused { why, about }) => {
            passage.about = about;
            Outcome::Refused(why)
        }
    };
    let about = passage.about;
    let (code, reply) = match outcome {
        Outcome::Done(operation, Output::Body(body)) => {
            ("OK", adit_aws::rest_json::payload(operation.status, body, arrived.request_id))
        }
        Outcome::Done(operation, Output::Object(output)) => {
            passage.resource = resource_of(operation, passage.scope.as_ref(), &output).or(passage.resource);
            ("OK", adit_aws::reply(operation, output, arrived.request_id))
        }
        Outcome::Failed(error) => {
            if let Some(inside) = &error.inside {
                tracing::error!(request = arrived.request_id, inside, "a request failed");
            }
            let (face, reply) = faults::failed(&error, about, arrived.request_id);
            (face.code, reply)
        }
        Outcome::Refused(why) => {
            let (face, reply) = faults::refused(&why, about, arrived.request_id);
            (face.code, reply)
        }
    };
    let name = about.operation.map_or("-", |row| row.name);
    let service = about.service.map_or("-", Service::signing_name);
    state.metrics.request(service, name, code, started.elapsed());
    note(state, &arrived, passage, name, code).await;
    reply
}

/// The three doors, then the handler.
async fn pass(state: &State, arrived: &Arrived<'_>, passage: &mut Passage) -> Result<Outcome, Refused> {
    let now = state.now();
    if let Some(peer) = &arrived.device {
        return pass_device(state, arrived, peer, passage, now).await;
    }
    let request = Request::new(arrived.head, arrived.body);
    let unsigned = adit_aws::read(&request)?;
    passage.about = unsigned.about();
    let key = state.keys.find(&state.store, unsigned.key_id(), unsigned.session_token(), now).await;
    let key = match key {
        Ok(key) => key,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    let call = unsigned.verify(key.secret.expose(), now.millis().div_euclid(1000))?;
    let scope = match Scope::new(&key.account, call.region()) {
        Ok(scope) => scope,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    let principal = key.principal(call.region(), call.key_id());
    passage.scope = Some(scope.clone());
    passage.principal = Some(principal.clone());
    let operation = call.operation();
    let (region, service) = (call.region().to_owned(), operation.service.signing_name().to_owned());
    let used = KeyUse { at: now, region, service };
    if let Err(error) = state.keys.used(&state.store, call.key_id(), used).await {
        return Ok(Outcome::Failed(error));
    }
    if arrived.data_only && !matches!(operation.service, Service::IotData | Service::JobsData) {
        let text = "This listener serves the data API only; the AWS API is on another (see `adit env`).";
        return Ok(Outcome::Failed(Error::new(Kind::NotOffered, text)));
    }
    let cx = Call {
        state,
        principal: &principal,
        scope: &scope,
        request_id: arrived.request_id,
        now,
        peer: arrived.peer,
        secure: arrived.secure,
        user_agent: agent_of(arrived.head),
    };
    run(&cx, operation, || call.bind(), passage).await
}

/// The same for a device, whose certificate was proved in TLS.
async fn pass_device(
    state: &State,
    arrived: &Arrived<'_>,
    peer: &Peer,
    passage: &mut Passage,
    now: Timestamp,
) -> Result<Outcome, Refused> {
    let request = Request::new(arrived.head, arrived.body);
    let scope = peer.identity.scope();
    passage.scope = Some(scope.clone());
    let named = adit_aws::name(&request, Service::IotData)?;
    passage.about = named.about();
    let (device, principal) = match Device::of(state, peer).await {
        Ok(known) => known,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    passage.principal = Some(principal.clone());
    let input = named.bind()?;
    if let Err(error) = device.may(state, named.operation(), &input, now) {
        passage.resource = resource_of(named.operation(), Some(scope), &input);
        return Ok(Outcome::Failed(error));
    }
    let cx = Call {
        state,
        principal: &principal,
        scope,
        request_id: arrived.request_id,
        now,
        peer: arrived.peer,
        secure: arrived.secure,
        user_agent: agent_of(arrived.head),
    };
    run(&cx, named.operation(), || Ok(input), passage).await
}

fn agent_of(head: &Parts) -> Option<&str> {
    head.headers.get(header::USER_AGENT)?.to_str().ok()
}

/// Offered, bound, allowed, done; in that order, so that who may not call learns nothing of what exists.
async fn run(
    cx: &Call<'_>,
    operation: &'static Operation,
    bind: impl FnOnce() -> Result<Value, Refused>,
    passage: &mut Passage,
) -> Result<Outcome, Refused> {
    let Some(handler) = handler(operation) else {
        let text = format!("{} is an operation of AWS that this server does not offer.", operation.name);
        return Ok(Outcome::Failed(Error::new(Kind::NotOffered, text)));
    };
    let input = bind()?;
    passage.resource = resource_of(operation, Some(cx.scope), &input);
    match authority::may(cx, operation, &input).await {
        Ok(()) => {}
        Err(Ok(denied)) => {
            // The same resource as that of a call that is allowed: what happened to one thing is found by its ARN.
            passage.resource.get_or_insert_with(|| denied.asked.resource.clone());
            passage.denied = Some(denied.message.clone());
            return Ok(Outcome::Failed(denied.error(operation.service)));
        }
        Err(Err(error)) => return Ok(Outcome::Failed(error)),
    }
    Ok(match handler(cx, input).await {
        Ok(output) => Outcome::Done(operation, output),
        Err(error) => Outcome::Failed(error),
    })
}

/// Audits what changed something and what was refused.
async fn note(state: &State, arrived: &Arrived<'_>, passage: Passage, operation: &'static str, code: &str) {
    let reads =
        ["Get", "List", "Describe", "Explain", "Plan", "Test"].iter().any(|verb| operation.starts_with(verb));
    if reads && code == "OK" {
        return;
    }
    let mut entry = audit::from_peer(audit::entry(operation, code, state.now()), arrived.peer);
    if code == "OK" {
        "ok".clone_into(&mut entry.result);
    }
    entry.request_id = Some(arrived.request_id.to_owned());
    entry.resource = passage.resource;
    entry.detail = passage.denied;
    if let Some(scope) = &passage.scope {
        entry = audit::scoped(entry, scope);
    }
    match passage.principal {
        Some(principal) => {
            entry.principal = Some(principal.arn);
            state.audit(entry).await;
        }
        None => state.audit_stranger(entry).await,
    }
}

/// The ARN of what an input or an output is about.
fn resource_of(operation: &Operation, scope: Option<&Scope>, value: &Value) -> Option<String> {
    const ARNS: [&str; 10] = [
        "templateArn",
        "tunnelArn",
        "thingGroupArn",
        "thingTypeArn",
        "thingArn",
        "certificateArn",
        "policyArn",
        "resourceArn",
        "PolicyArn",
        "RoleArn",
    ];
    const NAMES: [(&str, &str); 8] = [
        ("templateName", "provisioningtemplate"),
        ("tunnelId", "tunnel"),
        ("thingGroupName", "thinggroup"),
        ("thingName", "thing"),
        ("thingTypeName", "thingtype"),
        ("certificateId", "cert"),
        ("caCertificateId", "cacert"),
        ("policyName", "policy"),
    ];
    // Of what has no region; the path is known of what is made only.
    const IDENTITIES: [(&str, &str); 4] =
        [("RoleName", "role"), ("GroupName", "group"), ("UserName", "user"), ("PolicyName", "policy")];
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if let Some(arn) = ARNS.into_iter().find_map(text) {
        return Some(arn.to_owned());
    }
    let scope = scope?;
    if let Some((kind, name)) = IDENTITIES.into_iter().find_map(|(member, kind)| Some((kind, text(member)?)))
    {
        let path = text("Path").unwrap_or("/");
        return Some(adit_iot::iam::identity::arn(scope, &format!("{kind}{path}{name}")));
    }
    let (kind, name) = NAMES.into_iter().find_map(|(member, kind)| Some((kind, text(member)?)))?;
    // The operations on CAs call their id like that of a device's certificate.
    let kind = if operation.name.contains("CACertificate") { "cacert" } else { kind };
    Some(format!(
        "arn:{}:iot:{}:{}:{kind}/{name}",
        partition(scope.region()),
        scope.region(),
        scope.account()
    ))
}

/// The wire form a client reads, before anything else is known of its request.
fn guess(head: &Parts) -> Protocol {
    if head.headers.contains_key("x-amz-target") { Protocol::Json11 } else { Protocol::RestJson }
}

/// The answer to a device whose certificate is not let in.
#[must_use]
pub fn turned_away(request_id: &str) -> Reply {
    let about = About { protocol: Protocol::RestJson, service: Some(Service::IotData), operation: None };
    faults::failed(&Error::new(Kind::Forbidden, "Forbidden"), about, request_id).1
}

/// The answer to a request whose body is larger than the server takes, or did not arrive in time.
#[must_use]
pub fn unread(head: &Parts, error: &Error, request_id: &str) -> Reply {
    let about = About { protocol: guess(head), service: None, operation: None };
    faults::failed(error, about, request_id).1
}

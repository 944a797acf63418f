//! CA certificates of customers, and the codes they are registered with (spec: control-plane §7, §8.1).

use adit_iot::ca::{self, Ca, Change, RegistrationConfig, Status};
use adit_iot::certificate::Mode;
use adit_iot::page::Listing;
use adit_iot::provisioning::{TemplateType, check_role};
use adit_iot::{CertificateId, Error, Kind, Timestamp, arn};
use adit_store::{CaCreated, CaDeleted, CaUpdated};
use serde::{Deserialize, Serialize};

use super::certificate::Validity;
use super::paging::Marked;
use super::provisioning_template;
use super::tag::{self, IotTag};
use super::tunnel::Empty;
use crate::ids::hex;
use crate::pki::CaCertificate;
use crate::state::Call;

/// Output of GetRegistrationCode.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRegistrationCodeOutput {
    registration_code: String,
}

/// Tells the scope's registration code; it is made when it is first asked for.
///
/// # Errors
/// Only the store's own.
pub async fn get_registration_code(cx: &Call<'_>) -> Result<GetRegistrationCodeOutput, Error> {
    let fresh = hex(&cx.state.ids.bytes32());
    let registration_code = cx.state.store.registration_code(cx.scope, fresh).await?;
    Ok(GetRegistrationCodeOutput { registration_code })
}

/// Forgets the scope's registration code; the next one asked for is another. Registered CAs are not touched.
///
/// # Errors
/// Only the store's own.
pub async fn delete_registration_code(cx: &Call<'_>) -> Result<Empty, Error> {
    cx.state.store.registration_code_delete(cx.scope).await?;
    Ok(Empty {})
}

/// `RegistrationConfig` on the wire.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    template_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_name: Option<String>,
}

impl From<RegistrationConfig> for WireConfig {
    fn from(config: RegistrationConfig) -> Self {
        match config {
            RegistrationConfig::Named(name) => Self { template_name: Some(name), ..Self::default() },
            RegistrationConfig::Inline { body, role_arn } => {
                Self { template_body: Some(body), role_arn: Some(role_arn), template_name: None }
            }
        }
    }
}

/// Input of RegisterCACertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCaCertificate {
    /// The CA certificate in PEM.
    pub ca_certificate: String,
    /// A certificate in PEM that the CA issued for the registration code.
    pub verification_certificate: Option<String>,
    /// Whether it is active at once.
    #[serde(default)]
    pub set_as_active: bool,
    /// Whether its certificates may come in by themselves.
    #[serde(default)]
    pub allow_auto_registration: bool,
    /// What is done with its devices when they first connect.
    pub registration_config: Option<WireConfig>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<IotTag>,
    /// How its certificates are told apart.
    pub certificate_mode: Option<String>,
}

/// Output of RegisterCACertificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCaCertificateOutput {
    certificate_arn: String,
    certificate_id: String,
}

/// Registers a CA. In the mode `DEFAULT` the caller proves to hold its key.
///
/// # Errors
/// `BadCertificate`, `BadRegistrationCode`, `Invalid`; `NotFound` for a template that is not there; `Exists`;
/// `LimitExceeded` for the eleventh of a subject.
pub async fn register_ca_certificate(
    cx: &Call<'_>,
    input: RegisterCaCertificate,
) -> Result<RegisterCaCertificateOutput, Error> {
    let read = CaCertificate::read(&input.ca_certificate)?;
    current(&read, cx.now)?;
    let mode = input.certificate_mode.as_deref().map_or(Ok(Mode::Default), Mode::parse)?;
    verify(cx, &read, mode, input.verification_certificate.as_deref()).await?;
    let config = match input.registration_config {
        Some(config) => Some(registration_config(cx, config).await?),
        None => None,
    };
    let tags = tag::of_new(input.tags)?;
    let certificate_arn = arn::ca(cx.scope, &read.id);
    let new = Ca {
        id: read.id.clone(),
        status: if input.set_as_active { Status::Active } else { Status::Inactive },
        auto_registration: input.allow_auto_registration,
        mode,
        pem: input.ca_certificate,
        subject: read.subject,
        not_before: read.not_before,
        not_after: read.not_after,
        config,
        customer_version: 1,
        generation_id: cx.state.ids.uuid(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    match cx.state.store.ca_create(cx.scope, new, tags).await? {
        CaCreated::Yes => {
            Ok(RegisterCaCertificateOutput { certificate_arn, certificate_id: read.id.to_string() })
        }
        CaCreated::Exists => Err(Error::new(
            Kind::Exists,
            format!(
                "The certificate with id {} already exists. The certificate is already provisioned or registered",
                read.id
            ),
        )
        .with_resource(read.id.to_string(), certificate_arn)),
        CaCreated::InOtherAccount => Err(Error::new(
            Kind::Exists,
            "Another account has registered this CA certificate in this region. With certificateMode SNI_ONLY both may \
             have it; devices must then send the host name of their account.",
        )),
        CaCreated::TooMany => Err(Error::limit_exceeded(format!(
            "{} CA certificates with this subject are registered; more are not allowed. Delete one that is not needed.",
            ca::MAX_OF_SUBJECT
        ))),
    }
}

fn current(read: &CaCertificate, now: Timestamp) -> Result<(), Error> {
    let what = match (read.not_before > now, read.not_after < now) {
        (true, _) => "The CA certificate is not valid yet; check its dates and the clock of this server.",
        (_, true) => "The CA certificate has expired.",
        (false, false) => return Ok(()),
    };
    Err(Error::new(Kind::BadCertificate, what))
}

async fn verify(
    cx: &Call<'_>,
    read: &CaCertificate,
    mode: Mode,
    verification: Option<&str>,
) -> Result<(), Error> {
    match (mode, verification) {
        (Mode::Default, Some(pem)) => {
            let code = cx.state.store.registration_code_known(cx.scope).await?;
            read.verify_registration(pem, code.as_deref())
        }
        (Mode::Default, None) => Err(Error::invalid(
            "Need to provide verification certificate for registering CA Certificates in DEFAULT mode",
        )),
        (Mode::SniOnly, Some(_)) => Err(Error::invalid(
            "Cannot provide verification certificate for registering CA Certificates in SNI_ONLY mode",
        )),
        (Mode::SniOnly, None) => Ok(()),
    }
}

/// Input of operations on one CA.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhichCaCertificate {
    /// Its id.
    pub certificate_id: String,
}

/// Output of DescribeCACertificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCaCertificateOutput {
    certificate_description: CaDescription,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_config: Option<WireConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CaDescription {
    certificate_arn: String,
    certificate_id: String,
    status: &'static str,
    certificate_pem: String,
    owned_by: String,
    creation_date: Timestamp,
    auto_registration_status: &'static str,
    last_modified_date: Timestamp,
    customer_version: i64,
    generation_id: String,
    validity: Validity,
    certificate_mode: &'static str,
}

/// Shows a CA.
///
/// # Errors
/// `NotFound`.
pub async fn describe_ca_certificate(
    cx: &Call<'_>,
    input: WhichCaCertificate,
) -> Result<DescribeCaCertificateOutput, Error> {
    let id = known(&input.certificate_id)?;
    let there = cx.state.store.ca_get(cx.scope, &id).await?.ok_or_else(not_found)?;
    Ok(DescribeCaCertificateOutput {
        certificate_description: CaDescription {
            certificate_arn: arn::ca(cx.scope, &there.id),
            certificate_id: there.id.to_string(),
            status: there.status.as_str(),
            certificate_pem: there.pem,
            owned_by: cx.scope.account().to_owned(),
            creation_date: there.created_at,
            auto_registration_status: ca::auto_registration(there.auto_registration),
            last_modified_date: there.updated_at,
            customer_version: there.customer_version,
            generation_id: there.generation_id,
            validity: Validity { not_before: there.not_before, not_after: there.not_after },
            certificate_mode: there.mode.as_str(),
        },
        registration_config: there.config.map(WireConfig::from),
    })
}

/// Input of ListCACertificates.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListCaCertificates {
    /// Only those whose registration config names this template.
    pub template_name: Option<String>,
    #[serde(flatten)]
    page: Marked,
}

/// Output of ListCACertificates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCaCertificatesOutput {
    certificates: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A CA in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    certificate_arn: String,
    certificate_id: String,
    status: &'static str,
    creation_date: Timestamp,
}

/// Lists CAs.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_ca_certificates(
    cx: &Call<'_>,
    input: ListCaCertificates,
) -> Result<ListCaCertificatesOutput, Error> {
    let template = input.template_name;
    let filters = [template.as_deref()];
    let listing = Listing { operation: "ListCACertificates", scope: cx.scope, filters: &filters };
    let (order, after, limit) = (input.page.order(), input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.cas_page(cx.scope, template.clone(), order, after, limit).await?;
    let next_marker = page.next.map(|position| listing.marker(position));
    let lines = page.items.into_iter().map(|line| Line {
        certificate_arn: arn::ca(cx.scope, &line.id),
        certificate_id: line.id.to_string(),
        status: line.status.as_str(),
        creation_date: line.created_at,
    });
    Ok(ListCaCertificatesOutput { certificates: lines.collect(), next_marker })
}

/// Input of UpdateCACertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCaCertificate {
    /// Which CA.
    pub certificate_id: String,
    /// Another status.
    pub new_status: Option<String>,
    /// Whether its certificates may come in by themselves.
    pub new_auto_registration_status: Option<String>,
    /// What is done with its devices when they first connect, in place of what was.
    pub registration_config: Option<WireConfig>,
    /// Whether the registration config goes and auto-registration is switched off.
    #[serde(default)]
    pub remove_auto_registration: bool,
}

/// Changes what is given.
///
/// # Errors
/// `NotFound`, also for a template that is not there; `Invalid` for a registration config that breaks a rule, or that
/// is given and removed at once.
pub async fn update_ca_certificate(cx: &Call<'_>, input: UpdateCaCertificate) -> Result<Empty, Error> {
    let id = known(&input.certificate_id)?;
    let mut change = Change {
        status: input.new_status.as_deref().map(Status::parse).transpose()?,
        auto_registration: input
            .new_auto_registration_status
            .as_deref()
            .map(ca::parse_auto_registration)
            .transpose()?,
        config: None,
    };
    if input.remove_auto_registration {
        if input.registration_config.is_some() || change.auto_registration == Some(true) {
            return Err(Error::invalid(
                "removeAutoRegistration takes the registration config away and disables auto registration; it does not \
                 go with registrationConfig or newAutoRegistrationStatus ENABLE.",
            ));
        }
        change = change.without_auto_registration();
    } else if let Some(config) = input.registration_config {
        change.config = Some(Some(registration_config(cx, config).await?));
    }
    match cx.state.store.ca_update(cx.scope, &id, change, cx.now).await? {
        CaUpdated::Yes(_) | CaUpdated::Same => Ok(Empty {}),
        CaUpdated::NotFound => Err(not_found()),
    }
}

/// Deletes a CA. Certificates registered under it stay.
///
/// # Errors
/// `NotFound`; `WrongState` while it is active.
pub async fn delete_ca_certificate(cx: &Call<'_>, input: WhichCaCertificate) -> Result<Empty, Error> {
    let id = known(&input.certificate_id)?;
    match cx.state.store.ca_delete(cx.scope, &id).await? {
        CaDeleted::Yes => Ok(Empty {}),
        CaDeleted::NotFound => Err(not_found()),
        CaDeleted::Refused(refusal) => Err(refusal),
    }
}

/// A registration config that may be kept: its template is one for first connections.
async fn registration_config(cx: &Call<'_>, config: WireConfig) -> Result<RegistrationConfig, Error> {
    let config = RegistrationConfig::of(config.template_name, config.template_body, config.role_arn)?;
    match &config {
        RegistrationConfig::Inline { body, role_arn } => {
            provisioning_template::check_body(body, TemplateType::Jitp)?;
            check_role(cx.scope, role_arn)?;
        }
        RegistrationConfig::Named(name) => {
            let template = provisioning_template::find(cx, name).await?;
            if template.kind != TemplateType::Jitp {
                return Err(Error::invalid(format!(
                    "Template {name} is of type {}; a registrationConfig needs one of type JITP.",
                    template.kind.as_str()
                )));
            }
        }
    }
    Ok(config)
}

/// What passes the table and is no id belongs to no CA.
fn known(id: &str) -> Result<CertificateId, Error> {
    CertificateId::parse(id).map_err(|_| not_found())
}

fn not_found() -> Error {
    Error::not_found("Requested CA Certificate does not exist.")
}

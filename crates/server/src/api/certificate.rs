//! Device certificates: issued here or registered, and their status (spec: control-plane §7, §8.2).

use adit_iot::ca::{self, Ca};
use adit_iot::certificate::{Certificate, Mode, Status};
use adit_iot::page::Listing;
use adit_iot::{CertificateId, Error, Kind, Secret, Timestamp, arn};
use adit_store::{CertificateChanged, CertificateDeleted, CertificateLine, Page};
use serde::{Deserialize, Serialize};

use super::paging::Marked;
use super::tunnel::Empty;
use crate::mqtt::Cut;
use crate::pki::{CaCertificate, Issued, NotIssued, Registrable};
use crate::state::Call;

/// Certificates of a CA on a page when the caller does not say (spec: control-plane §6).
const PAGE_OF_CA: u32 = 250;

/// Input of CreateKeysAndCertificate.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateKeysAndCertificate {
    /// Whether the certificate is active at once.
    pub set_as_active: bool,
}

/// Output of CreateKeysAndCertificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateKeysAndCertificateOutput {
    /// ARN of the certificate.
    pub certificate_arn: String,
    /// Its id.
    pub certificate_id: String,
    /// The certificate.
    pub certificate_pem: String,
    /// Its keys, shown this once.
    pub key_pair: KeyPair,
}

/// A key pair, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPair {
    /// The public key in PEM.
    pub public_key: String,
    /// The private key in PEM.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    pub private_key: Secret,
}

/// Makes a key and a certificate for it. The private key is not kept.
///
/// # Errors
/// `Unavailable` if the device CA cannot be used.
pub async fn create_keys_and_certificate(
    cx: &Call<'_>,
    input: CreateKeysAndCertificate,
) -> Result<CreateKeysAndCertificateOutput, Error> {
    let (issued, keys) = cx.state.issuer.issue_keys(&cx.state.ids, cx.now).await?;
    let certificate = keep_issued(cx, issued, input.set_as_active).await?;
    Ok(CreateKeysAndCertificateOutput {
        certificate_arn: arn::certificate(cx.scope, &certificate.id),
        certificate_id: certificate.id.to_string(),
        certificate_pem: certificate.pem,
        key_pair: KeyPair { public_key: keys.public_pem, private_key: keys.private_pem },
    })
}

/// Input of CreateCertificateFromCsr.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCertificateFromCsr {
    /// A PKCS#10 request in PEM.
    pub certificate_signing_request: String,
    /// Whether the certificate is active at once.
    #[serde(default)]
    pub set_as_active: bool,
}

/// Output of CreateCertificateFromCsr.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCertificateFromCsrOutput {
    certificate_arn: String,
    certificate_id: String,
    certificate_pem: String,
}

/// Issues a certificate for a request's key and subject; another one every time.
///
/// # Errors
/// `Invalid` for a request that is malformed, not signed by its key, or of a key that is not accepted.
pub async fn create_certificate_from_csr(
    cx: &Call<'_>,
    input: CreateCertificateFromCsr,
) -> Result<CreateCertificateFromCsrOutput, Error> {
    let request = input.certificate_signing_request;
    let issued = cx.state.issuer.issue_csr(request, &cx.state.ids, cx.now).await?;
    let certificate = keep_issued(cx, issued, input.set_as_active).await?;
    Ok(CreateCertificateFromCsrOutput {
        certificate_arn: arn::certificate(cx.scope, &certificate.id),
        certificate_id: certificate.id.to_string(),
        certificate_pem: certificate.pem,
    })
}

async fn keep_issued(cx: &Call<'_>, issued: Issued, active: bool) -> Result<Certificate, Error> {
    let certificate = Certificate {
        id: issued.id,
        status: if active { Status::Active } else { Status::Inactive },
        mode: Mode::Default,
        ca_id: None,
        pem: issued.pem,
        not_before: issued.not_before,
        not_after: issued.not_after,
        customer_version: 1,
        generation_id: cx.state.ids.uuid(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    if !cx.state.store.certificate_create(cx.scope, certificate.clone()).await? {
        return Err(Error::internal("a certificate that was just issued is there already"));
    }
    cx.state.gate.registered(&certificate.id);
    Ok(certificate)
}

/// Input of RegisterCertificateWithoutCA.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateWithoutCa {
    /// A certificate in PEM.
    pub certificate_pem: String,
    /// Its status; inactive without.
    pub status: Option<String>,
}

/// Output of the registrations.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateOutput {
    certificate_arn: String,
    certificate_id: String,
}

/// Registers a certificate, whoever issued it.
///
/// # Errors
/// `BadCertificate`; `WrongState` for a status that only the server gives; `Exists`.
pub async fn register_certificate_without_ca(
    cx: &Call<'_>,
    input: RegisterCertificateWithoutCa,
) -> Result<RegisterCertificateOutput, Error> {
    let status = input.status.as_deref().map_or(Ok(Status::Inactive), Status::parse)?.for_registration()?;
    let read = Registrable::read(&input.certificate_pem)?;
    keep_registered(cx, &read, input.certificate_pem, status, (Mode::SniOnly, None)).await
}

/// Input of RegisterCertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificate {
    /// A certificate in PEM.
    pub certificate_pem: String,
    /// The CA that issued it, in PEM.
    pub ca_certificate_pem: Option<String>,
    /// Whether it is active at once, if no status is given.
    #[serde(default)]
    pub set_as_active: bool,
    /// Its status.
    pub status: Option<String>,
}

/// Registers a certificate of a registered CA, or of this server's own.
///
/// # Errors
/// `BadCertificate` for one that no such CA issued; `WrongState` for a CA that is not registered or not active, and for
/// a status that only the server gives; `Conflict` if several registered CAs could have issued it; `Exists`.
pub async fn register_certificate(
    cx: &Call<'_>,
    input: RegisterCertificate,
) -> Result<RegisterCertificateOutput, Error> {
    let otherwise = if input.set_as_active { Status::Active } else { Status::Inactive };
    let status = input.status.as_deref().map_or(Ok(otherwise), Status::parse)?.for_registration()?;
    let read = Registrable::read(&input.certificate_pem)?;
    let under = registered_under(cx, &read, input.ca_certificate_pem.as_deref()).await?;
    keep_registered(cx, &read, input.certificate_pem, status, under).await
}

/// How a certificate is told apart that is registered under the CA shown, or under the one that issued it; and that CA.
///
/// # Errors
/// As of [`register_certificate`].
pub(super) async fn registered_under(
    cx: &Call<'_>,
    read: &Registrable,
    ca_pem: Option<&str>,
) -> Result<(Mode, Option<CertificateId>), Error> {
    let ca = match ca_pem {
        Some(pem) => Some(named_ca(cx, pem, read).await?),
        None => issuing_ca(cx, read).await?,
    };
    Ok(ca.map_or((Mode::Default, None), |ca| (ca.mode, Some(ca.id))))
}

/// The registered CA that the caller shows. spec: control-plane §8.2
async fn named_ca(cx: &Call<'_>, pem: &str, read: &Registrable) -> Result<Ca, Error> {
    let shown = CaCertificate::read(pem)?;
    let refused = |text: &str| Error::new(Kind::WrongState, text);
    let ca = cx.state.store.ca_get(cx.scope, &shown.id).await?;
    let ca = ca.ok_or_else(|| refused("No CA certificate exists for the given certificate"))?;
    shown.has_issued(&read.der).map_err(NotIssued::refusal)?;
    if ca.status != ca::Status::Active {
        return Err(refused("The CA certificate is not active"));
    }
    Ok(ca)
}

/// The registered CA that issued a certificate; `None` for this server's own. spec: control-plane §8.2
async fn issuing_ca(cx: &Call<'_>, read: &Registrable) -> Result<Option<Ca>, Error> {
    let of_subject = cx.state.store.cas_of_subject(Some(cx.scope), read.issuer.clone()).await?;
    let mut issuers = of_subject.into_iter().map(|found| found.ca).filter(|ca| {
        CaCertificate::stored(&ca.pem).is_some_and(|read_ca| read_ca.has_issued(&read.der).is_ok())
    });
    let Some(first) = issuers.next() else {
        if cx.state.issuer.has_issued(read.der.clone()).await? {
            return Ok(None);
        }
        return Err(Error::new(
            Kind::BadCertificate,
            "No registered CA certificate issued this certificate. Register its CA first (RegisterCACertificate), or              use RegisterCertificateWithoutCA.",
        ));
    };
    if issuers.next().is_some() {
        return Err(Error::new(
            Kind::Conflict,
            "Several registered CA certificates have the subject and the key that issued this certificate. Say which              with caCertificatePem.",
        ));
    }
    if first.status != ca::Status::Active {
        return Err(Error::new(Kind::WrongState, "The CA certificate is not active"));
    }
    Ok(Some(first))
}

async fn keep_registered(
    cx: &Call<'_>,
    read: &Registrable,
    pem: String,
    status: Status,
    (mode, ca_id): (Mode, Option<CertificateId>),
) -> Result<RegisterCertificateOutput, Error> {
    let certificate_arn = arn::certificate(cx.scope, &read.id);
    let certificate = Certificate {
        id: read.id.clone(),
        status,
        mode,
        ca_id,
        pem,
        not_before: read.not_before,
        not_after: read.not_after,
        customer_version: 1,
        generation_id: cx.state.ids.uuid(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    if !cx.state.store.certificate_create(cx.scope, certificate).await? {
        let text = format!(
            "The certificate with id {} already exists. The certificate is already provisioned or registered",
            read.id
        );
        return Err(Error::new(Kind::Exists, text).with_resource(read.id.to_string(), certificate_arn));
    }
    cx.state.gate.registered(&read.id);
    Ok(RegisterCertificateOutput { certificate_arn, certificate_id: read.id.to_string() })
}

/// Input of DescribeCertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCertificate {
    /// Which certificate.
    pub certificate_id: String,
}

/// Output of DescribeCertificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCertificateOutput {
    certificate_description: CertificateDescription,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateDescription {
    certificate_arn: String,
    certificate_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate_id: Option<String>,
    status: &'static str,
    certificate_pem: String,
    owned_by: String,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
    customer_version: i64,
    generation_id: String,
    validity: Validity,
    certificate_mode: &'static str,
}

/// `CertificateValidity` on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// Its begin.
    pub not_before: Timestamp,
    /// Its end.
    pub not_after: Timestamp,
}

/// Shows a certificate.
///
/// # Errors
/// `NotFound`.
pub async fn describe_certificate(
    cx: &Call<'_>,
    input: DescribeCertificate,
) -> Result<DescribeCertificateOutput, Error> {
    let id = known(&input.certificate_id)?;
    let found = cx.state.store.certificate_get(cx.scope, &id).await?;
    let there = found.ok_or_else(|| not_found(&input.certificate_id))?;
    Ok(DescribeCertificateOutput {
        certificate_description: CertificateDescription {
            certificate_arn: arn::certificate(cx.scope, &there.id),
            certificate_id: there.id.to_string(),
            ca_certificate_id: there.ca_id.map(|id| id.to_string()),
            status: there.status.as_str(),
            certificate_pem: there.pem,
            owned_by: cx.scope.account().to_owned(),
            creation_date: there.created_at,
            last_modified_date: there.updated_at,
            customer_version: there.customer_version,
            generation_id: there.generation_id,
            validity: Validity { not_before: there.not_before, not_after: there.not_after },
            certificate_mode: there.mode.as_str(),
        },
    })
}

/// Input of ListCertificates.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListCertificates {
    #[serde(flatten)]
    page: Marked,
}

/// Output of the listings of certificates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesOutput {
    certificates: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A certificate in a list, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    certificate_arn: String,
    certificate_id: String,
    status: &'static str,
    certificate_mode: &'static str,
    creation_date: Timestamp,
}

/// Lists certificates.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_certificates(
    cx: &Call<'_>,
    input: ListCertificates,
) -> Result<ListCertificatesOutput, Error> {
    let listing = Listing { operation: "ListCertificates", scope: cx.scope, filters: &[] };
    let (order, after, limit) = (input.page.order(), input.page.after(&listing)?, input.page.limit());
    let page = cx.state.store.certificates_page(cx.scope, None, order, after, limit).await?;
    Ok(shown(cx, page, &listing))
}

/// Input of ListCertificatesByCA.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesByCa {
    /// Id of the CA certificate.
    pub ca_certificate_id: String,
    #[serde(flatten)]
    page: Marked,
}

/// Lists the certificates registered under a CA; none for an unknown one.
///
/// # Errors
/// `Invalid` for a marker of another listing.
pub async fn list_certificates_by_ca(
    cx: &Call<'_>,
    input: ListCertificatesByCa,
) -> Result<ListCertificatesOutput, Error> {
    let filters = [Some(input.ca_certificate_id.as_str())];
    let listing = Listing { operation: "ListCertificateByCA", scope: cx.scope, filters: &filters };
    let page = Marked { page_size: input.page.page_size.or(Some(PAGE_OF_CA)), ..input.page };
    let (order, after) = (page.order(), page.after(&listing)?);
    let Ok(id) = CertificateId::parse(&input.ca_certificate_id) else {
        return Ok(ListCertificatesOutput { certificates: Vec::new(), next_marker: None });
    };
    let page = cx.state.store.certificates_page(cx.scope, Some(&id), order, after, page.limit()).await?;
    Ok(shown(cx, page, &listing))
}

fn shown(cx: &Call<'_>, page: Page<CertificateLine>, listing: &Listing<'_>) -> ListCertificatesOutput {
    let line = |line: CertificateLine| Line {
        certificate_arn: arn::certificate(cx.scope, &line.id),
        certificate_id: line.id.to_string(),
        status: line.status.as_str(),
        certificate_mode: line.mode.as_str(),
        creation_date: line.created_at,
    };
    ListCertificatesOutput {
        certificates: page.items.into_iter().map(line).collect(),
        next_marker: page.next.map(|position| listing.marker(position)),
    }
}

/// Input of UpdateCertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCertificate {
    /// Which certificate.
    pub certificate_id: String,
    /// The status it is to have.
    pub new_status: String,
}

/// Gives a certificate another status; the same one again is fine. One that is not active any more loses its
/// connections at once.
///
/// # Errors
/// `NotFound`; `WrongState` for a status that only the server gives, and for a revoked certificate.
pub async fn update_certificate(cx: &Call<'_>, input: UpdateCertificate) -> Result<Empty, Error> {
    let id = known(&input.certificate_id)?;
    let status = Status::parse(&input.new_status)?;
    match cx.state.store.certificate_set_status(cx.scope, &id, status, cx.now).await? {
        CertificateChanged::Yes(before, _) => {
            cx.state.access.certificate_changed(cx.scope, &id);
            if before == Status::Active {
                cx.state.gateway.cut_certificate(cx.scope, id.as_str(), Cut::Certificate);
            }
            Ok(Empty {})
        }
        CertificateChanged::Same => Ok(Empty {}),
        CertificateChanged::NotFound => Err(not_found(&input.certificate_id)),
        CertificateChanged::Refused(refusal) => Err(refusal),
    }
}

/// Input of DeleteCertificate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteCertificate {
    /// Which certificate.
    pub certificate_id: String,
    /// Whether its policies are detached first.
    #[serde(default)]
    pub force_delete: bool,
}

/// Deletes a certificate.
///
/// # Errors
/// `NotFound`; `WrongState` while it is active; `InUse` while a thing, or without force a policy, is attached.
pub async fn delete_certificate(cx: &Call<'_>, input: DeleteCertificate) -> Result<Empty, Error> {
    let id = known(&input.certificate_id)?;
    match cx.state.store.certificate_delete(cx.scope, &id, input.force_delete).await? {
        CertificateDeleted::Yes => {
            cx.state.access.certificate_changed(cx.scope, &id);
            cx.state.gateway.cut_certificate(cx.scope, id.as_str(), Cut::Certificate);
            Ok(Empty {})
        }
        CertificateDeleted::NotFound => Err(not_found(&input.certificate_id)),
        CertificateDeleted::Kept(kept) => Err(kept.refusal(&id, &arn::certificate(cx.scope, &id))),
    }
}

/// What passes the table and is no id belongs to no certificate.
fn known(id: &str) -> Result<CertificateId, Error> {
    CertificateId::parse(id).map_err(|_| not_found(id))
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("CertificateId {id} does not exist"))
}

//! What came of provisioning devices on their first connection, and trying again; two of our own operations.

use adit_iot::page::Listing;
use adit_iot::{CertificateId, Error, Timestamp};
use adit_store::{ProvisioningAttempt, WantedAttempts};
use serde::{Deserialize, Serialize};

use super::tunnel::Empty;
use crate::provision::first_connect;
use crate::state::Call;

/// Attempts on a page when the caller does not say.
const PAGE: usize = 50;

/// Input of ListProvisioningAttempts. What is given must fit; nothing given means all of the account and region.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListProvisioningAttempts {
    /// Only of this certificate.
    pub certificate_id: Option<String>,
    /// Only of devices of this CA.
    pub ca_certificate_id: Option<String>,
    /// Only those that failed, or only those that did not.
    pub failed: Option<bool>,
    /// Attempts on a page.
    pub max_results: Option<u16>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Output of ListProvisioningAttempts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListProvisioningAttemptsOutput {
    attempts: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The last try of a certificate, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    certificate_id: String,
    ca_certificate_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
    succeeded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    tries: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl From<ProvisioningAttempt> for Shown {
    fn from(attempt: ProvisioningAttempt) -> Self {
        let succeeded = attempt.failure.is_none();
        let (step, reason) = attempt.failure.map(|failure| (failure.step, failure.reason)).unzip();
        Self {
            certificate_id: attempt.certificate.to_string(),
            ca_certificate_id: attempt.ca.to_string(),
            template_name: attempt.template,
            thing_name: attempt.thing,
            succeeded,
            step,
            reason,
            tries: attempt.tries,
            first_at: attempt.first_at,
            last_at: attempt.at,
        }
    }
}

/// Lists the last try of each certificate, the newest certificate first.
///
/// # Errors
/// `Invalid` for a page token of another listing.
pub async fn list_provisioning_attempts(
    cx: &Call<'_>,
    input: ListProvisioningAttempts,
) -> Result<ListProvisioningAttemptsOutput, Error> {
    let failed = input.failed.map(|failed| failed.to_string());
    let filters = [input.certificate_id.as_deref(), input.ca_certificate_id.as_deref(), failed.as_deref()];
    let listing = Listing { operation: "ListProvisioningAttempts", scope: cx.scope, filters: &filters };
    let after = input.next_token.as_deref().map(|token| listing.position(token)).transpose()?;
    let id = |text: &Option<String>| text.as_deref().map(CertificateId::parse).transpose();
    let wanted = WantedAttempts {
        certificate: id(&input.certificate_id)?,
        ca: id(&input.ca_certificate_id)?,
        failed: input.failed,
    };
    let limit = input.max_results.map_or(PAGE, usize::from);
    let page = cx.state.store.provisioning_attempts_page(cx.scope, wanted, after, limit).await?;
    Ok(ListProvisioningAttemptsOutput {
        attempts: page.items.into_iter().map(Shown::from).collect(),
        next_token: page.next.map(|position| listing.token(position)),
    })
}

/// Input of RetryProvisioning.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryProvisioning {
    /// Which certificate.
    pub certificate_id: String,
}

/// Provisions a device whose certificate waits, as its next CONNECT would.
///
/// # Errors
/// `NotFound`; `WrongState` if it does not wait for that; `Throttled` shortly after a failure; `Invalid` with the step
/// and the reason if it fails again.
pub async fn retry_provisioning(cx: &Call<'_>, input: RetryProvisioning) -> Result<Empty, Error> {
    let id = CertificateId::parse(&input.certificate_id)?;
    first_connect::retry(cx.state, cx.scope, &id).await?;
    Ok(Empty {})
}

//! Certificates: the server's own, made here on first start or the operator's, and those that clients present. The
//! only folder that knows X.509.

pub mod authority;
mod ca;
mod der;
mod encode;
mod facts;
mod issue;
mod name;
mod own;
mod peer;
mod proof;
mod request;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::Config;
use crate::ids::Ids;
use crate::trouble::StartError;

pub use ca::{CaCertificate, NotIssued};
pub use issue::{DeviceIssuer, Issued, NewKeys, certificate_id};
pub use name::{Attribute, Name};
pub use peer::{PeerCertificate, Presented, subject_fields, validity_of};
pub use proof::{CHAIN, CHAIN_BYTES, Proof};
pub use request::{Registrable, facts_of_pem};

/// A server certificate with less than this left is made again.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// Why a certificate cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

/// A certificate in DER as PEM.
#[must_use]
pub fn pem_of(der: &[u8]) -> String {
    encode::pem("CERTIFICATE", der)
}

/// The first certificate of a PEM text; `None` if there is none.
#[must_use]
pub fn der_of(pem: &str) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok()
}

/// Why a certificate is not made, or not from what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What the server proves itself with.
#[derive(Debug)]
pub struct Identities {
    /// One or two chains with their keys, in order of preference.
    pub pairs: Vec<Identity>,
    /// When the first leaf ends, in milliseconds since the epoch.
    pub ends_at: i64,
    /// The file of CAs that clients must trust; `None` with the operator's own certificate.
    pub ca: Option<PathBuf>,
}

/// A certificate chain, leaf first, with its key.
#[derive(Debug)]
pub struct Identity {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of its leaf.
    pub key: PrivateKeyDer<'static>,
    /// When the leaf ends, in milliseconds since the epoch.
    pub ends_at: i64,
    /// Whether the key is an elliptic-curve one.
    pub is_ec: bool,
}

impl Identities {
    fn new(mut pairs: Vec<Identity>, ca: Option<PathBuf>) -> Self {
        pairs.sort_by_key(|pair| !pair.is_ec);
        let ends_at = pairs.iter().map(|pair| pair.ends_at).min().unwrap_or(i64::MAX);
        Self { pairs, ends_at, ca }
    }
}

/// Whether a certificate that ends at `ends_at` should be made or read again; both in milliseconds since the epoch.
#[must_use]
pub fn is_due(ends_at: i64, now_ms: i64) -> bool {
    ends_at.saturating_sub(millis(RENEW_BEFORE)) <= now_ms
}

/// The certificates to serve with: the operator's if the configuration names any, else our own, made or made
/// again where needed. Making RSA keys takes tenths of a second.
///
/// # Errors
/// The files cannot be read or written, do not parse, do not belong together, or have expired.
pub fn prepare(config: &Config, ids: &Ids, now_ms: i64) -> Result<Identities, StartError> {
    let tls = &config.tls;
    let Some((certificate, key)) = tls.certificate_file.as_ref().zip(tls.key_file.as_ref()) else {
        return own::prepare(&config.node.data_dir.join("pki"), &names(config), ids, now_ms);
    };
    let mut pairs = vec![provided(certificate, key, now_ms)?];
    if let Some((certificate, key)) =
        tls.alternate_certificate_file.as_ref().zip(tls.alternate_key_file.as_ref())
    {
        pairs.push(provided(certificate, key, now_ms)?);
    }
    if let [first, second] = &*pairs
        && first.is_ec == second.is_ec
    {
        return Err(StartError::new(
            "tls.certificate-file and tls.alternate-certificate-file have keys of the same kind",
            "give one chain with an ECDSA key and one with an RSA key, or only one chain",
        ));
    }
    Ok(Identities::new(pairs, None))
}

fn provided(certificate: &Path, key: &Path, now_ms: i64) -> Result<Identity, StartError> {
    let identity = read_identity(certificate, key)?;
    if identity.ends_at <= now_ms {
        return Err(StartError::new(
            format!("the certificate in {} has expired", certificate.display()),
            "put a current certificate there, or remove tls.certificate-file to have one made",
        ));
    }
    if is_due(identity.ends_at, now_ms) {
        tracing::warn!(file = %certificate.display(), "the certificate expires in less than 30 days");
    }
    Ok(identity)
}

fn read_identity(pem: &Path, key: &Path) -> Result<Identity, StartError> {
    let unreadable = |path: &Path, what: &str, e: &dyn std::fmt::Display| {
        StartError::new(
            format!("{} holds no usable {what}: {e}", path.display()),
            format!("put a PEM {what} there"),
        )
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(pem)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(pem, "certificate", &e))?;
    let leaf = chain.first().ok_or_else(|| unreadable(pem, "certificate", &"the file has none"))?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|e| unreadable(pem, "certificate", &e))?;
    let ends_at = parsed.validity().not_after.timestamp().saturating_mul(1000);
    let is_ec =
        parsed.public_key().algorithm.algorithm == x509_parser::oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, "private key", &e))?;
    Ok(Identity { key: private, ends_at, is_ec, chain })
}

/// Names under which the server is known: localhost, loopback, this host, and those of the configuration (`names`,
/// `endpoint.host`); in lower case.
#[must_use]
pub fn names(config: &Config) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if host.split('.').all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
        names.insert(host);
    }
    let configured = config.names.iter().chain(Some(&config.endpoint.host).filter(|host| !host.is_empty()));
    names.extend(
        configured.map(|n| n.parse::<IpAddr>().map_or_else(|_| n.to_ascii_lowercase(), |ip| ip.to_string())),
    );
    names
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! A client's certificate, as a TLS handshake brings it.

use std::sync::Arc;

use adit_iot::policy::{CertificateFacts, NameField};
use adit_iot::{CertificateId, Timestamp};
use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Unreadable, facts};

/// What a connection keeps of its client's certificate.
#[derive(Debug, Clone)]
pub struct PeerCertificate {
    /// SHA-256 of its DER. spec: mqtt-gateway §2
    pub id: CertificateId,
    /// From when it is valid, in milliseconds since the epoch.
    pub not_before: i64,
    /// Until when, likewise.
    pub not_after: i64,
    /// What policies can ask about it.
    pub facts: CertificateFacts,
}

/// A certificate with everything that was presented; only the gate needs that much.
#[derive(Debug)]
pub struct Presented {
    /// What is kept afterwards.
    pub certificate: Arc<PeerCertificate>,
    /// The leaf, then what the client sent with it, in DER.
    pub chain: Vec<CertificateDer<'static>>,
    /// DER of the leaf's issuer name.
    pub issuer: Vec<u8>,
    /// DER of the leaf's subject name.
    pub subject: Vec<u8>,
}

/// Begin and end of the validity of a certificate in DER; the epoch if it does not read.
#[must_use]
pub fn validity_of(der: &[u8]) -> (Timestamp, Timestamp) {
    let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    let read = X509Certificate::from_der(der).map(|(_, parsed)| {
        let validity = parsed.validity();
        (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()))
    });
    read.unwrap_or((time(0), time(0)))
}

/// What stands in the subject of a certificate in DER; nothing if it does not read.
#[must_use]
pub fn subject_fields(der: &[u8]) -> Vec<(NameField, String)> {
    X509Certificate::from_der(der).map(|(_, parsed)| facts::subject(&parsed)).unwrap_or_default()
}

impl Presented {
    /// Reads a chain, leaf first, whose key was proved in the handshake.
    ///
    /// # Errors
    /// The leaf is not a certificate.
    pub fn read(chain: &[CertificateDer<'_>]) -> Result<Self, Unreadable> {
        let leaf = chain.first().ok_or(Unreadable("no certificate was presented"))?;
        let (rest, parsed) =
            X509Certificate::from_der(leaf).map_err(|_| Unreadable("the certificate is malformed"))?;
        if !rest.is_empty() {
            return Err(Unreadable("bytes follow the certificate"));
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, leaf).as_ref());
        let id = CertificateId::from_sha256(sum);
        let certificate = PeerCertificate {
            not_before: parsed.validity().not_before.timestamp().saturating_mul(1000),
            not_after: parsed.validity().not_after.timestamp().saturating_mul(1000),
            facts: facts::of(id.as_str(), &parsed),
            id,
        };
        Ok(Self {
            certificate: Arc::new(certificate),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        })
    }

    /// What stands in the subject of the leaf, in order and as it stands there. spec: provisioning §4
    #[must_use]
    pub fn subject_fields(&self) -> Vec<(NameField, String)> {
        self.chain.first().map(|leaf| subject_fields(leaf)).unwrap_or_default()
    }
}

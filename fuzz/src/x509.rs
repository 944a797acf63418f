//! Client certificates: any bytes that a handshake may bring.

use adit_server::pki::{Presented, Proof};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;

/// A leaf is refused or read; what the handshake lets pass is of a kind that can prove itself.
pub fn x509(data: &[u8]) {
    let proof = Proof::new(aws_lc_rs::default_provider().signature_verification_algorithms);
    let leaf = CertificateDer::from(data);
    let passed = proof.verify_client_cert(&leaf, &[], UnixTime::since_unix_epoch(std::time::Duration::ZERO));
    if let Ok(presented) = Presented::read(std::slice::from_ref(&leaf)) {
        let certificate = &presented.certificate;
        assert_eq!(certificate.id.as_str().len(), 64);
        assert_eq!(certificate.facts.id(), certificate.id.as_str());
        assert!(data.windows(presented.issuer.len()).any(|bytes| bytes == presented.issuer));
        assert!(data.windows(presented.subject.len()).any(|bytes| bytes == presented.subject));
    }
    if passed.is_ok() {
        assert_eq!(data.first(), Some(&0x30), "a certificate is a SEQUENCE");
    }
}

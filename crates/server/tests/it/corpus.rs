//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/x509.rs"]
mod checks;

use std::time::Duration;

use adit_server::pki::{Presented, Proof};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;

#[test]
fn x509() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/x509");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    assert!(files.map(|file| checks::x509(&std::fs::read(file).unwrap())).count() > 0);
}

/// What the handshake says to the certificates of the corpus, which OpenSSL made.
#[test]
fn certificates_of_openssl() {
    let proof = Proof::new(aws_lc_rs::default_provider().signature_verification_algorithms);
    for (name, refused) in [
        ("version-1-rsa", None),
        ("names-of-every-kind", None),
        ("p521-long-serial", None),
        ("utf8-name", None),
        ("rsa-1024", Some("1024 bits; at least 2048")),
        ("ed25519", Some("neither RSA nor ECDSA")),
        ("rsa-pss-key", Some("neither RSA nor ECDSA")),
        ("secp256k1", Some("neither RSA nor ECDSA")),
        ("trailing", Some("BadEncoding")),
        ("truncated", Some("BadEncoding")),
        ("huge-length", Some("BadEncoding")),
        ("indefinite", Some("BadEncoding")),
        ("pem", Some("BadEncoding")),
        ("empty", Some("BadEncoding")),
    ] {
        let file = format!("{}/../../fuzz/corpus/x509/{name}", env!("CARGO_MANIFEST_DIR"));
        let leaf = CertificateDer::from(std::fs::read(file).unwrap());
        let now = UnixTime::since_unix_epoch(Duration::ZERO);
        let verdict =
            proof.verify_client_cert(&leaf, &[], now).map(|_| ()).map_err(|error| format!("{error:?}"));
        match refused {
            None => {
                assert_eq!(verdict, Ok(()), "{name}");
                Presented::read(&[leaf]).unwrap();
            }
            Some(why) => assert!(verdict.as_ref().unwrap_err().contains(why), "{name}: {verdict:?}"),
        }
    }
}

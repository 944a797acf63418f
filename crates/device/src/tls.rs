//! TLS to the server: what is trusted, what is preferred, and the words when it fails.
//! (spec: secure-tunneling §5.4)

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::log::Log;

/// Files read from a directory of certificates at most.
const FILES: usize = 10_000;

/// Builds the client side: system trust (or `SSL_CERT_FILE`, `SSL_CERT_DIR`) and the certificates at `capath`;
/// no checks at all unless `verify`.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn client(capath: Option<&Path>, verify: bool, log: Log) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let config = if verify {
        builder.with_root_certificates(trusted(capath, log)).with_no_client_auth()
    } else {
        let anyone = Arc::new(Anyone(provider));
        builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth()
    };
    Ok(Arc::new(config))
}

/// The library's ciphers with AES-128-GCM in front: the cheapest on machines with AES instructions.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

/// What the system trusts.
pub(crate) fn of_system(log: Log) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        log.debug(format_args!("Could not load trusted certificates: {error}"));
    }
    roots.add_parsable_certificates(system.certs);
    roots
}

/// The certificates of a PEM file, or of the files in a directory; empty when there are none.
pub(crate) fn of_file(path: &Path, log: Log) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    add_from(path, &mut roots, log);
    roots
}

fn trusted(capath: Option<&Path>, log: Log) -> RootCertStore {
    let mut roots = of_system(log);
    if let Some(path) = capath {
        let loaded = add_from(path, &mut roots, log);
        if loaded == 0 {
            log.warning(format_args!(
                "No certificate was loaded from {}; give a PEM file, or a directory of PEM files",
                path.display()
            ));
        } else {
            log.debug(format_args!("Loaded {loaded} trusted certificates from {}", path.display()));
        }
    }
    if roots.is_empty() {
        log.warning("No trusted certificates at all; give some with -c or SSL_CERT_FILE");
    }
    roots
}

/// Adds every certificate of a PEM file, or of the files in a directory, hashed names or not.
fn add_from(path: &Path, roots: &mut RootCertStore, log: Log) -> usize {
    let files = match fs::read_dir(path) {
        Ok(entries) => {
            let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).take(FILES).collect();
            files.sort();
            files
        }
        Err(_) => vec![path.to_owned()],
    };
    let mut loaded = 0;
    for file in files.iter().filter(|file| !file.is_dir()) {
        let certificates = match CertificateDer::pem_file_iter(file) {
            Ok(certificates) => certificates,
            Err(error) => {
                log.warning(format_args!("Could not read certificates from {}: {error}", file.display()));
                continue;
            }
        };
        for certificate in certificates {
            match certificate
                .map_err(|error| error.to_string())
                .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            {
                Ok(()) => loaded += 1,
                Err(why) => log.debug(format_args!("Skipped a certificate in {}: {why}", file.display())),
            }
        }
    }
    loaded
}

/// The reason of a failed handshake in the words OpenSSL has for it.
pub fn reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => "certificate verify failed".to_owned(),
        Some(error) => error.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "stream truncated".to_owned(),
        None => plain(error),
    }
}

/// What is wrong with the certificate, for the debug log.
pub fn detail(error: &io::Error) -> Option<String> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => Some(error.to_string()),
        _ => None,
    }
}

/// An error of the operating system without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// Believes every certificate, for `-k`.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn a_file_a_directory_and_a_hashed_directory_all_count() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.pem"), authority() + &authority()).unwrap();
        fs::write(dir.path().join("5d41402a.0"), authority()).unwrap();
        fs::write(dir.path().join("notes.txt"), "no certificate").unwrap();
        let count = |path: &Path| add_from(path, &mut RootCertStore::empty(), Log::new(0));
        assert_eq!(count(&dir.path().join("a.pem")), 2);
        assert_eq!(count(dir.path()), 3);
        assert_eq!(count(&dir.path().join("notes.txt")), 0);
        assert_eq!(count(&dir.path().join("missing")), 0);
    }

    #[test]
    fn the_first_offered_ciphers_are_aes_128() {
        let first = provider().cipher_suites.first().map(|suite| suite.suite());
        assert_eq!(first, Some(CipherSuite::TLS13_AES_128_GCM_SHA256));
    }

    #[test]
    fn failures_have_openssl_words() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::new(io::ErrorKind::InvalidData, unknown);
        assert_eq!(reason(&error), "certificate verify failed");
        assert!(detail(&error).is_some());
        assert_eq!(plain(&io::Error::from_raw_os_error(111)), "Connection refused");
    }
}

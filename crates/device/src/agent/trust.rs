//! TLS of the agent: whom it believes, and as whom it speaks.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::clock::Clock;
use super::identity::Identity;
use crate::log::Log;
use crate::tls;

/// Certificates of a chain whose beginning is waited for at most.
const CHAIN: usize = 8;

/// The client side of TLS: believes the certificates of `ca_file` (the system's without one), by a clock that may be
/// behind; shows the device's certificate, if there is one; offers `alpn`, if there is any.
///
/// # Errors
/// There is no certificate to believe; the text says where they were looked for.
pub fn client(
    ca_file: Option<&Path>,
    identity: Option<&Identity>,
    alpn: &[&[u8]],
    clock: &Arc<Clock>,
    log: Log,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(tls::provider());
    let roots = match ca_file {
        Some(path) => tls::of_file(path, log),
        None => tls::of_system(log),
    };
    if roots.is_empty() {
        return Err(match ca_file {
            Some(path) => format!("no certificate in ca-file {}", path.display()),
            None => "the system has no trusted certificates: install ca-certificates, or set ca-file".into(),
        });
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| error.to_string())?;
    let verifier = Arc::new(Patient { inner, clock: clock.clone() });
    let builder = ClientConfig::builder_with_details(provider, clock.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    // A resumed session would skip the look at a certificate that was taken away meanwhile, and AWS has no tickets.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Checks a server's certificate as usual; but while the system's clock is behind, "does not count yet" is not held
/// against it: of the moment from which it counts it is then known only that it has come.
#[derive(Debug)]
struct Patient {
    inner: Arc<WebPkiServerVerifier>,
    clock: Arc<Clock>,
}

impl ServerCertVerifier for Patient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify =
            |now| self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let mut result = verify(now);
        for _ in 0..CHAIN {
            let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) = result
            else {
                break;
            };
            if !self.clock.is_behind() {
                break;
            }
            result = verify(not_before);
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::RootCertStore;

    use super::*;

    /// A CA from 2031 on, and a certificate of it from 2032 to the end of 2034.
    fn future() -> (RootCertStore, CertificateDer<'static>) {
        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.not_before = date_time_ymd(2031, 1, 1);
        let mut roots = RootCertStore::empty();
        roots.add(ca.self_signed(&ca_key).unwrap().der().clone()).unwrap();
        let mut leaf = CertificateParams::new(vec!["iot.example".to_owned()]).unwrap();
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2032, 1, 1), date_time_ymd(2035, 1, 1));
        (roots, leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap().der().clone())
    }

    fn verdict(clock: Clock, name: &str) -> Result<(), String> {
        let (roots, leaf) = future();
        let provider = Arc::new(tls::provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(clock.now()));
        let patient = Patient { inner, clock: Arc::new(clock) };
        let name = ServerName::try_from(name.to_owned()).unwrap();
        patient.verify_server_cert(&leaf, &[], &name, &[], now).map(|_| ()).map_err(|error| error.to_string())
    }

    const YEAR: u64 = 31_556_952;

    #[test]
    fn a_certificate_of_the_future_is_believed_only_while_the_clock_is_behind() {
        let right = verdict(Clock::with_floor(0), "iot.example").unwrap_err();
        assert!(right.contains("not valid yet"), "{right}");
        // This machine's clock shows less than 2030, which has passed: the floor says so.
        assert_eq!(verdict(Clock::with_floor(60 * YEAR), "iot.example"), Ok(()));
    }

    #[test]
    fn a_clock_that_is_behind_excuses_nothing_else() {
        let other = verdict(Clock::with_floor(60 * YEAR), "other.example").unwrap_err();
        assert!(other.contains("not valid for name"), "{other}");
        let expired = verdict(Clock::with_floor(70 * YEAR), "iot.example").unwrap_err();
        assert!(expired.contains("expired"), "{expired}");
    }

    #[test]
    fn without_anyone_to_believe_there_is_no_tls() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let clock = Arc::new(Clock::with_floor(0));
        let error = client(Some(&file), None, &[], &clock, Log::new(0)).unwrap_err();
        assert_eq!(error, format!("no certificate in ca-file {}", file.display()));
    }
}

//! What a client must prove in the handshake: that it holds the key of the certificate it shows. Whether we know that
//! certificate is asked afterwards. spec: mqtt-gateway §1.4

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::der::{PublicKey, public_key};

/// Certificates a client may send, its own included.
pub const CHAIN: usize = 5;
/// Bytes of all of them together.
pub const CHAIN_BYTES: usize = 32 * 1024;

/// Bits of the smallest RSA key.
const RSA_BITS: usize = 2048;

/// Algorithms that one signature scheme may mean; the first is TLS 1.3's.
type Candidates = &'static [&'static dyn SignatureVerificationAlgorithm];

/// Asks every client for a certificate of any issuer and any version, and verifies its signature.
#[derive(Debug)]
pub struct Proof(WebPkiSupportedAlgorithms);

impl Proof {
    /// Takes RSA and ECDSA signatures, as far as they are among these algorithms.
    #[must_use]
    pub fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self(algorithms)
    }

    fn schemes(&self) -> impl Iterator<Item = (SignatureScheme, Candidates)> {
        let of_devices = |scheme| {
            use SignatureScheme as S;
            matches!(
                scheme,
                S::RSA_PKCS1_SHA256
                    | S::RSA_PKCS1_SHA384
                    | S::RSA_PKCS1_SHA512
                    | S::RSA_PSS_SHA256
                    | S::RSA_PSS_SHA384
                    | S::RSA_PSS_SHA512
                    | S::ECDSA_NISTP256_SHA256
                    | S::ECDSA_NISTP384_SHA384
                    | S::ECDSA_NISTP521_SHA512
            )
        };
        self.0.mapping.iter().filter(move |(scheme, _)| of_devices(*scheme)).copied()
    }

    fn candidates(&self, scheme: SignatureScheme) -> Candidates {
        self.schemes().find(|(offered, _)| *offered == scheme).map_or(&[], |(_, algorithms)| algorithms)
    }

    fn check(&self, key: PublicKey<'_>) -> Result<(), Error> {
        let fits = |algorithms: Candidates| {
            algorithms.iter().any(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm)
        };
        if !self.schemes().any(|(_, algorithms)| fits(algorithms)) {
            return Err(Error::General(
                "the key of the client's certificate is neither RSA nor ECDSA P-256, P-384 or P-521"
                    .to_owned(),
            ));
        }
        match key.rsa_bits() {
            Some(bits @ ..RSA_BITS) => Err(Error::General(format!(
                "the RSA key of the client's certificate has {bits} bits; at least {RSA_BITS} are needed"
            ))),
            _ => Ok(()),
        }
    }

    fn verify(
        candidates: Candidates,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = key_of(certificate)?;
        let algorithm = candidates
            .iter()
            .find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm)
            .ok_or_else(bad)?;
        algorithm.verify_signature(key.key, message, signed.signature()).map_err(|_| bad())?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<PublicKey<'a>, Error> {
    public_key(certificate).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

impl ClientCertVerifier for Proof {
    /// None are named: the list would be long and private, and some clients then send no certificate at all.
    /// spec: mqtt-gateway §1.3
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = others.iter().fold(leaf.len(), |sum, der| sum.saturating_add(der.len()));
        if others.len() >= CHAIN || bytes > CHAIN_BYTES {
            return Err(Error::General(format!(
                "the client sent {} certificates of {bytes} bytes; at most {CHAIN} of {CHAIN_BYTES} bytes are taken",
                others.len() + 1
            )));
        }
        self.check(key_of(leaf)?)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::verify(self.candidates(signed.scheme), message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        use SignatureScheme::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512};
        // TLS 1.3 has no PKCS #1 signatures, and ties each ECDSA hash to one curve: the first of the list.
        let candidates = match signed.scheme {
            RSA_PKCS1_SHA256 | RSA_PKCS1_SHA384 | RSA_PKCS1_SHA512 => &[],
            scheme => self.candidates(scheme).get(..1).unwrap_or_default(),
        };
        Self::verify(candidates, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes().map(|(scheme, _)| scheme).collect()
    }
}

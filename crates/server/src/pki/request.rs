//! What comes in from outside to be issued or registered: certificate requests, and certificates of others
//! (spec: control-plane §8.2).

use adit_iot::policy::CertificateFacts;
use adit_iot::{CertificateId, Error, Kind, Timestamp};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::facts;
use super::issue::certificate_id;

/// Least bits of an RSA key.
const RSA_BITS: usize = 2048;

/// What a request asks for, its signature verified.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// DER of the subject name.
    pub(super) subject: &'a [u8],
    /// DER of the public key with its algorithm.
    pub(super) public_key: &'a [u8],
}

impl<'a> Wish<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, &'static str> {
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| "it is not a PKCS#10 request")?;
        if !rest.is_empty() {
            return Err("bytes follow the request");
        }
        let info = &request.certification_request_info;
        let key = &info.subject_pki;
        let kind = KeyKind::of(key)
            .ok_or("its key must be RSA with at least 2048 bits, or EC P-256, P-384 or P-521")?;
        let algorithm = request.signature_algorithm.algorithm.to_id_string();
        if kind.algorithm(&algorithm).is_none() {
            return Err("its signature must be RSA (PKCS#1) or ECDSA with SHA-256, SHA-384 or SHA-512");
        }
        kind.verify(&algorithm, &key.subject_public_key.data, info.raw, &request.signature_value.data)
            .ok_or("it is not signed by its own key")?;
        Ok(Self { subject: info.subject.as_raw(), public_key: key.raw })
    }
}

/// A kind of key whose signatures are accepted.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
}

impl KeyKind {
    pub(super) fn of(key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let curve = || {
            key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string())
        };
        match key.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => {
                let x509_parser::public_key::PublicKey::RSA(rsa) = key.parsed().ok()? else { return None };
                (rsa.key_size() >= RSA_BITS).then_some(Self::Rsa)
            }
            "1.2.840.10045.2.1" => match curve()?.as_str() {
                "1.2.840.10045.3.1.7" => Some(Self::P256),
                "1.3.132.0.34" => Some(Self::P384),
                "1.3.132.0.35" => Some(Self::P521),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether `key` made this signature with the algorithm of that OID.
    pub(super) fn verify(self, algorithm: &str, key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        UnparsedPublicKey::new(self.algorithm(algorithm)?, key).verify(message, signature).ok()
    }

    fn algorithm(self, oid: &str) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, oid) {
            // Old tools still sign requests with SHA-1; it proves no more than that the key is at hand.
            (Self::Rsa, "1.2.840.113549.1.1.5") => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Self::Rsa, "1.2.840.113549.1.1.11") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Self::Rsa, "1.2.840.113549.1.1.12") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa, "1.2.840.113549.1.1.13") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Self::P256, "1.2.840.10045.4.3.2") => &signature::ECDSA_P256_SHA256_ASN1,
            (Self::P256, "1.2.840.10045.4.3.3") => &signature::ECDSA_P256_SHA384_ASN1,
            (Self::P256, "1.2.840.10045.4.3.4") => &signature::ECDSA_P256_SHA512_ASN1,
            (Self::P384, "1.2.840.10045.4.3.2") => &signature::ECDSA_P384_SHA256_ASN1,
            (Self::P384, "1.2.840.10045.4.3.3") => &signature::ECDSA_P384_SHA384_ASN1,
            (Self::P384, "1.2.840.10045.4.3.4") => &signature::ECDSA_P384_SHA512_ASN1,
            (Self::P521, "1.2.840.10045.4.3.2") => &signature::ECDSA_P521_SHA256_ASN1,
            (Self::P521, "1.2.840.10045.4.3.3") => &signature::ECDSA_P521_SHA384_ASN1,
            (Self::P521, "1.2.840.10045.4.3.4") => &signature::ECDSA_P521_SHA512_ASN1,
            _ => return None,
        })
    }
}

/// A certificate that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrable {
    /// SHA-256 of its DER.
    pub id: CertificateId,
    /// Its DER.
    pub der: Vec<u8>,
    /// DER of its issuer name.
    pub issuer: Vec<u8>,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
}

/// What a certificate may be signed with (spec: control-plane §8.2).
pub(super) const SIGNATURES: [&str; 7] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.2.840.10045.4.3.4",
    "2.16.840.1.101.3.4.3.2",
];

/// What policies can ask about a certificate kept as PEM; `None` if it does not read.
#[must_use]
pub fn facts_of_pem(pem: &str) -> Option<CertificateFacts> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    Some(facts::of(certificate_id(&der).as_str(), &parsed))
}

impl Registrable {
    /// Reads the first certificate of a PEM text. Who signed it is not looked at; version 1 is as good as 3.
    ///
    /// # Errors
    /// [`Kind::BadCertificate`] if there is none, it is malformed, it is signed with an algorithm that is not accepted,
    /// or a private key stands beside it.
    pub fn read(pem: &str) -> Result<Self, Error> {
        let bad = |what: &str| Error::new(Kind::BadCertificate, what);
        if pem.contains("PRIVATE KEY-----") {
            return Err(bad(
                "The text holds a private key. Send the certificate alone, and consider the key known.",
            ));
        }
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            bad("The text must be one certificate in PEM, from BEGIN CERTIFICATE to END CERTIFICATE.")
        })?;
        let (rest, parsed) = X509Certificate::from_der(&der)
            .map_err(|_| bad("The PEM text is well formed, but no X.509 certificate is in it."))?;
        if !rest.is_empty() {
            return Err(bad("Bytes follow the certificate in its PEM text."));
        }
        if !SIGNATURES.contains(&parsed.signature_algorithm.algorithm.to_id_string().as_str()) {
            return Err(bad(
                "The certificate must be signed with RSA (PKCS#1) or ECDSA and SHA-256, SHA-384 or SHA-512, or with \
                 DSA and SHA-256.",
            ));
        }
        let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Ok(Self {
            id: certificate_id(&der),
            der: der.to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
        })
    }
}

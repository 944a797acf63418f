//! CA certificates of customers: what may be registered, and what one has issued (spec: control-plane §8.1, §8.2).

use adit_iot::{CertificateId, Error, Kind, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::oid_registry::OID_X509_COMMON_NAME;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::facts;
use super::issue::certificate_id;
use super::request::{KeyKind, SIGNATURES};

/// Why a certificate is not one that a CA has issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIssued {
    /// Its issuer is not the CA's subject.
    Issuer,
    /// Its signature does not verify with the CA's key, or is of a kind that is not accepted.
    Signature,
}

impl NotIssued {
    /// AWS's words.
    #[must_use]
    pub fn refusal(self) -> Error {
        Error::new(
            Kind::BadCertificate,
            match self {
                Self::Issuer => {
                    "The issuer of the certificate did not match the subject of the provided CA certificate."
                }
                Self::Signature => {
                    "The signature of the certificate failed verification against the provided CA certificate."
                }
            },
        )
    }
}

/// A CA certificate that reads.
#[derive(Debug, Clone)]
pub struct CaCertificate {
    der: CertificateDer<'static>,
    /// SHA-256 of its DER.
    pub id: CertificateId,
    /// DER of its subject name.
    pub subject: Vec<u8>,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
}

impl CaCertificate {
    /// Reads the first certificate of a PEM text and checks that it is a CA's.
    ///
    /// # Errors
    /// [`Kind::BadCertificate`] if there is none, it is malformed, not a CA's, or of a key whose signatures are not
    /// accepted, or if a private key stands beside it.
    pub fn read(pem: &str) -> Result<Self, Error> {
        let bad = |what: &str| Error::new(Kind::BadCertificate, what);
        if pem.contains("PRIVATE KEY-----") {
            return Err(bad(
                "The text holds a private key. Send the CA certificate alone, and consider the key known.",
            ));
        }
        let ca = Self::stored(pem).ok_or_else(|| {
            bad("The CA certificate must be one X.509 certificate in PEM, from BEGIN CERTIFICATE to END CERTIFICATE.")
        })?;
        ca.with(|parsed| {
            if !parsed.is_ca() {
                return Err(bad("The certificate is not a CA's: its basicConstraints must say CA:TRUE."));
            }
            let usable = KeyKind::of(parsed.public_key()).is_some();
            if usable {
                Ok(())
            } else {
                Err(bad("The CA's key must be RSA with at least 2048 bits, or EC P-256, P-384 or P-521."))
            }
        })
        .ok_or_else(|| bad("The CA certificate is malformed."))??;
        Ok(ca)
    }

    /// Reads a CA certificate that was registered; `None` if it does not read.
    #[must_use]
    pub fn stored(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?.into_owned();
        let (rest, parsed) = X509Certificate::from_der(&der).ok()?;
        let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let validity = parsed.validity();
        let (subject, not_before, not_after) = (
            parsed.subject().as_raw().to_vec(),
            time(validity.not_before.timestamp()),
            time(validity.not_after.timestamp()),
        );
        let whole = rest.is_empty();
        drop(parsed);
        whole.then(|| Self { id: certificate_id(&der), subject, not_before, not_after, der })
    }

    fn with<T>(&self, ask: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        X509Certificate::from_der(&self.der).ok().map(|(_, parsed)| ask(&parsed))
    }

    /// Whether this CA issued a certificate, given in DER. Of the certificate nothing else is looked at.
    ///
    /// # Errors
    /// [`NotIssued`] says what does not fit.
    pub fn has_issued(&self, leaf: &[u8]) -> Result<(), NotIssued> {
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| NotIssued::Issuer)?;
        if leaf.issuer().as_raw() != self.subject {
            return Err(NotIssued::Issuer);
        }
        let algorithm = leaf.signature_algorithm.algorithm.to_id_string();
        let verified = self.with(|ca| {
            let accepted = SIGNATURES.contains(&algorithm.as_str());
            let key = KeyKind::of(ca.public_key()).filter(|_| accepted)?;
            key.verify(
                &algorithm,
                &ca.public_key().subject_public_key.data,
                leaf.tbs_certificate.as_ref(),
                &leaf.signature_value.data,
            )
        });
        verified.flatten().ok_or(NotIssued::Signature)
    }

    /// Whether both have the same public key.
    #[must_use]
    pub fn has_key_of(&self, other: &Self) -> bool {
        let key = |ca: &Self| ca.with(|parsed| parsed.public_key().raw.to_vec());
        key(self).is_some_and(|mine| key(other) == Some(mine))
    }

    /// Whether a verification certificate, in PEM, proves that whoever registers this CA holds its key and is the
    /// owner of the registration code.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if it does not read; [`Kind::BadCertificate`] if this CA did not issue it;
    /// [`Kind::BadRegistrationCode`] if its common name is another.
    pub fn verify_registration(&self, pem: &str, code: Option<&str>) -> Result<(), Error> {
        let unreadable = || Error::invalid("Contents of the Verification Certificate are not correct");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unreadable())?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| unreadable())?;
        self.has_issued(&der).map_err(NotIssued::refusal)?;
        let mut names = parsed.subject().iter_by_oid(&OID_X509_COMMON_NAME);
        let name = names.next().and_then(|name| facts::text(name.attr_value()));
        if name.is_some() && name.as_deref() == code && names.next().is_none() {
            return Ok(());
        }
        Err(Error::new(
            Kind::BadRegistrationCode,
            "Registration code provided in the CN field of verification certificate is invalid.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    struct Root {
        params: CertificateParams,
        key: KeyPair,
        pem: String,
    }

    fn root(name: &str) -> Root {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Root { params, key, pem }
    }

    fn leaf(root: &Root, params: CertificateParams) -> rcgen::Certificate {
        let issuer = Issuer::from_params(&root.params, &root.key);
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap()
    }

    #[test]
    fn only_a_ca_is_taken() {
        assert!(CaCertificate::read(&root("r").pem).is_ok());
        let own = params("x").self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        let key = root("r").key.serialize_pem();
        for (bad, says) in [
            (own.as_str(), "CA:TRUE"),
            ("", "in PEM"),
            ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "in PEM"),
            (key.as_str(), "private key"),
        ] {
            let refusal = CaCertificate::read(bad).unwrap_err();
            assert_eq!(refusal.kind, Kind::BadCertificate);
            assert!(refusal.message.contains(says), "{}", refusal.message);
        }
    }

    #[test]
    fn what_a_ca_issued_is_told_from_what_it_did_not() {
        let (mine, named_alike, other) = (root("r"), root("r"), root("o"));
        let ca = CaCertificate::read(&mine.pem).unwrap();
        assert_eq!(ca.has_issued(leaf(&mine, params("d")).der()), Ok(()));
        assert_eq!(ca.has_issued(leaf(&named_alike, params("d")).der()), Err(NotIssued::Signature));
        assert_eq!(ca.has_issued(leaf(&other, params("d")).der()), Err(NotIssued::Issuer));
        assert_eq!(ca.has_issued(b"nothing"), Err(NotIssued::Issuer));
        assert!(ca.has_key_of(&ca.clone()));
        assert!(!ca.has_key_of(&CaCertificate::read(&named_alike.pem).unwrap()));
    }

    #[test]
    fn a_verification_certificate_carries_the_code_alone() {
        let (mine, other) = (root("r"), root("o"));
        let ca = CaCertificate::read(&mine.pem).unwrap();
        let verify = |pem: &str, code| ca.verify_registration(pem, code).map_err(|refusal| refusal.kind);
        let good = leaf(&mine, params("code")).pem();
        assert_eq!(verify(&good, Some("code")), Ok(()));
        assert_eq!(verify(&good, Some("Code")), Err(Kind::BadRegistrationCode));
        assert_eq!(verify(&good, None), Err(Kind::BadRegistrationCode));
        let mut twice = params("code");
        twice.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "code");
        assert_eq!(verify(&leaf(&mine, twice).pem(), Some("code")), Err(Kind::BadRegistrationCode));
        let mut nameless = params("code");
        nameless.distinguished_name = rcgen::DistinguishedName::new();
        assert_eq!(verify(&leaf(&mine, nameless).pem(), None), Err(Kind::BadRegistrationCode));
        assert_eq!(verify(&leaf(&other, params("code")).pem(), Some("code")), Err(Kind::BadCertificate));
        assert_eq!(verify("nothing", Some("code")), Err(Kind::Invalid));
    }
}

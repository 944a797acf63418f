//! A CA of the operator's own, and what it signs: what AWS's recipe for just-in-time provisioning does with nine
//! `openssl` commands (spec: provisioning §2, control-plane §8.1). Times are in seconds since the epoch.

use adit_iot::CertificateId;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256,
    PublicKeyData as _, RsaKeySize, SigningKey as _,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

use super::encode::{self, BIT_STRING, OCTET_STRING, SEQUENCE, element, of};
use super::issue::{
    self, AUTHORITY_KEY_ID, BASIC_CONSTRAINTS, ECDSA_WITH_SHA256, KEY_USAGE, SUBJECT_KEY_ID, TRUE,
    certificate_id, extension, key_id, to_be_signed,
};
use super::name::{Attribute, Name};
use super::request::Wish;
use super::{Refused, der};
use crate::ids::Ids;

const ECDSA_WITH_SHA384: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const ECDSA_WITH_SHA512: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];
const RSA_WITH_SHA256: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];
const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x25];
/// 1.3.6.1.5.5.7.3.2
const CLIENT_AUTH: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
/// keyCertSign and cRLSign: bits 5 and 6.
const SIGNS: [u8; 2] = [1, 0x06];
/// digitalSignature: bit 0.
const SHAKES_HANDS: [u8; 2] = [7, 0x80];

/// Least bits of an RSA key.
const RSA_BITS: usize = 2048;
/// A verification certificate is looked at once, at once: seconds it is good for.
const VERIFICATION_LIFE: i64 = 86_400;

/// Kinds of keys that are made here. All of them work in the TLS of every device SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: fast and small, for devices and servers alike.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 2048 bits, for devices whose TLS knows nothing else.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// A private key with its public one.
#[derive(Debug)]
pub struct Key(KeyPair);

impl Key {
    /// A new one. RSA takes tenths of a second.
    ///
    /// # Errors
    /// The TLS library makes none.
    pub fn generate(kind: KeyKind) -> Result<Self, Refused> {
        let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        let made = match kind {
            KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            KeyKind::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyKind::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyKind::Rsa4096 => rsa(RsaKeySize::_4096),
        };
        made.map(Self).map_err(|error| Refused(format!("no key can be made: {error}")))
    }

    /// Reads a private key in PEM: PKCS#8, or what older OpenSSL writes.
    ///
    /// # Errors
    /// There is none, it is encrypted, or of a kind that is not used for certificates of devices.
    pub fn read(pem: &str) -> Result<Self, Refused> {
        if pem.contains("ENCRYPTED") {
            return Err(Refused::of(
                "the private key is encrypted; `openssl pkey -in KEY -out PLAIN_KEY` writes it without a passphrase",
            ));
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            Refused::of("no private key in PEM is in it, from BEGIN PRIVATE KEY to END PRIVATE KEY")
        })?;
        let key = KeyPair::try_from(&der)
            .ok()
            .filter(|key| key.is_compatible(&PKCS_RSA_SHA256) || algorithm(key).is_some())
            .ok_or(Refused::of("the private key must be RSA, or EC P-256, P-384 or P-521"))?;
        Ok(Self(key))
    }

    /// PKCS#8 in PEM: a secret.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The public key with its algorithm, DER.
    fn public(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    fn certificate(&self, to_be_signed: &[u8]) -> Result<Vec<u8>, Refused> {
        let algorithm = algorithm(&self.0).unwrap_or(RSA_WITH_SHA256);
        let signature = self
            .0
            .sign(to_be_signed)
            .map_err(|error| Refused(format!("the CA's key does not sign: {error}")))?;
        Ok(of(SEQUENCE, &[to_be_signed, algorithm, &element(BIT_STRING, [&[0], &*signature].concat())]))
    }
}

/// What an EC key signs with.
fn algorithm(key: &KeyPair) -> Option<&'static [u8]> {
    let all = [
        (&PKCS_ECDSA_P256_SHA256, ECDSA_WITH_SHA256),
        (&PKCS_ECDSA_P384_SHA384, ECDSA_WITH_SHA384),
        (&PKCS_ECDSA_P521_SHA512, ECDSA_WITH_SHA512),
    ];
    all.into_iter().find(|(algorithm, _)| key.algorithm() == *algorithm).map(|(_, der)| der)
}

/// A certificate that was just signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// SHA-256 of its DER, which is its id at AWS IoT.
    pub id: CertificateId,
    /// The certificate.
    pub pem: String,
    /// Whose it is, as `C=IN, CN=DemoThing`.
    pub subject: String,
    /// End of its validity, in seconds since the epoch.
    pub ends: i64,
}

impl Signed {
    fn new(der: &[u8], subject: &[u8], end: i64) -> Self {
        Self {
            id: certificate_id(der),
            pem: encode::pem("CERTIFICATE", der),
            subject: shown(subject),
            ends: end,
        }
    }
}

fn shown(name: &[u8]) -> String {
    X509Name::from_der(name).map(|(_, name)| name.to_string()).unwrap_or_default()
}

/// A CA with its key.
#[derive(Debug)]
pub struct Authority {
    key: Key,
    certificate: Signed,
    /// DER of its name.
    name: Vec<u8>,
    /// Its subject key identifier, if its certificate has one.
    key_id: Option<Vec<u8>>,
    begin: i64,
    end: i64,
}

/// Whose key a certificate is for, and for how long.
struct Leaf<'a> {
    subject: &'a [u8],
    public_key: &'a [u8],
    life: i64,
    extensions: &'a [Vec<u8>],
}

impl Authority {
    /// A new CA with a certificate of version 3 that it signs itself, good for `life` seconds.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn make(key: Key, name: &Name, life: i64, ids: &Ids, now: i64) -> Result<Self, Refused> {
        let (name, public, begin) = (name.der(), key.public(), begin(now));
        let end = begin.saturating_add(life);
        let id = key_id(&public);
        let extensions = [
            extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, TRUE)),
            extension(KEY_USAGE, true, &element(BIT_STRING, SIGNS)),
            extension(SUBJECT_KEY_ID, false, &element(OCTET_STRING, id)),
            extension(AUTHORITY_KEY_ID, false, &of(SEQUENCE, &[&element(0x80, id)])),
        ];
        let algorithm = algorithm(&key.0).unwrap_or(RSA_WITH_SHA256);
        let to_be = to_be_signed(algorithm, &name, &name, &public, [begin, end], &extensions.concat(), ids);
        let certificate = Signed::new(&key.certificate(&to_be)?, &name, end);
        Ok(Self { key, certificate, name, key_id: Some(id.to_vec()), begin, end })
    }

    /// The CA of a certificate and a key, both PEM.
    ///
    /// # Errors
    /// The certificate is none, is not that of a CA, is not valid now, or the key is not its key.
    pub fn read(pem: &str, key: Key, now: i64) -> Result<Self, Refused> {
        let der = ca_certificate(pem, now)?;
        let (_, parsed) =
            X509Certificate::from_der(&der).map_err(|_| Refused::of("the CA certificate is malformed"))?;
        if parsed.public_key().raw != key.public() {
            return Err(Refused::of("the private key is not that of the CA certificate"));
        }
        let key_id = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        let validity = parsed.validity();
        let (begin, end) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let name = parsed.subject().as_raw().to_vec();
        Ok(Self { certificate: Signed::new(&der, &name, end), key, name, key_id, begin, end })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Signed {
        &self.certificate
    }

    /// Its private key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A certificate for a device's key, good for TLS clients, for `life` seconds or as long as the CA's own.
    ///
    /// # Errors
    /// The CA's key does not sign.
    pub fn device(
        &self,
        subject: &Name,
        key: &Key,
        life: i64,
        ids: &Ids,
        now: i64,
    ) -> Result<Signed, Refused> {
        self.for_device(&subject.der(), &key.public(), life, ids, now)
    }

    /// A certificate for the subject and key of a PKCS#10 request in PEM. Nothing else of the request counts.
    ///
    /// # Errors
    /// The request is malformed, not signed by its own key, names nobody, or its key is not accepted.
    pub fn sign(&self, request: &str, life: i64, ids: &Ids, now: i64) -> Result<Signed, Refused> {
        let refused = |why: &str| Refused(format!("the certificate request cannot be signed: {why}"));
        let der = CertificateSigningRequestDer::from_pem_slice(request.as_bytes()).map_err(|_| {
            refused("there is none in PEM, from BEGIN CERTIFICATE REQUEST to END CERTIFICATE REQUEST")
        })?;
        let wish = Wish::read(&der).map_err(refused)?;
        if shown(wish.subject).is_empty() {
            return Err(refused("its subject is empty; a device needs a common name (CN)"));
        }
        self.for_device(wish.subject, wish.public_key, life, ids, now)
    }

    /// The certificate that proves possession of the CA's key: for a new key that is thrown away, its common name the
    /// registration code. spec: provisioning §2
    ///
    /// # Errors
    /// The code does not fit into a certificate, or the CA's key does not sign.
    pub fn verification(&self, code: &str, ids: &Ids, now: i64) -> Result<Signed, Refused> {
        let subject = Name::default().with(Attribute::CommonName, code)?;
        let public = Key::generate(KeyKind::P256)?.public();
        let extensions = [extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, []))];
        let leaf = Leaf {
            subject: &subject.der(),
            public_key: &public,
            life: VERIFICATION_LIFE,
            extensions: &extensions,
        };
        self.leaf(&leaf, ids, now)
    }

    fn for_device(
        &self,
        subject: &[u8],
        public_key: &[u8],
        life: i64,
        ids: &Ids,
        now: i64,
    ) -> Result<Signed, Refused> {
        let extensions = [
            extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, [])),
            extension(KEY_USAGE, true, &element(BIT_STRING, SHAKES_HANDS)),
            extension(EXTENDED_KEY_USAGE, false, &element(SEQUENCE, CLIENT_AUTH)),
        ];
        self.leaf(&Leaf { subject, public_key, life, extensions: &extensions }, ids, now)
    }

    fn leaf(&self, leaf: &Leaf<'_>, ids: &Ids, now: i64) -> Result<Signed, Refused> {
        let mut extensions = leaf.extensions.concat();
        extensions.extend(extension(SUBJECT_KEY_ID, false, &element(OCTET_STRING, key_id(leaf.public_key))));
        if let Some(id) = &self.key_id {
            extensions.extend(extension(AUTHORITY_KEY_ID, false, &of(SEQUENCE, &[&element(0x80, id)])));
        }
        let begin = begin(now).max(self.begin);
        let end = begin.saturating_add(leaf.life).min(self.end);
        let algorithm = algorithm(&self.key.0).unwrap_or(RSA_WITH_SHA256);
        let to_be = to_be_signed(
            algorithm,
            &self.name,
            leaf.subject,
            leaf.public_key,
            [begin, end],
            &extensions,
            ids,
        );
        Ok(Signed::new(&self.key.certificate(&to_be)?, leaf.subject, end))
    }
}

fn begin(now: i64) -> i64 {
    now.saturating_sub(issue::EARLIER)
}

/// DER of the first certificate of a PEM text, which must be one of a CA that is valid now.
///
/// # Errors
/// It is none, is not that of a CA, or is not valid now.
pub fn ca_certificate(pem: &str, now: i64) -> Result<CertificateDer<'static>, Refused> {
    let none = "there is no certificate in PEM in it, from BEGIN CERTIFICATE to END CERTIFICATE";
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Refused::of(none))?;
    let malformed = |_| Refused::of("the certificate is malformed");
    let (_, parsed) = X509Certificate::from_der(&der).map_err(malformed)?;
    if der::public_key(&der).ok().and_then(|key| key.rsa_bits()).is_some_and(|bits| bits < RSA_BITS) {
        return Err(Refused(format!("its RSA key is too short; at least {RSA_BITS} bits are needed")));
    }
    let (mut ca, mut signs) = (false, true);
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => ca = constraints.ca,
            ParsedExtension::KeyUsage(usage) => signs = usage.key_cert_sign(),
            _ => {}
        }
    }
    if !ca {
        return Err(Refused(format!(
            "the certificate of {} is not that of a CA: it lacks the extension basicConstraints with CA:TRUE",
            parsed.subject()
        )));
    }
    if !signs {
        return Err(Refused::of("the CA may not sign certificates: its keyUsage lacks keyCertSign"));
    }
    let validity = parsed.validity();
    if validity.not_after.timestamp() <= now {
        return Err(Refused(format!(
            "the CA certificate has expired: it was valid until {}",
            validity.not_after
        )));
    }
    if validity.not_before.timestamp() > now {
        return Err(Refused(format!("the CA certificate is not valid before {}", validity.not_before)));
    }
    Ok(der)
}

#[cfg(test)]
mod tests;

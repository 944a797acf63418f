//! Device certificates made here: by a CA of their own, kept in `pki/device-ca.pem` and `pki/device-ca.key`
//! (spec: control-plane §8.2).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use adit_iot::{CertificateId, Error, Secret, Timestamp};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use tokio::sync::Semaphore;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::ca::CaCertificate;
use super::encode::{self, BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, SET, element, explicit, of};
use super::request::Wish;
use crate::files;
use crate::ids::Ids;
use crate::trouble::StartError;

const CA_PEM: &str = "device-ca.pem";
/// Device certificates begin this long ago, for devices whose clocks are behind, in seconds.
pub(super) const EARLIER: i64 = 120;
/// 2049-12-31T23:59:59Z, when device certificates end, in seconds since the epoch.
const END: i64 = 2_524_607_999;

pub(super) const ECDSA_WITH_SHA256: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// `SEQUENCE { id-ecPublicKey, prime256v1 }`
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
pub(super) const SUBJECT_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0e];
pub(super) const KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0f];
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
pub(super) const AUTHORITY_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x23];
pub(super) const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// A certificate that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// SHA-256 of its DER.
    pub id: CertificateId,
    /// The certificate.
    pub pem: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
}

/// A key pair that was just made. It is nowhere else.
#[derive(Debug)]
pub struct NewKeys {
    /// The public key, `BEGIN PUBLIC KEY`.
    pub public_pem: String,
    /// The private key, `BEGIN RSA PRIVATE KEY`.
    pub private_pem: Secret,
}

/// Issues device certificates. The CA is made when it is first needed.
#[derive(Debug)]
pub struct DeviceIssuer {
    ca: Arc<DeviceCa>,
    room: Semaphore,
}

impl DeviceIssuer {
    /// An issuer with its CA in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ca = DeviceCa { folder: folder.to_owned(), opened: Mutex::default() };
        // Making a key keeps a core busy for about 0.1 s; connections need the other half.
        Self { ca: Arc::new(ca), room: Semaphore::new((cores / 2).max(1)) }
    }

    /// A certificate for a new RSA-2048 key. At most half of the machine's cores make keys; further calls wait.
    ///
    /// # Errors
    /// `Unavailable` if the CA cannot be read or written.
    pub async fn issue_keys(&self, ids: &Ids, now: Timestamp) -> Result<(Issued, NewKeys), Error> {
        self.issue_claim(ids, now, Timestamp::from_millis(END * 1000)).await
    }

    /// The same, of a certificate that ends at `end`, in whole seconds, as a provisioning claim does.
    ///
    /// # Errors
    /// As of [`DeviceIssuer::issue_keys`].
    pub async fn issue_claim(
        &self,
        ids: &Ids,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<(Issued, NewKeys), Error> {
        let _permit = self.room.acquire().await.map_err(broken)?;
        let (ca, ids) = (Arc::clone(&self.ca), ids.clone());
        let work = move || {
            let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(broken)?;
            let private: Pkcs8V1Der<'_> = pair.as_der().map_err(broken)?;
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(broken)?;
            let pkcs1 = pkcs1_of(private.as_ref()).ok_or_else(|| broken("a new key is not PKCS#8"))?;
            let keys = NewKeys {
                public_pem: encode::pem("PUBLIC KEY", public.as_ref()),
                private_pem: Secret::new(encode::pem("RSA PRIVATE KEY", pkcs1)),
            };
            let issued = ca.issue(&common_name("AWS IoT Certificate"), public.as_ref(), &ids, [now, end])?;
            Ok((issued, keys))
        };
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }

    /// A certificate for the key and the subject of a PKCS#10 request in PEM.
    ///
    /// # Errors
    /// `Invalid` if the request is malformed, not signed by its key, or its key is not accepted; `Unavailable` if the
    /// CA cannot be read or written.
    pub async fn issue_csr(&self, pem: String, ids: &Ids, now: Timestamp) -> Result<Issued, Error> {
        let _permit = self.room.acquire().await.map_err(broken)?;
        let (ca, ids) = (Arc::clone(&self.ca), ids.clone());
        let work = move || {
            let request = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes());
            let request = request.map_err(|_| violates("it must be one PEM certificate request"))?;
            let wish = Wish::read(&request).map_err(violates)?;
            ca.issue(wish.subject, wish.public_key, &ids, [now, Timestamp::from_millis(END * 1000)])
        };
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }

    /// Whether a certificate, in DER, was issued here.
    ///
    /// # Errors
    /// Only a defect.
    pub async fn has_issued(&self, leaf: Vec<u8>) -> Result<bool, Error> {
        let path = self.ca.folder.join(CA_PEM);
        let work = move || {
            // Without the file nothing was issued yet.
            let ca = std::fs::read_to_string(path).ok().and_then(|pem| CaCertificate::stored(&pem));
            ca.is_some_and(|ca| ca.has_issued(&leaf).is_ok())
        };
        tokio::task::spawn_blocking(work).await.map_err(broken)
    }
}

fn violates(what: &str) -> Error {
    Error::invalid(format!("CSR violates constraints: {what}"))
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::internal(format!("issuing a certificate: {what}"))
}

/// The key inside PKCS#8: `SEQUENCE { INTEGER, SEQUENCE, OCTET STRING }`.
fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let (_, inside, _) = encode::first(pkcs8)?;
    let (_, _, rest) = encode::first(inside)?;
    let (_, _, rest) = encode::first(rest)?;
    let (tag, key, _) = encode::first(rest)?;
    (tag == OCTET_STRING).then_some(key)
}

fn common_name(text: &str) -> Vec<u8> {
    let attribute = of(SEQUENCE, &[COMMON_NAME, &element(0x0c, text)]);
    of(SEQUENCE, &[&element(SET, attribute)])
}

#[derive(Debug)]
struct DeviceCa {
    folder: PathBuf,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// The CA, ready to sign.
#[derive(Debug)]
struct Opened {
    key: EcdsaKeyPair,
    name: Vec<u8>,
    key_id: Vec<u8>,
}

impl DeviceCa {
    fn issue(
        &self,
        subject: &[u8],
        public_key: &[u8],
        ids: &Ids,
        [now, end]: [Timestamp; 2],
    ) -> Result<Issued, Error> {
        let ca = self.open(ids, now).map_err(|error| {
            Error::new(
                adit_iot::Kind::Unavailable,
                "The server cannot issue certificates now; its log says why.",
            )
            .with_inside(error.to_string())
        })?;
        let begin = now.millis().div_euclid(1000) - EARLIER;
        let extensions = [
            extension(SUBJECT_KEY_ID, false, &element(OCTET_STRING, key_id(public_key))),
            extension(AUTHORITY_KEY_ID, false, &of(SEQUENCE, &[&element(0x80, &ca.key_id)])),
            extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, [])),
            extension(KEY_USAGE, true, &element(BIT_STRING, [7, 0x80])),
        ];
        let to_be = to_be_signed(
            ECDSA_WITH_SHA256,
            &ca.name,
            subject,
            public_key,
            [begin, end.millis().div_euclid(1000)],
            &extensions.concat(),
            ids,
        );
        let der = signed(&to_be, &ca.key)?;
        Ok(Issued {
            id: certificate_id(&der),
            pem: encode::pem("CERTIFICATE", &der),
            not_before: Timestamp::from_millis(begin * 1000),
            not_after: end,
        })
    }

    /// The CA of the folder; made if there is none. Blocks.
    fn open(&self, ids: &Ids, now: Timestamp) -> Result<Arc<Opened>, StartError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ca) = &*opened {
            return Ok(Arc::clone(ca));
        }
        let (pem, key) = (self.folder.join(CA_PEM), self.folder.join("device-ca.key"));
        match (pem.exists(), key.exists()) {
            (false, false) => make(&pem, &key, ids, now)?,
            (true, true) => {}
            (there, _) => {
                let (here, gone) = if there { (&pem, &key) } else { (&key, &pem) };
                return Err(StartError::new(
                    format!("{} has no {} beside it", here.display(), gone.display()),
                    "restore it from a backup, or remove the other one to have a new device CA made",
                ));
            }
        }
        let ca = Arc::new(load(&pem, &key)?);
        *opened = Some(Arc::clone(&ca));
        Ok(ca)
    }
}

fn make(pem: &Path, key: &Path, ids: &Ids, now: Timestamp) -> Result<(), StartError> {
    let failed = |_| StartError::new("cannot make a device CA", "report this as a defect");
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref())
        .map_err(|_| failed(aws_lc_rs::error::Unspecified))?;
    let point = [&[0], pair.public_key().as_ref()].concat();
    let public_key = of(SEQUENCE, &[P256, &element(BIT_STRING, point)]);
    let name = common_name(&format!("adit device CA {}", ids.hex().get(..8).unwrap_or_default()));
    let begin = now.millis().div_euclid(1000) - EARLIER;
    let extensions = [
        extension(SUBJECT_KEY_ID, false, &element(OCTET_STRING, key_id(&public_key))),
        extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, TRUE)),
        extension(KEY_USAGE, true, &element(BIT_STRING, [1, 0x06])),
    ];
    let to_be =
        to_be_signed(ECDSA_WITH_SHA256, &name, &name, &public_key, [begin, END], &extensions.concat(), ids);
    let der = signed(&to_be, &pair).map_err(|_| failed(aws_lc_rs::error::Unspecified))?;
    if let Some(folder) = pem.parent() {
        files::folder(folder)?;
    }
    files::write(key, files::PRIVATE, encode::pem("PRIVATE KEY", pkcs8.as_ref()).as_bytes())?;
    files::write(pem, files::PUBLIC, encode::pem("CERTIFICATE", &der).as_bytes())?;
    tracing::info!(file = %pem.display(), "made a CA for device certificates");
    Ok(())
}

fn load(pem: &Path, key: &Path) -> Result<Opened, StartError> {
    let unusable = |path: &Path, why: String| {
        StartError::new(format!("{} is unusable: {why}", path.display()), "restore it from a backup")
    };
    let certificate = CertificateDer::from_pem_file(pem).map_err(|e| unusable(pem, e.to_string()))?;
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|e| unusable(pem, e.to_string()))?;
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_file(key).map_err(|e| unusable(key, e.to_string()))?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.secret_pkcs8_der())
        .map_err(|e| unusable(key, e.to_string()))?;
    if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key().as_ref() {
        return Err(unusable(key, format!("it is not the key of {}", pem.display())));
    }
    Ok(Opened {
        key: pair,
        name: parsed.subject().as_raw().to_vec(),
        key_id: key_id(parsed.public_key().raw).to_vec(),
    })
}

pub(super) fn to_be_signed(
    algorithm: &[u8],
    issuer: &[u8],
    subject: &[u8],
    public_key: &[u8],
    [begin, end]: [i64; 2],
    extensions: &[u8],
    ids: &Ids,
) -> Vec<u8> {
    let mut serial = ids.bytes32();
    // Positive, and not so short that DER drops leading zeros.
    serial[0] = serial[0] & 0x7f | 0x40;
    let serial = serial.first_chunk::<16>().map_or_else(Vec::new, |bytes| element(INTEGER, bytes));
    of(
        SEQUENCE,
        &[
            &element(explicit(0), element(INTEGER, [2])),
            &serial,
            algorithm,
            issuer,
            &of(SEQUENCE, &[&encode::time(begin), &encode::time(end)]),
            subject,
            public_key,
            &element(explicit(3), element(SEQUENCE, extensions)),
        ],
    )
}

fn signed(to_be: &[u8], key: &EcdsaKeyPair) -> Result<Vec<u8>, Error> {
    let signature = key.sign(&SystemRandom::new(), to_be).map_err(broken)?;
    let signature = [&[0], signature.as_ref()].concat();
    Ok(of(SEQUENCE, &[to_be, ECDSA_WITH_SHA256, &element(BIT_STRING, signature)]))
}

pub(super) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    of(SEQUENCE, &[oid, if critical { TRUE } else { &[] }, &element(OCTET_STRING, value)])
}

/// 160 bits of the SHA-256 of a public key, given with its algorithm (RFC 7093 §2, first way).
pub(super) fn key_id(public_key: &[u8]) -> [u8; 20] {
    let bits = encode::first(public_key)
        .and_then(|(_, inside, _)| encode::first(inside))
        .and_then(|(_, _, rest)| encode::first(rest))
        .and_then(|(_, bits, _)| bits.get(1..));
    let sum = digest(&SHA256, bits.unwrap_or(public_key));
    sum.as_ref().first_chunk().copied().unwrap_or_default()
}

/// The id of a certificate in DER.
#[must_use]
pub fn certificate_id(der: &[u8]) -> CertificateId {
    CertificateId::from_sha256(digest(&SHA256, der).as_ref().try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use adit_iot::Kind;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
    use x509_parser::extensions::{KeyUsage, ParsedExtension};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_500);

    /// Signed with SHA-1, as some old tools still do: `openssl req -new -newkey rsa:2048 -sha1`.
    const SHA1_CSR: &str = include_str!("testdata/sha1.csr");

    fn der_of(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn check_shape(issued: &Issued, ca_pem: &str) {
        let (der, ca_der) = (der_of(&issued.pem), der_of(ca_pem));
        let (_, ca) = X509Certificate::from_der(&ca_der).unwrap();
        let (rest, made) = X509Certificate::from_der(&der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(made.version().0, 2);
        assert_eq!(made.issuer().as_raw(), ca.subject().as_raw());
        assert_eq!(made.validity().not_before.timestamp(), 1_795_000_000 - 120);
        assert_eq!(made.validity().not_after.to_string(), "Dec 31 23:59:59 2049 +00:00");
        let ca_key = ca.public_key().subject_public_key.data.clone();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &ca_key)
            .verify(made.tbs_certificate.as_ref(), &made.signature_value.data)
            .unwrap();
        let shown: Vec<_> = made
            .extensions()
            .iter()
            .map(|e| (e.critical, e.parsed_extension()))
            .map(|(critical, parsed)| match parsed {
                ParsedExtension::SubjectKeyIdentifier(id) => format!("{critical} skid {}", id.0.len()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    let of = id.key_identifier.as_ref().unwrap();
                    let ca_id = ca.extensions().iter().find_map(|e| match e.parsed_extension() {
                        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                        _ => None,
                    });
                    format!("{critical} akid {}", ca_id == Some(of.0))
                }
                ParsedExtension::BasicConstraints(constraints) => format!("{critical} ca {}", constraints.ca),
                ParsedExtension::KeyUsage(KeyUsage { flags }) => format!("{critical} usage {flags}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(shown, ["false skid 20", "false akid true", "true ca false", "true usage 1"]);
    }

    #[tokio::test]
    async fn keys_and_a_certificate_have_awss_shape() {
        let dir = tempfile::tempdir().unwrap();
        let issuer = DeviceIssuer::new(dir.path());
        let (issued, keys) = issuer.issue_keys(&Ids::Real, NOW).await.unwrap();
        let ca_pem = std::fs::read_to_string(dir.path().join("device-ca.pem")).unwrap();
        check_shape(&issued, &ca_pem);
        let der = der_of(&issued.pem);
        let (_, made) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(made.subject().to_string(), "CN=AWS IoT Certificate");
        assert!(keys.public_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
        let private = keys.private_pem.expose();
        assert!(
            private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n")
                && private.ends_with("-----END RSA PRIVATE KEY-----\n")
        );
        let pkcs1 = rustls::pki_types::PrivatePkcs1KeyDer::from_pem_slice(private.as_bytes()).unwrap();
        let pair = rsa::KeyPair::from_der(pkcs1.secret_pkcs1_der()).unwrap();
        assert_eq!(pair.public_key().as_ref(), &*made.public_key().subject_public_key.data);
        let mode = std::fs::metadata(dir.path().join("device-ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Another server in the same folder goes on with the same CA, and never makes the same certificate twice.
        let again =
            DeviceIssuer::new(dir.path()).issue_csr(SHA1_CSR.to_owned(), &Ids::Real, NOW).await.unwrap();
        check_shape(&again, &ca_pem);
        let third = issuer.issue_csr(SHA1_CSR.to_owned(), &Ids::Real, NOW).await.unwrap();
        assert_ne!(again.id, third.id);
        assert_eq!(Registrable::read(&third.pem).unwrap().id, third.id);
    }

    use super::super::request::Registrable;

    fn csr(key: &KeyPair) -> String {
        let mut params = CertificateParams::new(vec!["ignored.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Ä & Söhne");
        params.distinguished_name.push(DnType::CommonName, "dev1");
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    #[tokio::test]
    async fn a_request_gives_subject_and_key_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let issuer = DeviceIssuer::new(dir.path());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let issued = issuer.issue_csr(csr(&key), &Ids::Real, NOW).await.unwrap();
        check_shape(&issued, &std::fs::read_to_string(dir.path().join("device-ca.pem")).unwrap());
        let der = der_of(&issued.pem);
        let (_, made) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(made.subject().to_string(), "O=Ä & Söhne, CN=dev1");
        assert_eq!(&*made.public_key().subject_public_key.data, key.public_key_raw());
    }

    #[tokio::test]
    async fn requests_that_prove_nothing_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let issuer = DeviceIssuer::new(dir.path());
        let other = csr(&KeyPair::generate_for(&PKCS_ED25519).unwrap());
        let good = csr(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap());
        let mut forged = CertificateSigningRequestDer::from_pem_slice(good.as_bytes()).unwrap().to_vec();
        let at = forged.windows(4).position(|window| window == b"dev1").unwrap();
        forged[at] = b'D';
        for (bad, why) in [
            ("doc".to_owned(), "PEM"),
            (good.replace("REQUEST", "REPLY"), "PEM"),
            (encode::pem("CERTIFICATE REQUEST", b"nonsense"), "PKCS#10"),
            (encode::pem("CERTIFICATE REQUEST", &forged), "its own key"),
            (other, "its key must be"),
        ] {
            let error = issuer.issue_csr(bad, &Ids::Real, NOW).await.unwrap_err();
            assert_eq!(error.kind, Kind::Invalid);
            assert!(
                error.message.starts_with("CSR violates constraints") && error.message.contains(why),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn half_a_ca_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        DeviceIssuer::new(dir.path()).issue_csr(SHA1_CSR.to_owned(), &Ids::Real, NOW).await.unwrap();
        let key = dir.path().join("device-ca.key");
        std::fs::remove_file(&key).unwrap();
        let issuer = DeviceIssuer::new(dir.path());
        let error = issuer.issue_csr(SHA1_CSR.to_owned(), &Ids::Real, NOW).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.inside.unwrap().contains("has no"));
        assert!(!key.exists());
    }
}

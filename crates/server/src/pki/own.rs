//! Our own certificates: two CAs, and a server certificate from each, one ECDSA and one RSA.
//!
//! A client that knows no ECDSA must be able to verify the whole chain, so RSA has a CA of its own. `ca.pem` holds
//! both. spec: mqtt-gateway §1.3

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SerialNumber, SignatureAlgorithm,
};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::facts::address;
use super::{Identities, Identity, is_due, read_identity};
use crate::files;
use crate::ids::{Ids, hex};
use crate::trouble::StartError;

const DAY: Duration = Duration::from_secs(86_400);
/// Life of a CA certificate.
const CA_LIFE: Duration = Duration::from_secs(3650 * 86_400);
/// Life of a server certificate; some clients refuse more than 398 days.
pub(super) const SERVER_LIFE: Duration = Duration::from_secs(397 * 86_400);

/// A CA and the server certificate it signs, by the files they are in.
struct Line {
    ca_pem: PathBuf,
    ca_key: PathBuf,
    pem: PathBuf,
    key: PathBuf,
    algorithm: &'static SignatureAlgorithm,
    title: &'static str,
}

impl Line {
    fn new(folder: &Path, suffix: &str, algorithm: &'static SignatureAlgorithm, title: &'static str) -> Self {
        let file = |name: &str, end: &str| folder.join(format!("{name}{suffix}.{end}"));
        Self {
            ca_pem: file("ca", "pem"),
            ca_key: file("ca", "key"),
            pem: file("server", "pem"),
            key: file("server", "key"),
            algorithm,
            title,
        }
    }
}

/// Reads what is there, makes what is missing or ends soon.
pub(super) fn prepare(
    folder: &Path,
    names: &BTreeSet<String>,
    ids: &Ids,
    now_ms: i64,
) -> Result<Identities, StartError> {
    files::folder(folder)?;
    let ecdsa = Line::new(folder, "", &PKCS_ECDSA_P256_SHA256, "adit local CA");
    let rsa = Line::new(folder, "-rsa", &PKCS_RSA_SHA256, "adit local RSA CA");
    let mut pairs = Vec::new();
    for line in [&ecdsa, &rsa] {
        pairs.push(line.prepare(names, ids, now_ms)?);
    }
    add_missing(&ecdsa.ca_pem, &rsa.ca_pem)?;
    Ok(Identities::new(pairs, Some(ecdsa.ca_pem)))
}

/// Sees to it that the certificate in `other` is in the file of CAs too.
fn add_missing(bundle: &Path, other: &Path) -> Result<(), StartError> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| StartError::file("read", path, &e));
    let (known, other) = (read(bundle)?, read(other)?);
    if known.contains(other.trim()) {
        return Ok(());
    }
    files::write(bundle, files::PUBLIC, format!("{}\n{other}", known.trim_end()).as_bytes())
}

impl Line {
    fn prepare(&self, names: &BTreeSet<String>, ids: &Ids, now_ms: i64) -> Result<Identity, StartError> {
        let new_ca = match (files::read(&self.ca_pem)?, files::read(&self.ca_key)?) {
            (Some(_), Some(_)) => false,
            (None, _) => {
                self.make_ca(ids, now_ms)?;
                true
            }
            (Some(_), None) => {
                return Err(StartError::new(
                    format!("{} has no key beside it ({})", self.ca_pem.display(), self.ca_key.display()),
                    format!(
                        "restore the key from a backup, or remove {} to have a new CA made (clients must then trust it anew)",
                        self.ca_pem.display()
                    ),
                ));
            }
        };
        if !new_ca
            && self.pem.exists()
            && self.key.exists()
            && let Some(current) = self.current(names, now_ms)?
        {
            return Ok(current);
        }
        self.make_server(names, ids, now_ms)?;
        read_identity(&self.pem, &self.key)
    }

    /// The server certificate on disk, unless its names changed or it ends soon.
    fn current(&self, names: &BTreeSet<String>, now_ms: i64) -> Result<Option<Identity>, StartError> {
        let identity = read_identity(&self.pem, &self.key)?;
        let same = identity.chain.first().is_some_and(|leaf| names_of(leaf) == *names);
        Ok((same && !is_due(identity.ends_at, now_ms)).then_some(identity))
    }

    fn make_ca(&self, ids: &Ids, now_ms: i64) -> Result<(), StartError> {
        let failed =
            |e: rcgen::Error| StartError::new(format!("cannot make a CA: {e}"), "report this as a defect");
        let pair = KeyPair::generate_for(self.algorithm).map_err(failed)?;
        let random = ids.hex();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{} {}", self.title, random.get(..8).unwrap_or_default()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, ids, now_ms, CA_LIFE);
        let certificate = params.self_signed(&pair).map_err(failed)?;
        files::write(&self.ca_key, files::PRIVATE, pair.serialize_pem().as_bytes())?;
        files::write(&self.ca_pem, files::PUBLIC, certificate.pem().as_bytes())?;
        tracing::info!(file = %self.ca_pem.display(), "made a CA for this server; clients must trust it");
        Ok(())
    }

    fn make_server(&self, names: &BTreeSet<String>, ids: &Ids, now_ms: i64) -> Result<(), StartError> {
        let failed = |e: rcgen::Error| {
            StartError::new(
                format!("cannot make a server certificate from {}: {e}", self.ca_pem.display()),
                "check that the CA's certificate and key are unchanged, or remove both to have a new CA made",
            )
        };
        let text =
            |path: &Path| std::fs::read_to_string(path).map_err(|e| StartError::file("read", path, &e));
        let issuer_key = KeyPair::from_pem(&text(&self.ca_key)?).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&text(&self.ca_pem)?, issuer_key).map_err(failed)?;
        let pair = KeyPair::generate_for(self.algorithm).map_err(failed)?;
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "adit");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, ids, now_ms, SERVER_LIFE);
        let certificate = params.signed_by(&pair, &issuer).map_err(failed)?;
        files::write(&self.key, files::PRIVATE, pair.serialize_pem().as_bytes())?;
        files::write(&self.pem, files::PUBLIC, certificate.pem().as_bytes())?;
        tracing::info!(
            file = %self.pem.display(),
            names = %names.iter().cloned().collect::<Vec<_>>().join(", "),
            "made a server certificate"
        );
        Ok(())
    }
}

/// Valid from a day ago, so that a client whose clock is behind accepts it, for `life` in all.
fn validity(params: &mut CertificateParams, ids: &Ids, now_ms: i64, life: Duration) {
    let start = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0)) - DAY;
    params.not_before = start.into();
    params.not_after = (start + life).into();
    let mut serial = ids.bytes32();
    // Positive, and not so short that DER drops leading zeros.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = serial.get(..16).map(SerialNumber::from_slice);
}

/// The names a certificate holds.
pub(super) fn names_of(leaf: &CertificateDer<'_>) -> BTreeSet<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return BTreeSet::new() };
    let Ok(Some(san)) = parsed.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(dns) => Some((*dns).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        other => Some(hex(format!("{other:?}").as_bytes())),
    };
    san.value.general_names.iter().filter_map(text).collect()
}

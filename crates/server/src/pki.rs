//! The server's certificate: made here on first start, or the operator's own. The only file that knows X.509.

mod facts;
mod peer;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::config::Config;
use crate::files;
use crate::ids::{Ids, hex};
use crate::trouble::StartError;

pub use peer::{PeerCertificate, Presented};

/// Why a certificate cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

const DAY: Duration = Duration::from_secs(86_400);
/// Life of the CA certificate.
const CA_LIFE: Duration = Duration::from_secs(3650 * 86_400);
/// Life of the server certificate; some clients refuse more than 398 days.
const SERVER_LIFE: Duration = Duration::from_secs(397 * 86_400);
/// A server certificate with less than this left is made again.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// A certificate chain, leaf first, with its key.
#[derive(Debug)]
pub struct Identity {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of its leaf.
    pub key: PrivateKeyDer<'static>,
    /// When the leaf ends, in milliseconds since the epoch.
    pub ends_at: i64,
    /// The CA that clients must trust; `None` with the operator's own certificate.
    pub ca: Option<PathBuf>,
}

/// Whether a certificate that ends at `ends_at` should be made or read again; both in milliseconds since the epoch.
#[must_use]
pub fn is_due(ends_at: i64, now_ms: i64) -> bool {
    ends_at.saturating_sub(millis(RENEW_BEFORE)) <= now_ms
}

/// The certificate to serve with: the operator's if the configuration names one, else our own, made or made
/// again where needed.
///
/// # Errors
/// The files cannot be read or written, do not parse, do not belong together, or have expired.
pub fn prepare(config: &Config, ids: &Ids, now_ms: i64) -> Result<Identity, StartError> {
    match (&config.tls.certificate_file, &config.tls.key_file) {
        (Some(certificate), Some(key)) => provided(certificate, key, now_ms),
        _ => own(&config.node.data_dir.join("pki"), &names(config), ids, now_ms),
    }
}

fn provided(certificate: &Path, key: &Path, now_ms: i64) -> Result<Identity, StartError> {
    let identity = read_identity(certificate, key, None)?;
    if identity.ends_at <= now_ms {
        return Err(StartError::new(
            format!("the certificate in {} has expired", certificate.display()),
            "put a current certificate there, or remove tls.certificate-file to have one made",
        ));
    }
    if is_due(identity.ends_at, now_ms) {
        tracing::warn!(file = %certificate.display(), "the certificate expires in less than 30 days");
    }
    Ok(identity)
}

fn own(folder: &Path, names: &BTreeSet<String>, ids: &Ids, now_ms: i64) -> Result<Identity, StartError> {
    files::folder(folder)?;
    let [ca_pem, ca_key, pem, key] =
        ["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| folder.join(name));
    let new_ca = match (files::read(&ca_pem)?, files::read(&ca_key)?) {
        (Some(_), Some(_)) => false,
        (None, _) => {
            make_ca(&ca_pem, &ca_key, ids, now_ms)?;
            true
        }
        (Some(_), None) => {
            return Err(StartError::new(
                format!("{} has no key beside it ({})", ca_pem.display(), ca_key.display()),
                "restore the key from a backup, or remove ca.pem to have a new CA made (clients must then trust it anew)",
            ));
        }
    };
    if !new_ca
        && pem.exists()
        && key.exists()
        && let Some(current) = current(&pem, &key, &ca_pem, names, now_ms)?
    {
        return Ok(current);
    }
    make_server(&ca_pem, &ca_key, &pem, &key, names, ids, now_ms)?;
    read_identity(&pem, &key, Some(ca_pem))
}

/// The server certificate on disk, unless its names changed or it ends soon.
fn current(
    pem: &Path,
    key: &Path,
    ca_pem: &Path,
    names: &BTreeSet<String>,
    now_ms: i64,
) -> Result<Option<Identity>, StartError> {
    let identity = read_identity(pem, key, Some(ca_pem.to_owned()))?;
    let same = identity.chain.first().is_some_and(|leaf| names_of(leaf) == *names);
    Ok((same && !is_due(identity.ends_at, now_ms)).then_some(identity))
}

fn make_ca(pem: &Path, key: &Path, ids: &Ids, now_ms: i64) -> Result<(), StartError> {
    let failed =
        |e: rcgen::Error| StartError::new(format!("cannot make a CA: {e}"), "report this as a defect");
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let random = ids.hex();
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("adit local CA {}", random.get(..8).unwrap_or_default()));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params, ids, now_ms, CA_LIFE);
    let certificate = params.self_signed(&pair).map_err(failed)?;
    files::write(key, files::PRIVATE, pair.serialize_pem().as_bytes())?;
    files::write(pem, files::PUBLIC, certificate.pem().as_bytes())?;
    tracing::info!(file = %pem.display(), "made a CA for this server; clients must trust it");
    Ok(())
}

fn make_server(
    ca_pem: &Path,
    ca_key: &Path,
    pem: &Path,
    key: &Path,
    names: &BTreeSet<String>,
    ids: &Ids,
    now_ms: i64,
) -> Result<(), StartError> {
    let failed = |e: rcgen::Error| {
        StartError::new(
            format!("cannot make a server certificate from {}: {e}", ca_pem.display()),
            "check that ca.pem and ca.key are unchanged, or remove both to have a new CA made",
        )
    };
    let text = |path: &Path| std::fs::read_to_string(path).map_err(|e| StartError::file("read", path, &e));
    let issuer_key = KeyPair::from_pem(&text(ca_key)?).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&text(ca_pem)?, issuer_key).map_err(failed)?;
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "adit");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    validity(&mut params, ids, now_ms, SERVER_LIFE);
    let certificate = params.signed_by(&pair, &issuer).map_err(failed)?;
    files::write(key, files::PRIVATE, pair.serialize_pem().as_bytes())?;
    files::write(pem, files::PUBLIC, certificate.pem().as_bytes())?;
    tracing::info!(names = %names.iter().cloned().collect::<Vec<_>>().join(", "), "made a server certificate");
    Ok(())
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

fn read_identity(pem: &Path, key: &Path, ca: Option<PathBuf>) -> Result<Identity, StartError> {
    let unreadable = |path: &Path, what: &str, e: &dyn std::fmt::Display| {
        StartError::new(
            format!("{} holds no usable {what}: {e}", path.display()),
            format!("put a PEM {what} there"),
        )
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(pem)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(pem, "certificate", &e))?;
    let leaf = chain.first().ok_or_else(|| unreadable(pem, "certificate", &"the file has none"))?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|e| unreadable(pem, "certificate", &e))?;
    let ends_at = parsed.validity().not_after.timestamp().saturating_mul(1000);
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, "private key", &e))?;
    Ok(Identity { key: private, ends_at, ca, chain })
}

/// Names the certificate must have: localhost, loopback, this host, and those of the configuration.
fn names(config: &Config) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if host.split('.').all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
        names.insert(host);
    }
    names.extend(
        config
            .names
            .iter()
            .map(|n| n.parse::<IpAddr>().map_or_else(|_| n.to_ascii_lowercase(), |ip| ip.to_string())),
    );
    names
}

fn names_of(leaf: &CertificateDer<'_>) -> BTreeSet<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return BTreeSet::new() };
    let Ok(Some(san)) = parsed.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(dns) => Some((*dns).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(IpAddr::from([*a, *b, *c, *d]).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::from(v6).to_string()),
        },
        other => Some(hex(format!("{other:?}").as_bytes())),
    };
    san.value.general_names.iter().filter_map(text).collect()
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const NOW: i64 = 1_795_000_000_000;

    fn config(folder: &Path, names: &[&str]) -> Config {
        let mut config = Config::default();
        config.node.data_dir = folder.to_owned();
        config.names = names.iter().map(|n| (*n).to_owned()).collect();
        config
    }

    #[test]
    fn a_certificate_is_made_once_and_again_when_names_change_or_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let get = |names: &[&str], now| prepare(&config(dir.path(), names), &Ids::Real, now).unwrap();
        let first = get(&[], NOW);
        let ca = std::fs::read(dir.path().join("pki/ca.pem")).unwrap();
        assert_eq!(get(&[], NOW).chain, first.chain);
        let named = get(&["iot.example", "10.0.0.1", "FE80::1"], NOW);
        assert_ne!(named.chain, first.chain);
        let names = names_of(&named.chain[0]);
        for name in ["localhost", "127.0.0.1", "::1", "iot.example", "10.0.0.1", "fe80::1"] {
            assert!(names.contains(name), "{name} {names:?}");
        }
        assert_eq!(get(&["iot.example", "10.0.0.1", "FE80::1"], NOW + millis(DAY)).chain, named.chain);
        let later = get(&["iot.example", "10.0.0.1", "FE80::1"], NOW + millis(DAY) * 380);
        assert_ne!(later.chain, named.chain);
        assert_eq!(std::fs::read(dir.path().join("pki/ca.pem")).unwrap(), ca);
        for key in ["pki/ca.key", "pki/server.key"] {
            let mode = std::fs::metadata(dir.path().join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn the_operators_certificate_is_judged() {
        let (made, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        prepare(&config(made.path(), &[]), &Ids::Real, NOW).unwrap();
        let mut config = config(dir.path(), &[]);
        config.tls.certificate_file = Some(made.path().join("pki/server.pem"));
        config.tls.key_file = Some(made.path().join("pki/server.key"));
        assert!(prepare(&config, &Ids::Real, NOW).unwrap().ca.is_none());
        let expired = prepare(&config, &Ids::Real, NOW + millis(SERVER_LIFE)).unwrap_err();
        assert!(expired.to_string().contains("has expired"));
        config.tls.key_file = Some(dir.path().join("none.key"));
        assert!(prepare(&config, &Ids::Real, NOW).unwrap_err().to_string().contains("none.key"));
        std::fs::write(dir.path().join("none.key"), "not a key").unwrap();
        assert!(
            prepare(&config, &Ids::Real, NOW)
                .unwrap_err()
                .to_string()
                .contains("holds no usable private key")
        );
    }
}

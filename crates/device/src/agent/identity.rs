//! Who the device is: its certificate and the key of it, read and checked together.
//!
//! An identity that the agent got for itself is one file in the state folder, so that there is never half of one:
//! lines `name: value`, then key and certificate in PEM. A factory's certificate and key may be two files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs as provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{keep, x509};

/// Bytes of a file with a certificate or key that are read.
const FILE: u64 = 64 * 1024;

/// Certificates sent at most: the own one and those of its issuers.
const CHAIN: usize = 8;

/// Characters of a thing name at most (AWS IoT limits).
const THING_NAME: usize = 128;

/// A certificate whose key is at hand.
#[derive(Clone)]
pub struct Identity {
    /// What is shown to the server: certificate, then what is behind it in its file.
    pub chain: Vec<CertificateDer<'static>>,
    /// What the certificate says.
    pub facts: x509::Facts,
    /// The name the server gave to the thing, if the certificate came from it.
    pub thing_name: Option<String>,
    /// Where the certificate was read.
    pub file: PathBuf,
    key: Arc<dyn rustls::sign::SigningKey>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({}, {})", self.file.display(), self.certificate_id())
    }
}

/// What is wrong with a file of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// Whether there is no such file.
    pub is_missing: bool,
    /// What is wrong, and what is wanted.
    pub why: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for Broken {}

fn broken(file: &Path, why: impl Into<String>) -> Broken {
    Broken { file: file.to_owned(), is_missing: false, why: why.into() }
}

/// Reads certificate and key, which may be one file, and checks that they belong together. Dates are left to the
/// server: the clock of a device may be wrong.
///
/// # Errors
/// The file that is wrong, and what is wrong with it.
pub fn read(certificate_file: &Path, key_file: &Path) -> Result<Identity, Broken> {
    let text = contents(certificate_file)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .take(CHAIN)
        .collect::<Result<_, _>>()
        .map_err(|error| broken(certificate_file, format!("not PEM: {error:?}")))?;
    let Some(leaf) = chain.first() else {
        return Err(broken(
            certificate_file,
            "no certificate in it; wanted is PEM, -----BEGIN CERTIFICATE-----",
        ));
    };
    let facts = x509::read(leaf)
        .ok_or_else(|| broken(certificate_file, "its first certificate is damaged; write it again"))?;
    let key_text = if key_file == certificate_file { text.clone() } else { contents(key_file)? };
    let key = PrivateKeyDer::from_pem_slice(&key_text)
        .map_err(|_| broken(key_file, "no private key in it; wanted is PEM, -----BEGIN PRIVATE KEY-----"))?;
    let key = provider::sign::any_supported_type(&key).map_err(|_| {
        broken(key_file, "its private key is damaged, or of a kind that is not used: RSA from 2048 bits, ECDSA P-256, P-384 or P-521, Ed25519")
    })?;
    if key.public_key().is_some_and(|public| public.as_ref() != facts.public_key) {
        let text = format!(
            "is not the key of the certificate in {}: one of them is of another device",
            certificate_file.display()
        );
        return Err(broken(key_file, text));
    }
    let thing_name = note(&text, "thing-name").filter(|name| is_thing_name(name)).map(str::to_owned);
    Ok(Identity { chain, facts, thing_name, file: certificate_file.to_owned(), key })
}

/// A file of limited size. What is missing and what may not be read are told apart.
fn contents(file: &Path) -> Result<Vec<u8>, Broken> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            Broken { file: file.to_owned(), is_missing: true, why: "there is no such file".to_owned() }
        }
        io::ErrorKind::PermissionDenied => broken(
            file,
            "may not be read by this user; give it to the user of the agent, or run the agent as its owner",
        ),
        _ => broken(file, crate::tls::plain(&error)),
    };
    let size = fs::metadata(file).map_err(failed)?.len();
    if size > FILE {
        return Err(broken(file, format!("has {size} bytes; a certificate or key has less than {FILE}")));
    }
    let text = fs::read(file).map_err(failed)?;
    if text.is_empty() {
        return Err(broken(file, "is empty; a power cut or a full disk may have done that"));
    }
    Ok(text)
}

/// The value of a line `name: value` before the first PEM block.
fn note<'a>(text: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines()
        .take_while(|line| !line.starts_with("-----"))
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Whether AWS IoT takes this as the name of a thing.
pub fn is_thing_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
    (1..=THING_NAME).contains(&name.len()) && name.bytes().all(is_letter)
}

/// The file of an identity that the agent got for itself.
pub fn file_of(state_dir: &Path) -> PathBuf {
    state_dir.join("identity.pem")
}

/// The text of such a file.
pub fn text_of(thing_name: Option<&str>, key_pem: &str, certificate_pem: &str) -> String {
    let note = thing_name.map(|name| format!("thing-name: {name}\n")).unwrap_or_default();
    format!("Made by adit agent. This file holds a private key.\n{note}{key_pem}{certificate_pem}")
}

impl Identity {
    /// The id by which AWS IoT knows the certificate: the SHA-256 of it, in hex.
    pub fn certificate_id(&self) -> String {
        let leaf = self.chain.first().map(AsRef::as_ref).unwrap_or_default();
        digest::digest(&digest::SHA256, leaf).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the certificate is called: the name of its thing, else its CN.
    pub fn name(&self) -> Option<&str> {
        self.thing_name.as_deref().or(self.facts.common_name.as_deref())
    }

    /// For `ClientConfig::with_client_cert_resolver`. The builder's shorter way refuses certificates of version 1.
    pub fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(Always(Arc::new(CertifiedKey::new(self.chain.clone(), Arc::clone(&self.key)))))
    }
}

/// Shows the certificate to whoever asks for one.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What is in the state folder of a device that gets its identity by a claim.
#[derive(Debug)]
pub enum Kept {
    /// An identity.
    Whole(Box<Identity>),
    /// None yet.
    None,
    /// One that cannot be used; it was moved to `aside`, or could not be (`Err`).
    Broken {
        /// What is wrong with it.
        why: Broken,
        /// Where it is now.
        aside: io::Result<PathBuf>,
    },
}

/// Reads the identity in the state folder. One that is broken is moved aside, never deleted; one that may only not be
/// read by this user is an error, and stays.
///
/// # Errors
/// The file may not be read.
pub fn kept(state_dir: &Path) -> Result<Kept, Broken> {
    let file = file_of(state_dir);
    match read(&file, &file) {
        Ok(identity) => Ok(Kept::Whole(Box::new(identity))),
        Err(why) if why.is_missing => Ok(Kept::None),
        Err(why) if fs::read(&file).is_err() => Err(why),
        Err(why) => Ok(Kept::Broken { why, aside: keep::set_aside(&file) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        certificate: String,
        key: String,
    }

    fn pair(name: &str) -> Pair {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    #[test]
    fn certificate_and_key_are_one_file_or_two() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let pair = pair("lamp1");
        fs::write(&cert, &pair.certificate).unwrap();
        fs::write(&key, &pair.key).unwrap();
        let two = read(&cert, &key).unwrap();
        assert_eq!((two.name(), two.certificate_id().len()), (Some("lamp1"), 64));
        let file = file_of(dir.path());
        fs::write(&file, text_of(Some("thing-7"), &pair.key, &pair.certificate)).unwrap();
        let one = read(&file, &file).unwrap();
        assert_eq!((one.name(), one.certificate_id()), (Some("thing-7"), two.certificate_id()));
        assert!(matches!(kept(dir.path()), Ok(Kept::Whole(identity)) if identity.file == file));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_it_is_wrong_with() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let (one, other) = (pair("one"), pair("other"));
        let check = |certificate: &str, private: &str, file: &Path, why: &str| {
            fs::write(&cert, certificate).unwrap();
            fs::write(&key, private).unwrap();
            let broken = read(&cert, &key).unwrap_err();
            assert_eq!(broken.file, file, "{broken}");
            assert!(broken.to_string().contains(why), "{broken}");
        };
        let half = |text: &str| text[..text.len() / 2].to_owned();
        check(&one.certificate, &other.key, &key, "another device");
        check("", &one.key, &cert, "is empty");
        check(&half(&one.certificate), &one.key, &cert, "PEM");
        check("hello", &one.key, &cert, "no certificate in it");
        check(&x509::pem("CERTIFICATE", b"hello"), &one.key, &cert, "damaged");
        check(&one.certificate, &half(&one.key), &key, "no private key");
        check(&one.certificate, &x509::pem("PRIVATE KEY", b"hello"), &key, "damaged");
        check(&"x".repeat(FILE as usize + 1), &one.key, &cert, "less than");
        let missing = dir.path().join("none");
        assert!(read(&missing, &key).unwrap_err().is_missing);
    }

    #[test]
    fn a_broken_identity_is_moved_aside_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(kept(dir.path()), Ok(Kept::None)));
        let pair = pair("lamp1");
        let text = text_of(Some("lamp1"), &pair.key, &pair.certificate[..40]);
        fs::write(file_of(dir.path()), &text).unwrap();
        let Ok(Kept::Broken { why, aside: Ok(aside) }) = kept(dir.path()) else { panic!() };
        assert_eq!(why.file, file_of(dir.path()));
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert!(matches!(kept(dir.path()), Ok(Kept::None)));
    }

    #[test]
    fn a_thing_name_is_taken_from_before_the_pem_only_and_if_it_is_one() {
        let pair = pair("cn");
        let dir = tempfile::tempdir().unwrap();
        let file = file_of(dir.path());
        for (text, name) in [
            (text_of(Some("a b"), &pair.key, &pair.certificate), "cn"),
            (format!("{}{}thing-name: late\n", pair.key, pair.certificate), "cn"),
            (text_of(Some("a:b_c-1"), &pair.key, &pair.certificate), "a:b_c-1"),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(read(&file, &file).unwrap().name(), Some(name));
        }
    }
}

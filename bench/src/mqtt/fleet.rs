//! The devices: certificates of one authority, ECDSA P-256 and RSA-2048, and what a client of each is configured with.

use super::lab::Endpoint;
use crate::fail::{Error, Result};
use crate::pki;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which keys both ends use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// P-256.
    Ecdsa,
    /// 2048 bits.
    Rsa,
}

/// One device.
pub struct Device {
    pub keys: Keys,
    /// Its certificate, PEM.
    pub pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Device {
    pub fn new(keys: Keys, certificate: &rcgen::Certificate, key: &KeyPair) -> Result<Self> {
        Ok(Self {
            keys,
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der())?,
        })
    }
}

/// Files of a server certificate.
pub struct ServerFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// All devices, and server certificates for brokers that have none of their own, of one authority.
pub struct Fleet {
    pub ca: PathBuf,
    pub devices: Vec<Device>,
    pub ecdsa: ServerFiles,
    pub rsa: ServerFiles,
}

impl Fleet {
    /// Makes everything; files go to `dir`.
    pub fn make(dir: &Path, ecdsa: usize, rsa: usize) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "bench authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let ca = dir.join("device-ca.pem");
        fs::write(&ca, authority.pem())?;
        let device = |keys: Keys, number: usize| -> Result<Device> {
            let key = make_key(keys)?;
            let mut params = CertificateParams::new(Vec::<String>::new())?;
            params.distinguished_name.push(DnType::CommonName, format!("bench device {number}"));
            Device::new(keys, &params.signed_by(&key, &authority)?, &key)
        };
        let server = |keys: Keys, name: &str| -> Result<ServerFiles> {
            let key = make_key(keys)?;
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
            let files = ServerFiles {
                certificate: dir.join(format!("{name}-cert.pem")),
                key: dir.join(format!("{name}-key.pem")),
            };
            fs::write(&files.certificate, certificate.pem())?;
            fs::write(&files.key, key.serialize_pem())?;
            Ok(files)
        };
        let devices = (0..ecdsa).map(|number| device(Keys::Ecdsa, number));
        let devices = devices.chain((0..rsa).map(|number| device(Keys::Rsa, ecdsa + number)));
        Ok(Self {
            devices: devices.collect::<Result<_>>()?,
            ecdsa: server(Keys::Ecdsa, "ecdsa")?,
            rsa: server(Keys::Rsa, "rsa")?,
            ca,
        })
    }

    pub fn of(&self, keys: Keys) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(move |device| device.keys == keys)
    }
}

/// A new key.
pub fn make_key(keys: Keys) -> Result<KeyPair> {
    Ok(match keys {
        Keys::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
        Keys::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
    })
}

/// TLS 1.3 with AES-128-GCM, presenting the certificate of `device`; the server must show a key of the same kind.
pub fn client(device: &Device, endpoint: &Endpoint, resumption: Resumption) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&endpoint.ca)? {
        roots.add(certificate?)?;
    }
    let provider = pki::provider();
    let inner =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OneKind { inner, keys: device.keys }))
        .with_client_auth_cert(vec![device.certificate.clone()], device.key.clone_key())
        .map_err(Error::from)?;
    config.resumption = resumption;
    Ok(Arc::new(config))
}

/// Verifies as usual, but offers signatures of one kind of key only, so that the server shows that kind.
#[derive(Debug)]
struct OneKind {
    inner: Arc<WebPkiServerVerifier>,
    keys: Keys,
}

impl ServerCertVerifier for OneKind {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self.keys {
            Keys::Ecdsa => vec![SignatureScheme::ECDSA_NISTP256_SHA256],
            Keys::Rsa => vec![SignatureScheme::RSA_PSS_SHA256],
        }
    }
}

//! Devices with certificates of many kinds, and TLS clients that can be told anything.

use std::net::SocketAddr;
use std::sync::Arc;

use adit_iot::certificate::{Certificate, Mode, Status};
use adit_iot::{CertificateId, Scope, Timestamp};
use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::bed::Bed;

/// A certificate chain and a key, which need not belong together.
#[derive(Debug, Clone)]
pub struct Device {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

impl Device {
    /// A self-signed certificate of version 3.
    pub fn new(algorithm: &'static SignatureAlgorithm) -> Device {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "dev1");
        let der = params.self_signed(&pair).unwrap().der().to_vec();
        Device { chain: vec![der.into()], key: pair.serialize_der() }
    }

    pub fn ec() -> Device {
        Device::new(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// An RSA certificate of version 1, as `openssl x509 -req` without extensions makes.
    pub fn v1() -> Device {
        let Device { chain, key } = Device::new(&rcgen::PKCS_RSA_SHA256);
        // Certificate and tbsCertificate have headers of 4 bytes; then come the version of 5 and the rest.
        let rest = &chain[0][4 + 4 + 5..];
        let mut ends = Vec::new();
        let mut at = 0;
        for _ in 0..6 {
            at += len(&rest[at..]);
            ends.push(at);
        }
        let to_be_signed = sequence(&rest[..at]);
        let algorithm = &rest[ends[0]..ends[1]];
        let signer = aws_lc_rs_rsa(&key);
        let mut bits = vec![0];
        bits.extend(signer(&to_be_signed));
        let mut whole = to_be_signed;
        whole.extend_from_slice(algorithm);
        whole.extend([3, 0x82]);
        whole.extend((bits.len() as u16).to_be_bytes());
        whole.extend(bits);
        Device { chain: vec![sequence(&whole).into()], key }
    }

    pub fn id(&self) -> CertificateId {
        use sha2::Digest as _;
        CertificateId::from_sha256(sha2::Sha256::digest(&self.chain[0]).into())
    }

    /// Registers the certificate in the account of the configuration.
    pub async fn register(&self, bed: &Bed, status: Status) -> Scope {
        let state = bed.running.state();
        let scope = Scope::new(&state.config.account, &state.config.region).unwrap();
        let now = state.now();
        let record = Certificate {
            id: self.id(),
            status,
            mode: Mode::Default,
            ca_id: None,
            pem: String::new(),
            not_before: Timestamp::from_millis(0),
            not_after: now,
            customer_version: 1,
            generation_id: "g".into(),
            created_at: now,
            updated_at: now,
        };
        assert!(state.store.certificate_create(&scope, record).await.unwrap());
        state.gate.registered(&self.id());
        scope
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap();
        Arc::new(CertifiedKey::new(self.chain.clone(), key))
    }
}

/// Bytes of the first DER value.
fn len(der: &[u8]) -> usize {
    match der[1] {
        0x82 => 4 + usize::from(u16::from_be_bytes([der[2], der[3]])),
        0x81 => 3 + usize::from(der[2]),
        short => 2 + usize::from(short),
    }
}

fn sequence(inside: &[u8]) -> Vec<u8> {
    [&[0x30, 0x82][..], &(inside.len() as u16).to_be_bytes(), inside].concat()
}

fn aws_lc_rs_rsa(pkcs8: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let key = PrivateKeyDer::try_from(pkcs8.to_vec()).unwrap();
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap();
    move |message| key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap().sign(message).unwrap()
}

/// What a client does in its handshake.
#[derive(Clone)]
pub struct Client {
    pub device: Option<Device>,
    pub alpn: Vec<&'static str>,
    pub name: &'static str,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Knows no ECDSA.
    pub rsa_only: bool,
    pub config: Option<Arc<ClientConfig>>,
}

impl Client {
    pub fn new() -> Client {
        Client {
            device: None,
            alpn: Vec::new(),
            name: "localhost",
            versions: rustls::ALL_VERSIONS.to_vec(),
            rsa_only: false,
            config: None,
        }
    }

    pub fn with(device: &Device) -> Client {
        Client { device: Some(device.clone()), ..Client::new() }
    }

    pub fn alpn(self, name: &'static str) -> Client {
        Client { alpn: vec![name], ..self }
    }

    pub fn config(&self, bed: &Bed) -> Arc<ClientConfig> {
        if let Some(config) = &self.config {
            return Arc::clone(config);
        }
        let mut roots = rustls::RootCertStore::empty();
        let ca = bed.config.node.data_dir.join("pki/ca.pem");
        for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let mut provider = aws_lc_rs::default_provider();
        if self.rsa_only {
            only_rsa(&mut provider);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.device {
            Some(device) => builder.with_client_cert_resolver(Arc::new(Always(device.certified()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.enable_sni = !self.name.is_empty();
        Arc::new(config)
    }

    pub async fn connect(&self, bed: &Bed, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(to).await?;
        let name = if self.name.is_empty() { "localhost" } else { self.name };
        let name = ServerName::try_from(name).unwrap();
        tokio_rustls::TlsConnector::from(self.config(bed)).connect(name, tcp).await
    }
}

fn only_rsa(provider: &mut CryptoProvider) {
    let all = provider.signature_verification_algorithms;
    let is_rsa = |scheme: SignatureScheme| format!("{scheme:?}").starts_with("RSA");
    let mapping: Vec<_> = all.mapping.iter().filter(|(scheme, _)| is_rsa(*scheme)).copied().collect();
    let algorithms: Vec<_> = mapping.iter().flat_map(|(_, algorithms)| algorithms.iter().copied()).collect();
    provider.signature_verification_algorithms =
        rustls::crypto::WebPkiSupportedAlgorithms { all: algorithms.leak(), mapping: mapping.leak() };
}

/// Presents its certificate whatever the server asks for, and whatever the certificate is.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

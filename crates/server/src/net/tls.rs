//! The TLS side of the listeners, exchangeable while they run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::choose::{ALPN_HTTP, ALPN_HTTP_CA, ALPN_MQTT_CA, Choice};
use crate::config::{Config, Resumption, SniMissing, SniUnknown, TlsVersion};
use crate::pki::{self, Identities, Proof};
use crate::trouble::StartError;

/// Sessions that `tls.resumption = "stateful"` keeps for each kind of connection; the oldest goes first.
const SESSIONS: usize = 32 * 1024;

/// The current TLS configurations; connections already there keep theirs.
#[derive(Debug)]
pub struct Tls {
    current: RwLock<Arc<Prepared>>,
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    resumption: Resumption,
    names: Names,
}

/// One configuration for each kind of connection.
#[derive(Debug)]
pub struct Prepared {
    web: Arc<ServerConfig>,
    mqtt: Arc<ServerConfig>,
    mqtt_by_alpn: Arc<ServerConfig>,
    data: Arc<ServerConfig>,
    data_by_alpn: Arc<ServerConfig>,
}

impl Prepared {
    /// The configuration for a choice.
    #[must_use]
    pub fn of(&self, choice: Choice) -> &Arc<ServerConfig> {
        match choice {
            Choice::Web => &self.web,
            Choice::Mqtt { alpn: false } => &self.mqtt,
            Choice::Mqtt { alpn: true } => &self.mqtt_by_alpn,
            Choice::Data { alpn: false } => &self.data,
            Choice::Data { alpn: true } => &self.data_by_alpn,
        }
    }
}

impl Tls {
    /// Starts with certificates.
    ///
    /// # Errors
    /// A certificate and its key do not belong together, or are of a kind TLS cannot use.
    pub fn new(config: &Config, identities: Identities) -> Result<Self, StartError> {
        let provider = Arc::new(provider());
        let versions: Vec<_> =
            [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)]
                .into_iter()
                .filter(|(version, _)| config.tls.versions.contains(version))
                .map(|(_, spoken)| spoken)
                .collect();
        let resumption = config.tls.resumption;
        let prepared = prepare(&provider, &versions, resumption, identities)?;
        let names = Names::new(config);
        Ok(Self { current: RwLock::new(Arc::new(prepared)), provider, versions, resumption, names })
    }

    /// Uses other certificates for connections from now on.
    ///
    /// # Errors
    /// As [`Tls::new`]; the old certificates stay.
    pub fn replace(&self, identities: Identities) -> Result<(), StartError> {
        let prepared = Arc::new(prepare(&self.provider, &self.versions, self.resumption, identities)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = prepared;
        Ok(())
    }

    /// What a new connection uses.
    #[must_use]
    pub fn current(&self) -> Arc<Prepared> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a client may ask for that host name, in lower case.
    #[must_use]
    pub fn knows(&self, name: Option<&str>) -> bool {
        self.names.allow(name)
    }
}

fn prepare(
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    resumption: Resumption,
    identities: Identities,
) -> Result<Prepared, StartError> {
    let refused = |e: rustls::Error| {
        StartError::new(
            format!("the server certificate cannot be used: {e}"),
            "check that certificate and key belong together (tls.certificate-file, tls.key-file)",
        )
    };
    let resolver = Arc::new(Resolver::new(provider, identities).map_err(refused)?);
    let proof = Arc::new(Proof::new(provider.signature_verification_algorithms));
    let make = |with_certificate: bool, alpn: &[&[u8]]| -> Result<Arc<ServerConfig>, StartError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(versions)
            .map_err(refused)?;
        let builder = if with_certificate {
            builder.with_client_cert_verifier(Arc::clone(&proof) as _)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&resolver) as _);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config.ignore_client_order = true;
        resume(&mut config, resumption).map_err(refused)?;
        Ok(Arc::new(config))
    };
    Ok(Prepared {
        // HTTP/2 has no place for the upgrade to a tunnel. spec: secure-tunneling §4.1
        web: make(false, &[ALPN_HTTP])?,
        mqtt: make(true, &[])?,
        mqtt_by_alpn: make(true, &[ALPN_MQTT_CA])?,
        data: make(true, &[])?,
        data_by_alpn: make(true, &[ALPN_HTTP_CA])?,
    })
}

/// Each configuration has sessions of its own, so that none made without a client certificate resumes where one is
/// needed. spec: mqtt-gateway §1.3
fn resume(config: &mut ServerConfig, resumption: Resumption) -> Result<(), rustls::Error> {
    match resumption {
        Resumption::Off => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            // Each ticket costs memory on both ends.
            config.send_tls13_tickets = 0;
        }
        Resumption::Stateful => {
            config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            config.send_tls13_tickets = 1;
        }
        Resumption::Tickets => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.ticketer = aws_lc_rs::Ticketer::new()?;
            config.send_tls13_tickets = 1;
        }
    }
    Ok(())
}

/// AES-128-GCM before the other suites: fewer rounds per byte than AES-256, and as safe here.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let name = format!("{:?}", suite.suite());
        (!name.starts_with("TLS13"), !name.contains("AES_128_GCM"))
    });
    provider
}

/// Chooses a certificate by what the client can verify, ECDSA first. spec: mqtt-gateway §1.3
struct Resolver(Vec<Arc<CertifiedKey>>);

impl Resolver {
    fn new(provider: &CryptoProvider, identities: Identities) -> Result<Self, rustls::Error> {
        let keys = identities.pairs.into_iter().map(|pair| {
            let key = provider.key_provider.load_private_key(pair.key)?;
            let certified = CertifiedKey::new(pair.chain, key);
            certified.keys_match()?;
            Ok(Arc::new(certified))
        });
        keys.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.0.len()).finish()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offered = hello.signature_schemes();
        self.0.iter().find(|certified| certified.key.choose_scheme(offered).is_some()).cloned()
    }
}

/// Which host names a client may ask for. spec: mqtt-gateway §1.2
#[derive(Debug)]
struct Names {
    missing: bool,
    unknown: bool,
    known: BTreeSet<String>,
}

impl Names {
    fn new(config: &Config) -> Self {
        let named = !config.endpoint.host.is_empty()
            || config.names.iter().any(|name| name.parse::<std::net::IpAddr>().is_err());
        Self {
            missing: config.sni.missing == SniMissing::Accept,
            unknown: match config.sni.unknown {
                SniUnknown::Auto => !named,
                SniUnknown::DefaultEndpoint => true,
                SniUnknown::Reject => false,
            },
            known: pki::names(config),
        }
    }

    fn allow(&self, name: Option<&str>) -> bool {
        let Some(name) = name else { return self.missing };
        let wild = || name.split_once('.').is_some_and(|(_, rest)| self.known.contains(&format!("*.{rest}")));
        self.unknown || self.known.contains(name) || wild()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aes_128_comes_first_in_both_versions() {
        let suites: Vec<String> =
            provider().cipher_suites.iter().map(|s| format!("{:?}", s.suite())).collect();
        assert_eq!(suites[0], "TLS13_AES_128_GCM_SHA256");
        let first_of_12 = suites.iter().find(|s| !s.starts_with("TLS13")).unwrap();
        assert!(first_of_12.contains("AES_128_GCM"), "{suites:?}");
    }

    #[test]
    fn unknown_names_are_refused_once_names_are_configured() {
        let mut config = Config::default();
        assert!(Names::new(&config).allow(Some("any.example")));
        config.names = vec!["10.0.0.1".into()];
        assert!(Names::new(&config).allow(Some("any.example")));
        config.names = vec!["IoT.example".into(), "*.data.example".into()];
        let names = Names::new(&config);
        for (name, allowed) in [
            (None, true),
            (Some("iot.example"), true),
            (Some("localhost"), true),
            (Some("a.data.example"), true),
            (Some("a.b.data.example"), false),
            (Some("data.example"), false),
            (Some("any.example"), false),
        ] {
            assert_eq!(names.allow(name), allowed, "{name:?}");
        }
        config.sni.unknown = SniUnknown::DefaultEndpoint;
        config.sni.missing = SniMissing::Reject;
        let names = Names::new(&config);
        assert!(names.allow(Some("any.example")));
        assert!(!names.allow(None));
    }
}

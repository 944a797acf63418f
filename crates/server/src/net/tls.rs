//! The TLS side of a listener, exchangeable while it runs.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use crate::pki::Identity;
use crate::trouble::StartError;

/// The current TLS configuration; connections already there keep theirs.
#[derive(Debug)]
pub struct Tls(RwLock<Arc<ServerConfig>>);

impl Tls {
    /// Starts with a certificate.
    ///
    /// # Errors
    /// Certificate and key do not belong together, or are of a kind TLS cannot use.
    pub fn new(identity: Identity) -> Result<Self, StartError> {
        server_config(identity).map(|config| Self(RwLock::new(Arc::new(config))))
    }

    /// Uses another certificate for connections from now on.
    ///
    /// # Errors
    /// As [`Tls::new`]; the old certificate stays.
    pub fn replace(&self, identity: Identity) -> Result<(), StartError> {
        let config = Arc::new(server_config(identity)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What a new connection uses.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn server_config(identity: Identity) -> Result<ServerConfig, StartError> {
    let refused = |e: rustls::Error| {
        StartError::new(
            format!("the server certificate cannot be used: {e}"),
            "check that certificate and key belong together (tls.certificate-file, tls.key-file)",
        )
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .map_err(refused)?;
    // HTTP/2 has no place for the tunnel's upgrade. spec: secure-tunneling §4.1
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    // No client of ours resumes a session, and each ticket costs memory on both ends.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// AES-128-GCM before the other suites: fewer rounds per tunnel byte than AES-256, and as safe here.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let name = format!("{:?}", suite.suite());
        (!name.starts_with("TLS13"), !name.contains("AES_128_GCM"))
    });
    provider
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
}

//! What the server leaves in its data folder for clients on the same machine: two files without secrets, written
//! at each start before anything is served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{Config, Serve};
use crate::files;
use crate::state::Listening;
use crate::trouble::StartError;

/// The name of the file that holds a [`Nearby`].
pub const FILE: &str = "client.json";

/// How to reach the server: read by `adit env`, `status`, `audit` and `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Nearby {
    /// URL of the API; empty when no listener serves it.
    pub endpoint: String,
    /// `host:port` of the tunnel endpoint, for `localproxy -e`.
    pub tunnel: Option<String>,
    /// `host:port` where devices speak MQTT with their certificates.
    pub mqtt: Option<String>,
    /// URL of the web console; none when no listener serves it.
    #[serde(default)]
    pub console: Option<String>,
    /// The region of the configuration.
    pub region: String,
    /// The account of the root access key.
    pub account: String,
    /// The CA that signed the server's certificate; none when the operator brought a certificate.
    pub ca: Option<PathBuf>,
    /// AWS credentials file with the root access key.
    pub credentials: PathBuf,
    /// Settings file that lets `localproxy -r REGION` find the server.
    pub settings: PathBuf,
    /// The admin socket.
    pub admin: PathBuf,
}

impl Nearby {
    /// What holds for a server with these listeners.
    #[must_use]
    pub fn new(config: &Config, listeners: &[Listening]) -> Self {
        let find = |what: Serve| {
            listeners
                .iter()
                .filter(|listener| listener.serve.contains(&what))
                // A port that serves nothing else asks for nothing else, such as ALPN.
                .max_by_key(|listener| (listener.tls, listener.serve == [what]))
        };
        let folder =
            std::path::absolute(&config.node.data_dir).unwrap_or_else(|_| config.node.data_dir.clone());
        let url = |listener: &Listening| {
            let scheme = if listener.tls { "https" } else { "http" };
            format!("{scheme}://{}", host(config, listener.address))
        };
        Self {
            endpoint: find(Serve::Api).map_or_else(String::new, url),
            console: find(Serve::Console).map(url),
            tunnel: find(Serve::Tunnel).map(|listener| host(config, listener.address)),
            mqtt: find(Serve::Mqtt).map(|listener| host(config, listener.address)),
            region: config.region.clone(),
            account: config.account.clone(),
            ca: config.tls.certificate_file.is_none().then(|| folder.join("pki/ca.pem")),
            credentials: folder.join("credentials"),
            settings: folder.join("localproxy.json"),
            admin: folder.join("admin.sock"),
        }
    }

    /// Writes the file, and the settings in the local proxy's own format (spec: secure-tunneling §5.6).
    ///
    /// # Errors
    /// The data folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StartError> {
        if let Some(tunnel) = &self.tunnel {
            let overrides = json!({ self.region.as_str(): tunnel });
            let settings = json!({ "tunneling": { "proxy": { "region_endpoint_overrides": overrides } } });
            files::write(&self.settings, files::PUBLIC, format!("{settings:#}\n").as_bytes())?;
        }
        files::write(&folder.join(FILE), files::PUBLIC, format!("{:#}\n", json!(self)).as_bytes())
    }
}

/// A name that the certificate holds and this machine reaches. An operator's certificate is for the operator's
/// names; our own is for loopback too.
fn host(config: &Config, address: SocketAddr) -> String {
    let named = config.names.iter().find(|name| !name.starts_with("*."));
    match named.filter(|_| config.tls.certificate_file.is_some()) {
        Some(name) => format!("{name}:{}", address.port()),
        None if address.ip().is_unspecified() || address.ip().is_loopback() => {
            format!("localhost:{}", address.port())
        }
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(address: &str, tls: bool, serve: &[Serve]) -> Listening {
        Listening { address: address.parse().unwrap(), tls, serve: serve.to_vec() }
    }

    #[test]
    fn the_tls_listener_is_named_before_the_plain_one() {
        let listeners = [
            listening("127.0.0.1:8080", false, &[Serve::Api]),
            listening("0.0.0.0:8883", true, &[Serve::Mqtt]),
            listening("0.0.0.0:8443", true, &[Serve::Api, Serve::Tunnel, Serve::Mqtt]),
        ];
        let nearby = Nearby::new(&Config::default(), &listeners);
        assert_eq!(nearby.endpoint, "https://localhost:8443");
        assert_eq!(nearby.tunnel.as_deref(), Some("localhost:8443"));
        assert_eq!(nearby.mqtt.as_deref(), Some("localhost:8883"));
        assert_eq!(nearby.console, None);
        let with_console = [listening("0.0.0.0:8443", true, &[Serve::Api, Serve::Console])];
        let nearby = Nearby::new(&Config::default(), &with_console);
        assert_eq!(nearby.console.as_deref(), Some("https://localhost:8443"));
    }

    #[test]
    fn an_operators_certificate_is_met_under_the_operators_name() {
        let mut config = Config::default();
        config.tls.certificate_file = Some("chain.pem".into());
        config.names = vec!["*.example.com".into(), "adit.example.com".into()];
        let nearby = Nearby::new(&config, &[listening("0.0.0.0:443", true, &[Serve::Api])]);
        assert_eq!(nearby.endpoint, "https://adit.example.com:443");
        assert_eq!((nearby.ca, nearby.tunnel), (None, None));
    }

    #[test]
    fn a_listener_on_one_address_is_met_there() {
        let nearby =
            Nearby::new(&Config::default(), &[listening("[2001:db8::1]:443", true, &[Serve::Tunnel])]);
        assert_eq!(nearby.tunnel.as_deref(), Some("[2001:db8::1]:443"));
    }
}

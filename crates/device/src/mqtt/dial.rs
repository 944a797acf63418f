//! The way to the device gateway: name, TCP, web proxy, TLS. spec: mqtt-gateway §1

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::carrier::Carrier;
use crate::dial::connect_any;
use crate::log::Log;
use crate::webproxy::{self, WebProxy};
use crate::{local, tls};

/// What a device offers by ALPN on port 443; on 8883 nothing is needed. spec: mqtt-gateway §1.1
pub const ALPN: &[u8] = b"x-amzn-mqtt-ca";

/// The port on which ALPN chooses the protocol.
pub const ALPN_PORT: u16 = 443;

/// The port of MQTT over TLS.
pub const PORT: u16 = 8883;

/// Time for the whole way, from the name to the end of the TLS handshake.
pub const WHOLE: Duration = Duration::from_secs(20);

/// Time the kernel may wait for the peer to acknowledge bytes before it gives the connection up. MQTT connections
/// say little, so that nothing is ever waiting for room.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// The stream a device speaks MQTT on.
pub type Stream = TlsStream<Carrier>;

/// Where to, and how.
pub struct Way<'a> {
    /// Host name or address; an IPv6 address without brackets. It is the SNI name and what the certificate is for.
    pub host: &'a str,
    /// 8883, or 443.
    pub port: u16,
    /// A web proxy that is asked to `CONNECT`.
    pub web_proxy: Option<&'a WebProxy>,
    /// TLS to the server, with the device's certificate and, on port 443, [`ALPN`].
    pub tls: Arc<ClientConfig>,
    /// TLS to a web proxy that wants it.
    pub proxy_tls: Arc<ClientConfig>,
}

/// Why there is no stream.
#[derive(Debug)]
pub enum Undialed {
    /// The host's name has no address.
    Name(String, io::Error),
    /// Nobody answers at the address.
    Tcp(String, io::Error),
    /// The web proxy refuses, or is none.
    Proxy(String),
    /// The handshake failed.
    Tls(String, io::Error),
    /// It took longer than [`WHOLE`].
    Slow(String),
}

impl Undialed {
    /// Whether it is the server's certificate that is not believed.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Undialed::Tls(_, error) if tls::detail(error).is_some())
    }
}

impl fmt::Display for Undialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undialed::Name(host, error) => write!(f, "the name {host} has no address: {}", tls::plain(error)),
            Undialed::Tcp(place, error) => write!(f, "no connection to {place}: {}", tls::plain(error)),
            Undialed::Proxy(text) => f.write_str(text),
            Undialed::Tls(place, error) => match tls::detail(error) {
                Some(detail) => write!(f, "the certificate of {place} is not trusted: {detail}"),
                None => write!(f, "no TLS with {place}: {}", tls::reason(error)),
            },
            Undialed::Slow(place) => write!(f, "no connection to {place} within {} s", WHOLE.as_secs()),
        }
    }
}

impl Way<'_> {
    /// Tries once.
    ///
    /// # Errors
    /// See [`Undialed`].
    pub async fn dial(&self, log: Log) -> Result<Stream, Undialed> {
        let slow = |_| Err(Undialed::Slow(place(self.host, self.port)));
        timeout(WHOLE, self.attempt(log)).await.unwrap_or_else(slow)
    }

    async fn attempt(&self, log: Log) -> Result<Stream, Undialed> {
        let carrier = match self.web_proxy {
            None => Carrier::tcp(tcp(self.host, self.port).await?),
            Some(proxy) => self.through(proxy, log).await?,
        };
        handshake(self.tls.clone(), carrier.small(), self.host, self.port).await
    }

    async fn through(&self, proxy: &WebProxy, log: Log) -> Result<Carrier, Undialed> {
        let stream = tcp(&proxy.host, proxy.port).await?;
        let mut carrier = if proxy.is_tls {
            let stream = handshake(self.proxy_tls.clone(), stream, &proxy.host, proxy.port).await?;
            Carrier::tls(stream)
        } else {
            Carrier::tcp(stream)
        };
        webproxy::connect(&mut carrier, proxy, self.host, self.port, log).await.map_err(Undialed::Proxy)?;
        Ok(carrier)
    }
}

/// `host:port` as people write it.
pub fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, Undialed> {
    let addresses: Vec<SocketAddr> =
        local::resolve(host, port).await.map_err(|error| Undialed::Name(host.to_owned(), error))?;
    let stream = connect_any(&addresses).await.map_err(|error| Undialed::Tcp(place(host, port), error))?;
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    Ok(stream)
}

async fn handshake<S>(
    config: Arc<ClientConfig>,
    stream: S,
    host: &str,
    port: u16,
) -> Result<TlsStream<S>, Undialed>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let failed = |error| Undialed::Tls(place(host, port), error);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| failed(io::Error::other(format!("{host} is not a host name or address"))))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(failed)
}

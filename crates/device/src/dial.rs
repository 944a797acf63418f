//! From nothing to an upgraded WebSocket: name, TCP, web proxy, TLS, upgrade; and the lines a user reads.
//! (spec: secure-tunneling §5.4, §5.7)

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::Version;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::carrier::Carrier;
use crate::config::{Config, Trust};
use crate::log::Log;
use crate::webproxy::{self, WebProxy};
use crate::ws::{self, Answer, Upgrade};
use crate::{local, tls};

/// The stream the tunnel runs on.
pub type Wire = TlsStream<Carrier>;

/// Bytes the kernel may hold unsent before the socket counts as full. Everything of a tunnel shares the socket, and
/// a keystroke would wait behind the megabytes that the kernel takes otherwise.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// Time for one address to take a TCP connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Time for the whole way from TCP to the upgrade.
const WHOLE: Duration = Duration::from_secs(30);

/// A WebSocket that is up.
pub struct Upgraded {
    /// The stream.
    pub wire: Wire,
    /// What the server sent right behind its answer.
    pub first: Vec<u8>,
    /// The subprotocol it chose.
    pub version: Version,
}

/// Why there is no WebSocket. The log has said it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// The server said no for good (4xx).
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body of the answer, on one line.
        text: String,
    },
    /// Trying again may help. What failed, as the log has it.
    Failed(String),
}

/// Builds and keeps what does not change from one dial to the next.
pub struct Dialer<'a> {
    config: &'a Config,
    log: Log,
    tls: Option<Arc<ClientConfig>>,
}

impl<'a> Dialer<'a> {
    /// A dialer for the server of a configuration.
    pub fn new(config: &'a Config, log: Log) -> Dialer<'a> {
        Dialer { config, log, tls: None }
    }

    /// Tries once to get a WebSocket.
    ///
    /// # Errors
    /// See [`Undone`].
    pub async fn dial(&mut self) -> Result<Upgraded, Undone> {
        let Config { host, port, .. } = self.config;
        self.log.info(format_args!(
            "Attempting to establish web socket connection with endpoint {}",
            url(host, *port)
        ));
        let result = timeout(WHOLE, self.attempt()).await;
        if let Ok(result) = result {
            return result;
        }
        let seconds = WHOLE.as_secs();
        Err(self.failed(format_args!("Could not connect to proxy server: no answer in {seconds} s")))
    }

    /// Says what failed; trying again may help.
    fn failed(&self, what: impl fmt::Display) -> Undone {
        self.log.error(&what);
        Undone::Failed(what.to_string())
    }

    async fn attempt(&mut self) -> Result<Upgraded, Undone> {
        let config = self.config;
        let carrier = match &config.web_proxy {
            Some(proxy) => self.through(proxy).await?,
            None => {
                let stream = self.tcp(&config.host, config.port, "proxy server IP", "proxy server").await?;
                self.log.debug("Connected successfully with proxy server");
                Carrier::tcp(stream)
            }
        };
        let mut wire = self.handshake(carrier, &config.host, "proxy server").await?;
        self.upgrade(&mut wire).await.map(|(first, version)| Upgraded { wire, first, version })
    }

    async fn through(&mut self, proxy: &WebProxy) -> Result<Carrier, Undone> {
        let stream = self.tcp(&proxy.host, proxy.port, "Web proxy IP", "Web proxy").await?;
        self.log.debug("Connected successfully with Web Proxy");
        let mut carrier = if proxy.is_tls {
            Carrier::tls(self.handshake(stream, &proxy.host, "Web proxy").await?)
        } else {
            Carrier::tcp(stream)
        };
        let Config { host, port, .. } = self.config;
        let asked = webproxy::connect(&mut carrier, proxy, host, *port, self.log).await;
        asked.map_err(|why| self.failed(why))?;
        Ok(carrier)
    }

    async fn tcp(&self, host: &str, port: u16, what: &str, whom: &str) -> Result<TcpStream, Undone> {
        self.log.trace(format_args!("Resolving {whom} host: {host}"));
        let addresses = local::resolve(host, port).await.map_err(|error| {
            let whom = if whom == "proxy server" { "proxy host" } else { whom };
            let why = tls::plain(&error);
            self.failed(format_args!("Could not resolve DNS hostname of {whom}: {host} - {why}"))
        })?;
        if let Some(first) = addresses.first() {
            self.log.debug(format_args!("Resolved {what}: {}", first.ip()));
        }
        connect_any(&addresses)
            .await
            .map_err(|error| self.failed(format_args!("Could not connect to {whom}: {}", tls::plain(&error))))
    }

    async fn handshake<S>(&mut self, io: S, host: &str, whom: &str) -> Result<TlsStream<S>, Undone>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let log = self.log;
        log.trace(format_args!("Performing SSL handshake with {whom}"));
        let config = match &self.tls {
            Some(config) => config.clone(),
            None => {
                self.trust().map_err(|error| self.failed(format_args!("Could not set up TLS: {error}")))?
            }
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| self.failed(format_args!("Not a host name or address: {host}")))?;
        match TlsConnector::from(config.clone()).connect(name, io).await {
            Ok(stream) => {
                log.debug(format_args!("Successfully completed SSL handshake with {whom}"));
                self.tls = Some(config);
                Ok(stream)
            }
            Err(error) => {
                self.tls = None;
                let why = tls::reason(&error);
                let failed = self.failed(format_args!("Could not perform SSL handshake with {whom}: {why}"));
                if let Some(detail) = tls::detail(&error) {
                    log.debug(detail);
                }
                Err(failed)
            }
        }
    }

    fn trust(&self) -> Result<Arc<ClientConfig>, String> {
        match &self.config.trust {
            Trust::System { capath, verify } => {
                tls::client(capath.as_deref(), *verify, self.log).map_err(|error| error.to_string())
            }
            Trust::Made(make) => make(),
        }
    }

    async fn upgrade(&self, wire: &mut Wire) -> Result<(Vec<u8>, Version), Undone> {
        let (config, log) = (self.config, self.log);
        let fail = |why: &str| self.failed(format_args!("Could not upgrade to a web socket: {why}"));
        let key = ws::key().map_err(|why| fail(&why))?;
        let accept = ws::accept_of(&key);
        let upgrade = Upgrade {
            host: &config.host,
            port: config.port,
            side: config.side,
            subprotocol: &config.settings.subprotocol,
            access_token: &config.access_token,
            client_token: &config.client_token,
            key,
        };
        log.trace("Performing websocket handshake with proxy server");
        log.trace(format_args!("Web socket upgrade request:\n{}", upgrade.masked().trim_end()));
        let answer = ws::exchange(wire, &upgrade.request()).await.map_err(|why| fail(&why))?;
        log.trace(format_args!("Web socket upgrade response:\n{}", answer.head));
        if answer.status != 101 {
            return Err(self.refused(&answer));
        }
        if answer.header("sec-websocket-accept") != Some(accept.as_str()) {
            return Err(fail("the answer's sec-websocket-accept is wrong"));
        }
        let name = answer.header("sec-websocket-protocol").unwrap_or_default();
        let version = Version::of_subprotocol(name)
            .ok_or_else(|| fail("the answer names no subprotocol of secure tunneling"))?;
        self.welcome(&answer, name);
        Ok((answer.rest, version))
    }

    fn refused(&self, answer: &Answer) -> Undone {
        self.log.error(format_args!(
            "Proxy server rejected web socket upgrade request: ({}) \"{}\"",
            answer.status_line(),
            answer.body()
        ));
        if let Some(id) = answer.header("channel-id") {
            self.log.error(format_args!("Failed web socket session ID: {id}"));
        }
        match answer.status {
            400..=499 => Undone::Refused { status: answer.status, text: one_line(&answer.body()) },
            status => Undone::Failed(format!("the server answered {status}: {}", one_line(&answer.body()))),
        }
    }

    fn welcome(&self, answer: &Answer, subprotocol: &str) {
        let Config { host, port, settings, .. } = self.config;
        let id = answer.header("channel-id").unwrap_or_default();
        self.log.info(format_args!("Web socket session ID: {id}"));
        self.log.debug(format_args!("Web socket subprotocol selected: {subprotocol}"));
        self.log.info(format_args!(
            "Successfully established websocket connection with proxy server: {}",
            url(host, *port)
        ));
        self.log.debug(format_args!(
            "Setting up web socket pings for every {} milliseconds",
            settings.ping_period.as_millis()
        ));
    }
}

/// Text of a stranger for one line of a log.
fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

fn url(host: &str, port: u16) -> String {
    if host.contains(':') { format!("wss://[{host}]:{port}") } else { format!("wss://{host}:{port}") }
}

/// Connects to the first address that answers.
pub(crate) async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                #[cfg(target_os = "linux")]
                let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "Connection timed out"),
        }
    }
    Err(last)
}

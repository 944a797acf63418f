//! HTTP/1.1 over TCP, TLS, a web proxy or a Unix socket: connections that are kept and used again.

use crate::exit::{Failure, Result};
use adit_device::log::Log;
use adit_device::webproxy::{self, WebProxy};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Bytes of an answer that are read at most.
const ANSWER_LIMIT: usize = 16 << 20;
/// Time to get a connection, and time for an exchange on a connection of its own.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Connections kept at most; there are six services.
const KEPT: usize = 6;

/// Whatever a connection is made of.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// What an `http://` or `https://` URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
}

impl Target {
    /// Reads `http(s)://HOST[:PORT]`, with at most a slash behind it.
    pub fn parse(url: &str) -> Result<Target> {
        let wrong = |why: &str| Failure::usage(format!("{url}: {why}; expected https://HOST[:PORT]"));
        let found = url.strip_prefix("https://").map(|rest| (true, rest));
        let found = found.or_else(|| url.strip_prefix("http://").map(|rest| (false, rest)));
        let (tls, rest) = found.ok_or_else(|| wrong("not an http:// or https:// URL"))?;
        let place = rest.strip_suffix('/').unwrap_or(rest);
        if place.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("an endpoint has neither a path nor a user"));
        }
        let (host, port) =
            match place.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']')) {
                Some((host, port)) => {
                    (host, Some(port.parse().map_err(|_| wrong("the port is no number up to 65535"))?))
                }
                None => (place, None),
            };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Target { tls, host, port: port.unwrap_or(if tls { 443 } else { 80 }) })
    }

    /// Host and port for the `host` header: without the port that the scheme means.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

/// The web proxies of the environment: `https_proxy` or `HTTPS_PROXY`, and whom `no_proxy` or `NO_PROXY` leaves out.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<WebProxy>,
    direct: Vec<String>,
}

impl Proxies {
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Proxies> {
        let either = |lower: &str, upper: &str| variable(lower).or_else(|| variable(upper));
        let https = either("https_proxy", "HTTPS_PROXY").map(|url| webproxy::parse(&url)).transpose();
        let https =
            https.map_err(|why| Failure::usage(format!("HTTPS_PROXY: {why}; expected http://HOST:PORT")))?;
        let direct = either("no_proxy", "NO_PROXY").unwrap_or_default();
        let direct = direct.split(',').map(|name| name.trim().trim_start_matches('.').to_ascii_lowercase());
        Ok(Proxies { https, direct: direct.filter(|name| !name.is_empty()).collect() })
    }

    /// The proxy on the way to a target; an entry of `NO_PROXY` means a name, with or without port, and names below it.
    pub fn on_the_way(&self, target: &Target) -> Option<&WebProxy> {
        let host = target.host.to_ascii_lowercase();
        let means = |entry: &String| {
            let entry = match entry.rsplit_once(':').filter(|(name, _)| !name.contains(':')) {
                Some((name, port)) if port == target.port.to_string() => name,
                Some(_) => return false,
                None => entry,
            };
            entry == "*" || host == entry || host.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.'))
        };
        self.https.as_ref().filter(|_| target.tls && !self.direct.iter().any(means))
    }
}

/// Whose certificates are believed: those in a file, or those that the system trusts.
pub fn trust(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let broken = |error: &dyn fmt::Display| {
        Failure::usage(format!("{}: {error}; expected a PEM file with CA certificates", path.display()))
    };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| broken(&error))? {
        roots.add(certificate.map_err(|error| broken(&error))?).map_err(|error| broken(&error))?;
    }
    if roots.is_empty() { Err(broken(&"it holds no certificate")) } else { Ok(roots) }
}

/// TLS with the certificate and key in two PEM files.
pub fn tls_as(
    roots: RootCertStore,
    cert: &Path,
    key: &Path,
    alpn: Option<&[u8]>,
) -> Result<Arc<ClientConfig>> {
    let broken = |path: &Path, error: &dyn fmt::Display| {
        Failure::usage(format!("{}: {error}; expected a PEM file", path.display()))
    };
    let chain =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| broken(cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| broken(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, secret))
        .map_err(|error| broken(cert, &error))?;
    config.alpn_protocols.extend(alpn.map(<[u8]>::to_vec));
    Ok(Arc::new(config))
}

/// TLS as a client without a certificate.
pub fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
        .map_err(|error| Failure::failed(format!("TLS: {error}")))
}

/// An exchange that did not come to its end.
pub struct Lost {
    pub failure: Failure,
    /// Whether the server can have seen the request.
    pub was_sent: bool,
}

/// Makes connections, and keeps them for the next request.
pub struct Client {
    ca: Option<PathBuf>,
    proxies: Proxies,
    tls: OnceLock<Arc<ClientConfig>>,
    kept: Mutex<Vec<(Target, SendRequest<Full<Bytes>>)>>,
}

impl Client {
    pub fn new(ca: Option<PathBuf>, proxies: Proxies) -> Client {
        Client { ca, proxies, tls: OnceLock::new(), kept: Mutex::new(Vec::new()) }
    }

    /// With TLS that is set up already.
    pub fn over(tls: Arc<ClientConfig>, proxies: Proxies) -> Client {
        Client { ca: None, proxies, tls: OnceLock::from(tls), kept: Mutex::new(Vec::new()) }
    }

    /// Sends a request on a connection that is there, or on a new one, and reads the whole answer.
    pub async fn send(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> std::result::Result<Response<Bytes>, Lost> {
        let unsent = |failure| Lost { failure, was_sent: false };
        let request = match self.take(target).await {
            None => request,
            Some(mut sender) => match sender.try_send_request(request).await {
                Ok(answer) => return self.finish(target, sender, answer).await,
                Err(mut error) => match error.take_message() {
                    Some(request) => request,
                    None => return Err(lost(target, &error.into_error())),
                },
            },
        };
        let wire = self.connect(target).await.map_err(unsent)?;
        let (mut sender, connection) =
            handshake(TokioIo::new(wire)).await.map_err(|error| lost(target, &error))?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| lost(target, &error))?;
        self.finish(target, sender, answer).await
    }

    async fn take(&self, target: &Target) -> Option<SendRequest<Full<Bytes>>> {
        let mut kept = self.kept.lock().await;
        kept.retain(|(_, sender)| !sender.is_closed());
        let at = kept.iter().position(|(other, sender)| other == target && sender.is_ready())?;
        Some(kept.swap_remove(at).1)
    }

    async fn finish(
        &self,
        target: &Target,
        sender: SendRequest<Full<Bytes>>,
        answer: Response<hyper::body::Incoming>,
    ) -> std::result::Result<Response<Bytes>, Lost> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| lost(target, &error))?;
        let mut kept = self.kept.lock().await;
        if kept.len() < KEPT {
            kept.push((target.clone(), sender));
        }
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// A connection to a target, through the web proxy on the way and with TLS where the URL says https.
    pub async fn connect(&self, target: &Target) -> Result<Box<dyn Wire>> {
        match timeout(TIMEOUT, self.attempt(target)).await {
            Ok(result) => result,
            Err(_) => Err(unreachable(target, "no connection in 10 s")),
        }
    }

    async fn attempt(&self, target: &Target) -> Result<Box<dyn Wire>> {
        let wire: Box<dyn Wire> = match self.proxies.on_the_way(target) {
            None => {
                Box::new(tcp(&target.host, target.port).await.map_err(|error| unreachable(target, &error))?)
            }
            Some(proxy) => self.through(proxy, target).await?,
        };
        if !target.tls {
            return Ok(wire);
        }
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| Failure::usage(format!("{target}: not a host name or address")))?;
        let connector = tokio_rustls::TlsConnector::from(self.tls()?);
        let stream = connector.connect(name, wire).await;
        Ok(Box::new(stream.map_err(|error| unreachable(target, &error.to_string()))?))
    }

    async fn through(&self, proxy: &WebProxy, target: &Target) -> Result<Box<dyn Wire>> {
        let place = format!("the web proxy {}:{} of HTTPS_PROXY", proxy.host, proxy.port);
        let failed = |error: &str| unreachable(target, &format!("{place}: {error}"));
        let mut wire: Box<dyn Wire> =
            Box::new(tcp(&proxy.host, proxy.port).await.map_err(|error| failed(&error))?);
        if proxy.is_tls {
            let name =
                ServerName::try_from(proxy.host.clone()).map_err(|error| failed(&error.to_string()))?;
            let connector = tokio_rustls::TlsConnector::from(tls(trust(None)?)?);
            wire = Box::new(connector.connect(name, wire).await.map_err(|error| failed(&error.to_string()))?);
        }
        let asked = webproxy::connect(&mut wire, proxy, &target.host, target.port, Log::new(0)).await;
        asked.map_err(|why| failed(&why))?;
        Ok(wire)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let made = tls(trust(self.ca.as_deref())?)?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

async fn tcp(host: &str, port: u16) -> std::result::Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn lost(target: &Target, error: &dyn fmt::Display) -> Lost {
    let failure = Failure::unreachable(format!("{target}: the connection was lost: {error}"));
    Lost { failure: failure.next("look at the server, or at a proxy in between"), was_sent: true }
}

fn unreachable(target: &Target, why: &str) -> Failure {
    Failure::unreachable(format!("{target} does not answer: {why}")).next(advice(why))
}

/// What to do about a connection that did not come up.
pub fn advice(why: &str) -> &'static str {
    if why.contains("NotValidForName") {
        "use the server's own name, or add this one to `names` in its configuration and restart it"
    } else if why.contains("UnknownIssuer") {
        "name the CA that signed the server's certificate with --ca-bundle or AWS_CA_BUNDLE; adit's own is \
         DATA_DIR/pki/ca.pem"
    } else if why.contains("Expired") || why.contains("NotValidYet") {
        "compare the clocks of both machines, then look at the certificate's dates"
    } else if why.contains("refused HTTP CONNECT") {
        "ask whoever runs the web proxy, or leave the host out with NO_PROXY"
    } else if why.contains("refused") {
        "nothing listens there: is the server running, is the port right?"
    } else if why.contains("lookup") {
        "check the name, and add it to DNS or /etc/hosts"
    } else if why.contains("InvalidContentType") || why.contains("corrupt message") {
        "that port does not speak TLS: use http:// or another port"
    } else {
        "look for a firewall or proxy in between"
    }
}

/// Sends one request on a connection of its own and reads the whole answer.
pub async fn exchange(wire: impl Wire + 'static, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
    let lost = |error: &dyn fmt::Display| Failure::unreachable(format!("the connection was lost: {error}"));
    let exchange = async {
        let (mut sender, connection) = handshake(TokioIo::new(wire)).await.map_err(|error| lost(&error))?;
        let connection = tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.map_err(|error| lost(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| lost(&error))?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(head, body))
    };
    timeout(TIMEOUT, exchange).await.map_err(|_| lost(&"no answer in 10 s"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_port_means_the_usual_one() {
        for (url, tls, host, port, authority) in [
            ("https://adit.example:8443/", true, "adit.example", 8443, "adit.example:8443"),
            ("https://adit.example", true, "adit.example", 443, "adit.example"),
            ("http://[::1]", false, "::1", 80, "[::1]"),
            ("http://[::1]:8080", false, "::1", 8080, "[::1]:8080"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target, Target { tls, host: host.to_owned(), port });
            assert_eq!(target.authority(), authority);
        }
        for url in
            ["adit.example:8443", "https://", "https://a/b", "https://u@a", "https://a:b", "https://a:70000"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn names_in_no_proxy_and_below_are_reached_directly() {
        let proxies = |no_proxy: &str| {
            let no_proxy = no_proxy.to_owned();
            Proxies::of(&move |name: &str| match name {
                "HTTPS_PROXY" => Some("http://proxy:3128".to_owned()),
                "NO_PROXY" => Some(no_proxy.clone()),
                _ => None,
            })
            .unwrap()
        };
        let goes =
            |no_proxy: &str, url: &str| proxies(no_proxy).on_the_way(&Target::parse(url).unwrap()).is_some();
        assert!(goes("", "https://a.example"));
        assert!(!goes("", "http://a.example"), "only https goes through HTTPS_PROXY");
        assert!(!goes("x, .example", "https://a.example"));
        assert!(!goes("EXAMPLE", "https://a.example"));
        assert!(goes("ample", "https://a.example"));
        assert!(!goes("a.example:8443", "https://a.example:8443"));
        assert!(goes("a.example:443", "https://a.example:8443"));
        assert!(!goes("*", "https://a.example"));
        assert!(!goes("::1", "https://[::1]:8443"));
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_named() {
        let failure =
            Proxies::of(&|name: &str| (name == "https_proxy").then(|| "gopher://x".to_owned())).unwrap_err();
        assert!(failure.to_string().contains("HTTPS_PROXY"), "{failure}");
    }
}

//! A server of one's own, and a client that can send anything.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adit_aws::{Request, Service, Signer, sign};
use adit_server::clock::Clock;
use adit_server::config::{Config, Listen, Serve};
use adit_server::ids::Ids;
use adit_server::{Running, Server};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Bed {
    pub running: Running,
    pub config: Config,
    pub clock: Clock,
    pub dir: Arc<TempDir>,
}

/// A configuration on free ports: plain (API and tunnels), TLS (the same), metrics.
pub fn config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.node.data_dir = dir.to_owned();
    let any = "127.0.0.1:0".parse().unwrap();
    let listen =
        |tls| Listen { address: any, tls, serve: vec![Serve::Api, Serve::Tunnel], allow_plain_remote: false };
    config.listen = vec![listen(false), listen(true)];
    config.metrics.address = Some(any);
    config
}

impl Bed {
    pub async fn new() -> Bed {
        Bed::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Bed {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut config = config(dir.path());
        change(&mut config);
        Bed::start(dir, config, now_clock()).await
    }

    pub async fn start(dir: Arc<TempDir>, config: Config, clock: Clock) -> Bed {
        let running = Server::start_with(config.clone(), clock.clone(), Ids::Real).await.unwrap();
        Bed { running, config, clock, dir }
    }

    /// Ends the server and starts it again in the same folder.
    pub async fn restart(self) -> Bed {
        let Bed { running, config, clock, dir } = self;
        running.end().await;
        Bed::start(dir, config, clock).await
    }

    pub fn plain(&self) -> SocketAddr {
        self.running.listeners()[0].address
    }

    pub fn tls(&self) -> SocketAddr {
        self.running.listeners()[1].address
    }

    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        exchange(TcpStream::connect(self.plain()).await.unwrap(), request.as_ref()).await
    }

    /// The answer to a HEAD request, which has no body whatever its length says.
    pub async fn head(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.plain()).await.unwrap();
        let request = format!("HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        stream.read_to_string(&mut head).await.unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        Answer { status, head, body: String::new() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }

    /// A signed call of the tunneling API.
    pub async fn tunneling(&self, operation: &str, input: Value) -> Answer {
        let target = format!("x-amz-target: IoTSecuredTunneling.{operation}");
        self.signed(Service::Tunneling, "POST", "/", &[&target], &input.to_string()).await
    }

    pub async fn signed(
        &self,
        service: Service,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        let (id, secret) = self.key();
        let who = Signer {
            key_id: &id,
            secret: &secret,
            session_token: None,
            region: "us-east-1",
            service: service.signing_name(),
            now: self.clock.now_ms() / 1000,
        };
        self.signed_by(&who, method, path, headers, body).await
    }

    pub async fn signed_by(
        &self,
        who: &Signer<'_>,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        self.send(signed(who, method, path, headers, body)).await
    }

    /// The first access key, as a user finds it.
    pub fn key(&self) -> (String, String) {
        let text = std::fs::read_to_string(self.config.node.data_dir.join("credentials")).unwrap();
        let value = |name: &str| {
            text.lines().filter_map(|l| l.split_once(" = ")).find(|(k, _)| *k == name).unwrap().1.to_owned()
        };
        (value("aws_access_key_id"), value("aws_secret_access_key"))
    }

    /// Opens a tunnel; gives its id, the source's token and the destination's.
    pub async fn open(&self) -> (String, String, String) {
        let answer = self.tunneling("OpenTunnel", serde_json::json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        (text("tunnelId"), text("sourceAccessToken"), text("destinationAccessToken"))
    }

    /// Joins a tunnel on the plain listener; the connection stays open.
    pub async fn join(&self, side: &str, token: &str, more: &str) -> (TcpStream, Answer) {
        let mut stream = TcpStream::connect(self.plain()).await.unwrap();
        stream.write_all(upgrade(side, token, more).as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        (stream, answer)
    }

    pub async fn describe(&self, id: &str) -> Value {
        let answer = self.tunneling("DescribeTunnel", serde_json::json!({ "tunnelId": id })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["tunnel"].clone()
    }

    /// Asks until `wanted` is true.
    pub async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let tunnel = self.describe(id).await;
            if wanted(&tunnel) {
                return tunnel;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {tunnel}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks the admin socket.
    pub async fn admin(&self, method: &str, path: &str) -> Answer {
        let socket =
            tokio::net::UnixStream::connect(self.config.node.data_dir.join("admin.sock")).await.unwrap();
        exchange(
            socket,
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await
    }

    pub async fn metrics(&self) -> String {
        let stream = TcpStream::connect(self.running.metrics_address().unwrap()).await.unwrap();
        exchange(stream, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.body
    }

    pub async fn audit(&self) -> Vec<Value> {
        self.admin("GET", "/audit").await.json()["rows"].as_array().unwrap().clone()
    }
}

pub fn now_clock() -> Clock {
    Clock::manual(Clock::Real.now_ms())
}

/// A signed request as text.
pub fn signed(who: &Signer<'_>, method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut builder = http::Request::builder().method(method).uri(path).header("host", "localhost");
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    let (head, ()) = builder.body(()).unwrap().into_parts();
    let made = sign(&Request::new(&head, body.as_bytes()), who).unwrap();
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in head.headers.iter().chain(made.iter().map(|(n, v)| (n, v))) {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text + "\r\n" + body
}

/// An upgrade request as AWS's local proxy sends it; `more` holds further header lines.
pub fn upgrade(side: &str, token: &str, more: &str) -> String {
    format!(
        "GET /tunnel?local-proxy-mode={side} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0\r\naccess-token: {token}\r\n{more}\r\n"
    )
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|l| l.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|h| h.1)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Answer {
    stream.write_all(request).await.unwrap();
    read_answer(&mut stream).await
}

/// Reads one answer and not a byte more.
pub async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Answer {
    tokio::time::timeout(PATIENCE, async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                stream
                    .read_u8()
                    .await
                    .unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&head))),
            );
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |l| l.parse().unwrap());
        let mut body = vec![0; if status == 101 { 0 } else { length }];
        stream.read_exact(&mut body).await.unwrap();
        Answer { body: String::from_utf8(body).unwrap(), ..answer }
    })
    .await
    .expect("an answer in time")
}

/// A TLS connection that trusts the server's own CA.
pub async fn tls(
    bed: &Bed,
    name: &str,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, std::io::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let ca = bed.config.node.data_dir.join("pki/ca.pem");
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(bed.tls()).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, tcp).await
}

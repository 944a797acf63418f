//! A server for one local proxy: TLS and the upgrade by hand, WebSocket framing by another implementation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::frame::{self, Split};
use adit_tunnel::message::{Message, Type};
use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_websockets::{ServerBuilder, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub listener: TcpListener,
    pub port: u16,
    acceptor: TlsAcceptor,
    dir: TempDir,
}

pub type Stream = TlsStream<TcpStream>;

impl Server {
    pub async fn start() -> Server {
        Server::on("127.0.0.1:0").await
    }

    pub async fn on(address: &str) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca_certificate.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let certificate =
            CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        Server { listener, port, acceptor: TlsAcceptor::from(Arc::new(config)), dir }
    }

    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub fn ca(&self) -> String {
        self.dir.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    pub fn endpoint(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// A settings file with short delays.
    pub fn settings(&self) -> String {
        let path = self.dir.path().join("settings.json");
        let text = r#"{"tunneling":{"proxy":{
            "tcp":{"connection_retry_count":2,"connection_retry_delay_ms":50},
            "websocket":{"retry_delay_ms":50,"ping_period_ms":200}}}}"#;
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Takes a connection, does the TLS handshake if it can be done, and reads the request.
    pub async fn request(&self) -> (Stream, String) {
        let patience = timeout(PATIENCE, async {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                if let Ok(stream) = self.acceptor.accept(stream).await {
                    return read_request(stream).await;
                }
            }
        });
        patience.await.expect("nobody connected")
    }

    pub async fn refuse(&self, status: &str, body: &str) -> String {
        let (mut stream, request) = self.request().await;
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nchannel-id: 7\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        request
    }

    /// Takes a connection and upgrades it; the first message announces the services.
    pub async fn link(&self, services: &[&str]) -> (Link, String) {
        let (mut stream, request) = self.request().await;
        let key = header(&request, "sec-websocket-key");
        let accept = adit_device::ws::accept_of(&key);
        let text = format!(
            "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\nConnection: upgrade\r\n\
             channel-id: 01234567890abc23-00001234-0005678a-b1234c5de677a001-2bc3d456\r\n\
             upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\
             sec-websocket-protocol: aws.iot.securetunneling-3.0\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut link = Link { socket: ServerBuilder::new().serve(stream), bytes: Vec::new() };
        link.send(&Message::announcing(services)).await;
        (link, request)
    }
}

async fn read_request(mut stream: Stream) -> (Stream, String) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(request).unwrap())
}

pub fn header(request: &str, name: &str) -> String {
    let found = request.lines().find_map(|line| {
        line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.unwrap_or_else(|| panic!("no {name} in {request}")).to_owned()
}

/// The server's end of a WebSocket.
pub struct Link {
    pub socket: WebSocketStream<Stream>,
    bytes: Vec<u8>,
}

pub fn about(kind: Type, stream: u32, service: &str, connection: u32) -> Message {
    Message::of_stream(kind, stream, service, connection)
}

pub fn data(stream: u32, service: &str, connection: u32, payload: &[u8]) -> Message {
    Message { payload: payload.to_vec(), ..about(Type::Data, stream, service, connection) }
}

impl Link {
    pub async fn send(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        assert!(frame::put(&mut bytes, message));
        self.socket.send(tokio_websockets::Message::binary(bytes)).await.unwrap();
    }

    /// The next WebSocket message; `None` when the peer is gone.
    pub async fn raw(&mut self) -> Option<tokio_websockets::Message> {
        timeout(PATIENCE, self.socket.next()).await.expect("nothing came")?.ok()
    }

    /// The next tunnel message. Every binary message must hold exactly one.
    pub async fn receive(&mut self) -> Message {
        loop {
            let message = self.raw().await.expect("the local proxy is gone");
            if !message.is_binary() {
                continue;
            }
            self.bytes.clear();
            self.bytes.extend_from_slice(message.as_payload());
            let Ok(Split::Whole(len)) = frame::split(&self.bytes) else { panic!("no whole frame") };
            assert_eq!(len + 2, self.bytes.len(), "one frame in one message");
            return Message::decode(&self.bytes[2..]).unwrap();
        }
    }

    /// Payload of one connection until so many bytes have come.
    pub async fn receive_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let message = self.receive().await;
            assert_eq!(message.kind, Type::Data);
            bytes.extend_from_slice(&message.payload);
        }
        bytes
    }

    pub async fn close(&mut self, reason: &str) {
        let close =
            tokio_websockets::Message::close(Some(tokio_websockets::CloseCode::NORMAL_CLOSURE), reason);
        self.socket.send(close).await.unwrap();
    }
}

//! From a TCP connection to a TLS one: the ClientHello is read first, because it decides whether a client certificate
//! is asked for. spec: mqtt-gateway §1.1

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{Accepted, Acceptor};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::choose::{Choice, Unfit, choose};
use super::stream::Stream;
use super::tls::Tls;
use super::turns::Turns;
use crate::config::Serve;

/// Bytes of the largest ClientHello; browsers with post-quantum keys send about 2,000.
const HELLO: usize = 16 * 1024;

/// A connection after its handshake.
pub struct Secured {
    /// The connection.
    pub stream: Box<TlsStream<TcpStream>>,
    /// What it is for.
    pub choice: Choice,
    /// The host name the client asked for, in lower case.
    pub sni: Option<String>,
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub struct Failed {
    /// A fixed word for metrics: `failed`, `refused`, `timeout`, `stalled` or `left`.
    pub result: &'static str,
    /// The host name the client asked for, as far as it is known.
    pub sni: Option<String>,
    /// What went wrong, for people.
    pub text: String,
}

impl Failed {
    fn new(result: &'static str, text: impl Into<String>) -> Self {
        Self { result, sni: None, text: text.into() }
    }
}

/// Does the handshake within `limit`, in its turn.
///
/// # Errors
/// [`Failed`] says why there is no connection; the peer has been told by an alert where TLS has one.
pub async fn shake(
    tls: &Tls,
    serve: &[Serve],
    turns: &Arc<Turns>,
    tcp: TcpStream,
    limit: Duration,
) -> Result<Secured, Failed> {
    let all = async {
        // A peer that says nothing takes no turn.
        tcp.readable().await.map_err(left)?;
        let turn = turns.take().await;
        tokio::select! {
            result = hello_and_rest(tls, serve, tcp) => result,
            () = turn.lost() => Err(Failed::new("stalled", "the client stalled while others waited for their handshakes")),
        }
    };
    let late = || Failed::new("timeout", format!("the client did not finish its handshake within {limit:?}"));
    tokio::time::timeout(limit, all).await.unwrap_or_else(|_| Err(late()))
}

async fn hello_and_rest(tls: &Tls, serve: &[Serve], mut tcp: TcpStream) -> Result<Secured, Failed> {
    let accepted = hello(&mut tcp).await?;
    let hello = accepted.client_hello();
    let sni = hello.server_name().map(str::to_owned);
    let offered = hello.alpn().into_iter().flatten().collect::<Vec<_>>();
    let choice = if tls.knows(sni.as_deref()) {
        choose(serve, offered.into_iter())
    } else {
        Err(Unfit::Name(match &sni {
            Some(_) => {
                "the client asked for a host name that is not this server's (see `names` and sni.unknown)"
            }
            None => "the client named no host (SNI), which sni.missing = \"reject\" demands",
        }))
    };
    let choice = match choice {
        Ok(choice) => choice,
        Err(unfit) => {
            let _ = tcp.write_all(&unfit.alert()).await;
            Stream::Plain(tcp).end().await;
            return Err(Failed { sni, ..Failed::new("refused", unfit.text()) });
        }
    };
    let config = Arc::clone(tls.current().of(choice));
    match StartHandshake::from_parts(accepted, tcp).into_stream(config).into_fallible().await {
        Ok(stream) => {
            // A client that leaves Nagle's algorithm on keeps its first request back until its last handshake bytes
            // are acknowledged, and we have nothing to send that would carry the acknowledgement: 40 ms saved.
            #[cfg(target_os = "linux")]
            stream.get_ref().0.set_quickack(true).map_err(left)?;
            Ok(Secured { stream: Box::new(stream), choice, sni })
        }
        Err((error, tcp)) => {
            // The alert is written; it must not be lost to a reset.
            Stream::Plain(tcp).end().await;
            Err(Failed { sni, ..broken(&error) })
        }
    }
}

/// Reads as far as the ClientHello goes.
async fn hello(tcp: &mut TcpStream) -> Result<Accepted, Failed> {
    let mut acceptor = Acceptor::default();
    let mut taken = 0;
    loop {
        tcp.readable().await.map_err(left)?;
        match read_some(tcp, &mut acceptor) {
            Ok(0) => return Err(left(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => taken += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(left(error)),
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) if taken > HELLO => {
                return Err(Failed::new("failed", format!("the ClientHello is larger than {HELLO} bytes")));
            }
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                if alert.write_all(&mut bytes).is_ok() {
                    let _ = tcp.write_all(&bytes).await;
                }
                return Err(Failed::new(
                    "failed",
                    format!("the client did not begin a TLS handshake: {error}"),
                ));
            }
        }
    }
}

fn read_some(tcp: &TcpStream, acceptor: &mut Acceptor) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    let read = tcp.try_read(&mut chunk)?;
    let mut rest = chunk.get(..read).unwrap_or_default();
    while !rest.is_empty() {
        acceptor.read_tls(&mut rest)?;
    }
    Ok(read)
}

fn left(error: io::Error) -> Failed {
    Failed::new("left", format!("the client left before its handshake was over: {error}"))
}

fn broken(error: &io::Error) -> Failed {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => Failed::new("failed", in_words(error)),
        None => Failed::new("left", format!("the client left before its handshake was over: {error}")),
    }
}

fn in_words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error};
    match error {
        Error::NoCertificatesPresented => {
            "the client presented no certificate, and this listener needs one".to_owned()
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the client does not hold the key of its certificate".to_owned()
        }
        Error::InvalidCertificate(CertificateError::BadEncoding) => {
            "what the client presented is not a certificate".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the client does not trust this server's certificate (unknown CA); give it the CA file of the data folder"
                .to_owned()
        }
        Error::AlertReceived(alert) => format!("the client ended the handshake with the alert {alert:?}"),
        Error::General(text) => text.clone(),
        error => error.to_string(),
    }
}

//! The limit: the same three processes as ours, without framing.
//!
//! `source` takes TCP and speaks TLS to `relay`, which speaks TLS to `destination`, which connects to the
//! service. Each only copies, 128 KiB at a time. One TLS connection per TCP connection.

use crate::fail::{Result, fail};
use crate::pki;
use rustls_pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const COPY: usize = 128 * 1024;

/// One of the three processes.
#[derive(clap::Subcommand)]
pub enum Part {
    /// TCP in, TLS out.
    Source {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        ca: PathBuf,
    },
    /// TLS in, TLS out.
    Relay {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        ca: PathBuf,
        #[arg(long)]
        certificate: PathBuf,
        #[arg(long)]
        key: PathBuf,
    },
    /// TLS in, TCP out.
    Destination {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        certificate: PathBuf,
        #[arg(long)]
        key: PathBuf,
    },
}

/// Runs one part until it is ended. Prints `listening ADDRESS` once.
///
/// The agents run on one thread and the relay on one per core, as ours do.
pub fn run(part: Part) -> Result<()> {
    let mut builder = match part {
        Part::Relay { .. } => tokio::runtime::Builder::new_multi_thread(),
        Part::Source { .. } | Part::Destination { .. } => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()?.block_on(serve(part))
}

async fn serve(part: Part) -> Result<()> {
    let (to, tls_in, tls_out) = match part {
        Part::Source { to, ca } => (to, None, Some(connector(&ca)?)),
        Part::Relay { to, ca, certificate, key } => {
            (to, Some(acceptor(&certificate, &key)?), Some(connector(&ca)?))
        }
        Part::Destination { to, certificate, key } => (to, Some(acceptor(&certificate, &key)?), None),
    };
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(1024)?;
    crate::out::data(format_args!("listening {}", listener.local_addr()?));
    loop {
        let tcp = accept(&listener).await?;
        let (tls_in, tls_out) = (tls_in.clone(), tls_out.clone());
        tokio::spawn(async move {
            let copied = match tls_in {
                None => outward(tcp, to, tls_out).await,
                Some(acceptor) => match acceptor.accept(tcp).await {
                    Ok(tls) => outward(tls, to, tls_out).await,
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = copied {
                crate::out::talk(error);
            }
        });
    }
}

fn connector(ca: &std::path::Path) -> Result<TlsConnector> {
    Ok(TlsConnector::from(pki::client(ca)?))
}

fn acceptor(certificate: &std::path::Path, key: &std::path::Path) -> Result<TlsAcceptor> {
    Ok(TlsAcceptor::from(pki::server(certificate, key)?))
}

async fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let (tcp, _) = listener.accept().await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

async fn outward(
    mut near: impl AsyncRead + AsyncWrite + Unpin,
    to: SocketAddr,
    tls: Option<TlsConnector>,
) -> Result<()> {
    let mut far = TcpStream::connect(to).await?;
    far.set_nodelay(true)?;
    match tls {
        None => copy_bidirectional_with_sizes(&mut near, &mut far, COPY, COPY).await?,
        Some(connector) => {
            let Ok(name) = ServerName::try_from("localhost") else { return fail("not a name: localhost") };
            let mut far = connector.connect(name, far).await?;
            copy_bidirectional_with_sizes(&mut near, &mut far, COPY, COPY).await?
        }
    };
    Ok(())
}

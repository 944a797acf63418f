//! Local sockets: names to addresses, listening, connecting, and the slow end of a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::mapping::Target;

/// Connections that may wait to be accepted: a browser opens six at once.
const BACKLOG: i32 = 1024;

/// Time for one address to take a TCP connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Time without progress after which what an ended connection still holds is given up.
const STALLED: Duration = Duration::from_secs(60);

/// Time an ended connection's application has to end its own side.
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection to a local application.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Socket::Unix(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(io) => Pin::new(io).poll_write(cx, data),
            Socket::Unix(io) => Pin::new(io).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Socket::Unix(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// The addresses of a host. `localhost` is the loopback, whatever the resolver says.
///
/// # Errors
/// The resolver's.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).into());
    }
    Ok(lookup_host((host, port)).await?.collect())
}

/// Listens on one address.
///
/// # Errors
/// The port is in use, or the address is not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects to an application, from a local address if one is given, trying each of its addresses once.
///
/// # Errors
/// The last address's.
pub async fn connect(target: &Target, from: Option<&str>) -> io::Result<Socket> {
    let (host, port) = match target {
        Target::Unix(path) => return UnixStream::connect(path).await.map(Socket::Unix),
        Target::Tcp(host, port) => (host, *port),
    };
    let locals = match from {
        Some(host) => resolve(host, 0).await?,
        None => Vec::new(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in resolve(host, port).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = locals.iter().find(|local| local.is_ipv4() == address.is_ipv4()) {
            socket.bind(*local)?;
        }
        socket.set_nodelay(true)?;
        match timeout(CONNECT, socket.connect(address)).await {
            Ok(Ok(stream)) => return Ok(Socket::Tcp(stream)),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "Connection timed out"),
        }
    }
    Err(last)
}

/// Ends a connection without losing what it holds: writes it, says end of file, and waits a moment for the other
/// side to do the same, so that nothing on its way is torn down by a reset.
pub async fn end(mut socket: Socket, held: Vec<u8>, start: usize) {
    let mut rest = held.get(start..).unwrap_or_default();
    while !rest.is_empty() {
        match timeout(STALLED, socket.write(rest)).await {
            Ok(Ok(count)) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
            _ => return,
        }
    }
    if socket.shutdown().await.is_err() {
        return;
    }
    let mut scrap = [0u8; 1024];
    let _ =
        timeout(FAREWELL, async { while matches!(socket.read(&mut scrap).await, Ok(n) if n > 0) {} }).await;
}

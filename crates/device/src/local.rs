//! Local connections: names to addresses, listening, connecting, what an application does not take at once, and
//! the slow end of a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::AbortHandle;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::{sleep, timeout};

use crate::log::Log;
use crate::mapping::Target;
use crate::meter::Meter;
use crate::tls;

/// Connections that may wait to be accepted: a browser opens six at once.
const BACKLOG: i32 = 1024;

/// Time for one address to take a TCP connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Time without progress after which what an ended connection still holds is given up.
const STALLED: Duration = Duration::from_secs(60);

/// Time an ended connection's application has to end its own side.
const FAREWELL: Duration = Duration::from_secs(5);

/// Bytes read and thrown away in that time. What was on its way when the connection ended is no more than this; an
/// application that goes on sending gets a reset, so that it does not take for delivered what went nowhere.
const LAST_WORDS: usize = 256 * 1024;

/// A connection to a local application.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl Socket {
    fn peer(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(stream) => stream.peer_addr().ok(),
            Socket::Unix(_) => None,
        }
    }
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

/// A connection to a local application, or the attempt at one.
pub struct Local {
    /// Absent while it is being made.
    pub socket: Option<Socket>,
    /// Rings for the socket.
    pub waker: Waker,
    /// Ends the attempt to connect.
    pub attempt: Option<AbortHandle>,
    /// The other end, for the log.
    pub peer: String,
    /// Counts its bytes.
    pub meter: Arc<Meter>,
    held: Vec<u8>,
    written: usize,
}

impl Local {
    /// A connection that holds nothing.
    pub fn new(socket: Option<Socket>, waker: Waker, peer: String, meter: Arc<Meter>) -> Local {
        meter.opened();
        Local { socket, waker, attempt: None, peer, meter, held: Vec::new(), written: 0 }
    }

    /// Bytes the application has not taken yet.
    pub fn held_len(&self) -> usize {
        self.held.len() - self.written
    }

    /// Writes a payload to the application; what it does not take is held.
    ///
    /// # Errors
    /// The socket's.
    pub fn deliver(&mut self, mut payload: &[u8]) -> io::Result<()> {
        self.meter.received(payload.len());
        if let Some(socket) = self.socket.as_mut()
            && self.written == self.held.len()
        {
            let mut cx = Context::from_waker(&self.waker);
            while !payload.is_empty() {
                match Pin::new(&mut *socket).poll_write(&mut cx, payload) {
                    Poll::Pending => break,
                    Poll::Ready(result) => payload = payload.get(result?..).unwrap_or_default(),
                }
            }
        }
        self.held.drain(..self.written);
        self.written = 0;
        self.held.extend_from_slice(payload);
        Ok(())
    }

    /// Writes what is held as far as the application takes it.
    ///
    /// # Errors
    /// The socket's.
    pub fn drain(&mut self) -> io::Result<()> {
        let Some(socket) = self.socket.as_mut() else { return Ok(()) };
        let mut cx = Context::from_waker(&self.waker);
        while let Some(rest) = self.held.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *socket).poll_write(&mut cx, rest) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => self.written += result?,
            }
        }
        self.forget_held();
        Ok(())
    }

    /// Drops what is held: nobody is there to take it.
    pub fn forget_held(&mut self) {
        self.held.clear();
        self.written = 0;
    }

    /// Gives memory back while nothing is held.
    pub fn rest(&mut self) {
        if self.held_len() == 0 {
            self.held = Vec::new();
            self.written = 0;
        }
    }

    /// The end of the connection, to be run beside everything else; `None` when there never was one.
    ///
    /// Loses nothing: writes what is held, says end of file, and waits a moment for the other side to do the
    /// same, so that nothing on its way is torn down by a reset.
    pub fn end(self) -> Option<impl Future<Output = ()> + Send + use<>> {
        if let Some(attempt) = self.attempt {
            attempt.abort();
        }
        self.meter.closed();
        self.socket.map(|socket| end(socket, self.held, self.written))
    }
}

async fn end(mut socket: Socket, held: Vec<u8>, start: usize) {
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
    let mut scrap = [0u8; 4096];
    let mut left = LAST_WORDS;
    let _ = timeout(FAREWELL, async {
        while let Ok(count @ 1..) = socket.read(&mut scrap).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    })
    .await;
}

/// Connects to an application, again and again for a while; `None` when it stays away.
pub async fn reach(
    target: Target,
    from: Option<String>,
    retries: Option<u32>,
    delay: Duration,
    log: Log,
) -> Option<Socket> {
    let mut tries = 0;
    loop {
        match connect(&target, from.as_deref()).await {
            Ok(socket) => {
                match socket.peer() {
                    Some(peer) => log.info(format_args!("Connected to {}, port: {}", peer.ip(), peer.port())),
                    None => log.info(format_args!("Connected to {target}")),
                }
                return Some(socket);
            }
            Err(error) => {
                let why = tls::plain(&error);
                log.error(format_args!("Could not connect to destination {} -- {why}", target.dialed()));
            }
        }
        if retries.is_some_and(|retries| tries >= retries) {
            return None;
        }
        tries += 1;
        sleep(delay).await;
    }
}

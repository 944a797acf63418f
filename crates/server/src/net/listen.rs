//! Accepting connections: limits first, TLS off the accept loop, then HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::http;
use super::seats::{Seat, Seats};
use super::stream::Stream;
use super::tls::Tls;
use crate::config::{Listen, Serve};
use crate::shutdown::Phase;
use crate::state::{Listening, State};
use crate::trouble::StartError;

/// Connections the kernel queues for us. AWS's local proxy opens many at once.
const BACKLOG: i32 = 1024;
/// TLS handshakes under way per core; more wait, within their own time limit.
const HANDSHAKES_PER_CORE: usize = 64;
/// Rest after an accept that failed for want of descriptors or memory.
const REST: Duration = Duration::from_millis(100);

/// A bound listener.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    /// Where it really listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What it serves.
    pub serve: Vec<Serve>,
}

/// What all listeners share.
#[derive(Debug)]
pub struct Door {
    seats: Arc<Seats>,
    tls: Arc<Tls>,
    handshakes: Semaphore,
}

impl Door {
    /// Seats and handshakes for all listeners together.
    #[must_use]
    pub fn new(state: &State, tls: Arc<Tls>) -> Self {
        let limits = &state.config.limits;
        let level = state.metrics.connections.clone();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            seats: Seats::new(limits.max_connections, limits.connections_per_address, level),
            tls,
            handshakes: Semaphore::new(HANDSHAKES_PER_CORE * cores),
        }
    }
}

/// Listens on an address. An unspecified IPv6 address takes IPv4 as well.
///
/// # Errors
/// The address is in use, not ours, or a privileged port; the text says which and what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    bind_io(address).map_err(|e| {
        let advice = match e.kind() {
            io::ErrorKind::AddrInUse => "another program (or another adit) listens there; stop it or choose another port".to_owned(),
            io::ErrorKind::AddrNotAvailable => "this machine has no such address; use one it has, or 0.0.0.0".to_owned(),
            io::ErrorKind::PermissionDenied => format!(
                "ports below 1024 need a right: run `setcap cap_net_bind_service=+ep` on the adit binary, or AmbientCapabilities=CAP_NET_BIND_SERVICE under systemd, or choose a port above 1023 (not {})",
                address.port()
            ),
            _ => "choose another address in the configuration".to_owned(),
        };
        StartError::new(format!("cannot listen on {address}: {e}"), advice)
    })
}

fn bind_io(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// Binds one `[[listen]]`.
    ///
    /// # Errors
    /// As [`bind`].
    pub fn new(listen: &Listen) -> Result<Self, StartError> {
        let tcp = bind(listen.address)?;
        let address = tcp.local_addr().unwrap_or(listen.address);
        Ok(Self { tcp, address, tls: listen.tls, serve: listen.serve.clone() })
    }

    /// Where it listens and what it serves there.
    pub fn listening(&self) -> Listening {
        Listening { address: self.address, tls: self.tls, serve: self.serve.clone() }
    }

    /// Accepts until the server ends. While it drains, requests are still answered (with 503 where that is due).
    pub async fn run(self, state: Arc<State>, door: Arc<Door>) {
        let context = Arc::new(Context { tls: self.tls, serve: self.serve });
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = state.phases.reached(Phase::Ending) => return,
            };
            match accepted {
                Ok((tcp, peer)) => match door.seats.take(peer.ip()) {
                    Ok(seat) => {
                        let (state, door, context) =
                            (Arc::clone(&state), Arc::clone(&door), Arc::clone(&context));
                        let tasks = state.tasks.clone();
                        tasks.spawn(serve(state, door, context, tcp, peer, seat));
                    }
                    Err(full) => {
                        state.metrics.count("adit_connections_refused_total", "reason", full.reason());
                        tracing::debug!(%peer, reason = full.reason(), "closed a connection at once");
                    }
                },
                Err(error) if is_shortage(&error) => {
                    state.metrics.count("adit_connections_refused_total", "reason", "shortage");
                    tracing::warn!(%error, address = %self.address, "cannot accept connections; trying again");
                    tokio::time::sleep(REST).await;
                }
                Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
            }
        }
    }
}

/// Out of descriptors or memory: trying again at once would spin.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    shortages.iter().any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

/// What a connection knows of its listener.
#[derive(Debug)]
pub struct Context {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What is served.
    pub serve: Vec<Serve>,
}

async fn serve(
    state: Arc<State>,
    door: Arc<Door>,
    context: Arc<Context>,
    tcp: TcpStream,
    peer: SocketAddr,
    seat: Seat,
) {
    // Small writes must not wait for each other. spec: secure-tunneling §4.9
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, %peer, "the connection was gone at once");
        return;
    }
    let stream = if context.tls {
        let limit = state.config.limits.handshake_timeout;
        let result = tokio::time::timeout(limit, handshake(&door, tcp)).await;
        let (name, stream) = match result {
            Ok(Ok(stream)) => ("ok", Some(stream)),
            Ok(Err(error)) => {
                tracing::debug!(%error, %peer, "the TLS handshake failed");
                ("failed", None)
            }
            Err(_) => {
                tracing::debug!(%peer, limit = limit.as_secs(), "the TLS handshake took too long");
                ("timeout", None)
            }
        };
        state.metrics.count("adit_handshakes_total", "result", name);
        stream
    } else {
        Some(Stream::Plain(tcp))
    };
    // The Door is not needed any more; a tunnel lives for hours.
    drop(door);
    if let Some(stream) = stream {
        Box::pin(http::serve(state, context, stream, peer, seat)).await;
    }
}

async fn handshake(door: &Door, tcp: TcpStream) -> io::Result<Stream> {
    // A peer that says nothing takes no turn.
    tcp.readable().await?;
    let _turn = door.handshakes.acquire().await.map_err(io::Error::other)?;
    let tls = TlsAcceptor::from(door.tls.current()).accept(tcp).await?;
    // A client that leaves Nagle's algorithm on keeps its request back until its last handshake bytes are
    // acknowledged, and we have nothing to send that would carry the acknowledgement: 40 ms saved.
    #[cfg(target_os = "linux")]
    tls.get_ref().0.set_quickack(true)?;
    Ok(Stream::Tls(Box::new(tls)))
}

//! Accepting connections: limits first, TLS off the accept loop, then HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::Scope;
use adit_iot::certificate::Status;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::carrier::Carrier;
use super::choose::Choice;
use super::handshake::{self, Failed, Secured};
use super::http;
use super::seats::{Seat, Seats};
use super::stream::Stream;
use super::tls::Tls;
use super::turns::Turns;
use crate::config::{Listen, Serve};
use crate::gate::Closed;
use crate::mqtt::{self, Identity, Peer};
use crate::pki::{PeerCertificate, Presented};
use crate::provision::{self, Newcomer};
use crate::shutdown::Phase;
use crate::state::{Listening, State};
use crate::trouble::StartError;
use crate::why::{Refusal, Stage};

/// Connections the kernel queues for us. AWS's local proxy opens many at once.
const BACKLOG: i32 = 1024;
/// How long a client whose certificate is not let in may wait with its first packet. spec: mqtt-gateway §1.5
const FIRST_PACKET: Duration = Duration::from_secs(5);
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
    turns: Arc<Turns>,
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
            turns: Turns::new(cores.saturating_mul(limits.handshakes_per_core as usize)),
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

/// The other end of a connection, after TLS.
#[derive(Debug)]
pub struct Guest {
    /// Its address.
    pub address: SocketAddr,
    /// The address it came to.
    pub local: SocketAddr,
    /// The host name it asked for (SNI), in lower case.
    pub sni: Option<String>,
    /// The certificate whose key it proved to hold; none where none is asked for.
    pub certificate: Option<Arc<PeerCertificate>>,
}

impl Guest {
    /// What the gate says of a certificate of this guest now. A refusal is noted for the operator.
    pub(super) async fn judged(
        &self,
        state: &State,
        certificate: &Arc<PeerCertificate>,
    ) -> Result<Identity, Closed> {
        match state.gate.judge(state, certificate).await {
            Ok(scope) => Ok(Identity::Certificate { scope, certificate: Arc::clone(certificate) }),
            Err(closed) => {
                self.turned_away(state, closed, closed.text());
                Err(closed)
            }
        }
    }

    /// Counts and notes that the guest was not let in.
    fn turned_away(&self, state: &State, closed: Closed, why: String) {
        state.metrics.count("adit_gate_refusals_total", "reason", closed.reason());
        let mut refusal = Refusal::new(Stage::Handshake, why).from(self.address.ip());
        refusal.certificate = self.certificate.as_ref().map(|certificate| certificate.id.to_string());
        state.why.note(state.now(), refusal);
    }
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
    let local = match tcp.set_nodelay(true).and_then(|()| tcp.local_addr()) {
        Ok(local) => local,
        Err(error) => {
            tracing::debug!(%error, %peer, "the connection was gone at once");
            return;
        }
    };
    // An IPv4 peer of an IPv6 listener is an IPv4 peer.
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let mut guest = Guest { address: canonical(peer), local: canonical(local), sni: None, certificate: None };
    let (stream, choice) = if context.tls {
        let Some(secured) = Box::pin(secure(&state, &door, &context, tcp, &mut guest)).await else { return };
        (Stream::Tls(secured.stream), secured.choice)
    } else if context.serve.contains(&Serve::Mqtt) {
        (Stream::Plain(tcp), Choice::Mqtt { alpn: false })
    } else {
        (Stream::Plain(tcp), Choice::Web)
    };
    // A task of its own: this one has grown with the handshake, and a connection lives for hours.
    drop(door);
    let tasks = state.tasks.clone();
    match choice {
        Choice::Mqtt { .. } => {
            if let Some(peer) = admit(&state, guest, &stream).await {
                tasks.spawn(mqtt::serve(state, Carrier::Stream(stream), peer, Arc::new(seat)));
            } else {
                turn_away(stream).await;
            }
        }
        Choice::Web | Choice::Data { .. } => {
            tasks.spawn(http::serve(state, context, stream, Arc::new(guest), seat));
        }
    }
}

/// The handshake, and what it proved of the client.
async fn secure(
    state: &State,
    door: &Door,
    context: &Context,
    tcp: TcpStream,
    guest: &mut Guest,
) -> Option<Secured> {
    let limit = state.config.limits.handshake_timeout;
    let shaken = handshake::shake(&door.tls, &context.serve, &door.turns, tcp, limit).await;
    state.metrics.count(
        "adit_handshakes_total",
        "result",
        shaken.as_ref().map_or_else(|f| f.result, |_| "ok"),
    );
    let secured = match shaken {
        Ok(secured) => secured,
        Err(failed) => {
            note_failure(state, guest, &failed);
            return None;
        }
    };
    guest.sni.clone_from(&secured.sni);
    if secured.choice != Choice::Web {
        let chain = secured.stream.get_ref().1.peer_certificates().unwrap_or_default();
        match Presented::read(chain) {
            Ok(presented) => guest.certificate = Some(presented.certificate),
            Err(unreadable) => {
                let text = unreadable.to_string();
                note_failure(state, guest, &Failed { result: "failed", sni: secured.sni.clone(), text });
                Stream::Tls(secured.stream).end().await;
                return None;
            }
        }
    }
    Some(secured)
}

fn note_failure(state: &State, guest: &Guest, failed: &Failed) {
    // Scanners and health checks connect and leave; that is nothing to explain.
    if failed.result == "left" {
        tracing::debug!(peer = %guest.address, sni = failed.sni, reason = failed.text, "no TLS handshake");
        return;
    }
    let named = failed.sni.as_deref().map(|name| format!(" (SNI {name})")).unwrap_or_default();
    let refusal = Refusal::new(Stage::Handshake, format!("{}{named}", failed.text));
    state.why.note(state.now(), refusal.from(guest.address.ip()));
}

/// Who an MQTT client is; `None` if it has no business here.
async fn admit(state: &State, guest: Guest, stream: &Stream) -> Option<Peer> {
    let (identity, newcomer) = match &guest.certificate {
        Some(certificate) => match state.gate.judge(state, certificate).await {
            Ok(scope) => (Identity::Certificate { scope, certificate: Arc::clone(certificate) }, None),
            Err(closed) => {
                let newcomer = newcomer(state, &guest, stream, closed).await?;
                let (scope, certificate) = (newcomer.scope.clone(), Arc::clone(certificate));
                (Identity::Certificate { scope, certificate }, Some(Arc::new(newcomer)))
            }
        },
        // Only a plain listener, which exists only with the test switch.
        None => {
            (Identity::Plain { scope: Scope::new(&state.config.account, &state.config.region).ok()? }, None)
        }
    };
    let Guest { address, local, sni, .. } = guest;
    Some(Peer { address, local, sni, user_agent: None, identity, newcomer })
}

/// A client whose certificate is not active: somebody whose CONNECT is worth waiting for, or nobody.
async fn newcomer(state: &State, guest: &Guest, stream: &Stream, closed: Closed) -> Option<Newcomer> {
    let Stream::Tls(tls) = stream else { return None };
    let may_come = matches!(closed, Closed::Unknown | Closed::Status(Status::PendingActivation));
    let chain = tls.get_ref().1.peer_certificates().filter(|_| may_come);
    let found = match chain.and_then(|chain| Presented::read(chain).ok()) {
        Some(presented) => provision::newcomer(state, &presented, guest.sni.as_deref()).await,
        None => Err(closed.text()),
    };
    found.map_err(|why| guest.turned_away(state, closed, why)).ok()
}

/// Ends a connection after its first packet, so that the client's own report is that the connection was lost, not that
/// TLS failed. spec: mqtt-gateway §1.4
async fn turn_away(mut stream: Stream) {
    let mut first = [0];
    let _ = tokio::time::timeout(FIRST_PACKET, stream.read(&mut first)).await;
    stream.end().await;
}

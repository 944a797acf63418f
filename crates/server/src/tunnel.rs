//! Tunnel data: one task for each tunnel somebody is connected to. It owns both sockets, so a byte crosses
//! from one to the other without a lock, a queue or a second task (docs/decisions/0003-one-task-per-tunnel.md).
//!
//! An upgraded WebSocket enters by [`Relays::join`]. What happens to it afterwards is told to a [`Watch`].

mod connection;
mod farewell;
pub mod notify;
mod pair;
mod relays;
mod session;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adit_iot::{Scope, TunnelId};
use adit_tunnel::{Side, Version, Why};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::stream::Stream;

pub use relays::{Busy, Relays};

/// A connection as a tunnel needs it: bytes both ways, and two wishes to the kernel.
pub trait Link: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Called once, before the first byte.
    fn prepare(&self) {}

    /// Asks for what was read to be acknowledged at once.
    fn acknowledge(&self) {}
}

/// Bytes the kernel may hold unsent before the socket counts as full, so that a reset does not queue behind
/// megabytes.
const UNSENT: u32 = 128 * 1024;

impl Link for Stream {
    fn prepare(&self) {
        let _ = self.tcp().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(self.tcp()).set_tcp_notsent_lowat(UNSENT);
    }

    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        let _ = self.tcp().set_quickack(true);
    }
}

/// An accepted WebSocket, after the 101 response was written.
pub struct Join<S = Stream> {
    /// Whose tunnel.
    pub scope: Scope,
    /// Which tunnel.
    pub tunnel_id: TunnelId,
    /// The services it was opened with, in order.
    pub services: Vec<String>,
    /// How long it has left to live.
    pub expires_in: Duration,
    /// Which side joins.
    pub side: Side,
    /// What was agreed in the upgrade.
    pub version: Version,
    /// The connection.
    pub stream: S,
    /// Bytes that came behind the upgrade request.
    pub leftover: Bytes,
    /// Bytes a second towards this client; 0 is unpaced.
    pub rate: u32,
    /// The client leaves Nagle's algorithm on, so its second of two small writes waits for an acknowledgement.
    /// spec: secure-tunneling §4.9
    pub nagle: bool,
    /// The store's number for this connection, handed back in [`Member`].
    pub link: i64,
    /// The `channel-id` of the upgrade.
    pub channel_id: String,
    /// Dropped when the connection is over: a seat, for instance.
    pub held: Box<dyn Any + Send>,
}

/// Who an event is about.
#[derive(Clone, Debug)]
pub struct Member {
    /// Whose tunnel and which.
    pub tunnel: Arc<(Scope, TunnelId)>,
    /// Which side.
    pub side: Side,
    /// The store's number for the connection.
    pub link: i64,
    /// The `channel-id` of the upgrade.
    pub channel_id: Box<str>,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client said goodbye, with this code.
    ByClient(Option<u16>),
    /// The TCP connection or its TLS ended or failed.
    Lost,
    /// Nothing was heard for the idle time; dropped without a close frame.
    Silent,
    /// The server closed it: the client broke a rule, was replaced, or the tunnel is closed.
    ByServer(Why),
    /// The server stops; dropped without a close frame, so that the client comes back.
    ServerEnds,
}

impl End {
    /// A word for metrics, from a closed set.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            End::ByClient(_) => "client-closed",
            End::Lost => "lost",
            End::Silent => "silent",
            End::ByServer(Why::Replaced) => "replaced",
            End::ByServer(Why::TunnelClosed) => "tunnel-closed",
            End::ByServer(_) => "protocol-error",
            End::ServerEnds => "server-ends",
        }
    }
}

/// For an operator, in the audit and the log.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::ByClient(Some(code)) => write!(f, "the client closed with code {code}"),
            End::ByClient(None) => f.write_str("the client closed"),
            End::Lost => f.write_str("the connection was lost"),
            End::Silent => f.write_str("nothing was heard for too long"),
            End::ByServer(why) => write!(f, "the server closed: {why}"),
            End::ServerEnds => f.write_str("the server ends"),
        }
    }
}

/// The life of one connection, told when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Why it is over.
    pub end: End,
    /// Bytes received from the client, with their framing, after TLS.
    pub received: u64,
    /// Bytes sent to the client, likewise.
    pub sent: u64,
}

/// Who wants to know. The calls come from the task that moves the bytes: they must not block.
pub trait Watch: Send + Sync + 'static {
    /// A connection takes part from now on; `replaced` says that it pushed another out.
    fn joined(&self, member: &Member, replaced: bool);

    /// A connection is over.
    fn left(&self, member: &Member, left: &Left);

    /// Bytes of tunnel messages were handed on to a side.
    fn relayed(&self, to: Side, bytes: u64);

    /// A paced direction has to wait.
    fn paced(&self, to: Side);
}

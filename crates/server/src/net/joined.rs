//! What a tunnel upgrade hands to the relays.

use std::net::SocketAddr;
use std::sync::Arc;

use adit_store::Link;
use adit_tunnel::Version;
use bytes::Bytes;

use super::seats::Seat;
use super::stream::Stream;

/// A side that was let in: the 101 is written, the next byte belongs to the WebSocket.
#[derive(Debug)]
pub struct Joined {
    /// Which tunnel, which side, the number of this link, the services, and when the tunnel ends.
    pub link: Link,
    /// The version agreed on.
    pub version: Version,
    /// Whether the client is one of ours, which applies back-pressure. Its `User-Agent` begins with `adit`.
    pub own_client: bool,
    /// Id of this WebSocket, also in the answer and in the log.
    pub channel: String,
    /// From where.
    pub peer: SocketAddr,
    /// The connection.
    pub stream: Stream,
    /// Bytes that came behind the request; they are the first of the WebSocket.
    pub read: Bytes,
    /// The seat among the connections allowed at once; to be dropped with the connection.
    pub seat: Arc<Seat>,
}

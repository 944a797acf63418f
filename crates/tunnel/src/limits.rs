//! Every number of the tunnel protocol: unit, value, source.

use std::time::Duration;

/// Bytes of the length in front of every message: an unsigned 16-bit integer, big-endian.
/// spec: secure-tunneling §4.4
pub const LENGTH_PREFIX: usize = 2;

/// Bytes of the largest message a length prefix can announce. spec: secure-tunneling §4.4
pub const MESSAGE: usize = 65_535;

/// Bytes of the largest `payload` field: 63 KiB. spec: secure-tunneling §4.4
pub const PAYLOAD: usize = 64_512;

/// Bytes of the largest WebSocket frame payload in either direction: two whole tunnel frames of 65536 bytes.
/// spec: secure-tunneling §4.3
pub const WEBSOCKET_PAYLOAD: usize = 2 * (65_536 + LENGTH_PREFIX);

/// Bytes of the largest ping, pong or close payload. spec: RFC 6455 §5.5
pub const CONTROL_PAYLOAD: usize = 125;

/// Bytes of the longest close reason: a control payload less the two bytes of the code.
/// spec: RFC 6455 §5.5.1
pub const CLOSE_REASON: usize = CONTROL_PAYLOAD - 2;

/// Bytes of the longest WebSocket frame header: 2, then 8 of length, then 4 of mask. spec: RFC 6455 §5.2
pub const WEBSOCKET_HEADER: usize = 14;

/// One past the largest id we ever make up, so that its varint takes at most four bytes; the SDK's decoder
/// knows no larger ones. spec: secure-tunneling §4.4
pub const STREAM_ID_END: u32 = 1 << 28;

/// Bytes of the longest service id, as the API checks it. spec: secure-tunneling §1.2
pub const SERVICE_ID: usize = 128;

/// Services of one tunnel the relay agrees to track. The API's own quota is lower (3).
/// spec: secure-tunneling §1.7
pub const SERVICES: usize = 64;

/// Bytes that [`crate::envelope::wrap`] may need in front of a payload: WebSocket header, length, type,
/// stream id, and the payload's tag and length, rounded up.
pub const HEADROOM: usize = 32;

/// Bytes that [`crate::envelope::wrap`] may need behind a payload: service id and connection id with their
/// tags, rounded up.
pub const TAILROOM: usize = 144;

/// Bytes that may wait for one side in one direction, counted over all services.
/// spec: secure-tunneling §4.9
pub const QUEUE: usize = 256 * 1024;

/// Bytes a paced direction may send at once after a rest. An unmodified local proxy dies when more than
/// 131076 bytes pile up in it. spec: secure-tunneling §4.9
pub const BURST: usize = 64 * 1024;

/// Bytes a second of a paced direction unless configured otherwise: the bandwidth AWS documents.
/// spec: secure-tunneling §4.9
pub const PACE: u32 = 100_000;

/// Silence after which a connection is dropped, without a Close frame so that the client reconnects.
/// Clients ping every 5 to 30 seconds. spec: secure-tunneling §4.3
pub const IDLE: Duration = Duration::from_secs(90);

/// The longest life of a tunnel: 720 minutes. spec: secure-tunneling §1.2
pub const LIFETIME: Duration = Duration::from_secs(720 * 60);

//! What carries the bytes of an MQTT connection: a stream, or the binary frames of a WebSocket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::stream::Stream;
use super::websocket::WebSocket;

/// A connection as MQTT sees it: bytes in, bytes out. Reading no bytes is its end.
///
/// Bytes written to a WebSocket leave with the next flush; a [`Stream`] needs the flush as well.
#[derive(Debug)]
pub enum Carrier {
    /// TLS, or plain TCP.
    Stream(Stream),
    /// MQTT over WebSocket.
    WebSocket(Box<WebSocket>),
}

impl Carrier {
    /// The socket underneath.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Stream(stream) => stream.tcp(),
            Self::WebSocket(socket) => socket.tcp(),
        }
    }

    /// Whether the client said itself that it goes: a WebSocket close frame. spec: mqtt-gateway §6.1
    #[must_use]
    pub fn client_left(&self) -> bool {
        match self {
            Self::Stream(_) => false,
            Self::WebSocket(socket) => socket.client_left(),
        }
    }

    /// Ends the connection by the drop rule: says goodbye (close frame, `close_notify`, FIN), then reads and discards
    /// for at most 1 s or 64 KiB, so that the peer gets what was written before. spec: mqtt-gateway §1.4
    pub async fn end(self) {
        match self {
            Self::Stream(stream) => stream.end().await,
            Self::WebSocket(socket) => socket.end().await,
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Stream(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::WebSocket(socket) => Pin::new(socket.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Stream(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::WebSocket(socket) => Pin::new(socket.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Stream(stream) => Pin::new(stream).poll_flush(cx),
            Self::WebSocket(socket) => Pin::new(socket.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::WebSocket(socket) => Pin::new(socket.as_mut()).poll_shutdown(cx),
        }
    }
}

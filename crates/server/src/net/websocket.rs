//! The bytes of an MQTT connection inside a WebSocket (RFC 6455).
//!
//! Frames are carriage only: where one ends says nothing about where a packet ends. spec: mqtt-gateway §1.1

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use adit_tunnel::websocket::{
    Close, Event, Header, Misdeed, Opcode, Reader, Role, code, put_close, put_control,
};
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::stream::Stream;

/// Bytes that may wait to be written before a writer is made to wait.
const OUT: usize = 64 * 1024;
/// Bytes of pongs that may wait; further pings go unanswered until the client reads.
const PONGS: usize = 1024;
/// An output buffer larger than this is given back when nothing waits.
const KEPT: usize = 1024;
/// Time that the last frames have to leave.
const LAST_FRAMES: Duration = Duration::from_secs(1);

/// The server's end of a WebSocket whose binary frames are a stream of bytes.
#[derive(Debug)]
pub struct WebSocket {
    stream: Stream,
    reader: Reader,
    /// Bytes that came behind the upgrade request.
    early: Bytes,
    out: Vec<u8>,
    /// Bytes of `out` already written.
    written: usize,
    /// The client sent a close frame.
    left: bool,
    /// We sent one.
    closing: bool,
}

impl WebSocket {
    /// Takes over a stream after the upgrade, with the bytes that were read behind it.
    #[must_use]
    pub fn new(stream: Stream, early: Bytes) -> Self {
        // MQTT limits its packets; frames of any size are read piecewise.
        let reader = Reader::with_limit(Role::Server, usize::MAX);
        Self { stream, reader, early, out: Vec::new(), written: 0, left: false, closing: false }
    }

    /// The socket underneath.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.stream.tcp()
    }

    /// Whether the client sent a close frame.
    #[must_use]
    pub fn client_left(&self) -> bool {
        self.left
    }

    /// Sends a close frame if there was none, then ends the stream by the drop rule.
    pub async fn end(mut self) {
        self.close(code::NORMAL, "");
        let flushed = std::future::poll_fn(|cx| Pin::new(&mut self).poll_flush(cx));
        let _ = tokio::time::timeout(LAST_FRAMES, flushed).await;
        self.stream.end().await;
    }

    fn close(&mut self, code: u16, reason: &str) {
        if !self.closing {
            self.closing = true;
            put_close(&mut self.out, code, reason, None);
        }
    }

    /// Moves the data among `raw` to its front and says how much it is.
    fn decode(&mut self, raw: &mut [u8]) -> Result<usize, Misdeed> {
        let (mut at, mut kept) = (0, 0);
        while let Some(piece) = raw.get_mut(at..).filter(|piece| !piece.is_empty()) {
            let step = self.reader.step(piece)?;
            match step.event {
                Event::Data => {
                    raw.copy_within(at..at + step.taken, kept);
                    kept += step.taken;
                }
                Event::Ping if self.out.len() < PONGS => {
                    put_control(&mut self.out, Opcode::Pong, self.reader.control(), None);
                }
                Event::Close => {
                    let close = Close::parse(self.reader.control())?;
                    self.left = true;
                    self.close(close.code.unwrap_or(code::NORMAL), "");
                    return Ok(kept);
                }
                Event::Ping | Event::Pong | Event::Nothing => {}
            }
            at += step.taken;
        }
        Ok(kept)
    }

    fn misbehaved(&mut self, misdeed: Misdeed) -> io::Error {
        let code = if misdeed == Misdeed::Text { code::UNACCEPTABLE } else { misdeed.close_code() };
        self.close(code, misdeed.text());
        io::Error::new(io::ErrorKind::InvalidData, misdeed.text())
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.written = 0;
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WebSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.closing || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            if this.early.is_empty() {
                ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            } else {
                let early = this.early.split_to(this.early.remaining().min(buf.remaining()));
                buf.put_slice(&early);
            }
            let raw = buf.filled_mut().get_mut(before..).unwrap_or_default();
            if raw.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let decoded = this.decode(raw);
            buf.set_filled(before + decoded.unwrap_or(0));
            let waits = this.written < this.out.len();
            if let Err(misdeed) = decoded {
                return Poll::Ready(Err(this.misbehaved(misdeed)));
            }
            if waits && this.poll_drain(cx)?.is_ready() {
                // What a pong could not flush goes with the next write.
                let _ = Pin::new(&mut this.stream).poll_flush(cx)?;
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if this.out.len() >= OUT {
            ready!(this.poll_drain(cx))?;
        }
        let piece = buf.get(..OUT).unwrap_or(buf);
        let (header, len) = Header::whole(Opcode::Binary, piece.len(), None).encode();
        this.out.extend(header.iter().take(len));
        this.out.extend_from_slice(piece);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.close(code::NORMAL, "");
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

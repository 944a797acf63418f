//! MQTT inside a WebSocket, as clients with a signature instead of a certificate speak it. spec: mqtt-gateway §1.1

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use adit_tunnel::websocket::{
    Close, Event, Header, Misdeed, Opcode, Reader, Role, apply_mask, code, put_close, put_control,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ws::{self, Answer};

/// The path on every gateway.
pub const PATH: &str = "/mqtt";

/// Bytes that may wait to be written before a writer is made to wait.
const OUT: usize = 64 * 1024;

/// Bytes of pongs that may wait; further pings go unanswered until the server reads.
const PONGS: usize = 1024;

/// Why there is no WebSocket.
#[derive(Debug)]
pub enum Unopened {
    /// The server said no.
    Refused(Box<Answer>),
    /// The stream failed, or what answers is no WebSocket server.
    Failed(String),
}

/// Upgrades a stream. `authority` is what the `host` header says, `target` path and query with the signature.
///
/// # Errors
/// See [`Unopened`].
pub async fn upgrade<S>(mut stream: S, authority: &str, target: &str) -> Result<WebSocket<S>, Unopened>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = ws::key().map_err(Unopened::Failed)?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\
         User-Agent: adit/{}\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let answer = ws::exchange(&mut stream, &request).await.map_err(Unopened::Failed)?;
    if answer.status != 101 {
        return Err(Unopened::Refused(Box::new(answer)));
    }
    if answer.header("sec-websocket-accept") != Some(ws::accept_of(&key).as_str()) {
        return Err(Unopened::Failed("the answer's sec-websocket-accept is wrong".to_owned()));
    }
    Ok(WebSocket::new(stream, answer.rest))
}

/// The client's end of a WebSocket whose binary frames are a stream of bytes.
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: S,
    reader: Reader,
    /// Bytes that came behind the answer.
    early: Vec<u8>,
    out: Vec<u8>,
    /// Bytes of `out` already written.
    written: usize,
    /// A close frame was sent or received.
    is_closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn new(stream: S, early: Vec<u8>) -> Self {
        // MQTT limits its packets; frames of any size are read piecewise.
        let reader = Reader::with_limit(Role::Client, usize::MAX);
        Self { stream, reader, early, out: Vec::new(), written: 0, is_closing: false }
    }

    fn close(&mut self, code: u16) -> io::Result<()> {
        if !self.is_closing {
            self.is_closing = true;
            put_close(&mut self.out, code, "", Some(mask()?));
        }
        Ok(())
    }

    /// Moves the data among `raw` to its front and says how much it is.
    fn decode(&mut self, raw: &mut [u8]) -> io::Result<usize> {
        let wrong = |misdeed: Misdeed| io::Error::new(io::ErrorKind::InvalidData, misdeed.text());
        let (mut at, mut kept) = (0, 0);
        while let Some(piece) = raw.get_mut(at..).filter(|piece| !piece.is_empty()) {
            let step = self.reader.step(piece).map_err(wrong)?;
            match step.event {
                Event::Data => {
                    raw.copy_within(at..at + step.taken, kept);
                    kept += step.taken;
                }
                Event::Ping if self.out.len() < PONGS => {
                    put_control(&mut self.out, Opcode::Pong, self.reader.control(), Some(mask()?));
                }
                Event::Close => {
                    let close = Close::parse(self.reader.control()).map_err(wrong)?;
                    self.close(close.code.unwrap_or(code::NORMAL))?;
                    return Ok(kept);
                }
                Event::Ping | Event::Pong | Event::Nothing => {}
            }
            at += step.taken;
        }
        Ok(kept)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.written = 0;
        self.out.clear();
        Poll::Ready(Ok(()))
    }
}

/// A key that nobody can foresee. spec: RFC 6455 §5.3
fn mask() -> io::Result<[u8; 4]> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
    Ok(key)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.is_closing || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            if this.early.is_empty() {
                ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            } else {
                let early: Vec<u8> = this.early.drain(..this.early.len().min(buf.remaining())).collect();
                buf.put_slice(&early);
            }
            let raw = buf.filled_mut().get_mut(before..).unwrap_or_default();
            if raw.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let decoded = this.decode(raw);
            buf.set_filled(before + *decoded.as_ref().unwrap_or(&0));
            decoded?;
            if this.written < this.out.len() && this.poll_drain(cx)?.is_ready() {
                // What a pong could not flush goes with the next write.
                let _ = Pin::new(&mut this.stream).poll_flush(cx)?;
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if this.out.len() >= OUT {
            ready!(this.poll_drain(cx))?;
        }
        let piece = buf.get(..OUT).unwrap_or(buf);
        let key = mask()?;
        let (header, len) = Header::whole(Opcode::Binary, piece.len(), Some(key)).encode();
        this.out.extend(header.iter().take(len));
        let start = this.out.len();
        this.out.extend_from_slice(piece);
        apply_mask(this.out.get_mut(start..).unwrap_or_default(), key, 0);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.close(code::NORMAL)?;
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_websockets::{Message, ServerBuilder};

    #[tokio::test]
    async fn bytes_go_both_ways_and_pings_are_answered() {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let server = tokio::spawn(async move {
            let (request, mut socket) = ServerBuilder::new().accept(theirs).await.unwrap();
            assert_eq!(request.uri().path(), PATH);
            assert_eq!(request.headers()["sec-websocket-protocol"], "mqtt");
            socket.send(Message::ping(&b"are you there"[..])).await.unwrap();
            socket.send(Message::binary(&b"first"[..])).await.unwrap();
            let (mut got, mut has_pong) = (Vec::new(), false);
            while got.len() < 200_000 {
                let message = socket.next().await.unwrap().unwrap();
                has_pong |= message.is_pong();
                if message.is_binary() {
                    got.extend_from_slice(message.as_payload());
                }
            }
            socket.close().await.unwrap();
            (got, has_pong)
        });
        let mut socket = upgrade(ours, "localhost:1", "/mqtt?x=y").await.unwrap();
        let mut first = [0; 5];
        socket.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"first");
        let sent: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        socket.write_all(&sent).await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!(socket.read(&mut first).await.unwrap(), 0, "the server closed");
        assert!(socket.write_all(b"x").await.is_err());
        let (got, has_pong) = server.await.unwrap();
        assert!(got == sent && has_pong);
    }

    #[tokio::test]
    async fn a_refusal_is_given_back_whole() {
        let text =
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nx-amzn-errortype: ForbiddenException\r\n\r\nno";
        let stream = tokio::io::join(&text[..], tokio::io::sink());
        let Err(Unopened::Refused(answer)) = upgrade(stream, "h", "/mqtt").await else { panic!("opened") };
        assert_eq!((answer.status, answer.header("X-Amzn-ErrorType")), (403, Some("ForbiddenException")));
        let stream = tokio::io::join(&b"HTTP/1.1 101 x\r\n\r\n"[..], tokio::io::sink());
        assert!(matches!(upgrade(stream, "h", "/mqtt").await, Err(Unopened::Failed(_))));
    }
}

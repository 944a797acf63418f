//! What TLS to the server runs on: a TCP connection, or TLS to a web proxy.
//!
//! Reads in large pieces. The TLS library asks for 4 KiB at a time; one system call then serves sixteen of
//! its reads.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Bytes of one read from the socket.
const PIECE: usize = 64 * 1024;

/// The same where little is said.
const SMALL_PIECE: usize = 4 * 1024;

/// A byte stream towards the server.
#[derive(Debug)]
pub struct Carrier {
    io: Io,
    piece: Vec<u8>,
    start: usize,
    end: usize,
    size: usize,
}

#[derive(Debug)]
enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Carrier {
    /// Straight to the server, or to a web proxy spoken to in the clear.
    pub fn tcp(stream: TcpStream) -> Carrier {
        Carrier::over(Io::Tcp(stream))
    }

    /// Through TLS to a web proxy.
    pub fn tls(stream: TlsStream<TcpStream>) -> Carrier {
        Carrier::over(Io::Tls(Box::new(stream)))
    }

    fn over(io: Io) -> Carrier {
        Carrier { io, piece: Vec::new(), start: 0, end: 0, size: PIECE }
    }

    /// Reads in small pieces, which need little memory.
    #[must_use]
    pub fn small(mut self) -> Carrier {
        self.size = SMALL_PIECE;
        self
    }

    /// The address this machine has on the way.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Tcp(io) => io.local_addr().ok(),
            Io::Tls(io) => io.get_ref().0.local_addr().ok(),
        }
    }

    /// Gives the read buffer's memory back while nothing arrives.
    pub fn rest(&mut self) {
        if self.start == self.end {
            self.piece = Vec::new();
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.start == this.end {
            if this.piece.is_empty() {
                this.piece.resize(this.size, 0);
            }
            let mut buf = ReadBuf::new(&mut this.piece);
            match &mut this.io {
                Io::Tcp(io) => ready!(Pin::new(io).poll_read(cx, &mut buf))?,
                Io::Tls(io) => ready!(Pin::new(io).poll_read(cx, &mut buf))?,
            }
            (this.start, this.end) = (0, buf.filled().len());
        }
        let ready = this.piece.get(this.start..this.end).unwrap_or_default();
        let ready = ready.get(..out.remaining()).unwrap_or(ready);
        out.put_slice(ready);
        this.start += ready.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write(cx, data),
            Io::Tls(io) => Pin::new(io).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write_vectored(cx, pieces),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Tcp(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

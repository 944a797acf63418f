//! One connection of the generator: TLS by rustls over a socket, large reads and writes.

use super::lab::Endpoint;
use super::wire::{self, Inbox, Packet};
use crate::fail::{Result, fail};
use crate::service::STALL;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// Bytes read from a socket at a time.
pub const SCRATCH: usize = 64 * 1024;

/// A connection that has done its TLS handshake.
pub struct Link {
    pub tcp: TcpStream,
    tls: ClientConnection,
    pub inbox: Inbox,
}

impl Link {
    /// Connects and does the handshake. Everything blocks until [`Link::let_go`] is called.
    pub fn open(endpoint: &Endpoint, config: &Arc<ClientConfig>) -> Result<Self> {
        let mut tcp = TcpStream::connect_timeout(&endpoint.address, STALL)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(STALL))?;
        tcp.set_write_timeout(Some(STALL))?;
        let mut tls = ClientConnection::new(Arc::clone(config), endpoint.name.clone())?;
        tls.set_buffer_limit(None);
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self { tcp, tls, inbox: Inbox::default() })
    }

    /// CONNECT and its answer. Whether the broker had a session.
    pub fn hello(&mut self, client_id: &str, clean: bool) -> Result<bool> {
        self.say(&wire::connect(client_id, clean))?;
        match self.packet()? {
            Packet::Connack { present, code: 0 } => Ok(present),
            other => fail(format!("CONNECT of {client_id} was answered {other:?}")),
        }
    }

    /// SUBSCRIBE and its answer.
    pub fn subscribe(&mut self, filter: &str, qos: u8) -> Result<()> {
        self.say(&wire::subscribe(filter, qos))?;
        match self.packet()? {
            Packet::Suback(code) if code == qos => Ok(()),
            other => fail(format!("SUBSCRIBE to {filter} was answered {other:?}")),
        }
    }

    /// Waits until the broker ends the connection, without a word.
    pub fn end(mut self) -> Result<()> {
        let mut scratch = [0; 4096];
        loop {
            match self.read(&mut scratch) {
                Ok(true) => {
                    if let Some(packet) = self.inbox.next()? {
                        return fail(format!("{packet:?} came where the end was due"));
                    }
                }
                Ok(false) => return fail(format!("no end within {} s", STALL.as_secs())),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends it as the standard wants.
    pub fn goodbye(mut self) -> Result<()> {
        self.tls.writer().write_all(&wire::DISCONNECT)?;
        self.tls.send_close_notify();
        self.flush()?;
        Ok(())
    }

    /// Whether the handshake was spared by a session of before.
    pub fn resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// From now on nothing blocks.
    pub fn let_go(&mut self) -> Result<()> {
        Ok(self.tcp.set_nonblocking(true)?)
    }

    /// Sends bytes and waits until they are with the kernel. For blocking links.
    pub fn say(&mut self, bytes: &[u8]) -> Result<()> {
        self.take(bytes)?;
        if self.flush()? { Ok(()) } else { fail("the broker takes no more bytes") }
    }

    /// The next packet. For blocking links.
    pub fn packet(&mut self) -> Result<Packet> {
        let mut scratch = [0; 4096];
        loop {
            if let Some(packet) = self.inbox.next()? {
                return Ok(packet);
            }
            if !self.read(&mut scratch)? {
                return fail(format!("no answer within {} s", STALL.as_secs()));
            }
        }
    }

    /// Encrypts bytes; [`Link::flush`] sends them.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(bytes)
    }

    /// Writes what is encrypted. False: the socket takes no more just now.
    pub fn flush(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads once and decrypts into the inbox. False: there is nothing to read just now.
    ///
    /// # Errors
    /// The end of the connection too: the generator never expects one.
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        let read = match self.tcp.read(scratch) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the broker ended the connection")),
            Ok(read) => read,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let mut bytes = scratch.get(..read).unwrap_or_default();
        let room = self.inbox.room();
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes)?;
            let state = self.tls.process_new_packets().map_err(io::Error::other)?;
            let plain = state.plaintext_bytes_to_read();
            if plain > 0 {
                let end = room.len();
                room.resize(end + plain, 0);
                self.tls.reader().read_exact(room.get_mut(end..).unwrap_or_default())?;
            }
        }
        Ok(true)
    }
}

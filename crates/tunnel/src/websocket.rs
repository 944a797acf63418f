//! WebSocket framing (RFC 6455) without a socket: reading in place, and headers written in front of payloads
//! that already lie where they should.
//!
//! Ours, because relay and local proxy rewrite messages in the buffer they came in. No extension is ever
//! negotiated. The upgrade itself is HTTP and lives with the sockets.

use std::fmt;

use crate::limits;

mod mask;
mod reader;

pub use mask::apply_mask;
pub use reader::{Event, Reader, Step};

/// Which end of the WebSocket we are: it decides who masks. spec: RFC 6455 §5.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We read masked frames and write unmasked ones.
    Server,
    /// We read unmasked frames and write masked ones.
    Client,
}

/// What a frame is. spec: RFC 6455 §5.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message begun before.
    Continuation,
    /// Begins a text message, which this protocol does not use.
    Text,
    /// Begins a binary message.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    fn of_bits(bits: u8) -> Option<Opcode> {
        match bits {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xa => Some(Opcode::Pong),
            _ => None,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// How a peer breaks the WebSocket protocol, or our use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misdeed {
    /// A reserved bit is set although no extension was negotiated.
    ReservedBit,
    /// An opcode RFC 6455 does not define.
    UnknownOpcode,
    /// A client's frame without a mask.
    Unmasked,
    /// A server's frame with a mask.
    Masked,
    /// A length that is not written in its shortest form, or has its highest bit set.
    BadLength,
    /// A frame payload longer than [`limits::WEBSOCKET_PAYLOAD`].
    TooLarge,
    /// A control frame longer than [`limits::CONTROL_PAYLOAD`].
    ControlTooLarge,
    /// A control frame in several fragments.
    ControlFragmented,
    /// A continuation with nothing to continue.
    NothingToContinue,
    /// A new message before the last one ended.
    NotContinued,
    /// A text message.
    Text,
    /// A close frame with one byte, a code that may not be sent, or a reason that is not UTF-8.
    BadClose,
}

impl Misdeed {
    /// The sentence for logs and close reasons; at most [`limits::CLOSE_REASON`] bytes.
    pub fn text(self) -> &'static str {
        match self {
            Misdeed::ReservedBit => "A WebSocket frame has a reserved bit set; no extension is in use",
            Misdeed::UnknownOpcode => "A WebSocket frame has an unknown opcode",
            Misdeed::Unmasked => "A WebSocket frame of a client must be masked",
            Misdeed::Masked => "A WebSocket frame of a server must not be masked",
            Misdeed::BadLength => "A WebSocket frame has a malformed length",
            Misdeed::TooLarge => "A WebSocket frame is longer than 131076 bytes",
            Misdeed::ControlTooLarge => "A WebSocket control frame is longer than 125 bytes",
            Misdeed::ControlFragmented => "A WebSocket control frame must not be fragmented",
            Misdeed::NothingToContinue => "A WebSocket continuation frame continues nothing",
            Misdeed::NotContinued => "A WebSocket message begins before the last one has ended",
            Misdeed::Text => "Text messages are not allowed; send binary messages",
            Misdeed::BadClose => "The WebSocket close frame is malformed",
        }
    }

    /// The close code to answer with. spec: RFC 6455 §7.4.1
    pub fn close_code(self) -> u16 {
        match self {
            Misdeed::TooLarge => code::TOO_BIG,
            Misdeed::ReservedBit
            | Misdeed::UnknownOpcode
            | Misdeed::Unmasked
            | Misdeed::Masked
            | Misdeed::BadLength
            | Misdeed::ControlTooLarge
            | Misdeed::ControlFragmented
            | Misdeed::NothingToContinue
            | Misdeed::NotContinued
            | Misdeed::Text
            | Misdeed::BadClose => code::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Misdeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Misdeed {}

/// Close codes we send or look for. spec: RFC 6455 §7.4.1
pub mod code {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The endpoint goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// The peer sent a kind of data that is not taken here.
    pub const UNACCEPTABLE: u16 = 1003;
    /// The peer broke a rule of ours.
    pub const POLICY: u16 = 1008;
    /// A frame is too large.
    pub const TOO_BIG: u16 = 1009;
}

/// The header of one frame. spec: RFC 6455 §5.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the frame ends its message.
    pub last: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key the payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub payload: usize,
}

impl Header {
    /// An unfragmented frame.
    pub fn whole(opcode: Opcode, payload: usize, mask: Option<[u8; 4]>) -> Header {
        Header { last: true, opcode, mask, payload }
    }

    /// Reads a header from the beginning of `bytes`: the header and its own length, or `None` when bytes are
    /// missing. Fails on bits, opcodes and lengths that are never right; the rules that need to know
    /// more (role, fragments, limits) are the [`Reader`]'s.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Misdeed> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Misdeed::ReservedBit);
        }
        let opcode = Opcode::of_bits(first & 0x0f).ok_or(Misdeed::UnknownOpcode)?;
        let Some((payload, rest)) = parse_length(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        let header = Header { last: first & 0x80 != 0, opcode, mask, payload };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Bytes this header takes on the wire: 2 to 14.
    pub fn encoded_len(&self) -> usize {
        let length = match self.payload {
            0..=125 => 0,
            126..=65_535 => 2,
            _ => 8,
        };
        2 + length + if self.mask.is_some() { 4 } else { 0 }
    }

    /// The header's bytes: an array, of which the first so many count.
    pub fn encode(&self) -> ([u8; limits::WEBSOCKET_HEADER], usize) {
        let mut bytes = [0; limits::WEBSOCKET_HEADER];
        let mut rest = bytes.as_mut_slice();
        let first = if self.last { 0x80 } else { 0 } | self.opcode.bits();
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let written = match (u8::try_from(self.payload), u16::try_from(self.payload)) {
            (Ok(len @ 0..=125), _) => put(&mut rest, &[first, masked | len]),
            (_, Ok(len)) => put(&mut rest, &[first, masked | 126]) + put(&mut rest, &len.to_be_bytes()),
            _ => {
                put(&mut rest, &[first, masked | 127]) + put(&mut rest, &(self.payload as u64).to_be_bytes())
            }
        };
        let written = written + self.mask.map_or(0, |key| put(&mut rest, &key));
        (bytes, written)
    }
}

/// The payload length after the first two bytes.
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(usize, &[u8])>, Misdeed> {
    match short {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => match usize::from(u16::from_be_bytes(*bytes)) {
                0..=125 => Err(Misdeed::BadLength),
                len => Ok(Some((len, rest))),
            },
            None => Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => match u64::from_be_bytes(*bytes) {
                0..=0xffff => Err(Misdeed::BadLength),
                len if len >> 63 != 0 => Err(Misdeed::BadLength),
                len => Ok(Some((usize::try_from(len).map_err(|_| Misdeed::TooLarge)?, rest))),
            },
            None => Ok(None),
        },
        len => Ok(Some((usize::from(len), rest))),
    }
}

/// Copies to the front of `rest`, which moves on; the caller's array has room for all a header can be.
fn put(rest: &mut &mut [u8], bytes: &[u8]) -> usize {
    match std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        Some((front, tail)) => {
            front.copy_from_slice(bytes);
            *rest = tail;
            bytes.len()
        }
        None => 0,
    }
}

/// Appends a ping, pong or close frame. A payload longer than [`limits::CONTROL_PAYLOAD`] is cut there.
pub fn put_control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    let payload = payload.get(..limits::CONTROL_PAYLOAD).unwrap_or(payload);
    let (header, len) = Header::whole(opcode, payload.len(), mask).encode();
    out.extend(header.iter().take(len));
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(copied)) = (mask, out.get_mut(start..)) {
        apply_mask(copied, key, 0);
    }
}

/// Why a connection ends, as a close frame says it. spec: RFC 6455 §5.5.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code, or `None` when the frame was empty.
    pub code: Option<u16>,
    /// The reason, at most [`limits::CLOSE_REASON`] bytes; often empty.
    pub reason: String,
}

impl Close {
    /// Reads the payload of a close frame.
    pub fn parse(payload: &[u8]) -> Result<Close, Misdeed> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            let close = Close { code: None, reason: String::new() };
            return if payload.is_empty() { Ok(close) } else { Err(Misdeed::BadClose) };
        };
        let code = u16::from_be_bytes(*code);
        let reason = std::str::from_utf8(reason).map_err(|_| Misdeed::BadClose)?;
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => {
                Ok(Close { code: Some(code), reason: reason.to_owned() })
            }
            _ => Err(Misdeed::BadClose),
        }
    }
}

/// Appends a close frame. A reason longer than [`limits::CLOSE_REASON`] is cut at a character.
pub fn put_close(out: &mut Vec<u8>, code: u16, reason: &str, mask: Option<[u8; 4]>) {
    let mut payload = [0; limits::CONTROL_PAYLOAD];
    let mut rest = payload.as_mut_slice();
    let end = reason.floor_char_boundary(limits::CLOSE_REASON);
    let reason = reason.as_bytes().get(..end).unwrap_or_default();
    let len = put(&mut rest, &code.to_be_bytes()) + put(&mut rest, reason);
    put_control(out, Opcode::Close, payload.get(..len).unwrap_or_default(), mask);
}

//! One whole outgoing WebSocket message, built around a payload that stays where it is.
//!
//! A buffer with [`limits::HEADROOM`] free bytes in front of the payload and [`limits::TAILROOM`] behind it
//! becomes, without a copy: WebSocket header, length prefix, type, stream id, payload, service id,
//! connection id. One tunnel frame, one unfragmented binary message (spec: secure-tunneling §4.3).

use std::fmt;
use std::ops::Range;

use crate::limits;
use crate::message::Type;
use crate::websocket::{Header, Opcode, apply_mask};
use crate::wire;

/// Everything of a message but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// What the message is for.
    pub kind: Type,
    /// The stream, or 0 for none.
    pub stream_id: u32,
    /// The service, or empty for none; at most [`limits::SERVICE_ID`] bytes.
    pub service_id: &'a str,
    /// The connection inside the stream, or 0 for none.
    pub connection_id: u32,
}

/// Why a message could not be built; the buffer's payload is untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwrappable {
    /// The payload is longer than [`limits::PAYLOAD`], or the service id than [`limits::SERVICE_ID`].
    TooLong,
    /// Too few bytes are free in front of or behind the payload, or the range lies outside the buffer.
    NoRoom,
}

impl fmt::Display for Unwrappable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unwrappable::TooLong => "the payload is longer than 64512 bytes or the service id than 128",
            Unwrappable::NoRoom => "the buffer has too little room around the payload",
        })
    }
}

impl std::error::Error for Unwrappable {}

/// Builds the message around `buffer[payload]` and returns where it lies. With a `mask` (local proxies) the
/// frame is masked in place, without one (the server) it is sent as it is. An empty payload is left out.
pub fn wrap(
    buffer: &mut [u8],
    payload: Range<usize>,
    envelope: &Envelope<'_>,
    mask: Option<[u8; 4]>,
) -> Result<Range<usize>, Unwrappable> {
    if payload.len() > limits::PAYLOAD || envelope.service_id.len() > limits::SERVICE_ID {
        return Err(Unwrappable::TooLong);
    }
    let free = buffer.len().checked_sub(payload.end).ok_or(Unwrappable::NoRoom)?;
    if payload.start > payload.end || payload.start < limits::HEADROOM || free < limits::TAILROOM {
        return Err(Unwrappable::NoRoom);
    }

    let mut tail = Cursor { bytes: buffer, at: payload.end };
    if !envelope.service_id.is_empty() {
        tail.append(&[wire::tag_of(wire::SERVICE_ID)]);
        tail.append_varint(envelope.service_id.len() as u32);
        tail.append(envelope.service_id.as_bytes());
    }
    if envelope.connection_id != 0 {
        tail.append(&[wire::tag_of(wire::CONNECTION_ID)]);
        tail.append_varint(envelope.connection_id);
    }
    let end = tail.at;

    let mut front = Cursor { bytes: buffer, at: payload.start };
    if !payload.is_empty() {
        front.prepend_varint(payload.len() as u32);
        front.prepend(&[wire::tag_of(wire::PAYLOAD)]);
    }
    if envelope.stream_id != 0 {
        front.prepend_varint(envelope.stream_id);
        front.prepend(&[wire::tag_of(wire::STREAM_ID)]);
    }
    front.prepend_varint(envelope.kind.number());
    front.prepend(&[wire::tag_of(wire::TYPE)]);
    let length = u16::try_from(end - front.at).map_err(|_| Unwrappable::TooLong)?;
    front.prepend(&length.to_be_bytes());
    let frame = front.at..end;
    let start = prepend_header(buffer, frame.clone(), mask).ok_or(Unwrappable::NoRoom)?;
    if let (Some(key), Some(bytes)) = (mask, buffer.get_mut(frame)) {
        apply_mask(bytes, key, 0);
    }
    Ok(start..end)
}

/// Writes the header of an unfragmented binary message directly in front of `buffer[payload]` and returns
/// where it begins; `None` when there is no room. Masks nothing.
pub fn prepend_header(buffer: &mut [u8], payload: Range<usize>, mask: Option<[u8; 4]>) -> Option<usize> {
    let (header, len) = Header::whole(Opcode::Binary, payload.len(), mask).encode();
    let start = payload.start.checked_sub(len)?;
    buffer.get_mut(start..payload.start)?.copy_from_slice(header.get(..len)?);
    Some(start)
}

/// A place in a buffer to write at; the caller has checked that there is room.
struct Cursor<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn append(&mut self, piece: &[u8]) {
        if let Some(free) = self.bytes.get_mut(self.at..self.at + piece.len()) {
            free.copy_from_slice(piece);
            self.at += piece.len();
        }
    }

    fn append_varint(&mut self, value: u32) {
        let (bytes, len) = wire::varint(value);
        self.append(bytes.get(..len).unwrap_or_default());
    }

    fn prepend(&mut self, piece: &[u8]) {
        if let Some(free) = self.at.checked_sub(piece.len()).and_then(|at| self.bytes.get_mut(at..self.at)) {
            free.copy_from_slice(piece);
            self.at -= piece.len();
        }
    }

    fn prepend_varint(&mut self, value: u32) {
        let (bytes, len) = wire::varint(value);
        self.prepend(bytes.get(..len).unwrap_or_default());
    }
}

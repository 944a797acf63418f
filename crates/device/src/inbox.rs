//! Bytes from the server: WebSocket framing taken off in place, so that tunnel frames lie whole in one buffer.

use std::ops::Range;

use adit_tunnel::frame::{self, Split};
use adit_tunnel::limits;
use adit_tunnel::websocket::{Close, Event, Reader, Role};

/// Bytes of the buffer: a frame that is not whole yet, and some reads behind it.
const SIZE: usize = 3 * 64 * 1024;

/// Bytes of free room below which the buffer's contents are moved to its front.
const ROOM: usize = 64 * 1024;

/// What the bytes are.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole tunnel message (without its length); it stays first until [`Inbox::done`].
    Frame(Range<usize>),
    /// A ping to answer with the same payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The server ends the connection.
    Close(Close),
    /// More bytes are needed.
    Nothing,
}

/// The buffer: first the tunnel's own bytes, then those whose WebSocket framing is still on.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    clean: Range<usize>,
    raw: Range<usize>,
    reader: Reader,
}

impl Inbox {
    /// A buffer that begins with what came right behind the upgrade.
    pub fn new(first: &[u8]) -> Inbox {
        let mut bytes = vec![0; SIZE.max(first.len() + ROOM)];
        if let Some(front) = bytes.get_mut(..first.len()) {
            front.copy_from_slice(first);
        }
        Inbox { bytes, clean: 0..0, raw: 0..first.len(), reader: Reader::new(Role::Client) }
    }

    /// Room to read into.
    pub fn room(&mut self) -> &mut [u8] {
        if self.raw.is_empty() && self.clean.is_empty() {
            (self.clean, self.raw) = (0..0, 0..0);
        } else if self.bytes.len() - self.raw.end < ROOM {
            self.bytes.copy_within(self.clean.clone(), 0);
            self.clean = 0..self.clean.len();
            self.bytes.copy_within(self.raw.clone(), self.clean.end);
            self.raw = self.clean.end..self.clean.end + self.raw.len();
        }
        self.bytes.get_mut(self.raw.end..).unwrap_or_default()
    }

    /// So many bytes were read into the room.
    pub fn filled(&mut self, count: usize) {
        self.raw.end = (self.raw.end + count).min(self.bytes.len());
    }

    /// The bytes of a frame.
    pub fn frame(&self, at: &Range<usize>) -> &[u8] {
        self.bytes.get(at.clone()).unwrap_or_default()
    }

    /// The first frame has been dealt with.
    pub fn done(&mut self, at: &Range<usize>) {
        self.clean.start = at.end;
    }

    /// What comes next. A frame is returned again and again until it is done.
    ///
    /// # Errors
    /// What the server did that no server may do.
    pub fn item(&mut self) -> Result<Item, &'static str> {
        loop {
            let clean = self.bytes.get(self.clean.clone()).unwrap_or_default();
            if let Split::Whole(len) = frame::split(clean).map_err(|misdeed| misdeed.text())? {
                let start = self.clean.start + limits::LENGTH_PREFIX;
                return Ok(Item::Frame(start..start + len));
            }
            if self.raw.is_empty() {
                return Ok(Item::Nothing);
            }
            let raw = self.bytes.get_mut(self.raw.clone()).unwrap_or_default();
            let step = self.reader.step(raw).map_err(|misdeed| misdeed.text())?;
            let taken = self.raw.start..self.raw.start + step.taken;
            self.raw.start = taken.end;
            match step.event {
                Event::Data => self.keep(taken),
                Event::Ping => return Ok(Item::Ping(self.reader.control().to_vec())),
                Event::Pong => return Ok(Item::Pong(self.reader.control().to_vec())),
                Event::Close => {
                    return Close::parse(self.reader.control())
                        .map(Item::Close)
                        .map_err(|misdeed| misdeed.text());
                }
                Event::Nothing => {}
            }
        }
    }

    /// Joins a piece of the stream to what came before it; mostly it lies there already.
    fn keep(&mut self, piece: Range<usize>) {
        if self.clean.is_empty() {
            self.clean = piece;
        } else if self.clean.end == piece.start {
            self.clean.end = piece.end;
        } else {
            let size = piece.len();
            self.bytes.copy_within(piece, self.clean.end);
            self.clean.end += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_tunnel::message::{Message, Type};
    use adit_tunnel::websocket::{Header, Opcode, put_close, put_control};

    fn message(number: u32, size: usize) -> Vec<u8> {
        let message =
            Message { payload: vec![number as u8; size], ..Message::of_stream(Type::Data, 1, "S", 1) };
        let mut bytes = Vec::new();
        assert!(frame::put(&mut bytes, &message));
        bytes
    }

    /// The stream in WebSocket frames of a size, with a ping after each.
    fn framed(stream: &[u8], size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in stream.chunks(size) {
            let (header, len) = Header::whole(Opcode::Binary, piece.len(), None).encode();
            out.extend_from_slice(&header[..len]);
            out.extend_from_slice(piece);
            put_control(&mut out, Opcode::Ping, b"17", None);
        }
        put_close(&mut out, 1000, "bye", None);
        out
    }

    #[test]
    fn any_slicing_gives_the_same_messages() {
        let sizes = [1, 64_512, 0, 300, 64_512, 64_000, 5];
        let stream: Vec<u8> =
            sizes.iter().zip(1..).flat_map(|(size, number)| message(number, *size)).collect();
        for (frame_size, read_size) in [(65_538, 70_000), (7_919, 1_000), (131_076, 16_384), (501, 64_512)] {
            let mut input = framed(&stream, frame_size);
            let first = input.split_off(5);
            let mut inbox = Inbox::new(&input);
            let (mut got, mut pings, mut rest) = (Vec::new(), 0, first.as_slice());
            let close = loop {
                match inbox.item().unwrap() {
                    Item::Frame(at) => {
                        let message = Message::decode(inbox.frame(&at)).unwrap();
                        inbox.done(&at);
                        got.push(message.payload.len());
                    }
                    Item::Ping(payload) => {
                        assert_eq!(payload, b"17");
                        pings += 1;
                    }
                    Item::Pong(_) => panic!("no pong was sent"),
                    Item::Close(close) => break close,
                    Item::Nothing => {
                        let room = inbox.room();
                        let count = read_size.min(room.len()).min(rest.len());
                        assert!(count > 0);
                        room[..count].copy_from_slice(&rest[..count]);
                        rest = &rest[count..];
                        inbox.filled(count);
                    }
                }
            };
            assert_eq!(got, sizes);
            assert_eq!(pings, stream.len().div_ceil(frame_size));
            assert_eq!((close.code, close.reason.as_str()), (Some(1000), "bye"));
        }
    }

    #[test]
    fn misdeeds_are_named() {
        assert!(Inbox::new(&[0x81, 0x01, b'x']).item().is_err());
        assert!(Inbox::new(&[0x82, 0x02, 0, 0]).item().is_err());
    }
}

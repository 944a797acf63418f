//! One direction of a tunnel: pieces of the sender's stream in, whole WebSocket messages for the receiver out.
//!
//! A frame is put together in the very place from which it is sent. In front of it lies a gap just wide
//! enough for the WebSocket header it will get, so that messages follow each other without holes and many of
//! them leave in one write. The gap is a guess (the last message's stream id grew by as much as this one's
//! will); a wrong guess costs one move.
//!
//! ```text
//! | sent | whole messages that wait | gap | frame being put together |
//!        ^ sent                     ^ ready ^ frame
//! ```

use crate::frame;
use crate::limits;
use crate::message::{Message, Misdeed};
use crate::websocket::{Header, Opcode, put_close, put_control};
use crate::wire;

/// The buffer of one direction, from the server's point of view: what it holds is sent unmasked.
///
/// Holds what waits and one incomplete frame. The driver bounds what waits: it stops feeding while
/// [`Lane::waiting`] is long.
#[derive(Debug, Default)]
pub struct Lane {
    buffer: Vec<u8>,
    sent: usize,
    ready: usize,
    frame: usize,
    /// Bytes of the frame being put together, with its length prefix; 0 when none has begun.
    whole: usize,
    /// The first byte of a length prefix whose second has not come.
    half: Option<u8>,
    /// Bytes by which the stream id of the last message grew.
    growth: isize,
}

impl Lane {
    /// Nothing waits and nothing is allocated.
    pub fn new() -> Lane {
        Lane::default()
    }

    /// Takes bytes of the sender's stream up to the end of a frame. `true` when that is reached: look at
    /// [`Lane::message`], then decide by [`Lane::forward`] or [`Lane::discard`] before the next call.
    /// `false` when all of `input` was taken.
    ///
    /// Fails with [`Misdeed::Empty`] on a frame of length 0.
    pub fn push(&mut self, input: &mut &[u8]) -> Result<bool, Misdeed> {
        if self.whole == 0 && !self.begin(input)? {
            return Ok(false);
        }
        let missing = (self.frame + self.whole).saturating_sub(self.buffer.len());
        let (piece, rest) = input.split_at(missing.min(input.len()));
        self.buffer.extend_from_slice(piece);
        *input = rest;
        Ok(piece.len() == missing)
    }

    /// Makes room for the next frame as soon as its length is known.
    fn begin(&mut self, input: &mut &[u8]) -> Result<bool, Misdeed> {
        let prefix = match (self.half, *input) {
            (None, [first, second, rest @ ..]) => {
                *input = rest;
                [*first, *second]
            }
            (Some(first), [second, rest @ ..]) => {
                *input = rest;
                [first, *second]
            }
            (None, [first]) => {
                self.half = Some(*first);
                *input = &[];
                return Ok(false);
            }
            (_, []) => return Ok(false),
        };
        self.half = None;
        let len = usize::from(u16::from_be_bytes(prefix));
        if len == 0 {
            return Err(Misdeed::Empty);
        }
        self.whole = limits::LENGTH_PREFIX + len;
        let header = header_len(self.whole.saturating_add_signed(self.growth));
        let gap = header.saturating_add_signed(self.growth);
        self.frame = self.ready + gap;
        self.buffer.reserve(gap + self.whole);
        self.buffer.resize(self.frame, 0);
        self.buffer.extend_from_slice(&prefix);
        Ok(true)
    }

    /// The message just completed, without its length.
    pub fn message(&self) -> &[u8] {
        self.buffer.get(self.frame + limits::LENGTH_PREFIX..).unwrap_or_default()
    }

    /// Replaces the stream id of the message just completed and lets it wait for the receiver as one WebSocket
    /// message, whose length is returned. `at` is offset and length of the id's value in the message.
    pub fn forward(&mut self, stream_id: u32, at: (usize, usize)) -> usize {
        let (value, value_len) = wire::varint(stream_id);
        let growth = value_len as isize - at.1 as isize;
        let whole = self.whole.saturating_add_signed(growth);
        let Ok(length) = u16::try_from(whole.saturating_sub(limits::LENGTH_PREFIX)) else {
            self.discard();
            return 0;
        };
        let (header, header_len) = Header::whole(Opcode::Binary, whole, None).encode();
        let before = limits::LENGTH_PREFIX + at.0;

        let needed = self.ready + header_len;
        let shift = needed.saturating_add_signed(growth).saturating_sub(self.frame);
        if shift > 0 {
            let end = self.buffer.len();
            self.buffer.resize(end + shift, 0);
            self.buffer.copy_within(self.frame..end, self.frame + shift);
            self.frame += shift;
        }
        let frame = self.frame.saturating_add_signed(-growth);
        self.buffer.copy_within(self.frame..self.frame + before, frame);
        let start = frame - header_len;
        self.write(start, header.get(..header_len).unwrap_or_default());
        self.write(frame, &length.to_be_bytes());
        self.write(frame + before, value.get(..value_len).unwrap_or_default());
        if start > self.ready {
            self.buffer.copy_within(start.., self.ready);
            self.buffer.truncate(self.buffer.len() - (start - self.ready));
        }
        let sent = self.buffer.len() - self.ready;
        self.ready = self.buffer.len();
        self.whole = 0;
        self.growth = growth;
        sent
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Forgets the message just completed, or the incomplete one.
    pub fn discard(&mut self) {
        self.buffer.truncate(self.ready);
        self.whole = 0;
    }

    /// The last `len` bytes that wait; for a message that has just been forwarded and must queue elsewhere.
    pub fn last(&self, len: usize) -> &[u8] {
        self.ready.checked_sub(len).and_then(|from| self.buffer.get(from..self.ready)).unwrap_or_default()
    }

    /// Takes back the last `len` bytes that wait, directly after [`Lane::forward`].
    pub fn take_back(&mut self, len: usize) {
        self.ready = self.ready.saturating_sub(len).max(self.sent);
        self.buffer.truncate(self.ready);
    }

    /// Lets bytes wait for the receiver behind what waits already: one or more whole WebSocket frames.
    pub fn put(&mut self, frames: &[u8]) {
        let end = self.buffer.len();
        self.buffer.extend_from_slice(frames);
        if end > self.ready {
            self.buffer.copy_within(self.ready..end, self.ready + frames.len());
            self.write(self.ready, frames);
            self.frame += frames.len();
        }
        self.ready += frames.len();
    }

    /// Lets a message of the server's own wait, see [`encode`].
    pub fn tell(&mut self, message: &Message) {
        self.put(&encode(message));
    }

    /// Lets a pong wait; `payload` is the ping's.
    pub fn pong(&mut self, payload: &[u8]) {
        let mut frame = Vec::with_capacity(2 + limits::CONTROL_PAYLOAD);
        put_control(&mut frame, Opcode::Pong, payload, None);
        self.put(&frame);
    }

    /// Lets a close frame wait. Nothing may be sent after it.
    pub fn close(&mut self, code: u16, reason: &str) {
        let mut frame = Vec::with_capacity(2 + limits::CONTROL_PAYLOAD);
        put_close(&mut frame, code, reason, None);
        self.put(&frame);
    }

    /// What is to be written to the receiver.
    pub fn waiting(&self) -> &[u8] {
        self.buffer.get(self.sent..self.ready).unwrap_or_default()
    }

    /// The first `written` bytes of [`Lane::waiting`] have left.
    pub fn advance(&mut self, written: usize) {
        self.sent = (self.sent + written).min(self.ready);
        if self.sent == self.ready {
            self.forget_ready();
        }
    }

    /// The receiver is gone, and with it what waited. A frame that is being put together stays.
    pub fn receiver_left(&mut self) {
        self.forget_ready();
    }

    /// The sender is gone, and with it the incomplete frame. What waits stays.
    pub fn sender_left(&mut self) {
        self.discard();
        self.half = None;
    }

    fn forget_ready(&mut self) {
        if self.whole == 0 {
            self.buffer.clear();
        } else {
            self.buffer.drain(..self.ready);
            self.frame -= self.ready;
        }
        self.ready = 0;
        self.sent = 0;
    }

    /// Gives the memory back if nothing waits and no frame has begun.
    pub fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }
}

/// A message of the server's own as one unmasked WebSocket message.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut tunnel_frame = Vec::new();
    frame::put(&mut tunnel_frame, message);
    let (header, len) = Header::whole(Opcode::Binary, tunnel_frame.len(), None).encode();
    let mut out = header.get(..len).unwrap_or_default().to_vec();
    out.append(&mut tunnel_frame);
    out
}

fn header_len(payload: usize) -> usize {
    Header::whole(Opcode::Binary, payload, None).encoded_len()
}

//! Messages in a byte stream: each is preceded by its length, two bytes big-endian.
//!
//! The payloads of all binary WebSocket messages form one stream: a frame may span several of them, and one
//! may hold several frames (spec: secure-tunneling §4.3).

use crate::limits;
use crate::message::{Message, Misdeed};

/// What the beginning of a stream of frames holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// A whole frame: two bytes of length, then this many bytes of message.
    Whole(usize),
    /// A frame has begun; this many bytes of it are missing at least.
    Missing(usize),
}

/// Looks at the beginning of a stream. Fails with [`Misdeed::Empty`] on a length of 0.
pub fn split(bytes: &[u8]) -> Result<Split, Misdeed> {
    let Some(prefix) = bytes.first_chunk() else {
        return Ok(Split::Missing(limits::LENGTH_PREFIX - bytes.len()));
    };
    match usize::from(u16::from_be_bytes(*prefix)) {
        0 => Err(Misdeed::Empty),
        len => Ok(match (limits::LENGTH_PREFIX + len).checked_sub(bytes.len()) {
            Some(missing) if missing > 0 => Split::Missing(missing),
            _ => Split::Whole(len),
        }),
    }
}

/// Puts frames together from pieces of a stream, without copying those that lie whole in one piece.
#[derive(Debug, Default)]
pub struct Frames {
    partial: Vec<u8>,
}

impl Frames {
    /// Nothing received yet; allocates when a frame is split for the first time.
    pub fn new() -> Frames {
        Frames::default()
    }

    /// Takes the next whole message (without its length) from `input`, which shrinks by what was used.
    ///
    /// `None` means that all of `input` was taken and more is needed. Holds at most one incomplete frame, so
    /// at most [`limits::MESSAGE`] + 2 bytes; [`Frames::release`] gives the memory back.
    /// Fails with [`Misdeed::Empty`] on a length of 0; the stream cannot be read on after that.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<&'s [u8]>, Misdeed> {
        if matches!(split(&self.partial), Ok(Split::Whole(_))) {
            self.partial.clear();
        }
        if !self.partial.is_empty() {
            while let Split::Missing(missing) = split(&self.partial)? {
                let (piece, rest) = input.split_at(missing.min(input.len()));
                if piece.is_empty() {
                    return Ok(None);
                }
                self.partial.extend_from_slice(piece);
                *input = rest;
            }
            return Ok(self.partial.get(limits::LENGTH_PREFIX..));
        }
        if let Split::Whole(len) = split(input)?
            && let Some((frame, rest)) = input.split_at_checked(limits::LENGTH_PREFIX + len)
        {
            *input = rest;
            return Ok(frame.get(limits::LENGTH_PREFIX..));
        }
        if let Some(prefix) = input.first_chunk() {
            let whole = limits::LENGTH_PREFIX + usize::from(u16::from_be_bytes(*prefix));
            self.partial.reserve_exact(whole);
        }
        self.partial.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    /// Gives the memory back unless a frame has begun; for connections that fall idle.
    pub fn release(&mut self) {
        if !self.is_partial() {
            self.partial = Vec::new();
        }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        matches!(split(&self.partial), Ok(Split::Missing(_))) && !self.partial.is_empty()
    }
}

/// Appends a message with its length in front. `false`, and nothing appended, when the message is longer
/// than [`limits::MESSAGE`].
pub fn put(out: &mut Vec<u8>, message: &Message) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; limits::LENGTH_PREFIX]);
    message.encode(out);
    let len = u16::try_from(out.len() - start - limits::LENGTH_PREFIX);
    match (len, out.get_mut(start..).and_then(|frame| frame.first_chunk_mut())) {
        (Ok(len), Some(prefix)) => {
            *prefix = len.to_be_bytes();
            true
        }
        _ => {
            out.truncate(start);
            false
        }
    }
}

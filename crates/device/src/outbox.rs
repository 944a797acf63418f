//! Messages on their way to the server, whole and masked, in one buffer.
//!
//! A local socket is read straight into the buffer; its message is then built around those bytes.

use adit_tunnel::envelope::{self, Envelope};
use adit_tunnel::limits::{HEADROOM, TAILROOM};
use adit_tunnel::websocket::{self, Opcode};

/// Bytes waiting from which on no local socket is read.
pub const FULL: usize = 64 * 1024;

/// Bytes waiting from which on the server is not read either. Data alone never gets here: only resets and pongs
/// that the server itself causes, and does not take, do.
pub const STUFFED: usize = 4 * FULL;

/// The buffer.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    masks: u64,
}

impl Outbox {
    /// An empty buffer. `seed` begins the sequence of masks; anything unpredictable from outside will do.
    pub fn new(seed: u64) -> Outbox {
        Outbox { bytes: Vec::new(), start: 0, end: 0, masks: seed }
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes ready to send.
    pub fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `count` waiting bytes have been sent.
    pub fn sent(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room for a payload of `size` bytes behind what waits; [`Outbox::seal`] makes a message of it.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        if self.start > FULL {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        let at = self.end + HEADROOM;
        if self.bytes.len() < at + size + TAILROOM {
            self.bytes.resize(at + size + TAILROOM, 0);
        }
        self.bytes.get_mut(at..at + size).unwrap_or_default()
    }

    /// Makes one message of the first `size` bytes of the room. `false` when it cannot be one.
    pub fn seal(&mut self, size: usize, envelope: &Envelope<'_>) -> bool {
        let at = self.end + HEADROOM;
        let mask = self.mask();
        let Ok(message) = envelope::wrap(&mut self.bytes, at..at + size, envelope, Some(mask)) else {
            return false;
        };
        if self.is_empty() {
            (self.start, self.end) = (message.start, message.end);
        } else {
            let size = message.len();
            self.bytes.copy_within(message, self.end);
            self.end += size;
        }
        true
    }

    /// Adds a message without payload.
    pub fn put(&mut self, envelope: &Envelope<'_>) {
        self.room(0);
        self.seal(0, envelope);
    }

    /// Adds a ping or pong.
    pub fn control(&mut self, opcode: Opcode, payload: &[u8]) {
        let mask = self.mask();
        let mut frame = Vec::new();
        websocket::put_control(&mut frame, opcode, payload, Some(mask));
        self.append(&frame);
    }

    /// Adds a close frame.
    pub fn close(&mut self, code: u16, reason: &str) {
        let mask = self.mask();
        let mut frame = Vec::new();
        websocket::put_close(&mut frame, code, reason, Some(mask));
        self.append(&frame);
    }

    /// Gives the memory back while nothing waits.
    pub fn rest(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }

    fn append(&mut self, frame: &[u8]) {
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(frame);
        self.end = self.bytes.len();
    }

    /// The next mask: they must differ and not be guessable by who chose the payload. (splitmix64)
    fn mask(&mut self) -> [u8; 4] {
        self.masks = self.masks.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.masks;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) as u32).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_tunnel::frame::{Split, split};
    use adit_tunnel::message::{Message, Type};
    use adit_tunnel::websocket::{Event, Reader, Role};

    fn decode(mut bytes: Vec<u8>) -> Vec<Message> {
        let mut reader = Reader::new(Role::Server);
        let (mut clean, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let step = reader.step(&mut bytes[at..]).unwrap();
            if step.event == Event::Data {
                clean.extend_from_slice(&bytes[at..at + step.taken]);
            }
            at += step.taken;
        }
        let (mut messages, mut rest) = (Vec::new(), clean.as_slice());
        while let Ok(Split::Whole(len)) = split(rest) {
            messages.push(Message::decode(&rest[2..2 + len]).unwrap());
            rest = &rest[2 + len..];
        }
        assert!(rest.is_empty());
        messages
    }

    #[test]
    fn messages_of_all_sizes_follow_each_other_without_gaps() {
        let mut outbox = Outbox::new(7);
        let envelope = Envelope { kind: Type::Data, stream_id: 300, service_id: "SSH", connection_id: 2 };
        let sizes = [1, 0, 125, 126, 127, 128, 16_383, 16_384, 64_512, 3];
        for size in sizes {
            let room = outbox.room(64_512);
            room[..size].fill(size as u8);
            assert!(outbox.seal(size, &envelope));
            outbox.put(&Envelope { kind: Type::ConnectionReset, ..envelope });
        }
        let all = outbox.waiting().to_vec();
        let first = all.len() / 3;
        outbox.sent(first);
        assert_eq!(outbox.waiting(), &all[first..]);
        outbox.control(Opcode::Ping, b"1");
        outbox.close(1000, "");
        let messages = decode(all);
        assert_eq!(messages.len(), 2 * sizes.len());
        for (pair, size) in messages.chunks(2).zip(sizes) {
            assert_eq!(pair[0].payload, vec![size as u8; size]);
            assert_eq!((pair[0].service_id.as_str(), pair[0].connection_id), ("SSH", 2));
            assert_eq!(pair[1].kind, Type::ConnectionReset);
        }
        outbox.sent(outbox.len());
        outbox.rest();
        assert!(outbox.is_empty());
    }
}

//! MQTT 3.1.1 as far as the generator needs it: packets encoded beforehand, and what comes back taken apart.

use crate::fail::{Result, fail};

/// Bytes of every payload.
pub const PAYLOAD: usize = 256;

const CONNACK: u8 = 0x20;
const SUBACK: u8 = 0x90;
const PUBACK: u8 = 0x40;
/// Publisher, number and time: what the generator writes at the start of a payload.
const HEAD: usize = 20;
/// A remaining length has at most four bytes (MQTT 3.1.1 §2.2.3).
const LENGTH_BYTES: usize = 4;

/// CONNECT with an empty will and no user name.
pub fn connect(client_id: &str, clean: bool) -> Vec<u8> {
    let flags = if clean { 0x02 } else { 0x00 };
    let keep_alive = 1200_u16.to_be_bytes();
    let head = [&[0, 4][..], b"MQTT", &[4, flags], &keep_alive].concat();
    packet(0x10, &[&head, &text(client_id)])
}

/// SUBSCRIBE to one filter, with packet identifier 1.
pub fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[&[0, 1], &text(filter), &[qos]])
}

/// DISCONNECT.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Appends a PUBACK.
pub fn puback(id: u16, to: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    to.extend_from_slice(&[PUBACK, 2, high, low]);
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length, text.as_bytes()].concat()
}

fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let more = left > 0x7f;
        packet.push(u8::try_from(left & 0x7f).unwrap_or_default() | if more { 0x80 } else { 0 });
        left >>= 7;
        if !more {
            break;
        }
    }
    packet.extend_from_slice(&body);
    packet
}

/// What tells one message from another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    pub publisher: u32,
    /// From 0, without gaps.
    pub number: u64,
    /// When it was to be sent, in ns of the run; 0 where nobody asks.
    pub due: u64,
}

/// A PUBLISH encoded once; each use copies it and writes the mark and the packet identifier.
pub struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
    qos: u8,
    publisher: u32,
}

impl Template {
    pub fn new(topic: &str, qos: u8, publisher: u32) -> Self {
        let topic = text(topic);
        let id = [0; 2];
        let whole =
            packet(0x30 | qos << 1, &[&topic, if qos > 0 { &id } else { &[] }, &[0; HEAD], filling()]);
        let split = whole.len() - PAYLOAD - if qos > 0 { 2 } else { 0 };
        let before = whole.get(..split).unwrap_or_default().to_vec();
        Self { before, after: filling().to_vec(), qos, publisher }
    }

    /// Appends the message of that number.
    pub fn write(&self, number: u64, due: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.before);
        if self.qos > 0 {
            to.extend_from_slice(&id_of(number).to_be_bytes());
        }
        to.extend_from_slice(&self.publisher.to_be_bytes());
        to.extend_from_slice(&number.to_be_bytes());
        to.extend_from_slice(&due.to_be_bytes());
        to.extend_from_slice(&self.after);
    }
}

/// Packet identifier of a publisher's message: 1 to 65,535, over and over.
pub fn id_of(number: u64) -> u16 {
    u16::try_from(number % u64::from(u16::MAX)).unwrap_or_default() + 1
}

/// The same bytes after the mark in every payload; the receiver compares them.
fn filling() -> &'static [u8] {
    const BYTES: [u8; PAYLOAD - HEAD] = {
        let mut bytes = [0; PAYLOAD - HEAD];
        let mut at = 0;
        while at < bytes.len() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::indexing_slicing,
                reason = "below 256; constant"
            )]
            {
                bytes[at] = (at as u8).wrapping_mul(31) ^ 0x5a;
            }
            at += 1;
        }
        bytes
    };
    &BYTES
}

/// What a broker sends.
#[derive(Debug, PartialEq)]
pub enum Packet {
    Connack {
        present: bool,
        code: u8,
    },
    Suback(u8),
    Puback(u16),
    /// A message of ours, compared byte by byte. The identifier is 0 at QoS 0.
    Publish {
        mark: Mark,
        id: u16,
        again: bool,
    },
}

/// Bytes that have come, taken apart packet by packet.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    /// Where new bytes go.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        &mut self.bytes
    }

    /// The next complete packet.
    pub fn next(&mut self) -> Result<Option<Packet>> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((first, head, length)) = header(rest) else { return Ok(None) };
        let Some(body) = rest.get(head..head + length) else { return Ok(None) };
        let packet = decode(first, body)?;
        self.taken += head + length;
        Ok(Some(packet))
    }

    /// Gives the memory back.
    pub fn shrink(&mut self) {
        self.room().shrink_to_fit();
    }
}

/// First byte, bytes of the fixed header, remaining length.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let mut length = 0;
    for (at, &byte) in rest.iter().take(LENGTH_BYTES).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((first, at + 2, length));
        }
    }
    None
}

fn decode(first: u8, body: &[u8]) -> Result<Packet> {
    match (first & 0xf0, body) {
        (CONNACK, &[present, code]) => Ok(Packet::Connack { present: present & 1 == 1, code }),
        (SUBACK, &[_, _, code]) => Ok(Packet::Suback(code)),
        (PUBACK, &[high, low]) => Ok(Packet::Puback(u16::from_be_bytes([high, low]))),
        (0x30, _) => match publish(first, body) {
            Some(packet) => Ok(packet),
            None => fail("a message came that is not one of ours, byte for byte"),
        },
        _ => fail(format!("a packet came that nobody asked for: type {:#04x}, {} bytes", first, body.len())),
    }
}

fn publish(first: u8, body: &[u8]) -> Option<Packet> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*length))..)?;
    let (id, payload) = match first & 0x06 {
        0 => (0, rest),
        _ => rest.split_first_chunk().map(|(id, payload)| (u16::from_be_bytes(*id), payload))?,
    };
    let (publisher, rest) = payload.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (due, rest) = rest.split_first_chunk()?;
    let mark = Mark {
        publisher: u32::from_be_bytes(*publisher),
        number: u64::from_be_bytes(*number),
        due: u64::from_be_bytes(*due),
    };
    (rest == filling()).then_some(Packet::Publish { mark, id, again: first & 0x08 != 0 })
}

#[cfg(test)]
mod tests {
    use super::{Inbox, Mark, Packet, Template, connect, id_of, puback};

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        let mut inbox = Inbox::default();
        for qos in [0, 1] {
            let template = Template::new("bench/a", qos, 7);
            template.write(65_535, 99, inbox.room());
            let id = if qos == 0 { 0 } else { 1 };
            let mark = Mark { publisher: 7, number: 65_535, due: 99 };
            assert_eq!(inbox.next().unwrap(), Some(Packet::Publish { mark, id, again: false }));
        }
        assert_eq!(inbox.next().unwrap(), None);
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut inbox = Inbox::default();
        Template::new("bench/a", 0, 7).write(1, 0, inbox.room());
        let last = inbox.room().len() - 1;
        inbox.room()[last] ^= 1;
        assert!(inbox.next().is_err());
    }

    #[test]
    fn a_part_of_a_packet_waits_for_the_rest() {
        let mut whole = Vec::new();
        puback(513, &mut whole);
        let mut inbox = Inbox::default();
        for byte in &whole[..3] {
            inbox.room().push(*byte);
            assert_eq!(inbox.next().unwrap(), None);
        }
        inbox.room().push(whole[3]);
        assert_eq!(inbox.next().unwrap(), Some(Packet::Puback(513)));
    }

    #[test]
    fn identifiers_are_never_zero() {
        assert_eq!((id_of(0), id_of(65_534), id_of(65_535)), (1, 65_535, 1));
    }

    #[test]
    fn connect_is_what_the_standard_shows() {
        assert_eq!(connect("a", true), b"\x10\x0d\x00\x04MQTT\x04\x02\x04\xb0\x00\x01a");
    }
}

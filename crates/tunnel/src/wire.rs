//! Protobuf's tags, varints and blocks, as far as the seven fields need them.

use crate::limits;
use crate::message::Misdeed;

pub(crate) const TYPE: u8 = 1;
pub(crate) const STREAM_ID: u8 = 2;
pub(crate) const IGNORABLE: u8 = 3;
pub(crate) const PAYLOAD: u8 = 4;
pub(crate) const SERVICE_ID: u8 = 5;
pub(crate) const AVAILABLE_SERVICE_IDS: u8 = 6;
pub(crate) const CONNECTION_ID: u8 = 7;

const VARINT: u8 = 0;
const BLOCK: u8 = 2;

/// Bytes of the longest varint we write: 32 bits in groups of seven.
pub(crate) const VARINT_MAX: usize = 5;

/// The wire type a field must have.
pub(crate) fn type_of(field: u8) -> Result<u8, Misdeed> {
    match field {
        TYPE | STREAM_ID | IGNORABLE | CONNECTION_ID => Ok(VARINT),
        PAYLOAD | SERVICE_ID | AVAILABLE_SERVICE_IDS => Ok(BLOCK),
        _ => Err(Misdeed::UnknownField),
    }
}

/// The tag byte of a field; all our field numbers fit one byte.
pub(crate) fn tag_of(field: u8) -> u8 {
    let wire_type = match field {
        PAYLOAD | SERVICE_ID | AVAILABLE_SERVICE_IDS => BLOCK,
        _ => VARINT,
    };
    field << 3 | wire_type
}

/// A cursor over one message.
pub(crate) struct Reader<'a> {
    all: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { all: bytes.len(), rest: bytes }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.all - self.rest.len()
    }

    /// The next field number and wire type, or `None` at the end.
    pub(crate) fn tag(&mut self) -> Result<Option<(u8, u8)>, Misdeed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        match u8::try_from(tag >> 3) {
            Ok(field @ TYPE..=CONNECTION_ID) => Ok(Some((field, (tag & 7) as u8))),
            _ => Err(Misdeed::UnknownField),
        }
    }

    /// A varint that fits 32 bits.
    pub(crate) fn number(&mut self) -> Result<u32, Misdeed> {
        u32::try_from(self.varint(VARINT_MAX)?).map_err(|_| Misdeed::NumberTooLarge)
    }

    /// A stream id: protobuf writes a negative 32-bit integer as a varint of ten bytes.
    pub(crate) fn stream_id(&mut self) -> Result<u32, Misdeed> {
        let value = self.varint(10)?;
        if i32::try_from(value).is_err() {
            let low = value as u32 as i32;
            let negative = low < 0;
            return Err(if negative { Misdeed::NegativeStreamId } else { Misdeed::NumberTooLarge });
        }
        Ok(value as u32)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Misdeed> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Misdeed::BadBoolean),
        }
    }

    /// A length and that many bytes.
    pub(crate) fn block(&mut self) -> Result<&'a [u8], Misdeed> {
        let len = self.number()? as usize;
        let (block, rest) = self.rest.split_at_checked(len).ok_or(Misdeed::Truncated)?;
        self.rest = rest;
        Ok(block)
    }

    pub(crate) fn service_id(&mut self) -> Result<&'a str, Misdeed> {
        let block = self.block()?;
        if block.len() > limits::SERVICE_ID {
            return Err(Misdeed::ServiceIdTooLong);
        }
        std::str::from_utf8(block).map_err(|_| Misdeed::ServiceIdNotText)
    }

    pub(crate) fn skip(&mut self, wire_type: u8) -> Result<(), Misdeed> {
        match wire_type {
            VARINT => self.varint(10).map(drop),
            _ => self.block().map(drop),
        }
    }

    fn varint(&mut self, longest: usize) -> Result<u64, Misdeed> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(longest).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < longest { Misdeed::Truncated } else { Misdeed::NumberTooLarge })
    }
}

/// Bytes of a number as a varint.
pub(crate) fn varint_len(value: u32) -> usize {
    (32 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A number as a varint: the bytes, of which the first [`varint_len`] count.
pub(crate) fn varint(mut value: u32) -> ([u8; VARINT_MAX], usize) {
    let len = varint_len(value);
    let mut bytes = [0u8; VARINT_MAX];
    for (index, byte) in bytes.iter_mut().take(len).enumerate() {
        let more = if index + 1 < len { 0x80 } else { 0 };
        *byte = (value & 0x7f) as u8 | more;
        value >>= 7;
    }
    (bytes, len)
}

/// Appends a varint field, unless it has the default value.
pub(crate) fn put_number(out: &mut Vec<u8>, field: u8, value: u32) {
    if value != 0 {
        out.push(tag_of(field));
        put_varint(out, value);
    }
}

/// Appends a block field, even an empty one.
pub(crate) fn put_block(out: &mut Vec<u8>, field: u8, block: &[u8]) {
    out.push(tag_of(field));
    put_varint(out, block.len() as u32);
    out.extend_from_slice(block);
}

fn put_varint(out: &mut Vec<u8>, value: u32) {
    let (bytes, len) = varint(value);
    out.extend(bytes.iter().take(len));
}

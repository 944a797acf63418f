//! Integers, text and properties as they lie in a packet.

use crate::misdeed::Misdeed;
use crate::packet::Kind;
use crate::property::Id;

/// The largest variable byte integer: four bytes of seven bits. spec: mqtt5 §1.5.5
pub(crate) const VARINT_MAX: u32 = 268_435_455;

/// Reads fields from the front of a packet's body.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) kind: Kind,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: Kind, rest: &'a [u8]) -> Self {
        Reader { kind, rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that was not read yet.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Misdeed> {
        let (front, rest) = self.rest.split_at_checked(len).ok_or(Misdeed::Truncated(self.kind))?;
        self.rest = rest;
        Ok(front)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Misdeed> {
        let (byte, rest) = self.rest.split_first().ok_or(Misdeed::Truncated(self.kind))?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Misdeed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Misdeed::Truncated(self.kind))?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Misdeed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Misdeed::Truncated(self.kind))?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A packet identifier, never 0.
    pub(crate) fn packet_id(&mut self) -> Result<u16, Misdeed> {
        match self.u16()? {
            0 => Err(Misdeed::PacketIdZero(self.kind)),
            id => Ok(id),
        }
    }

    /// A variable byte integer in its shortest form. spec: mqtt5 §1.5.5
    pub(crate) fn varint(&mut self) -> Result<u32, Misdeed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(Misdeed::NumberNotShortest) };
            }
        }
        Err(Misdeed::NumberTooLong)
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Misdeed> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// UTF-8 without U+0000. spec: mqtt5 §1.5.4
    pub(crate) fn text(&mut self) -> Result<&'a str, Misdeed> {
        let bytes = self.binary()?;
        if bytes.contains(&0) {
            return Err(Misdeed::NulInText);
        }
        std::str::from_utf8(bytes).map_err(|_| Misdeed::NotUtf8)
    }

    /// The properties that follow, without the length in front. spec: mqtt5 §2.2.2.1
    pub(crate) fn properties(&mut self) -> Result<Properties<'a>, Misdeed> {
        let len = self.varint()?;
        let raw = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        Ok(Properties { reader: Reader::new(self.kind, raw) })
    }

    /// Fails when bytes are left.
    pub(crate) fn end(self) -> Result<(), Misdeed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Misdeed::TrailingBytes(self.kind)) }
    }
}

/// One property, by the type of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property<'a> {
    /// A byte, two byte, four byte or variable byte integer.
    Number(Id, u32),
    Text(Id, &'a str),
    Binary(Id, &'a [u8]),
    Pair(Id, &'a str, &'a str),
}

impl Property<'_> {
    pub(crate) fn id(&self) -> Id {
        match *self {
            Property::Number(id, _)
            | Property::Text(id, _)
            | Property::Binary(id, _)
            | Property::Pair(id, _, _) => id,
        }
    }
}

/// Walks over encoded properties; ends after the first misdeed.
#[derive(Clone, Copy)]
pub(crate) struct Properties<'a> {
    reader: Reader<'a>,
}

impl<'a> Properties<'a> {
    /// Of a packet of this kind, without the length in front.
    pub(crate) fn new(kind: Kind, raw: &'a [u8]) -> Self {
        Properties { reader: Reader::new(kind, raw) }
    }

    /// What was not walked over yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.reader.rest
    }

    fn read(&mut self) -> Result<Property<'a>, Misdeed> {
        let reader = &mut self.reader;
        let number = reader.varint()?;
        let id = Id::of(number).ok_or(Misdeed::UnknownProperty(number))?;
        Ok(match id {
            Id::PayloadFormatIndicator
            | Id::RequestProblemInformation
            | Id::RequestResponseInformation
            | Id::MaximumQos
            | Id::RetainAvailable
            | Id::WildcardSubscriptionAvailable
            | Id::SubscriptionIdentifierAvailable
            | Id::SharedSubscriptionAvailable => match reader.u8()? {
                value @ (0 | 1) => Property::Number(id, u32::from(value)),
                _ => return Err(Misdeed::PropertyValue(id)),
            },
            Id::ServerKeepAlive | Id::ReceiveMaximum | Id::TopicAliasMaximum | Id::TopicAlias => {
                Property::Number(id, u32::from(reader.u16()?))
            }
            Id::MessageExpiryInterval
            | Id::SessionExpiryInterval
            | Id::WillDelayInterval
            | Id::MaximumPacketSize => Property::Number(id, reader.u32()?),
            Id::SubscriptionIdentifier => Property::Number(id, reader.varint()?),
            Id::ContentType
            | Id::ResponseTopic
            | Id::AssignedClientIdentifier
            | Id::AuthenticationMethod
            | Id::ResponseInformation
            | Id::ServerReference
            | Id::ReasonString => Property::Text(id, reader.text()?),
            Id::CorrelationData | Id::AuthenticationData => Property::Binary(id, reader.binary()?),
            Id::UserProperty => Property::Pair(id, reader.text()?, reader.text()?),
        })
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = Result<Property<'a>, Misdeed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.reader.rest = &[];
        }
        Some(read)
    }
}

/// Bytes of a variable byte integer.
pub(crate) fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// Appends a variable byte integer of at most [`VARINT_MAX`].
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    debug_assert!(value <= VARINT_MAX as usize);
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends two bytes of length and the bytes; more than 65,535 are cut, which callers check before.
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= usize::from(u16::MAX));
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes.get(..usize::from(len)).unwrap_or_default());
}

//! The message of the tunnel protocol: seven protobuf fields, read and written by hand.
//!
//! [`View`] is what the data path uses: it borrows and allocates nothing. [`Message`] owns its parts, for
//! control messages and tests. Decoding is strict: an unknown field, a repeated scalar or a wrong wire type is
//! a [`Misdeed`] (spec: secure-tunneling §4.6 rule 1).

use std::fmt;

use crate::limits;
use crate::wire::{self, Reader};

/// What a message is for. spec: secure-tunneling §4.4
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// The default value, which nobody may send.
    Unknown,
    /// Bytes of a connection.
    Data,
    /// The source opens a stream.
    StreamStart,
    /// Either side ends a stream and all its connections.
    StreamReset,
    /// Ends everything; we never send it (spec: secure-tunneling §4.8).
    SessionReset,
    /// The server announces the services of the tunnel.
    ServiceIds,
    /// The source opens one more connection in a stream.
    ConnectionStart,
    /// Either side ends one connection.
    ConnectionReset,
    /// A number this version of the protocol does not define.
    Other(u32),
}

impl Type {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Type::Unknown => 0,
            Type::Data => 1,
            Type::StreamStart => 2,
            Type::StreamReset => 3,
            Type::SessionReset => 4,
            Type::ServiceIds => 5,
            Type::ConnectionStart => 6,
            Type::ConnectionReset => 7,
            Type::Other(number) => number,
        }
    }

    fn of_number(number: u32) -> Type {
        match number {
            0 => Type::Unknown,
            1 => Type::Data,
            2 => Type::StreamStart,
            3 => Type::StreamReset,
            4 => Type::SessionReset,
            5 => Type::ServiceIds,
            6 => Type::ConnectionStart,
            7 => Type::ConnectionReset,
            other => Type::Other(other),
        }
    }
}

/// How bytes fail to be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misdeed {
    /// The length prefix announces no bytes at all.
    Empty,
    /// A field reaches past the end of the message.
    Truncated,
    /// A varint does not fit 32 bits or takes more than five bytes.
    NumberTooLarge,
    /// `streamId` is negative.
    NegativeStreamId,
    /// `ignorable` is neither 0 nor 1.
    BadBoolean,
    /// A field number outside 1 to 7.
    UnknownField,
    /// A known field with the wrong wire type.
    WrongWireType,
    /// A field that may come once comes twice.
    RepeatedField,
    /// `payload` is longer than [`limits::PAYLOAD`].
    PayloadTooLarge,
    /// A service id is longer than [`limits::SERVICE_ID`].
    ServiceIdTooLong,
    /// A service id is not UTF-8.
    ServiceIdNotText,
}

impl Misdeed {
    /// The sentence for logs and close reasons; at most [`limits::CLOSE_REASON`] bytes.
    pub fn text(self) -> &'static str {
        match self {
            Misdeed::Empty => "A message of length 0 is not allowed",
            Misdeed::Truncated => "The message ends inside a field",
            Misdeed::NumberTooLarge => "A number in the message does not fit 32 bits",
            Misdeed::NegativeStreamId => "streamId must be greater than 0",
            Misdeed::BadBoolean => "ignorable must be 0 or 1",
            Misdeed::UnknownField => "The message has an unknown field; fields 1 to 7 are known",
            Misdeed::WrongWireType => "A field of the message has the wrong wire type",
            Misdeed::RepeatedField => "A field of the message comes twice",
            Misdeed::PayloadTooLarge => "The payload is longer than 64512 bytes",
            Misdeed::ServiceIdTooLong => "A service id is longer than 128 bytes",
            Misdeed::ServiceIdNotText => "A service id is not UTF-8",
        }
    }
}

impl fmt::Display for Misdeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Misdeed {}

/// A message read in place. spec: secure-tunneling §4.4
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// What the message is for.
    pub kind: Type,
    /// The stream, or 0 for none.
    pub stream_id: u32,
    /// Whether a receiver that does not know `kind` must skip the message.
    pub ignorable: bool,
    /// The bytes carried; at most [`limits::PAYLOAD`].
    pub payload: &'a [u8],
    /// The service, or empty for none.
    pub service_id: &'a str,
    /// The connection inside the stream, or 0 for none.
    pub connection_id: u32,
    /// How many service ids are announced; take them with [`View::available_service_ids`].
    pub available: usize,
    /// Where the value of `streamId` (without its tag) lies in the decoded bytes: offset and length.
    /// Length 0 when the field is absent.
    pub stream_id_at: (usize, usize),
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// Reads one whole message, without the length prefix. Allocates nothing.
    ///
    /// Fails with the first [`Misdeed`] found.
    pub fn decode(bytes: &'a [u8]) -> Result<View<'a>, Misdeed> {
        if bytes.is_empty() {
            return Err(Misdeed::Empty);
        }
        let mut view = View {
            kind: Type::Unknown,
            stream_id: 0,
            ignorable: false,
            payload: &[],
            service_id: "",
            connection_id: 0,
            available: 0,
            stream_id_at: (0, 0),
            bytes,
        };
        let mut seen = 0u8;
        let mut reader = Reader::new(bytes);
        while let Some((field, wire_type)) = reader.tag()? {
            if wire_type != wire::type_of(field)? {
                return Err(Misdeed::WrongWireType);
            }
            let bit = 1u8 << field;
            if seen & bit != 0 && field != wire::AVAILABLE_SERVICE_IDS {
                return Err(Misdeed::RepeatedField);
            }
            seen |= bit;
            view.take(field, &mut reader)?;
        }
        Ok(view)
    }

    fn take(&mut self, field: u8, reader: &mut Reader<'a>) -> Result<(), Misdeed> {
        match field {
            wire::TYPE => self.kind = Type::of_number(reader.number()?),
            wire::STREAM_ID => {
                let start = reader.position();
                self.stream_id = reader.stream_id()?;
                self.stream_id_at = (start, reader.position() - start);
            }
            wire::IGNORABLE => self.ignorable = reader.boolean()?,
            wire::PAYLOAD => {
                self.payload = reader.block()?;
                if self.payload.len() > limits::PAYLOAD {
                    return Err(Misdeed::PayloadTooLarge);
                }
            }
            wire::SERVICE_ID => self.service_id = reader.service_id()?,
            wire::AVAILABLE_SERVICE_IDS => {
                reader.service_id()?;
                self.available += 1;
            }
            _ => self.connection_id = reader.number()?,
        }
        Ok(())
    }

    /// The announced service ids, in order.
    pub fn available_service_ids(&self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            loop {
                let (field, wire_type) = reader.tag().ok()??;
                if field == wire::AVAILABLE_SERVICE_IDS {
                    return reader.service_id().ok();
                }
                reader.skip(wire_type).ok()?;
            }
        })
    }
}

/// A message that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the message is for.
    pub kind: Type,
    /// The stream, or 0 for none. At most `i32::MAX`.
    pub stream_id: u32,
    /// Whether a receiver that does not know `kind` must skip the message.
    pub ignorable: bool,
    /// The bytes carried; at most [`limits::PAYLOAD`].
    pub payload: Vec<u8>,
    /// The service, or empty for none.
    pub service_id: String,
    /// The announced services; only in [`Type::ServiceIds`].
    pub available_service_ids: Vec<String>,
    /// The connection inside the stream, or 0 for none.
    pub connection_id: u32,
}

impl Message {
    /// A message with nothing but its type.
    pub fn new(kind: Type) -> Message {
        Message {
            kind,
            stream_id: 0,
            ignorable: false,
            payload: Vec::new(),
            service_id: String::new(),
            available_service_ids: Vec::new(),
            connection_id: 0,
        }
    }

    /// A message about a stream; an empty service and a connection of 0 are left out on the wire.
    pub fn of_stream(kind: Type, stream_id: u32, service_id: &str, connection_id: u32) -> Message {
        Message { stream_id, service_id: service_id.to_owned(), connection_id, ..Message::new(kind) }
    }

    /// The announcement of a tunnel's services, in order. spec: secure-tunneling §4.5
    pub fn announcing(services: &[impl AsRef<str>]) -> Message {
        let available_service_ids = services.iter().map(|id| id.as_ref().to_owned()).collect();
        Message { available_service_ids, ..Message::new(Type::ServiceIds) }
    }

    /// Reads one whole message, without the length prefix. Fails as [`View::decode`] does.
    pub fn decode(bytes: &[u8]) -> Result<Message, Misdeed> {
        let view = View::decode(bytes)?;
        Ok(Message {
            kind: view.kind,
            stream_id: view.stream_id,
            ignorable: view.ignorable,
            payload: view.payload.to_vec(),
            service_id: view.service_id.to_owned(),
            available_service_ids: view.available_service_ids().map(str::to_owned).collect(),
            connection_id: view.connection_id,
        })
    }

    /// Appends the message, without a length prefix: fields in ascending order, defaults left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::put_number(out, wire::TYPE, self.kind.number());
        wire::put_number(out, wire::STREAM_ID, self.stream_id);
        wire::put_number(out, wire::IGNORABLE, u32::from(self.ignorable));
        if !self.payload.is_empty() {
            wire::put_block(out, wire::PAYLOAD, &self.payload);
        }
        if !self.service_id.is_empty() {
            wire::put_block(out, wire::SERVICE_ID, self.service_id.as_bytes());
        }
        for id in &self.available_service_ids {
            wire::put_block(out, wire::AVAILABLE_SERVICE_IDS, id.as_bytes());
        }
        wire::put_number(out, wire::CONNECTION_ID, self.connection_id);
    }
}

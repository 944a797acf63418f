//! From bytes to packets: strict, and without ever asking for more than a header before the size is judged.

mod connect;
mod subscribe;

use crate::limits;
use crate::message::once;
use crate::misdeed::Misdeed;
use crate::packet::{Ack, Auth, Disconnect, Incoming, Kind, Packet, PublishRef, QoS, Role, Version};
use crate::property::{AckProperties, AuthProperties, DisconnectProperties, Id, PublishProperties};
use crate::reason::Reason;
use crate::wire::{Property, Reader};

pub use self::connect::connect_version;

/// Reads the packets of one connection. A small value: it holds no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// Which end we are.
    pub role: Role,
    /// What the connection speaks. None for a server before CONNECT: then nothing else is read.
    pub version: Option<Version>,
    /// Bytes a packet may have after its fixed header.
    pub max_packet: usize,
}

/// What stands at the front of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A whole packet.
    Packet {
        /// What it says.
        packet: Incoming<'a>,
        /// How many bytes it takes.
        taken: usize,
    },
    /// There must be at least so many bytes in all before it is worth asking again; never more than
    /// `max_packet` and [`limits::FIXED_HEADER`] together.
    Missing(usize),
}

/// A fixed header. spec: mqtt5 §2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which packet.
    pub kind: Kind,
    /// The lower half of the first byte.
    pub flags: u8,
    /// Bytes of the header itself, 2 to 5.
    pub len: usize,
    /// The remaining length: bytes after the header.
    pub body: usize,
    /// Whether the remaining length is written in as few bytes as possible.
    shortest: bool,
}

impl Decoder {
    /// The packet at the front of `bytes`. Takes nothing away and keeps nothing.
    ///
    /// Fails with the first [`Misdeed`] found, as soon as the bytes that show it are there.
    pub fn next<'a>(&self, bytes: &'a [u8]) -> Result<Next<'a>, Misdeed> {
        let Some(header) = self.header(bytes)? else {
            return Ok(Next::Missing(bytes.len().max(1) + 1));
        };
        let taken = header.len + header.body;
        match bytes.get(header.len..taken) {
            Some(body) => Ok(Next::Packet { packet: self.packet(&header, body)?, taken }),
            None => Ok(Next::Missing(taken)),
        }
    }

    /// The header at the front of `bytes`, or None while it is not complete.
    ///
    /// Fails when no packet may begin like this: unknown type, wrong direction, reserved flags, too large.
    pub fn header(&self, bytes: &[u8]) -> Result<Option<Header>, Misdeed> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let kind = self.kind(*first)?;
        let mut body = 0;
        for (at, byte) in rest.iter().take(limits::FIXED_HEADER - 1).enumerate() {
            body |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                let shortest = *byte != 0 || at == 0;
                if !shortest && self.version == Some(Version::V5) {
                    return Err(Misdeed::NumberNotShortest);
                }
                if body > self.max_packet {
                    return Err(Misdeed::PacketTooLarge { bytes: body, max: self.max_packet });
                }
                return Ok(Some(Header { kind, flags: first & 0x0f, len: at + 2, body, shortest }));
            }
        }
        if rest.len() >= limits::FIXED_HEADER - 1 { Err(Misdeed::RemainingLengthTooLong) } else { Ok(None) }
    }

    /// The packet with this header and body; the body must be as long as the header says.
    ///
    /// Fails with the first [`Misdeed`] found.
    pub fn packet<'a>(&self, header: &Header, body: &'a [u8]) -> Result<Incoming<'a>, Misdeed> {
        let mut reader = Reader::new(header.kind, body);
        let Some(version) = self.version else {
            let connect = connect::connect(reader, header.shortest)?;
            return Ok(Incoming::Packet(Packet::Connect(Box::new(connect))));
        };
        let reader = &mut reader;
        Ok(Incoming::Packet(match header.kind {
            Kind::Publish => {
                return Ok(Incoming::Publish(publish(*reader, version, self.role, header.flags)?));
            }
            Kind::Connect => return Err(Misdeed::SecondConnect),
            Kind::ConnAck => Packet::ConnAck(Box::new(connect::connack(reader, version)?)),
            Kind::PubAck => Packet::PubAck(ack(reader, version)?),
            Kind::PubRec => Packet::PubRec(ack(reader, version)?),
            Kind::PubRel => Packet::PubRel(ack(reader, version)?),
            Kind::PubComp => Packet::PubComp(ack(reader, version)?),
            Kind::Subscribe => Packet::Subscribe(subscribe::subscribe(reader, version)?),
            Kind::SubAck => Packet::SubAck(subscribe::suback(reader, version)?),
            Kind::Unsubscribe => Packet::Unsubscribe(subscribe::unsubscribe(reader, version)?),
            Kind::UnsubAck => Packet::UnsubAck(subscribe::unsuback(reader, version)?),
            Kind::PingReq => empty(*reader, Packet::PingReq)?,
            Kind::PingResp => empty(*reader, Packet::PingResp)?,
            Kind::Disconnect => Packet::Disconnect(disconnect(reader, version, self.role)?),
            Kind::Auth => Packet::Auth(Box::new(auth(reader)?)),
        }))
    }

    /// Judges the first byte.
    fn kind(&self, first: u8) -> Result<Kind, Misdeed> {
        let number = first >> 4;
        let kind = Kind::of(number).ok_or(Misdeed::UnknownPacket(number))?;
        let from_here = match kind {
            Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::PingReq => self.role == Role::Server,
            Kind::ConnAck | Kind::SubAck | Kind::UnsubAck | Kind::PingResp => self.role == Role::Client,
            Kind::Disconnect => self.role == Role::Server || self.version != Some(Version::V4),
            Kind::Auth if self.version == Some(Version::V4) => return Err(Misdeed::UnknownPacket(number)),
            _ => true,
        };
        if !from_here {
            return Err(Misdeed::WrongDirection(kind));
        }
        match (kind, self.version) {
            (Kind::Connect, Some(_)) => return Err(Misdeed::SecondConnect),
            (Kind::Connect, None) | (_, Some(_)) => {}
            (_, None) => return Err(Misdeed::ConnectExpected(kind)),
        }
        let flags = first & 0x0f;
        let prescribed = match kind {
            Kind::Publish => return publish_flags(flags).map(|_| kind),
            Kind::PubRel | Kind::Subscribe | Kind::Unsubscribe => 0b0010,
            _ => 0,
        };
        if flags == prescribed { Ok(kind) } else { Err(Misdeed::ReservedFlags(kind)) }
    }
}

/// DUP, QoS and RETAIN. spec: mqtt5 §3.3.1
fn publish_flags(flags: u8) -> Result<(bool, QoS, bool), Misdeed> {
    let dup = flags & 0b1000 != 0;
    let qos = QoS::of(flags >> 1 & 0b11).ok_or(Misdeed::Qos3)?;
    if dup && qos == QoS::AtMostOnce {
        return Err(Misdeed::DupAtQos0);
    }
    Ok((dup, qos, flags & 1 != 0))
}

fn publish(
    mut reader: Reader<'_>,
    version: Version,
    role: Role,
    flags: u8,
) -> Result<PublishRef<'_>, Misdeed> {
    let (dup, qos, retain) = publish_flags(flags)?;
    let topic = reader.text()?;
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { reader.packet_id()? };
    let properties = match version {
        Version::V4 => PublishProperties::none(),
        Version::V5 => PublishProperties::check(reader.properties()?.rest(), Kind::Publish)?,
    };
    if properties.has_subscription_ids && role == Role::Server {
        return Err(Misdeed::SubscriptionIdFromClient);
    }
    if topic.is_empty() && properties.topic_alias.is_none() {
        return Err(Misdeed::NoTopic);
    }
    Ok(PublishRef { dup, qos, retain, topic, packet_id, properties, payload: reader.rest() })
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP. spec: mqtt5 §3.4.2
fn ack(reader: &mut Reader<'_>, version: Version) -> Result<Ack, Misdeed> {
    let packet_id = reader.packet_id()?;
    if version == Version::V4 {
        reader.end()?;
        return Ok(Ack::new(packet_id, Reason::Success));
    }
    let reason = if reader.is_empty() { Reason::Success } else { reason(reader)? };
    let properties = if reader.is_empty() { None } else { ack_properties(reader)? };
    reader.end()?;
    Ok(Ack { packet_id, reason, properties })
}

/// A reason code that this packet may carry.
fn reason(reader: &mut Reader<'_>) -> Result<Reason, Misdeed> {
    let code = reader.u8()?;
    Reason::of(code)
        .filter(|reason| reason.allowed_in(reader.kind))
        .ok_or(Misdeed::ReasonCode(reader.kind, code))
}

fn ack_properties(reader: &mut Reader<'_>) -> Result<Option<Box<AckProperties>>, Misdeed> {
    let mut own = AckProperties::default();
    for property in reader.properties()? {
        match property? {
            Property::Text(id @ Id::ReasonString, text) => once(&mut own.reason_string, id, text.to_owned())?,
            Property::Pair(_, name, value) => own.user_properties.push((name.to_owned(), value.to_owned())),
            other => return Err(Misdeed::PropertyNotAllowed(reader.kind, other.id())),
        }
    }
    Ok((own != AckProperties::default()).then(|| Box::new(own)))
}

fn empty(reader: Reader<'_>, packet: Packet) -> Result<Packet, Misdeed> {
    reader.end().map(|()| packet)
}

/// spec: mqtt5 §3.14.2
fn disconnect(reader: &mut Reader<'_>, version: Version, role: Role) -> Result<Disconnect, Misdeed> {
    if version == Version::V4 || reader.is_empty() {
        reader.end()?;
        return Ok(Disconnect { reason: Reason::Success, properties: None });
    }
    let reason = reason(reader)?;
    let possible = match role {
        Role::Server => reason.allowed_in_disconnect_of_client(),
        Role::Client => reason != Reason::DisconnectWithWill,
    };
    if !possible {
        return Err(Misdeed::ReasonCode(Kind::Disconnect, reason.code()));
    }
    if reader.is_empty() {
        return Ok(Disconnect { reason, properties: None });
    }
    let mut own = DisconnectProperties::default();
    for property in reader.properties()? {
        match (property?, role) {
            (Property::Number(id @ Id::SessionExpiryInterval, value), Role::Server) => {
                once(&mut own.session_expiry, id, value)?;
            }
            (Property::Text(id @ Id::ReasonString, text), _) => {
                once(&mut own.reason_string, id, text.to_owned())?;
            }
            (Property::Text(id @ Id::ServerReference, text), Role::Client) => {
                once(&mut own.server_reference, id, text.to_owned())?;
            }
            (Property::Pair(_, name, value), _) => {
                own.user_properties.push((name.to_owned(), value.to_owned()));
            }
            (other, _) => return Err(Misdeed::PropertyNotAllowed(Kind::Disconnect, other.id())),
        }
    }
    reader.end()?;
    let properties = (own != DisconnectProperties::default()).then(|| Box::new(own));
    Ok(Disconnect { reason, properties })
}

/// spec: mqtt5 §3.15.2
fn auth(reader: &mut Reader<'_>) -> Result<Auth, Misdeed> {
    let mut own = AuthProperties::default();
    if reader.is_empty() {
        return Ok(Auth { reason: Reason::Success, properties: own });
    }
    let reason = reason(reader)?;
    if reader.is_empty() {
        return Ok(Auth { reason, properties: own });
    }
    for property in reader.properties()? {
        match property? {
            Property::Text(id @ Id::AuthenticationMethod, text) => {
                once(&mut own.authentication_method, id, text.to_owned())?;
            }
            Property::Binary(id @ Id::AuthenticationData, bytes) => {
                once(&mut own.authentication_data, id, bytes.into())?;
            }
            Property::Text(id @ Id::ReasonString, text) => once(&mut own.reason_string, id, text.to_owned())?,
            Property::Pair(_, name, value) => own.user_properties.push((name.to_owned(), value.to_owned())),
            other => return Err(Misdeed::PropertyNotAllowed(Kind::Auth, other.id())),
        }
    }
    reader.end()?;
    if own.authentication_data.is_some() && own.authentication_method.is_none() {
        return Err(Misdeed::AuthenticationDataAlone);
    }
    Ok(Auth { reason, properties: own })
}

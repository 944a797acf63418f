//! From packets to bytes, appended to what is already going out.

mod properties;

use std::fmt;

use crate::limits;
use crate::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Kind, Outgoing, Packet, Publish, QoS, SubAck, Subscribe,
    Unsubscribe, Version, Will,
};
use crate::property::Id;
use crate::reason::Reason;
use crate::wire::{put_binary, put_varint, varint_len};

/// A packet that MQTT cannot express: a text or binary field longer than [`limits::TEXT`], or more than
/// [`limits::REMAINING_LENGTH`] bytes in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a packet may have fields of {} bytes and {} bytes in all",
            limits::TEXT,
            limits::REMAINING_LENGTH
        )
    }
}

impl std::error::Error for TooLong {}

/// Appends a packet. What `version` does not know is left out.
///
/// Fails with [`TooLong`], and then appends nothing.
pub fn packet(out: &mut Vec<u8>, version: Version, packet: &Packet) -> Result<(), TooLong> {
    let start = out.len();
    let written = put_packet(out, version, packet);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends a delivery. Allocates nothing but room in `out`.
///
/// Fails with [`TooLong`], and then appends nothing.
pub fn delivery(out: &mut Vec<u8>, version: Version, delivery: &Outgoing<'_>) -> Result<(), TooLong> {
    Parts::of_delivery(version, delivery).put(out)
}

/// Bytes that [`delivery`] appends: what a client's Maximum Packet Size is compared with.
pub fn delivery_len(version: Version, delivery: &Outgoing<'_>) -> usize {
    let body = Parts::of_delivery(version, delivery).body_len();
    1 + varint_len(body) + body
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP without properties.
pub fn ack(out: &mut Vec<u8>, version: Version, kind: Kind, packet_id: u16, reason: Reason) {
    let [high, low] = packet_id.to_be_bytes();
    let first = first_byte(kind);
    if version == Version::V4 || reason == Reason::Success {
        out.extend_from_slice(&[first, 2, high, low]);
    } else {
        out.extend_from_slice(&[first, 3, high, low, reason.code()]);
    }
}

fn first_byte(kind: Kind) -> u8 {
    let flags = match kind {
        Kind::PubRel | Kind::Subscribe | Kind::Unsubscribe => 0b0010,
        _ => 0,
    };
    (kind as u8) << 4 | flags
}

fn put_packet(out: &mut Vec<u8>, version: Version, packet: &Packet) -> Result<(), TooLong> {
    if let Packet::Publish(publish) = packet {
        return Parts::of_publish(version, publish).put(out);
    }
    out.push(first_byte(packet.kind()));
    measured(out, limits::REMAINING_LENGTH, |out| match packet {
        Packet::Connect(connect) => put_connect(out, connect),
        Packet::ConnAck(connack) => put_connack(out, version, connack),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            put_ack(out, version, ack)
        }
        Packet::Subscribe(subscribe) => put_subscribe(out, version, subscribe),
        Packet::SubAck(suback) => put_suback(out, version, suback),
        Packet::Unsubscribe(unsubscribe) => put_unsubscribe(out, version, unsubscribe),
        Packet::UnsubAck(unsuback) => put_unsuback(out, version, unsuback),
        Packet::Disconnect(disconnect) => put_disconnect(out, version, disconnect),
        Packet::Auth(auth) => put_auth(out, auth),
        Packet::Publish(_) | Packet::PingReq | Packet::PingResp => Ok(()),
    })
}

/// Appends what `put` appends, with its length in front.
fn measured(
    out: &mut Vec<u8>,
    max: usize,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    let start = out.len();
    put(out)?;
    let len = out.len() - start;
    if len > max {
        return Err(TooLong);
    }
    put_varint(out, len);
    if let Some(written) = out.get_mut(start..) {
        written.rotate_right(varint_len(len));
    }
    Ok(())
}

fn put_field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TooLong> {
    if bytes.len() > limits::TEXT {
        return Err(TooLong);
    }
    put_binary(out, bytes);
    Ok(())
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_connect(out: &mut Vec<u8>, connect: &Connect) -> Result<(), TooLong> {
    let will = connect.will.as_deref();
    let flags = u8::from(connect.clean_start) << 1
        | will.map_or(0, |will| 1 << 2 | will.qos.level() << 3 | u8::from(will.retain) << 5)
        | u8::from(connect.password.is_some()) << 6
        | u8::from(connect.user_name.is_some()) << 7;
    put_field(out, b"MQTT")?;
    out.extend_from_slice(&[connect.version.level(), flags]);
    put_u16(out, connect.keep_alive);
    if connect.version.is_v5() {
        measured(out, limits::REMAINING_LENGTH, |out| properties::connect(out, &connect.properties))?;
    }
    put_field(out, connect.client_id.as_bytes())?;
    if let Some(will) = will {
        put_will(out, connect.version, will)?;
    }
    if let Some(user_name) = &connect.user_name {
        put_field(out, user_name.as_bytes())?;
    }
    if let Some(password) = &connect.password {
        put_field(out, password.as_bytes())?;
    }
    Ok(())
}

fn put_will(out: &mut Vec<u8>, version: Version, will: &Will) -> Result<(), TooLong> {
    if version.is_v5() {
        measured(out, limits::REMAINING_LENGTH, |out| {
            if will.delay > 0 {
                properties::number(out, Id::WillDelayInterval, will.delay);
            }
            properties::maybe_u32(out, Id::MessageExpiryInterval, will.message_expiry);
            out.extend_from_slice(will.properties.raw());
            Ok(())
        })?;
    }
    put_field(out, will.topic.as_bytes())?;
    put_field(out, &will.payload)
}

fn put_connack(out: &mut Vec<u8>, version: Version, connack: &ConnAck) -> Result<(), TooLong> {
    out.push(u8::from(connack.session_present));
    match version {
        Version::V4 => {
            out.push(connack.reason.connack_v4());
            Ok(())
        }
        Version::V5 => {
            out.push(connack.reason.code());
            measured(out, limits::REMAINING_LENGTH, |out| properties::connack(out, &connack.properties))
        }
    }
}

fn put_ack(out: &mut Vec<u8>, version: Version, ack: &Ack) -> Result<(), TooLong> {
    put_u16(out, ack.packet_id);
    if version == Version::V4 || (ack.reason == Reason::Success && ack.properties.is_none()) {
        return Ok(());
    }
    out.push(ack.reason.code());
    match &ack.properties {
        None => Ok(()),
        Some(own) => measured(out, limits::REMAINING_LENGTH, |out| properties::ack(out, own)),
    }
}

fn put_subscribe(out: &mut Vec<u8>, version: Version, subscribe: &Subscribe) -> Result<(), TooLong> {
    put_u16(out, subscribe.packet_id);
    if version.is_v5() {
        measured(out, limits::REMAINING_LENGTH, |out| {
            if let Some(id) = subscribe.properties.subscription_id {
                out.push(Id::SubscriptionIdentifier as u8);
                put_varint(out, id as usize);
            }
            properties::pairs(out, &subscribe.properties.user_properties)
        })?;
    }
    for wish in &subscribe.wishes {
        put_field(out, wish.filter.as_bytes())?;
        let mut options = wish.qos.level();
        if version.is_v5() {
            options |= u8::from(wish.no_local) << 2
                | u8::from(wish.retain_as_published) << 3
                | (wish.retain_handling as u8) << 4;
        }
        out.push(options);
    }
    Ok(())
}

fn put_suback(out: &mut Vec<u8>, version: Version, suback: &SubAck) -> Result<(), TooLong> {
    put_u16(out, suback.packet_id);
    match version {
        Version::V4 => out.extend(suback.reasons.iter().map(|reason| reason.suback_v4())),
        Version::V5 => put_reasons(out, suback)?,
    }
    Ok(())
}

fn put_unsuback(out: &mut Vec<u8>, version: Version, unsuback: &SubAck) -> Result<(), TooLong> {
    put_u16(out, unsuback.packet_id);
    if version.is_v5() { put_reasons(out, unsuback) } else { Ok(()) }
}

fn put_reasons(out: &mut Vec<u8>, suback: &SubAck) -> Result<(), TooLong> {
    measured(out, limits::REMAINING_LENGTH, |out| match &suback.properties {
        Some(own) => properties::ack(out, own),
        None => Ok(()),
    })?;
    out.extend(suback.reasons.iter().map(|reason| reason.code()));
    Ok(())
}

fn put_unsubscribe(out: &mut Vec<u8>, version: Version, unsubscribe: &Unsubscribe) -> Result<(), TooLong> {
    put_u16(out, unsubscribe.packet_id);
    if version.is_v5() {
        measured(out, limits::REMAINING_LENGTH, |out| properties::pairs(out, &unsubscribe.user_properties))?;
    }
    unsubscribe.filters.iter().try_for_each(|filter| put_field(out, filter.as_bytes()))
}

fn put_disconnect(out: &mut Vec<u8>, version: Version, disconnect: &Disconnect) -> Result<(), TooLong> {
    if version == Version::V4 || (disconnect.reason == Reason::Success && disconnect.properties.is_none()) {
        return Ok(());
    }
    out.push(disconnect.reason.code());
    match &disconnect.properties {
        None => Ok(()),
        Some(own) => measured(out, limits::REMAINING_LENGTH, |out| properties::disconnect(out, own)),
    }
}

fn put_auth(out: &mut Vec<u8>, auth: &Auth) -> Result<(), TooLong> {
    out.push(auth.reason.code());
    measured(out, limits::REMAINING_LENGTH, |out| properties::auth(out, &auth.properties))
}

/// A PUBLISH, whoever sends it.
struct Parts<'a> {
    first: u8,
    topic: &'a str,
    packet_id: Option<u16>,
    /// None in 3.1.1.
    properties: Option<PublishParts<'a>>,
    payload: &'a [u8],
}

struct PublishParts<'a> {
    topic_alias: Option<u16>,
    message_expiry: Option<u32>,
    subscription_ids: &'a [u32],
    forwarded: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of_delivery(version: Version, delivery: &Outgoing<'a>) -> Parts<'a> {
        let message = delivery.message;
        Parts {
            first: publish_byte(delivery.dup, delivery.qos, delivery.retain),
            topic: if delivery.topic_is_known { "" } else { &message.topic },
            packet_id: (delivery.qos != QoS::AtMostOnce).then_some(delivery.packet_id),
            properties: version.is_v5().then(|| PublishParts {
                topic_alias: delivery.topic_alias,
                message_expiry: delivery.message_expiry,
                subscription_ids: delivery.subscription_ids,
                forwarded: message.properties.raw(),
            }),
            payload: &message.payload,
        }
    }

    fn of_publish(version: Version, publish: &'a Publish) -> Parts<'a> {
        Parts {
            first: publish_byte(publish.dup, publish.qos, publish.retain),
            topic: &publish.topic,
            packet_id: (publish.qos != QoS::AtMostOnce).then_some(publish.packet_id),
            properties: version.is_v5().then(|| PublishParts {
                topic_alias: publish.topic_alias,
                message_expiry: publish.message_expiry,
                subscription_ids: &publish.subscription_ids,
                forwarded: publish.properties.raw(),
            }),
            payload: &publish.payload,
        }
    }

    fn body_len(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |own| varint_len(own.len()) + own.len());
        2 + self.topic.len() + 2 * usize::from(self.packet_id.is_some()) + properties + self.payload.len()
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let body = self.body_len();
        if body > limits::REMAINING_LENGTH || self.topic.len() > limits::TEXT {
            return Err(TooLong);
        }
        out.reserve(limits::FIXED_HEADER + body);
        out.push(self.first);
        put_varint(out, body);
        put_binary(out, self.topic.as_bytes());
        if let Some(packet_id) = self.packet_id {
            put_u16(out, packet_id);
        }
        if let Some(own) = &self.properties {
            put_varint(out, own.len());
            own.put(out);
        }
        out.extend_from_slice(self.payload);
        Ok(())
    }
}

impl PublishParts<'_> {
    fn len(&self) -> usize {
        let ids: usize = self.subscription_ids.iter().map(|id| 1 + varint_len(*id as usize)).sum();
        3 * usize::from(self.topic_alias.is_some())
            + 5 * usize::from(self.message_expiry.is_some())
            + ids
            + self.forwarded.len()
    }

    fn put(&self, out: &mut Vec<u8>) {
        properties::maybe_u16(out, Id::TopicAlias, self.topic_alias);
        properties::maybe_u32(out, Id::MessageExpiryInterval, self.message_expiry);
        for id in self.subscription_ids {
            out.push(Id::SubscriptionIdentifier as u8);
            put_varint(out, *id as usize);
        }
        out.extend_from_slice(self.forwarded);
    }
}

fn publish_byte(dup: bool, qos: QoS, retain: bool) -> u8 {
    (Kind::Publish as u8) << 4 | u8::from(dup) << 3 | qos.level() << 1 | u8::from(retain)
}

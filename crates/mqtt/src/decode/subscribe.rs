//! SUBSCRIBE, UNSUBSCRIBE and their acknowledgements.

use crate::message::once;
use crate::misdeed::Misdeed;
use crate::packet::{Kind, QoS, RetainHandling, SubAck, Subscribe, Unsubscribe, Version, Wish};
use crate::property::{Id, SubscribeProperties, UserProperties};
use crate::reason::Reason;
use crate::topic;
use crate::wire::{Property, Reader};

const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;
const RETAIN_HANDLING: u8 = 0b0011_0000;
const RESERVED: u8 = 0b1100_0000;

/// spec: mqtt5 §3.8, mqtt311 §3.8
pub(super) fn subscribe(reader: &mut Reader<'_>, version: Version) -> Result<Subscribe, Misdeed> {
    let packet_id = reader.packet_id()?;
    let properties = match version {
        Version::V4 => SubscribeProperties::default(),
        Version::V5 => subscribe_properties(reader)?,
    };
    let mut wishes = Vec::new();
    while !reader.is_empty() {
        wishes.push(wish(reader, version)?);
    }
    if wishes.is_empty() {
        return Err(Misdeed::EmptyList(Kind::Subscribe));
    }
    Ok(Subscribe { packet_id, wishes, properties })
}

fn subscribe_properties(reader: &mut Reader<'_>) -> Result<SubscribeProperties, Misdeed> {
    let mut own = SubscribeProperties::default();
    for property in reader.properties()? {
        match property? {
            Property::Number(id @ Id::SubscriptionIdentifier, value) => {
                once(&mut own.subscription_id, id, value)?;
                if value == 0 {
                    return Err(Misdeed::PropertyValue(id));
                }
            }
            Property::Pair(_, name, value) => own.user_properties.push((name.to_owned(), value.to_owned())),
            other => return Err(Misdeed::PropertyNotAllowed(Kind::Subscribe, other.id())),
        }
    }
    Ok(own)
}

/// spec: mqtt5 §3.8.3.1
fn wish(reader: &mut Reader<'_>, version: Version) -> Result<Wish, Misdeed> {
    let filter = reader.text()?.to_owned();
    let options = reader.u8()?;
    let qos = QoS::of(options & QOS).ok_or(Misdeed::Qos3)?;
    let reserved = if version.is_v5() { RESERVED } else { !QOS };
    let retain_handling = match (options & RETAIN_HANDLING) >> 4 {
        0 => RetainHandling::Always,
        1 => RetainHandling::WhenNew,
        2 => RetainHandling::Never,
        _ => return Err(Misdeed::SubscriptionOptions),
    };
    if options & reserved != 0 {
        return Err(Misdeed::SubscriptionOptions);
    }
    let no_local = options & NO_LOCAL != 0;
    if no_local && filter.starts_with(topic::SHARE) {
        return Err(Misdeed::NoLocalShared);
    }
    let retain_as_published = options & RETAIN_AS_PUBLISHED != 0;
    Ok(Wish { filter, qos, no_local, retain_as_published, retain_handling })
}

/// spec: mqtt5 §3.9, mqtt311 §3.9
pub(super) fn suback(reader: &mut Reader<'_>, version: Version) -> Result<SubAck, Misdeed> {
    let packet_id = reader.packet_id()?;
    let properties = if version.is_v5() { super::ack_properties(reader)? } else { None };
    let mut reasons = Vec::new();
    while !reader.is_empty() {
        let reason = super::reason(reader)?;
        if version == Version::V4 && reason.suback_v4() != reason.code() {
            return Err(Misdeed::ReasonCode(Kind::SubAck, reason.code()));
        }
        reasons.push(reason);
    }
    if reasons.is_empty() {
        return Err(Misdeed::EmptyList(Kind::SubAck));
    }
    Ok(SubAck { packet_id, reasons, properties })
}

/// spec: mqtt5 §3.10, mqtt311 §3.10
pub(super) fn unsubscribe(reader: &mut Reader<'_>, version: Version) -> Result<Unsubscribe, Misdeed> {
    let packet_id = reader.packet_id()?;
    let mut user_properties = UserProperties::new();
    if version.is_v5() {
        for property in reader.properties()? {
            match property? {
                Property::Pair(_, name, value) => user_properties.push((name.to_owned(), value.to_owned())),
                other => return Err(Misdeed::PropertyNotAllowed(Kind::Unsubscribe, other.id())),
            }
        }
    }
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.text()?.to_owned());
    }
    if filters.is_empty() {
        return Err(Misdeed::EmptyList(Kind::Unsubscribe));
    }
    Ok(Unsubscribe { packet_id, filters, user_properties })
}

/// spec: mqtt5 §3.11, mqtt311 §3.11
pub(super) fn unsuback(reader: &mut Reader<'_>, version: Version) -> Result<SubAck, Misdeed> {
    let packet_id = reader.packet_id()?;
    if version == Version::V4 {
        reader.end()?;
        return Ok(SubAck { packet_id, reasons: Vec::new(), properties: None });
    }
    let properties = super::ack_properties(reader)?;
    let mut reasons: Vec<Reason> = Vec::new();
    while !reader.is_empty() {
        reasons.push(super::reason(reader)?);
    }
    if reasons.is_empty() {
        return Err(Misdeed::EmptyList(Kind::UnsubAck));
    }
    Ok(SubAck { packet_id, reasons, properties })
}

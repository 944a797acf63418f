//! CONNECT and CONNACK.

use crate::message::{MessageProperties, once};
use crate::misdeed::Misdeed;
use crate::packet::{ConnAck, Connect, Kind, QoS, Version, Will};
use crate::property::{ConnAckProperties, ConnectProperties, Id, PublishProperties};
use crate::reason::Reason;
use crate::wire::{Property, Reader};

const RESERVED: u8 = 0b0000_0001;
const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// What a CONNECT that could not be read wanted to speak, if its bytes (with the fixed header) go that far: a
/// refusal has to be written in that version.
pub fn connect_version(bytes: &[u8]) -> Option<Version> {
    let (_, rest) = bytes.split_first()?;
    let header = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    version(&mut Reader::new(Kind::Connect, rest.get(header..)?)).ok()
}

fn version(reader: &mut Reader<'_>) -> Result<Version, Misdeed> {
    if reader.binary()? != b"MQTT" {
        return Err(Misdeed::ProtocolName);
    }
    match reader.u8()? {
        4 => Ok(Version::V4),
        5 => Ok(Version::V5),
        level => Err(Misdeed::ProtocolLevel(level)),
    }
}

/// spec: mqtt5 §3.1, mqtt311 §3.1
pub(super) fn connect(mut reader: Reader<'_>, shortest: bool) -> Result<Connect, Misdeed> {
    let reader = &mut reader;
    let version = version(reader)?;
    if version.is_v5() && !shortest {
        return Err(Misdeed::NumberNotShortest);
    }
    let flags = connect_flags(reader.u8()?, version)?;
    let has = |flag| flags & flag != 0;
    let keep_alive = reader.u16()?;
    let properties = match version {
        Version::V4 => ConnectProperties::default(),
        Version::V5 => connect_properties(reader)?,
    };
    let client_id = reader.text()?.to_owned();
    let will = if has(WILL) { Some(Box::new(will(reader, version, flags)?)) } else { None };
    let user_name = if has(USER_NAME) { Some(reader.text()?.to_owned()) } else { None };
    let password = if has(PASSWORD) { Some(reader.binary()?.into()) } else { None };
    reader.end()?;
    let clean_start = has(CLEAN_START);
    Ok(Connect { version, client_id, clean_start, keep_alive, user_name, password, will, properties })
}

/// spec: mqtt5 §3.1.2.3
fn connect_flags(flags: u8, version: Version) -> Result<u8, Misdeed> {
    if flags & RESERVED != 0 {
        return Err(Misdeed::ReservedConnectFlag);
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(Misdeed::WillFlagsWithoutWill);
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(Misdeed::Qos3);
    }
    if version == Version::V4 && flags & (USER_NAME | PASSWORD) == PASSWORD {
        return Err(Misdeed::PasswordWithoutUserName);
    }
    Ok(flags)
}

/// spec: mqtt5 §3.1.3.2
fn will(reader: &mut Reader<'_>, version: Version, flags: u8) -> Result<Will, Misdeed> {
    let properties = match version {
        Version::V4 => PublishProperties::none(),
        Version::V5 => PublishProperties::check(reader.properties()?.rest(), Kind::Connect)?,
    };
    Ok(Will {
        topic: reader.text()?.to_owned(),
        payload: reader.binary()?.to_vec(),
        qos: QoS::of((flags & WILL_QOS) >> 3).ok_or(Misdeed::Qos3)?,
        retain: flags & WILL_RETAIN != 0,
        delay: properties.will_delay.unwrap_or(0),
        message_expiry: properties.message_expiry,
        properties: MessageProperties::of(&properties),
    })
}

/// spec: mqtt5 §3.1.2.11
fn connect_properties(reader: &mut Reader<'_>) -> Result<ConnectProperties, Misdeed> {
    let mut own = ConnectProperties::default();
    for property in reader.properties()? {
        match property? {
            Property::Number(id @ Id::SessionExpiryInterval, value) => {
                once(&mut own.session_expiry, id, value)?
            }
            Property::Number(id @ Id::ReceiveMaximum, value) => {
                once(&mut own.receive_maximum, id, at_least_1(id, value)? as u16)?;
            }
            Property::Number(id @ Id::MaximumPacketSize, value) => {
                once(&mut own.maximum_packet_size, id, at_least_1(id, value)?)?;
            }
            Property::Number(id @ Id::TopicAliasMaximum, value) => {
                once(&mut own.topic_alias_maximum, id, value as u16)?;
            }
            Property::Number(id @ Id::RequestResponseInformation, value) => {
                once(&mut own.request_response_information, id, value == 1)?;
            }
            Property::Number(id @ Id::RequestProblemInformation, value) => {
                once(&mut own.request_problem_information, id, value == 1)?;
            }
            Property::Text(id @ Id::AuthenticationMethod, text) => {
                once(&mut own.authentication_method, id, text.to_owned())?;
            }
            Property::Binary(id @ Id::AuthenticationData, bytes) => {
                once(&mut own.authentication_data, id, bytes.into())?;
            }
            Property::Pair(_, name, value) => own.user_properties.push((name.to_owned(), value.to_owned())),
            other => return Err(Misdeed::PropertyNotAllowed(Kind::Connect, other.id())),
        }
    }
    if own.authentication_data.is_some() && own.authentication_method.is_none() {
        return Err(Misdeed::AuthenticationDataAlone);
    }
    Ok(own)
}

fn at_least_1(id: Id, value: u32) -> Result<u32, Misdeed> {
    if value == 0 { Err(Misdeed::PropertyValue(id)) } else { Ok(value) }
}

/// spec: mqtt5 §3.2, mqtt311 §3.2
pub(super) fn connack(reader: &mut Reader<'_>, version: Version) -> Result<ConnAck, Misdeed> {
    let flags = reader.u8()?;
    let (reason, properties) = match version {
        Version::V4 => {
            let code = reader.u8()?;
            let reason = Reason::of_connack_v4(code).ok_or(Misdeed::ReasonCode(Kind::ConnAck, code))?;
            (reason, ConnAckProperties::default())
        }
        Version::V5 => (super::reason(reader)?, connack_properties(reader)?),
    };
    reader.end()?;
    let session_present = flags == 1;
    if flags > 1 || session_present && reason != Reason::Success {
        return Err(Misdeed::ConnAckFlags);
    }
    Ok(ConnAck { session_present, reason, properties })
}

/// spec: mqtt5 §3.2.2.3
fn connack_properties(reader: &mut Reader<'_>) -> Result<ConnAckProperties, Misdeed> {
    let mut own = ConnAckProperties::default();
    for property in reader.properties()? {
        match property? {
            Property::Number(id, value) => connack_number(&mut own, id, value)?,
            Property::Text(id, text) => {
                let place = match id {
                    Id::AssignedClientIdentifier => &mut own.assigned_client_id,
                    Id::ReasonString => &mut own.reason_string,
                    Id::ResponseInformation => &mut own.response_information,
                    Id::ServerReference => &mut own.server_reference,
                    Id::AuthenticationMethod => &mut own.authentication_method,
                    other => return Err(Misdeed::PropertyNotAllowed(Kind::ConnAck, other)),
                };
                once(place, id, text.to_owned())?;
            }
            Property::Binary(id @ Id::AuthenticationData, bytes) => {
                once(&mut own.authentication_data, id, bytes.into())?;
            }
            Property::Pair(_, name, value) => own.user_properties.push((name.to_owned(), value.to_owned())),
            other => return Err(Misdeed::PropertyNotAllowed(Kind::ConnAck, other.id())),
        }
    }
    if own.authentication_data.is_some() && own.authentication_method.is_none() {
        return Err(Misdeed::AuthenticationDataAlone);
    }
    Ok(own)
}

fn connack_number(own: &mut ConnAckProperties, id: Id, value: u32) -> Result<(), Misdeed> {
    let flag = value == 1;
    match id {
        Id::SessionExpiryInterval => once(&mut own.session_expiry, id, value),
        Id::ReceiveMaximum => once(&mut own.receive_maximum, id, at_least_1(id, value)? as u16),
        Id::MaximumQos => {
            once(&mut own.maximum_qos, id, if flag { QoS::AtLeastOnce } else { QoS::AtMostOnce })
        }
        Id::RetainAvailable => once(&mut own.retain_available, id, flag),
        Id::MaximumPacketSize => once(&mut own.maximum_packet_size, id, at_least_1(id, value)?),
        Id::TopicAliasMaximum => once(&mut own.topic_alias_maximum, id, value as u16),
        Id::WildcardSubscriptionAvailable => once(&mut own.wildcard_subscription_available, id, flag),
        Id::SubscriptionIdentifierAvailable => once(&mut own.subscription_ids_available, id, flag),
        Id::SharedSubscriptionAvailable => once(&mut own.shared_subscription_available, id, flag),
        Id::ServerKeepAlive => once(&mut own.server_keep_alive, id, value as u16),
        other => Err(Misdeed::PropertyNotAllowed(Kind::ConnAck, other)),
    }
}

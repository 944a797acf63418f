//! The properties of each packet, without the length in front. Defaults that were not set are not written.

use super::{TooLong, put_field};
use crate::property::{
    AckProperties, AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties, Id,
};

pub(super) fn connect(out: &mut Vec<u8>, own: &ConnectProperties) -> Result<(), TooLong> {
    maybe_u32(out, Id::SessionExpiryInterval, own.session_expiry);
    maybe_u16(out, Id::ReceiveMaximum, own.receive_maximum);
    maybe_u32(out, Id::MaximumPacketSize, own.maximum_packet_size);
    maybe_u16(out, Id::TopicAliasMaximum, own.topic_alias_maximum);
    flag(out, Id::RequestResponseInformation, own.request_response_information);
    flag(out, Id::RequestProblemInformation, own.request_problem_information);
    pairs(out, &own.user_properties)?;
    text(out, Id::AuthenticationMethod, own.authentication_method.as_deref())?;
    binary(out, Id::AuthenticationData, own.authentication_data.as_ref().map(|data| data.as_bytes()))
}

pub(super) fn connack(out: &mut Vec<u8>, own: &ConnAckProperties) -> Result<(), TooLong> {
    maybe_u32(out, Id::SessionExpiryInterval, own.session_expiry);
    maybe_u16(out, Id::ReceiveMaximum, own.receive_maximum);
    flag(out, Id::MaximumQos, own.maximum_qos.map(|qos| qos.level() > 0));
    flag(out, Id::RetainAvailable, own.retain_available);
    maybe_u32(out, Id::MaximumPacketSize, own.maximum_packet_size);
    text(out, Id::AssignedClientIdentifier, own.assigned_client_id.as_deref())?;
    maybe_u16(out, Id::TopicAliasMaximum, own.topic_alias_maximum);
    text(out, Id::ReasonString, own.reason_string.as_deref())?;
    pairs(out, &own.user_properties)?;
    flag(out, Id::WildcardSubscriptionAvailable, own.wildcard_subscription_available);
    flag(out, Id::SubscriptionIdentifierAvailable, own.subscription_ids_available);
    flag(out, Id::SharedSubscriptionAvailable, own.shared_subscription_available);
    maybe_u16(out, Id::ServerKeepAlive, own.server_keep_alive);
    text(out, Id::ResponseInformation, own.response_information.as_deref())?;
    text(out, Id::ServerReference, own.server_reference.as_deref())?;
    text(out, Id::AuthenticationMethod, own.authentication_method.as_deref())?;
    binary(out, Id::AuthenticationData, own.authentication_data.as_ref().map(|data| data.as_bytes()))
}

pub(super) fn ack(out: &mut Vec<u8>, own: &AckProperties) -> Result<(), TooLong> {
    text(out, Id::ReasonString, own.reason_string.as_deref())?;
    pairs(out, &own.user_properties)
}

pub(super) fn disconnect(out: &mut Vec<u8>, own: &DisconnectProperties) -> Result<(), TooLong> {
    maybe_u32(out, Id::SessionExpiryInterval, own.session_expiry);
    text(out, Id::ReasonString, own.reason_string.as_deref())?;
    pairs(out, &own.user_properties)?;
    text(out, Id::ServerReference, own.server_reference.as_deref())
}

pub(super) fn auth(out: &mut Vec<u8>, own: &AuthProperties) -> Result<(), TooLong> {
    text(out, Id::AuthenticationMethod, own.authentication_method.as_deref())?;
    binary(out, Id::AuthenticationData, own.authentication_data.as_ref().map(|data| data.as_bytes()))?;
    text(out, Id::ReasonString, own.reason_string.as_deref())?;
    pairs(out, &own.user_properties)
}

pub(super) fn pairs(out: &mut Vec<u8>, pairs: &[(String, String)]) -> Result<(), TooLong> {
    pairs.iter().try_for_each(|(name, value)| {
        out.push(Id::UserProperty as u8);
        put_field(out, name.as_bytes())?;
        put_field(out, value.as_bytes())
    })
}

pub(super) fn number(out: &mut Vec<u8>, id: Id, value: u32) {
    out.push(id as u8);
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn maybe_u32(out: &mut Vec<u8>, id: Id, value: Option<u32>) {
    if let Some(value) = value {
        number(out, id, value);
    }
}

pub(super) fn maybe_u16(out: &mut Vec<u8>, id: Id, value: Option<u16>) {
    if let Some(value) = value {
        out.push(id as u8);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn flag(out: &mut Vec<u8>, id: Id, value: Option<bool>) {
    if let Some(value) = value {
        out.extend_from_slice(&[id as u8, u8::from(value)]);
    }
}

fn text(out: &mut Vec<u8>, id: Id, value: Option<&str>) -> Result<(), TooLong> {
    binary(out, id, value.map(str::as_bytes))
}

fn binary(out: &mut Vec<u8>, id: Id, value: Option<&[u8]>) -> Result<(), TooLong> {
    let Some(value) = value else {
        return Ok(());
    };
    out.push(id as u8);
    put_field(out, value)
}

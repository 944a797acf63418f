//! The beginning of a connection: CONNECT, CONNACK and what is resumed.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use super::{Arrival, Ask, Connection, Effects, Link, Phase, Question, Resumed};
use crate::alias;
use crate::decode::{Next, connect_version};
use crate::inflight::{Inbound, Outbound};
use crate::keepalive::KeepAlive;
use crate::message::Message;
use crate::misdeed::Misdeed;
use crate::packet::{self, ConnAck, Connect, Incoming, Kind, Packet, Version};
use crate::property::ConnAckProperties;
use crate::reason::Reason;
use crate::settings::Settings;
use crate::topic::Topic;
use crate::why::Why;
use crate::will::Will;

/// What CONNACK is to say when the answer is yes.
#[derive(Debug)]
pub(super) struct Welcome {
    assigned: Option<Arc<str>>,
    keep_alive: u16,
    is_keep_alive_changed: bool,
    is_expiry_changed: bool,
}

impl<T> Connection<T> {
    /// The first packet; like [`Connection::next`]. spec: mqtt-gateway §3.1
    pub(super) fn first(&mut self, bytes: &[u8], fx: &mut Effects<T>, now: u64) -> Option<usize> {
        if bytes.first().is_some_and(|byte| byte >> 4 != Kind::Connect as u8) {
            self.close(Why::NotConnect, fx);
            return None;
        }
        match self.decoder().next(bytes) {
            Ok(Next::Packet { packet: Incoming::Packet(Packet::Connect(connect)), taken }) => {
                self.arrive(*connect, fx, now);
                return Some(taken);
            }
            Ok(Next::Missing(_)) => {}
            Ok(Next::Packet { .. }) => self.close(Why::NotConnect, fx),
            Err(Misdeed::PacketTooLarge { .. }) => self.close(Why::ConnectTooLarge, fx),
            Err(misdeed) => self.refuse_malformed(bytes, misdeed, fx),
        }
        None
    }

    fn refuse_malformed(&mut self, bytes: &[u8], misdeed: Misdeed, fx: &mut Effects<T>) {
        if let Misdeed::ProtocolName | Misdeed::ProtocolLevel(_) = misdeed {
            self.refuse(Reason::UnsupportedProtocolVersion, fx);
            return;
        }
        if connect_version(bytes) == Some(Version::V5) {
            self.link.version = Version::V5;
            let reason = misdeed.reason();
            let reason = if reason.allowed_in(Kind::ConnAck) { reason } else { Reason::MalformedPacket };
            self.connack_refused(reason, fx);
        }
        self.close(Why::Misdeed(misdeed), fx);
    }

    fn arrive(&mut self, connect: Connect, fx: &mut Effects<T>, now: u64) {
        let Phase::Fresh { uuid, .. } = self.phase else { return };
        self.phase = Phase::Arriving;
        self.link = agree(&connect, &self.settings);
        let will = match judge(&connect, &self.settings) {
            Ok(will) => will.map(Arc::new),
            Err(reason) => return self.refuse(reason, fx),
        };
        self.will.clone_from(&will);
        let aliases =
            connect.properties.topic_alias_maximum.unwrap_or(0).min(self.settings.topic_aliases_out);
        self.given_aliases = alias::Given::new(aliases);
        let is_assigned = connect.client_id.is_empty();
        let client_id: Arc<str> = if is_assigned { assigned(uuid).into() } else { connect.client_id.into() };
        let keep_alive = self.settings.keep_alive(connect.keep_alive);
        let expiry_asked = connect.properties.session_expiry.unwrap_or(0);
        let ticket = self.ask(Question::Connect(Welcome {
            assigned: is_assigned.then(|| client_id.clone()),
            keep_alive,
            is_keep_alive_changed: keep_alive != connect.keep_alive,
            is_expiry_changed: self.link.session_expiry != expiry_asked,
        }));
        self.keep_alive = KeepAlive::new(0, now);
        fx.ask = Some(Ask::Connect(Box::new(Arrival {
            ticket,
            version: connect.version,
            client_id,
            is_assigned,
            clean_start: connect.clean_start,
            session_expiry: self.link.session_expiry,
            keep_alive,
            will,
            user_name: connect.user_name,
            password: connect.password,
        })));
    }

    /// The client is in. spec: mqtt-gateway §3.4
    pub(super) fn welcome(
        &mut self,
        welcome: Welcome,
        resumed: Option<Resumed<T>>,
        fx: &mut Effects<T>,
        now: u64,
    ) {
        let reason = Reason::Success;
        let session_present = resumed.is_some();
        let properties = match self.link.version {
            Version::V4 => ConnAckProperties::default(),
            Version::V5 => self.offers(&welcome),
        };
        let connack = ConnAck { session_present, reason, properties };
        self.send(&Packet::ConnAck(Box::new(connack)), fx);
        self.phase = Phase::Open;
        self.keep_alive = KeepAlive::new(welcome.keep_alive, now);
        if let Some(Resumed { session, mut filters }) = resumed {
            filters.sort_unstable();
            filters.dedup();
            self.filters = filters;
            let (outbound, received) = Outbound::resumed(session, now);
            self.outbound = outbound;
            self.inbound = Inbound::new(received);
            self.resend(fx, now);
        }
    }

    fn offers(&self, welcome: &Welcome) -> ConnAckProperties {
        let settings = &self.settings;
        ConnAckProperties {
            session_expiry: welcome.is_expiry_changed.then_some(self.link.session_expiry),
            receive_maximum: Some(settings.receive_maximum),
            maximum_qos: (!settings.qos2).then(|| settings.maximum_qos()),
            retain_available: Some(true),
            maximum_packet_size: u32::try_from(settings.packet_bytes).ok(),
            assigned_client_id: welcome.assigned.as_deref().map(str::to_owned),
            topic_alias_maximum: Some(settings.topic_aliases_in),
            wildcard_subscription_available: Some(true),
            subscription_ids_available: Some(settings.subscription_ids),
            shared_subscription_available: Some(true),
            server_keep_alive: welcome.is_keep_alive_changed.then_some(welcome.keep_alive),
            ..ConnAckProperties::default()
        }
    }

    /// Closes a connection that asked to come in, with a CONNACK where the version has one for the reason.
    /// spec: mqtt-gateway §3.1, policies §9
    pub(super) fn refuse(&mut self, reason: Reason, fx: &mut Effects<T>) {
        let is_told = match self.link.version {
            Version::V5 => true,
            Version::V4 => matches!(
                reason,
                Reason::UnsupportedProtocolVersion
                    | Reason::ClientIdentifierNotValid
                    | Reason::BadUserNameOrPassword
                    | Reason::ServerUnavailable
                    | Reason::ServerBusy
                    | Reason::ServerShuttingDown
                    | Reason::QuotaExceeded
                    | Reason::ConnectionRateExceeded
            ),
        };
        if is_told {
            self.connack_refused(reason, fx);
        }
        self.close(Why::ConnectRefused(reason), fx);
    }

    fn connack_refused(&self, reason: Reason, fx: &mut Effects<T>) {
        let is_v5 = self.link.version.is_v5();
        let allowed = !is_v5 || reason.allowed_in(Kind::ConnAck);
        let reason = if allowed { reason } else { Reason::UnspecifiedError };
        let reason_string = self.link.explains.then(|| reason.text().to_owned());
        let properties = ConnAckProperties { reason_string, ..ConnAckProperties::default() };
        let connack = ConnAck { session_present: false, reason, properties };
        self.send(&Packet::ConnAck(Box::new(connack)), fx);
    }
}

fn agree(connect: &Connect, settings: &Settings) -> Link {
    let properties = &connect.properties;
    let is_v5 = connect.version.is_v5();
    let session_expiry = match connect.version {
        Version::V4 if connect.clean_start => 0,
        Version::V4 => settings.session_expiry_default,
        Version::V5 => properties.session_expiry.unwrap_or(0).min(settings.session_expiry_max),
    };
    Link {
        version: connect.version,
        explains: is_v5 && properties.request_problem_information.unwrap_or(true),
        // One id must always be free.
        window: properties.receive_maximum.unwrap_or(u16::MAX).min(settings.send_maximum).min(u16::MAX - 1),
        packet_bytes: properties.maximum_packet_size.unwrap_or(u32::MAX),
        session_expiry,
    }
}

/// What the settings decide about a CONNECT. spec: mqtt-gateway §3.1, §3.2
fn judge(connect: &Connect, settings: &Settings) -> Result<Option<Will>, Reason> {
    if connect.properties.authentication_method.is_some() {
        return Err(Reason::BadAuthenticationMethod);
    }
    let id = &connect.client_id;
    let is_nameless_for_good = id.is_empty() && !connect.version.is_v5() && !connect.clean_start;
    let is_reserved = id.starts_with('$') && !settings.client_id_may_begin_with_dollar;
    if is_nameless_for_good || is_reserved || id.len() > settings.client_id_bytes {
        return Err(Reason::ClientIdentifierNotValid);
    }
    connect.will.as_deref().map(|will| judge_will(will, settings)).transpose()
}

fn judge_will(will: &packet::Will, settings: &Settings) -> Result<Will, Reason> {
    if will.qos > settings.maximum_qos() {
        return Err(Reason::QosNotSupported);
    }
    if Topic::parse(&will.topic, settings).is_err() {
        return Err(Reason::TopicNameInvalid);
    }
    if will.payload.len() > settings.payload_bytes {
        return Err(Reason::PacketTooLarge);
    }
    if let Some(reason) = settings.refuses_properties(&will.properties.view()) {
        return Err(reason);
    }
    Ok(Will {
        message: Message {
            topic: will.topic.as_str().into(),
            payload: Bytes::copy_from_slice(&will.payload),
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.clone(),
            expires_at: None,
        },
        delay: will.delay,
        expiry: will.message_expiry.map(|asked| settings.message_expiry(asked)),
    })
}

/// `$GEN/` and the UUID in its usual form. spec: mqtt-gateway §3.2
fn assigned(uuid: [u8; 16]) -> String {
    let mut id = String::with_capacity(41);
    id.push_str("$GEN/");
    for (at, byte) in uuid.iter().enumerate() {
        if let 4 | 6 | 8 | 10 = at {
            id.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

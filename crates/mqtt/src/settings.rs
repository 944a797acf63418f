//! Every behaviour that differs between the profiles, and every limit a client can observe.
//!
//! A profile is a bundle of values: [`Settings::aws`] or [`Settings::standard`]. Nothing else in the crate asks
//! which profile runs. spec: mqtt-gateway, head and §9

use std::time::Duration;

use crate::limits;
use crate::packet::{PublishRef, QoS};
use crate::property::PublishProperties;
use crate::reason::Reason;
use crate::topic::Topic;

/// The settings of a listener. Fields say: unit, value in `aws` / in `standard`, source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether QoS 2 works; otherwise it is refused in PUBLISH and wills and granted as 1. false / true.
    /// spec: mqtt-gateway §4.6
    pub qos2: bool,
    /// Whether `a/#` matches `a`. false / true. spec: mqtt-gateway §5.1
    pub hash_matches_parent: bool,
    /// Whether a filter with wildcards gets retained messages when it is subscribed. false / true.
    /// spec: mqtt-gateway §5.5
    pub retained_on_wildcard: bool,
    /// Whether Subscription Identifiers are taken; otherwise DISCONNECT 0xA1. false / true.
    /// spec: mqtt-gateway §5.1
    pub subscription_ids: bool,
    /// Whether a client id may begin with `$`. false / true. spec: mqtt-gateway §3.2
    pub client_id_may_begin_with_dollar: bool,
    /// What becomes of a 3.1.1 connection whose PUBLISH policy denies. Close in both. spec: mqtt-gateway §4.2
    pub v4_publish_denied: Denied,
    /// What becomes of a 3.1.1 connection whose SUBSCRIBE policy denies. Close / carry on with SUBACK 0x80.
    /// spec: mqtt-gateway §5.2
    pub v4_subscribe_denied: Denied,

    /// Bytes of a packet after its fixed header; also announced as Maximum Packet Size.
    /// 149,504 / 1,048,576. spec: mqtt-gateway §3.1, §9
    pub packet_bytes: usize,
    /// Bytes of a packet before CONNECT is accepted, when the certificate is not active. 8,192 in both.
    /// spec: mqtt-gateway §1.5
    pub unproven_packet_bytes: usize,
    /// Time from the end of the handshake to a whole CONNECT. 10 s in both. spec: mqtt-gateway §1.5
    pub connect_within: Duration,
    /// The same when the certificate is not active. 5 s in both. spec: mqtt-gateway §1.5
    pub unproven_connect_within: Duration,
    /// Bytes of a payload, wills included. 131,072 / 1,048,576. spec: mqtt-gateway §4.2
    pub payload_bytes: usize,
    /// Bytes of a topic or filter, prefixes of [`crate::topic`] not counted. 256 / 65,535. spec: mqtt-gateway §4.1
    pub topic_bytes: usize,
    /// Slashes of a topic or filter, prefixes not counted; at most [`limits::SLASHES`]. 7 / 255.
    /// spec: mqtt-gateway §4.1
    pub topic_slashes: usize,
    /// Characters of the name of a shared subscription. 128 / 65,535. spec: mqtt-gateway §5.4
    pub share_name_chars: usize,
    /// Bytes of a client id. 128 / 65,535. spec: mqtt-gateway §3.2
    pub client_id_bytes: usize,
    /// Seconds of the shortest keep alive; a shorter one that is not 0 becomes this. 30 / 1.
    /// spec: mqtt-gateway §3.3
    pub keep_alive_min: u16,
    /// Seconds of the longest keep alive; 0 and longer ones become this. None: as asked, 0 is off. 1,200 / None.
    /// spec: mqtt-gateway §3.3
    pub keep_alive_max: Option<u16>,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE. 8 / 1,000. spec: mqtt-gateway §5.2
    pub filters_per_packet: usize,
    /// Subscriptions of one session. 50 / 10,000. spec: mqtt-gateway §5.2
    pub subscriptions: usize,
    /// QoS 1 and 2 messages from the client that are not acknowledged. 100 / 1,000. spec: mqtt-gateway §4.2
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages to the client that are not acknowledged, unless it asks for less. 100 / 1,000.
    /// spec: mqtt-gateway §5.6
    pub send_maximum: u16,
    /// The highest topic alias from the client. 8 / 64. spec: mqtt-gateway §3.4
    pub topic_aliases_in: u16,
    /// The highest topic alias to the client, unless it asks for less. 8 / 64. spec: mqtt-gateway §9
    pub topic_aliases_out: u16,
    /// Seconds of the shortest life of a message; a shorter one becomes this. 1 / 0. spec: mqtt-gateway §4.5
    pub message_expiry_min: u32,
    /// Seconds of the longest life of a message; a longer one becomes this. 604,800 / 4,294,967,295.
    /// spec: mqtt-gateway §4.5
    pub message_expiry_max: u32,
    /// Seconds a 3.1.1 session with Clean Session 0 outlives its connection. 3,600 / 4,294,967,295 (for ever).
    /// spec: mqtt-gateway §6
    pub session_expiry_default: u32,
    /// Seconds a 5.0 session may outlive its connection. 3,600 (configurable up to 604,800) / 4,294,967,295.
    /// spec: mqtt-gateway §6
    pub session_expiry_max: u32,
    /// Connected time after which an unacknowledged delivery is given up. 1 h / None. spec: mqtt-gateway §5.6
    pub delivery_life: Option<Duration>,
    /// Time after which a 3.1.1 delivery is sent again on a live connection. None in both. spec: mqtt-gateway §5.6
    pub delivery_retry: Option<Duration>,
    /// Bytes of all user properties of a message. 8,192 / 1,048,576. spec: mqtt-gateway §4.4
    pub user_property_bytes: usize,
    /// Bytes of a content type. 256 / 65,535. spec: mqtt-gateway §4.4
    pub content_type_bytes: usize,
    /// Bytes of correlation data. 256 / 65,535. spec: mqtt-gateway §4.4
    pub correlation_data_bytes: usize,
    /// What waits for a connected client before it counts as slow: messages. 1,000 in both. spec: mqtt-gateway §5.6
    pub mailbox_messages: usize,
    /// The same: bytes. 8 MiB in both. spec: mqtt-gateway §5.6
    pub mailbox_bytes: usize,
    /// What is kept for an absent client: messages. 10,000 in both. spec: mqtt-gateway §6
    pub queue_messages: usize,
    /// The same: bytes. 16 MiB in both. spec: mqtt-gateway §6
    pub queue_bytes: usize,
}

/// What a 3.1.1 connection feels of a denial; 5.0 has reason codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The connection is closed.
    Close,
    /// PUBLISH is acknowledged and dropped, SUBSCRIBE answered with 0x80.
    CarryOn,
}

/// Seconds that stand for a session without end. spec: mqtt5 §3.1.2.11.2
pub const FOR_EVER: u32 = u32::MAX;

impl Settings {
    /// What AWS IoT Core does: the default.
    pub fn aws() -> Settings {
        Settings {
            qos2: false,
            hash_matches_parent: false,
            retained_on_wildcard: false,
            subscription_ids: false,
            client_id_may_begin_with_dollar: false,
            v4_publish_denied: Denied::Close,
            v4_subscribe_denied: Denied::Close,
            packet_bytes: 149_504,
            unproven_packet_bytes: 8_192,
            connect_within: Duration::from_secs(10),
            unproven_connect_within: Duration::from_secs(5),
            payload_bytes: 131_072,
            topic_bytes: 256,
            topic_slashes: 7,
            share_name_chars: 128,
            client_id_bytes: 128,
            keep_alive_min: 30,
            keep_alive_max: Some(1_200),
            filters_per_packet: 8,
            subscriptions: 50,
            receive_maximum: 100,
            send_maximum: 100,
            topic_aliases_in: 8,
            topic_aliases_out: 8,
            message_expiry_min: 1,
            message_expiry_max: 604_800,
            session_expiry_default: 3_600,
            session_expiry_max: 3_600,
            delivery_life: Some(Duration::from_secs(3_600)),
            delivery_retry: None,
            user_property_bytes: 8_192,
            content_type_bytes: 256,
            correlation_data_bytes: 256,
            mailbox_messages: 1_000,
            mailbox_bytes: 8 * 1024 * 1024,
            queue_messages: 10_000,
            queue_bytes: 16 * 1024 * 1024,
        }
    }

    /// What the OASIS standards describe, for conformance suites: limits remain, but wide ones.
    pub fn standard() -> Settings {
        Settings {
            qos2: true,
            hash_matches_parent: true,
            retained_on_wildcard: true,
            subscription_ids: true,
            client_id_may_begin_with_dollar: true,
            v4_subscribe_denied: Denied::CarryOn,
            packet_bytes: 1_048_576,
            payload_bytes: 1_048_576,
            topic_bytes: limits::TEXT,
            topic_slashes: limits::SLASHES,
            share_name_chars: limits::TEXT,
            client_id_bytes: limits::TEXT,
            keep_alive_min: 1,
            keep_alive_max: None,
            filters_per_packet: 1_000,
            subscriptions: 10_000,
            receive_maximum: 1_000,
            send_maximum: 1_000,
            topic_aliases_in: 64,
            topic_aliases_out: 64,
            message_expiry_min: 0,
            message_expiry_max: u32::MAX,
            session_expiry_default: FOR_EVER,
            session_expiry_max: FOR_EVER,
            delivery_life: None,
            user_property_bytes: 1_048_576,
            content_type_bytes: limits::TEXT,
            correlation_data_bytes: limits::TEXT,
            ..Settings::aws()
        }
    }

    /// The highest QoS a client may publish with and is granted.
    pub fn maximum_qos(&self) -> QoS {
        if self.qos2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce }
    }

    /// The keep alive that holds when a client asks for `asked` seconds; 0 is off. spec: mqtt-gateway §3.3
    pub fn keep_alive(&self, asked: u16) -> u16 {
        match (asked, self.keep_alive_max) {
            (0, max) => max.unwrap_or(0),
            (asked, max) => asked.max(self.keep_alive_min).min(max.unwrap_or(u16::MAX)),
        }
    }

    /// The life in seconds of a message whose publisher asked for `asked`. spec: mqtt-gateway §4.5
    pub fn message_expiry(&self, asked: u32) -> u32 {
        asked.max(self.message_expiry_min).min(self.message_expiry_max)
    }

    /// Why a PUBLISH is too big for these settings, apart from its topic: QoS, payload or properties.
    /// None when it is not. spec: mqtt-gateway §4.2, §4.4
    pub fn refuses(&self, publish: &PublishRef<'_>) -> Option<Reason> {
        if publish.qos > self.maximum_qos() {
            Some(Reason::QosNotSupported)
        } else if publish.payload.len() > self.payload_bytes {
            Some(Reason::PacketTooLarge)
        } else {
            self.refuses_properties(&publish.properties)
        }
    }

    /// Why the properties of a PUBLISH or of a will are too big for these settings. None when they are not.
    /// spec: mqtt-gateway §4.4
    pub fn refuses_properties(&self, properties: &PublishProperties<'_>) -> Option<Reason> {
        if properties.user_property_bytes > self.user_property_bytes
            || properties.content_type.is_some_and(|text| text.len() > self.content_type_bytes)
            || properties.correlation_data.is_some_and(|data| data.len() > self.correlation_data_bytes)
        {
            Some(Reason::QuotaExceeded)
        } else if properties.response_topic.is_some_and(|topic| Topic::parse(topic, self).is_err()) {
            Some(Reason::TopicNameInvalid)
        } else {
            None
        }
    }
}

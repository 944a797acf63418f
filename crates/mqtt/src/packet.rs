//! The packets of MQTT 3.1.1 and 5.0 in one model: what only 5.0 has is optional and stays empty in 3.1.1.
//!
//! A PUBLISH that was received is a [`PublishRef`], borrowed from the bytes it came in; all others own their parts.

use std::fmt;

use crate::message::{Message, MessageProperties};
use crate::property::{
    AckProperties, AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties,
    PublishProperties, SubscribeProperties, UserProperties,
};
use crate::reason::Reason;

/// The protocol a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1.1, level 4.
    V4,
    /// MQTT 5.0, level 5.
    V5,
}

impl Version {
    /// Both versions.
    pub const BOTH: [Version; 2] = [Version::V4, Version::V5];

    /// The protocol level in CONNECT. spec: mqtt5 §3.1.2.2
    pub fn level(self) -> u8 {
        match self {
            Version::V4 => 4,
            Version::V5 => 5,
        }
    }

    /// Whether packets have properties and reason codes.
    pub fn is_v5(self) -> bool {
        self == Version::V5
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V4 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

/// How often a message arrives. spec: mqtt5 §4.3
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0.
    #[default]
    AtMostOnce = 0,
    /// QoS 1.
    AtLeastOnce = 1,
    /// QoS 2.
    ExactlyOnce = 2,
}

impl QoS {
    /// 0, 1 or 2.
    pub fn level(self) -> u8 {
        self as u8
    }

    /// The QoS with this level, unless it is 3 or more.
    pub fn of(level: u8) -> Option<QoS> {
        match level {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// The reason that grants this QoS in a SUBACK.
    pub fn granted(self) -> Reason {
        match self {
            QoS::AtMostOnce => Reason::Success,
            QoS::AtLeastOnce => Reason::GrantedQos1,
            QoS::ExactlyOnce => Reason::GrantedQos2,
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level())
    }
}

/// The fifteen control packets; the number is the upper half of the first byte. spec: mqtt5 §2.1.2
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Kind {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    /// MQTT 5.0 only.
    Auth = 15,
}

impl Kind {
    /// The kind with this number, unless it is 0 or 16 and more.
    pub fn of(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::Connect,
            2 => Kind::ConnAck,
            3 => Kind::Publish,
            4 => Kind::PubAck,
            5 => Kind::PubRec,
            6 => Kind::PubRel,
            7 => Kind::PubComp,
            8 => Kind::Subscribe,
            9 => Kind::SubAck,
            10 => Kind::Unsubscribe,
            11 => Kind::UnsubAck,
            12 => Kind::PingReq,
            13 => Kind::PingResp,
            14 => Kind::Disconnect,
            15 => Kind::Auth,
            _ => return None,
        })
    }

    /// The name as the standard spells it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Connect => "CONNECT",
            Kind::ConnAck => "CONNACK",
            Kind::Publish => "PUBLISH",
            Kind::PubAck => "PUBACK",
            Kind::PubRec => "PUBREC",
            Kind::PubRel => "PUBREL",
            Kind::PubComp => "PUBCOMP",
            Kind::Subscribe => "SUBSCRIBE",
            Kind::SubAck => "SUBACK",
            Kind::Unsubscribe => "UNSUBSCRIBE",
            Kind::UnsubAck => "UNSUBACK",
            Kind::PingReq => "PINGREQ",
            Kind::PingResp => "PINGRESP",
            Kind::Disconnect => "DISCONNECT",
            Kind::Auth => "AUTH",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which end of a connection we are; it decides which packets may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We read what clients send.
    Server,
    /// We read what servers send.
    Client,
}

/// A packet that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The hot path: nothing was copied.
    Publish(PublishRef<'a>),
    /// Any other packet; never [`Packet::Publish`].
    Packet(Packet),
}

/// A packet that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(Box<ConnAck>),
    Publish(Box<Publish>),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(SubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Box<Auth>),
}

impl Packet {
    /// The kind of this packet.
    pub fn kind(&self) -> Kind {
        match self {
            Packet::Connect(_) => Kind::Connect,
            Packet::ConnAck(_) => Kind::ConnAck,
            Packet::Publish(_) => Kind::Publish,
            Packet::PubAck(_) => Kind::PubAck,
            Packet::PubRec(_) => Kind::PubRec,
            Packet::PubRel(_) => Kind::PubRel,
            Packet::PubComp(_) => Kind::PubComp,
            Packet::Subscribe(_) => Kind::Subscribe,
            Packet::SubAck(_) => Kind::SubAck,
            Packet::Unsubscribe(_) => Kind::Unsubscribe,
            Packet::UnsubAck(_) => Kind::UnsubAck,
            Packet::PingReq => Kind::PingReq,
            Packet::PingResp => Kind::PingResp,
            Packet::Disconnect(_) => Kind::Disconnect,
            Packet::Auth(_) => Kind::Auth,
        }
    }
}

/// CONNECT. spec: mqtt5 §3.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// What the client speaks.
    pub version: Version,
    /// May be empty; at most 65,535 bytes here, judged by [`crate::settings::Settings::client_id_bytes`] later.
    pub client_id: String,
    /// Clean Session in 3.1.1, Clean Start in 5.0.
    pub clean_start: bool,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    /// AWS's SDKs put their name and version here.
    pub user_name: Option<String>,
    /// Never printed.
    pub password: Option<Password>,
    /// The message to publish when the client goes away without a word.
    pub will: Option<Box<Will>>,
    /// Empty in 3.1.1.
    pub properties: ConnectProperties,
}

/// Bytes that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Vec<u8>);

impl Password {
    /// The bytes, at most 65,535.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Password {
    fn from(bytes: &[u8]) -> Password {
        Password(bytes.to_vec())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The will of a CONNECT. spec: mqtt5 §3.1.2.5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Not checked by the codec beyond being text.
    pub topic: String,
    /// At most 65,535 bytes.
    pub payload: Vec<u8>,
    /// QoS of the message.
    pub qos: QoS,
    /// Whether it is stored as the topic's retained message.
    pub retain: bool,
    /// Seconds between the end of the connection and the message; 0 in 3.1.1.
    pub delay: u32,
    /// Seconds from its publication, or None for never.
    pub message_expiry: Option<u32>,
    /// Forwarded as they are.
    pub properties: MessageProperties,
}

/// CONNACK. spec: mqtt5 §3.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// The server had kept the client's session and goes on with it.
    pub session_present: bool,
    /// Success, or why not.
    pub reason: Reason,
    /// Empty in 3.1.1.
    pub properties: ConnAckProperties,
}

/// PUBLISH, owned: what clients and tests send. Servers deliver with [`Outgoing`]. spec: mqtt5 §3.3
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Sent before, perhaps.
    pub dup: bool,
    /// QoS of this hop.
    pub qos: QoS,
    /// Store (to a server), or was stored (from one).
    pub retain: bool,
    /// May be empty in 5.0 when `topic_alias` names a topic.
    pub topic: String,
    /// 1 to 65,535 for QoS 1 and 2, otherwise 0.
    pub packet_id: u16,
    /// 1 to 65,535.
    pub topic_alias: Option<u16>,
    /// Seconds.
    pub message_expiry: Option<u32>,
    /// 1 to 268,435,455 each; only from a server.
    pub subscription_ids: Vec<u32>,
    /// Forwarded as they are.
    pub properties: MessageProperties,
    /// Any bytes.
    pub payload: Vec<u8>,
}

/// PUBLISH in the bytes it came in. spec: mqtt5 §3.3
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRef<'a> {
    /// Sent before, perhaps.
    pub dup: bool,
    /// QoS of this hop.
    pub qos: QoS,
    /// Store (from a client), or was stored (from a server).
    pub retain: bool,
    /// Text; empty only in 5.0 and only with a topic alias. Whether it is a topic is not judged here: see
    /// [`crate::topic::Topic`].
    pub topic: &'a str,
    /// 1 to 65,535 for QoS 1 and 2, otherwise 0.
    pub packet_id: u16,
    /// Checked, and cheap to ask.
    pub properties: PublishProperties<'a>,
    /// Any bytes.
    pub payload: &'a [u8],
}

impl From<&PublishRef<'_>> for Publish {
    fn from(publish: &PublishRef<'_>) -> Publish {
        Publish {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic.to_owned(),
            packet_id: publish.packet_id,
            topic_alias: publish.properties.topic_alias,
            message_expiry: publish.properties.message_expiry,
            subscription_ids: publish.properties.subscription_ids().collect(),
            properties: MessageProperties::of(&publish.properties),
            payload: publish.payload.to_vec(),
        }
    }
}

/// One delivery of a [`Message`]: what differs from subscriber to subscriber.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Topic, payload and forwarded properties.
    pub message: &'a Message,
    /// The topic was sent with this alias before, so it stays empty. 5.0 only.
    pub topic_is_known: bool,
    /// 1 to 65,535. 5.0 only.
    pub topic_alias: Option<u16>,
    /// Seconds left. 5.0 only.
    pub message_expiry: Option<u32>,
    /// 1 to 268,435,455 each. 5.0 only.
    pub subscription_ids: &'a [u32],
    /// Sent before on an earlier connection.
    pub dup: bool,
    /// QoS of this hop.
    pub qos: QoS,
    /// The RETAIN flag of this hop.
    pub retain: bool,
    /// 1 to 65,535 for QoS 1 and 2, otherwise not written.
    pub packet_id: u16,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP. spec: mqtt5 §3.4 to §3.7
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// Always success in 3.1.1.
    pub reason: Reason,
    /// None when empty: the usual case costs no memory.
    pub properties: Option<Box<AckProperties>>,
}

impl Ack {
    /// An acknowledgement without properties.
    pub fn new(packet_id: u16, reason: Reason) -> Ack {
        Ack { packet_id, reason, properties: None }
    }
}

/// SUBSCRIBE. spec: mqtt5 §3.8
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// At least one, in the order of the packet.
    pub wishes: Vec<Wish>,
    /// Empty in 3.1.1.
    pub properties: SubscribeProperties,
}

/// One filter of a SUBSCRIBE with its options. spec: mqtt5 §3.8.3.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Text; its syntax is judged by [`crate::topic::Filter`].
    pub filter: String,
    /// The highest QoS the client wants.
    pub qos: QoS,
    /// Not what this client publishes itself. False in 3.1.1.
    pub no_local: bool,
    /// Keep the RETAIN flag as the publisher set it. False in 3.1.1.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When a SUBSCRIBE brings retained messages. spec: mqtt5 §3.8.3.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// At every SUBSCRIBE; the only way of 3.1.1.
    #[default]
    Always = 0,
    /// Only when the subscription did not exist.
    WhenNew = 1,
    /// Not at all.
    Never = 2,
}

/// SUBACK and UNSUBACK. spec: mqtt5 §3.9, §3.11
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// One for each filter, in order. Empty in a 3.1.1 UNSUBACK.
    pub reasons: Vec<Reason>,
    /// None when empty.
    pub properties: Option<Box<AckProperties>>,
}

/// UNSUBSCRIBE. spec: mqtt5 §3.10
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// At least one, in the order of the packet.
    pub filters: Vec<String>,
    /// Empty in 3.1.1.
    pub user_properties: UserProperties,
}

/// DISCONNECT. spec: mqtt5 §3.14
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Always success in 3.1.1.
    pub reason: Reason,
    /// None when empty.
    pub properties: Option<Box<DisconnectProperties>>,
}

/// AUTH. spec: mqtt5 §3.15
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue or re-authenticate.
    pub reason: Reason,
    /// Method and data.
    pub properties: AuthProperties,
}

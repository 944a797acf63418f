//! How bytes fail to be an MQTT packet: each rule a peer can break has a name.

use std::fmt;

use crate::packet::Kind;
use crate::property::Id;
use crate::reason::Reason;

/// What a peer did wrong. All of them end the connection. spec: mqtt5 §1.2 (Malformed Packet, Protocol Error), §4.13
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Packet type 0, or AUTH in 3.1.1.
    UnknownPacket(u8),
    /// A packet only the other side may send.
    WrongDirection(Kind),
    /// A packet before CONNECT.
    ConnectExpected(Kind),
    /// A CONNECT on a connection that has one.
    SecondConnect,
    /// The lower half of the first byte is not what the packet demands.
    ReservedFlags(Kind),
    /// QoS 3 in a PUBLISH, a will or a SUBSCRIBE.
    Qos3,
    /// DUP is set in a QoS 0 PUBLISH.
    DupAtQos0,
    /// The remaining length takes more than four bytes.
    RemainingLengthTooLong,
    /// A variable byte integer inside the packet takes more than four bytes.
    NumberTooLong,
    /// A variable byte integer takes more bytes than it needs.
    NumberNotShortest,
    /// The header announces more than the receiver takes: `bytes` after the fixed header, `max` allowed.
    PacketTooLarge {
        /// Announced.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// A field reaches past the end of the packet.
    Truncated(Kind),
    /// Bytes are left after the last field.
    TrailingBytes(Kind),
    /// Text is not UTF-8, or holds a surrogate. spec: mqtt5 §1.5.4
    NotUtf8,
    /// Text contains U+0000. spec: mqtt5 §1.5.4
    NulInText,
    /// The protocol name in CONNECT is not `MQTT`.
    ProtocolName,
    /// The protocol level in CONNECT is neither 4 nor 5.
    ProtocolLevel(u8),
    /// The lowest connect flag is set.
    ReservedConnectFlag,
    /// Will QoS or will retain without a will.
    WillFlagsWithoutWill,
    /// A password without a user name in 3.1.1.
    PasswordWithoutUserName,
    /// A byte of CONNACK other than the lowest bit is set, or session present in a refusal.
    ConnAckFlags,
    /// Reserved subscription options are set, or Retain Handling is 3.
    SubscriptionOptions,
    /// No Local in a shared subscription.
    NoLocalShared,
    /// SUBSCRIBE or UNSUBSCRIBE without a filter, SUBACK or UNSUBACK without a reason.
    EmptyList(Kind),
    /// Packet identifier 0.
    PacketIdZero(Kind),
    /// A reason code the packet may not carry.
    ReasonCode(Kind, u8),
    /// A number that identifies no property.
    UnknownProperty(u32),
    /// A property the packet may not carry.
    PropertyNotAllowed(Kind, Id),
    /// A property that may come once comes twice.
    PropertyTwice(Id),
    /// A property with a value it may not have.
    PropertyValue(Id),
    /// Authentication Data without an Authentication Method.
    AuthenticationDataAlone,
    /// Topic alias 0, or one above what was agreed.
    TopicAlias(u16),
    /// Empty topic without an alias, or with an alias that names nothing.
    NoTopic,
    /// A response topic that is no topic: wildcards.
    ResponseTopic,
    /// A client sent a subscription identifier in a PUBLISH.
    SubscriptionIdFromClient,
}

impl Misdeed {
    /// The reason code for CONNACK or DISCONNECT of MQTT 5.0; 3.1.1 closes without a word.
    pub fn reason(self) -> Reason {
        match self {
            Misdeed::ProtocolName | Misdeed::ProtocolLevel(_) => Reason::UnsupportedProtocolVersion,
            Misdeed::PacketTooLarge { .. } => Reason::PacketTooLarge,
            Misdeed::TopicAlias(_) => Reason::TopicAliasInvalid,
            Misdeed::WrongDirection(_)
            | Misdeed::ConnectExpected(_)
            | Misdeed::SecondConnect
            | Misdeed::NoLocalShared
            | Misdeed::EmptyList(_)
            | Misdeed::PacketIdZero(_)
            | Misdeed::ReasonCode(..)
            | Misdeed::PropertyTwice(_)
            | Misdeed::PropertyValue(_)
            | Misdeed::AuthenticationDataAlone
            | Misdeed::NoTopic
            | Misdeed::ResponseTopic
            | Misdeed::SubscriptionIdFromClient => Reason::ProtocolError,
            _ => Reason::MalformedPacket,
        }
    }
}

impl fmt::Display for Misdeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Misdeed::UnknownPacket(number) => write!(f, "packet type {number} does not exist"),
            Misdeed::WrongDirection(kind) => write!(f, "a {kind} comes from the wrong side"),
            Misdeed::ConnectExpected(kind) => write!(f, "a {kind} comes before CONNECT"),
            Misdeed::SecondConnect => f.write_str("a second CONNECT comes"),
            Misdeed::ReservedFlags(kind) => write!(f, "the flags of {kind} are not the prescribed ones"),
            Misdeed::Qos3 => f.write_str("QoS 3 does not exist"),
            Misdeed::DupAtQos0 => f.write_str("DUP is set at QoS 0"),
            Misdeed::RemainingLengthTooLong => f.write_str("the remaining length takes more than 4 bytes"),
            Misdeed::NumberTooLong => f.write_str("a variable byte integer takes more than 4 bytes"),
            Misdeed::NumberNotShortest => {
                f.write_str("a variable byte integer takes more bytes than it needs")
            }
            Misdeed::PacketTooLarge { bytes, max } => {
                write!(f, "the packet has {bytes} bytes after its fixed header; at most {max} are allowed")
            }
            Misdeed::Truncated(kind) => write!(f, "the {kind} ends inside a field"),
            Misdeed::TrailingBytes(kind) => write!(f, "the {kind} has bytes after its last field"),
            Misdeed::NotUtf8 => f.write_str("a text is not UTF-8"),
            Misdeed::NulInText => f.write_str("a text contains U+0000"),
            Misdeed::ProtocolName => f.write_str("the protocol name must be MQTT"),
            Misdeed::ProtocolLevel(level) => {
                write!(f, "protocol level {level} is unknown; 4 and 5 are known")
            }
            Misdeed::ReservedConnectFlag => f.write_str("the reserved connect flag is set"),
            Misdeed::WillFlagsWithoutWill => f.write_str("will QoS or will retain is set without a will"),
            Misdeed::PasswordWithoutUserName => f.write_str("a password needs a user name in MQTT 3.1.1"),
            Misdeed::ConnAckFlags => f.write_str("the acknowledge flags of the CONNACK are not possible"),
            Misdeed::SubscriptionOptions => f.write_str("the subscription options are not possible"),
            Misdeed::NoLocalShared => f.write_str("No Local is not possible in a shared subscription"),
            Misdeed::EmptyList(kind) => write!(f, "the {kind} has an empty payload"),
            Misdeed::PacketIdZero(kind) => write!(f, "the packet identifier of the {kind} is 0"),
            Misdeed::ReasonCode(kind, code) => {
                write!(f, "reason code 0x{code:02x} is not possible in a {kind}")
            }
            Misdeed::UnknownProperty(number) => write!(f, "property 0x{number:02x} does not exist"),
            Misdeed::PropertyNotAllowed(kind, id) => write!(f, "{id} is not allowed in this {kind}"),
            Misdeed::PropertyTwice(id) => write!(f, "{id} comes twice"),
            Misdeed::PropertyValue(id) => write!(f, "{id} has a value that is not possible"),
            Misdeed::AuthenticationDataAlone => {
                f.write_str("Authentication Data is not possible without an Authentication Method")
            }
            Misdeed::TopicAlias(alias) => write!(f, "topic alias {alias} is not possible"),
            Misdeed::NoTopic => f.write_str("the topic is empty and no topic alias names one"),
            Misdeed::ResponseTopic => f.write_str("the response topic is not a topic"),
            Misdeed::SubscriptionIdFromClient => {
                f.write_str("a client may not send a Subscription Identifier in a PUBLISH")
            }
        }
    }
}

impl std::error::Error for Misdeed {}

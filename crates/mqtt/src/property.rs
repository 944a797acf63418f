//! The properties of MQTT 5.0: identifiers, and one struct for each packet that has any.

use std::fmt;

use crate::packet::{Kind, Password, QoS};
use crate::wire;

/// Names and values, in the order of the packet; a name may come twice. spec: mqtt5 §2.2.2.2
pub type UserProperties = Vec<(String, String)>;

/// The identifiers of properties. spec: mqtt5 §2.2.2.2 table 2-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the table")]
pub enum Id {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifierAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
}

/// Every identifier, ascending.
pub const ALL: [Id; 27] = [
    Id::PayloadFormatIndicator,
    Id::MessageExpiryInterval,
    Id::ContentType,
    Id::ResponseTopic,
    Id::CorrelationData,
    Id::SubscriptionIdentifier,
    Id::SessionExpiryInterval,
    Id::AssignedClientIdentifier,
    Id::ServerKeepAlive,
    Id::AuthenticationMethod,
    Id::AuthenticationData,
    Id::RequestProblemInformation,
    Id::WillDelayInterval,
    Id::RequestResponseInformation,
    Id::ResponseInformation,
    Id::ServerReference,
    Id::ReasonString,
    Id::ReceiveMaximum,
    Id::TopicAliasMaximum,
    Id::TopicAlias,
    Id::MaximumQos,
    Id::RetainAvailable,
    Id::UserProperty,
    Id::MaximumPacketSize,
    Id::WildcardSubscriptionAvailable,
    Id::SubscriptionIdentifierAvailable,
    Id::SharedSubscriptionAvailable,
];

impl Id {
    /// The property with this number, if the standard defines one.
    pub fn of(number: u32) -> Option<Id> {
        let at = ALL.binary_search_by_key(&number, |id| *id as u32).ok()?;
        ALL.get(at).copied()
    }

    /// The name as the standard spells it.
    pub fn name(self) -> &'static str {
        match self {
            Id::PayloadFormatIndicator => "Payload Format Indicator",
            Id::MessageExpiryInterval => "Message Expiry Interval",
            Id::ContentType => "Content Type",
            Id::ResponseTopic => "Response Topic",
            Id::CorrelationData => "Correlation Data",
            Id::SubscriptionIdentifier => "Subscription Identifier",
            Id::SessionExpiryInterval => "Session Expiry Interval",
            Id::AssignedClientIdentifier => "Assigned Client Identifier",
            Id::ServerKeepAlive => "Server Keep Alive",
            Id::AuthenticationMethod => "Authentication Method",
            Id::AuthenticationData => "Authentication Data",
            Id::RequestProblemInformation => "Request Problem Information",
            Id::WillDelayInterval => "Will Delay Interval",
            Id::RequestResponseInformation => "Request Response Information",
            Id::ResponseInformation => "Response Information",
            Id::ServerReference => "Server Reference",
            Id::ReasonString => "Reason String",
            Id::ReceiveMaximum => "Receive Maximum",
            Id::TopicAliasMaximum => "Topic Alias Maximum",
            Id::TopicAlias => "Topic Alias",
            Id::MaximumQos => "Maximum QoS",
            Id::RetainAvailable => "Retain Available",
            Id::UserProperty => "User Property",
            Id::MaximumPacketSize => "Maximum Packet Size",
            Id::WildcardSubscriptionAvailable => "Wildcard Subscription Available",
            Id::SubscriptionIdentifierAvailable => "Subscription Identifier Available",
            Id::SharedSubscriptionAvailable => "Shared Subscription Available",
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The properties of a PUBLISH, in the bytes they came in. All of them were checked when the packet was read.
/// spec: mqtt5 §3.3.2.3
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties<'a> {
    pub(crate) raw: &'a [u8],
    /// Whether `raw` has nothing that belongs to one hop only.
    pub(crate) all_forwarded: bool,
    pub(crate) has_subscription_ids: bool,
    /// Seconds; only of a will.
    pub(crate) will_delay: Option<u32>,
    /// Some(true) says that the payload is UTF-8 text; nobody checks.
    pub payload_is_text: Option<bool>,
    /// Seconds.
    pub message_expiry: Option<u32>,
    /// 1 to 65,535.
    pub topic_alias: Option<u16>,
    /// Text without wildcards.
    pub response_topic: Option<&'a str>,
    /// Any bytes.
    pub correlation_data: Option<&'a [u8]>,
    /// Text.
    pub content_type: Option<&'a str>,
    /// Bytes of all user properties: names and values, without the lengths in front of them.
    pub user_property_bytes: usize,
}

impl<'a> PublishProperties<'a> {
    /// Those of a 3.1.1 packet.
    pub fn none() -> PublishProperties<'a> {
        PublishProperties { all_forwarded: true, ..PublishProperties::default() }
    }

    /// The encoded properties, without the length in front.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Names and values in order. Allocates nothing.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        wire::Properties::new(Kind::Publish, self.raw).filter_map(|property| match property {
            Ok(wire::Property::Pair(Id::UserProperty, name, value)) => Some((name, value)),
            _ => None,
        })
    }

    /// The identifiers of the subscriptions that caused this delivery, in order. Allocates nothing.
    pub fn subscription_ids(&self) -> impl Iterator<Item = u32> + use<'a> {
        wire::Properties::new(Kind::Publish, self.raw).filter_map(|property| match property {
            Ok(wire::Property::Number(Id::SubscriptionIdentifier, value)) => Some(value),
            _ => None,
        })
    }
}

/// Of CONNECT. spec: mqtt5 §3.1.2.11
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectProperties {
    /// Seconds the session outlives the connection; absent is 0, 4,294,967,295 is for ever.
    pub session_expiry: Option<u32>,
    /// QoS 1 and 2 messages the client takes at once, 1 to 65,535; absent is 65,535.
    pub receive_maximum: Option<u16>,
    /// Bytes of the largest packet the client takes, 1 and more; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// The highest alias the client takes; absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// The client would like a Response Information.
    pub request_response_information: Option<bool>,
    /// Whether reason strings and user properties may come with any packet; absent is true.
    pub request_problem_information: Option<bool>,
    /// In order.
    pub user_properties: UserProperties,
    /// Enhanced authentication is wanted.
    pub authentication_method: Option<String>,
    /// Never printed; only with a method.
    pub authentication_data: Option<Password>,
}

/// Of CONNACK. spec: mqtt5 §3.2.2.3
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds; absent is what the client asked.
    pub session_expiry: Option<u32>,
    /// QoS 1 and 2 messages the server takes at once; absent is 65,535.
    pub receive_maximum: Option<u16>,
    /// QoS 0 or 1; absent is QoS 2.
    pub maximum_qos: Option<QoS>,
    /// Absent is true.
    pub retain_available: Option<bool>,
    /// Bytes of the largest packet the server takes, 1 and more; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// The client id when the client sent none.
    pub assigned_client_id: Option<String>,
    /// The highest alias the server takes; absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// For people.
    pub reason_string: Option<String>,
    /// In order.
    pub user_properties: UserProperties,
    /// Absent is true.
    pub wildcard_subscription_available: Option<bool>,
    /// Absent is true.
    pub subscription_ids_available: Option<bool>,
    /// Absent is true.
    pub shared_subscription_available: Option<bool>,
    /// Seconds the client has to use instead of what it asked.
    pub server_keep_alive: Option<u16>,
    /// Basis of response topics.
    pub response_information: Option<String>,
    /// Another server to use.
    pub server_reference: Option<String>,
    /// Enhanced authentication.
    pub authentication_method: Option<String>,
    /// Never printed; only with a method.
    pub authentication_data: Option<Password>,
}

/// Of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK. spec: mqtt5 §3.4.2.2
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AckProperties {
    /// For people.
    pub reason_string: Option<String>,
    /// In order.
    pub user_properties: UserProperties,
}

/// Of SUBSCRIBE. spec: mqtt5 §3.8.2.1
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeProperties {
    /// 1 to 268,435,455.
    pub subscription_id: Option<u32>,
    /// In order.
    pub user_properties: UserProperties,
}

/// Of DISCONNECT. spec: mqtt5 §3.14.2.2
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// Seconds; only from a client.
    pub session_expiry: Option<u32>,
    /// For people.
    pub reason_string: Option<String>,
    /// In order.
    pub user_properties: UserProperties,
    /// Another server to use; only from a server.
    pub server_reference: Option<String>,
}

/// Of AUTH. spec: mqtt5 §3.15.2.2
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthProperties {
    /// The method agreed on in CONNECT.
    pub authentication_method: Option<String>,
    /// Never printed.
    pub authentication_data: Option<Password>,
    /// For people.
    pub reason_string: Option<String>,
    /// In order.
    pub user_properties: UserProperties,
}

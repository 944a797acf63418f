//! Reason codes of MQTT 5.0, and what they become in 3.1.1.

use std::fmt;

use crate::packet::Kind;

/// Why something was accepted, refused or ended; the number is the byte on the wire. spec: mqtt5 §2.4
///
/// MQTT 3.1.1 packets are read into the same codes and written from them, so nobody above the codec sees two
/// alphabets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the table in mqtt5 §2.4; `text` says them in words")]
pub enum Reason {
    /// Also "normal disconnection" and "granted QoS 0".
    Success = 0x00,
    GrantedQos1 = 0x01,
    GrantedQos2 = 0x02,
    DisconnectWithWill = 0x04,
    NoMatchingSubscribers = 0x10,
    NoSubscriptionExisted = 0x11,
    ContinueAuthentication = 0x18,
    ReAuthenticate = 0x19,
    UnspecifiedError = 0x80,
    MalformedPacket = 0x81,
    ProtocolError = 0x82,
    ImplementationSpecificError = 0x83,
    UnsupportedProtocolVersion = 0x84,
    ClientIdentifierNotValid = 0x85,
    BadUserNameOrPassword = 0x86,
    NotAuthorized = 0x87,
    ServerUnavailable = 0x88,
    ServerBusy = 0x89,
    Banned = 0x8A,
    ServerShuttingDown = 0x8B,
    BadAuthenticationMethod = 0x8C,
    KeepAliveTimeout = 0x8D,
    SessionTakenOver = 0x8E,
    TopicFilterInvalid = 0x8F,
    TopicNameInvalid = 0x90,
    PacketIdentifierInUse = 0x91,
    PacketIdentifierNotFound = 0x92,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    MessageRateTooHigh = 0x96,
    QuotaExceeded = 0x97,
    AdministrativeAction = 0x98,
    PayloadFormatInvalid = 0x99,
    RetainNotSupported = 0x9A,
    QosNotSupported = 0x9B,
    UseAnotherServer = 0x9C,
    ServerMoved = 0x9D,
    SharedSubscriptionsNotSupported = 0x9E,
    ConnectionRateExceeded = 0x9F,
    MaximumConnectTime = 0xA0,
    SubscriptionIdentifiersNotSupported = 0xA1,
    WildcardSubscriptionsNotSupported = 0xA2,
}

use Reason as R;

/// Every reason, ascending.
pub const ALL: [Reason; 43] = [
    R::Success,
    R::GrantedQos1,
    R::GrantedQos2,
    R::DisconnectWithWill,
    R::NoMatchingSubscribers,
    R::NoSubscriptionExisted,
    R::ContinueAuthentication,
    R::ReAuthenticate,
    R::UnspecifiedError,
    R::MalformedPacket,
    R::ProtocolError,
    R::ImplementationSpecificError,
    R::UnsupportedProtocolVersion,
    R::ClientIdentifierNotValid,
    R::BadUserNameOrPassword,
    R::NotAuthorized,
    R::ServerUnavailable,
    R::ServerBusy,
    R::Banned,
    R::ServerShuttingDown,
    R::BadAuthenticationMethod,
    R::KeepAliveTimeout,
    R::SessionTakenOver,
    R::TopicFilterInvalid,
    R::TopicNameInvalid,
    R::PacketIdentifierInUse,
    R::PacketIdentifierNotFound,
    R::ReceiveMaximumExceeded,
    R::TopicAliasInvalid,
    R::PacketTooLarge,
    R::MessageRateTooHigh,
    R::QuotaExceeded,
    R::AdministrativeAction,
    R::PayloadFormatInvalid,
    R::RetainNotSupported,
    R::QosNotSupported,
    R::UseAnotherServer,
    R::ServerMoved,
    R::SharedSubscriptionsNotSupported,
    R::ConnectionRateExceeded,
    R::MaximumConnectTime,
    R::SubscriptionIdentifiersNotSupported,
    R::WildcardSubscriptionsNotSupported,
];

impl Reason {
    /// The byte on the wire of MQTT 5.0.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this byte, if the standard defines one.
    pub fn of(code: u8) -> Option<Reason> {
        let at = ALL.binary_search_by_key(&code, |reason| reason.code()).ok()?;
        ALL.get(at).copied()
    }

    /// Whether this says no: 0x80 and above. spec: mqtt5 §2.4
    pub fn is_error(self) -> bool {
        self.code() >= 0x80
    }

    /// Whether a packet of this kind may carry the reason, sent by either side. spec: mqtt5 §2.4 table 2-6
    pub fn allowed_in(self, kind: Kind) -> bool {
        match kind {
            Kind::ConnAck => self == R::Success || in_connack(self),
            Kind::PubAck | Kind::PubRec => in_puback(self),
            Kind::PubRel | Kind::PubComp => matches!(self, R::Success | R::PacketIdentifierNotFound),
            Kind::SubAck => matches!(self, R::Success | R::GrantedQos1 | R::GrantedQos2) || in_suback(self),
            Kind::UnsubAck => in_unsuback(self),
            Kind::Disconnect => in_disconnect(self),
            Kind::Auth => matches!(self, R::Success | R::ContinueAuthentication | R::ReAuthenticate),
            _ => false,
        }
    }

    /// Whether a client may disconnect with this reason; the others only a server says. spec: mqtt5 §3.14.2.1
    pub fn allowed_in_disconnect_of_client(self) -> bool {
        matches!(
            self,
            R::Success
                | R::DisconnectWithWill
                | R::UnspecifiedError
                | R::MalformedPacket
                | R::ProtocolError
                | R::ImplementationSpecificError
                | R::TopicNameInvalid
                | R::ReceiveMaximumExceeded
                | R::TopicAliasInvalid
                | R::PacketTooLarge
                | R::MessageRateTooHigh
                | R::QuotaExceeded
                | R::AdministrativeAction
                | R::PayloadFormatInvalid
        )
    }

    /// The return code of a 3.1.1 CONNACK: 0 to 5. Whatever has no code of its own becomes 3, server unavailable.
    /// spec: mqtt311 §3.2.2.3, mqtt-gateway §3.1
    pub fn connack_v4(self) -> u8 {
        match self {
            R::Success => 0,
            R::UnsupportedProtocolVersion => 1,
            R::ClientIdentifierNotValid => 2,
            R::BadUserNameOrPassword => 4,
            R::NotAuthorized | R::Banned | R::BadAuthenticationMethod => 5,
            _ => 3,
        }
    }

    /// The reason for a return code of a 3.1.1 CONNACK, if it is 0 to 5.
    pub fn of_connack_v4(code: u8) -> Option<Reason> {
        match code {
            0 => Some(R::Success),
            1 => Some(R::UnsupportedProtocolVersion),
            2 => Some(R::ClientIdentifierNotValid),
            3 => Some(R::ServerUnavailable),
            4 => Some(R::BadUserNameOrPassword),
            5 => Some(R::NotAuthorized),
            _ => None,
        }
    }

    /// The return code of a 3.1.1 SUBACK: 0, 1 or 2, and 0x80 for every failure. spec: mqtt311 §3.9.3
    pub fn suback_v4(self) -> u8 {
        if self.is_error() { R::UnspecifiedError.code() } else { self.code() }
    }

    /// The reason in words, for logs.
    pub fn text(self) -> &'static str {
        match self {
            R::Success => "success",
            R::GrantedQos1 => "granted QoS 1",
            R::GrantedQos2 => "granted QoS 2",
            R::DisconnectWithWill => "disconnect with will message",
            R::NoMatchingSubscribers => "no matching subscribers",
            R::NoSubscriptionExisted => "no subscription existed",
            R::ContinueAuthentication => "continue authentication",
            R::ReAuthenticate => "re-authenticate",
            R::UnspecifiedError => "unspecified error",
            R::MalformedPacket => "malformed packet",
            R::ProtocolError => "protocol error",
            R::ImplementationSpecificError => "implementation specific error",
            R::UnsupportedProtocolVersion => "unsupported protocol version",
            R::ClientIdentifierNotValid => "client identifier not valid",
            R::BadUserNameOrPassword => "bad user name or password",
            R::NotAuthorized => "not authorized",
            R::ServerUnavailable => "server unavailable",
            R::ServerBusy => "server busy",
            R::Banned => "banned",
            R::ServerShuttingDown => "server shutting down",
            R::BadAuthenticationMethod => "bad authentication method",
            R::KeepAliveTimeout => "keep alive timeout",
            R::SessionTakenOver => "session taken over",
            R::TopicFilterInvalid => "topic filter invalid",
            R::TopicNameInvalid => "topic name invalid",
            R::PacketIdentifierInUse => "packet identifier in use",
            R::PacketIdentifierNotFound => "packet identifier not found",
            R::ReceiveMaximumExceeded => "receive maximum exceeded",
            R::TopicAliasInvalid => "topic alias invalid",
            R::PacketTooLarge => "packet too large",
            R::MessageRateTooHigh => "message rate too high",
            R::QuotaExceeded => "quota exceeded",
            R::AdministrativeAction => "administrative action",
            R::PayloadFormatInvalid => "payload format invalid",
            R::RetainNotSupported => "retain not supported",
            R::QosNotSupported => "QoS not supported",
            R::UseAnotherServer => "use another server",
            R::ServerMoved => "server moved",
            R::SharedSubscriptionsNotSupported => "shared subscriptions not supported",
            R::ConnectionRateExceeded => "connection rate exceeded",
            R::MaximumConnectTime => "maximum connect time",
            R::SubscriptionIdentifiersNotSupported => "subscription identifiers not supported",
            R::WildcardSubscriptionsNotSupported => "wildcard subscriptions not supported",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.text(), self.code())
    }
}

fn in_connack(reason: Reason) -> bool {
    matches!(
        reason,
        R::UnspecifiedError
            | R::MalformedPacket
            | R::ProtocolError
            | R::ImplementationSpecificError
            | R::UnsupportedProtocolVersion
            | R::ClientIdentifierNotValid
            | R::BadUserNameOrPassword
            | R::NotAuthorized
            | R::ServerUnavailable
            | R::ServerBusy
            | R::Banned
            | R::BadAuthenticationMethod
            | R::TopicNameInvalid
            | R::PacketTooLarge
            | R::QuotaExceeded
            | R::PayloadFormatInvalid
            | R::RetainNotSupported
            | R::QosNotSupported
            | R::UseAnotherServer
            | R::ServerMoved
            | R::ConnectionRateExceeded
    )
}

fn in_puback(reason: Reason) -> bool {
    matches!(
        reason,
        R::Success
            | R::NoMatchingSubscribers
            | R::UnspecifiedError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicNameInvalid
            | R::PacketIdentifierInUse
            | R::QuotaExceeded
            | R::PayloadFormatInvalid
    )
}

fn in_suback(reason: Reason) -> bool {
    matches!(
        reason,
        R::UnspecifiedError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicFilterInvalid
            | R::PacketIdentifierInUse
            | R::QuotaExceeded
            | R::SharedSubscriptionsNotSupported
            | R::SubscriptionIdentifiersNotSupported
            | R::WildcardSubscriptionsNotSupported
    )
}

fn in_unsuback(reason: Reason) -> bool {
    matches!(
        reason,
        R::Success
            | R::NoSubscriptionExisted
            | R::UnspecifiedError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicFilterInvalid
            | R::PacketIdentifierInUse
    )
}

fn in_disconnect(reason: Reason) -> bool {
    matches!(
        reason,
        R::Success
            | R::DisconnectWithWill
            | R::UnspecifiedError
            | R::MalformedPacket
            | R::ProtocolError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::ServerBusy
            | R::ServerShuttingDown
            | R::BadAuthenticationMethod
            | R::KeepAliveTimeout
            | R::SessionTakenOver
            | R::TopicFilterInvalid
            | R::TopicNameInvalid
            | R::ReceiveMaximumExceeded
            | R::TopicAliasInvalid
            | R::PacketTooLarge
            | R::MessageRateTooHigh
            | R::QuotaExceeded
            | R::AdministrativeAction
            | R::PayloadFormatInvalid
            | R::RetainNotSupported
            | R::QosNotSupported
            | R::UseAnotherServer
            | R::ServerMoved
            | R::SharedSubscriptionsNotSupported
            | R::ConnectionRateExceeded
            | R::MaximumConnectTime
            | R::SubscriptionIdentifiersNotSupported
            | R::WildcardSubscriptionsNotSupported
    )
}

//! Why a connection is over: what the client is told, and what the lifecycle event says.

use std::fmt;

use crate::misdeed::Misdeed;
use crate::packet::Version;
use crate::reason::Reason;

/// Every reason for which a connection ends. spec: mqtt-gateway §6.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The first packet is not a CONNECT. Nothing is sent.
    NotConnect,
    /// More bytes than allowed before the CONNECT was answered. Nothing is sent.
    ConnectTooLarge,
    /// No complete CONNECT in time. Nothing is sent.
    ConnectTimeout,
    /// The CONNECT was refused; a CONNACK is sent where the version has one for this reason.
    ConnectRefused(Reason),
    /// The driver drops the connection without a word, as after a first connection that provisioned.
    Dropped,
    /// Bytes that are no packet, or a packet that breaks a rule.
    Misdeed(Misdeed),
    /// A packet that is not allowed at this moment; the text says why.
    Protocol(&'static str),
    /// A policy does not allow what the client did.
    NotAuthorized,
    /// This node is going away.
    ShuttingDown,
    /// Nothing came for one and a half times the keep alive.
    KeepAlive,
    /// Another connection with the same client id took over.
    TakenOver,
    /// A topic filter is malformed; in 3.1.1 also one that is too long or not offered.
    BadFilter,
    /// More filters in one SUBSCRIBE or UNSUBSCRIBE than allowed.
    TooManyFilters,
    /// A topic is not one a client may publish to.
    BadTopic,
    /// More unacknowledged publishes from the client than the Receive Maximum.
    ReceiveMaximum,
    /// A topic alias of 0 or above the maximum.
    BadAlias,
    /// A packet or a payload above the limit.
    TooLarge,
    /// A quota or a rate was exceeded.
    Quota,
    /// The connection was deleted through the API.
    Deleted,
    /// The client's certificate is no longer active.
    Forbidden,
    /// QoS 2, where it is not offered.
    Qos,
    /// A subscription identifier, where they are not offered.
    SubscriptionIds,
    /// Something failed on our side.
    Internal,
    /// The link ended without a DISCONNECT.
    Lost,
    /// The client sent DISCONNECT or closed its WebSocket in order: the will is forgotten.
    Client,
    /// The client sent DISCONNECT and asks for its will to be published (0x04).
    ClientWithWill,
    /// A signed WebSocket connection reached its greatest age.
    WebSocketExpired,
    /// What the custom authorizer granted has run out.
    AuthorizerExpired,
}

impl Why {
    /// The reason code of the DISCONNECT an MQTT 5 client gets once connected; `None` when none is sent.
    /// spec: mqtt-gateway §6.2
    pub fn reason(self) -> Option<Reason> {
        Some(match self {
            Why::Misdeed(misdeed) => misdeed.reason(),
            Why::Protocol(_) => Reason::ProtocolError,
            Why::NotAuthorized | Why::AuthorizerExpired => Reason::NotAuthorized,
            Why::ShuttingDown => Reason::ServerShuttingDown,
            Why::KeepAlive => Reason::KeepAliveTimeout,
            Why::TakenOver => Reason::SessionTakenOver,
            Why::BadFilter => Reason::TopicFilterInvalid,
            Why::BadTopic => Reason::TopicNameInvalid,
            Why::ReceiveMaximum => Reason::ReceiveMaximumExceeded,
            Why::BadAlias => Reason::TopicAliasInvalid,
            Why::TooLarge => Reason::PacketTooLarge,
            Why::Quota | Why::TooManyFilters => Reason::QuotaExceeded,
            Why::Deleted | Why::Forbidden => Reason::AdministrativeAction,
            Why::Qos => Reason::QosNotSupported,
            Why::SubscriptionIds => Reason::SubscriptionIdentifiersNotSupported,
            Why::Internal => Reason::UnspecifiedError,
            Why::NotConnect
            | Why::ConnectTooLarge
            | Why::ConnectTimeout
            | Why::ConnectRefused(_)
            | Why::Dropped
            | Why::Lost
            | Why::Client
            | Why::ClientWithWill
            | Why::WebSocketExpired => return None,
        })
    }

    /// The reason for ending a connection whose client did what `reason` complains about.
    pub fn of(reason: Reason) -> Why {
        match reason {
            Reason::MalformedPacket | Reason::ProtocolError => Why::Protocol("the packet is not allowed"),
            Reason::NotAuthorized => Why::NotAuthorized,
            Reason::ServerShuttingDown | Reason::ServerBusy | Reason::ServerUnavailable => Why::ShuttingDown,
            Reason::KeepAliveTimeout => Why::KeepAlive,
            Reason::SessionTakenOver => Why::TakenOver,
            Reason::TopicFilterInvalid => Why::BadFilter,
            Reason::TopicNameInvalid => Why::BadTopic,
            Reason::ReceiveMaximumExceeded => Why::ReceiveMaximum,
            Reason::TopicAliasInvalid => Why::BadAlias,
            Reason::PacketTooLarge => Why::TooLarge,
            Reason::QuotaExceeded | Reason::MessageRateTooHigh | Reason::ConnectionRateExceeded => Why::Quota,
            Reason::AdministrativeAction => Why::Deleted,
            Reason::QosNotSupported => Why::Qos,
            Reason::SubscriptionIdentifiersNotSupported => Why::SubscriptionIds,
            _ => Why::Internal,
        }
    }

    /// `disconnectReason` of the lifecycle event. spec: mqtt-gateway §6.2, policies §9
    pub fn lifecycle(self, version: Version) -> &'static str {
        match self {
            Why::NotAuthorized if version == Version::V5 => "AUTH_ERROR",
            Why::ShuttingDown => "SERVER_INITIATED_DISCONNECT",
            Why::KeepAlive => "MQTT_KEEP_ALIVE_TIMEOUT",
            Why::TakenOver => "DUPLICATE_CLIENTID",
            Why::Quota => "THROTTLED",
            Why::Deleted => "API_INITIATED_DISCONNECT",
            Why::Forbidden => "FORBIDDEN_ACCESS",
            Why::Internal => "SERVER_ERROR",
            Why::Lost | Why::Dropped => "CONNECTION_LOST",
            Why::Client | Why::ClientWithWill => "CLIENT_INITIATED_DISCONNECT",
            Why::WebSocketExpired => "WEBSOCKET_TTL_EXPIRATION",
            Why::AuthorizerExpired => "CUSTOMAUTH_TTL_EXPIRATION",
            Why::NotConnect
            | Why::ConnectTooLarge
            | Why::ConnectTimeout
            | Why::ConnectRefused(_)
            | Why::Misdeed(_)
            | Why::Protocol(_)
            | Why::NotAuthorized
            | Why::BadFilter
            | Why::TooManyFilters
            | Why::BadTopic
            | Why::ReceiveMaximum
            | Why::BadAlias
            | Why::TooLarge
            | Why::Qos
            | Why::SubscriptionIds => "CLIENT_ERROR",
        }
    }

    /// Whether the client ended the connection itself, in order: `clientInitiatedDisconnect` of the event.
    pub fn is_from_client(self) -> bool {
        matches!(self, Why::Client | Why::ClientWithWill)
    }

    /// Whether the will is published. The API's wish to prevent it is the driver's to honour.
    /// spec: mqtt-gateway §6.1
    pub fn publishes_will(self) -> bool {
        self != Why::Client
    }
}

impl fmt::Display for Why {
    /// A sentence for the log and for the reason string of MQTT 5.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Why::Misdeed(misdeed) => return misdeed.fmt(f),
            Why::ConnectRefused(reason) => return write!(f, "the CONNECT was refused: {}", reason.text()),
            Why::NotConnect => "the first packet must be CONNECT",
            Why::ConnectTooLarge => "too many bytes before the CONNECT was answered",
            Why::ConnectTimeout => "no complete CONNECT in time",
            Why::Dropped => "dropped before the CONNECT was answered",
            Why::Protocol(text) => text,
            Why::NotAuthorized => "not authorized",
            Why::ShuttingDown => "the server is shutting down",
            Why::KeepAlive => "no packet for one and a half times the keep alive",
            Why::TakenOver => "another connection uses this client id",
            Why::BadFilter => "a topic filter is malformed or not offered",
            Why::TooManyFilters => "too many filters in one packet",
            Why::BadTopic => "the topic is not one a client may publish to",
            Why::ReceiveMaximum => "more unacknowledged publishes than the Receive Maximum",
            Why::BadAlias => "the topic alias is 0 or above the Topic Alias Maximum",
            Why::TooLarge => "the packet or its payload is too large",
            Why::Quota => "a quota was exceeded",
            Why::Deleted => "the connection was ended through the API",
            Why::Forbidden => "the certificate is not active",
            Why::Qos => "QoS 2 is not offered",
            Why::SubscriptionIds => "subscription identifiers are not offered",
            Why::Internal => "an error inside the server",
            Why::Lost => "the link was lost",
            Why::Client => "the client disconnected",
            Why::ClientWithWill => "the client disconnected and wants its will published",
            Why::WebSocketExpired => "the signed WebSocket connection is too old",
            Why::AuthorizerExpired => "the authorization has run out",
        })
    }
}

//! What the machine asks its driver, and what the driver answers.

use std::sync::Arc;

use crate::packet::{Password, PublishRef, QoS, RetainHandling, Version};
use crate::reason::Reason;
use crate::session::Session;
use crate::topic::Filter;
use crate::will::Will;

/// Names an open question or an unanswered publish of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u32);

/// A question that may take time; answered by [`Connection::answer`](super::Connection::answer).
#[derive(Debug)]
pub enum Ask {
    /// May this client connect, and is there a session? Answer with [`Answer::Connected`] or
    /// [`Answer::Refused`].
    Connect(Box<Arrival>),
    /// Answer with [`Answer::Subscribed`], or with [`Answer::Refused`] to end the connection.
    Subscribe(Box<Subscribe>),
    /// Answer with [`Answer::Unsubscribed`], or with [`Answer::Refused`] to end the connection.
    Unsubscribe(Box<Unsubscribe>),
}

/// A CONNECT that is in order, with everything resolved that the settings decide.
#[derive(Debug)]
pub struct Arrival {
    /// For the answer.
    pub ticket: Ticket,
    /// 3.1.1 or 5.0.
    pub version: Version,
    /// The client's own or the assigned id (`$GEN/…`).
    pub client_id: Arc<str>,
    /// Whether the client sent no id.
    pub is_assigned: bool,
    /// Start fresh: what is kept under this client id is to be dropped. Otherwise a session of the same version
    /// is to be resumed. spec: mqtt-gateway §6
    pub clean_start: bool,
    /// Seconds the session outlives the connection, after the limit; 0 for a session that is not persistent.
    pub session_expiry: u32,
    /// Seconds of the effective keep alive. spec: mqtt-gateway §3.3
    pub keep_alive: u16,
    /// What the client leaves behind; [`End::will`](super::End::will) says in the end whether it is published.
    pub will: Option<Arc<Will>>,
    /// As sent.
    pub user_name: Option<String>,
    /// As sent.
    pub password: Option<Password>,
}

/// A SUBSCRIBE whose filters are in order. Filters that are not are missing here; the machine adds their reasons.
#[derive(Debug)]
pub struct Subscribe {
    /// For the answer.
    pub ticket: Ticket,
    /// In the order sent.
    pub wishes: Vec<Wish>,
    /// The Subscription Identifier, 1 to 268,435,455, in `standard` only.
    pub subscription_id: Option<u32>,
    /// A refusal of any wish closes the connection without SUBACK (3.1.1 under the setting
    /// `v4_subscribe_denied`): decide about all before subscribing to any. spec: mqtt-gateway §5.2
    pub is_all_or_nothing: bool,
}

/// One filter of a SUBSCRIBE. spec: mqtt5 §3.8.3.1
#[derive(Clone, Debug)]
pub struct Wish {
    /// What is subscribed to.
    pub filter: Filter,
    /// The QoS to grant: the wanted one, lowered to what the settings offer.
    pub qos: QoS,
    /// Do not send back what this client itself publishes.
    pub no_local: bool,
    /// Leave the RETAIN flag as published.
    pub retain_as_published: bool,
    /// When retained messages are sent. In 3.1.1 always.
    pub retain_handling: RetainHandling,
    /// Whether this connection holds no subscription to the same filter yet.
    pub is_new: bool,
}

/// An UNSUBSCRIBE.
#[derive(Debug)]
pub struct Unsubscribe {
    /// For the answer.
    pub ticket: Ticket,
    /// In the order sent.
    pub filters: Vec<Filter>,
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub enum Answer<T> {
    /// The client is in. `Some` says that a session was there and is resumed (Session Present); its flights are
    /// resent at once.
    Connected(Option<Resumed<T>>),
    /// One reason per wish, in order: [`QoS::granted`] or a failure. The filters must be in the routing table before
    /// this call; retained messages are delivered after it.
    Subscribed(Vec<Reason>),
    /// One reason per filter, in order: `Success`, `NoSubscriptionExisted` or a failure.
    Unsubscribed(Vec<Reason>),
    /// No. After `Ask::Connect` a CONNACK with this reason where the version has one, and the connection is closed;
    /// otherwise the connection is closed.
    Refused(Reason),
}

/// What a resumed session brings along.
#[derive(Debug)]
pub struct Resumed<T> {
    /// Messages under way and packet ids.
    pub session: Session<T>,
    /// What it is subscribed to, for the limit of subscriptions per connection.
    pub filters: Vec<Filter>,
}

/// A PUBLISH as the host sees it: topic alias resolved, every limit of the settings checked.
#[derive(Debug)]
pub struct Publish<'a> {
    /// The packet; `topic` is never empty.
    pub packet: PublishRef<'a>,
    /// When it expires, in milliseconds like `now`; `None` for never. spec: mqtt-gateway §4.5
    pub expires_at: Option<u64>,
}

/// What the driver does with a publish, synchronously. Acknowledgements leave in the order of the publishes.
pub trait Host {
    /// A message from the client; `publish` is borrowed from the driver's read buffer. QoS 0 must not be answered
    /// with [`Verdict::Pending`]; it counts as accepted.
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict;
}

/// What becomes of a publish. spec: mqtt-gateway §4.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, with the promise that its QoS demands.
    Accepted,
    /// Taken; [`Connection::acked`](super::Connection::acked) follows with this ticket.
    Pending,
    /// Not taken. MQTT 5: an acknowledgement with this reason, or for QoS 0 a DISCONNECT. 3.1.1: closed, or
    /// acknowledged and dropped under the setting `v4_publish_denied`. `QuotaExceeded` drops instead of closing.
    Refused(Reason),
    /// Not taken, and the connection is closed with this reason in either version.
    Close(Reason),
}

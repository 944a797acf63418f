//! The machine for the server's side of one MQTT connection.
//!
//! The driver shows it what the client sent ([`Connection::receive`]) and what is to be delivered
//! ([`Connection::deliver`]); after every call it drains the [`Effects`], in this order: write `wire`, answer
//! `ask`, take note of `done`, and when `close` is set, write what is in `wire` and close the socket. Policy,
//! routing and storage are the driver's: it is asked through [`Host`] (publishes, at once) and [`Ask`] (what may
//! take time). Nothing here blocks, fails or reads a clock.
//!
//! - `now` is in milliseconds since the Unix epoch on a clock that never goes back; message expiry, which is
//!   stored, uses the same clock.
//! - While [`Connection::ready`] is false the driver does not read the socket. What it had read already goes in
//!   nevertheless and is kept inside. When `ready` turns true again after `answer` or `acked`, what was kept
//!   has been worked off already in `answer`; after `acked` call `receive(&[], …)` once.
//! - [`Connection::deadline`] says when to call [`Connection::tick`]; it may move after every call, mostly to later,
//!   so a driver may sleep until an old deadline, call `tick` and ask again.
//! - The end: when `close` is set, or when the link is gone ([`Connection::lost`]), or after
//!   [`Connection::kick`], take [`Connection::end`].

mod ask;

use std::sync::Arc;

use crate::packet::Version;
use crate::reason::Reason;
use crate::session::{Delivery, Session};
use crate::settings::Settings;
use crate::why::Why;
use crate::will::Will;

pub use ask::{Answer, Arrival, Ask, Host, Publish, Resumed, Subscribe, Ticket, Unsubscribe, Verdict, Wish};

/// What a call wants done. Owned and reused by the driver; drained after every call.
#[derive(Debug)]
pub struct Effects<T> {
    /// Bytes for the client. A call adds no more than it was given, plus what was resent on resuming a session
    /// (the in-flight window).
    pub wire: Vec<u8>,
    /// A question; at most one is open at a time, and the client's packets wait for its answer.
    pub ask: Option<Ask>,
    /// Deliveries of QoS 1 and 2 that are over. Tokens of QoS 0 are dropped when written.
    pub done: Vec<(T, Outcome)>,
    /// Write `wire`, then close the socket. Set once.
    pub close: Option<Why>,
}

/// How a delivery of QoS 1 or 2 ended. In each case the message need not be kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has it: PUBACK, or PUBREC after which it is not sent again.
    Acknowledged,
    /// The client answered with an error, which ends a delivery as well. spec: mqtt5 §4.4
    Refused(Reason),
    /// It expired before it was sent or resent. spec: mqtt-gateway §4.5
    Expired,
    /// Larger than the client's Maximum Packet Size. spec: mqtt-gateway §5.6
    TooLarge,
    /// Unacknowledged for one hour. spec: mqtt-gateway §5.6
    Discarded,
}

/// What a connection leaves behind.
#[derive(Debug)]
pub struct End<T> {
    /// Why it is over.
    pub why: Why,
    /// Seconds to keep the session, as changed by the DISCONNECT; 0 ends it now.
    pub session_expiry: u32,
    /// The will, if it is to be published.
    pub will: Option<Arc<Will>>,
    /// Unacknowledged deliveries in the order of sending, and packet ids.
    pub session: Session<T>,
    /// Publishes of QoS 1 and 2 that wait for [`Connection::acked`], with their packet ids. Those of QoS 2 are in
    /// [`Session::received`]; remove them there if they fail.
    pub pending: Vec<(Ticket, u16)>,
}

/// The server's side of one connection. `T` is the driver's token of a delivery.
#[derive(Debug)]
pub struct Connection<T> {
    settings: Arc<Settings>,
    version: Version,
    session: Session<T>,
}

impl<T> Default for Effects<T> {
    fn default() -> Effects<T> {
        Effects { wire: Vec::new(), ask: None, done: Vec::new(), close: None }
    }
}

impl<T> Connection<T> {
    /// A connection on which nothing was said yet. `uuid` are the sixteen bytes of a random UUID, used for the
    /// client id `$GEN/<uuid>` when the client sends none. spec: mqtt-gateway §3.2
    pub fn new(settings: Arc<Settings>, uuid: [u8; 16], now: u64) -> Connection<T> {
        let _ = (uuid, now);
        Connection { settings, version: Version::V4, session: Session::new(Version::V4) }
    }

    /// Narrows the bounds on what comes before the CONNECT is answered, for a client whose certificate is not
    /// active. Before the first [`Connection::receive`]. spec: mqtt-gateway §1.5
    pub fn restrict(&mut self) {}

    /// Takes bytes from the client, in any pieces, and works off every complete packet.
    pub fn receive(&mut self, bytes: &[u8], host: &mut impl Host, fx: &mut Effects<T>, now: u64) {
        let _ = (bytes, host, fx, now);
    }

    /// The answer to the open question; an answer with another ticket or of another kind is ignored. Goes on with
    /// what the client sent in the meantime.
    pub fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer<T>,
        host: &mut impl Host,
        fx: &mut Effects<T>,
        now: u64,
    ) {
        let _ = (ticket, answer, host, fx, now);
    }

    /// What became of a publish that was [`Verdict::Pending`]; `Err` works like [`Verdict::Refused`]. Unknown
    /// tickets are ignored. When [`Connection::ready`] was false and is true now, call `receive(&[], …)`.
    pub fn acked(&mut self, ticket: Ticket, result: Result<(), Reason>, fx: &mut Effects<T>) {
        let _ = (ticket, result, fx);
    }

    /// Sends a message to the client and returns its packet id (QoS 1 and 2). Gives the delivery back when there is
    /// no room in the in-flight window, or the client is not connected. An expired or too large message counts as
    /// delivered, with its outcome in `done`.
    pub fn deliver(
        &mut self,
        delivery: Delivery<T>,
        fx: &mut Effects<T>,
        now: u64,
    ) -> Result<Option<u16>, Delivery<T>> {
        let _ = (fx, now);
        Err(delivery)
    }

    /// How many deliveries of QoS 1 and 2 fit into the window now; 0 before CONNACK. QoS 0 always fits then.
    pub fn room(&self) -> usize {
        0
    }

    /// Whether the driver is to read from the socket. False while a question is open, after the end, and in 3.1.1
    /// while the client's window is full.
    pub fn ready(&self) -> bool {
        true
    }

    /// Whether CONNACK was sent and the connection is not over.
    pub fn is_connected(&self) -> bool {
        false
    }

    /// What the client speaks; meaningful once it has sent its CONNECT.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The time for the next [`Connection::tick`], in milliseconds like `now`, and why.
    pub fn deadline(&self) -> Option<(u64, &'static str)> {
        None
    }

    /// Does what is due at `now`, and gives back memory that an idle connection does not need.
    pub fn tick(&mut self, fx: &mut Effects<T>, now: u64) {
        let _ = (fx, now);
    }

    /// Ends the connection from our side: an MQTT 5 client is told why. `close` is set.
    pub fn kick(&mut self, why: Why, fx: &mut Effects<T>) {
        let _ = (why, fx);
    }

    /// The link has ended: [`Why::Lost`], or [`Why::Client`] when it was closed in order (WebSocket), or whatever else
    /// ended it without a packet. Ignored after the end.
    pub fn lost(&mut self, why: Why) {
        let _ = why;
    }

    /// The state of the session as it is now, for storing it.
    pub fn snapshot(&self) -> Session<T>
    where
        T: Clone,
    {
        self.session.clone()
    }

    /// What is left. `None` when there was no CONNACK.
    pub fn end(self) -> Option<End<T>> {
        let _ = self.settings;
        None
    }
}

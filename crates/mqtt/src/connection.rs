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
mod connect;
mod deliver;
mod publish;
mod subscribe;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::decode::{Decoder, Next};
use crate::inflight::{Inbound, Outbound};
use crate::keepalive::KeepAlive;
use crate::misdeed::Misdeed;
use crate::packet::{Disconnect, Incoming, Kind, Packet, Role, Version};
use crate::property::DisconnectProperties;
use crate::reason::Reason;
use crate::session::Session;
use crate::settings::Settings;
use crate::topic::Filter;
use crate::why::Why;
use crate::will::Will;
use crate::{alias, encode, limits};

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

impl<T> Default for Effects<T> {
    fn default() -> Effects<T> {
        Effects { wire: Vec::new(), ask: None, done: Vec::new(), close: None }
    }
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

/// Bytes of a buffer that is kept when it is empty.
const HELD_KEPT: usize = 4 * 1024;

/// Bytes that may wait inside beside a packet of the greatest size: what a driver reads at once.
const HELD_MARGIN: usize = 128 * 1024;

/// Bytes of the longest DISCONNECT with a reason string; a client with a smaller maximum gets none.
const LONG_DISCONNECT: u32 = 512;

/// How far a connection has come.
#[derive(Debug)]
enum Phase {
    /// Waiting for CONNECT, with what the assigned client id is made of.
    Fresh { uuid: [u8; 16], deadline: u64 },
    /// Waiting for the answer to the CONNECT.
    Arriving,
    /// CONNACK was sent.
    Open,
    /// Over; whether CONNACK had been sent.
    Over { why: Why, was_open: bool },
}

/// What CONNECT and CONNACK agreed on.
#[derive(Clone, Copy, Debug)]
struct Link {
    version: Version,
    /// Whether reason strings are welcome.
    explains: bool,
    /// Deliveries of QoS 1 and 2 under way at most.
    window: u16,
    /// Bytes of the largest packet the client takes.
    packet_bytes: u32,
    /// Seconds the session outlives the connection.
    session_expiry: u32,
}

/// The server's side of one connection. `T` is the driver's token of a delivery.
#[derive(Debug)]
pub struct Connection<T> {
    settings: Arc<Settings>,
    phase: Phase,
    link: Link,
    /// Bytes of incomplete packets, or of packets that have to wait.
    held: Vec<u8>,
    /// Bytes that may come before the CONNECT is answered.
    bound: u32,
    /// The ticket of the last question.
    asked: u32,
    question: Option<Box<Question>>,
    /// A PUBLISH waits for room among the unacknowledged (3.1.1).
    is_stalled: bool,
    keep_alive: KeepAlive,
    inbound: Inbound,
    outbound: Outbound<T>,
    /// When deliveries were last sent again on this connection.
    retried: u64,
    known_aliases: alias::Known,
    given_aliases: alias::Given,
    /// Subscribed to, in order.
    filters: Vec<Filter>,
    will: Option<Arc<Will>>,
}

/// What the answer to the open question needs.
#[derive(Debug)]
enum Question {
    Connect(connect::Welcome),
    Subscribe(subscribe::Pending),
    Unsubscribe(subscribe::Pending),
}

impl<T> Connection<T> {
    /// A connection on which nothing was said yet. `uuid` are the sixteen bytes of a random UUID, used for the
    /// client id `$GEN/<uuid>` when the client sends none. spec: mqtt-gateway §3.2
    pub fn new(settings: Arc<Settings>, uuid: [u8; 16], now: u64) -> Connection<T> {
        let deadline = now.saturating_add(millis(settings.connect_within));
        let bound = settings.packet_bytes + limits::FIXED_HEADER;
        Connection {
            phase: Phase::Fresh { uuid, deadline },
            link: Link {
                version: Version::V4,
                explains: false,
                window: 0,
                packet_bytes: u32::MAX,
                session_expiry: 0,
            },
            held: Vec::new(),
            bound: u32::try_from(bound).unwrap_or(u32::MAX),
            asked: 0,
            question: None,
            is_stalled: false,
            keep_alive: KeepAlive::new(0, now),
            inbound: Inbound::new(Vec::new()),
            outbound: Outbound::new(),
            retried: 0,
            known_aliases: alias::Known::default(),
            given_aliases: alias::Given::default(),
            filters: Vec::new(),
            will: None,
            settings,
        }
    }

    /// Narrows the bounds on what comes before the CONNECT is answered, bytes and time, for a client whose
    /// certificate is not active. At the start, with the `now` of [`Connection::new`]. spec: mqtt-gateway §1.5
    pub fn restrict(&mut self, now: u64) {
        self.bound = u32::try_from(self.settings.unproven_packet_bytes).unwrap_or(u32::MAX);
        if let Phase::Fresh { deadline, .. } = &mut self.phase {
            *deadline = now.saturating_add(millis(self.settings.unproven_connect_within));
        }
    }

    /// Takes bytes from the client, in any pieces, and works off every complete packet.
    pub fn receive(&mut self, mut bytes: &[u8], host: &mut impl Host, fx: &mut Effects<T>, now: u64) {
        let mut held = mem::take(&mut self.held);
        while !held.is_empty() && self.is_working() {
            if top_up(self.decoder(), &mut held, &mut bytes) {
                let taken = self.work(&held, host, fx, now);
                held.drain(..taken);
            } else {
                break;
            }
        }
        if held.is_empty() && self.is_working() {
            let taken = self.work(bytes, host, fx, now);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.hold(held, bytes, fx);
    }

    /// Keeps what could not be worked off, within bounds.
    fn hold(&mut self, mut held: Vec<u8>, bytes: &[u8], fx: &mut Effects<T>) {
        if let Phase::Over { .. } = self.phase {
            return;
        }
        let is_open = matches!(self.phase, Phase::Open);
        let bound = if is_open {
            self.settings.packet_bytes.saturating_add(HELD_MARGIN)
        } else {
            usize::try_from(self.bound).unwrap_or(usize::MAX)
        };
        if held.len() + bytes.len() > bound {
            self.close(if is_open { Why::Quota } else { Why::ConnectTooLarge }, fx);
            return;
        }
        if held.is_empty() && bytes.is_empty() && held.capacity() > HELD_KEPT {
            held = Vec::new();
        }
        held.extend_from_slice(bytes);
        self.held = held;
    }

    /// Works off complete packets from the front of `bytes` and returns how many bytes they were.
    fn work(&mut self, bytes: &[u8], host: &mut impl Host, fx: &mut Effects<T>, now: u64) -> usize {
        let mut rest = bytes;
        while self.is_working() && !rest.is_empty() {
            match self.next(rest, host, fx, now) {
                Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
                None => break,
            }
        }
        bytes.len() - rest.len()
    }

    /// The first packet of `bytes`: its length, if it is complete and was worked off.
    fn next(&mut self, bytes: &[u8], host: &mut impl Host, fx: &mut Effects<T>, now: u64) -> Option<usize> {
        if let Phase::Fresh { .. } = self.phase {
            return self.first(bytes, fx, now);
        }
        match self.decoder().next(bytes) {
            Ok(Next::Packet { packet: Incoming::Publish(publish), taken }) => {
                if !self.publish(publish, host, fx, now) {
                    return None;
                }
                self.keep_alive.heard(now);
                Some(taken)
            }
            Ok(Next::Packet { packet: Incoming::Packet(packet), taken }) => {
                self.packet(packet, fx, now);
                self.keep_alive.heard(now);
                Some(taken)
            }
            Ok(Next::Missing(_)) => None,
            Err(misdeed) => {
                self.close(Why::Misdeed(misdeed), fx);
                None
            }
        }
    }

    fn decoder(&self) -> Decoder {
        let (version, max_packet) = match self.phase {
            Phase::Fresh { .. } => {
                let bound = usize::try_from(self.bound).unwrap_or(usize::MAX);
                (None, self.settings.packet_bytes.min(bound))
            }
            _ => (Some(self.link.version), self.settings.packet_bytes),
        };
        Decoder { role: Role::Server, version, max_packet }
    }

    fn packet(&mut self, packet: Packet, fx: &mut Effects<T>, now: u64) {
        match packet {
            Packet::PubAck(ack) => self.puback(&ack, fx, now),
            Packet::PubRec(ack) => self.pubrec(&ack, fx, now),
            Packet::PubRel(ack) => self.pubrel(&ack, fx),
            Packet::PubComp(ack) => self.pubcomp(&ack, fx, now),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe, fx),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe, fx),
            Packet::PingReq => self.send(&Packet::PingResp, fx),
            Packet::Disconnect(disconnect) => self.disconnect(&disconnect, fx),
            Packet::Auth(_) => self.close(Why::Protocol("AUTH without an agreed method"), fx),
            other => self.close(Why::Misdeed(Misdeed::WrongDirection(other.kind())), fx),
        }
    }

    /// spec: mqtt-gateway §6, mqtt5 §3.14.2.2.2
    fn disconnect(&mut self, disconnect: &Disconnect, fx: &mut Effects<T>) {
        let expiry = disconnect.properties.as_ref().and_then(|properties| properties.session_expiry);
        if let Some(seconds) = expiry {
            if self.link.session_expiry == 0 && seconds > 0 {
                self.close(Why::Protocol("a session that was to end cannot be given a life at the end"), fx);
                return;
            }
            self.link.session_expiry = seconds.min(self.settings.session_expiry_max);
        }
        let is_plain = disconnect.reason == Reason::Success;
        self.close(if is_plain { Why::Client } else { Why::ClientWithWill }, fx);
    }

    /// The answer to the open question; an answer with another ticket is ignored. Goes on with what the client sent
    /// in the meantime.
    pub fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer<T>,
        host: &mut impl Host,
        fx: &mut Effects<T>,
        now: u64,
    ) {
        if ticket.0 != self.asked {
            return;
        }
        let Some(question) = self.question.take() else { return };
        self.keep_alive.heard(now);
        match (*question, answer) {
            (Question::Connect(welcome), Answer::Connected(resumed)) => {
                self.welcome(welcome, resumed, fx, now);
            }
            (Question::Connect(_), Answer::Refused(reason)) => self.refuse(reason, fx),
            (Question::Subscribe(pending), Answer::Subscribed(reasons)) => {
                self.subscribed(pending, reasons, fx);
            }
            (Question::Unsubscribe(pending), Answer::Unsubscribed(reasons)) => {
                self.unsubscribed(pending, reasons, fx);
            }
            (_, Answer::Refused(reason)) => self.close(Why::of(reason), fx),
            _ => self.close(Why::Internal, fx),
        }
        self.receive(&[], host, fx, now);
    }

    fn ask(&mut self, question: Question) -> Ticket {
        self.asked = self.asked.wrapping_add(1);
        self.question = Some(Box::new(question));
        Ticket(self.asked)
    }

    /// How many deliveries of QoS 1 and 2 fit into the window now; 0 before CONNACK. QoS 0 always fits then.
    pub fn room(&self) -> usize {
        if !self.is_connected() || self.outbound.has_unsent() {
            return 0;
        }
        usize::from(self.link.window).saturating_sub(self.outbound.len())
    }

    /// Whether the driver is to read from the socket. False while a question is open, after the end, and in 3.1.1
    /// while too many publishes are unacknowledged.
    pub fn ready(&self) -> bool {
        self.is_working()
    }

    fn is_working(&self) -> bool {
        matches!(self.phase, Phase::Fresh { .. } | Phase::Open) && self.question.is_none() && !self.is_stalled
    }

    /// Whether CONNACK was sent and the connection is not over.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// What the client speaks; meaningful once it has sent its CONNECT.
    pub fn version(&self) -> Version {
        self.link.version
    }

    /// The time for the next [`Connection::tick`], in milliseconds like `now`, and why.
    pub fn deadline(&self) -> Option<(u64, &'static str)> {
        match self.phase {
            Phase::Fresh { deadline, .. } => Some((deadline, "no CONNECT yet")),
            Phase::Open => {
                let silence = self.keep_alive.deadline().map(|at| (at, "keep alive"));
                let life = self.delivery_deadline().map(|at| (at, "unacknowledged delivery"));
                silence.into_iter().chain(life).min()
            }
            Phase::Arriving | Phase::Over { .. } => None,
        }
    }

    /// Does what is due at `now`, and gives back memory that an idle connection does not need.
    pub fn tick(&mut self, fx: &mut Effects<T>, now: u64) {
        match self.phase {
            Phase::Fresh { deadline, .. } if now >= deadline => self.close(Why::ConnectTimeout, fx),
            Phase::Open => {
                if !self.is_working() {
                    self.keep_alive.heard(now);
                }
                if self.keep_alive.deadline().is_some_and(|at| now >= at) {
                    self.close(Why::KeepAlive, fx);
                } else {
                    self.tick_deliveries(fx, now);
                }
            }
            _ => {}
        }
        self.rest();
    }

    /// Gives back memory that an idle connection does not need; for a driver that has nothing to do for it.
    pub fn rest(&mut self) {
        self.inbound.rest();
        self.outbound.rest();
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    /// Ends the connection from our side: an MQTT 5 client is told why. `close` is set.
    pub fn kick(&mut self, why: Why, fx: &mut Effects<T>) {
        self.close(why, fx);
    }

    /// The link has ended: [`Why::Lost`], or [`Why::Client`] when it was closed in order (WebSocket), or whatever else
    /// ended it without a packet. Ignored after the end.
    pub fn lost(&mut self, why: Why) {
        self.over(why);
    }

    /// Ends the connection, with a DISCONNECT where there is one. Only the first end counts.
    fn close(&mut self, why: Why, fx: &mut Effects<T>) {
        if let Phase::Over { .. } = self.phase {
            return;
        }
        if self.is_connected()
            && self.link.version.is_v5()
            && let Some(reason) = why.reason()
        {
            let explains = self.link.explains && self.link.packet_bytes >= LONG_DISCONNECT;
            let properties = explains.then(|| {
                let reason_string = Some(why.to_string());
                Box::new(DisconnectProperties { reason_string, ..DisconnectProperties::default() })
            });
            self.send(&Packet::Disconnect(Disconnect { reason, properties }), fx);
        }
        self.over(why);
        fx.close = Some(why);
    }

    fn over(&mut self, why: Why) {
        if let Phase::Over { .. } = self.phase {
            return;
        }
        self.phase = Phase::Over { why, was_open: self.is_connected() };
        self.held = Vec::new();
        self.question = None;
        self.is_stalled = false;
    }

    /// Packet ids and deliveries under way, as they are now, for storing them.
    pub fn snapshot(&self) -> Session<T>
    where
        T: Clone,
    {
        Session {
            version: self.link.version,
            last_packet_id: self.outbound.last_id(),
            flights: self.outbound.flights(),
            received: self.inbound.received().to_vec(),
        }
    }

    /// What is left. `None` when there was no CONNACK. A connection that is not over counts as lost.
    pub fn end(mut self) -> Option<End<T>> {
        self.over(Why::Lost);
        let Phase::Over { why, was_open: true } = self.phase else { return None };
        Some(End {
            why,
            session_expiry: self.link.session_expiry,
            will: self.will.filter(|_| why.publishes_will()),
            pending: self.inbound.pending().map(|(ticket, id)| (Ticket(ticket), id)).collect(),
            session: Session {
                version: self.link.version,
                last_packet_id: self.outbound.last_id(),
                received: self.inbound.received().to_vec(),
                flights: self.outbound.into_flights(),
            },
        })
    }

    fn acknowledge(&self, kind: Kind, packet_id: u16, reason: Reason, fx: &mut Effects<T>) {
        encode::ack(&mut fx.wire, self.link.version, kind, packet_id, reason);
    }

    fn send(&self, packet: &Packet, fx: &mut Effects<T>) {
        // What we make up ourselves is never too long.
        let _ = encode::packet(&mut fx.wire, self.link.version, packet);
    }
}

/// Moves bytes from `input` until the first packet in `held` is complete or known to be wrong. Says whether it is.
fn top_up(decoder: Decoder, held: &mut Vec<u8>, input: &mut &[u8]) -> bool {
    loop {
        let wanted = match decoder.header(held) {
            Ok(Some(header)) => header.len + header.body,
            Ok(None) => held.len() + 1,
            Err(_) => return true,
        };
        let Some(missing) = wanted.checked_sub(held.len()).filter(|missing| *missing > 0) else {
            return true;
        };
        if input.is_empty() {
            return false;
        }
        let (more, rest) = input.split_at(missing.min(input.len()));
        held.extend_from_slice(more);
        *input = rest;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! The machine for the client's side: connects, publishes, subscribes, and takes up its session again.
//!
//! Like the server's machine it is shown bytes and `now` (milliseconds on a clock that never goes back) and fills its
//! [`Effects`]. It lives longer than a connection: after [`Client::lost`] or an [`Event::Over`] the driver opens a new
//! link and calls [`Client::connect`] again; what was not acknowledged is sent again.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::decode::{Decoder, Next};
use crate::inflight::{Outbound, Sent};
use crate::message::{Message, MessageProperties};
use crate::misdeed::Misdeed;
use crate::packet::{
    ConnAck, Connect, Disconnect, Incoming, Kind, Outgoing, Packet, PublishRef, QoS, Role, SubAck, Subscribe,
    Unsubscribe, Version, Wish,
};
use crate::property::{SubscribeProperties, UserProperties};
use crate::reason::Reason;
use crate::session::Delivery;
use crate::{alias, encode, limits};

/// Publishes under way at most, unless the server takes fewer.
const WINDOW: u16 = 100;

/// Questions (SUBSCRIBE, UNSUBSCRIBE) under way at most.
const QUESTIONS: usize = 16;

/// What a call wants done. Owned and reused by the driver; drained after every call.
#[derive(Debug)]
pub struct Effects<T> {
    /// Bytes for the server.
    pub wire: Vec<u8>,
    /// What happened, in order.
    pub events: VecDeque<Event<T>>,
}

impl<T> Default for Effects<T> {
    fn default() -> Effects<T> {
        Effects { wire: Vec::new(), events: VecDeque::new() }
    }
}

/// What happened. `T` is the application's token of a publish.
#[derive(Debug)]
pub enum Event<T> {
    /// The server let us in; its CONNACK says how, and whether it had kept our session.
    Connected(Box<ConnAck>),
    /// A message. It is acknowledged already. QoS 2 messages come once.
    Message(Received),
    /// A publish of QoS 1 or 2 has arrived, or was refused when the reason is an error.
    Published(T, Reason),
    /// The answer to [`Client::subscribe`].
    Subscribed(SubAck),
    /// The answer to [`Client::unsubscribe`].
    Unsubscribed(SubAck),
    /// The connection is over: write what is in `wire` and close the link.
    Over(Over),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// CONNACK with an error.
    Refused(Reason),
    /// The server sent DISCONNECT (5.0).
    Disconnected(Reason),
    /// The server broke a rule.
    Misdeed(Misdeed),
    /// No answer to a PINGREQ.
    Silent,
    /// We said so.
    Ours,
}

/// A message from the server.
#[derive(Clone, Debug)]
pub struct Received {
    /// Topic, payload and properties; the QoS is the one of this delivery.
    pub message: Message,
    /// Sent before, perhaps.
    pub dup: bool,
    /// Subscription Identifiers, in order.
    pub subscription_ids: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Down,
    Connecting,
    Up,
}

/// A client and its session.
#[derive(Debug)]
pub struct Client<T> {
    connect: Connect,
    phase: Phase,
    held: Vec<u8>,
    outbound: Outbound<T>,
    window: u16,
    /// Ids of QoS 2 messages that were taken and not released, ascending.
    received: Vec<u16>,
    /// Ids of questions without an answer.
    questions: Vec<u16>,
    aliases: alias::Known,
    /// Milliseconds between packets of ours; 0 for off.
    ping_every: u64,
    /// Milliseconds between packets of ours at most, whatever the keep alive is; 0 for no such wish.
    ping_at_most: u64,
    spoke: u64,
    is_pinging: bool,
}

impl<T> Client<T> {
    /// A client that says `connect` at the beginning of each connection.
    pub fn new(connect: Connect) -> Client<T> {
        Client {
            connect,
            phase: Phase::Down,
            held: Vec::new(),
            outbound: Outbound::new(),
            window: WINDOW,
            received: Vec::new(),
            questions: Vec::new(),
            aliases: alias::Known::default(),
            ping_every: 0,
            ping_at_most: 0,
            spoke: 0,
            is_pinging: false,
        }
    }

    /// What is said at the beginning of the next connection; the version must stay.
    pub fn connect_mut(&mut self) -> &mut Connect {
        &mut self.connect
    }

    /// Pings more often than the keep alive asks for: at least every `millis` milliseconds, from the next connection
    /// on. A flow that died without a word is then noticed within twice that; 0 goes back to the keep alive.
    pub fn ping_at_least_every(&mut self, millis: u64) {
        self.ping_at_most = millis;
    }

    /// A link is there: says CONNECT.
    pub fn connect(&mut self, fx: &mut Effects<T>, now: u64) {
        self.lost();
        self.phase = Phase::Connecting;
        self.spoke = now;
        self.send(&Packet::Connect(Box::new(self.connect.clone())), fx);
    }

    /// The link is gone. What was not acknowledged stays for the next connection.
    pub fn lost(&mut self) {
        self.phase = Phase::Down;
        self.held = Vec::new();
        self.questions.clear();
        self.aliases = alias::Known::default();
        self.is_pinging = false;
        self.ping_every = 0;
    }

    /// Whether CONNACK has come.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Up
    }

    /// How many publishes of QoS 1 and 2 can be sent now.
    pub fn room(&self) -> usize {
        if self.phase != Phase::Up || self.outbound.has_unsent() {
            return 0;
        }
        usize::from(self.window).saturating_sub(self.outbound.len())
    }

    /// Publishes a message with its own QoS and RETAIN flag. Gives it back when there is no room or no connection.
    /// At QoS 0 the token is dropped.
    pub fn publish(
        &mut self,
        message: Arc<Message>,
        token: T,
        fx: &mut Effects<T>,
        now: u64,
    ) -> Result<(), (Arc<Message>, T)> {
        let (qos, retain) = (message.qos, message.retain);
        if self.phase != Phase::Up || qos != QoS::AtMostOnce && self.room() == 0 {
            return Err((message, token));
        }
        self.spoke = now;
        if qos == QoS::AtMostOnce {
            self.send_publish(&message, 0, false, fx);
            return Ok(());
        }
        let id = self.free_id();
        self.send_publish(&message, id, false, fx);
        let delivery = Delivery { message, qos, retain, subscription_ids: Box::default(), token };
        self.outbound.push(id, delivery, now);
        Ok(())
    }

    /// Subscribes, and returns the packet id that the answer will carry; `None` without a connection or with too many
    /// questions under way.
    pub fn subscribe(&mut self, wishes: Vec<Wish>, fx: &mut Effects<T>, now: u64) -> Option<u16> {
        let packet_id = self.question(now)?;
        let properties = SubscribeProperties::default();
        self.send(&Packet::Subscribe(Subscribe { packet_id, wishes, properties }), fx);
        Some(packet_id)
    }

    /// Like [`Client::subscribe`].
    pub fn unsubscribe(&mut self, filters: Vec<String>, fx: &mut Effects<T>, now: u64) -> Option<u16> {
        let packet_id = self.question(now)?;
        let user_properties = UserProperties::new();
        self.send(&Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }), fx);
        Some(packet_id)
    }

    /// Says goodbye; [`Event::Over`] follows.
    pub fn disconnect(&mut self, reason: Reason, fx: &mut Effects<T>) {
        if self.phase == Phase::Up {
            self.send(&Packet::Disconnect(Disconnect { reason, properties: None }), fx);
        }
        self.over(Over::Ours, fx);
    }

    /// Takes bytes from the server, in any pieces.
    pub fn receive(&mut self, bytes: &[u8], fx: &mut Effects<T>, now: u64) {
        let mut held = mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut rest = &*held;
        while self.phase != Phase::Down {
            match self.next(rest, fx, now) {
                Ok(Some(taken)) => rest = rest.get(taken..).unwrap_or_default(),
                Ok(None) => break,
                Err(misdeed) => self.over(Over::Misdeed(misdeed), fx),
            }
        }
        let taken = held.len() - rest.len();
        if self.phase != Phase::Down {
            held.drain(..taken);
            self.held = held;
        }
    }

    fn next(&mut self, bytes: &[u8], fx: &mut Effects<T>, now: u64) -> Result<Option<usize>, Misdeed> {
        let version = Some(self.connect.version);
        let max_packet = match self.connect.properties.maximum_packet_size {
            Some(bytes) => usize::try_from(bytes).unwrap_or(limits::REMAINING_LENGTH),
            None => limits::REMAINING_LENGTH,
        };
        let decoder = Decoder { role: Role::Client, version, max_packet };
        let Next::Packet { packet, taken } = decoder.next(bytes)? else { return Ok(None) };
        match packet {
            Incoming::Packet(Packet::ConnAck(connack)) if self.phase == Phase::Connecting => {
                self.connack(connack, fx, now);
            }
            _ if self.phase == Phase::Connecting => return Err(Misdeed::ConnectExpected(Kind::ConnAck)),
            Incoming::Publish(publish) => self.message(&publish, fx)?,
            Incoming::Packet(packet) => self.packet(packet, fx)?,
        }
        Ok(Some(taken))
    }

    fn packet(&mut self, packet: Packet, fx: &mut Effects<T>) -> Result<(), Misdeed> {
        match packet {
            Packet::PubAck(ack) => self.finished(ack.packet_id, ack.reason, fx),
            Packet::PubRec(ack) if ack.reason.is_error() => self.finished(ack.packet_id, ack.reason, fx),
            Packet::PubRec(ack) => {
                if let Some(delivery) =
                    self.outbound.find(ack.packet_id).and_then(|sent| sent.delivery.take())
                {
                    fx.events.push_back(Event::Published(delivery.token, ack.reason));
                }
                self.acknowledge(Kind::PubRel, ack.packet_id, fx);
            }
            Packet::PubComp(ack) => self.finished(ack.packet_id, ack.reason, fx),
            Packet::PubRel(ack) => {
                if let Ok(at) = self.received.binary_search(&ack.packet_id) {
                    self.received.remove(at);
                }
                self.acknowledge(Kind::PubComp, ack.packet_id, fx);
            }
            Packet::SubAck(answer) => {
                self.questions.retain(|id| *id != answer.packet_id);
                fx.events.push_back(Event::Subscribed(answer));
            }
            Packet::UnsubAck(answer) => {
                self.questions.retain(|id| *id != answer.packet_id);
                fx.events.push_back(Event::Unsubscribed(answer));
            }
            Packet::PingResp => self.is_pinging = false,
            Packet::Disconnect(disconnect) => self.over(Over::Disconnected(disconnect.reason), fx),
            other => return Err(Misdeed::WrongDirection(other.kind())),
        }
        Ok(())
    }

    fn connack(&mut self, connack: Box<ConnAck>, fx: &mut Effects<T>, now: u64) {
        if connack.reason.is_error() {
            self.over(Over::Refused(connack.reason), fx);
            return;
        }
        self.phase = Phase::Up;
        let properties = &connack.properties;
        let keep_alive = properties.server_keep_alive.unwrap_or(self.connect.keep_alive);
        let keep_alive = u64::from(keep_alive) * 1000;
        self.ping_every = match (keep_alive, self.ping_at_most) {
            (every, 0) | (0, every) => every,
            (keep_alive, at_most) => keep_alive.min(at_most),
        };
        self.spoke = now;
        self.window = properties.receive_maximum.unwrap_or(WINDOW).min(WINDOW);
        let is_resumed = connack.session_present;
        if !is_resumed {
            self.received.clear();
            self.outbound.drop_released();
        }
        fx.events.push_back(Event::Connected(connack));
        self.outbound.unsend();
        self.resend(is_resumed, fx);
    }

    /// Sends again what is not acknowledged, as far as the server takes it.
    fn resend(&mut self, dup: bool, fx: &mut Effects<T>) {
        while let Some(sent) = self.outbound.take_unsent(usize::from(self.window)) {
            match &sent.delivery {
                Some(delivery) => self.send_publish(&delivery.message, sent.packet_id, dup, fx),
                None => self.acknowledge(Kind::PubRel, sent.packet_id, fx),
            }
            self.outbound.put_sent(sent);
        }
    }

    /// A publish has seen its last acknowledgement.
    fn finished(&mut self, packet_id: u16, reason: Reason, fx: &mut Effects<T>) {
        if let Some(Sent { delivery: Some(delivery), .. }) = self.outbound.remove(packet_id) {
            fx.events.push_back(Event::Published(delivery.token, reason));
        }
        self.resend(true, fx);
    }

    fn message(&mut self, publish: &PublishRef<'_>, fx: &mut Effects<T>) -> Result<(), Misdeed> {
        let topic: Arc<str> = match publish.properties.topic_alias {
            Some(alias) if publish.topic.is_empty() => {
                self.aliases.get(alias).ok_or(Misdeed::NoTopic)?.into()
            }
            Some(alias) => {
                let max = self.connect.properties.topic_alias_maximum.unwrap_or(0);
                if !self.aliases.set(alias, publish.topic, max) {
                    return Err(Misdeed::TopicAlias(alias));
                }
                publish.topic.into()
            }
            None => publish.topic.into(),
        };
        let is_new = match (publish.qos, self.received.binary_search(&publish.packet_id)) {
            (QoS::ExactlyOnce, Ok(_)) => false,
            (QoS::ExactlyOnce, Err(at)) => {
                self.received.insert(at, publish.packet_id);
                true
            }
            _ => true,
        };
        if is_new {
            let message = Message::of(publish, topic, None);
            let subscription_ids = publish.properties.subscription_ids().collect();
            fx.events.push_back(Event::Message(Received { message, dup: publish.dup, subscription_ids }));
        }
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.acknowledge(Kind::PubAck, publish.packet_id, fx),
            QoS::ExactlyOnce => self.acknowledge(Kind::PubRec, publish.packet_id, fx),
        }
        Ok(())
    }

    /// The time for the next [`Client::tick`], in milliseconds like `now`.
    pub fn deadline(&self) -> Option<u64> {
        (self.phase == Phase::Up && self.ping_every > 0).then(|| self.spoke.saturating_add(self.ping_every))
    }

    /// Sends a PINGREQ when nothing else was sent for the keep alive; gives up when the last one had no answer.
    pub fn tick(&mut self, fx: &mut Effects<T>, now: u64) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.is_pinging {
            self.over(Over::Silent, fx);
            return;
        }
        self.is_pinging = true;
        self.spoke = now;
        self.send(&Packet::PingReq, fx);
    }

    fn over(&mut self, over: Over, fx: &mut Effects<T>) {
        if self.phase != Phase::Down {
            self.lost();
            fx.events.push_back(Event::Over(over));
        }
    }

    fn question(&mut self, now: u64) -> Option<u16> {
        if self.phase != Phase::Up || self.questions.len() >= QUESTIONS {
            return None;
        }
        let id = self.free_id();
        self.questions.push(id);
        self.spoke = now;
        Some(id)
    }

    /// An id that neither a publish nor a question uses.
    fn free_id(&mut self) -> u16 {
        loop {
            let id = self.outbound.next_id();
            if !self.questions.contains(&id) {
                return id;
            }
        }
    }

    fn send(&self, packet: &Packet, fx: &mut Effects<T>) {
        // Texts longer than the wire can carry are the application's mistake; nothing is sent then.
        let _ = encode::packet(&mut fx.wire, self.connect.version, packet);
    }

    fn acknowledge(&self, kind: Kind, packet_id: u16, fx: &mut Effects<T>) {
        encode::ack(&mut fx.wire, self.connect.version, kind, packet_id, Reason::Success);
    }

    fn send_publish(&self, message: &Message, packet_id: u16, dup: bool, fx: &mut Effects<T>) {
        let outgoing = Outgoing {
            message,
            topic_is_known: false,
            topic_alias: None,
            message_expiry: None,
            subscription_ids: &[],
            dup,
            qos: message.qos,
            retain: message.retain,
            packet_id,
        };
        let _ = encode::delivery(&mut fx.wire, self.connect.version, &outgoing);
    }
}

/// A CONNECT with the usual values: clean start, no will, no credentials.
pub fn greeting(version: Version, client_id: &str, keep_alive: u16) -> Connect {
    Connect {
        version,
        client_id: client_id.to_owned(),
        clean_start: true,
        keep_alive,
        user_name: None,
        password: None,
        will: None,
        properties: Default::default(),
    }
}

/// A message with the usual values: not retained, without properties and without an end.
pub fn message(topic: &str, payload: &[u8], qos: QoS) -> Message {
    Message {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload),
        qos,
        retain: false,
        properties: MessageProperties::default(),
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(client: &mut Client<()>, keep_alive: u8) -> Effects<()> {
        let mut fx = Effects::default();
        client.connect(&mut fx, 0);
        client.receive(&[0x20, 6, 0, 0, 3, 0x13, 0, keep_alive], &mut fx, 0);
        assert!(client.is_connected());
        fx
    }

    #[test]
    fn pings_come_as_often_as_wished_and_as_the_keep_alive_asks() {
        let mut client = Client::new(greeting(Version::V5, "c", 60));
        for (wish, keep_alive, due) in [(0, 30, 30_000), (15_000, 30, 15_000), (40_000, 30, 30_000)] {
            client.ping_at_least_every(wish);
            connected(&mut client, keep_alive);
            assert_eq!(client.deadline(), Some(due));
        }
        connected(&mut client, 0);
        assert_eq!(client.deadline(), Some(40_000), "the wish counts without a keep alive too");
    }

    #[test]
    fn a_packet_larger_than_the_client_takes_ends_the_connection() {
        let mut client = Client::new(greeting(Version::V5, "c", 60));
        client.connect_mut().properties.maximum_packet_size = Some(100);
        let mut fx = connected(&mut client, 60);
        client.receive(&[0x30, 101], &mut fx, 0);
        let over = fx.events.pop_back();
        assert!(matches!(over, Some(Event::Over(Over::Misdeed(Misdeed::PacketTooLarge { .. })))), "{over:?}");
    }
}

//! The server's machine under any list of operations, and any bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use adit_mqtt::client;
use adit_mqtt::connection::{Answer, Ask, Connection, Effects, Host, Publish, Resumed, Ticket, Verdict};
use adit_mqtt::packet::{Ack, Packet, Wish};
use adit_mqtt::session::Delivery;
use adit_mqtt::why::Why;
use adit_mqtt::{QoS, Reason, Settings, Version, encode, packet};

/// Connections that follow each other in one session, at most.
const LIVES: usize = 4;

/// Bytes of a packet the fuzzed machine takes.
const PACKET: usize = 2048;

struct Operations<'a>(&'a [u8]);

impl<'a> Operations<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

struct Judge {
    verdicts: u8,
    seen: usize,
    open: Vec<Ticket>,
}

impl Host for Judge {
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict {
        assert!(!publish.packet.topic.is_empty() && !publish.packet.topic.contains(['+', '#']));
        self.seen += 1;
        match self.verdicts >> (self.seen % 4 * 2) & 0b11 {
            0 => Verdict::Accepted,
            1 if publish.packet.qos == QoS::AtMostOnce => Verdict::Pending,
            1 => {
                self.open.push(ticket);
                Verdict::Pending
            }
            2 => Verdict::Refused(Reason::NotAuthorized),
            _ => Verdict::Refused(Reason::QuotaExceeded),
        }
    }
}

struct Life {
    machine: Connection<u32>,
    fx: Effects<u32>,
    host: Judge,
    /// Tokens under way.
    out: BTreeSet<u32>,
    ask: Option<Ask>,
    is_over: bool,
}

/// Each operation is a byte, some with arguments. What must hold: tokens come back once, the window is kept, nothing
/// follows the end, and what is left fits what went in.
pub fn mqtt_session(data: &[u8]) {
    let mut operations = Operations(data);
    let Some(choice) = operations.byte() else { return };
    let mut settings = if choice & 1 == 0 { Settings::aws() } else { Settings::standard() };
    settings.packet_bytes = PACKET;
    settings.receive_maximum = 1 + u16::from(choice >> 1 & 3);
    settings.send_maximum = 1 + u16::from(choice >> 3 & 3);
    let version = Version::BOTH[usize::from(choice >> 5 & 1)];
    let settings = Arc::new(settings);
    let (mut now, mut token) = (0_u64, 0_u32);
    let mut resumed = None;
    for _ in 0..LIVES {
        let mut life = Life::new(&settings, resumed.take(), now);
        while let Some(operation) = operations.byte() {
            life.act(operation, version, &mut operations, &mut now, &mut token);
            life.check(&settings);
            if life.is_over {
                break;
            }
        }
        let Life { machine, out, .. } = life;
        resumed = machine.end().map(|end| {
            let flights = end.session.flights.iter().filter_map(|flight| flight.delivery.as_ref());
            let left: BTreeSet<u32> = flights.map(|delivery| delivery.token).collect();
            assert_eq!(left, out);
            (end.session, out)
        });
    }
}

type Left = (adit_mqtt::session::Session<u32>, BTreeSet<u32>);

impl Life {
    fn new(settings: &Arc<Settings>, left: Option<Left>, now: u64) -> Life {
        let mut life = Life {
            machine: Connection::new(settings.clone(), [0; 16], now),
            fx: Effects::default(),
            host: Judge { verdicts: 0, seen: 0, open: Vec::new() },
            out: BTreeSet::new(),
            ask: None,
            is_over: false,
        };
        if let Some((session, out)) = left {
            let version = session.version;
            life.out = out;
            life.receive(&[Packet::Connect(Box::new(client::greeting(version, "x", 60)))], version, now);
            let ask = life.take_ask();
            if let Some(Ask::Connect(arrival)) = ask {
                let answer = Answer::Connected(Some(Resumed { session, filters: Vec::new() }));
                life.machine.answer(arrival.ticket, answer, &mut life.host, &mut life.fx, now);
            }
            life.check(settings);
        }
        life
    }

    fn act(
        &mut self,
        operation: u8,
        version: Version,
        operations: &mut Operations<'_>,
        now: &mut u64,
        token: &mut u32,
    ) {
        let argument = operation >> 4;
        let id = u16::from(argument) + 1;
        let ack = Ack::new(id, Reason::Success);
        match operation & 0x0f {
            0 => {
                let bytes = operations.bytes(usize::from(argument) * 8 + 1);
                self.machine.receive(bytes, &mut self.host, &mut self.fx, *now);
            }
            1 => {
                let mut connect = client::greeting(version, "x", 60);
                connect.clean_start = argument & 1 == 0;
                connect.properties.session_expiry = version.is_v5().then_some(u32::from(argument));
                connect.properties.topic_alias_maximum = version.is_v5().then_some(u16::from(argument & 3));
                self.receive(&[Packet::Connect(Box::new(connect))], version, *now);
            }
            2 => self.publish(argument, version, *now),
            3 => self.receive(&[Packet::PubAck(ack)], version, *now),
            4 => self.receive(&[Packet::PubRec(ack)], version, *now),
            5 => self.receive(&[Packet::PubRel(ack)], version, *now),
            6 => self.receive(&[Packet::PubComp(ack)], version, *now),
            7 => self.subscribe(argument, version, *now),
            8 => self.answer(argument, *now),
            9 => {
                if !self.host.open.is_empty() {
                    let ticket = self.host.open.swap_remove(usize::from(argument) % self.host.open.len());
                    let result = if argument == 15 { Err(Reason::UnspecifiedError) } else { Ok(()) };
                    self.machine.acked(ticket, result, &mut self.fx);
                    self.machine.receive(&[], &mut self.host, &mut self.fx, *now);
                }
            }
            10 => self.deliver(argument, token, *now),
            11 => {
                *now += 1 << argument;
                self.machine.tick(&mut self.fx, *now);
            }
            12 => self.host.verdicts = operations.byte().unwrap_or(0),
            13 if argument == 0 => self.machine.kick(Why::TakenOver, &mut self.fx),
            13 if argument == 1 => {
                self.machine.lost(Why::Lost);
                self.is_over = true;
            }
            13 => self.machine.rest(),
            14 if argument < 4 => {
                let disconnect = packet::Disconnect { reason: Reason::Success, properties: None };
                self.receive(&[Packet::Disconnect(disconnect)], version, *now);
            }
            _ => self.receive(&[Packet::PingReq], version, *now),
        }
    }

    fn receive(&mut self, packets: &[Packet], version: Version, now: u64) {
        let mut bytes = Vec::new();
        for packet in packets {
            let _ = encode::packet(&mut bytes, version, packet);
        }
        self.machine.receive(&bytes, &mut self.host, &mut self.fx, now);
    }

    fn publish(&mut self, argument: u8, version: Version, now: u64) {
        let qos = QoS::of(argument & 3).unwrap_or(QoS::AtLeastOnce);
        let mut publish = packet::Publish {
            dup: argument & 4 != 0 && qos != QoS::AtMostOnce,
            qos,
            retain: argument & 8 != 0,
            topic: "a/b".to_owned(),
            packet_id: u16::from(argument >> 2) + 1,
            topic_alias: None,
            message_expiry: None,
            subscription_ids: Vec::new(),
            properties: Default::default(),
            payload: vec![argument; usize::from(argument)],
        };
        if version.is_v5() && argument & 8 != 0 {
            publish.topic_alias = Some(u16::from(argument & 7));
            publish.topic = if argument & 4 == 0 { String::new() } else { publish.topic };
        }
        self.receive(&[Packet::Publish(Box::new(publish))], version, now);
    }

    fn subscribe(&mut self, argument: u8, version: Version, now: u64) {
        let filter = ["a", "a/#", "+", "$share/g/a"][usize::from(argument & 3)].to_owned();
        let packet_id = 1;
        if argument & 4 != 0 {
            let filters = vec![filter];
            let unsubscribe = packet::Unsubscribe { packet_id, filters, user_properties: Vec::new() };
            return self.receive(&[Packet::Unsubscribe(unsubscribe)], version, now);
        }
        let wish = Wish {
            filter,
            qos: QoS::AtLeastOnce,
            no_local: argument & 8 != 0,
            retain_as_published: false,
            retain_handling: Default::default(),
        };
        let wishes = vec![wish; 1 + usize::from(argument)];
        let subscribe = packet::Subscribe { packet_id, wishes, properties: Default::default() };
        self.receive(&[Packet::Subscribe(subscribe)], version, now);
    }

    fn take_ask(&mut self) -> Option<Ask> {
        self.fx.ask.take().or(self.ask.take())
    }

    fn answer(&mut self, argument: u8, now: u64) {
        let Some(ask) = self.take_ask() else { return };
        let refused = Answer::Refused(Reason::NotAuthorized);
        let (ticket, answer) = match ask {
            Ask::Connect(arrival) => (arrival.ticket, Answer::Connected(None)),
            Ask::Subscribe(ask) => {
                let reason = if argument & 1 == 0 { Reason::GrantedQos1 } else { Reason::NotAuthorized };
                (ask.ticket, Answer::Subscribed(vec![reason; usize::from(argument)]))
            }
            Ask::Unsubscribe(ask) => (ask.ticket, Answer::Unsubscribed(vec![Reason::Success])),
        };
        let answer = if argument == 15 { refused } else { answer };
        self.machine.answer(ticket, answer, &mut self.host, &mut self.fx, now);
    }

    fn deliver(&mut self, argument: u8, token: &mut u32, now: u64) {
        *token += 1;
        let qos = QoS::of(argument & 3).unwrap_or(QoS::AtLeastOnce);
        let mut message = client::message("some/topic", b"hello", qos);
        message.expires_at = (argument & 4 != 0).then_some(now + u64::from(argument >> 3) * 1000);
        let delivery = Delivery {
            message: Arc::new(message),
            qos,
            retain: false,
            subscription_ids: Box::default(),
            token: *token,
        };
        let had_room = self.machine.room() > 0;
        match self.machine.deliver(delivery, &mut self.fx, now) {
            Ok(Some(id)) => {
                assert!(had_room && id > 0);
                self.out.insert(*token);
            }
            Ok(None) => {
                // Over at once: QoS 0, or expired.
                self.fx.done.retain(|(done, _)| done != token);
            }
            Err(delivery) => assert_eq!(delivery.token, *token),
        }
    }

    fn check(&mut self, settings: &Settings) {
        for (token, _) in self.fx.done.drain(..) {
            assert!(self.out.remove(&token), "a token came back twice");
        }
        assert!(self.out.len() <= usize::from(settings.send_maximum));
        assert!(self.machine.room() <= usize::from(settings.send_maximum));
        self.ask = self.take_ask();
        self.fx.wire.clear();
        if self.fx.close.is_some() {
            assert!(!self.machine.ready() && !self.machine.is_connected());
            assert_eq!(self.machine.deadline(), None);
            self.is_over = true;
        }
    }
}

//! What the server's machine allocates: nothing for a publish and a delivery of known shape, and little when idle.

use std::sync::Arc;

use adit_mqtt::client;
use adit_mqtt::connection::{Answer, Ask, Connection, Effects, Host, Publish, Ticket, Verdict};
use adit_mqtt::packet::{Ack, Packet, Wish};
use adit_mqtt::session::Delivery;
use adit_mqtt::{QoS, Reason, Settings, Version, encode, packet};

/// Answers like a host that has seen the topic before.
struct Taker {
    verdict: Verdict,
    tickets: Vec<Ticket>,
}

impl Host for Taker {
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict {
        assert_eq!(publish.packet.topic, "site/7/temperature");
        if publish.packet.qos != QoS::AtMostOnce {
            self.tickets.push(ticket);
        }
        self.verdict
    }
}

fn connected(version: Version, host: &mut Taker, fx: &mut Effects<u64>) -> Connection<u64> {
    let mut connection = Connection::new(Arc::new(Settings::aws()), [0; 16], 0);
    let mut connect = client::greeting(version, "device", 60);
    connect.properties.topic_alias_maximum = version.is_v5().then_some(8);
    connection.receive(&bytes(version, &[Packet::Connect(Box::new(connect))]), host, fx, 0);
    let Some(Ask::Connect(arrival)) = fx.ask.take() else { panic!("no question") };
    connection.answer(arrival.ticket, Answer::Connected(None), host, fx, 0);
    connection
}

fn bytes(version: Version, packets: &[Packet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        encode::packet(&mut bytes, version, packet).unwrap();
    }
    bytes
}

/// Publishes of the client, by alias where there is one, in pieces that cut packets.
fn publishes(version: Version, from: u16) -> Vec<u8> {
    let publish = |at: u16| {
        let has_alias = version.is_v5();
        Packet::Publish(Box::new(packet::Publish {
            dup: false,
            qos: if at.is_multiple_of(3) { QoS::AtMostOnce } else { QoS::AtLeastOnce },
            retain: false,
            topic: if has_alias && at > 0 { String::new() } else { "site/7/temperature".to_owned() },
            packet_id: if at.is_multiple_of(3) { 0 } else { at },
            topic_alias: has_alias.then_some(3),
            message_expiry: has_alias.then_some(60),
            subscription_ids: Vec::new(),
            properties: Default::default(),
            payload: vec![7; 200],
        }))
    };
    bytes(version, &(from..from + 60).map(publish).collect::<Vec<_>>())
}

fn delivery(message: &Arc<adit_mqtt::Message>, token: u64) -> Delivery<u64> {
    Delivery {
        message: message.clone(),
        qos: message.qos,
        retain: false,
        subscription_ids: Box::default(),
        token,
    }
}

/// One round: the client publishes and gets its acknowledgements, and acknowledges what it is sent.
fn round(
    connection: &mut Connection<u64>,
    sent: &[u8],
    acks: &[u8],
    messages: &[Arc<adit_mqtt::Message>],
    host: &mut Taker,
    fx: &mut Effects<u64>,
) {
    for piece in sent.chunks(1000) {
        connection.receive(piece, host, fx, 0);
    }
    for ticket in host.tickets.drain(..) {
        connection.acked(ticket, Ok(()), fx);
    }
    for (token, message) in (0..).zip(messages.iter().cycle().take(40)) {
        assert!(connection.deliver(delivery(message, token), fx, 0).is_ok());
    }
    assert!(fx.wire.len() > 1000);
    connection.receive(acks, host, fx, 0);
    assert_eq!(fx.done.len(), 20);
    fx.wire.clear();
    fx.done.clear();
}

#[test]
fn a_publish_and_a_delivery_of_known_shape_allocate_nothing() {
    for version in Version::BOTH {
        for verdict in [Verdict::Accepted, Verdict::Pending] {
            let (mut host, mut fx) = (Taker { verdict, tickets: Vec::new() }, Effects::default());
            let mut connection = connected(version, &mut host, &mut fx);
            let messages = [QoS::AtMostOnce, QoS::AtLeastOnce]
                .map(|qos| Arc::new(client::message("to/you", &[1; 100], qos)));
            let sent: Vec<_> = (0..10).map(|at| publishes(version, at * 60)).collect();
            let acks: Vec<_> = (0..10)
                .map(|at| {
                    let ids = at * 20 + 1..at * 20 + 21;
                    bytes(
                        version,
                        &ids.map(|id| Packet::PubAck(Ack::new(id, Reason::Success))).collect::<Vec<_>>(),
                    )
                })
                .collect();
            let mut rounds = sent.iter().zip(&acks);
            for (sent, acks) in rounds.by_ref().take(2) {
                round(&mut connection, sent, acks, &messages, &mut host, &mut fx);
            }
            let counted = allocation_counter::measure(|| {
                for (sent, acks) in rounds {
                    round(&mut connection, sent, acks, &messages, &mut host, &mut fx);
                }
            });
            assert_eq!(counted.count_total, 0, "MQTT {version}, {verdict:?}: {counted:?}");
        }
    }
}

#[test]
fn an_idle_connection_is_small() {
    for version in Version::BOTH {
        let (mut host, mut fx) =
            (Taker { verdict: Verdict::Accepted, tickets: Vec::new() }, Effects::default());
        let sent = publishes(version, 0);
        let mut connection = None;
        let settings = Arc::new(Settings::aws());
        let counted = allocation_counter::measure(|| {
            let mut machine = connected(version, &mut host, &mut fx);
            let wishes = vec![Wish {
                filter: "site/7/commands/#".to_owned(),
                qos: QoS::AtLeastOnce,
                no_local: false,
                retain_as_published: false,
                retain_handling: Default::default(),
            }];
            let subscribe = packet::Subscribe { packet_id: 1, wishes, properties: Default::default() };
            machine.receive(&bytes(version, &[Packet::Subscribe(subscribe)]), &mut host, &mut fx, 0);
            let Some(Ask::Subscribe(ask)) = fx.ask.take() else { panic!("no question") };
            machine.answer(ask.ticket, Answer::Subscribed(vec![Reason::GrantedQos1]), &mut host, &mut fx, 0);
            machine.receive(&sent, &mut host, &mut fx, 0);
            let message = Arc::new(client::message("to/you", &[1; 100], QoS::AtLeastOnce));
            assert!(machine.deliver(delivery(&message, 1), &mut fx, 0).is_ok());
            let acks = bytes(version, &[Packet::PubAck(Ack::new(1, Reason::Success))]);
            machine.receive(&acks, &mut host, &mut fx, 0);
            machine.rest();
            (host.tickets, fx) = (Vec::new(), Effects::default());
            connection = Some(Box::new(machine));
        });
        // The settings are shared by all connections.
        let shared = i64::try_from(size_of_val(&*settings) + 16).unwrap();
        let kept = counted.bytes_current - shared;
        println!("MQTT {version}: {kept} bytes, of them {} in place", size_of::<Connection<u64>>());
        assert!(kept < 700, "MQTT {version}: {kept} bytes");
    }
}

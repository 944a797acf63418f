//! A small MQTT client that says exactly what a test wants said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_mqtt::client::greeting;
use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::encode;
use adit_mqtt::packet::{
    Ack, ConnAck, Connect, Disconnect, Incoming, Packet, Publish, RetainHandling, Role, Subscribe,
    Unsubscribe, Wish,
};
use adit_mqtt::{QoS, Reason, Version};
use adit_server::clock::Clock;
use adit_server::config::{Config, Listen, Serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bed::{self, Bed, PATIENCE};

/// How long nothing must come for "nothing comes".
pub const QUIET: Duration = Duration::from_millis(250);

/// A server with a plain MQTT listener, on the real clock.
pub async fn bed(change: impl FnOnce(&mut Config)) -> Bed {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut config = bed::config(dir.path());
    let address = "127.0.0.1:0".parse().unwrap();
    config.listen.push(Listen { address, tls: false, serve: vec![Serve::Mqtt], allow_plain_remote: false });
    config.test.plain_mqtt = true;
    change(&mut config);
    Bed::start(dir, config, Clock::Real).await
}

pub fn port(bed: &Bed) -> SocketAddr {
    bed.running.listeners()[2].address
}

/// What came.
#[derive(Debug)]
pub enum Got {
    Packet(Packet),
    Publish { topic: String, payload: Vec<u8>, qos: QoS, retain: bool, dup: bool, packet_id: u16 },
    Closed,
}

pub struct Client {
    stream: TcpStream,
    held: Vec<u8>,
    pub version: Version,
    next_id: u16,
}

/// A CONNECT for a session that outlives its connection.
pub fn persistent(version: Version, client_id: &str) -> Connect {
    let mut connect = greeting(version, client_id, 60);
    connect.clean_start = false;
    if version.is_v5() {
        connect.properties.session_expiry = Some(600);
    }
    connect
}

pub fn clean(version: Version, client_id: &str) -> Connect {
    greeting(version, client_id, 60)
}

pub fn wish(filter: &str, qos: QoS) -> Wish {
    Wish {
        filter: filter.to_owned(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Always,
    }
}

pub fn message(topic: &str, payload: &str, qos: QoS) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: topic.to_owned(),
        packet_id: 0,
        topic_alias: None,
        message_expiry: None,
        subscription_ids: Vec::new(),
        properties: Default::default(),
        payload: payload.as_bytes().to_vec(),
    }
}

impl Client {
    /// Connects and is let in.
    pub async fn connect(bed: &Bed, connect: Connect) -> (Client, ConnAck) {
        let mut client = Client::open(bed, connect.version).await;
        client.send(&Packet::Connect(Box::new(connect))).await;
        match client.got().await {
            Got::Packet(Packet::ConnAck(ack)) => (client, *ack),
            other => panic!("no CONNACK but {other:?}"),
        }
    }

    /// Connects, is let in, and cares for nothing else.
    pub async fn new(bed: &Bed, connect: Connect) -> Client {
        let (client, ack) = Client::connect(bed, connect).await;
        assert_eq!(ack.reason, Reason::Success);
        client
    }

    pub async fn open(bed: &Bed, version: Version) -> Client {
        let stream = TcpStream::connect(port(bed)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, held: Vec::new(), version, next_id: 1 }
    }

    pub async fn send(&mut self, packet: &Packet) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, self.version, packet).unwrap();
        self.raw(&bytes).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// What comes next.
    pub async fn got(&mut self) -> Got {
        timeout(PATIENCE, self.next()).await.expect("something comes in time")
    }

    async fn next(&mut self) -> Got {
        let decoder = Decoder { role: Role::Client, version: Some(self.version), max_packet: 1 << 20 };
        loop {
            if let Next::Packet { packet, taken } = decoder.next(&self.held).unwrap() {
                let got = match packet {
                    Incoming::Packet(packet) => Got::Packet(packet),
                    Incoming::Publish(publish) => Got::Publish {
                        topic: publish.topic.to_owned(),
                        payload: publish.payload.to_vec(),
                        qos: publish.qos,
                        retain: publish.retain,
                        dup: publish.dup,
                        packet_id: publish.packet_id,
                    },
                };
                self.held.drain(..taken);
                return got;
            }
            match self.stream.read_buf(&mut self.held).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Got::Closed,
            }
        }
    }

    /// Nothing comes for a while.
    pub async fn is_quiet(&mut self) {
        if let Ok(got) = timeout(QUIET, self.next()).await {
            panic!("something came: {got:?}");
        }
    }

    pub async fn is_closed(&mut self) {
        match self.got().await {
            Got::Closed => {}
            other => panic!("not closed but {other:?}"),
        }
    }

    /// The connection ends; a 5.0 client is told this reason.
    pub async fn is_ended(&mut self, reason: Reason) {
        if self.version.is_v5() {
            match self.got().await {
                Got::Packet(Packet::Disconnect(Disconnect { reason: given, .. })) => {
                    assert_eq!(given, reason)
                }
                other => panic!("no DISCONNECT but {other:?}"),
            }
        }
        self.is_closed().await;
    }

    fn id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }

    pub async fn subscribe(&mut self, wishes: Vec<Wish>) -> Vec<Reason> {
        self.subscribe_with(wishes, None).await
    }

    pub async fn subscribe_with(&mut self, wishes: Vec<Wish>, id: Option<u32>) -> Vec<Reason> {
        let packet_id = self.id();
        let mut subscribe = Subscribe { packet_id, wishes, properties: Default::default() };
        subscribe.properties.subscription_id = id;
        self.send(&Packet::Subscribe(subscribe)).await;
        match self.got().await {
            Got::Packet(Packet::SubAck(ack)) if ack.packet_id == packet_id => ack.reasons,
            other => panic!("no SUBACK but {other:?}"),
        }
    }

    pub async fn unsubscribe(&mut self, filter: &str) {
        let packet_id = self.id();
        let filters = vec![filter.to_owned()];
        let packet =
            Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties: Default::default() });
        self.send(&packet).await;
        match self.got().await {
            Got::Packet(Packet::UnsubAck(ack)) => assert_eq!(ack.packet_id, packet_id),
            other => panic!("no UNSUBACK but {other:?}"),
        }
    }

    /// Sends a PUBLISH; its packet id.
    pub async fn publish(&mut self, mut publish: Publish) -> u16 {
        if publish.qos > QoS::AtMostOnce && publish.packet_id == 0 {
            publish.packet_id = self.id();
        }
        let id = publish.packet_id;
        self.send(&Packet::Publish(Box::new(publish))).await;
        id
    }

    /// Publishes with QoS 1 and has the PUBACK.
    pub async fn publish_acked(&mut self, publish: Publish) {
        let id = self.publish(publish).await;
        self.is_acked(id).await;
    }

    /// The same, while a subscriber that is waited for takes the message.
    pub async fn publish_acked_while(&mut self, publish: Publish, subscriber: &mut Client) {
        let text = String::from_utf8(publish.payload.clone()).unwrap();
        let topic = publish.topic.clone();
        let id = self.publish(publish).await;
        subscriber.hears(&topic, &text).await;
        self.is_acked(id).await;
    }

    pub async fn is_acked(&mut self, id: u16) {
        match self.got().await {
            Got::Packet(Packet::PubAck(Ack { packet_id, reason, .. })) => {
                assert_eq!((packet_id, reason), (id, Reason::Success));
            }
            other => panic!("no PUBACK but {other:?}"),
        }
    }

    pub async fn puback(&mut self, packet_id: u16) {
        self.send(&Packet::PubAck(Ack::new(packet_id, Reason::Success))).await;
    }

    /// A message comes: topic and payload; it is acknowledged.
    pub async fn message(&mut self) -> (String, String) {
        match self.got().await {
            Got::Publish { topic, payload, qos, packet_id, .. } => {
                if qos == QoS::AtLeastOnce {
                    self.puback(packet_id).await;
                }
                (topic, String::from_utf8(payload).unwrap())
            }
            other => panic!("no message but {other:?}"),
        }
    }

    pub async fn hears(&mut self, topic: &str, payload: &str) {
        assert_eq!(self.message().await, (topic.to_owned(), payload.to_owned()));
    }

    pub async fn disconnect(mut self) {
        self.send(&Packet::Disconnect(Disconnect { reason: Reason::Success, properties: None })).await;
        self.is_closed().await;
    }
}

//! The link against a server made of the codec, in virtual time.

use adit_mqtt::client::greeting;
use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::encode;
use adit_mqtt::packet::{Ack, ConnAck, Disconnect, Incoming, Packet, Publish, Role, SubAck};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;

/// The server's end.
struct Broker {
    stream: DuplexStream,
    bytes: Vec<u8>,
    version: Option<Version>,
}

impl Broker {
    /// The next packet; `None` at the end of the stream.
    async fn receive(&mut self) -> Option<Packet> {
        loop {
            let decoder = Decoder { role: Role::Server, version: self.version, max_packet: 1 << 20 };
            if let Next::Packet { packet, taken } = decoder.next(&self.bytes).unwrap() {
                let packet = match packet {
                    Incoming::Publish(publish) => Packet::Publish(Box::new(Publish::from(&publish))),
                    Incoming::Packet(packet) => packet,
                };
                self.bytes.drain(..taken);
                return Some(packet);
            }
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece).await.unwrap() {
                0 => return None,
                count => self.bytes.extend_from_slice(&piece[..count]),
            }
        }
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Version::V5, &packet).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn welcome(&mut self) {
        assert!(matches!(self.receive().await, Some(Packet::Connect(_))));
        self.version = Some(Version::V5);
        let properties = adit_mqtt::property::ConnAckProperties::default();
        let answer = ConnAck { session_present: false, reason: Reason::Success, properties };
        self.send(Packet::ConnAck(Box::new(answer))).await;
    }
}

const PING: Duration = Duration::from_secs(15);

async fn connected() -> (Link<DuplexStream>, Broker) {
    let (near, far) = duplex(64 * 1024);
    let mut broker = Broker { stream: far, bytes: Vec::new(), version: None };
    let connect = greeting(Version::V5, "lamp", 60);
    let patience = Duration::from_secs(10);
    let (link, ()) = tokio::join!(Link::connect(near, connect, Some(PING), patience), broker.welcome());
    (link.unwrap().0, broker)
}

fn notice(payload: &str, packet_id: u16) -> Packet {
    Packet::Publish(Box::new(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "t".to_owned(),
        packet_id,
        topic_alias: None,
        message_expiry: None,
        subscription_ids: Vec::new(),
        properties: MessageProperties::default(),
        payload: payload.into(),
    }))
}

fn payload(event: Event) -> String {
    match event {
        Event::Message(received) => String::from_utf8(received.message.payload.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_answered_and_what_came_before_is_kept() {
    let (mut link, mut broker) = connected().await;
    let serve = async {
        let Some(Packet::Subscribe(subscribe)) = broker.receive().await else { panic!() };
        assert_eq!(subscribe.wishes[0].filter, "a/b");
        broker.send(notice("early", 1)).await;
        let reasons = vec![Reason::NotAuthorized];
        let answer = SubAck { packet_id: subscribe.packet_id, reasons, properties: None };
        broker.send(Packet::SubAck(answer)).await;
    };
    let (reasons, ()) = tokio::join!(link.subscribe(&[("a/b", QoS::AtLeastOnce)]), serve);
    assert_eq!(reasons.unwrap(), [Reason::NotAuthorized]);
    assert_eq!(payload(link.next().await.unwrap()), "early");
}

#[tokio::test(start_paused = true)]
async fn a_refused_publish_is_a_reason_and_the_link_goes_on() {
    let (mut link, mut broker) = connected().await;
    for reason in [Reason::NotAuthorized, Reason::Success] {
        let serve = async {
            let Some(Packet::Publish(publish)) = broker.receive().await else { panic!() };
            broker.send(Packet::PubAck(Ack::new(publish.packet_id, reason))).await;
        };
        let sent = link.publish(message("t", b"x", QoS::AtLeastOnce));
        let (got, ()) = tokio::join!(sent, serve);
        assert_eq!(got.unwrap(), reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_handed_over_before_it_is_acknowledged() {
    let (mut link, mut broker) = connected().await;
    broker.send(notice("one", 7)).await;
    assert_eq!(payload(link.next().await.unwrap()), "one");
    let nothing = timeout(Duration::from_secs(5), broker.receive()).await;
    assert!(nothing.is_err(), "acknowledged while the caller had not come back: {nothing:?}");
    let acknowledged = async {
        assert_eq!(broker.receive().await, Some(Packet::PubAck(Ack::new(7, Reason::Success))));
        broker.send(notice("two", 8)).await;
    };
    let (event, ()) = tokio::join!(link.next(), acknowledged);
    assert_eq!(payload(event.unwrap()), "two");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_pinged_and_given_up_within_two_pings() {
    let (mut link, mut broker) = connected().await;
    let began = Instant::now();
    let silent = async {
        assert_eq!(broker.receive().await, Some(Packet::PingReq));
        assert_eq!(began.elapsed(), PING);
        broker.send(Packet::PingResp).await;
        assert_eq!(broker.receive().await, Some(Packet::PingReq));
        broker
    };
    let (broken, _broker) = tokio::join!(link.next(), silent);
    assert!(matches!(broken, Err(Broken::Silent)), "{broken:?}");
    assert_eq!(began.elapsed(), PING * 3);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_link_says_why() {
    let (mut link, broker) = connected().await;
    drop(broker);
    assert!(matches!(link.next().await, Err(Broken::Closed)));

    let (mut link, mut broker) = connected().await;
    let reason = Reason::SessionTakenOver;
    broker.send(Packet::Disconnect(Disconnect { reason, properties: None })).await;
    let Err(Broken::Disconnected(got)) = link.next().await else { panic!() };
    assert_eq!(got, reason);

    let (near, mut far) = duplex(1024);
    let refuse = async {
        far.write_all(&[0x20, 3, 0, 0x87, 0]).await.unwrap();
        far
    };
    let connect = greeting(Version::V5, "lamp", 60);
    let (refused, _far) = tokio::join!(Link::connect(near, connect, None, PING), refuse);
    let Err(broken) = refused else { panic!() };
    assert_eq!(broken.to_string(), "the server refused the connection: not authorized (0x87)");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_connect_is_given_up() {
    let (near, _far) = duplex(1024);
    let connect = greeting(Version::V5, "lamp", 60);
    let patience = Duration::from_secs(10);
    let began = Instant::now();
    assert!(matches!(Link::connect(near, connect, None, patience).await, Err(Broken::Silent)));
    assert_eq!(began.elapsed(), patience);
}

#[tokio::test(start_paused = true)]
async fn goodbye_is_a_disconnect() {
    let (link, mut broker) = connected().await;
    link.disconnect().await;
    let Some(Packet::Disconnect(disconnect)) = broker.receive().await else { panic!() };
    assert_eq!(disconnect.reason, Reason::Success);
    assert_eq!(broker.receive().await, None);
}

#[tokio::test(start_paused = true)]
async fn waiting_that_is_given_up_loses_nothing() {
    let (mut link, mut broker) = connected().await;
    for round in 0..3u16 {
        let waited = timeout(Duration::from_secs(1), link.next()).await;
        assert!(waited.is_err(), "{waited:?}");
        broker.send(notice(&round.to_string(), round + 1)).await;
        assert_eq!(payload(link.next().await.unwrap()), round.to_string());
    }
}

//! The hot path allocates nothing. A binary of its own, because the counting allocator is global.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

mod machine;

use std::sync::Arc;

use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::message::Builder;
use adit_mqtt::packet::{Incoming, Kind, Outgoing, Packet, Publish, Role};
use adit_mqtt::{Filter, Message, QoS, Reason, Settings, Topic, TopicTree, Version, encode};

fn published(version: Version) -> Vec<u8> {
    let properties = Builder::new().content_type("text/plain").user_property("a", "b").build().unwrap();
    let publish = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "site/7/device/12/temperature".to_owned(),
        packet_id: 77,
        topic_alias: Some(3),
        message_expiry: Some(60),
        subscription_ids: Vec::new(),
        properties,
        payload: vec![7; 256],
    };
    let mut bytes = Vec::new();
    for _ in 0..50 {
        encode::packet(&mut bytes, version, &Packet::Publish(Box::new(publish.clone()))).unwrap();
    }
    bytes
}

/// Reads every PUBLISH, judges its topic and properties, finds who wants it, and writes it to three subscribers.
fn route(
    bytes: &[u8],
    version: Version,
    tree: &TopicTree<u32, ()>,
    message: &Message,
    out: &mut Vec<u8>,
) -> usize {
    let settings = Settings::aws();
    let decoder = Decoder { role: Role::Server, version: Some(version), max_packet: settings.packet_bytes };
    let (mut rest, mut found) = (bytes, 0);
    while !rest.is_empty() {
        let Ok(Next::Packet { packet: Incoming::Publish(publish), taken }) = decoder.next(rest) else {
            panic!("not a PUBLISH");
        };
        rest = rest.get(taken..).unwrap();
        let topic = Topic::parse(publish.topic, &settings).unwrap();
        assert_eq!(settings.refuses(&publish), None);
        assert_eq!(publish.properties.user_properties().count(), usize::from(version.is_v5()));
        tree.matches(topic.as_str(), false, |_, ()| {
            let delivery = Outgoing {
                message,
                topic_is_known: false,
                topic_alias: Some(1),
                message_expiry: Some(59),
                subscription_ids: &[5, 200],
                dup: false,
                qos: publish.qos,
                retain: false,
                packet_id: 9,
            };
            encode::delivery(out, version, &delivery).unwrap();
            found += 1;
        });
        encode::ack(out, version, Kind::PubAck, publish.packet_id, Reason::Success);
    }
    found
}

#[test]
fn a_publish_is_read_routed_and_written_without_an_allocation() {
    let mut tree = TopicTree::new();
    for (key, filter) in
        ["site/7/#", "site/+/device/12/temperature", "site/7/device/12/temperature", "other/#"]
            .into_iter()
            .enumerate()
    {
        tree.insert(&Filter::new(filter).unwrap(), key as u32, ());
    }
    let message = Message {
        topic: Arc::from("site/7/device/12/temperature"),
        payload: vec![7; 256].into(),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Builder::new().user_property("a", "b").build().unwrap(),
        expires_at: None,
    };
    for version in Version::BOTH {
        let bytes = published(version);
        let mut out = Vec::with_capacity(1 << 20);
        let mut found = 0;
        let counted =
            allocation_counter::measure(|| found = route(&bytes, version, &tree, &message, &mut out));
        assert_eq!(found, 150);
        assert!(out.len() > 150 * 256);
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}

use std::sync::Arc;

use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::message::{Builder, Life};
use adit_mqtt::packet::{Incoming, Kind, Outgoing, Packet, Publish, Role};
use adit_mqtt::{Message, MessageProperties, Misdeed, QoS, Reason, Version, encode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::packets;

const MAX: usize = 1 << 20;

fn decoder(role: Role, version: Option<Version>) -> Decoder {
    Decoder { role, version, max_packet: MAX }
}

/// Everything in `bytes`, in packets that own their parts; what is left is not a packet yet.
fn read<'a>(decoder: &Decoder, mut bytes: &'a [u8], into: &mut Vec<Packet>) -> Result<&'a [u8], Misdeed> {
    loop {
        match decoder.next(bytes)? {
            Next::Missing(more) => {
                assert!(more > bytes.len() && more <= decoder.max_packet + 5);
                return Ok(bytes);
            }
            Next::Packet { packet, taken } => {
                assert!((2..=bytes.len()).contains(&taken));
                into.push(match packet {
                    Incoming::Publish(view) => Packet::Publish(Box::new(Publish::from(&view))),
                    Incoming::Packet(packet) => packet,
                });
                bytes = &bytes[taken..];
            }
        }
    }
}

fn sides() -> impl Strategy<Value = (Role, Version)> {
    (prop::sample::select(vec![Role::Server, Role::Client]), prop::sample::select(Version::BOTH.to_vec()))
}

fn streams() -> impl Strategy<Value = (Role, Version, Vec<Packet>)> {
    sides().prop_flat_map(|(role, version)| {
        (Just(role), Just(version), vec(packets::packets(role, version), 1..6))
    })
}

fn written(version: Version, packets: &[Packet]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        encode::packet(&mut out, version, packet).unwrap();
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn packets_come_back_as_they_were((role, version, packets) in streams()) {
        let bytes = written(version, &packets);
        let mut back = Vec::new();
        prop_assert_eq!(read(&decoder(role, Some(version)), &bytes, &mut back), Ok(&[][..]));
        prop_assert_eq!(back, packets);
    }

    #[test]
    fn a_connect_comes_back_as_it_was(connect in packets::connects()) {
        let packet = [Packet::Connect(Box::new(connect))];
        let bytes = written(Version::V5, &packet);
        let mut back = Vec::new();
        prop_assert_eq!(read(&decoder(Role::Server, None), &bytes, &mut back), Ok(&[][..]));
        prop_assert_eq!(back, packet);
    }

    /// A driver that keeps what is left and appends what comes next reads the same packets, however the bytes fall.
    #[test]
    fn any_split_gives_the_same_packets((role, version, packets) in streams(), sizes in vec(1usize..40, 1..8)) {
        let bytes = written(version, &packets);
        let (mut back, mut kept, mut rest) = (Vec::new(), Vec::new(), &*bytes);
        for size in sizes.iter().cycle() {
            let (piece, tail) = rest.split_at(rest.len().min(*size));
            rest = tail;
            kept.extend_from_slice(piece);
            let left = read(&decoder(role, Some(version)), &kept, &mut back).unwrap().len();
            kept.drain(..kept.len() - left);
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(kept.is_empty());
        prop_assert_eq!(back, packets);
    }

    /// A valid stream with some bytes changed: never a panic, and what is read can be written and read again.
    #[test]
    fn changed_bytes_are_read_or_refused(
        (role, version, packets) in streams(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = written(version, &packets);
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        let mut back = Vec::new();
        let _ = read(&decoder(role, Some(version)), &bytes, &mut back);
        let mut again = Vec::new();
        let same = written(version, &back);
        prop_assert_eq!(read(&decoder(role, Some(version)), &same, &mut again), Ok(&[][..]));
        prop_assert_eq!(again, back);
    }

    #[test]
    fn arbitrary_bytes_never_panic((role, version) in sides(), first in any::<bool>(), bytes in vec(any::<u8>(), 0..80)) {
        let version = (!first || role == Role::Client).then_some(version);
        let _ = read(&decoder(role, version), &bytes, &mut Vec::new());
    }

    /// What one client publishes, another gets: everything but the hop is the same.
    #[test]
    fn a_delivery_is_what_was_published(
        publish in packets::publishes(Role::Server, Version::V5),
        version in prop::sample::select(Version::BOTH.to_vec()),
        (dup, retain, known, id) in (any::<bool>(), any::<bool>(), any::<bool>(), 1u16..),
        (alias, expiry, ids) in (prop::option::of(1u16..), prop::option::of(any::<u32>()), vec(1u32..=268_435_455, 0..3)),
    ) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Version::V5, &Packet::Publish(Box::new(publish.clone()))).unwrap();
        let Ok(Next::Packet { packet: Incoming::Publish(view), .. }) =
            decoder(Role::Server, Some(Version::V5)).next(&bytes) else { panic!("{bytes:?}") };
        let message = Message::of(&view, Arc::from("the/topic"), None);
        let delivery = Outgoing {
            message: &message,
            topic_is_known: known && alias.is_some() && version.is_v5(),
            topic_alias: alias,
            message_expiry: expiry,
            subscription_ids: &ids,
            dup: dup && publish.qos > QoS::AtMostOnce,
            qos: publish.qos,
            retain,
            packet_id: id,
        };
        let mut out = vec![9];
        encode::delivery(&mut out, version, &delivery).unwrap();
        prop_assert_eq!(out.len(), 1 + encode::delivery_len(version, &delivery));
        let mut back = Vec::new();
        read(&decoder(Role::Client, Some(version)), &out[1..], &mut back).unwrap();
        let v5 = version.is_v5();
        prop_assert_eq!(back, [Packet::Publish(Box::new(Publish {
            dup: delivery.dup,
            qos: publish.qos,
            retain,
            topic: if delivery.topic_is_known { String::new() } else { "the/topic".to_owned() },
            packet_id: if publish.qos == QoS::AtMostOnce { 0 } else { id },
            topic_alias: alias.filter(|_| v5),
            message_expiry: expiry.filter(|_| v5),
            subscription_ids: if v5 { ids } else { Vec::new() },
            properties: if v5 { publish.properties } else { MessageProperties::default() },
            payload: publish.payload,
        }))]);
    }

    #[test]
    fn properties_survive_storage(properties in packets::message_properties()) {
        prop_assert_eq!(MessageProperties::from_raw(properties.raw()), Ok(properties));
    }
}

#[test]
fn short_acks_are_written_like_packets() {
    use adit_mqtt::packet::Ack;
    for version in Version::BOTH {
        for reason in [Reason::Success, Reason::PacketIdentifierInUse] {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            encode::ack(&mut short, version, Kind::PubRec, 258, reason);
            encode::packet(&mut long, version, &Packet::PubRec(Ack::new(258, reason))).unwrap();
            assert_eq!(short, long);
        }
    }
}

#[test]
fn what_is_too_long_is_not_written() {
    let packet = Packet::Unsubscribe(adit_mqtt::packet::Unsubscribe {
        packet_id: 1,
        filters: vec!["a".repeat(65_536)],
        user_properties: Vec::new(),
    });
    let mut out = vec![1, 2, 3];
    assert_eq!(encode::packet(&mut out, Version::V5, &packet), Err(encode::TooLong));
    assert_eq!(out, [1, 2, 3]);
    assert!(Builder::new().content_type(&"a".repeat(65_536)).build().is_err());
    assert_eq!(Builder::new().user_property("a", "b\0").build(), Err(Misdeed::NulInText));
    assert_eq!(Builder::new().response_topic("a/+").build(), Err(Misdeed::ResponseTopic));
    assert!(MessageProperties::from_raw(&[0x23, 0, 1]).is_err());
}

/// spec: mqtt-gateway §4.5
#[test]
fn the_last_second_of_a_message_is_written_as_0() {
    let message = |expires_at| Message {
        topic: "t".into(),
        payload: bytes::Bytes::new(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: MessageProperties::default(),
        expires_at,
    };
    assert_eq!(message(None).life(u64::MAX), Life::Endless);
    let message = message(Some(10_000));
    assert_eq!(message.life(8_000), Life::Seconds(2));
    assert_eq!(message.life(8_001), Life::Seconds(1));
    assert_eq!(message.life(9_001), Life::Seconds(0));
    assert_eq!(message.life(9_999), Life::Seconds(0));
    assert_eq!(message.life(10_000), Life::Over);
}

/// spec: mqtt-gateway §3.3, §4.5
#[test]
fn settings_turn_wishes_into_what_holds() {
    let (aws, standard) = (adit_mqtt::Settings::aws(), adit_mqtt::Settings::standard());
    let asked = [0, 1, 29, 30, 600, 1200, 1201, 65_535];
    assert_eq!(asked.map(|k| aws.keep_alive(k)), [1200, 30, 30, 30, 600, 1200, 1200, 1200]);
    assert_eq!(asked.map(|k| standard.keep_alive(k)), asked);
    assert_eq!([0, 1, 604_800, 604_801].map(|s| aws.message_expiry(s)), [1, 1, 604_800, 604_800]);
    assert_eq!((aws.maximum_qos(), standard.maximum_qos()), (QoS::AtLeastOnce, QoS::ExactlyOnce));
}

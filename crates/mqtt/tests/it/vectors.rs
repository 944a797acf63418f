//! The first two letters of a vector's name say who sent it (`c`lient or `s`erver) and what the connection spoke:
//! `4` or `5`, or `0` before CONNECT.

use adit_mqtt::decode::{Decoder, Next, connect_version};
use adit_mqtt::packet::{Incoming, Packet, Role};
use adit_mqtt::{Misdeed, Reason, Version, encode};

use crate::hex::{self, Vector};
use crate::told;

/// What the `aws` profile allows.
const MAX: usize = 149_504;

fn decoder(vector: &Vector) -> Decoder {
    let (role, version) = match &vector.name[..2] {
        "c0" => (Role::Server, None),
        "c4" => (Role::Server, Some(Version::V4)),
        "c5" => (Role::Server, Some(Version::V5)),
        "s4" => (Role::Client, Some(Version::V4)),
        "s5" => (Role::Client, Some(Version::V5)),
        other => panic!("{other} in {}", vector.name),
    };
    Decoder { role, version, max_packet: MAX }
}

fn check_told(file: &'static str) {
    let mut wrong = String::new();
    for vector in hex::vectors(file) {
        let told = match decoder(&vector).next(&vector.bytes) {
            Ok(Next::Packet { packet, taken }) => {
                assert_eq!(taken, vector.bytes.len(), "{}", vector.name);
                told::incoming(&packet)
            }
            Ok(Next::Missing(len)) => format!("Missing({len})"),
            Err(misdeed) => format!("{misdeed:?}"),
        };
        if told != vector.expect {
            wrong += &format!("{}: {} = {told}\n", vector.name, hex::text_of(&vector.bytes));
        }
    }
    assert!(wrong.is_empty(), "read otherwise:\n{wrong}");
}

#[test]
fn packets_are_read_as_the_vectors_say() {
    check_told(include_str!("../vectors/v4.hex"));
    check_told(include_str!("../vectors/v5.hex"));
}

#[test]
fn what_real_programs_sent_is_read_as_the_vectors_say() {
    check_told(include_str!("../vectors/captures.hex"));
}

#[test]
fn misdeeds_are_named_as_the_vectors_say() {
    check_told(include_str!("../vectors/malformed.hex"));
}

fn packet_of(vector: &Vector) -> Packet {
    match decoder(vector).next(&vector.bytes) {
        Ok(Next::Packet { packet: Incoming::Publish(view), .. }) => Packet::Publish(Box::new((&view).into())),
        Ok(Next::Packet { packet: Incoming::Packet(packet), .. }) => packet,
        other => panic!("{}: {other:?}", vector.name),
    }
}

fn version_of(packet: &Packet, vector: &Vector) -> Version {
    match packet {
        Packet::Connect(connect) => connect.version,
        _ => decoder(vector).version.unwrap(),
    }
}

/// The vectors that we made up have everything in the order in which we write it.
#[test]
fn packets_are_written_as_the_vectors_say() {
    for vector in hex::vectors(include_str!("../vectors/v4.hex"))
        .chain(hex::vectors(include_str!("../vectors/v5.hex")))
        .filter(|vector| !vector.name.contains("longer"))
    {
        let packet = packet_of(&vector);
        let mut out = Vec::new();
        encode::packet(&mut out, version_of(&packet, &vector), &packet).unwrap();
        assert_eq!(hex::text_of(&out), hex::text_of(&vector.bytes), "{}", vector.name);
    }
}

#[test]
fn what_real_programs_sent_means_the_same_when_we_write_it() {
    for mut vector in hex::vectors(include_str!("../vectors/captures.hex")) {
        let packet = packet_of(&vector);
        let mut out = Vec::new();
        encode::packet(&mut out, version_of(&packet, &vector), &packet).unwrap();
        vector.bytes = out;
        assert_eq!(packet_of(&vector), packet, "{}", vector.name);
    }
}

#[test]
fn every_packet_is_missing_bytes_until_its_last() {
    for vector in hex::vectors(include_str!("../vectors/v4.hex"))
        .chain(hex::vectors(include_str!("../vectors/v5.hex")))
        .chain(hex::vectors(include_str!("../vectors/captures.hex")))
    {
        for len in 0..vector.bytes.len() {
            match decoder(&vector).next(&vector.bytes[..len]) {
                Ok(Next::Missing(more)) => {
                    assert!(more > len && more <= vector.bytes.len(), "{}", vector.name)
                }
                other => panic!("{} cut to {len}: {other:?}", vector.name),
            }
        }
    }
}

/// Every kind of packet that a side may send is in the vectors, in both versions.
#[test]
fn the_vectors_have_every_packet() {
    for (version, file, kinds) in
        [('4', include_str!("../vectors/v4.hex"), 14), ('5', include_str!("../vectors/v5.hex"), 15)]
    {
        let mut seen: Vec<_> = hex::vectors(file).map(|vector| packet_of(&vector).kind()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), kinds, "version {version}: {seen:?}");
    }
}

/// spec: mqtt-gateway §3.1
#[test]
fn the_version_of_a_refused_connect_is_known_when_its_bytes_are_there() {
    let bad = hex::bytes_of("1013 00044d515454 05 01 003c 00 0006 616263646566");
    assert_eq!(connect_version(&bad), Some(Version::V5));
    assert_eq!(connect_version(&bad[..9]), Some(Version::V5));
    assert_eq!(connect_version(&bad[..8]), None);
    assert_eq!(connect_version(&hex::bytes_of("108a8a8a8a")), None);
    assert_eq!(connect_version(&hex::bytes_of("10ff7f 00044d515454 04")), Some(Version::V4));
    assert_eq!(connect_version(&hex::bytes_of("1013 00044d515454 03")), None);
}

/// The size is judged before a byte of the body is there. spec: mqtt-gateway §4.2
#[test]
fn a_header_that_announces_too_much_is_refused_alone() {
    let decoder = Decoder { role: Role::Server, version: Some(Version::V5), max_packet: MAX };
    let announce = |len: usize| {
        let mut bytes = vec![0x30];
        bytes.extend([len, len >> 7, len >> 14].map(|part| (part & 0x7f) as u8 | 0x80));
        *bytes.last_mut().unwrap() &= 0x7f;
        bytes
    };
    assert_eq!(decoder.next(&announce(MAX)), Ok(Next::Missing(4 + MAX)));
    let too_long = announce(MAX + 1);
    let refused = decoder.next(&too_long);
    assert_eq!(refused, Err(Misdeed::PacketTooLarge { bytes: MAX + 1, max: MAX }));
    assert_eq!(refused.unwrap_err().reason(), Reason::PacketTooLarge);
}

#[test]
fn reasons_have_their_numbers() {
    for code in 0..=255 {
        if let Some(reason) = Reason::of(code) {
            assert_eq!(reason.code(), code);
        }
    }
    assert_eq!((0..=255).filter_map(Reason::of).count(), adit_mqtt::reason::ALL.len());
}

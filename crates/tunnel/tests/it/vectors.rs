use adit_tunnel::frame::{self, Frames, Split};
use adit_tunnel::limits;
use adit_tunnel::message::{Message, Misdeed, Type, View};

use crate::hex;

fn told(bytes: &[u8]) -> String {
    match View::decode(bytes) {
        Ok(view) => format!(
            "{}/{}/{}/{}/{}/{}",
            view.kind.number(),
            view.stream_id,
            u8::from(view.ignorable),
            hex::text_of(view.payload),
            if view.service_id.is_empty() { "-" } else { view.service_id },
            view.connection_id
        ),
        Err(misdeed) => format!("{misdeed:?}"),
    }
}

#[test]
fn messages_are_read_as_the_vectors_say() {
    for vector in hex::vectors(include_str!("../vectors/messages.hex")) {
        assert_eq!(told(&vector.bytes), vector.expect, "{}", vector.name);
    }
}

#[test]
fn our_messages_are_written_as_the_vectors_say() {
    let mut written = Vec::new();
    for message in [
        Message::of_stream(Type::StreamStart, 1, "", 0),
        Message::of_stream(Type::StreamStart, 1, "SSH", 1),
        Message::announcing(&["SSH"]),
        Message::announcing(&[""; 0]),
    ] {
        let mut out = Vec::new();
        message.encode(&mut out);
        written.push(hex::text_of(&out));
    }
    assert_eq!(written, ["08021001", "080210012a035353483801", "08053203535348", "0805"]);
}

#[test]
fn announced_services_are_read_in_order() {
    let mut out = Vec::new();
    let message = Message::announcing(&["SSH", "VNC", "a-b_c:1"]);
    message.encode(&mut out);
    let view = View::decode(&out).unwrap();
    assert_eq!(view.available, 3);
    assert_eq!(view.available_service_ids().collect::<Vec<_>>(), ["SSH", "VNC", "a-b_c:1"]);
    assert_eq!(Message::decode(&out), Ok(message));
}

/// spec: secure-tunneling §4.6 rule 5
#[test]
fn a_payload_of_64512_bytes_passes_and_one_more_does_not() {
    let of_len = |len| {
        let mut out = Vec::new();
        Message { payload: vec![7; len], ..Message::of_stream(Type::Data, 1, "", 0) }.encode(&mut out);
        View::decode(&out).map(|view| view.payload.len())
    };
    assert_eq!(of_len(limits::PAYLOAD), Ok(64_512));
    assert_eq!(of_len(limits::PAYLOAD + 1), Err(Misdeed::PayloadTooLarge));
}

#[test]
fn a_service_id_of_128_bytes_passes_and_one_more_does_not() {
    let of_len = |len| {
        let mut out = Vec::new();
        Message::of_stream(Type::Data, 1, &"s".repeat(len), 0).encode(&mut out);
        View::decode(&out).map(|view| view.service_id.len())
    };
    assert_eq!(of_len(128), Ok(128));
    assert_eq!(of_len(129), Err(Misdeed::ServiceIdTooLong));
}

#[test]
fn the_length_prefix_says_what_is_missing() {
    assert_eq!(frame::split(&[]), Ok(Split::Missing(2)));
    assert_eq!(frame::split(&[0]), Ok(Split::Missing(1)));
    assert_eq!(frame::split(&[0, 4]), Ok(Split::Missing(4)));
    assert_eq!(frame::split(&[0, 2, 8, 5]), Ok(Split::Whole(2)));
    assert_eq!(frame::split(&[0, 2, 8, 5, 0]), Ok(Split::Whole(2)));
    assert_eq!(frame::split(&[0, 0]), Err(Misdeed::Empty));
}

#[test]
fn a_length_of_zero_between_frames_is_a_misdeed() {
    let mut frames = Frames::new();
    let mut input: &[u8] = &[0, 2, 8, 5, 0, 0];
    assert_eq!(frames.next(&mut input), Ok(Some(&[8u8, 5][..])));
    assert_eq!(frames.next(&mut input), Err(Misdeed::Empty));
}

#[test]
fn a_message_too_long_for_its_prefix_is_not_written() {
    let mut out = vec![1, 2, 3];
    let message = Message { payload: vec![0; limits::MESSAGE], ..Message::new(Type::Data) };
    assert!(!frame::put(&mut out, &message));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn misdeeds_fit_a_close_reason() {
    use adit_tunnel::websocket::Misdeed as Ws;
    let ours = [
        Misdeed::Empty,
        Misdeed::Truncated,
        Misdeed::NumberTooLarge,
        Misdeed::NegativeStreamId,
        Misdeed::BadBoolean,
        Misdeed::UnknownField,
        Misdeed::WrongWireType,
        Misdeed::RepeatedField,
        Misdeed::PayloadTooLarge,
        Misdeed::ServiceIdTooLong,
        Misdeed::ServiceIdNotText,
    ];
    assert!(ours.iter().all(|misdeed| misdeed.text().len() <= limits::CLOSE_REASON));
    assert!([Ws::Text, Ws::ReservedBit].iter().all(|misdeed| misdeed.text().len() <= limits::CLOSE_REASON));
}

use adit_tunnel::envelope::{self, Envelope};
use adit_tunnel::frame::{self, Frames};
use adit_tunnel::limits;
use adit_tunnel::message::{Message, Type, View};
use adit_tunnel::websocket::{Event, Header, Opcode, Reader, Role, apply_mask};
use proptest::collection::vec;
use proptest::prelude::*;

fn types() -> impl Strategy<Value = Type> {
    prop_oneof![
        Just(Type::Data),
        Just(Type::StreamStart),
        Just(Type::StreamReset),
        Just(Type::SessionReset),
        Just(Type::ServiceIds),
        Just(Type::ConnectionStart),
        Just(Type::ConnectionReset),
        (8u32..).prop_map(Type::Other),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let ids = (0..=i32::MAX as u32, any::<u32>());
    let texts = ("[a-zA-Z0-9:_-]{0,12}", vec("[a-zA-Z0-9:_-]{1,12}", 0..4));
    (types(), ids, any::<bool>(), vec(any::<u8>(), 0..300), texts).prop_map(
        |(kind, (stream_id, connection_id), ignorable, payload, (service_id, available_service_ids))| {
            Message { kind, stream_id, ignorable, payload, service_id, available_service_ids, connection_id }
        },
    )
}

/// Cuts `bytes` at the given places, taken modulo what is left.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for place in places {
        let (piece, tail) = rest.split_at(place % (rest.len() + 1));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

proptest! {
    #[test]
    fn decoding_what_was_encoded_gives_it_back(message in messages()) {
        let mut out = Vec::new();
        message.encode(&mut out);
        prop_assert_eq!(Message::decode(&out), Ok(message));
    }

    #[test]
    fn the_stream_id_lies_where_the_view_says(message in messages()) {
        let mut out = Vec::new();
        message.encode(&mut out);
        let view = View::decode(&out).unwrap();
        let (at, len) = view.stream_id_at;
        prop_assert_eq!(len == 0, message.stream_id == 0);
        let value = out[at..at + len].iter().rev().fold(0u32, |sum, byte| sum << 7 | u32::from(byte & 0x7f));
        prop_assert_eq!(value, message.stream_id);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_point_outside(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(view) = View::decode(&bytes) {
            let (at, len) = view.stream_id_at;
            prop_assert!(at + len <= bytes.len());
            prop_assert!(view.available_service_ids().count() == view.available);
        }
    }

    #[test]
    fn frames_survive_any_cutting(
        messages in vec(messages(), 1..6),
        places in vec(any::<usize>(), 0..12),
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            prop_assert!(frame::put(&mut stream, message));
        }
        let mut frames = Frames::new();
        let mut read = Vec::new();
        for mut piece in cut(&stream, &places) {
            while let Some(bytes) = frames.next(&mut piece).unwrap() {
                read.push(Message::decode(bytes).unwrap());
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert!(!frames.is_partial());
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn an_envelope_around_a_payload_reads_back(
        message in messages(),
        key in proptest::option::of(any::<[u8; 4]>()),
    ) {
        let mut buffer = vec![0xee; limits::HEADROOM];
        buffer.extend_from_slice(&message.payload);
        buffer.extend_from_slice(&[0xee; limits::TAILROOM]);
        let payload = limits::HEADROOM..limits::HEADROOM + message.payload.len();
        let of = Envelope {
            kind: message.kind,
            stream_id: message.stream_id,
            service_id: &message.service_id,
            connection_id: message.connection_id,
        };
        let at = envelope::wrap(&mut buffer, payload, &of, key).unwrap();
        let (header, len) = Header::parse(&buffer[at.clone()]).unwrap().unwrap();
        prop_assert_eq!(header, Header::whole(Opcode::Binary, at.len() - len, key));
        let frame = &mut buffer[at.start + len..at.end];
        apply_mask(frame, key.unwrap_or_default(), 0);
        let mut input = &*frame;
        let read = Message::decode(Frames::new().next(&mut input).unwrap().unwrap()).unwrap();
        prop_assert!(input.is_empty());
        prop_assert_eq!(read, Message { ignorable: false, available_service_ids: Vec::new(), ..message });
    }

    #[test]
    fn a_websocket_header_reads_back(
        last in any::<bool>(),
        payload in prop_oneof![0usize..200, 65_000usize..66_000, any::<u32>().prop_map(|n| n as usize)],
        mask in proptest::option::of(any::<[u8; 4]>()),
    ) {
        let header = Header { last, opcode: Opcode::Binary, mask, payload };
        let (bytes, len) = header.encode();
        prop_assert_eq!(len, header.encoded_len());
        prop_assert_eq!(Header::parse(&bytes[..len]), Ok(Some((header, len))));
        for short in 0..len {
            prop_assert_eq!(Header::parse(&bytes[..short]), Ok(None));
        }
    }

    #[test]
    fn a_reader_takes_no_more_than_it_is_given(bytes in vec(any::<u8>(), 0..400), client in any::<bool>()) {
        let mut reader = Reader::new(if client { Role::Client } else { Role::Server });
        let mut bytes = bytes;
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            match reader.step(rest) {
                Ok(step) => {
                    prop_assert!(step.taken >= 1 && step.taken <= rest.len());
                    rest = &mut rest[step.taken..];
                    if step.event == Event::Close {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
    }
}

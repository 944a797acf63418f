//! The hot path allocates nothing. A binary of its own, because the counting allocator is global.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use adit_tunnel::frame;
use adit_tunnel::lane::Lane;
use adit_tunnel::message::{Message, Type};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::websocket::{Event, Header, Opcode, Reader, Role, apply_mask};
use adit_tunnel::{Side, Version};

const KEY: [u8; 4] = [1, 2, 3, 4];

/// A message as a client sends it: masked frames of `size` bytes.
fn sent(message: &Message, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(frame::put(&mut bytes, message));
    let count = bytes.chunks(size).count();
    let mut out = Vec::new();
    for (index, piece) in bytes.chunks(size).enumerate() {
        let opcode = if index == 0 { Opcode::Binary } else { Opcode::Continuation };
        let (header, len) =
            Header { last: index + 1 == count, opcode, mask: Some(KEY), payload: piece.len() }.encode();
        out.extend_from_slice(&header[..len]);
        let start = out.len();
        out.extend_from_slice(piece);
        apply_mask(&mut out[start..], KEY, 0);
    }
    out
}

/// Takes what came from the source and lets it leave to the destination.
fn relay(relay: &mut Relay, reader: &mut Reader, lane: &mut Lane, bytes: &mut [u8]) -> usize {
    let mut left = 0;
    for mut rest in bytes.chunks_mut(16 * 1024) {
        while !rest.is_empty() {
            let step = reader.step(rest).unwrap();
            let (taken, tail) = rest.split_at_mut(step.taken);
            rest = tail;
            let mut piece = if step.event == Event::Data { &*taken } else { &[] };
            while lane.push(&mut piece).unwrap() {
                match relay.judge(Side::Source, lane.message()) {
                    Verdict::Forward { stream_id, stream_id_at, .. } => {
                        lane.forward(stream_id, stream_id_at);
                    }
                    _ => lane.discard(),
                }
            }
        }
        left += lane.waiting().len();
        lane.advance(lane.waiting().len());
    }
    left
}

#[test]
fn a_message_crosses_the_relay_without_an_allocation() {
    let mut machine = Relay::new(&["SSH", "VNC"], 1_000_000);
    machine.join(Side::Source, Version::V3);
    machine.join(Side::Destination, Version::V3);
    while machine.poll().is_some() {}
    let (mut reader, mut lane) = (Reader::new(Role::Server), Lane::new());
    let mut start = sent(&Message::of_stream(Type::StreamStart, 1, "SSH", 1), 4096);
    relay(&mut machine, &mut reader, &mut lane, &mut start);

    let data = |stream_id, len| Message {
        payload: vec![7; len],
        ..Message::of_stream(Type::Data, stream_id, "SSH", 1)
    };
    let mut rounds: Vec<Vec<u8>> = Vec::new();
    for _ in 0..20 {
        let mut bytes = sent(&data(1, 64_512), 4096);
        bytes.extend(sent(&data(1, 64_512), 100_000));
        bytes.extend(sent(&data(9, 100), 100_000));
        (0..200).for_each(|len| bytes.extend(sent(&data(1, len), 100_000)));
        rounds.push(bytes);
    }
    let mut rounds = rounds.iter_mut();
    let warm = relay(&mut machine, &mut reader, &mut lane, rounds.next().unwrap());
    let mut moved = 0;
    let counted = allocation_counter::measure(|| {
        for bytes in &mut rounds {
            moved += relay(&mut machine, &mut reader, &mut lane, bytes);
        }
    });
    assert_eq!(moved, 19 * warm);
    assert!(warm > 2 * 64_512);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

//! The tunnel's decoders and its relay.

use adit_tunnel::frame::{self, Frames, Split};
use adit_tunnel::lane::Lane;
use adit_tunnel::limits;
use adit_tunnel::message::{Message, Type, View};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::websocket::{Close, Event, Reader, Role};
use adit_tunnel::{Side, Version};

/// The first byte chooses the role, the second the size of pieces: however the bytes are cut, the reader says the
/// same, and it never takes more than it is given.
pub fn websocket(data: &[u8]) {
    let [role, size, bytes @ ..] = data else {
        return;
    };
    let role = if role % 2 == 0 { Role::Server } else { Role::Client };
    let whole = read_websocket(role, bytes, bytes.len().max(1));
    let pieces = read_websocket(role, bytes, usize::from(*size).max(1));
    assert_eq!(whole, pieces);
}

/// Everything a reader says, with data in one row and controls in another.
fn read_websocket(role: Role, bytes: &[u8], size: usize) -> (Vec<u8>, Vec<String>) {
    let mut reader = Reader::new(role);
    let (mut data, mut told) = (Vec::new(), Vec::new());
    let mut bytes = bytes.to_vec();
    for piece in bytes.chunks_mut(size) {
        let mut rest = piece;
        while !rest.is_empty() {
            let step = match reader.step(rest) {
                Ok(step) => step,
                Err(misdeed) => {
                    assert!(misdeed.text().len() <= limits::CLOSE_REASON);
                    told.push(format!("{misdeed:?} after {}", data.len()));
                    return (data, told);
                }
            };
            assert!(step.taken >= 1 && step.taken <= rest.len());
            let (taken, tail) = rest.split_at_mut(step.taken);
            rest = tail;
            match step.event {
                Event::Data => data.extend_from_slice(taken),
                Event::Nothing => {}
                Event::Close => {
                    told.push(format!("{:?}", Close::parse(reader.control())));
                    return (data, told);
                }
                other => told.push(format!("{other:?} {:?} after {}", reader.control(), data.len())),
            }
        }
    }
    (data, told)
}

/// The first byte is the size of pieces: frames come out the same however they are cut, and a message that decodes
/// is the same after encoding and decoding again.
pub fn frame_message(data: &[u8]) {
    let [size, stream @ ..] = data else {
        return;
    };
    let (mut frames, mut lane) = (Frames::new(), Lane::new());
    let mut at = 0;
    for mut piece in stream.chunks(usize::from(*size).max(1)) {
        let mut same = piece;
        loop {
            let taken = lane.push(&mut same);
            let Ok(next) = frames.next(&mut piece) else {
                assert!(taken.is_err());
                return;
            };
            assert_eq!(taken, Ok(next.is_some()));
            let Some(message) = next else {
                break;
            };
            let rest = stream.get(at..).unwrap_or_default();
            assert_eq!(frame::split(rest), Ok(Split::Whole(message.len())));
            at += limits::LENGTH_PREFIX + message.len();
            assert_eq!(lane.message(), message);
            check_message(message);
            lane.discard();
        }
    }
}

fn check_message(bytes: &[u8]) {
    let Ok(view) = View::decode(bytes) else {
        return;
    };
    assert!(view.payload.len() <= limits::PAYLOAD && view.service_id.len() <= limits::SERVICE_ID);
    assert_eq!(view.available_service_ids().count(), view.available);
    let message = Message::decode(bytes);
    let mut again = Vec::new();
    if let Ok(message) = &message {
        message.encode(&mut again);
    }
    assert_eq!(Message::decode(&again).ok(), message.ok().filter(|_| !again.is_empty()));
}

/// A list of operations, four bytes each: who does what, a stream id, a service and a connection id. The relay sends
/// nothing to who is not there, forwards only between two that are, and never gives the destination a stream id
/// twice.
pub fn relay(data: &[u8]) {
    let services = ["SSH", "VNC"];
    let mut relay = Relay::new(&services, 1);
    let mut last_id = 0;
    for operation in data.chunks_exact(4) {
        let [what, stream_id, service, connection_id] = operation else {
            return;
        };
        let side = if what % 2 == 0 { Side::Source } else { Side::Destination };
        match what / 2 % 16 {
            0 => relay.leave(side),
            1 => relay.join(side, Version::V1),
            2 => relay.join(side, Version::V2),
            3 => relay.join(side, Version::V3),
            kind if relay.is_connected(side) => {
                let service = ["", "SSH", "VNC", "FTP"].get(usize::from(service % 4)).unwrap_or(&"");
                let kind = match kind {
                    4 => Type::Unknown,
                    5 | 6 => Type::StreamStart,
                    7 | 8 => Type::StreamReset,
                    9 => Type::ServiceIds,
                    10 => Type::ConnectionStart,
                    11 => Type::ConnectionReset,
                    12 => Type::Other(8),
                    _ => Type::Data,
                };
                let message = Message::of_stream(kind, (*stream_id).into(), service, (*connection_id).into());
                judge(&mut relay, side, &message, &mut last_id);
            }
            _ => {}
        }
        while let Some(tell) = relay.poll() {
            assert!(relay.is_connected(tell.to) && tell.queue < relay.queues());
            assert!(matches!(tell.message.kind, Type::StreamReset | Type::ServiceIds));
        }
    }
}

fn judge(relay: &mut Relay, from: Side, message: &Message, last_id: &mut u32) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    match relay.judge(from, &bytes) {
        Verdict::Forward { stream_id, stream_id_at: (at, len), queue } => {
            assert!(relay.is_connected(from.other()) && queue < relay.queues());
            assert!(stream_id > 0 && stream_id < limits::STREAM_ID_END);
            assert!(len > 0 && at + len <= bytes.len());
            if message.kind == Type::StreamStart {
                assert!(stream_id > *last_id, "a stream id is used twice");
                *last_id = stream_id;
            }
        }
        Verdict::Refuse(why) => {
            assert!(why.close().1.len() <= limits::CLOSE_REASON);
            relay.leave(from);
        }
        Verdict::Drop | Verdict::Answered => {}
    }
}

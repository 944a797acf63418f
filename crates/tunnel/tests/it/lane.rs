use adit_tunnel::frame;
use adit_tunnel::lane::{self, Lane};
use adit_tunnel::message::{Message, Misdeed, Type, View};
use adit_tunnel::websocket::Header;
use proptest::collection::vec;
use proptest::prelude::*;

/// Whole WebSocket messages, each holding exactly one tunnel frame.
fn sent(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let (header, len) = Header::parse(bytes).unwrap().unwrap();
        assert!(header.last && header.mask.is_none());
        let payload = &bytes[len..len + header.payload];
        assert_eq!(frame::split(payload), Ok(frame::Split::Whole(payload.len() - 2)));
        messages.push(Message::decode(&payload[2..]).unwrap());
        bytes = &bytes[len + header.payload..];
    }
    messages
}

fn stream(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(messages.iter().all(|message| frame::put(&mut bytes, message)));
    bytes
}

fn data(stream_id: u32, len: usize) -> Message {
    Message { payload: vec![0x61; len], ..Message::of_stream(Type::Data, stream_id, "SSH", 1) }
}

#[derive(Clone, Debug)]
enum Step {
    Feed(usize),
    Write(usize),
    Tell,
    ReceiverLeft,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..400).prop_map(Step::Feed),
        2 => (1usize..600).prop_map(Step::Write),
        1 => Just(Step::Tell),
        1 => Just(Step::ReceiverLeft),
    ]
}

proptest! {
    /// Whatever the pieces, the receiver gets whole messages with new ids, in order, nothing lost or made up while it
    /// is there; the server's own messages lie between them.
    #[test]
    fn a_lane_delivers_what_was_forwarded(
        messages in vec((1u32..1 << 28, 0usize..500, 0u32..1 << 28), 1..20),
        steps in vec(steps(), 0..200),
    ) {
        let input = stream(&messages.iter().map(|(id, len, _)| data(*id, *len)).collect::<Vec<_>>());
        let mut rest = input.as_slice();
        let mut fates = messages.iter();
        let mut lane = Lane::new();
        let mut expected = Vec::new();
        let mut written: Vec<u8> = Vec::new();
        for step in steps.into_iter().chain([Step::Feed(usize::MAX), Step::Write(usize::MAX)]) {
            match step {
                Step::Feed(len) => {
                    let (mut piece, tail) = rest.split_at(len.min(rest.len()));
                    rest = tail;
                    while lane.push(&mut piece).unwrap() {
                        let (_, len, new) = fates.next().unwrap();
                        let at = View::decode(lane.message()).unwrap().stream_id_at;
                        if *new == 0 {
                            lane.discard();
                        } else {
                            let len_before = lane.waiting().len();
                            let sent = lane.forward(*new, at);
                            prop_assert_eq!(lane.waiting().len(), len_before + sent);
                            expected.push(data(*new, *len));
                        }
                    }
                }
                Step::Write(len) => {
                    let len = len.min(lane.waiting().len());
                    written.extend_from_slice(&lane.waiting()[..len]);
                    lane.advance(len);
                }
                Step::Tell => {
                    let reset = Message::of_stream(Type::StreamReset, 3, "", 0);
                    lane.tell(&reset);
                    expected.push(reset);
                }
                Step::ReceiverLeft => {
                    lane.receiver_left();
                    expected.clear();
                    written.clear();
                }
            }
        }
        prop_assert!(fates.next().is_none());
        prop_assert_eq!(sent(&written), expected);
        lane.release();
        prop_assert_eq!(lane.held(), 0);
    }
}

#[test]
fn a_stream_id_that_grows_and_shrinks_across_header_sizes() {
    for len in [0, 90, 100, 105, 110, 112, 115, 118, 120, 64_512] {
        for (old, new) in [(1, (1 << 28) - 1), ((1 << 28) - 1, 1), (1, 1), (127, 128)] {
            let mut lane = Lane::new();
            for _ in 0..3 {
                let bytes = stream(&[data(old, len)]);
                assert_eq!(lane.push(&mut bytes.as_slice()), Ok(true));
                let at = View::decode(lane.message()).unwrap().stream_id_at;
                lane.forward(new, at);
            }
            assert_eq!(sent(lane.waiting()), vec![data(new, len); 3], "{len} bytes, {old} becomes {new}");
        }
    }
}

#[test]
fn a_sender_that_leaves_takes_its_incomplete_frame_along() {
    let mut lane = Lane::new();
    let bytes = stream(&[data(1, 10), data(1, 20)]);
    let mut input = &bytes[..30];
    assert_eq!(lane.push(&mut input), Ok(true));
    let at = View::decode(lane.message()).unwrap().stream_id_at;
    lane.forward(7, at);
    assert_eq!(lane.push(&mut input), Ok(false));
    lane.sender_left();
    let bytes = stream(&[data(2, 5)]);
    assert_eq!(lane.push(&mut &bytes[..1]), Ok(false));
    lane.sender_left();
    assert_eq!(lane.push(&mut bytes.as_slice()), Ok(true));
    assert_eq!(Message::decode(lane.message()), Ok(data(2, 5)));
    lane.discard();
    assert_eq!(sent(lane.waiting()), [data(7, 10)]);
}

#[test]
fn a_message_can_be_taken_back_to_queue_elsewhere() {
    let mut lane = Lane::new();
    lane.pong(b"1763800000000");
    let before = lane.waiting().to_vec();
    let bytes = stream(&[data(1, 10)]);
    assert_eq!(lane.push(&mut bytes.as_slice()), Ok(true));
    let at = View::decode(lane.message()).unwrap().stream_id_at;
    let len = lane.forward(7, at);
    assert_eq!(sent(lane.last(len)), [data(7, 10)]);
    lane.take_back(len);
    assert_eq!(lane.waiting(), before);
}

#[test]
fn a_length_of_zero_is_refused_wherever_it_is_cut() {
    for cut in 0..=2 {
        let (mut front, mut back) = [0u8, 0].split_at(cut);
        let mut lane = Lane::new();
        let told = lane.push(&mut front).and_then(|_| lane.push(&mut back));
        assert_eq!(told, Err(Misdeed::Empty));
    }
}

#[test]
fn the_servers_own_messages_are_one_websocket_message_each() {
    let bytes = lane::encode(&Message::announcing(&["SSH"]));
    assert_eq!(crate::hex::text_of(&bytes), "8209000708053203535348");
}

//! Two clients, a relay between them and links that break at any moment, against a model that only says what must hold:
//! no byte of a stream is lost while both links hold, none is made up, none comes twice or out of order, and none
//! ever reaches another stream than the one it was sent in.

use adit_tunnel::frame::{self, Frames};
use adit_tunnel::lane::{self, Lane};
use adit_tunnel::message::{Message, Type};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::websocket::{Event, Reader, Role};
use adit_tunnel::{Side, Version};
use proptest::collection::vec;
use proptest::prelude::*;

const SERVICES: [&str; 2] = ["SSH", "VNC"];

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The source opens a stream.
    Start(usize),
    /// A side sends data in its stream of a service, if it has one.
    Data(Side, usize),
    /// A side ends its stream.
    Reset(Side, usize),
    /// Bytes travel from a client to the relay.
    Up(Side, usize),
    /// Bytes travel from the relay to a client.
    Down(Side, usize),
    /// A side's link breaks and comes back later.
    Lose(Side),
    /// A side connects; the old link, if any, is replaced. The client may have forgotten its streams.
    Join(Side, bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let side = || prop_oneof![Just(Side::Source), Just(Side::Destination)];
    prop_oneof![
        3 => (0..2usize).prop_map(Step::Start),
        8 => (side(), 0..2usize).prop_map(|(side, service)| Step::Data(side, service)),
        1 => (side(), 0..2usize).prop_map(|(side, service)| Step::Reset(side, service)),
        8 => (side(), 1..60usize).prop_map(|(side, len)| Step::Up(side, len)),
        8 => (side(), 1..60usize).prop_map(|(side, len)| Step::Down(side, len)),
        1 => side().prop_map(Step::Lose),
        2 => (side(), any::<bool>()).prop_map(|(side, forget)| Step::Join(side, forget)),
    ]
}

/// A client's stream of one service. The tag is unique in a run and travels in the start's payload.
#[derive(Clone, Debug)]
struct Stream {
    id: u32,
    tag: u32,
    sent: u32,
    received: u32,
}

struct Client {
    side: Side,
    connected: bool,
    next_id: u32,
    streams: [Option<Stream>; 2],
    /// On their way to the relay, and from it.
    up: Vec<u8>,
    down: Vec<u8>,
    reader: Reader,
    frames: Frames,
    announced: bool,
}

impl Client {
    fn new(side: Side) -> Client {
        Client {
            side,
            connected: false,
            next_id: 1,
            streams: [None, None],
            up: Vec::new(),
            down: Vec::new(),
            reader: Reader::new(Role::Client),
            frames: Frames::new(),
            announced: false,
        }
    }

    fn send(&mut self, kind: Type, service: usize, id: u32, payload: Vec<u8>) {
        let message = Message { payload, ..Message::of_stream(kind, id, SERVICES[service], 1) };
        assert!(frame::put(&mut self.up, &message));
    }

    fn receive(&mut self, len: usize) {
        let mut bytes: Vec<u8> = self.down.drain(..len).collect();
        let mut rest = bytes.as_mut_slice();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let step = self.reader.step(rest).unwrap();
            if step.event == Event::Data {
                let mut piece = &rest[..step.taken];
                while let Some(message) = self.frames.next(&mut piece).unwrap() {
                    messages.push(Message::decode(message).unwrap());
                }
            }
            rest = &mut rest[step.taken..];
        }
        messages.iter().for_each(|message| self.take(message));
    }

    fn take(&mut self, message: &Message) {
        if message.kind == Type::ServiceIds {
            assert!(!self.announced, "services are announced once");
            self.announced = true;
            return;
        }
        assert!(self.announced, "services come first");
        let service = SERVICES.iter().position(|id| *id == message.service_id).unwrap();
        let word = |at: usize| u32::from_be_bytes(message.payload[at..at + 4].try_into().unwrap());
        match message.kind {
            Type::StreamStart => {
                assert_eq!(self.side, Side::Destination);
                let stream = Stream { id: message.stream_id, tag: word(0), sent: 0, received: 0 };
                self.streams[service] = Some(stream);
            }
            Type::StreamReset => {
                self.streams[service].take_if(|stream| stream.id == message.stream_id);
            }
            Type::Data => {
                if let Some(stream) = &mut self.streams[service]
                    && stream.id == message.stream_id
                {
                    assert_eq!(word(0), stream.tag, "{} gets bytes of another stream", self.side);
                    assert_eq!(
                        word(4),
                        stream.received,
                        "{}: bytes lost, doubled or out of order",
                        self.side
                    );
                    stream.received += 1;
                }
            }
            other => panic!("the relay made up {other:?}"),
        }
    }
}

struct World {
    relay: Relay,
    clients: [Client; 2],
    /// By receiver.
    lanes: [Lane; 2],
    tags: u32,
}

fn of(side: Side) -> usize {
    usize::from(side == Side::Destination)
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Start(service) => {
                let client = &mut self.clients[0];
                if client.connected && client.announced {
                    self.tags += 1;
                    let (id, tag) = (client.next_id, self.tags);
                    client.next_id += 1;
                    client.streams[service] = Some(Stream { id, tag, sent: 0, received: 0 });
                    client.send(Type::StreamStart, service, id, tag.to_be_bytes().to_vec());
                }
            }
            Step::Data(side, service) => {
                let client = &mut self.clients[of(side)];
                if client.connected
                    && let Some(stream) = &mut client.streams[service]
                {
                    let payload = [stream.tag.to_be_bytes(), stream.sent.to_be_bytes()].concat();
                    stream.sent += 1;
                    let id = stream.id;
                    client.send(Type::Data, service, id, payload);
                }
            }
            Step::Reset(side, service) => {
                let client = &mut self.clients[of(side)];
                if client.connected
                    && let Some(stream) = client.streams[service].take()
                {
                    client.send(Type::StreamReset, service, stream.id, Vec::new());
                }
            }
            Step::Up(side, len) => self.up(side, len),
            Step::Down(side, len) => {
                let waiting = self.lanes[of(side)].waiting().to_vec();
                self.lanes[of(side)].advance(waiting.len());
                let client = &mut self.clients[of(side)];
                client.down.extend(waiting);
                client.receive(len.min(client.down.len()));
            }
            Step::Lose(side) => self.leave(side),
            Step::Join(side, forget) => {
                self.leave(side);
                let client = &mut self.clients[of(side)];
                client.connected = true;
                if forget || side == Side::Source {
                    client.streams = [None, None];
                    client.next_id = 1;
                }
                self.relay.join(side, Version::V3);
                self.tell();
            }
        }
    }

    fn leave(&mut self, side: Side) {
        if !self.clients[of(side)].connected {
            return;
        }
        let old = std::mem::replace(&mut self.clients[of(side)], Client::new(side));
        let client = &mut self.clients[of(side)];
        client.next_id = old.next_id;
        if side == Side::Destination {
            client.streams = old.streams;
        }
        self.lanes[of(side)].receiver_left();
        self.lanes[of(side.other())].sender_left();
        self.relay.leave(side);
        self.tell();
    }

    fn tell(&mut self) {
        while let Some(tell) = self.relay.poll() {
            self.lanes[of(tell.to)].put(&lane::encode(&tell.message));
        }
    }

    fn up(&mut self, from: Side, len: usize) {
        let client = &mut self.clients[of(from)];
        let bytes: Vec<u8> = client.up.drain(..len.min(client.up.len())).collect();
        let mut piece = bytes.as_slice();
        loop {
            let lane = &mut self.lanes[of(from.other())];
            if !lane.push(&mut piece).unwrap() {
                return;
            }
            match self.relay.judge(from, lane.message()) {
                Verdict::Forward { stream_id, stream_id_at, .. } => {
                    lane.forward(stream_id, stream_id_at);
                }
                Verdict::Drop => lane.discard(),
                Verdict::Answered => {
                    lane.discard();
                    self.tell();
                }
                // A destination that kept its streams speaks of services this relay, made anew, knows nothing of.
                Verdict::Refuse(why) => panic!("{from} is refused: {why:?}"),
            }
        }
    }

    /// Lets everything arrive, then compares what both ends believe.
    fn settle(&mut self) {
        for _ in 0..4 {
            for side in Side::BOTH {
                self.up(side, usize::MAX);
                self.step(Step::Down(side, usize::MAX));
            }
        }
        let [source, destination] = &self.clients;
        for (service, stream) in source.streams.iter().enumerate() {
            let Some(ours) = stream.as_ref().filter(|_| source.connected) else {
                continue;
            };
            let theirs = destination.streams[service].as_ref().filter(|_| destination.connected);
            let theirs = theirs.expect("a source with a stream has a destination with the same");
            assert_eq!(theirs.tag, ours.tag);
            assert_eq!((theirs.received, ours.received), (ours.sent, theirs.sent), "all bytes have arrived");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_made_up_or_delivered_to_the_wrong_stream(steps in vec(steps(), 0..250)) {
        let clients = [Client::new(Side::Source), Client::new(Side::Destination)];
        let mut world = World { relay: Relay::new(&SERVICES, 1), clients, lanes: Default::default(), tags: 0 };
        world.step(Step::Join(Side::Source, true));
        world.step(Step::Join(Side::Destination, true));
        for step in steps {
            world.step(step);
        }
        world.settle();
    }
}

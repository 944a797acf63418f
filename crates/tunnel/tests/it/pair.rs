//! Two local proxies and the relay between them, in virtual time: random steps from a seed, with links lost,
//! replaced and processes restarted at any of them.
//!
//! What must hold: a connection's bytes arrive in order, from one connection only, none made up; and what was
//! sent before an orderly end has arrived whole, unless a link was lost in between.

use std::collections::{BTreeMap, VecDeque};

use adit_tunnel::endpoint::{Endpoint, Link, Order, Settings, Wanted};
use adit_tunnel::message::{Message, Type, View};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::{Side, Version};

const SEEDS: u64 = 1500;
const STEPS: usize = 400;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

/// A local connection as its application sees it. Its payloads are its own number and a counter.
#[derive(Debug)]
struct Connection {
    number: u32,
    sent: u32,
    /// Who sends to it, and how many payloads have come.
    peer: Option<u32>,
    got: u32,
    is_up: bool,
    /// Its own application ended it, or never answered.
    has_quit: bool,
}

/// One end: the machine, its applications, and the link's two directions.
struct End {
    endpoint: Endpoint,
    settings: Settings,
    is_linked: bool,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    open: BTreeMap<Link, u32>,
}

struct World {
    dice: Dice,
    relay: Relay,
    ends: [End; 2],
    connections: BTreeMap<u32, Connection>,
    /// Connections that ended in order, and how much they had sent.
    finished: BTreeMap<u32, u32>,
    was_cut: bool,
    /// An application never answered, which may reset its whole stream.
    has_failed: bool,
    last: u32,
}

fn index(side: Side) -> usize {
    usize::from(side == Side::Destination)
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let shape = [Version::V3, Version::V3, Version::V2, Version::V1][dice.roll(4)];
        let names: &[&str] = if shape == Version::V1 { &["A"] } else { &["A", "B"] };
        let end = |side| {
            let wanted = match shape {
                Version::V1 => Wanted::Unnamed,
                _ => Wanted::Named(names.iter().map(|name| (*name).to_owned()).collect()),
            };
            let settings = Settings { side, shape, wanted, max_connections: 6 };
            let endpoint = Endpoint::new(settings.clone());
            let (up, down, open) = Default::default();
            End { endpoint, settings, is_linked: false, up, down, open }
        };
        World {
            dice,
            relay: Relay::new(names, 1),
            ends: Side::BOTH.map(end),
            connections: BTreeMap::new(),
            finished: BTreeMap::new(),
            was_cut: false,
            has_failed: false,
            last: 0,
        }
    }

    fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[index(side)]
    }

    fn open_connection(&mut self, side: Side, link: Link, is_up: bool) {
        self.last += 1;
        let number = self.last;
        self.connections
            .insert(number, Connection { number, sent: 0, peer: None, got: 0, is_up, has_quit: false });
        self.end(side).open.insert(link, number);
    }

    /// Forgets a connection; `in_order` when the local application ended it and the peer will be told.
    fn close_connection(&mut self, side: Side, link: Link, in_order: bool) {
        let number = self.end(side).open.remove(&link).expect("known");
        let connection = self.connections.get_mut(&number).unwrap();
        connection.is_up = false;
        if in_order && connection.sent > 0 {
            self.finished.insert(number, connection.sent);
        }
    }

    fn join(&mut self, side: Side) {
        self.cut(side);
        self.relay.join(side, Version::V3);
        let end = self.end(side);
        end.is_linked = true;
        end.endpoint.joined(Version::V3);
        self.settle();
    }

    /// The link is lost with all that is on its way.
    fn cut(&mut self, side: Side) {
        let end = self.end(side);
        if !std::mem::take(&mut end.is_linked) {
            return;
        }
        end.up.clear();
        end.down.clear();
        end.endpoint.left();
        self.was_cut = true;
        self.carry_out(side);
        if self.dice.roll(2) == 0 {
            self.relay.leave(side);
        }
        self.settle();
    }

    /// The process ends and is started again.
    fn restart(&mut self, side: Side) {
        self.cut(side);
        let links: Vec<Link> = self.end(side).open.keys().copied().collect();
        for link in links {
            self.close_connection(side, link, false);
        }
        let end = self.end(side);
        end.endpoint = Endpoint::new(end.settings.clone());
    }

    fn carry_out(&mut self, side: Side) {
        while let Some(order) = self.end(side).endpoint.poll() {
            match order {
                Order::Send(message) => self.send(side, &message),
                Order::Connect(link, _) => self.open_connection(side, link, false),
                Order::Close(link) => self.close_connection(side, link, false),
                Order::Ready(_) | Order::Note(_) => {}
                Order::Fail(fault) => panic!("{side}: {fault}"),
            }
        }
    }

    fn send(&mut self, side: Side, message: &Message) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let end = self.end(side);
        if end.is_linked {
            end.up.push_back(bytes);
        }
    }

    /// Takes what the relay itself has to say.
    fn settle(&mut self) {
        while let Some(tell) = self.relay.poll() {
            let mut bytes = Vec::new();
            tell.message.encode(&mut bytes);
            self.deliver(tell.to, bytes);
        }
    }

    fn deliver(&mut self, side: Side, bytes: Vec<u8>) {
        let end = self.end(side);
        if end.is_linked {
            end.down.push_back(bytes);
        }
    }

    /// One message arrives at the relay.
    fn rise(&mut self, side: Side) {
        if !self.relay.is_connected(side) {
            return;
        }
        let Some(bytes) = self.end(side).up.pop_front() else { return };
        match self.relay.judge(side, &bytes) {
            Verdict::Forward { stream_id, .. } => {
                let mut message = Message::decode(&bytes).unwrap();
                message.stream_id = stream_id;
                let mut bytes = Vec::new();
                message.encode(&mut bytes);
                self.deliver(side.other(), bytes);
            }
            Verdict::Drop | Verdict::Answered => {}
            Verdict::Refuse(why) => panic!("{side} is refused: {why:?} for {:?}", Message::decode(&bytes)),
        }
        self.settle();
    }

    /// One message arrives at a local proxy.
    fn sink(&mut self, side: Side) {
        let Some(bytes) = self.end(side).down.pop_front() else { return };
        let view = View::decode(&bytes).unwrap();
        if let Some(link) = self.end(side).endpoint.received(&view) {
            let number = self.end(side).open[&link];
            self.take(number, view.payload);
        }
        self.carry_out(side);
    }

    fn take(&mut self, number: u32, payload: &[u8]) {
        let from = u32::from_be_bytes(payload[..4].try_into().unwrap());
        let count = u32::from_be_bytes(payload[4..].try_into().unwrap());
        let connection = self.connections.get_mut(&number).unwrap();
        assert!(connection.peer.is_none_or(|peer| peer == from), "{connection:?} hears {from}");
        assert_eq!(connection.got, count, "{connection:?} misses something");
        connection.peer = Some(from);
        connection.got += 1;
        let connections = (connection.number, self.connections[&from].peer);
        assert!(connections.1.is_none_or(|peer| peer == number), "{from} talks to two");
    }

    fn some_link(&mut self, side: Side) -> Option<Link> {
        let links: Vec<Link> = self.end(side).open.keys().copied().collect();
        (!links.is_empty()).then(|| links[self.dice.roll(links.len())])
    }

    fn talk(&mut self, side: Side) {
        let Some(link) = self.some_link(side) else { return };
        let number = self.end(side).open[&link];
        if !self.connections[&number].is_up {
            return;
        }
        self.end(side).endpoint.readable(link);
        while let Some(link) = self.end(side).endpoint.next_readable() {
            let number = self.end(side).open[&link];
            let to = self.end(side).endpoint.address(link).unwrap();
            let mut message = Message::of_stream(Type::Data, to.stream_id, to.service_id, to.connection_id);
            let connection = self.connections.get_mut(&number).unwrap();
            message.payload.extend(number.to_be_bytes());
            message.payload.extend(connection.sent.to_be_bytes());
            connection.sent += 1;
            self.send(side, &message);
        }
    }

    fn hang_up(&mut self, side: Side) {
        let Some(link) = self.some_link(side) else { return };
        let number = self.end(side).open[&link];
        let is_up = self.connections[&number].is_up;
        match is_up {
            true => self.end(side).endpoint.closed(link),
            false => self.end(side).endpoint.connect_failed(link),
        }
        self.connections.get_mut(&number).unwrap().has_quit = true;
        self.has_failed |= !is_up;
        self.close_connection(side, link, is_up);
        self.carry_out(side);
    }

    fn answer(&mut self) {
        let side = Side::Destination;
        let Some(link) = self.some_link(side) else { return };
        let number = self.end(side).open[&link];
        self.connections.get_mut(&number).unwrap().is_up = true;
        self.end(side).endpoint.connected(link);
    }

    fn accept(&mut self) {
        let service = self.dice.roll(2);
        let source = self.end(Side::Source);
        if source.endpoint.may_accept(service)
            && let Some(link) = source.endpoint.accepted(service)
        {
            self.open_connection(Side::Source, link, true);
        }
        self.carry_out(Side::Source);
    }

    fn step(&mut self, is_rough: bool) {
        let side = Side::BOTH[self.dice.roll(2)];
        match self.dice.roll(100) {
            0..6 => self.accept(),
            6..24 => self.talk(side),
            24..28 => self.hang_up(side),
            28..36 => self.answer(),
            36..38 if is_rough => self.cut(side),
            38..39 if is_rough => self.restart(side),
            39..43 if is_rough || !self.end(side).is_linked => self.join(side),
            43..72 => self.rise(side),
            _ => self.sink(side),
        }
    }

    /// Lets everything on its way arrive.
    fn calm(&mut self) {
        while self.ends.iter().any(|end| !end.up.is_empty() || !end.down.is_empty()) {
            for side in Side::BOTH {
                self.rise(side);
                self.sink(side);
            }
        }
    }
}

#[test]
fn nothing_is_mixed_up_when_links_are_lost() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step(true);
        }
        for side in Side::BOTH {
            world.join(side);
        }
        world.calm();
        assert!(world.ends.iter().all(|end| end.open.is_empty()), "seed {seed}: both links are new");
    }
}

#[test]
fn nothing_is_lost_while_links_hold() {
    let mut arrived = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for side in Side::BOTH {
            world.join(side);
        }
        world.calm();
        for _ in 0..STEPS {
            world.step(false);
        }
        world.calm();
        assert!(!world.was_cut);
        for (number, sent) in &world.finished {
            let Some(peer) = world.connections.values().find(|one| one.peer == Some(*number)) else {
                continue;
            };
            let may_miss = peer.has_quit || world.has_failed;
            assert!(peer.got == *sent || may_miss, "seed {seed}: {peer:?} of {sent}");
            arrived += u32::from(peer.got == *sent);
        }
    }
    assert!(arrived > 1000, "the steps reach few ends: {arrived}");
}

//! Clients and server machines around a tiny broker, in virtual time: random steps from a seed, with links lost,
//! clients that come back before the server has noticed, and servers that restart.
//!
//! What must hold is in [`crate::model`]; here is only what happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use adit_mqtt::client::{self, Client, Event, Over};
use adit_mqtt::connection::{
    Answer, Ask, Connection, Effects, Host, Outcome, Publish, Resumed, Ticket, Verdict,
};
use adit_mqtt::packet::{RetainHandling, Wish};
use adit_mqtt::session::{Delivery, Session};
use adit_mqtt::why::Why;
use adit_mqtt::{Filter, Message, QoS, Reason, Settings, Version};

use crate::model::{Model, Name};

/// A topic nobody may publish to.
pub const FORBIDDEN: &str = "t/forbidden";

/// A topic whose messages live for a second only.
pub const FLEETING: &str = "t/fleeting";

const TOPICS: [&str; 4] = ["t/a", "t/b", FORBIDDEN, FLEETING];

/// The time at the beginning, in milliseconds.
const START: u64 = 1_700_000_000_000;

pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

/// One TCP connection as the server sees it.
struct Socket {
    machine: Connection<u64>,
    fx: Effects<u64>,
    owner: usize,
    /// Bytes on their way, to the server and to the client.
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    /// Whether the client has let go of it.
    is_cut: bool,
    is_in: bool,
    tickets: Vec<Ticket>,
}

/// One device.
struct Device {
    machine: Client<Name>,
    fx: client::Effects<Name>,
    version: Version,
    is_persistent: bool,
    socket: Option<usize>,
    published: u32,
}

/// What the broker keeps of a device.
#[derive(Default)]
struct Kept {
    session: Option<Session<u64>>,
    filters: Vec<(Filter, QoS)>,
    queue: VecDeque<(u64, Arc<Message>)>,
    socket: Option<usize>,
    /// Tokens that were handed to a machine and did not come back.
    out: BTreeSet<u64>,
}

pub struct World {
    dice: Dice,
    now: u64,
    settings: Arc<Settings>,
    devices: Vec<Device>,
    kept: Vec<Kept>,
    sockets: BTreeMap<usize, Socket>,
    opened: usize,
    tokens: u64,
    model: Model,
}

/// What the host learns during one call.
struct Taking<'a> {
    dice: &'a mut Dice,
    now: u64,
    accepted: Vec<(Message, Ticket, Verdict)>,
    denied: Vec<Message>,
}

impl Host for Taking<'_> {
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict {
        let mut message = Message::of(&publish.packet, publish.packet.topic.into(), publish.expires_at);
        if publish.packet.topic == FORBIDDEN {
            self.denied.push(message);
            return Verdict::Refused(Reason::NotAuthorized);
        }
        if publish.packet.topic == FLEETING {
            message.expires_at = Some(self.now + 1000);
        }
        let may_wait = publish.packet.qos != QoS::AtMostOnce && self.dice.roll(2) == 0;
        let verdict = if may_wait { Verdict::Pending } else { Verdict::Accepted };
        self.accepted.push((message, ticket, verdict));
        verdict
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let mut settings = if dice.roll(3) == 0 { Settings::aws() } else { Settings::standard() };
        settings.send_maximum = [1, 3, 100][dice.roll(3)];
        settings.receive_maximum = [1, 4, 100][dice.roll(3)];
        let devices: Vec<_> = (0..2 + dice.roll(2)).map(|index| Device::new(index, &mut dice)).collect();
        let model = Model::new(devices.iter().map(|device| device.is_persistent).collect());
        World {
            dice,
            now: START,
            settings: Arc::new(settings),
            kept: devices.iter().map(|_| Kept::default()).collect(),
            devices,
            sockets: BTreeMap::new(),
            opened: 0,
            tokens: 0,
            model,
        }
    }

    /// One random thing happens.
    pub fn step(&mut self) {
        let device = self.dice.roll(self.devices.len());
        match self.dice.roll(100) {
            0..30 => self.publish(device),
            30..80 => self.move_bytes(device),
            80..86 => self.settle_one(device),
            86..90 => self.pass(200),
            90 => self.pass(100_000),
            91..94 => self.cut(device),
            94 => self.say_goodbye(device),
            95 if self.dice.roll(4) == 0 => self.restart(),
            _ => self.connect(device),
        }
        self.tend();
    }

    /// Everything works again until nothing is left to do; then the books must balance.
    pub fn finish(mut self) {
        for _ in 0..60 {
            for device in 0..self.devices.len() {
                self.connect(device);
            }
            for _ in 0..40 {
                for device in 0..self.devices.len() {
                    self.move_bytes(device);
                    self.settle_one(device);
                    self.tend();
                }
            }
            self.pass(50);
        }
        for (index, device) in self.devices.iter().enumerate() {
            assert!(device.machine.is_connected(), "device {index} is not connected");
        }
        self.model.check_end();
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        for socket in self.sockets.values_mut() {
            if socket.machine.deadline().is_some_and(|(at, _)| at <= self.now) {
                socket.machine.tick(&mut socket.fx, self.now);
            }
        }
        for device in &mut self.devices {
            device.machine.tick(&mut device.fx, self.now);
        }
    }

    fn connect(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if device.socket.is_some() {
            return;
        }
        self.opened += 1;
        let machine = Connection::new(self.settings.clone(), [7; 16], self.now);
        let (up, down, tickets) = Default::default();
        let socket = Socket {
            machine,
            fx: Effects::default(),
            owner: index,
            up,
            down,
            is_cut: false,
            is_in: false,
            tickets,
        };
        self.sockets.insert(self.opened, socket);
        device.socket = Some(self.opened);
        device.machine.connect(&mut device.fx, self.now);
    }

    fn publish(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let highest = if self.settings.qos2 { 3 } else { 2 };
        let qos = QoS::of(u8::try_from(self.dice.roll(highest)).unwrap()).unwrap();
        let topic = TOPICS[self.dice.roll(TOPICS.len())];
        // A 3.1.1 client would be closed and try again for ever.
        if topic == FORBIDDEN && device.version == Version::V4 && qos != QoS::AtMostOnce {
            return;
        }
        let name = Name { publisher: index, number: device.published };
        let message = Arc::new(client::message(topic, name.to_string().as_bytes(), qos));
        if device.machine.publish(message, name, &mut device.fx, self.now).is_ok() {
            device.published += 1;
            self.model.published(name, topic, qos);
        }
    }

    /// The client's link breaks; the server does not notice at once.
    fn cut(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if let Some(socket) = device.socket.take() {
            device.machine.lost();
            if let Some(socket) = self.sockets.get_mut(&socket) {
                socket.is_cut = true;
                socket.down.clear();
                let left = self.dice.roll(socket.up.len() + 1);
                socket.up.truncate(left);
            }
        }
    }

    fn say_goodbye(&mut self, index: usize) {
        let device = &mut self.devices[index];
        device.machine.disconnect(Reason::Success, &mut device.fx);
    }

    /// The server stops and starts again with what it keeps. Nothing but the sessions survives.
    fn restart(&mut self) {
        for (id, socket) in std::mem::take(&mut self.sockets) {
            let kept = &mut self.kept[socket.owner];
            if kept.socket == Some(id) {
                kept.session = Some(socket.machine.snapshot());
                kept.socket = None;
                kept.check_flights();
            }
        }
        for device in &mut self.devices {
            device.socket = None;
            device.machine.lost();
        }
    }

    fn move_bytes(&mut self, index: usize) {
        let ids: Vec<_> =
            self.sockets.iter().filter(|(_, socket)| socket.owner == index).map(|(id, _)| *id).collect();
        for id in ids {
            let size = 1 + self.dice.roll(200);
            self.read(id, size);
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            if !socket.is_cut {
                let size = size.min(socket.down.len());
                let bytes: Vec<u8> = socket.down.drain(..size).collect();
                let device = &mut self.devices[index];
                device.machine.receive(&bytes, &mut device.fx, self.now);
            } else if self.dice.roll(4) == 0 && socket.up.is_empty() {
                socket.machine.lost(Why::Lost);
                self.end(id);
            }
        }
    }

    fn read(&mut self, id: usize, size: usize) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if !socket.machine.ready() && self.dice.roll(3) > 0 {
            return;
        }
        let size = size.min(socket.up.len());
        let bytes: Vec<u8> = socket.up.drain(..size).collect();
        let mut host =
            Taking { dice: &mut self.dice, now: self.now, accepted: Vec::new(), denied: Vec::new() };
        socket.machine.receive(&bytes, &mut host, &mut socket.fx, self.now);
        let (accepted, denied) = (host.accepted, host.denied);
        self.took(id, accepted, denied);
        self.drain(id);
    }

    /// Routes what the host accepted.
    fn took(&mut self, id: usize, accepted: Vec<(Message, Ticket, Verdict)>, denied: Vec<Message>) {
        for message in denied {
            self.model.denied(Name::of(&message.payload));
        }
        for (message, ticket, verdict) in accepted {
            if verdict == Verdict::Pending {
                self.sockets.get_mut(&id).unwrap().tickets.push(ticket);
            }
            self.route(Arc::new(message));
        }
    }

    fn route(&mut self, message: Arc<Message>) {
        let name = Name::of(&message.payload);
        self.model.accepted(name);
        for (index, kept) in self.kept.iter_mut().enumerate() {
            let matching = kept.filters.iter().filter(|(filter, _)| filter.matches(&message.topic, true));
            let Some(granted) = matching.map(|(_, qos)| *qos).max() else { continue };
            let qos = message.qos.min(granted);
            if qos == QoS::AtMostOnce {
                if let Some(socket) = kept.socket.and_then(|id| self.sockets.get_mut(&id)) {
                    let delivery = delivery(message.clone(), qos, 0);
                    let _ = socket.machine.deliver(delivery, &mut socket.fx, self.now);
                }
                continue;
            }
            self.tokens += 1;
            kept.queue.push_back((self.tokens, message.clone()));
            self.model.routed(name, index, qos, message.expires_at.is_some());
        }
    }

    /// Does what the effects of a socket ask for.
    fn drain(&mut self, id: usize) {
        loop {
            let Some(socket) = self.sockets.get_mut(&id) else { return };
            let wire = std::mem::take(&mut socket.fx.wire);
            if !socket.is_cut {
                socket.down.extend(wire);
            }
            let (owner, is_in) = (socket.owner, socket.is_in);
            for (token, outcome) in std::mem::take(&mut socket.fx.done) {
                assert!(is_in && self.kept[owner].out.remove(&token), "a token came back that was not out");
                assert_ne!(outcome, Outcome::TooLarge);
            }
            if socket.fx.close.is_some() {
                self.end(id);
                return;
            }
            let Some(ask) = socket.fx.ask.take() else { return };
            self.answer(id, ask);
        }
    }

    fn answer(&mut self, id: usize, ask: Ask) {
        let owner = self.sockets[&id].owner;
        let (ticket, answer) = match ask {
            Ask::Connect(arrival) => {
                if let Some(old) = self.kept[owner].socket {
                    let socket = self.sockets.get_mut(&old).unwrap();
                    socket.machine.kick(Why::TakenOver, &mut socket.fx);
                    self.drain(old);
                }
                let kept = &mut self.kept[owner];
                if arrival.clean_start {
                    *kept = Kept::default();
                    self.model.forgot(owner);
                }
                let filters = kept.filters.iter().map(|(filter, _)| filter.clone()).collect();
                let session = kept.session.take().map(|session| Resumed { session, filters });
                kept.socket = Some(id);
                (arrival.ticket, Answer::Connected(session))
            }
            Ask::Subscribe(ask) => {
                let kept = &mut self.kept[owner];
                for wish in &ask.wishes {
                    kept.filters.retain(|(filter, _)| *filter != wish.filter);
                    kept.filters.push((wish.filter.clone(), wish.qos));
                }
                (ask.ticket, Answer::Subscribed(ask.wishes.iter().map(|wish| wish.qos.granted()).collect()))
            }
            Ask::Unsubscribe(ask) => (ask.ticket, Answer::Refused(Reason::UnspecifiedError)),
        };
        let socket = self.sockets.get_mut(&id).unwrap();
        socket.is_in = true;
        let mut host =
            Taking { dice: &mut self.dice, now: self.now, accepted: Vec::new(), denied: Vec::new() };
        socket.machine.answer(ticket, answer, &mut host, &mut socket.fx, self.now);
        let (accepted, denied) = (host.accepted, host.denied);
        self.took(id, accepted, denied);
    }

    /// One publish that was pending gets its answer.
    fn settle_one(&mut self, index: usize) {
        let mine =
            self.sockets.iter().filter(|(_, socket)| socket.owner == index && !socket.tickets.is_empty());
        let Some(id) = mine.map(|(id, _)| *id).next() else { return };
        let socket = self.sockets.get_mut(&id).unwrap();
        let ticket = socket.tickets.swap_remove(self.dice.roll(socket.tickets.len()));
        let was_ready = socket.machine.ready();
        socket.machine.acked(ticket, Ok(()), &mut socket.fx);
        if !was_ready && socket.machine.ready() {
            self.read(id, 0);
        }
        self.drain(id);
    }

    /// The server's connection is over.
    fn end(&mut self, id: usize) {
        let mut socket = self.sockets.remove(&id).unwrap();
        let kept = &mut self.kept[socket.owner];
        for (token, _) in socket.fx.done.drain(..) {
            assert!(kept.out.remove(&token), "a token came back that was not out");
        }
        let device = &mut self.devices[socket.owner];
        if device.socket == Some(id) {
            // What was written before the end still arrives.
            let bytes: Vec<u8> = socket.down.drain(..).chain(socket.fx.wire).collect();
            device.machine.receive(&bytes, &mut device.fx, self.now);
            device.machine.lost();
            device.socket = None;
        }
        if kept.socket == Some(id) {
            kept.socket = None;
            let end = socket.machine.end().expect("it was connected");
            if end.session_expiry > 0 {
                kept.session = Some(end.session);
                kept.check_flights();
            } else {
                *kept = Kept::default();
                self.model.forgot(socket.owner);
            }
        }
    }

    /// Hands out what is queued and takes in what the devices saw.
    fn tend(&mut self) {
        for index in 0..self.devices.len() {
            self.hand_out(index);
            self.take_events(index);
        }
    }

    fn hand_out(&mut self, index: usize) {
        let Some(id) = self.kept[index].socket else { return };
        let socket = self.sockets.get_mut(&id).unwrap();
        let kept = &mut self.kept[index];
        while socket.machine.room() > 0 {
            let Some((token, message)) = kept.queue.pop_front() else { break };
            let qos = message.qos;
            kept.out.insert(token);
            assert!(socket.machine.deliver(delivery(message, qos, token), &mut socket.fx, self.now).is_ok());
        }
        self.drain(id);
    }

    fn take_events(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let mut is_over = false;
        while let Some(event) = device.fx.events.pop_front() {
            match event {
                Event::Connected(connack) => {
                    assert!(device.is_persistent || !connack.session_present);
                    let qos = if self.settings.qos2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
                    // The connection may be over already.
                    device.machine.subscribe(vec![wish("t/#", qos)], &mut device.fx, self.now);
                }
                Event::Message(received) => {
                    self.model.received(index, Name::of(&received.message.payload), &received);
                }
                Event::Published(name, reason) => self.model.confirmed(name, reason),
                Event::Subscribed(suback) => assert!(!suback.reasons[0].is_error()),
                Event::Unsubscribed(_) => panic!("nobody asked for that"),
                Event::Over(over) => {
                    assert!(!matches!(over, Over::Misdeed(_) | Over::Refused(_)), "{over:?}");
                    is_over = true;
                }
            }
        }
        let wire = std::mem::take(&mut device.fx.wire);
        if let Some(socket) = device.socket.and_then(|id| self.sockets.get_mut(&id)) {
            socket.up.extend(wire);
            socket.is_cut |= is_over;
        }
        if is_over {
            device.socket = None;
        }
    }
}

impl Kept {
    /// A session has exactly the deliveries that did not come back.
    fn check_flights(&self) {
        let flights = self.session.iter().flat_map(|session| &session.flights);
        let tokens: BTreeSet<u64> =
            flights.filter_map(|flight| Some(flight.delivery.as_ref()?.token)).collect();
        assert_eq!(tokens, self.out);
    }
}

impl Device {
    fn new(index: usize, dice: &mut Dice) -> Device {
        let version = Version::BOTH[dice.roll(2)];
        let is_persistent = dice.roll(3) > 0;
        let mut connect = client::greeting(version, &format!("device-{index}"), 60);
        connect.clean_start = !is_persistent;
        if version == Version::V5 {
            connect.properties.session_expiry = is_persistent.then_some(3600);
            connect.properties.receive_maximum = [None, Some(1), Some(5)][dice.roll(3)];
            connect.properties.topic_alias_maximum = [None, Some(1), Some(4)][dice.roll(3)];
        }
        let fx = client::Effects::default();
        Device { machine: Client::new(connect), fx, version, is_persistent, socket: None, published: 0 }
    }
}

fn delivery(message: Arc<Message>, qos: QoS, token: u64) -> Delivery<u64> {
    Delivery { message, qos, retain: false, subscription_ids: Box::default(), token }
}

fn wish(filter: &str, qos: QoS) -> Wish {
    Wish {
        filter: filter.to_owned(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Always,
    }
}

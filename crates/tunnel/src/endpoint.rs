//! The machine inside a local proxy: source or destination.
//!
//! It decides which local connection a message belongs to, numbers streams and connections, and says what is
//! to be sent, connected and closed. It holds no payload and no socket. The driver
//! 1. feeds events in (`joined`, `left`, `received`, `accepted`, `connected`, `connect_failed`, `closed`),
//! 2. after each takes [`Endpoint::poll`] until it is empty, in order,
//! 3. asks [`Endpoint::next_readable`] which local connection may send next, reads it, and wraps what it read
//!    with [`Endpoint::address`].
//!
//! spec: secure-tunneling §4.5 (meaning and numbering), §5.2 (services)

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::message::{Message, Type, View};
use crate::{Side, Version, limits};

/// One local connection, from its start to its end; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u64);

/// What the user mapped, before the server has named the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One endpoint without a service id.
    Unnamed,
    /// Exactly these services.
    Named(Vec<String>),
    /// No mapping on the command line; these services are found in files.
    FromFiles(Vec<String>),
    /// No mapping at all: a source listens on ports of the system's choice.
    Nothing,
}

/// How the machine is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which end this is.
    pub side: Side,
    /// The shape of messages: below V3 there is one connection per service at a time.
    pub shape: Version,
    /// What the user mapped.
    pub wanted: Wanted,
    /// Local connections at once, over all services.
    pub max_connections: usize,
}

/// Why the machine cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The mapping and the tunnel's services differ; the program ends.
    WrongServices,
    /// A destination without any mapping; the program ends.
    NoMapping,
    /// A destination whose files lack a service; the program ends.
    NotInFiles,
    /// A stream began before the services were announced; the link is made anew.
    StartedTooEarly,
    /// A message of type 0; the link is made anew.
    NoType,
}

impl Fault {
    /// Whether a new link may help.
    pub fn is_passing(self) -> bool {
        matches!(self, Fault::StartedTooEarly | Fault::NoType)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::WrongServices => {
                "Wrong configurations detected in local proxy. \
                 Please starts local proxy with right sets of service ids."
            }
            Fault::NoMapping => "No port mapping exists. Fail to start local proxy in destination mode.",
            Fault::NotInFiles => {
                "Not enough the service ids are found in the configuration files. Fail to start."
            }
            Fault::StartedTooEarly => {
                "Receive stream start before receiving service ids. Cannot forward data."
            }
            Fault::NoType => "A message without a type was received.",
        })
    }
}

/// How the user's mapping met the tunnel's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The mapping stands as it was given.
    AsGiven,
    /// The unnamed endpoint serves the only service.
    Adopted,
    /// Endpoints come from files, or, for a source, from the system where the files have none.
    Assigned,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send this message, in this place among the data.
    Send(Message),
    /// The services are settled for the first time ([`Endpoint::services`]): a source opens its listeners.
    Ready(Plan),
    /// Connect to the application of the service with this index.
    Connect(Link, usize),
    /// Write what is held for this connection, then close it.
    Close(Link),
    /// Stop with this fault.
    Fail(Fault),
    /// Something the log may say.
    Note(Note),
}

/// Remarkable, but no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A stream began for a service without mapping; it was reset.
    NoSuchService(String),
    /// A connection was reset because so many are open already.
    TooMany,
    /// The server ended all streams.
    SessionReset,
    /// A message type this side does not expect; it was skipped.
    Unexpected(Type),
}

/// Where the bytes of a connection go: stream, service and connection id; 0 and empty are left out on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The active stream of the service.
    pub stream_id: u32,
    /// The service, or empty.
    pub service_id: &'a str,
    /// The connection, or 0.
    pub connection_id: u32,
}

/// The machine of one end.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    services: Vec<Service>,
    links: BTreeMap<Link, Seat>,
    last_link: u64,
    announced: bool,
    turn: usize,
    orders: VecDeque<Order>,
}

#[derive(Debug, Default)]
struct Service {
    id: String,
    stream: Option<Stream>,
    last_stream: u32,
    connections: BTreeMap<u32, Link>,
    readable: VecDeque<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    id: u32,
    named: bool,
    numbered: bool,
    last_connection: u32,
}

/// A link's place in the tables.
#[derive(Clone, Copy, Debug)]
struct Seat {
    service: usize,
    connection: u32,
    connected: bool,
    queued: bool,
}

impl Endpoint {
    /// A machine without a link to the server.
    pub fn new(settings: Settings) -> Endpoint {
        Endpoint {
            settings,
            services: Vec::new(),
            links: BTreeMap::new(),
            last_link: 0,
            announced: false,
            turn: 0,
            orders: VecDeque::new(),
        }
    }

    /// A link to the server is up, on a subprotocol that does or does not announce services. Stream ids go on
    /// where they were, so that nothing late from before can be taken for something new.
    pub fn joined(&mut self, subprotocol: Version) {
        if !subprotocol.announces_services() {
            self.announce(&[]);
        }
    }

    /// The link to the server is gone: every local connection is closed.
    pub fn left(&mut self) {
        self.announced = false;
        self.end_all();
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The service ids in the order of the driver's tables, once settled. An anonymous one is empty.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &str> {
        self.services.iter().map(|service| service.id.as_str())
    }

    /// Local connections that are open.
    pub fn connections(&self) -> usize {
        self.links.len()
    }

    /// Takes one message from the server. Returns the connection that its payload is for, if any.
    pub fn received(&mut self, message: &View<'_>) -> Option<Link> {
        match message.kind {
            Type::Data => return self.data(message),
            Type::StreamStart => self.stream_start(message),
            Type::StreamReset => self.stream_reset(message),
            Type::SessionReset => {
                self.note(Note::SessionReset);
                self.end_all();
            }
            Type::ServiceIds => {
                let ids: Vec<&str> = message.available_service_ids().collect();
                self.announce(&ids);
            }
            Type::ConnectionStart => self.connection_start(message),
            Type::ConnectionReset => self.connection_reset(message),
            Type::Unknown => self.orders.push_back(Order::Fail(Fault::NoType)),
            Type::Other(_) => self.note(Note::Unexpected(message.kind)),
        }
        None
    }

    /// Whether a source wants another local connection for this service now. Below V3 a service has one at a
    /// time; others wait in the listen queue.
    pub fn may_accept(&self, service: usize) -> bool {
        self.announced
            && self
                .services
                .get(service)
                .is_some_and(|service| self.settings.shape == Version::V3 || service.connections.is_empty())
    }

    /// A local connection was accepted. `None` refuses it: there is no link, or too many are open.
    pub fn accepted(&mut self, index: usize) -> Option<Link> {
        if !self.may_accept(index) || self.links.len() >= self.settings.max_connections {
            self.note(Note::TooMany);
            return None;
        }
        let shape = self.settings.shape;
        let service = self.services.get_mut(index)?;
        let (kind, connection) = match service.stream.as_mut().filter(|stream| stream.numbered) {
            Some(stream) => {
                stream.last_connection = next_connection(stream.last_connection, &service.connections)?;
                (Type::ConnectionStart, stream.last_connection)
            }
            None => {
                service.last_stream = next_stream(service.last_stream);
                service.stream = Some(Stream {
                    id: service.last_stream,
                    named: shape > Version::V1 && !service.id.is_empty(),
                    numbered: shape == Version::V3,
                    last_connection: 1,
                });
                (Type::StreamStart, 1)
            }
        };
        let link = self.seat(index, connection, true);
        self.send(index, kind, connection);
        Some(link)
    }

    /// The application of a destination took the connection.
    pub fn connected(&mut self, link: Link) {
        if let Some(seat) = self.links.get_mut(&link) {
            seat.connected = true;
        }
    }

    /// The application of a destination cannot be reached. When it serves nobody else in this stream, the
    /// stream is reset; else the connection.
    pub fn connect_failed(&mut self, link: Link) {
        let Some(seat) = self.links.get(&link).copied() else { return };
        let in_use = self.links.values().any(|other| other.service == seat.service && other.connected);
        if in_use {
            return self.closed(link);
        }
        self.send(seat.service, Type::StreamReset, seat.connection);
        self.unseat(link);
        self.end_stream(seat.service);
    }

    /// The local connection has ended, by end of file or error; the driver forgets it.
    pub fn closed(&mut self, link: Link) {
        let Some(seat) = self.links.get(&link).copied() else { return };
        let numbered = self.stream(seat.service).is_some_and(|stream| stream.numbered);
        let kind = if numbered { Type::ConnectionReset } else { Type::StreamReset };
        self.send(seat.service, kind, seat.connection);
        self.unseat(link);
        if !numbered {
            self.end_stream(seat.service);
        }
    }

    /// The local connection has bytes to read. Once per turn: [`Endpoint::next_readable`] forgets it again.
    pub fn readable(&mut self, link: Link) {
        if let Some(seat) = self.links.get_mut(&link)
            && !seat.queued
            && let Some(service) = self.services.get_mut(seat.service)
        {
            seat.queued = true;
            service.readable.push_back(link);
        }
    }

    /// The connection that may send next: services take turns, and so do the connections of a service.
    pub fn next_readable(&mut self) -> Option<Link> {
        for _ in 0..self.services.len() {
            let index = self.turn;
            self.turn = (index + 1) % self.services.len();
            if let Some(link) = self.services.get_mut(index).and_then(|one| one.readable.pop_front()) {
                if let Some(seat) = self.links.get_mut(&link) {
                    seat.queued = false;
                }
                return Some(link);
            }
        }
        None
    }

    /// Where the bytes of a connection go; `None` once it has ended.
    pub fn address(&self, link: Link) -> Option<Address<'_>> {
        let seat = self.links.get(&link)?;
        self.address_in(seat.service, seat.connection)
    }

    fn address_in(&self, index: usize, connection: u32) -> Option<Address<'_>> {
        let service = self.services.get(index)?;
        let stream = service.stream?;
        Some(Address {
            stream_id: stream.id,
            service_id: if stream.named { &service.id } else { "" },
            connection_id: if stream.numbered { connection } else { 0 },
        })
    }

    fn stream(&self, index: usize) -> Option<Stream> {
        self.services.get(index).and_then(|service| service.stream)
    }

    fn note(&mut self, note: Note) {
        self.orders.push_back(Order::Note(note));
    }

    fn send(&mut self, index: usize, kind: Type, connection: u32) {
        if let Some(to) = self.address_in(index, connection) {
            let message = Message::of_stream(kind, to.stream_id, to.service_id, to.connection_id);
            self.orders.push_back(Order::Send(message));
        }
    }

    fn reply(&mut self, kind: Type, to: &View<'_>) {
        let message = Message::of_stream(kind, to.stream_id, to.service_id, to.connection_id);
        self.orders.push_back(Order::Send(message));
    }

    fn seat(&mut self, service: usize, connection: u32, connected: bool) -> Link {
        self.last_link += 1;
        let link = Link(self.last_link);
        self.links.insert(link, Seat { service, connection, connected, queued: false });
        if let Some(service) = self.services.get_mut(service) {
            service.connections.insert(connection, link);
        }
        link
    }

    fn unseat(&mut self, link: Link) {
        if let Some(seat) = self.links.remove(&link)
            && let Some(service) = self.services.get_mut(seat.service)
        {
            service.connections.remove(&seat.connection);
            if seat.queued {
                service.readable.retain(|other| *other != link);
            }
        }
    }

    fn close(&mut self, link: Link) {
        self.unseat(link);
        self.orders.push_back(Order::Close(link));
    }

    fn end_stream(&mut self, index: usize) {
        let Some(service) = self.services.get_mut(index) else { return };
        service.stream = None;
        let links: Vec<Link> = service.connections.values().copied().collect();
        for link in links {
            self.close(link);
        }
    }

    fn end_all(&mut self) {
        for index in 0..self.services.len() {
            self.end_stream(index);
        }
    }

    /// The service a message speaks of. A message without a service id means the only service there is.
    fn resolve(&self, message: &View<'_>) -> Option<usize> {
        let exact = self.services.iter().position(|service| service.id == message.service_id);
        exact.or_else(|| (message.service_id.is_empty() && self.services.len() == 1).then_some(0))
    }

    /// The service whose active stream a message speaks of; anything else is stale.
    fn active(&self, message: &View<'_>) -> Option<(usize, Stream)> {
        let index = self.resolve(message)?;
        let stream = self.stream(index)?;
        (stream.id == message.stream_id).then_some((index, stream))
    }

    fn data(&mut self, message: &View<'_>) -> Option<Link> {
        let (index, _) = self.active(message)?;
        self.services.get(index)?.connections.get(&message.connection_id.max(1)).copied()
    }

    fn stream_reset(&mut self, message: &View<'_>) {
        if let Some((index, _)) = self.active(message) {
            self.end_stream(index);
        }
    }

    fn connection_reset(&mut self, message: &View<'_>) {
        let Some((index, stream)) = self.active(message) else { return };
        let connection = message.connection_id.max(1);
        let found = self.services.get(index).and_then(|one| one.connections.get(&connection)).copied();
        match found {
            Some(_) if !stream.numbered => self.end_stream(index),
            Some(link) => self.close(link),
            None => {}
        }
    }

    /// Whether this end takes starts at all, and the service the start is for.
    fn started(&mut self, message: &View<'_>) -> Option<usize> {
        if self.settings.side == Side::Source {
            self.note(Note::Unexpected(message.kind));
            return None;
        }
        if self.services.is_empty() && !self.announced {
            self.orders.push_back(Order::Fail(Fault::StartedTooEarly));
            return None;
        }
        let index = self.resolve(message);
        if index.is_none() {
            self.note(Note::NoSuchService(message.service_id.to_owned()));
            self.reply(Type::StreamReset, message);
        }
        index
    }

    fn stream_start(&mut self, message: &View<'_>) {
        let Some(index) = self.started(message) else { return };
        self.end_stream(index);
        if self.links.len() >= self.settings.max_connections {
            self.note(Note::TooMany);
            return self.reply(Type::StreamReset, message);
        }
        self.activate(index, message);
        self.open(index, message.connection_id.max(1));
    }

    fn activate(&mut self, index: usize, message: &View<'_>) {
        let shape = self.settings.shape;
        if let Some(service) = self.services.get_mut(index) {
            service.stream = Some(Stream {
                id: message.stream_id,
                named: !message.service_id.is_empty(),
                numbered: shape == Version::V3 && message.connection_id > 0,
                last_connection: 0,
            });
        }
    }

    fn open(&mut self, index: usize, connection: u32) {
        let link = self.seat(index, connection, false);
        self.orders.push_back(Order::Connect(link, index));
    }

    fn connection_start(&mut self, message: &View<'_>) {
        let Some(index) = self.started(message) else { return };
        let stream = self.stream(index);
        if self.settings.shape < Version::V3 || stream.is_some_and(|stream| !stream.numbered) {
            self.reply(Type::StreamReset, message);
            if self.active(message).is_some() {
                self.end_stream(index);
            }
            return;
        }
        let connection = message.connection_id.max(1);
        let is_other = stream.is_some_and(|stream| stream.id != message.stream_id);
        let in_use = self.services.get(index).is_some_and(|one| one.connections.contains_key(&connection));
        let is_full = self.links.len() >= self.settings.max_connections;
        if is_full {
            self.note(Note::TooMany);
        }
        if is_other || in_use || is_full {
            return self.reply(Type::ConnectionReset, message);
        }
        if stream.is_none() {
            self.activate(index, message);
        }
        self.open(index, connection);
    }

    /// Meets the tunnel's services with the user's mapping, once; later announcements change nothing.
    fn announce(&mut self, ids: &[&str]) {
        self.announced = true;
        if !self.services.is_empty() {
            return;
        }
        let mut unique: Vec<&str> = Vec::new();
        for id in ids {
            if !unique.contains(id) && unique.len() < limits::SERVICES {
                unique.push(id);
            }
        }
        match settle(&self.settings, &unique) {
            Ok((plan, services)) => {
                self.services = services.into_iter().map(|id| Service { id, ..Service::default() }).collect();
                self.orders.push_back(Order::Ready(plan));
            }
            Err(fault) => {
                self.announced = false;
                self.orders.push_back(Order::Fail(fault));
            }
        }
    }
}

fn next_stream(last: u32) -> u32 {
    if last + 1 >= limits::STREAM_ID_END { 1 } else { last + 1 }
}

/// The next connection id of a stream; after the last one the smallest free one above 1.
fn next_connection(last: u32, used: &BTreeMap<u32, Link>) -> Option<u32> {
    let fresh = (last + 1..limits::STREAM_ID_END).chain(2..limits::STREAM_ID_END);
    fresh.into_iter().find(|id| !used.contains_key(id))
}

/// The table of spec: secure-tunneling §5.2.
fn settle(settings: &Settings, ids: &[&str]) -> Result<(Plan, Vec<String>), Fault> {
    let announced = || match ids {
        [] => vec![String::new()],
        ids => ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let (plan, services) = match &settings.wanted {
        Wanted::Unnamed => match ids {
            [only] => (Plan::Adopted, vec![(*only).to_owned()]),
            _ => (Plan::AsGiven, vec![String::new()]),
        },
        Wanted::Named(names) => {
            let known = names.len() == ids.len() && names.iter().all(|name| ids.contains(&name.as_str()));
            if !known {
                return Err(Fault::WrongServices);
            }
            (Plan::AsGiven, names.clone())
        }
        Wanted::FromFiles(known) => {
            let missing = ids.iter().any(|id| !known.iter().any(|name| name == id));
            if settings.side == Side::Destination && (missing || ids.is_empty()) {
                return Err(Fault::NotInFiles);
            }
            (Plan::Assigned, announced())
        }
        Wanted::Nothing if settings.side == Side::Destination => return Err(Fault::NoMapping),
        Wanted::Nothing => (Plan::Assigned, announced()),
    };
    if settings.shape == Version::V1 && services.len() > 1 {
        return Err(Fault::WrongServices);
    }
    Ok((plan, services))
}

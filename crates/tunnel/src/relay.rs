//! The machine for one open tunnel on the server: who is connected, which streams are open, and what each
//! message may do.
//!
//! The driver tells it who comes ([`Relay::join`]) and goes ([`Relay::leave`]) and shows it every message
//! ([`Relay::judge`]); after each of the three it takes [`Relay::poll`] until that is empty and sends what
//! comes out, in order, behind what was forwarded before. Nothing here waits, fails or knows a socket.
//!
//! Stream ids are translated: the destination sees ids this tunnel has never used before, so that nothing a
//! destination says about an old stream can reach a new one (spec: secure-tunneling §4.7).

use std::collections::VecDeque;

use crate::limits;
use crate::message::{Message, Type, View};
use crate::streams::{Active, Streams};
use crate::why::Why;
use crate::{Side, Version};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it to the other side with its stream id replaced.
    Forward {
        /// The id the other side knows the stream by; below [`limits::STREAM_ID_END`] towards the destination.
        stream_id: u32,
        /// Where the value to replace lies in the message: offset and length.
        stream_id_at: (usize, usize),
        /// The service's queue: 0 for none, then the services in order.
        queue: usize,
    },
    /// Forget it: a stale stream, or an unknown type marked ignorable.
    Drop,
    /// Forget it; the sender is told by what [`Relay::poll`] returns, as the other side is not there.
    Answered,
    /// Close the sender's connection, then call [`Relay::leave`].
    Refuse(Why),
}

/// A message of the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// Who is to receive it.
    pub to: Side,
    /// The service's queue, behind which it belongs; as in [`Verdict::Forward`].
    pub queue: usize,
    /// What to send.
    pub message: Message,
}

/// Whether messages name a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Nameless,
    Named,
}

impl Shape {
    fn of(service_id: &str) -> Shape {
        if service_id.is_empty() { Shape::Nameless } else { Shape::Named }
    }
}

/// One open tunnel. An open stream implies that both sides are connected.
#[derive(Debug)]
pub struct Relay {
    streams: Streams,
    source: Option<Version>,
    destination: Option<Version>,
    source_shape: Option<Shape>,
    outbox: VecDeque<Tell>,
}

impl Relay {
    /// A tunnel nobody is connected to, with the services it was opened with, in order; at most
    /// [`limits::SERVICES`] are used.
    ///
    /// `first_stream_id` is the first id towards the destination. It must be above all ids ever used in this tunnel: a
    /// destination that lost its connection may still hold a stream with such an id.
    pub fn new(services: &[impl AsRef<str>], first_stream_id: u32) -> Relay {
        let services = services.iter().map(AsRef::as_ref).take(limits::SERVICES);
        Relay {
            streams: Streams::new(services, first_stream_id),
            source: None,
            destination: None,
            source_shape: None,
            outbox: VecDeque::new(),
        }
    }

    /// How many queues [`Verdict::Forward`] and [`Tell`] may name.
    pub fn queues(&self) -> usize {
        self.streams.len()
    }

    /// The id the next stream gets; hand it to [`Relay::new`] when the tunnel is taken up again.
    pub fn next_stream_id(&self) -> u32 {
        self.streams.next_id()
    }

    /// Whether a side is connected.
    pub fn is_connected(&self, side: Side) -> bool {
        match side {
            Side::Source => self.source.is_some(),
            Side::Destination => self.destination.is_some(),
        }
    }

    /// A connection of `side` was accepted. When one was there already it is replaced: close the old one with
    /// [`Why::Replaced`] before sending anything to the new one. spec: secure-tunneling §4.7 step 1
    pub fn join(&mut self, side: Side, version: Version) {
        if self.is_connected(side) {
            self.leave(side);
        }
        *self.slot(side) = Some(version);
        if version.announces_services() {
            let services: Vec<&str> = self.streams.services().collect();
            self.outbox.push_back(Tell { to: side, queue: 0, message: Message::announcing(&services) });
        }
    }

    /// The connection of `side` has ended, for whatever reason. spec: secure-tunneling §4.7 step 3
    pub fn leave(&mut self, side: Side) {
        *self.slot(side) = None;
        if side == Side::Source {
            self.source_shape = None;
        }
        self.outbox.retain(|tell| tell.to != side);
        let survivor = side.other();
        for (queue, service_id, active) in self.streams.end_all() {
            let message = reset(survivor, service_id, active);
            self.outbox.push_back(Tell { to: survivor, queue, message });
        }
    }

    /// Judges one whole message from a connected side. Allocates nothing unless the other side is absent.
    /// spec: secure-tunneling §4.6, §4.7 step 2
    pub fn judge(&mut self, from: Side, message: &[u8]) -> Verdict {
        match self.try_judge(from, message) {
            Ok(verdict) => verdict,
            Err(why) => Verdict::Refuse(why),
        }
    }

    /// The next message of the server's own, if any.
    pub fn poll(&mut self) -> Option<Tell> {
        self.outbox.pop_front()
    }

    fn try_judge(&mut self, from: Side, message: &[u8]) -> Result<Verdict, Why> {
        let view = View::decode(message)?;
        let starts = match view.kind {
            Type::Unknown | Type::SessionReset | Type::ServiceIds => return Err(Why::ForbiddenType),
            Type::Other(_) if view.ignorable => return Ok(Verdict::Drop),
            Type::Other(_) => return Err(Why::UnknownType),
            Type::StreamStart | Type::ConnectionStart => true,
            Type::Data | Type::StreamReset | Type::ConnectionReset => false,
        };
        if view.available > 0 {
            return Err(Why::AnnouncedServices);
        }
        if starts && from == Side::Destination {
            return Err(Why::StartFromDestination);
        }
        if view.stream_id == 0 {
            return Err(Why::NoStreamId);
        }
        self.check_shape(from, &view)?;
        if starts { self.start(&view) } else { self.within(from, &view) }
    }

    /// spec: secure-tunneling §4.6 rule 7
    fn check_shape(&self, from: Side, view: &View<'_>) -> Result<(), Why> {
        let shape = Shape::of(view.service_id);
        match from {
            Side::Source if self.source_shape.is_some_and(|known| known != shape) => Err(Why::MixedShapes),
            Side::Source => Ok(()),
            Side::Destination => match self.streams.row_of_destination_id(view.stream_id) {
                Some(0) if shape == Shape::Named => Err(Why::MixedShapes),
                Some(1..) if shape == Shape::Nameless => Err(Why::OldDestination),
                _ => Ok(()),
            },
        }
    }

    /// A stream or a connection begins.
    fn start(&mut self, view: &View<'_>) -> Result<Verdict, Why> {
        let row = self.streams.row(view.service_id).ok_or(Why::UnknownService)?;
        self.source_shape = Some(Shape::of(view.service_id));
        if let (Type::ConnectionStart, Some(active)) = (view.kind, self.streams.active(row)) {
            return Ok(match active.source_id == view.stream_id {
                true => forward(row, active.destination_id, view),
                false => Verdict::Drop,
            });
        }
        self.streams.asked(row);
        if self.destination.is_none() {
            let message =
                Message::of_stream(Type::StreamReset, view.stream_id, view.service_id, view.connection_id);
            self.outbox.push_back(Tell { to: Side::Source, queue: row, message });
            return Ok(Verdict::Answered);
        }
        let opened = self.streams.open(row, view.stream_id, view.connection_id);
        Ok(forward(row, opened.ok_or(Why::StreamIdsUsedUp)?, view))
    }

    /// A message inside a stream: for the current one of its service, or stale.
    fn within(&mut self, from: Side, view: &View<'_>) -> Result<Verdict, Why> {
        let row = self.streams.row(view.service_id);
        let Some(row) = row.filter(|row| self.streams.ever(*row)) else {
            return if view.kind == Type::Data { Err(Why::NeverStarted) } else { Ok(Verdict::Drop) };
        };
        let Some(active) = self.streams.active(row) else {
            return Ok(Verdict::Drop);
        };
        let (own, other) = match from {
            Side::Source => (active.source_id, active.destination_id),
            Side::Destination => (active.destination_id, active.source_id),
        };
        if own != view.stream_id {
            return Ok(Verdict::Drop);
        }
        if view.kind == Type::StreamReset {
            self.streams.end(row);
        }
        Ok(forward(row, other, view))
    }

    fn slot(&mut self, side: Side) -> &mut Option<Version> {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }
}

fn forward(queue: usize, stream_id: u32, view: &View<'_>) -> Verdict {
    Verdict::Forward { stream_id, stream_id_at: view.stream_id_at, queue }
}

/// The reset for the side that is still there, in the shape of the stream's start.
fn reset(to: Side, service_id: &str, active: Active) -> Message {
    let stream_id = match to {
        Side::Source => active.source_id,
        Side::Destination => active.destination_id,
    };
    Message::of_stream(Type::StreamReset, stream_id, service_id, active.connection_id)
}

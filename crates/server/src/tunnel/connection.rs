//! One side's connection: its socket, how it is read and written, and its pace.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_tunnel::lane::Lane;
use adit_tunnel::limits;
use adit_tunnel::pace::Pace;
use adit_tunnel::queue::Queue;
use adit_tunnel::websocket::{Opcode, Reader, Role, put_control};
use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::{End, Join, Left, Link, Member, Watch};

/// Bytes that are gathered for one write while more input is at hand.
pub(super) const BATCH: usize = 64 * 1024;

/// Bytes of the server's own making (pongs, resets) that may wait for a client before it is read no more.
const OWN: usize = 4096;

/// How long a client that is not read may hear nothing: a third of the silence that ends a link.
const REASSURE: Duration = Duration::from_secs(30);

/// A connection that takes part in a tunnel.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    /// The client waits for acknowledgements, see [`Join::nagle`].
    pub(super) nagle: bool,
    pub(super) reader: Reader,
    pub(super) member: Member,
    /// When bytes came last, or when it last was not asked for any.
    pub(super) heard: Instant,
    /// When bytes were sent last.
    spoke: Instant,
    pub(super) pacer: Option<Box<Pacer>>,
    pub(super) held: Box<dyn Any + Send>,
    received: u64,
    sent: u64,
    /// Bytes of the server's own making since nothing waited.
    own: usize,
    /// Something was written since the last flush.
    dirty: bool,
    /// The last write or flush has not gone through.
    blocked: bool,
}

/// What holds back the bytes towards one client.
pub(super) struct Pacer {
    pub(super) queue: Queue,
    pace: Pace,
    /// When the message whose turn it is may go.
    pub(super) until: Option<Instant>,
}

impl<S: Link> Connection<S> {
    /// Takes the connection out of a [`Join`], with the bytes that came behind the upgrade.
    pub(super) fn new(join: Join<S>, member: Member, queues: usize, now: Instant) -> (Connection<S>, Bytes) {
        join.stream.prepare();
        let pacer = (join.rate > 0).then(|| {
            let pace = Pace::new(join.rate, now.into_std());
            Box::new(Pacer { queue: Queue::new(queues), pace, until: None })
        });
        let connection = Connection {
            stream: join.stream,
            nagle: join.nagle,
            reader: Reader::new(Role::Server),
            member,
            heard: now,
            spoke: now,
            pacer,
            held: join.held,
            received: 0,
            sent: 0,
            own: 0,
            dirty: false,
            blocked: false,
        };
        (connection, join.leftover)
    }

    /// Reads once. No bytes are the end of the connection.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        chunk: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, chunk);
        self.received += chunk.filled().len() as u64;
        result
    }

    /// Writes what waits in `lane`, and what the pace allows, until nothing is left or the socket is full.
    pub(super) fn write(
        &mut self,
        lane: &mut Lane,
        cx: &mut Context<'_>,
        now: Instant,
        watch: &dyn Watch,
    ) -> io::Result<()> {
        while !lane.waiting().is_empty() || self.refill(lane, now, watch) {
            match Pin::new(&mut self.stream).poll_write(cx, lane.waiting()) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    lane.advance(written);
                    self.sent += written as u64;
                    self.spoke = now;
                    self.dirty = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.blocked = true;
                    self.pacer.iter_mut().for_each(|pacer| pacer.until = None);
                    return Ok(());
                }
            }
        }
        self.own = 0;
        self.blocked = false;
        if self.dirty {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(result) => {
                    result?;
                    self.dirty = false;
                }
                Poll::Pending => self.blocked = true,
            }
        }
        Ok(())
    }

    /// Moves messages whose time has come from the queue to the lane. `false` when there were none.
    fn refill(&mut self, lane: &mut Lane, now: Instant, watch: &dyn Watch) -> bool {
        let Some(pacer) = &mut self.pacer else {
            return false;
        };
        let mut message = Vec::new();
        while lane.waiting().len() < BATCH
            && let Some(waiting) = pacer.queue.peek()
        {
            if waiting.paced
                && let Err(until) = pacer.pace.pass(waiting.len as usize, now.into_std())
            {
                if pacer.until.is_none() {
                    watch.paced(self.member.side);
                }
                pacer.until = Some(Instant::from_std(until));
                return !message.is_empty();
            }
            message.clear();
            pacer.queue.pop(&mut message);
            lane.put(&message);
        }
        pacer.until = None;
        !message.is_empty()
    }

    /// Lets the message just forwarded to this client wait for its turn, if its pace is limited.
    pub(super) fn hold_back(&mut self, lane: &mut Lane, len: usize, queue: usize) {
        if let Some(pacer) = &mut self.pacer {
            pacer.queue.push(queue, lane.last(len), true);
            lane.take_back(len);
        }
    }

    /// Sends frames of the server's own, behind what the service they belong to has waiting.
    pub(super) fn tell(&mut self, lane: &mut Lane, frames: &[u8], queue: usize) {
        self.own += frames.len();
        match &mut self.pacer {
            Some(pacer) if !pacer.queue.is_empty_for(queue) => pacer.queue.push(queue, frames, false),
            _ => lane.put(frames),
        }
    }

    /// Answers a ping; pongs wait for nothing but the frame in front of them.
    pub(super) fn pong(&mut self, lane: &mut Lane) {
        self.own += self.reader.control().len() + 2;
        lane.pong(self.reader.control());
    }

    /// Pings a client that is not being read and has heard nothing for long: its own pings lie behind what its
    /// peer does not take, and without a sign of life it would drop the link.
    pub(super) fn reassure(&mut self, lane: &mut Lane, now: Instant) {
        if now >= self.spoke + REASSURE {
            let mut ping = Vec::new();
            put_control(&mut ping, Opcode::Ping, b"", None);
            lane.put(&ping);
            self.spoke = now;
        }
    }

    /// When [`Connection::reassure`] is due.
    pub(super) fn reassure_at(&self) -> Instant {
        self.spoke + REASSURE
    }

    /// Whether more may be sent to this client: nothing that another read could add would be too much.
    pub(super) fn takes_more(&self, lane: &Lane, read: usize) -> bool {
        let room = self.pacer.as_ref().is_none_or(|pacer| pacer.queue.has_room(2 * read));
        !self.blocked && lane.waiting().len() < BATCH && room
    }

    /// Whether the client takes the answers to what it sends.
    pub(super) fn takes_answers(&self) -> bool {
        self.own < OWN
    }

    /// When something must happen that no socket tells.
    pub(super) fn deadline(&self, idle: Duration) -> Instant {
        let silent = self.heard + idle;
        self.pacer.as_ref().and_then(|pacer| pacer.until).map_or(silent, |until| until.min(silent))
    }

    /// How the connection went.
    pub(super) fn left(&self, end: End) -> Left {
        Left { end, received: self.received, sent: self.sent }
    }
}

/// Bytes read at once, on the stack; a TLS record holds at most 16 KiB.
pub(super) const CHUNK: usize = 32 * 1024;

const _: () = assert!(2 * CHUNK + limits::MESSAGE < limits::QUEUE, "one read always fits an empty queue");

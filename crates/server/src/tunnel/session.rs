//! The life of one tunnel while somebody is connected to it.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_iot::{Scope, TunnelId};
use adit_tunnel::lane::{self, Lane};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::websocket::{Close, Event, put_close};
use adit_tunnel::{Side, Why};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::connection::{CHUNK, Connection};
use super::farewell::Farewell;
use super::pair::Pair;
use super::{End, Join, Link, Member, Watch};

/// Reads of both sides before other tasks get a chance.
const ROUNDS: usize = 16;

/// A read of fewer bytes than this may be waited for by a sender with Nagle's algorithm on.
const SHORT: usize = 2048;

/// Memory a lane may keep until the next tidying; more than this is given back later, less at once.
const SMALL: usize = 4096;

/// How long a lane that carried much keeps its memory after the last byte.
const TIDY: Duration = Duration::from_secs(2);

/// Both connections of a tunnel, and what lies between them.
pub(super) struct Session<S> {
    relay: Relay,
    tunnel: Arc<(Scope, TunnelId)>,
    sides: Pair<Option<Connection<S>>>,
    /// By receiver.
    lanes: Pair<Lane>,
    /// Bytes handed on since the last report, by receiver.
    moved: Pair<u64>,
    watch: Arc<dyn Watch>,
    idle: Duration,
    expires: Instant,
    tidy: Option<Instant>,
}

impl<S: Link> Session<S> {
    /// A tunnel nobody has joined yet.
    pub(super) fn new(
        join: &Join<S>,
        first_stream_id: u32,
        watch: Arc<dyn Watch>,
        idle: Duration,
        now: Instant,
    ) -> Session<S> {
        Session {
            relay: Relay::new(&join.services, first_stream_id),
            tunnel: Arc::new((join.scope.clone(), join.tunnel_id.clone())),
            sides: Pair::default(),
            lanes: Pair::default(),
            moved: Pair::default(),
            watch,
            idle,
            expires: now + join.expires_in,
            tidy: None,
        }
    }

    /// Whether nobody is connected.
    pub(super) fn is_empty(&self) -> bool {
        Side::BOTH.iter().all(|side| self.sides[*side].is_none())
    }

    pub(super) fn next_stream_id(&self) -> u32 {
        self.relay.next_stream_id()
    }

    /// Lets a connection take part, in the place of one that may be there.
    pub(super) fn join(&mut self, join: Join<S>, now: Instant) {
        let (side, version) = (join.side, join.version);
        self.expires = now + join.expires_in;
        let replaced = self.sides[side].is_some();
        self.end(side, End::ByServer(Why::Replaced));
        let member = Member {
            tunnel: self.tunnel.clone(),
            side,
            link: join.link,
            channel_id: join.channel_id.as_str().into(),
        };
        let (connection, leftover) = Connection::new(join, member, self.relay.queues(), now);
        self.watch.joined(&connection.member, replaced);
        self.sides[side] = Some(connection);
        self.relay.join(side, version);
        self.tell();
        if !leftover.is_empty() {
            self.feed(side, &mut Vec::from(leftover), now);
        }
    }

    /// Moves bytes until both sides have to wait.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) {
        let mut rounds = 0;
        loop {
            let source = self.relay_from(Side::Source, cx, now);
            let destination = self.relay_from(Side::Destination, cx, now);
            if !source && !destination {
                break;
            }
            rounds += 1;
            if rounds == ROUNDS {
                cx.waker().wake_by_ref();
                break;
            }
        }
        for side in Side::BOTH {
            let moved = std::mem::take(&mut self.moved[side]);
            if moved > 0 {
                self.watch.relayed(side, moved);
            }
            if self.lanes[side].held() <= SMALL {
                self.lanes[side].release();
            } else if self.tidy.is_none() || moved > 0 {
                self.tidy = Some(now + TIDY);
            }
        }
    }

    /// When [`Session::tick`] is due at the latest.
    pub(super) fn deadline(&self) -> Instant {
        let sides = Side::BOTH.iter().filter_map(|side| Some((*side, self.sides[*side].as_ref()?)));
        sides
            .map(|(side, connection)| match self.may_read(side) {
                true => connection.deadline(self.idle),
                false => connection.deadline(self.idle).min(connection.reassure_at()),
            })
            .chain(self.tidy)
            .fold(self.expires, Instant::min)
    }

    /// Does what is due by time. `false` when the tunnel has expired.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if now >= self.expires {
            return false;
        }
        if self.tidy.is_some_and(|tidy| now >= tidy) {
            self.tidy = None;
            Side::BOTH.iter().for_each(|side| self.lanes[*side].release());
        }
        for side in Side::BOTH {
            let gated = !self.may_read(side);
            let Some(connection) = &mut self.sides[side] else {
                continue;
            };
            if gated {
                connection.reassure(&mut self.lanes[side], now);
            }
            if now >= connection.heard + self.idle {
                if gated {
                    connection.heard = now;
                } else {
                    self.end(side, End::Silent);
                }
            }
        }
        true
    }

    /// Ends both connections.
    pub(super) fn end_all(&mut self, end: End) {
        Side::BOTH.iter().for_each(|side| self.end(*side, end));
    }

    /// Reads from one side and writes to both. `true` when there may be more to do at once.
    fn relay_from(&mut self, from: Side, cx: &mut Context<'_>, now: Instant) -> bool {
        let to = from.other();
        self.write(to, cx, now);
        self.write(from, cx, now);
        let mut room = [const { MaybeUninit::uninit() }; CHUNK];
        let mut read = 0;
        while self.may_read(from) {
            let Some(connection) = &mut self.sides[from] else {
                break;
            };
            let mut chunk = ReadBuf::uninit(&mut room);
            match connection.poll_read(cx, &mut chunk) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !chunk.filled().is_empty() => {
                    connection.heard = now;
                    read += chunk.filled().len();
                    self.feed(from, chunk.filled_mut(), now);
                }
                Poll::Ready(_) => {
                    self.end(from, End::Lost);
                    return true;
                }
            }
        }
        if read == 0 {
            return false;
        }
        if let Some(connection) = &self.sides[from]
            && connection.nagle
            && read < SHORT
        {
            connection.stream.acknowledge();
        }
        self.write(to, cx, now);
        self.write(from, cx, now);
        true
    }

    /// Whether what a side sends can be passed on, or answered.
    fn may_read(&self, from: Side) -> bool {
        let to = from.other();
        let answers = self.sides[from].as_ref().is_some_and(Connection::takes_answers);
        let passed = self.sides[to].as_ref().is_none_or(|peer| peer.takes_more(&self.lanes[to], CHUNK));
        answers && passed
    }

    fn write(&mut self, side: Side, cx: &mut Context<'_>, now: Instant) {
        if let Some(connection) = &mut self.sides[side]
            && connection.write(&mut self.lanes[side], cx, now, &*self.watch).is_err()
        {
            self.end(side, End::Lost);
        }
    }

    /// Takes bytes as they came from a client.
    fn feed(&mut self, from: Side, chunk: &mut [u8], now: Instant) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let Some(connection) = &mut self.sides[from] else {
                return;
            };
            let step = match connection.reader.step(rest) {
                Ok(step) => step,
                Err(misdeed) => return self.end(from, End::ByServer(misdeed.into())),
            };
            let (taken, tail) = rest.split_at_mut(step.taken);
            rest = tail;
            match step.event {
                Event::Data => self.data(from, taken),
                Event::Ping => connection.pong(&mut self.lanes[from]),
                Event::Pong | Event::Nothing => {}
                Event::Close => {
                    let end = match Close::parse(connection.reader.control()) {
                        Ok(close) => End::ByClient(close.code),
                        Err(misdeed) => End::ByServer(misdeed.into()),
                    };
                    return self.end(from, end);
                }
            }
        }
        if let Some(connection) = &mut self.sides[from] {
            connection.heard = now;
        }
    }

    /// Takes a piece of a client's stream of messages.
    fn data(&mut self, from: Side, mut piece: &[u8]) {
        let to = from.other();
        loop {
            let lane = &mut self.lanes[to];
            match lane.push(&mut piece) {
                Ok(true) => {}
                Ok(false) => return,
                Err(misdeed) => return self.end(from, End::ByServer(misdeed.into())),
            }
            match self.relay.judge(from, lane.message()) {
                Verdict::Forward { stream_id, stream_id_at, queue } => {
                    let len = lane.forward(stream_id, stream_id_at);
                    self.moved[to] += len as u64;
                    if let Some(connection) = &mut self.sides[to] {
                        connection.hold_back(lane, len, queue);
                    }
                }
                Verdict::Drop => lane.discard(),
                Verdict::Answered => {
                    lane.discard();
                    self.tell();
                }
                Verdict::Refuse(why) => return self.end(from, End::ByServer(why)),
            }
        }
    }

    /// Passes on what the relay has to say.
    fn tell(&mut self) {
        while let Some(tell) = self.relay.poll() {
            if let Some(connection) = &mut self.sides[tell.to] {
                connection.tell(&mut self.lanes[tell.to], &lane::encode(&tell.message), tell.queue);
            }
        }
    }

    /// Ends a connection, if there is one, and tells the other side and the watch.
    fn end(&mut self, side: Side, end: End) {
        let Some(connection) = self.sides[side].take() else {
            return;
        };
        self.watch.left(&connection.member, &connection.left(end));
        let (_, tunnel_id) = &*connection.member.tunnel;
        let channel = &connection.member.channel_id;
        if let End::ByServer(why) = end
            && end.word() == "protocol-error"
        {
            tracing::info!(tunnel = %tunnel_id, %side, %channel, reason = %why, "tunnel connection refused");
        } else {
            tracing::debug!(tunnel = %tunnel_id, %side, %channel, end = end.word(), "tunnel connection over");
        }
        let last_words = match end {
            End::ByClient(code) => Some((code.unwrap_or(1000), "")),
            End::ByServer(why) => Some(why.close()),
            End::Lost | End::Silent | End::ServerEnds => None,
        };
        if let Some((code, reason)) = last_words {
            let Connection { stream, reader, held, .. } = connection;
            let mut words = self.lanes[side].waiting().to_vec();
            put_close(&mut words, code, reason, None);
            let await_answer = !matches!(end, End::ByClient(_));
            Farewell { stream, reader, words, await_answer, held }.spawn();
        }
        self.lanes[side].receiver_left();
        self.lanes[side.other()].sender_left();
        self.relay.leave(side);
        self.tell();
    }
}

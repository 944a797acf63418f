//! The task of one connection: it moves bytes between the socket and the protocol machine, and messages between the
//! machine and the broker. Everything it needs for a turn lies in memory of the thread, so an idle connection holds none.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use adit_mqtt::connection::{Answer, Arrival, Ask, Connection, Effects, Subscribe, Ticket, Unsubscribe};
use adit_mqtt::why::Why;
use adit_mqtt::{Filter, Reason};
use adit_store::Queued;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::broker::{Batch, Broker};
use super::client::{Client, Rights};
use super::connect::{Connected, KeptOut, connect};
use super::publish::Taker;
use super::slot::Parcel;
use super::subscribe::{Subscribed, subscribe, unsubscribe};
use super::{Identity, Peer, events, leave};
use crate::net::carrier::Carrier;
use crate::shutdown::Phase;
use crate::state::State;

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// Bytes written in one turn before the client has to take some.
pub(super) const WRITE: usize = 256 * 1024;
/// Turns before other tasks get a chance.
const TURNS: usize = 16;
/// Capacity that an empty mailbox may keep, in messages.
const KEPT: usize = 16;
/// How long the last bytes may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Rest when the journal is full.
const REST: u64 = 5;
/// The longest rest, so that a changed wall clock is noticed.
const LONGEST: u64 = 60_000;
/// The same before CONNECT, in milliseconds.
const LONGEST_ALONE: u64 = 1_000;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// What a turn needs, shared by all connections of a thread.
pub(super) struct Scratch {
    read: Box<[u8]>,
    pub(super) fx: Effects<i64>,
    batch: Batch,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { read: vec![0; READ].into(), fx: Effects::default(), batch: Batch::default() }
    }
}

impl Scratch {
    /// Forgets what a turn left that did not come to its end.
    fn clear(&mut self) {
        self.fx.wire.clear();
        self.fx.done.clear();
        (self.fx.ask, self.fx.close) = (None, None);
    }
}

/// Work that takes time; there is at most one of a connection.
type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What came of it.
enum Done {
    Connect(Ticket, Result<Box<Connected>, KeptOut>),
    Subscribe(Ticket, Result<Subscribed, ()>),
    Unsubscribe(Ticket, Result<(Vec<Reason>, Vec<Filter>), ()>),
    Rights(Result<Rights, ()>),
    /// A page of the queue, and how many messages had been appended when it was asked for.
    Page(Result<Vec<Queued>, ()>, Option<u64>),
}

/// One connection.
pub(super) struct Driver {
    pub(super) state: Arc<State>,
    pub(super) broker: Arc<Broker>,
    carrier: Carrier,
    pub(super) machine: Connection<i64>,
    peer: Arc<Peer>,
    link: u64,
    pub(super) client: Option<Box<Client>>,
    /// Taken out of the mailbox and not sent.
    pub(super) inbox: VecDeque<Parcel>,
    /// What the socket did not take.
    out: Vec<u8>,
    is_unflushed: bool,
    job: Option<Job>,
    alarm: Pin<Box<Sleep>>,
    /// For when the alarm is set, in milliseconds.
    alarm_at: u64,
    /// Since when publishers wait for messages that cannot be sent, in milliseconds; 0 when none does.
    pub(super) stuck: u64,
}

/// Serves a connection until it is over.
pub(super) async fn serve(state: Arc<State>, broker: Arc<Broker>, carrier: Carrier, peer: Peer) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = state.ids.bytes32();
    let uuid = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
    let hub = &broker.hub;
    let now = hub.now();
    let mut machine = Connection::new(Arc::clone(&hub.settings), uuid, now);
    if peer.newcomer.is_some() {
        machine.restrict(now);
    }
    let mut driver = Box::new(Driver {
        link: hub.key(),
        state,
        carrier,
        machine,
        peer: Arc::new(peer),
        client: None,
        inbox: VecDeque::new(),
        out: Vec::new(),
        is_unflushed: false,
        job: None,
        alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
        alarm_at: now,
        stuck: 0,
        broker,
    });
    poll_fn(|cx| driver.poll(cx)).await;
    // In a box: its room is needed for the end alone.
    Box::pin(driver.end()).await;
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            for _ in 0..TURNS {
                match self.turn(cx, scratch) {
                    Turn::Again => {}
                    Turn::Wait => return Poll::Pending,
                    Turn::Over => return Poll::Ready(()),
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Does everything that can be done now, once.
    fn turn(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Turn {
        let now = self.broker.hub.now();
        let mut moved = self.finish_job(cx, scratch, now);
        let hungry = self.hear(cx, scratch, now);
        let is_free = self.write(cx).is_ready();
        if is_free && scratch.fx.close.is_none() {
            moved |= self.refresh_rights();
            if self.may_work() {
                moved |= self.read(cx, scratch, now);
                moved |= self.deliver(&mut scratch.fx, now);
                moved |= self.fetch(hungry);
            }
        }
        self.tick(cx, scratch, now);
        self.settle(&mut scratch.fx);
        if let Some(ask) = scratch.fx.ask.take() {
            self.start(ask);
            moved = true;
        }
        self.send(cx, &mut scratch.fx.wire);
        scratch.batch.flush();
        if scratch.fx.close.take().is_some() {
            return Turn::Over;
        }
        if moved { Turn::Again } else { Turn::Wait }
    }

    /// Hands the result of the job to the machine.
    fn finish_job(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch, now: u64) -> bool {
        let Some(job) = &mut self.job else { return false };
        let Poll::Ready(done) = job.as_mut().poll(cx) else { return false };
        self.job = None;
        match done {
            Done::Connect(ticket, Ok(connected)) => self.enter(ticket, *connected, scratch, now),
            Done::Connect(ticket, Err(kept_out)) => {
                self.state.metrics.count("adit_mqtt_connects_total", "result", "refused");
                match kept_out {
                    KeptOut::Refused(reason) => self.answer(ticket, Answer::Refused(reason), scratch, now),
                    KeptOut::Dropped => self.machine.kick(Why::Dropped, &mut scratch.fx),
                }
            }
            Done::Subscribe(ticket, Ok(subscribed)) => self.subscribed(ticket, subscribed, scratch, now),
            Done::Unsubscribe(ticket, Ok((reasons, gone))) => {
                self.answer(ticket, Answer::Unsubscribed(reasons), scratch, now);
                if let Some(client) = &mut self.client
                    && !gone.is_empty()
                {
                    client.refresh_receive(&self.state);
                    events::unsubscribed(&self.broker, client, &gone);
                }
            }
            Done::Subscribe(ticket, Err(())) | Done::Unsubscribe(ticket, Err(())) => {
                self.answer(ticket, Answer::Refused(Reason::UnspecifiedError), scratch, now);
            }
            Done::Rights(Ok(rights)) => {
                if let Some(client) = &mut self.client {
                    client.take_rights(rights, &self.state);
                }
            }
            Done::Page(Ok(page), appended) => self.take_page(page, appended),
            Done::Rights(Err(())) | Done::Page(Err(()), _) => {
                self.machine.kick(Why::Internal, &mut scratch.fx);
            }
        }
        true
    }

    /// The client is in.
    fn enter(&mut self, ticket: Ticket, connected: Connected, scratch: &mut Scratch, now: u64) {
        self.state.metrics.count("adit_mqtt_connects_total", "result", "accepted");
        events::entering(&self.state, &connected.client);
        self.client = Some(Box::new(connected.client));
        self.answer(ticket, Answer::Connected(connected.resumed), scratch, now);
        if let Some(client) = &mut self.client {
            for held in &mut client.held {
                held.since = now;
            }
            events::connected(&self.broker, client);
        }
        if self.state.phases.now() == Phase::Ending {
            // It came in after everybody was told.
            self.machine.kick(Why::ShuttingDown, &mut scratch.fx);
        }
    }

    fn subscribed(&mut self, ticket: Ticket, subscribed: Subscribed, scratch: &mut Scratch, now: u64) {
        self.answer(ticket, Answer::Subscribed(subscribed.reasons), scratch, now);
        let Some(client) = &mut self.client else { return };
        if subscribed.granted.is_empty() {
            return;
        }
        client.refresh_receive(&self.state);
        // Before anything that comes from now on. spec: mqtt-gateway §5.5
        for brought in subscribed.retained {
            let kept = client.slot.stored.is_some() && brought.qos > adit_mqtt::QoS::AtMostOnce;
            let position = if kept { client.slot.lock().next_position() } else { 0 };
            self.inbox.push_back(Parcel {
                message: brought.message,
                position,
                receipt: None,
                ids: brought.id.map(|id| Arc::from([id])),
                share: None,
                direct: false,
                qos: brought.qos,
                retain: true,
            });
        }
        events::subscribed(&self.broker, client, &subscribed.granted);
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer<i64>, scratch: &mut Scratch, now: u64) {
        let mut taker = Taker {
            state: &self.state,
            broker: &self.broker,
            client: self.client.as_deref_mut(),
            batch: &mut scratch.batch,
            taken: 0,
            exactly_once: Vec::new(),
        };
        self.machine.answer(ticket, answer, &mut taker, &mut scratch.fx, now);
        let (taken, ids) = (taker.taken, taker.exactly_once);
        self.took(taken, ids);
    }

    /// What others left for this connection. Whether its queue on disk may have something.
    fn hear(&mut self, cx: &Context<'_>, scratch: &mut Scratch, now: u64) -> bool {
        let Some(client) = &self.client else {
            if self.state.phases.now() == Phase::Ending {
                self.machine.kick(Why::ShuttingDown, &mut scratch.fx);
            }
            return false;
        };
        let Some(news) = client.slot.look(self.link, cx.waker()) else {
            self.machine.kick(Why::TakenOver, &mut scratch.fx);
            return false;
        };
        let was_ready = self.machine.ready();
        for (ticket, kept) in &news.answers {
            match kept {
                true => self.machine.acked(*ticket, Ok(()), &mut scratch.fx),
                // No acknowledgement for what is not safe; the client sends it again.
                false => self.machine.kick(Why::Internal, &mut scratch.fx),
            }
        }
        if !was_ready && self.machine.ready() {
            self.receive(scratch, 0, now);
        }
        if let Some(why) = news.kick {
            self.machine.kick(why, &mut scratch.fx);
        }
        news.hungry
    }

    /// Asks for rights again when something has changed. Whether it began to: a job has to be polled once to wake us.
    fn refresh_rights(&mut self) -> bool {
        let Some(client) = self.client.as_ref().filter(|client| !client.rights.are_fresh()) else {
            return false;
        };
        let begins = self.job.is_none();
        if begins {
            let (state, peer) = (Arc::clone(&self.state), Arc::clone(&self.peer));
            let client_id = Arc::clone(&client.slot.client_id);
            self.job = Some(Box::pin(async move {
                let rights = Rights::of(&state, &peer, &client_id).await;
                Done::Rights(rights.map_err(|error| {
                    tracing::error!(%error, client_id = &*client_id, "what a client may do could not be read again");
                }))
            }));
        }
        begins
    }

    /// Whether publishes and deliveries may go on: what the client may do is known.
    fn may_work(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.rights.are_fresh())
    }

    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch, now: u64) -> bool {
        if !self.machine.ready() || self.broker.hub.journal.is_full() {
            return false;
        }
        let mut buffer = ReadBuf::new(&mut scratch.read);
        match Pin::new(&mut self.carrier).poll_read(cx, &mut buffer) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let bytes = buffer.filled().len();
                self.receive(scratch, bytes, now);
                true
            }
            Poll::Ready(_) => {
                let why = if self.carrier.client_left() { Why::Client } else { Why::Lost };
                self.machine.lost(why);
                scratch.fx.close = Some(why);
                false
            }
        }
    }

    /// Shows the machine the first `bytes` of what was read.
    fn receive(&mut self, scratch: &mut Scratch, bytes: usize, now: u64) {
        let mut taker = Taker {
            state: &self.state,
            broker: &self.broker,
            client: self.client.as_deref_mut(),
            batch: &mut scratch.batch,
            taken: 0,
            exactly_once: Vec::new(),
        };
        let read = scratch.read.get(..bytes).unwrap_or_default();
        self.machine.receive(read, &mut taker, &mut scratch.fx, now);
        let (taken, ids) = (taker.taken, taker.exactly_once);
        self.took(taken, ids);
    }

    /// Writes bytes that the socket did not take before.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut written = 0;
        while let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.carrier).poll_write(cx, rest) {
                Poll::Ready(Ok(count @ 1..)) => written += count,
                Poll::Ready(_) => return self.broken(),
                Poll::Pending => {
                    self.out.drain(..written);
                    return Poll::Pending;
                }
            }
        }
        self.out = Vec::new();
        if self.is_unflushed {
            if ready!(Pin::new(&mut self.carrier).poll_flush(cx)).is_err() {
                return self.broken();
            }
            self.is_unflushed = false;
        }
        Poll::Ready(())
    }

    /// Nothing more can be written; reading tells the end.
    fn broken(&mut self) -> Poll<()> {
        self.out = Vec::new();
        self.is_unflushed = false;
        Poll::Ready(())
    }

    /// Writes what the turn produced, straight from where it was made.
    fn send(&mut self, cx: &mut Context<'_>, wire: &mut Vec<u8>) {
        if wire.is_empty() {
            return;
        }
        self.is_unflushed = true;
        let mut written = 0;
        if self.out.is_empty() {
            while let Some(rest) = wire.get(written..).filter(|rest| !rest.is_empty()) {
                match Pin::new(&mut self.carrier).poll_write(cx, rest) {
                    Poll::Ready(Ok(count @ 1..)) => written += count,
                    Poll::Ready(_) => written = wire.len(),
                    Poll::Pending => break,
                }
            }
        }
        self.out.extend_from_slice(wire.get(written..).unwrap_or_default());
        wire.clear();
        wire.shrink_to(WRITE);
        let _ = self.write(cx);
    }

    /// Does what is due, and sees to being called for what comes next.
    fn tick(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch, now: u64) {
        loop {
            if self.machine.deadline().is_some_and(|(at, _)| at <= now) {
                self.machine.tick(&mut scratch.fx, now);
            }
            self.save_slow(now);
            if let Identity::Signed { expires, .. } = &self.peer.identity
                && u64::try_from(expires.millis()).unwrap_or(0) <= now
            {
                self.machine.kick(Why::WebSocketExpired, &mut scratch.fx);
            }
            let next = self.deadline(now);
            if next < self.alarm_at || self.alarm_at <= now {
                self.alarm_at = next.max(now + 1);
                let rest = self.broker.hub.rest(self.alarm_at - now);
                self.alarm.as_mut().reset(Instant::now() + rest);
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            self.alarm_at = 0;
        }
    }

    fn deadline(&self, now: u64) -> u64 {
        let machine = self.machine.deadline().map(|(at, _)| at);
        let expires = match &self.peer.identity {
            Identity::Signed { expires, .. } => u64::try_from(expires.millis()).ok(),
            Identity::Certificate { .. } | Identity::Plain { .. } => None,
        };
        let full = self.broker.hub.journal.is_full().then_some(now + REST);
        let known = [machine, self.slow_at(), expires, full].into_iter().flatten();
        // Before CONNECT nobody can tell the connection that the server ends.
        let longest = if self.client.is_some() { LONGEST } else { LONGEST_ALONE };
        known.min().unwrap_or(u64::MAX).min(now + longest)
    }

    /// Begins to answer a question of the machine.
    fn start(&mut self, ask: Ask) {
        let (state, broker) = (Arc::clone(&self.state), Arc::clone(&self.broker));
        self.job = Some(match ask {
            Ask::Connect(arrival) => self.connecting(state, broker, arrival),
            Ask::Subscribe(ask) => self.subscribing(state, broker, ask),
            Ask::Unsubscribe(ask) => self.unsubscribing(state, broker, ask),
        });
    }

    fn connecting(&self, state: Arc<State>, broker: Arc<Broker>, arrival: Box<Arrival>) -> Job {
        let (peer, link) = (Arc::clone(&self.peer), self.link);
        Box::pin(async move {
            let result = connect(&state, &broker, &peer, link, &arrival).await;
            Done::Connect(arrival.ticket, result)
        })
    }

    fn subscribing(&self, state: Arc<State>, broker: Arc<Broker>, ask: Box<Subscribe>) -> Job {
        let client = self.client.as_ref().map(|client| (client.rights.clone(), Arc::clone(&client.slot)));
        Box::pin(async move {
            let Some((rights, slot)) = client else { return Done::Subscribe(ask.ticket, Err(())) };
            let result = subscribe(&state, &broker, &rights, &slot, &ask).await;
            Done::Subscribe(ask.ticket, result.map_err(|error| failed(&state, &error)))
        })
    }

    fn unsubscribing(&self, state: Arc<State>, broker: Arc<Broker>, ask: Box<Unsubscribe>) -> Job {
        let slot = self.client.as_ref().map(|client| Arc::clone(&client.slot));
        Box::pin(async move {
            let Some(slot) = slot else { return Done::Unsubscribe(ask.ticket, Err(())) };
            let result = unsubscribe(&state, &broker, &slot, &ask).await;
            Done::Unsubscribe(ask.ticket, result.map_err(|error| failed(&state, &error)))
        })
    }

    /// Reads the next messages of the queue on disk, if there may be some and there is nothing else to do. Whether it
    /// began to.
    fn fetch(&mut self, hungry: bool) -> bool {
        let Some(client) = &self.client else { return false };
        let has_room = client.page.is_empty() && self.inbox.is_empty() && self.machine.room() > 0;
        if !hungry || !has_room || self.job.is_some() {
            return false;
        }
        let (state, slot, cursor) = (Arc::clone(&self.state), Arc::clone(&client.slot), client.cursor);
        self.job = Some(Box::pin(async move {
            // What is on its way to the disk may be missed by this page, and be there when the page arrives.
            let appended = slot.lock().settled();
            let page =
                state.store.queue_page(slot.stored.unwrap_or_default(), cursor, PAGE, PAGE_BYTES).await;
            Done::Page(page.map_err(|error| failed(&state, &error)), appended)
        }));
        true
    }

    /// Ends in order: what was under way is kept, the will is published, the socket is closed by the drop rule.
    async fn end(mut self: Box<Self>) {
        let _ = tokio::time::timeout(LAST_WORDS, poll_fn(|cx| self.write(cx))).await;
        let Self { state, broker, machine, client, inbox, carrier, .. } = *self;
        if let (Some(client), Some(end)) = (client, machine.end()) {
            leave::leave(&state, &broker, *client, end, inbox).await;
        }
        carrier.end().await;
    }
}

/// Messages read from the store at once.
const PAGE: usize = 200;
/// Bytes of them.
const PAGE_BYTES: usize = 1024 * 1024;

/// How a turn ended.
enum Turn {
    /// Something moved; there may be more.
    Again,
    Wait,
    Over,
}

fn failed(state: &State, error: &adit_store::Error) {
    state.metrics.count("adit_store_failures_total", "kind", "mqtt");
    tracing::error!(%error, "the store failed an MQTT connection");
}

/// Gives back what a burst needed.
pub(super) fn tidy(inbox: &mut VecDeque<Parcel>) {
    if inbox.is_empty() && inbox.capacity() > KEPT {
        drop(mem::take(inbox));
    }
}

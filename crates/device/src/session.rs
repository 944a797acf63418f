//! One link to the server, from its first byte to its last: the sockets around the protocol machine.
//!
//! A single future drives the WebSocket and all local sockets, without locks and without handing bytes from task
//! to task. Inbound, the server's bytes are unframed where they were read and written straight to the local
//! socket; only what the application does not take at once is kept, up to `HELD` bytes per connection, and then
//! the server is read no further. Outbound, local sockets take turns and are read straight into the buffer that
//! is sent; while the server does not take it, they are not read.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_tunnel::endpoint::{Endpoint, Fault, Link, Note, Order, Plan};
use adit_tunnel::envelope::Envelope;
use adit_tunnel::message::{Type, View};
use adit_tunnel::websocket::{Opcode, code};
use futures_util::future::{BoxFuture, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::bell::{Bell, Token};
use crate::config::Config;
use crate::dial::{Upgraded, Wire};
use crate::inbox::{Inbox, Item};
use crate::local::{Local, Socket, reach};
use crate::log::{Level, Log};
use crate::meter::Meter;
use crate::outbox::{self, Outbox};
use crate::services::Services;
use crate::tls;

/// Bytes held for one local application that does not read.
const HELD: usize = 256 * 1024;

/// Ended connections whose last bytes are still being written.
const ENDING: usize = 1024;

/// Reads from the server before everything else has its turn; each brings at most 16 KiB.
const READS: usize = 16;

/// Rounds over everything that is ready before the runtime gets to look for more.
const ROUNDS: usize = 8;

/// Why a session pauses or ends.
#[derive(Debug)]
pub enum Outcome {
    /// The services are known for the first time; [`Session::run`] goes on once they are settled.
    Ready(Plan),
    /// The server sent a Close frame.
    Closed,
    /// The link broke.
    Lost(String),
    /// The server sent what cannot be read.
    Broken(String),
    /// The program cannot go on.
    Fault(Fault),
}

/// What outlives a link.
pub struct Lasting {
    /// The protocol machine.
    pub endpoint: Endpoint,
    /// Endpoints and listeners.
    pub services: Services,
    /// Where ready sockets announce themselves.
    pub bell: Arc<Bell>,
    /// Ended connections, each writing its last bytes.
    pub ending: JoinSet<()>,
}

/// The driver of one link.
pub struct Session<'a> {
    config: &'a Config,
    log: Log,
    lasting: &'a mut Lasting,
    wire: Wire,
    inbox: Inbox,
    outbox: Outbox,
    is_unflushed: bool,
    locals: BTreeMap<Link, Local>,
    attempts: FuturesUnordered<BoxFuture<'static, (Link, Option<Socket>)>>,
    outcome: Option<Outcome>,
    is_paused: bool,
    heard: Instant,
    ping_at: Instant,
    timer: Pin<Box<Sleep>>,
    tokens: Vec<Token>,
}

impl<'a> Session<'a> {
    /// A session on a WebSocket that has just come up.
    pub fn new(upgraded: Upgraded, config: &'a Config, log: Log, lasting: &'a mut Lasting) -> Session<'a> {
        log.debug("Scheduled next read:");
        log.debug("Starting web socket read loop continue reading...");
        lasting.endpoint.joined(upgraded.version);
        let now = Instant::now();
        let ping_at = now + config.settings.ping_period;
        let mut seed = [0u8; 8];
        if getrandom::fill(&mut seed).is_err() {
            seed = now_millis().to_le_bytes();
        }
        Session {
            config,
            log,
            lasting,
            wire: upgraded.wire,
            inbox: Inbox::new(&upgraded.first),
            outbox: Outbox::new(u64::from_le_bytes(seed)),
            is_unflushed: false,
            locals: BTreeMap::new(),
            attempts: FuturesUnordered::new(),
            outcome: None,
            is_paused: false,
            heard: now,
            ping_at,
            timer: Box::pin(sleep_until(ping_at)),
            tokens: Vec::new(),
        }
    }

    /// Drives everything until there is something only the caller can do.
    pub async fn run(&mut self) -> Outcome {
        self.carry_out();
        poll_fn(|cx| self.turn(cx)).await
    }

    /// The services and what outlives this link.
    pub fn lasting(&mut self) -> &mut Lasting {
        self.lasting
    }

    /// Ends the session: local connections get what is held for them and are closed.
    pub fn finish(mut self) {
        self.lasting.endpoint.left();
        self.carry_out();
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.lasting.bell.wakes(cx.waker());
        for _ in 0..ROUNDS {
            let mut is_busy = self.hear(cx);
            is_busy |= self.take_attempts(cx);
            is_busy |= self.read_server(cx);
            if self.outcome.is_none() {
                is_busy |= self.read_locals();
            }
            is_busy |= self.write_server(cx);
            if let Some(outcome) = self.outcome.take() {
                return Poll::Ready(outcome);
            }
            if !is_busy {
                return self.tick(cx);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks at the listeners and local sockets that have announced themselves.
    fn hear(&mut self, cx: &mut Context<'_>) -> bool {
        let mut tokens = std::mem::take(&mut self.tokens);
        self.lasting.bell.take(&mut tokens);
        let any = !tokens.is_empty();
        for token in tokens.drain(..) {
            match token {
                Token::Listener(index) => self.accept(index, cx),
                Token::Local(link) => {
                    self.write_held(link);
                    self.lasting.endpoint.readable(link);
                }
            }
        }
        self.tokens = tokens;
        any
    }

    /// Takes the connections that wait at a listener.
    fn accept(&mut self, index: usize, cx: &mut Context<'_>) {
        loop {
            let Some(listener) = self.lasting.services.listeners.get_mut(index) else { return };
            if !self.lasting.endpoint.may_accept(listener.service) {
                return;
            }
            let (service, port) = (listener.service, listener.port);
            match listener.intake.poll(&mut Context::from_waker(&listener.waker)) {
                Poll::Pending => return,
                Poll::Ready(Ok((socket, peer))) => {
                    self.log.info(format_args!("Accepted tcp connection on port {port} from {peer}"));
                    let meter = listener.meter.clone();
                    if let Some(link) = self.lasting.endpoint.accepted(service) {
                        let id = self.lasting.endpoint.address(link).map_or(1, |to| to.connection_id.max(1));
                        self.log.info(format_args!("creating tcp connection id {id}"));
                        self.add(link, Some(socket), peer, meter);
                        self.lasting.endpoint.readable(link);
                    }
                    self.carry_out();
                }
                Poll::Ready(Err(error)) => {
                    self.log.error(format_args!(
                        "Could not accept a connection on port {port}: {}",
                        tls::plain(&error)
                    ));
                    let waker = listener.waker.clone();
                    self.attempts.push(Box::pin(async move {
                        sleep(Duration::from_millis(100)).await;
                        waker.wake();
                        (Link(0), None)
                    }));
                    cx.waker().wake_by_ref();
                    return;
                }
            }
        }
    }

    fn add(&mut self, link: Link, socket: Option<Socket>, peer: String, meter: Arc<Meter>) {
        let waker = self.lasting.bell.waker(Token::Local(link));
        self.locals.insert(link, Local::new(socket, waker, peer, meter));
    }

    /// Takes the applications that were reached, or not.
    fn take_attempts(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some((link, socket))) = self.attempts.poll_next_unpin(cx) {
            any = true;
            let Some(local) = self.locals.get_mut(&link) else { continue };
            local.attempt = None;
            match socket {
                Some(socket) => {
                    local.socket = Some(socket);
                    self.lasting.endpoint.connected(link);
                    self.write_held(link);
                    self.lasting.endpoint.readable(link);
                }
                None => {
                    self.locals.remove(&link);
                    self.lasting.endpoint.connect_failed(link);
                }
            }
            self.carry_out();
        }
        any
    }

    /// Reads from the server as long as what it sent can be dealt with.
    fn read_server(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = self.take_items();
        for _ in 0..READS {
            if self.outcome.is_some() || self.is_paused || self.outbox.len() >= outbox::STUFFED {
                break;
            }
            let mut buf = ReadBuf::new(self.inbox.room());
            match Pin::new(&mut self.wire).poll_read(cx, &mut buf) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                    self.lost("the server ended the connection");
                }
                Poll::Ready(Ok(())) => {
                    let count = buf.filled().len();
                    self.inbox.filled(count);
                    self.heard = Instant::now();
                    self.take_items();
                }
                Poll::Ready(Err(error)) => self.lost(&tls::reason(&error)),
            }
            any = true;
        }
        any
    }

    fn lost(&mut self, why: &str) {
        self.outcome.get_or_insert_with(|| Outcome::Lost(why.to_owned()));
    }

    fn broken(&mut self, why: &str) {
        self.outbox.close(code::PROTOCOL_ERROR, why);
        self.outcome.get_or_insert_with(|| Outcome::Broken(why.to_owned()));
    }

    /// Deals with what has arrived, up to a message whose application is too far behind.
    fn take_items(&mut self) -> bool {
        let mut any = false;
        self.is_paused = false;
        while self.outcome.is_none() && !self.is_paused {
            match self.inbox.item() {
                Ok(Item::Nothing) => break,
                Ok(Item::Frame(at)) => self.take_frame(&at),
                Ok(Item::Ping(payload)) => {
                    self.log.debug("Websocket ping received");
                    self.outbox.control(Opcode::Pong, &payload);
                }
                Ok(Item::Pong(payload)) => self.note_pong(&payload),
                Ok(Item::Close(close)) => {
                    let (number, reason) = (close.code.unwrap_or(1005), close.reason);
                    self.log
                        .info(format_args!("Web socket close received. Code: {number}; Reason: {reason}"));
                    self.outbox.close(close.code.unwrap_or(code::NORMAL), "");
                    self.outcome = Some(Outcome::Closed);
                }
                Err(why) => self.broken(why),
            }
            any |= !self.is_paused;
        }
        any
    }

    fn take_frame(&mut self, at: &Range<usize>) {
        let view = match View::decode(self.inbox.frame(at)) {
            Ok(view) => view,
            Err(misdeed) => return self.broken(misdeed.text()),
        };
        let (kind, payload) = (view.kind, view.payload.len());
        match self.lasting.endpoint.received(&view) {
            Some(link) => match self.locals.get_mut(&link) {
                Some(local) if local.held_len() + payload > HELD => {
                    self.is_paused = true;
                }
                Some(local) => {
                    let result = local.deliver(view.payload);
                    self.inbox.done(at);
                    if let Err(error) = result {
                        self.local_ended(link, Some(&error));
                    }
                }
                None => self.inbox.done(at),
            },
            None => {
                self.inbox.done(at);
                self.carry_out();
                if kind == Type::ServiceIds {
                    self.open_doors();
                }
            }
        }
    }

    /// Lets every listener look again.
    fn open_doors(&self) {
        for listener in &self.lasting.services.listeners {
            listener.waker.wake_by_ref();
        }
    }

    fn note_pong(&self, payload: &[u8]) {
        if !self.log.shows(Level::Trace) {
            return;
        }
        let sent = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok());
        if let Some(sent) = sent {
            let latency = now_millis().saturating_sub(sent);
            self.log.trace(format_args!("Pong reply latency: {latency} ms"));
        }
    }

    fn write_held(&mut self, link: Link) {
        let Some(local) = self.locals.get_mut(&link) else { return };
        if let Err(error) = local.drain() {
            self.local_ended(link, Some(&error));
        }
    }

    /// Reads the local sockets in turn until enough waits for the server.
    fn read_locals(&mut self) -> bool {
        let mut any = false;
        while self.outbox.len() < outbox::FULL {
            let Some(link) = self.lasting.endpoint.next_readable() else { break };
            let Some(local) = self.locals.get_mut(&link) else { continue };
            let Some(socket) = &mut local.socket else { continue };
            let mut buf = ReadBuf::new(self.outbox.room(self.config.settings.max_payload_size));
            let result = Pin::new(socket).poll_read(&mut Context::from_waker(&local.waker), &mut buf);
            let count = buf.filled().len();
            match result {
                Poll::Pending => continue,
                Poll::Ready(Ok(())) if count > 0 => {
                    local.meter.sent(count);
                    self.send_data(link, count);
                }
                Poll::Ready(Ok(())) => self.local_ended(link, None),
                Poll::Ready(Err(error)) => self.local_ended(link, Some(&error)),
            }
            any = true;
        }
        any
    }

    fn send_data(&mut self, link: Link, count: usize) {
        if let Some(to) = self.lasting.endpoint.address(link) {
            let envelope = Envelope {
                kind: Type::Data,
                stream_id: to.stream_id,
                service_id: to.service_id,
                connection_id: to.connection_id,
            };
            self.outbox.seal(count, &envelope);
        }
        self.lasting.endpoint.readable(link);
    }

    fn write_server(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.wire).poll_write(cx, self.outbox.waiting()) {
                Poll::Pending => break,
                Poll::Ready(Ok(count)) => {
                    self.outbox.sent(count);
                    self.is_unflushed = true;
                    any = true;
                }
                Poll::Ready(Err(error)) => {
                    self.lost(&tls::reason(&error));
                    return true;
                }
            }
        }
        if self.is_unflushed {
            match Pin::new(&mut self.wire).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => self.lost(&tls::reason(&error)),
            }
        }
        any
    }

    /// The local side of a connection has ended.
    fn local_ended(&mut self, link: Link, error: Option<&io::Error>) {
        self.lasting.endpoint.closed(link);
        if let Some(error) = error {
            self.log.debug(format_args!("Local connection failed: {}", tls::plain(error)));
            if let Some(local) = self.locals.get_mut(&link) {
                local.forget_held();
            }
        }
        self.retire(link);
        self.carry_out();
    }

    /// Forgets a connection and lets its last bytes be written beside everything else.
    fn retire(&mut self, link: Link) {
        let Some(local) = self.locals.remove(&link) else { return };
        let peer = local.peer.clone();
        let Some(end) = local.end() else { return };
        self.log.info(format_args!("Disconnected from: {peer}"));
        let ending = &mut self.lasting.ending;
        while ending.try_join_next().is_some() {}
        if ending.len() < ENDING {
            ending.spawn(end);
        }
        if self.config.shape < adit_tunnel::Version::V3 {
            self.open_doors();
        }
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.lasting.endpoint.poll() {
            match order {
                Order::Send(message) => self.outbox.put(&Envelope {
                    kind: message.kind,
                    stream_id: message.stream_id,
                    service_id: &message.service_id,
                    connection_id: message.connection_id,
                }),
                Order::Ready(plan) => self.outcome = Some(Outcome::Ready(plan)),
                Order::Connect(link, service) => self.start_attempt(link, service),
                Order::Close(link) => self.retire(link),
                Order::Fail(fault) if fault.is_passing() => self.broken(&fault.to_string()),
                Order::Fail(fault) => self.outcome = Some(Outcome::Fault(fault)),
                Order::Note(note) => self.say(&note),
            }
        }
    }

    fn say(&self, note: &Note) {
        match note {
            Note::NoSuchService(id) => {
                self.log
                    .warning(format_args!("A stream for service id {id} was refused: it is not mapped here"));
            }
            Note::TooMany => self.log.warning(format_args!(
                "A connection was refused: {} are open, the most allowed",
                self.lasting.endpoint.connections()
            )),
            Note::SessionReset => self.log.debug("Session reset received"),
            Note::Unexpected(kind) => {
                self.log.debug(format_args!("Skipped a message of unexpected type {}", kind.number()));
            }
        }
    }

    fn start_attempt(&mut self, link: Link, service: usize) {
        let Some(target) = self.lasting.services.target(service).cloned() else {
            return self.lasting.endpoint.connect_failed(link);
        };
        self.add(link, None, target.dialed(), Arc::default());
        let settings = &self.config.settings;
        let attempt =
            reach(target, self.config.bind.clone(), settings.tcp_retries, settings.tcp_retry_delay, self.log);
        let (attempt, handle) = abortable(attempt);
        if let Some(local) = self.locals.get_mut(&link) {
            local.attempt = Some(handle);
        }
        self.attempts.push(Box::pin(async move { (link, attempt.await.ok().flatten()) }));
    }

    /// What time brings: pings, and the end of a link that has been silent too long.
    fn tick(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.is_paused {
                self.heard = now;
            }
            let silence = self.config.settings.silence.max(self.config.settings.ping_period * 3);
            if now >= self.heard + silence {
                let seconds = silence.as_secs();
                return Poll::Ready(Outcome::Lost(format!("nothing was heard for {seconds} s")));
            }
            if now >= self.ping_at {
                self.ping(now);
                if self.write_server(cx)
                    && let Some(outcome) = self.outcome.take()
                {
                    return Poll::Ready(outcome);
                }
            }
            let next = self.ping_at.min(self.heard + silence);
            self.timer.as_mut().reset(next);
        }
    }

    fn ping(&mut self, now: Instant) {
        if self.outbox.is_empty() {
            self.outbox.rest();
            self.wire.get_mut().0.rest();
            self.outbox.control(Opcode::Ping, now_millis().to_string().as_bytes());
            self.log.trace("Successfully sent websocket ping");
        }
        for local in self.locals.values_mut() {
            local.rest();
        }
        self.ping_at = now + self.config.settings.ping_period;
    }
}

fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

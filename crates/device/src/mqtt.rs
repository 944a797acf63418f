//! One MQTT connection: any byte stream around the protocol machine of `adit_mqtt::client`.
//!
//! [`dial`] makes the stream a device uses: TCP, perhaps a web proxy, TLS with its certificate. [`Link`] does not care
//! what it runs on. spec: mqtt-gateway §1, §3

pub mod dial;
pub mod websocket;

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use adit_mqtt::client::{Received, greeting, message};
pub use adit_mqtt::message::Builder as PropertiesBuilder;
pub use adit_mqtt::packet::{ConnAck, Connect, QoS, Version, Wish};
pub use adit_mqtt::{Message, MessageProperties, Reason};

use adit_mqtt::client::{self, Client, Effects, Over};
use adit_mqtt::packet::RetainHandling;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::tls;

/// Bytes of one read.
const PIECE: usize = 4 * 1024;

/// Bytes of room kept for writing while nothing is written.
const IDLE_WIRE: usize = 16 * 1024;

/// Messages and acknowledgements that may wait while the caller waits for something else.
const KEPT: usize = 1024;

/// Time for the last bytes of a connection that is ended on purpose.
const FAREWELL: Duration = Duration::from_secs(2);

/// A publish under way; never used twice on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// What happened on a link.
#[derive(Debug)]
pub enum Event {
    /// A message; it is acknowledged with the next write, so that the caller may keep it safe first.
    Message(Received),
    /// A publish of QoS 1 or 2 has arrived, or was refused when the reason is an error.
    Published(Ticket, Reason),
}

/// Why a link is over.
#[derive(Debug)]
pub enum Broken {
    /// CONNACK with an error.
    Refused(Reason),
    /// The server sent DISCONNECT.
    Disconnected(Reason),
    /// The server closed the connection without a word.
    Closed,
    /// The server did not answer in time.
    Silent,
    /// The server broke a rule of MQTT.
    Misdeed(String),
    /// The stream failed.
    Io(io::Error),
    /// More is under way than is kept: messages nobody takes, or publishes without acknowledgement.
    Full,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Refused(reason) => {
                write!(f, "the server refused the connection: {} (0x{:02x})", reason.text(), reason.code())
            }
            Broken::Disconnected(reason) => {
                write!(f, "the server ended the connection: {} (0x{:02x})", reason.text(), reason.code())
            }
            Broken::Closed => f.write_str("the server closed the connection without a word"),
            Broken::Silent => f.write_str("the server does not answer"),
            Broken::Misdeed(text) => write!(f, "the server broke a rule of MQTT: {text}"),
            Broken::Io(error) => write!(f, "the connection failed: {}", tls::reason(error)),
            Broken::Full => f.write_str("too much is under way on this connection"),
        }
    }
}

impl std::error::Error for Broken {}

/// A connection that the server has accepted.
///
/// Nothing happens by itself: pings and acknowledgements are sent while one of the methods is awaited. All of them
/// can be dropped half-way without losing anything.
pub struct Link<S> {
    stream: S,
    client: Client<Ticket>,
    fx: Effects<Ticket>,
    written: usize,
    is_unflushed: bool,
    events: VecDeque<Event>,
    began: Instant,
    timer: Pin<Box<Sleep>>,
    tickets: u64,
    piece: Box<[u8]>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Says CONNECT on a fresh stream and waits for CONNACK, at most `patience`. With `ping`, the server is pinged at
    /// least so often, whatever keep alive was agreed on.
    ///
    /// # Errors
    /// See [`Broken`]; a server that does not know the certificate closes without a word.
    pub async fn connect(
        stream: S,
        connect: Connect,
        ping: Option<Duration>,
        patience: Duration,
    ) -> Result<(Link<S>, Box<ConnAck>), Broken> {
        let mut client = Client::new(connect);
        client.ping_at_least_every(ping.map_or(0, millis));
        let began = Instant::now();
        let mut link = Link {
            stream,
            client,
            fx: Effects::default(),
            written: 0,
            is_unflushed: false,
            events: VecDeque::new(),
            began,
            timer: Box::pin(sleep(Duration::ZERO)),
            tickets: 0,
            piece: vec![0; PIECE].into(),
        };
        link.client.connect(&mut link.fx, 0);
        let answer = async {
            loop {
                if let client::Event::Connected(connack) = link.happening().await? {
                    return Ok(connack);
                }
            }
        };
        let connack = timeout(patience, answer).await.unwrap_or(Err(Broken::Silent))?;
        Ok((link, connack))
    }

    /// Subscribes, and returns the server's reason for each filter, in order.
    ///
    /// # Errors
    /// The link is over.
    pub async fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Result<Vec<Reason>, Broken> {
        let wish = |&(filter, qos): &(&str, QoS)| Wish {
            filter: filter.to_owned(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Always,
        };
        let wishes = filters.iter().map(wish).collect();
        let now = self.now();
        let id = self.client.subscribe(wishes, &mut self.fx, now).ok_or(Broken::Full)?;
        loop {
            match self.happening().await? {
                client::Event::Subscribed(answer) if answer.packet_id == id => return Ok(answer.reasons),
                other => self.keep(other)?,
            }
        }
    }

    /// Ends subscriptions; the server's reasons, in order (none in 3.1.1).
    ///
    /// # Errors
    /// The link is over.
    pub async fn unsubscribe(&mut self, filters: &[&str]) -> Result<Vec<Reason>, Broken> {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let now = self.now();
        let id = self.client.unsubscribe(filters, &mut self.fx, now).ok_or(Broken::Full)?;
        loop {
            match self.happening().await? {
                client::Event::Unsubscribed(answer) if answer.packet_id == id => return Ok(answer.reasons),
                other => self.keep(other)?,
            }
        }
    }

    /// Publishes and waits: with QoS 0 until the message is on its way, else for the acknowledgement, whose reason is
    /// returned. A refusal (0x87, not authorized) is such a reason and no error: the link goes on.
    ///
    /// # Errors
    /// The link is over, or too many publishes are under way.
    pub async fn publish(&mut self, message: Message) -> Result<Reason, Broken> {
        let is_acknowledged = message.qos != QoS::AtMostOnce;
        let ticket = self.send(message)?;
        if !is_acknowledged {
            poll_fn(|cx| self.poll_written(cx)).await?;
            return Ok(Reason::Success);
        }
        loop {
            match self.happening().await? {
                client::Event::Published(known, reason) if known == ticket => return Ok(reason),
                other => self.keep(other)?,
            }
        }
    }

    /// Publishes without waiting; [`Event::Published`] follows for QoS 1 and 2.
    ///
    /// # Errors
    /// [`Broken::Full`]: too many publishes are under way; the message was not sent.
    pub fn send(&mut self, message: Message) -> Result<Ticket, Broken> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let now = self.now();
        self.client
            .publish(Arc::new(message), ticket, &mut self.fx, now)
            .map(|()| ticket)
            .map_err(|_| Broken::Full)
    }

    /// The next thing that happens.
    ///
    /// # Errors
    /// The link is over.
    pub async fn next(&mut self) -> Result<Event, Broken> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let event = self.happening().await?;
            self.keep(event)?;
        }
    }

    /// Says goodbye, so that the server publishes no will and does not wait for the keep alive to run out.
    pub async fn disconnect(mut self) {
        self.client.disconnect(Reason::Success, &mut self.fx);
        let _ = timeout(FAREWELL, async {
            poll_fn(|cx| self.poll_written(cx)).await?;
            self.stream.shutdown().await.map_err(Broken::Io)
        })
        .await;
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// Keeps what nobody waits for at the moment.
    fn keep(&mut self, event: client::Event<Ticket>) -> Result<(), Broken> {
        let event = match event {
            client::Event::Message(received) => Event::Message(received),
            client::Event::Published(ticket, reason) => Event::Published(ticket, reason),
            _ => return Ok(()),
        };
        if self.events.len() >= KEPT {
            return Err(Broken::Full);
        }
        self.events.push_back(event);
        Ok(())
    }

    async fn happening(&mut self) -> Result<client::Event<Ticket>, Broken> {
        poll_fn(|cx| self.poll_happening(cx)).await
    }

    fn poll_happening(&mut self, cx: &mut Context<'_>) -> Poll<Result<client::Event<Ticket>, Broken>> {
        loop {
            match self.fx.events.pop_front() {
                Some(client::Event::Over(over)) => return Poll::Ready(Err(over.into())),
                Some(event) => return Poll::Ready(Ok(event)),
                None => {}
            }
            if let Poll::Ready(Err(broken)) = self.poll_written(cx) {
                return Poll::Ready(Err(broken));
            }
            let now = self.now();
            let mut buf = ReadBuf::new(&mut self.piece);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return Poll::Ready(Err(Broken::Closed)),
                Poll::Ready(Ok(())) => self.client.receive(buf.filled(), &mut self.fx, now),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::of(error))),
                Poll::Pending => ready!(self.poll_tick(cx)),
            }
        }
    }

    /// Ready when something was to be done about the time.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.client.deadline() else { return Poll::Pending };
        let at = self.began + Duration::from_millis(deadline);
        if self.timer.deadline() != at {
            self.timer.as_mut().reset(at);
        }
        ready!(self.timer.as_mut().poll(cx));
        let now = self.now();
        self.client.tick(&mut self.fx, now.max(deadline));
        Poll::Ready(())
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while let Some(rest) = self.fx.wire.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(Broken::Closed)),
                Ok(count) => self.written += count,
                Err(error) => return Poll::Ready(Err(Broken::of(error))),
            }
            self.is_unflushed = true;
        }
        self.fx.wire.clear();
        self.fx.wire.shrink_to(IDLE_WIRE);
        self.written = 0;
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(Broken::of)?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl Broken {
    /// A peer that vanishes in the middle of TLS or of TCP has closed the connection.
    fn of(error: io::Error) -> Broken {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Broken::Closed
            }
            io::ErrorKind::TimedOut => Broken::Silent,
            _ => Broken::Io(error),
        }
    }
}

impl From<Over> for Broken {
    fn from(over: Over) -> Broken {
        match over {
            Over::Refused(reason) => Broken::Refused(reason),
            Over::Disconnected(reason) => Broken::Disconnected(reason),
            Over::Misdeed(misdeed) => Broken::Misdeed(misdeed.to_string()),
            Over::Silent => Broken::Silent,
            Over::Ours => Broken::Closed,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

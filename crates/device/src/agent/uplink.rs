//! The connection to the device gateway: made, kept, made again. spec: mqtt-gateway §1, §3, §6

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::clock::Clock;
use super::config::Config;
use super::first::{self, Found, Trouble};
use super::identity::{self, Identity};
use super::waits::{Waits, may_pass};
use super::{notify, trust};
use crate::backoff::chance;
use crate::log::Log;
use crate::mqtt::dial::{ALPN, ALPN_PORT, Stream, Undialed, Way};
use crate::mqtt::{Broken, ConnAck, Connect, Event, Link, Message, QoS, Reason, Ticket, Version, greeting};

/// Seconds of keep alive that are asked for: the shortest AWS grants.
const KEEP_ALIVE: u16 = 30;

/// Time between pings. A flow that died without a word is noticed within twice that, and replaced within a minute.
const PING: Duration = Duration::from_secs(12);

/// Seconds for which the server keeps our session, and what comes in it, while we are away: AWS's default limit.
const SESSION: u32 = 3600;

/// Bytes of the largest packet the agent takes; a notification has at most 4,000.
const PACKET: u32 = 64 * 1024;

/// Time for CONNACK, and for SUBACK.
const ANSWER: Duration = Duration::from_secs(15);

/// Why there is no connection.
#[derive(Debug)]
pub enum Failure {
    /// The device does not know who it is, or whom to believe.
    Unprepared(String),
    /// The way to the server is not there.
    Undialed(Undialed),
    /// The server did not let us in; this certificate was shown, with that client id.
    Connect(Broken, String, String),
    /// The subscription to this topic filter was refused.
    Subscribe(Reason, String),
    /// The connection ended after it had been up.
    Ended(Broken, String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unprepared(text) => f.write_str(text),
            Failure::Undialed(undialed) => undialed.fmt(f),
            Failure::Connect(broken @ Broken::Refused(Reason::NotAuthorized), id, client_id) => write!(
                f,
                "{broken}; certificate {id} must be ACTIVE, and a policy of it must allow iot:Connect on client/{client_id}"
            ),
            Failure::Connect(broken @ Broken::Closed, id, _) => {
                write!(f, "{broken}, as it does when it does not know or does not like certificate {id}")
            }
            Failure::Connect(broken, ..) => broken.fmt(f),
            Failure::Subscribe(reason, filter) => write!(
                f,
                "the server refused the subscription ({}); a policy must allow iot:Subscribe on topicfilter/{filter} and \
                 iot:Receive on topic/{filter}",
                reason.text()
            ),
            Failure::Ended(broken @ Broken::Disconnected(Reason::SessionTakenOver), client_id) => {
                write!(f, "{broken}; another program connects with client id {client_id}")
            }
            Failure::Ended(broken, _) => broken.fmt(f),
        }
    }
}

/// What happened on the uplink.
#[derive(Debug)]
pub enum Happening {
    /// The device is connected and subscribed.
    Up(Up),
    /// The connection is gone; it will be made again.
    Down,
    /// Something arrived.
    Event(Event),
}

/// A connection that has come up.
#[derive(Debug, Clone)]
pub struct Up {
    /// Name of the thing.
    pub thing: String,
    /// The address this machine has on the way.
    pub address: Option<SocketAddr>,
    /// Whether the server had kept the session, and with it what came meanwhile.
    pub is_resumed: bool,
}

struct Connected {
    link: Link<Stream>,
    up: Up,
    client_id: String,
    not_before: i64,
}

enum State {
    Waiting(Pin<Box<Sleep>>),
    Dialing(LocalBoxFuture<'static, Result<Connected, Failure>>),
    Up { link: Box<Link<Stream>>, client_id: String, since: Instant },
}

/// The connection to the device gateway, which makes itself again for ever.
pub struct Uplink {
    config: Arc<Config>,
    clock: Arc<Clock>,
    log: Log,
    state: State,
    waits: Waits,
    said: String,
}

impl Uplink {
    /// An uplink that dials at once.
    pub fn new(config: Arc<Config>, clock: Arc<Clock>, log: Log) -> Uplink {
        Uplink {
            config,
            clock,
            log,
            state: State::Waiting(Box::pin(sleep(Duration::ZERO))),
            waits: Waits::default(),
            said: String::new(),
        }
    }

    /// Goes on with another configuration, on a new connection.
    pub async fn renew(&mut self, config: Arc<Config>, log: Log) {
        self.goodbye().await;
        *self = Uplink::new(config, self.clock.clone(), log);
    }

    /// Ends the connection properly. The session stays, so that a notification that comes meanwhile waits.
    pub async fn goodbye(&mut self) {
        let gone = State::Waiting(Box::pin(sleep(Duration::ZERO)));
        if let State::Up { link, .. } = std::mem::replace(&mut self.state, gone) {
            link.disconnect().await;
        }
    }

    /// Publishes, if there is a connection with room for it.
    pub fn send(&mut self, message: Message) -> Option<Ticket> {
        match &mut self.state {
            State::Up { link, .. } => link.send(message).ok(),
            _ => None,
        }
    }

    /// The next thing that happens. Can be dropped half-way without losing anything.
    pub async fn next(&mut self) -> Happening {
        loop {
            match &mut self.state {
                State::Waiting(sleep) => {
                    sleep.as_mut().await;
                    self.state = State::Dialing(self.dial());
                }
                State::Dialing(dialing) => match dialing.as_mut().await {
                    Ok(connected) => return Happening::Up(self.up(connected)),
                    Err(failure) => self.failed(&failure),
                },
                State::Up { link, client_id, since } => match link.next().await {
                    Ok(event) => return Happening::Event(event),
                    Err(broken) => {
                        let failure = Failure::Ended(broken, client_id.clone());
                        self.waits.lived(since.elapsed());
                        self.failed(&failure);
                        return Happening::Down;
                    }
                },
            }
        }
    }

    fn dial(&self) -> LocalBoxFuture<'static, Result<Connected, Failure>> {
        let (config, clock) = (self.config.clone(), self.clock.clone());
        Box::pin(connect(config, clock, self.waits.is_persistent(), self.log))
    }

    fn up(&mut self, connected: Connected) -> Up {
        let Connected { link, up, client_id, not_before } = connected;
        self.clock.raise(not_before);
        self.waits.let_in();
        self.said.clear();
        let kept = if up.is_resumed { ", which had kept our session" } else { "" };
        self.log.info(format_args!("connected to {}{kept}, as thing {}", self.config.endpoint, up.thing));
        if !self.waits.is_persistent() {
            self.log.warning(
                "what is sent while this device is away is lost: its policy allows iot:Connect only without \
                 PersistentConnect in iot:ConnectAttributes",
            );
        }
        if let Err(error) = self.clock.proven() {
            self.log.debug(format_args!("the time is not kept: {error}"));
        }
        self.state = State::Up { link: Box::new(link), client_id, since: Instant::now() };
        up
    }

    /// Says why there is no connection, and waits as long as that deserves.
    fn failed(&mut self, failure: &Failure) {
        let (wait, words) = self.waits.after(failure, chance());
        let text = words.unwrap_or_else(|| failure.to_string());
        let line = format!("not connected: {text}; next try in {:.0} s", wait.as_secs_f32());
        if self.said == text {
            self.log.debug(line);
        } else {
            self.log.warning(line);
            self.said = text;
        }
        self.state = State::Waiting(Box::pin(sleep(wait)));
    }
}

/// TLS as the agent does it towards the device gateway.
///
/// # Errors
/// There is no certificate to believe.
pub fn tls(
    config: &Config,
    identity: Option<&Identity>,
    clock: &Arc<Clock>,
    log: Log,
) -> Result<Arc<rustls::ClientConfig>, String> {
    let alpn: &[&[u8]] = if config.endpoint.port == ALPN_PORT { &[ALPN] } else { &[] };
    trust::client(config.ca_file.as_deref(), identity, alpn, clock, log)
}

/// Opens a connection with an identity and says CONNECT.
///
/// # Errors
/// See [`Failure`].
pub async fn open(
    config: &Config,
    identity: &Identity,
    hello: Connect,
    clock: &Arc<Clock>,
    log: Log,
) -> Result<(Link<Stream>, Box<ConnAck>), Failure> {
    // Whoever signed our certificate has seen its beginning.
    clock.raise(identity.facts.not_before);
    let way = Way {
        host: &config.endpoint.host,
        port: config.endpoint.port,
        web_proxy: config.http_proxy.as_ref(),
        tls: tls(config, Some(identity), clock, log).map_err(Failure::Unprepared)?,
        proxy_tls: trust::client(config.ca_file.as_deref(), None, &[], clock, log)
            .map_err(Failure::Unprepared)?,
    };
    let stream = way.dial(log).await.map_err(Failure::Undialed)?;
    let client_id = hello.client_id.clone();
    let refused = |broken| Failure::Connect(broken, identity.certificate_id(), client_id);
    Link::connect(stream, hello, Some(PING), ANSWER).await.map_err(refused)
}

/// What the agent says at the beginning of a connection.
pub fn hello(client_id: &str, is_persistent: bool) -> Connect {
    let mut hello = greeting(Version::V5, client_id, KEEP_ALIVE);
    hello.clean_start = !is_persistent;
    hello.properties.session_expiry = is_persistent.then_some(SESSION);
    hello.properties.maximum_packet_size = Some(PACKET);
    hello
}

async fn connect(
    config: Arc<Config>,
    clock: Arc<Clock>,
    is_persistent: bool,
    log: Log,
) -> Result<Connected, Failure> {
    let identity = match first::find(&config, log).map_err(Failure::Unprepared)? {
        Found::Identity(identity) => identity,
        Found::Claim => Box::new(claim(&config, &clock, log).await),
    };
    if clock.is_behind() {
        log.warning(format_args!(
            "the system's clock shows a time that has passed; certificates are judged as of {} or later",
            moment(clock.now())
        ));
    }
    let thing = config.thing_name.as_deref().or(identity.name()).unwrap_or_default().to_owned();
    if !identity::is_thing_name(&thing) {
        return Err(Failure::Unprepared(
            "the certificate does not name the thing (CN): set thing-name in the configuration".to_owned(),
        ));
    }
    let client_id = config.client_id.clone().unwrap_or_else(|| thing.clone());
    let hello = hello(&client_id, is_persistent);
    let (mut link, connack) = open(&config, &identity, hello, &clock, log).await?;
    let filter = notify::topic(&thing);
    let filters = [(filter.as_str(), QoS::AtLeastOnce)];
    let reasons = timeout(ANSWER, link.subscribe(&filters))
        .await
        .unwrap_or(Err(Broken::Silent))
        .map_err(|broken| Failure::Ended(broken, client_id.clone()))?;
    if let Some(reason) = reasons.first().filter(|reason| reason.is_error()) {
        let reason = *reason;
        link.disconnect().await;
        return Err(Failure::Subscribe(reason, filter));
    }
    let address = link.stream().get_ref().0.local_addr();
    let up = Up { thing, address, is_resumed: connack.session_present };
    Ok(Connected { link, up, client_id, not_before: identity.facts.not_before })
}

/// Gets an identity with the claim, trying for ever.
async fn claim(config: &Config, clock: &Arc<Clock>, log: Log) -> Identity {
    let connect = async |identity: &Identity, client_id: &str| {
        let opened = open(config, identity, hello(client_id, false), clock, log).await;
        opened.map(|(link, _)| link).map_err(|failure| match failure {
            Failure::Undialed(_) => Trouble::passing(failure),
            Failure::Connect(Broken::Refused(reason), ..) if !may_pass(reason) => Trouble::lasting(failure),
            Failure::Connect(Broken::Closed, ..) | Failure::Unprepared(_) => Trouble::lasting(failure),
            _ => Trouble::passing(failure),
        })
    };
    first::claim(config, log, connect).await
}

/// A time as people read it.
fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

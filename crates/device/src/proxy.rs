//! The life of one end of a tunnel: links to the server, one after the other, and when to stop.
//! (spec: secure-tunneling §5.5)

use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::Side;
use adit_tunnel::endpoint::{self, Endpoint, Plan};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::{Backoff, chance};
use crate::bell::{Bell, Token};
use crate::config::Config;
use crate::dial::{Dialer, Undone};
use crate::door::Door;
use crate::log::Log;
use crate::services::Services;
use crate::session::{Lasting, Outcome, Session};

/// Time local applications have for their last bytes before the program ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// How a tunnel ended on this side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The server sent a Close frame: the tunnel is closed, or its lifetime is over.
    Closed,
    /// The server refused the upgrade for good (4xx).
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server said, on one line.
        text: String,
    },
    /// All tries that the settings allow were used up.
    Unreachable,
    /// This side cannot go on: a mapping that does not fit, a port that is in use.
    Fault(String),
}

/// What happens to a tunnel while it lives, for whoever watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News<'a> {
    /// The link to the server is up, and the services are settled.
    Up,
    /// The link broke, or could not be made; it is tried again.
    Down(&'a str),
}

/// Whoever wants to know what happens.
pub type Watcher<'a> = &'a (dyn Fn(News<'_>) + Send + Sync);

/// Runs until the server ends the tunnel or refuses us; returns the exit status of the local proxy.
pub async fn run(config: &Config, log: Log) -> u8 {
    log.info(format_args!("Starting proxy in {} mode", config.side));
    match keep(config, log, &|_| {}).await {
        Ended::Closed => return 0,
        Ended::Refused { .. } => {}
        Ended::Unreachable => log.fatal("The proxy server could not be reached."),
        Ended::Fault(why) => log.fatal(why),
    }
    1
}

/// Keeps a tunnel's end alive until it is over. Dropping the future ends all its connections at once.
pub async fn keep(config: &Config, log: Log, watcher: Watcher<'_>) -> Ended {
    keep_with(Services::default(), config, log, watcher).await
}

/// Keeps the source of a tunnel alive until it is over, like [`keep`], and takes connections from doors that are open
/// already instead of listening on ports of the configuration's. They stay open from one link to the next.
pub async fn keep_source(config: &Config, doors: Vec<Door>, log: Log, watcher: Watcher<'_>) -> Ended {
    keep_with(Services::behind(doors), config, log, watcher).await
}

async fn keep_with(services: Services, config: &Config, log: Log, watcher: Watcher<'_>) -> Ended {
    let settings = endpoint::Settings {
        side: config.side,
        shape: config.shape,
        wanted: config.wanted(),
        max_connections: config.settings.max_active_connections,
    };
    let mut lasting = Lasting {
        endpoint: Endpoint::new(settings),
        services,
        bell: Arc::new(Bell::default()),
        ending: JoinSet::new(),
    };
    let ended = links(config, log, watcher, &mut lasting).await;
    let ending = &mut lasting.ending;
    let _ = timeout(FAREWELL, async { while ending.join_next().await.is_some() {} }).await;
    ended
}

async fn links(config: &Config, log: Log, watcher: Watcher<'_>, lasting: &mut Lasting) -> Ended {
    let mut dialer = Dialer::new(config, log);
    let delay = config.settings.retry_delay;
    let mut backoff = Backoff::new(delay, config.settings.retry_cap);
    let mut failures = 0;
    let mut was_short = false;
    loop {
        let upgraded = match dialer.dial().await {
            Ok(upgraded) => upgraded,
            Err(Undone::Refused { status, text }) => return Ended::Refused { status, text },
            Err(Undone::Failed(why)) => {
                if config.settings.connect_retries.is_some_and(|retries| failures >= retries) {
                    return Ended::Unreachable;
                }
                watcher(News::Down(&why));
                failures += 1;
                sleep(backoff.next(chance())).await;
                continue;
            }
        };
        failures = 0;
        let began = Instant::now();
        let mut session = Session::new(upgraded, config, log, lasting);
        let end = drive(&mut session, config, log, watcher).await;
        session.finish();
        match end {
            End::Over(ended) => return ended,
            End::Again(why) => {
                log.error(format_args!("The link to the proxy server broke: {why}"));
                watcher(News::Down(&why));
            }
        }
        let is_short = began.elapsed() < delay;
        if !is_short {
            backoff.reset();
        }
        // Whoever wants to be spread (a cap says so) is not back at once when a server ends thousands of links.
        if is_short && was_short || config.settings.retry_cap.is_some() {
            sleep(backoff.next(chance())).await;
        }
        was_short = is_short;
    }
}

enum End {
    Over(Ended),
    Again(String),
}

async fn drive(session: &mut Session<'_>, config: &Config, log: Log, watcher: Watcher<'_>) -> End {
    if !session.lasting().services.is_empty() {
        watcher(News::Up);
    }
    loop {
        match session.run().await {
            Outcome::Ready(plan) => {
                if let Err(why) = settle(session.lasting(), plan, config, log).await {
                    return End::Over(Ended::Fault(why));
                }
                watcher(News::Up);
            }
            Outcome::Closed => return End::Over(Ended::Closed),
            Outcome::Lost(why) => return End::Again(why),
            Outcome::Broken(why) if config.settings.reconnect_on_data_error => return End::Again(why),
            Outcome::Broken(why) => return End::Over(Ended::Fault(why)),
            Outcome::Fault(fault) => return End::Over(Ended::Fault(fault.to_string())),
        }
    }
}

/// Gives the services their endpoints; a source then listens.
async fn settle(lasting: &mut Lasting, plan: Plan, config: &Config, log: Log) -> Result<(), String> {
    let ids: Vec<String> = lasting.endpoint.services().map(str::to_owned).collect();
    lasting.services.settle(plan, &ids, config, log)?;
    if config.side == Side::Destination {
        return Ok(());
    }
    let bell = lasting.bell.clone();
    let waker = |index| bell.waker(Token::Listener(index));
    match lasting.services.doors.take() {
        Some(doors) => lasting.services.install(doors, &ids, waker)?,
        None => lasting.services.listen(&ids, config, log, waker).await?,
    }
    for listener in &lasting.services.listeners {
        listener.waker.wake_by_ref();
    }
    Ok(())
}

//! The life of a local proxy: links to the server, one after the other, and when to stop.
//! (spec: secure-tunneling §5.5)

use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::Side;
use adit_tunnel::endpoint::{self, Endpoint, Plan};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::bell::{Bell, Token};
use crate::config::Config;
use crate::dial::{Dialer, Undone};
use crate::log::Log;
use crate::services::Services;
use crate::session::{Lasting, Outcome, Session};

/// Time local applications have for their last bytes before the program ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// Runs until the server ends the tunnel or refuses us; returns the exit status.
pub async fn run(config: &Config, log: Log) -> u8 {
    log.info(format_args!("Starting proxy in {} mode", config.side));
    let settings = endpoint::Settings {
        side: config.side,
        shape: config.shape,
        wanted: config.wanted(),
        max_connections: config.settings.max_active_connections,
    };
    let mut lasting = Lasting {
        endpoint: Endpoint::new(settings),
        services: Services::default(),
        bell: Arc::new(Bell::default()),
        ending: JoinSet::new(),
    };
    let status = links(config, log, &mut lasting).await;
    let ending = &mut lasting.ending;
    let _ = timeout(FAREWELL, async { while ending.join_next().await.is_some() {} }).await;
    status
}

async fn links(config: &Config, log: Log, lasting: &mut Lasting) -> u8 {
    let mut dialer = Dialer::new(config, log);
    let delay = config.settings.retry_delay;
    let mut failures = 0;
    let mut was_short = false;
    loop {
        let upgraded = match dialer.dial().await {
            Ok(upgraded) => upgraded,
            Err(Undone::Refused) => return 1,
            Err(Undone::Failed) => {
                if config.settings.connect_retries.is_some_and(|retries| failures >= retries) {
                    log.fatal("The proxy server could not be reached.");
                    return 1;
                }
                failures += 1;
                sleep(delay).await;
                continue;
            }
        };
        failures = 0;
        let began = Instant::now();
        let mut session = Session::new(upgraded, config, log, lasting);
        let end = drive(&mut session, config, log).await;
        session.finish();
        match end {
            End::Exit(status) => return status,
            End::Again(why) => log.error(format_args!("The link to the proxy server broke: {why}")),
        }
        let is_short = began.elapsed() < delay;
        if is_short && was_short {
            sleep(delay).await;
        }
        was_short = is_short;
    }
}

enum End {
    Exit(u8),
    Again(String),
}

async fn drive(session: &mut Session<'_>, config: &Config, log: Log) -> End {
    loop {
        match session.run().await {
            Outcome::Ready(plan) => {
                if let Err(why) = settle(session.lasting(), plan, config, log).await {
                    log.fatal(why);
                    return End::Exit(1);
                }
            }
            Outcome::Closed => return End::Exit(0),
            Outcome::Lost(why) => return End::Again(why),
            Outcome::Broken(why) if config.settings.reconnect_on_data_error => return End::Again(why),
            Outcome::Broken(why) => {
                log.fatal(why);
                return End::Exit(1);
            }
            Outcome::Fault(fault) => {
                log.fatal(fault);
                return End::Exit(1);
            }
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
    lasting.services.listen(&ids, config, log, |index| bell.waker(Token::Listener(index))).await?;
    for listener in &lasting.services.listeners {
        listener.waker.wake_by_ref();
    }
    Ok(())
}

//! The services of the tunnel and their local side: where each connects to, or which listener takes for it.
//! They outlive the links to the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use adit_tunnel::Side;
use adit_tunnel::endpoint::Plan;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::config::Config;
use crate::door::{Door, Intake};
use crate::log::Log;
use crate::mapping::{self, BadMapping, Target};
use crate::meter::Meter;
use crate::{local, tls};

/// A source's way in to one of its services.
#[derive(Debug)]
pub struct Listener {
    /// The index of the service.
    pub service: usize,
    /// Where connections come from.
    pub intake: Intake,
    /// Its port, 0 where it has none.
    pub port: u16,
    /// Counts what goes through it.
    pub meter: Arc<Meter>,
    /// Rings for it.
    pub waker: Waker,
}

/// The endpoints of all services, in the order of the protocol machine's table.
#[derive(Debug, Default)]
pub struct Services {
    targets: Vec<Target>,
    /// A source's listeners; empty until it listens.
    pub listeners: Vec<Listener>,
    /// What a source takes in their place, until the services are settled.
    pub doors: Option<Vec<Door>>,
}

impl Services {
    /// Services that a source serves through doors of the caller's.
    pub fn behind(doors: Vec<Door>) -> Services {
        Services { doors: Some(doors), ..Services::default() }
    }

    /// Whether they are not settled yet.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Where a destination connects for a service.
    pub fn target(&self, index: usize) -> Option<&Target> {
        self.targets.get(index)
    }

    /// Gives every service its endpoint, and tells the user.
    ///
    /// # Errors
    /// The text for a file's endpoint that is none.
    pub fn settle(&mut self, plan: Plan, ids: &[String], config: &Config, log: Log) -> Result<(), String> {
        if plan == Plan::Assigned && !config.files.is_empty() {
            log.info("Scan configuration files to find the service ids");
        }
        let targets: Result<Vec<Target>, String> = ids.iter().map(|id| target_of(id, config)).collect();
        self.targets = targets?;
        match plan {
            Plan::AsGiven => return Ok(()),
            Plan::Adopted => log.info("Updated port mapping for v1 format: "),
            Plan::Assigned => log.info("Use port mapping:"),
        }
        for (id, target) in ids.iter().zip(&self.targets) {
            log.info(format_args!("{id} = {target}"));
        }
        Ok(())
    }

    /// Opens a source's listeners, trying busy ports again for a while.
    ///
    /// # Errors
    /// The text for a port that stays busy or an address that is not ours.
    pub async fn listen(
        &mut self,
        ids: &[String],
        config: &Config,
        log: Log,
        waker: impl Fn(usize) -> Waker,
    ) -> Result<(), String> {
        let bind = config.bind.as_deref().unwrap_or(&config.settings.default_bind_address);
        let addresses = local::resolve(bind, 0)
            .await
            .map_err(|error| format!("Could not resolve bind address: {bind} -- {}", tls::plain(&error)))?;
        let Some(first) = addresses.first() else {
            return Err(format!("Could not resolve bind address: {bind} -- no address"));
        };
        log.debug(format_args!("Resolved bind IP: {}", first.ip()));
        for (index, (id, target)) in ids.iter().zip(&self.targets).enumerate() {
            let wanted = match target {
                Target::Tcp(_, port) => *port,
                Target::Unix(path) => {
                    return Err(format!("A source listens on a port, not on {}", path.display()));
                }
            };
            let socket = listen_patiently(SocketAddr::new(first.ip(), wanted), config, log).await?;
            let port = socket.local_addr().map_err(|error| tls::plain(&error))?.port();
            if wanted == 0 {
                log.info(format_args!("Listen port assigned for service id {id}. New port mapping: "));
                log.info(format_args!("{id} = {port}"));
            }
            log.info(format_args!("Listening for new connection on port {port}"));
            let (intake, meter, waker) = (Intake::Tcp(socket), Arc::default(), waker(index));
            self.listeners.push(Listener { service: index, intake, port, meter, waker });
        }
        Ok(())
    }

    /// Puts doors that are made already in the place of listeners.
    ///
    /// # Errors
    /// The text for a door to a service that the tunnel does not have.
    pub fn install(
        &mut self,
        doors: Vec<Door>,
        ids: &[String],
        waker: impl Fn(usize) -> Waker,
    ) -> Result<(), String> {
        for (index, door) in doors.into_iter().enumerate() {
            let is_it = |id: &String| *id == door.service || id.is_empty();
            let service = ids.iter().position(is_it).ok_or_else(|| {
                format!("the tunnel has no service {}; it has {}", door.service, ids.join(", "))
            })?;
            let port = match &door.intake {
                Intake::Tcp(socket) => socket.local_addr().map_or(0, |address| address.port()),
                Intake::Unix(_) | Intake::Handed(_) => 0,
            };
            let Door { intake, meter, .. } = door;
            self.listeners.push(Listener { service, intake, port, meter, waker: waker(index) });
        }
        Ok(())
    }
}

/// The endpoint of a service: from the command line, from a file, or a port of the system's choice.
fn target_of(id: &str, config: &Config) -> Result<Target, String> {
    if let Some(mapping) = &config.mapping {
        let known = mapping.entries.iter().find(|(known, _)| known == id || known.is_empty());
        return known
            .map(|(_, target)| target.clone())
            .ok_or_else(|| format!("No endpoint for service id {id}"));
    }
    match config.files.get(id) {
        Some(text) => mapping::parse_target(text).map_err(|bad| {
            let why = match bad {
                BadMapping::Rejected(rejected) => rejected.message.to_owned(),
                BadMapping::Format(text) => text,
            };
            format!("Wrong endpoint for service id {id} in the configuration files: {text}: {why}")
        }),
        None if config.side == Side::Source => Ok(Target::Tcp(String::new(), 0)),
        None => Err(format!("No endpoint for service id {id}")),
    }
}

async fn listen_patiently(address: SocketAddr, config: &Config, log: Log) -> Result<TcpListener, String> {
    let mut tries = 0;
    loop {
        let error = match local::listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let text = format!("Could not bind to address: {address} -- {}", tls::plain(&error));
        if config.settings.tcp_retries.is_some_and(|retries| tries >= retries) {
            return Err(text);
        }
        log.error(&text);
        tries += 1;
        sleep(config.settings.tcp_retry_delay).await;
    }
}

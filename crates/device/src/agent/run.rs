//! The agent at work: one task that waits for everything at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::clock::Clock;
use super::config::{Config, Problem};
use super::keep;
use super::notify::{self, Memory, Refusal, Verdict};
use super::status::{self, Complaint, Facts, LastRefusal, Reporter};
use super::systemd::Systemd;
use super::tunnels::{Over, Tunnels};
use super::uplink::{Happening, Up, Uplink};
use crate::log::Log;
use crate::mqtt::{Event, QoS, Received, Ticket, message};

/// Addresses that are reported at most.
const ADDRESSES: usize = 16;

/// Threads for names and files at most. A resolver that hangs takes one for as long as it hangs, and every tunnel may ask.
const THREADS: usize = 32;

/// Where the configuration comes from; asked again on SIGHUP.
pub type Load<'a> = &'a dyn Fn() -> Result<Config, Vec<Problem>>;

/// Runs the agent until SIGTERM or SIGINT.
///
/// # Errors
/// The operating system gives no sockets or signals.
pub fn run(config: Config, load: Load<'_>) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(THREADS).build()?;
    let result = runtime.block_on(work(config, load));
    runtime.shutdown_background();
    result
}

/// The same, inside a runtime.
///
/// # Errors
/// See [`run`].
pub async fn work(config: Config, load: Load<'_>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let systemd = Systemd::of_environment(&|name| std::env::var(name).ok());
    let mut agent = Agent::new(config, systemd);
    let changed = agent.tunnels.notifier();
    let mut alive = interval(agent.systemd.alive_every().unwrap_or(Duration::from_secs(3600)));
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    agent.systemd.ready();
    loop {
        let report = agent.report_at();
        tokio::select! {
            happening = agent.uplink.next() => agent.happened(happening),
            over = agent.tunnels.next_over() => agent.over(over),
            () = changed.notified() => agent.changed(),
            () = sleep_until(report.unwrap_or_else(Instant::now)), if report.is_some() => agent.report(),
            _ = alive.tick() => agent.systemd.alive(),
            _ = hangup.recv() => agent.reload(load).await,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    agent.stop().await;
    Ok(())
}

struct Agent {
    config: Arc<Config>,
    log: Log,
    clock: Arc<Clock>,
    systemd: Systemd,
    uplink: Uplink,
    tunnels: Tunnels,
    memory: Memory,
    reporter: Reporter,
    /// The report that is not acknowledged yet.
    reporting: Option<Ticket>,
    up: Option<Up>,
    last_refusal: Option<LastRefusal>,
    began: Instant,
    started_at: Option<u64>,
}

impl Agent {
    fn new(config: Config, systemd: Systemd) -> Agent {
        let log = Log::of_agent(config.log_level);
        let config = Arc::new(config);
        log.info(format_args!(
            "adit agent {} for {}; services: {}",
            env!("CARGO_PKG_VERSION"),
            config.endpoint,
            config.services.names()
        ));
        let can_keep = match keep::try_folder(&config.state_dir) {
            Ok(()) => true,
            Err(error) => {
                log.warning(format_args!(
                    "{error}; going on without: a restart ends the tunnels under way, and the time is not kept"
                ));
                false
            }
        };
        let clock = Arc::new(Clock::new(&config.state_dir));
        let mut memory = Memory::default();
        let mut tunnels = Tunnels::new(&config.state_dir, can_keep, clock.clone(), log);
        tunnels.resume(&config, &mut memory);
        Agent {
            uplink: Uplink::new(config.clone(), clock.clone(), log),
            config,
            log,
            clock,
            systemd,
            tunnels,
            memory,
            reporter: Reporter::default(),
            reporting: None,
            up: None,
            last_refusal: None,
            began: Instant::now(),
            started_at: None,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Up(up) => {
                self.up = Some(up);
                self.reporting = None;
                self.reporter.up();
                self.tell_systemd();
            }
            Happening::Down => {
                self.up = None;
                if let Some(complaint) = self.reporter.down(self.now()) {
                    self.complain(complaint);
                }
                self.tell_systemd();
            }
            Happening::Event(Event::Message(received)) => self.received(&received),
            Happening::Event(Event::Published(ticket, reason)) => {
                if self.reporting == Some(ticket) {
                    self.reporting = None;
                    if let Some(complaint) = self.reporter.answered(reason, self.now()) {
                        self.complain(complaint);
                    }
                }
            }
        }
    }

    fn received(&mut self, received: &Received) {
        let is_notification =
            self.up.as_ref().is_some_and(|up| *received.message.topic == *notify::topic(&up.thing));
        if !is_notification {
            self.log
                .debug(format_args!("a message on {} is not for us", received.message.topic.escape_debug()));
            return;
        }
        match notify::judge(&received.message.payload, &self.config.services, &mut self.memory) {
            Verdict::Duplicate => self.log.debug("a notification came again; nothing is opened again"),
            Verdict::Refused(refusal) => self.refuse(refusal),
            Verdict::Open(notice) => {
                let services = notice.services.join(", ");
                match self.tunnels.open(notice, &self.config) {
                    Ok(number) => self.log.info(format_args!("tunnel {number}: opened for {services}")),
                    Err(refusal) => self.refuse(refusal),
                }
                self.changed();
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let Refusal { services, reason } = refusal;
        self.log.warning(format_args!("a tunnel was not opened: {reason}"));
        self.last_refusal = Some(LastRefusal { at: self.clock.now(), services, reason });
        self.changed();
    }

    fn over(&mut self, over: Over) {
        let Over { number, services, reason, is_refusal } = over;
        if is_refusal {
            self.log.warning(format_args!("tunnel {number}: over: {reason}"));
            self.last_refusal = Some(LastRefusal { at: self.clock.now(), services, reason });
        } else {
            self.log.info(format_args!("tunnel {number}: over: {reason}"));
        }
        self.changed();
    }

    fn changed(&mut self) {
        self.reporter.changed();
        self.tell_systemd();
    }

    fn tell_systemd(&self) {
        let place = &self.config.endpoint;
        let connection = match &self.up {
            Some(up) => format!("connected to {place} as thing {}", up.thing),
            None => format!("not connected to {place}"),
        };
        self.systemd.status(&format!("{connection}; tunnels: {}", self.tunnels.len()));
    }

    /// When the next report is due.
    fn report_at(&self) -> Option<Instant> {
        let due = self.reporter.due().filter(|_| self.config.report)?;
        Some(self.began + Duration::from_millis(due))
    }

    fn report(&mut self) {
        let Some(up) = self.up.clone() else { return };
        let facts = self.facts(&up);
        let now = self.now();
        let Some(document) = self.reporter.take(now, &facts) else { return };
        self.reporting = self.uplink.send(message(&status::topic(&up.thing), &document, QoS::AtLeastOnce));
        self.log.debug("reported to the shadow adit-agent");
    }

    fn facts(&mut self, up: &Up) -> Facts {
        if self.started_at.is_none() && !self.clock.is_behind() {
            self.started_at = Some(self.clock.now().saturating_sub(self.began.elapsed().as_secs()));
        }
        Facts {
            hostname: hostname(),
            addresses: addresses(up),
            started_at: self.started_at,
            services: self.config.services.iter().map(|(id, _)| id.to_owned()).collect(),
            max_tunnels: self.config.max_tunnels,
            tunnels: self.tunnels.facts(),
            last_refusal: self.last_refusal.clone(),
        }
    }

    fn complain(&self, complaint: Complaint) {
        let thing = self.up.as_ref().map_or("THING", |up| up.thing.as_str());
        match complaint {
            Complaint::Denied => self.log.warning(format_args!(
                "the report was denied; to see this device's version, addresses and services in its shadow, let a policy \
                 allow iot:Publish on topic/{}, or set report = false",
                status::topic(thing)
            )),
            Complaint::Refused(reason) => {
                self.log.warning(format_args!("the server did not take the report: {}", reason.text()));
            }
            Complaint::Cut(pause) => self.log.warning(format_args!(
                "the connection was cut right after the report; leaving the report out for {} s",
                pause.as_secs()
            )),
        }
    }

    async fn reload(&mut self, load: Load<'_>) {
        match load() {
            Ok(config) => {
                self.config = Arc::new(config);
                self.log = Log::of_agent(self.config.log_level);
                self.log.info("configuration and certificates are read again; connecting anew");
                self.up = None;
                self.uplink.renew(self.config.clone(), self.log).await;
                self.changed();
            }
            Err(problems) => {
                for problem in problems {
                    self.log.error(problem);
                }
                self.log.error("the configuration cannot be used; going on with the one before");
            }
        }
    }

    async fn stop(mut self) {
        self.systemd.stopping();
        self.log.info("ending");
        self.uplink.goodbye().await;
        self.tunnels.stop().await;
    }
}

fn hostname() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    text.trim().to_owned()
}

/// The addresses of this machine that others may use, the one towards the server first.
fn addresses(up: &Up) -> Vec<String> {
    let mut found: Vec<std::net::IpAddr> = up.address.iter().map(|address| address.ip()).collect();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        let ip = interface.ip();
        if !interface.is_loopback() && !interface.is_link_local() && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found.iter().take(ADDRESSES).map(ToString::to_string).collect()
}

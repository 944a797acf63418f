//! The tunnels under way: opened, capped, kept over a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adit_tunnel::Side;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::clock::Clock;
use super::config::Config;
use super::keep;
use super::notify::{Memory, Notice, Refusal};
use super::status;
use super::trust;
use crate::config::{self as proxy_config, Trust};
use crate::input;
use crate::log::Log;
use crate::proxy::{self, Ended, News};

/// Time between pings; with [`SILENCE`] a flow that died without a word is noticed well within a minute.
const PING: Duration = Duration::from_secs(10);

/// Silence of the server after which a link is made anew.
const SILENCE: Duration = Duration::from_secs(30);

/// The first wait for a server that does not answer, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(20));

/// The longest life of a tunnel, and an hour more. spec: secure-tunneling §1.7
const LIFE: Duration = Duration::from_secs(13 * 3600);

/// Bytes of the file of tunnels at most.
const FILE: u64 = 1024 * 1024;

/// All tunnels of the agent.
pub struct Tunnels {
    running: BTreeMap<u32, Running>,
    tasks: JoinSet<(u32, Option<Ended>)>,
    last: u32,
    changed: Arc<Notify>,
    file: PathBuf,
    is_kept: bool,
    clock: Arc<Clock>,
    log: Log,
}

struct Running {
    notice: Notice,
    client_token: String,
    opened_at: u64,
    is_up: Arc<AtomicBool>,
    task: AbortHandle,
}

/// How a tunnel ended, as a sentence, and whether that was a refusal.
#[derive(Debug)]
pub struct Over {
    /// The number it has in the log.
    pub number: u32,
    /// Its services.
    pub services: Vec<String>,
    /// Why it is over.
    pub reason: String,
    /// Whether the server refused it, or it could not go on here.
    pub is_refusal: bool,
}

impl Tunnels {
    /// No tunnels yet. `can_keep`: the state folder can be written.
    pub fn new(state_dir: &Path, can_keep: bool, clock: Arc<Clock>, log: Log) -> Tunnels {
        Tunnels {
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            last: 0,
            changed: Arc::new(Notify::new()),
            file: state_dir.join("tunnels.json"),
            is_kept: can_keep,
            clock,
            log,
        }
    }

    /// Takes up the tunnels of an earlier run: each has its own client token, so that the server lets it in again.
    /// Their access tokens count as seen.
    pub fn resume(&mut self, config: &Config, memory: &mut Memory) {
        let Some(kept) = read(&self.file) else { return };
        for (notice, client_token) in kept.into_iter().take(config.max_tunnels) {
            memory.note(&notice.access_token);
            match notice.services.iter().find(|id| config.services.target(id).is_none()) {
                Some(gone) => {
                    self.log
                        .info(format_args!("a tunnel is not taken up again: {gone} is no longer offered"));
                }
                None => match self.start(notice, Some(client_token), config) {
                    Ok(number) => {
                        self.log.info(format_args!("tunnel {number}: taken up again after a restart"))
                    }
                    Err(refusal) => self.log.error(refusal.reason),
                },
            }
        }
        self.keep();
    }

    /// Opens a tunnel.
    ///
    /// When all places are taken, a tunnel for the same services whose link is down gives way: a new token for it
    /// (rotation) is how an operator brings back a side that is lost. Otherwise there is nothing to do about an old
    /// tunnel: the server ends its link once the new token has connected, and then refuses the old one.
    ///
    /// # Errors
    /// All places are taken, or the tunnel endpoint makes no sense.
    pub fn open(&mut self, notice: Notice, config: &Config) -> Result<u32, Refusal> {
        if self.running.len() >= config.max_tunnels {
            let is_lost = |running: &Running| {
                running.notice.services == notice.services && !running.is_up.load(Ordering::Relaxed)
            };
            let lost = self.running.iter().find(|(_, running)| is_lost(running)).map(|(number, _)| *number);
            match lost.and_then(|number| self.running.remove(&number).map(|running| (number, running))) {
                Some((number, running)) => {
                    running.task.abort();
                    self.log.info(format_args!("tunnel {number}: over: a new token took its place"));
                }
                None => {
                    let reason = format!(
                        "{} tunnels are open, the most allowed: close one, or raise max-tunnels",
                        self.running.len()
                    );
                    return Err(Refusal { services: notice.services, reason });
                }
            }
        }
        let number = self.start(notice, None, config)?;
        self.keep();
        Ok(number)
    }

    fn start(
        &mut self,
        notice: Notice,
        client_token: Option<String>,
        config: &Config,
    ) -> Result<u32, Refusal> {
        let refuse = |reason| Refusal { services: notice.services.clone(), reason };
        let mut end = self.end_of(&notice, config).map_err(refuse)?;
        if let Some(token) = client_token {
            end.client_token = token;
        }
        self.last += 1;
        let number = self.last;
        let is_up = Arc::new(AtomicBool::new(false));
        let client_token = end.client_token.clone();
        let log = self.log;
        let (up, changed) = (is_up.clone(), self.changed.clone());
        let task = self.tasks.spawn(async move {
            let place = crate::mqtt::dial::place(&end.host, end.port);
            let watcher = |news: News<'_>| {
                let is_up = news == News::Up;
                if up.swap(is_up, Ordering::Relaxed) != is_up {
                    match news {
                        News::Up => log.info(format_args!("tunnel {number}: connected to {place}")),
                        News::Down(why) => log.warning(format_args!("tunnel {number}: disconnected: {why}")),
                    }
                    changed.notify_one();
                }
            };
            (number, timeout(LIFE, proxy::keep(&end, log.of_tunnel(number), &watcher)).await.ok())
        });
        let opened_at = self.clock.now();
        self.running.insert(number, Running { notice, client_token, opened_at, is_up, task });
        Ok(number)
    }

    fn end_of(&self, notice: &Notice, config: &Config) -> Result<proxy_config::Config, String> {
        let (ca_file, clock, log) = (config.ca_file.clone(), self.clock.clone(), self.log);
        let trust = Trust::Made(Arc::new(move || trust::client(ca_file.as_deref(), None, &[], &clock, log)));
        let endpoint = config.tunnels_of(&notice.region);
        let token = notice.access_token.clone();
        let mut end = proxy_config::Config::new(Side::Destination, &endpoint, token, trust)
            .map_err(|why| format!("the tunnel endpoint is {why}"))?;
        end.files = config.services.iter().map(|(id, target)| (id.to_owned(), target.to_string())).collect();
        end.web_proxy.clone_from(&config.http_proxy);
        let settings = &mut end.settings;
        (settings.ping_period, settings.silence) = (PING, SILENCE);
        (settings.retry_delay, settings.retry_cap) = (RETRY.0, Some(RETRY.1));
        // Someone is waiting: an application that is not there is better said at once.
        (settings.tcp_retries, settings.tcp_retry_delay) = (Some(1), Duration::from_millis(500));
        Ok(end)
    }

    /// Waits for the end of a tunnel; for ever when there is none.
    pub async fn next_over(&mut self) -> Over {
        loop {
            let joined = match self.tasks.join_next_with_id().await {
                Some(joined) => joined,
                None => std::future::pending().await,
            };
            let (number, ended) = match joined {
                Ok((_, (number, ended))) => (number, Some(ended)),
                Err(error) => {
                    let found = self.running.iter().find(|(_, running)| running.task.id() == error.id());
                    let Some((number, _)) = found else { continue };
                    (*number, None)
                }
            };
            let Some(running) = self.running.remove(&number) else { continue };
            self.keep();
            let (reason, is_refusal) = words(ended);
            return Over { number, services: running.notice.services, reason, is_refusal };
        }
    }

    /// Is notified when a tunnel's link came up or went down.
    pub fn notifier(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// For the report.
    pub fn facts(&self) -> Vec<status::Tunnel> {
        let one = |running: &Running| status::Tunnel {
            services: running.notice.services.clone(),
            opened_at: running.opened_at,
            is_connected: running.is_up.load(Ordering::Relaxed),
        };
        self.running.values().map(one).collect()
    }

    /// Tunnels under way.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Ends all links at once, and leaves what is kept for the next start.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    /// Writes down what a restart needs. Without a folder that can be written, a restart ends the tunnels.
    fn keep(&mut self) {
        if !self.is_kept {
            return;
        }
        let list: Vec<Value> = self.running.values().map(Running::to_json).collect();
        let result = if list.is_empty() {
            match keep::remove(&self.file) {
                // A root that is read-only has no such file, and there is nothing to keep either.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        } else {
            keep::write(&self.file, Value::Array(list).to_string().as_bytes())
        };
        if let Err(error) = result {
            self.is_kept = false;
            self.log.warning(format_args!("{error}; tunnels will not survive a restart of the agent"));
        }
    }
}

impl Running {
    fn to_json(&self) -> Value {
        json!({
            "accessToken": self.notice.access_token,
            "clientToken": self.client_token,
            "region": self.notice.region,
            "services": self.notice.services,
        })
    }
}

fn words(ended: Option<Option<Ended>>) -> (String, bool) {
    match ended {
        Some(Some(Ended::Closed)) => ("closed by the server".to_owned(), false),
        Some(Some(Ended::Refused { status, text })) => {
            (format!("the server refused it ({status}): {text}"), true)
        }
        Some(Some(Ended::Fault(why))) => (why, true),
        Some(Some(Ended::Unreachable)) => ("the server cannot be reached".to_owned(), true),
        Some(None) => ("no tunnel lives longer than 12 hours".to_owned(), false),
        None => ("a fault of the agent; please report it".to_owned(), true),
    }
}

/// What an earlier run has kept; a file that is damaged is none.
fn read(file: &Path) -> Option<Vec<(Notice, String)>> {
    std::fs::metadata(file).ok().filter(|meta| meta.len() <= FILE)?;
    let value: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let one = |value: &Value| {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = value.get("services").and_then(Value::as_array)?;
        let services: Vec<String> = list.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let notice = Notice { access_token: text("accessToken"), region: text("region"), services };
        let client_token = text("clientToken");
        let is_whole = input::access_token(&notice.access_token).is_ok()
            && input::client_token(&client_token).is_ok()
            && input::region(&notice.region).is_ok()
            && !client_token.is_empty()
            && !notice.services.is_empty();
        is_whole.then_some((notice, client_token))
    };
    Some(value.as_array()?.iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(token: &str, services: &[&str]) -> Notice {
        Notice {
            access_token: token.to_owned(),
            region: "us-east-1".to_owned(),
            services: services.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn config(more: &str) -> Config {
        // Nobody listens on port 9 of this machine; tunnels stay down.
        let text = format!("endpoint = \"127.0.0.1\"\ntunnel-endpoint = \"127.0.0.1:9\"\n{more}");
        Config::parse(&text).unwrap()
    }

    fn tunnels(dir: &Path) -> Tunnels {
        Tunnels::new(dir, true, Arc::new(Clock::with_floor(0)), Log::new(0))
    }

    #[tokio::test]
    async fn places_are_limited_and_a_lost_tunnel_gives_way_to_its_new_token() {
        let dir = tempfile::tempdir().unwrap();
        let config = config("max-tunnels = 2");
        let mut tunnels = tunnels(dir.path());
        assert_eq!(tunnels.open(notice("one", &["SSH"]), &config), Ok(1));
        assert_eq!(tunnels.open(notice("two", &["HTTP"]), &config), Ok(2));
        let refusal = tunnels.open(notice("three", &["VNC"]), &config).unwrap_err();
        assert_eq!(refusal.reason, "2 tunnels are open, the most allowed: close one, or raise max-tunnels");
        assert_eq!(refusal.services, ["VNC"]);
        assert_eq!(tunnels.open(notice("four", &["SSH"]), &config), Ok(3));
        assert_eq!(tunnels.running.keys().copied().collect::<Vec<_>>(), [2, 3]);
        if let Some(running) = tunnels.running.get(&3) {
            running.is_up.store(true, Ordering::Relaxed);
        }
        assert!(tunnels.open(notice("five", &["SSH"]), &config).is_err(), "a connected one stays");
    }

    #[tokio::test]
    async fn tunnels_are_kept_with_their_client_tokens_and_only_for_the_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let config = config("");
        let mut first = tunnels(dir.path());
        first.open(notice("one", &["SSH"]), &config).unwrap();
        let client_token = first.running.get(&1).unwrap().client_token.clone();
        assert!(client_token.starts_with("adit-auto-"));
        first.stop().await;
        let mode = std::fs::metadata(dir.path().join("tunnels.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let (mut second, mut memory) = (tunnels(dir.path()), Memory::default());
        second.resume(&config, &mut memory);
        assert_eq!(second.running.get(&1).unwrap().client_token, client_token);
        assert!(!memory.note("one"), "the notification may come once more");
        second.stop().await;

        let without = Config::parse("endpoint = \"a\"\n[services]\nSSH = \"off\"").unwrap();
        let mut third = tunnels(dir.path());
        third.resume(&without, &mut Memory::default());
        assert!(third.is_empty());
        assert!(!dir.path().join("tunnels.json").exists());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let config = config("");
        let mut tunnels = tunnels(&file);
        tunnels.resume(&config, &mut Memory::default());
        assert_eq!(tunnels.open(notice("one", &["SSH"]), &config), Ok(1));
        assert!(!tunnels.is_kept);
    }

    #[test]
    fn a_damaged_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tunnels.json");
        for text in [
            "",
            "{}",
            "[1]",
            r#"[{"accessToken":"a"}]"#,
            r#"[{"accessToken":"a\n","clientToken":"0123456789abcdef0123456789abcdef","region":"r","services":["SSH"]}]"#,
        ] {
            std::fs::write(&file, text).unwrap();
            assert!(read(&file).unwrap_or_default().is_empty(), "{text}");
        }
        let good = r#"[{"accessToken":"a","clientToken":"0123456789abcdef0123456789abcdef","region":"r","services":["SSH"]}]"#;
        std::fs::write(&file, good).unwrap();
        assert_eq!(read(&file).unwrap().len(), 1);
    }
}

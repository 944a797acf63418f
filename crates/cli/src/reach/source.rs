//! The source side of the tunnel, running beside everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adit_device::config::{Config, Trust};
use adit_device::door::Door;
use adit_device::log::Log;
use adit_device::proxy::{self, Ended, News};
use adit_device::{Side, Version};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::call::Calls;
use crate::exit::{Code, Failure, Result};

/// The first and the longest wait between tries to reach the server. A person waits for it.
const RETRY: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// A source that runs.
pub struct Source {
    task: JoinHandle<()>,
    endpoint: String,
    is_up: Arc<AtomicBool>,
    /// Why the link is down, for the one who has to say that it is.
    trouble: watch::Receiver<String>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Source {
    /// Connects to the server with the token, bound to a client token of this program's own, so that a link that breaks
    /// is made again without another token.
    pub fn start(
        calls: &Calls,
        endpoint: &str,
        token: String,
        shape: Option<Version>,
        log: Log,
        doors: Vec<Door>,
    ) -> Result<Source> {
        let trust = Trust::System { capath: calls.ca().map(Into::into), verify: true };
        let config = Config::new(Side::Source, endpoint, token, trust);
        let mut config = config.map_err(|why| Failure::usage(format!("--tunnel-endpoint: {why}")))?;
        config.shape = shape.unwrap_or(Version::V3);
        config.web_proxy = calls.web_proxy(&config.host, config.port)?;
        config.settings.retry_delay = RETRY.0;
        config.settings.retry_cap = Some(RETRY.1);
        let is_up = Arc::new(AtomicBool::new(false));
        let (say, trouble) = watch::channel(String::new());
        let (end, ended) = watch::channel(None);
        let up = is_up.clone();
        let task = tokio::spawn(async move {
            let watcher = move |news: News<'_>| match news {
                News::Up => up.store(true, Ordering::Relaxed),
                News::Down(why) => {
                    up.store(false, Ordering::Relaxed);
                    say.send_replace(why.to_owned());
                }
            };
            let how = proxy::keep_source(&config, doors, log, &watcher).await;
            end.send_replace(Some(how));
        });
        Ok(Source { task, endpoint: endpoint.to_owned(), is_up, trouble, ended })
    }

    /// Whether the link to the server is up.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Waits until the server ends the tunnel or refuses us, and says so.
    pub async fn ended(&mut self) -> Failure {
        let how = self.ended.wait_for(Option::is_some).await.ok().and_then(|how| how.clone());
        match how {
            Some(Ended::Closed) => Failure::failed("the tunnel was closed, or its lifetime is over")
                .next("open another; `adit tunnel list` shows which are open"),
            Some(Ended::Refused { status, text }) => Failure::new(
                Code::Denied,
                format!("{} refused the source of the tunnel: {text} (HTTP {status})", self.endpoint),
            )
            .next("look whether somebody closed the tunnel or rotated its token: `adit tunnel list`"),
            Some(Ended::Fault(why)) => Failure::failed(format!("the tunnel cannot be used: {why}")),
            Some(Ended::Unreachable) | None => self.unreachable(),
        }
    }

    /// The link to the server does not come up.
    pub fn unreachable(&self) -> Failure {
        let why = self.trouble.borrow().clone();
        let why = if why.is_empty() { "no answer".to_owned() } else { why };
        Failure::unreachable(format!("the tunnels at {} cannot be reached from here: {why}", self.endpoint))
            .next("name another place with --tunnel-endpoint, or look for a firewall or proxy in between")
    }

    /// Ends it and its connections.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
    }
}

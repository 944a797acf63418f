//! Starting, running and ending a server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use adit_iot::{Secret, Timestamp};
use adit_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::access::AccessCache;
use crate::audit::Budget;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::console::Codes;
use crate::identity::Keys;
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::mqtt::Gateway;
use crate::nearby::Nearby;
use crate::net::listen::{Door, Listener, bind};
use crate::net::tls::Tls;
use crate::rates::Rates;
use crate::refusals::Refusals;
use crate::seal::Seal;
use crate::shutdown::{Phase, Phases};
use crate::sides::Sides;
use crate::state::{Listening, State};
use crate::tasks::Tasks;
use crate::timeline::Timeline;
use crate::trouble::StartError;
use crate::tunnel::Relays;
use crate::why::Why;
use crate::{admin, audit, files, pki, sweep};

/// How often the certificate is looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(3600);
/// Time that tasks have to end once they were told to.
const LAST_WORDS: Duration = Duration::from_secs(6);

/// The server; [`Server::start`] makes a [`Running`] one.
#[derive(Debug)]
pub struct Server;

/// A server that serves. Dropping it ends it at once; [`Running::end`] is kinder.
pub struct Running {
    control: Arc<Control>,
    tasks: JoinSet<()>,
    metrics_address: Option<SocketAddr>,
    first_start: bool,
}

/// What an operator can do to a running server.
pub struct Control {
    /// The server.
    pub state: Arc<State>,
    tls: Arc<Tls>,
    certificate_ends: std::sync::atomic::AtomicI64,
}

impl Server {
    /// Starts with the machine's clock and randomness.
    ///
    /// # Errors
    /// [`StartError`] says what failed, on which path or port, and what to do.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::start_with(config, Clock::Real, Ids::Real).await
    }

    /// Starts with a clock and ids of the caller's.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(config: Config, clock: Clock, ids: Ids) -> Result<Running, StartError> {
        refuse_problems(&config)?;
        let now = Timestamp::from_millis(clock.now_ms());
        let folder = config.node.data_dir.clone();
        files::folder(&folder)?;
        // The store holds the folder's lock from here on.
        let store = open_store(&folder)?;
        let any_account = any_account(&config)?;
        let keys = Keys::new(Seal::of_folder(&folder, &ids)?, any_account);
        let first_start = keys.first_key(&store, &config, &ids, now).await?;
        store.all_sides_left(now).await.map_err(store_failed)?;
        let identities = pki::prepare(&config, &ids, now.millis())?;
        let ends = identities.ends_at;
        let tls = Arc::new(Tls::new(&config, identities)?);
        let listeners = config.listen.iter().map(Listener::new).collect::<Result<Vec<_>, _>>()?;
        let metrics_listener = config.metrics.address.map(bind).transpose()?;
        let metrics_address = metrics_listener.as_ref().and_then(|l| l.local_addr().ok());
        let admin_listener = admin::bind(&folder.join("admin.sock"))?;
        let listening: Vec<Listening> = listeners.iter().map(Listener::listening).collect();
        Nearby::new(&config, &listening).write(&folder)?;
        let state = state(config, store, keys, clock, ids, listening, now);
        let control = Arc::new(Control { state, tls: Arc::clone(&tls), certificate_ends: ends.into() });
        let mut running = Running { control, tasks: JoinSet::new(), metrics_address, first_start };
        running.state().gateway.load(running.state()).await.map_err(store_failed)?;
        running.tasks.spawn(Gateway::write(Arc::clone(running.state())));
        running.tasks.spawn(Gateway::watch(Arc::clone(running.state())));
        running.tasks.spawn(Timeline::run(Arc::clone(running.state())));
        running.spawn_listeners(listeners, tls, metrics_listener);
        running.tasks.spawn(admin::serve(Arc::clone(&running.control), admin_listener));
        running.tasks.spawn(sweep::run(Arc::clone(running.state())));
        running.tasks.spawn(watch_certificate(Arc::clone(&running.control)));
        running.state().audit(audit::entry("StartServer", "ok", now)).await;
        Ok(running)
    }
}

fn refuse_problems(config: &Config) -> Result<(), StartError> {
    let problems: Vec<String> = config.problems().iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(StartError::new(problems.join("\n"), "`adit config explain KEY` says what each key allows"))
}

fn open_store(folder: &Path) -> Result<Store, StartError> {
    Store::open(folder).map_err(store_failed)
}

/// The store's own text names the path and the remedy.
fn store_failed(error: adit_store::Error) -> StartError {
    let text = error.to_string();
    match text.split_once("; ") {
        Some((what, advice)) => StartError::new(what, advice),
        None => StartError::new(text, "check the data folder (node.data-dir)"),
    }
}

fn any_account(config: &Config) -> Result<Option<Secret>, StartError> {
    let secret = config.any_account_secret().map_err(|problem| {
        StartError::new(problem.to_string(), "write the secret there, or remove the key")
    })?;
    if secret.is_some() {
        tracing::warn!(
            "TEST SWITCH ON: every 12-digit access key id is accepted as its own account with one shared secret \
             (test.any-account-secret); whoever knows it owns every account of this server"
        );
    }
    Ok(secret.map(|s| Secret::new(s.reveal())))
}

fn state(
    config: Config,
    store: Store,
    keys: Keys,
    clock: Clock,
    ids: Ids,
    listeners: Vec<Listening>,
    started_at: Timestamp,
) -> Arc<State> {
    let issuer = pki::DeviceIssuer::new(&config.node.data_dir.join("pki"));
    let metrics = Metrics::new();
    let timeline =
        Arc::new(Timeline::new(config.timeline.events_per_thing, metrics.timeline_lost_full.clone()));
    Arc::new_cyclic(|this: &Weak<State>| State {
        gateway: Gateway::new(this.clone(), &config, &metrics, clock.clone()),
        relays: Relays::new(Arc::new(Sides(this.clone())), config.tunnel.idle_timeout),
        config,
        store,
        clock,
        ids,
        keys,
        gate: crate::gate::Gate::default(),
        arrivals: crate::provision::Arrivals::default(),
        fleet: crate::provision::fleet::Fleet::default(),
        issuer,
        metrics,
        refusals: Refusals::default(),
        access: AccessCache::default(),
        authority: Authority::default(),
        why: Why::new(Arc::clone(&timeline)),
        timeline,
        rates: Rates::default(),
        codes: Codes::default(),
        tasks: Tasks::default(),
        store_checked: tokio::sync::Mutex::default(),
        strangers: Budget::default(),
        phases: Phases::default(),
        listeners,
        started_at,
    })
}

async fn watch_certificate(control: Arc<Control>) {
    let state = &control.state;
    loop {
        tokio::select! {
            () = tokio::time::sleep(CERTIFICATE_CHECK) => {}
            () = state.phases.reached(Phase::Ending) => return,
        }
        control.renew_certificate_if_due();
    }
}

impl Control {
    /// Reads the operator's certificate again, or makes ours again where needed. Connections already there keep the
    /// old one.
    ///
    /// # Errors
    /// The new certificate is unusable; the old one stays in use.
    pub fn reload(&self) -> Result<(), StartError> {
        let state = &self.state;
        let result = pki::prepare(&state.config, &state.ids, state.clock.now_ms()).and_then(|identities| {
            self.certificate_ends.store(identities.ends_at, std::sync::atomic::Ordering::Relaxed);
            self.tls.replace(identities)
        });
        match &result {
            Ok(()) => tracing::info!("the certificate was loaded again; new connections use it"),
            Err(error) => tracing::error!(%error, "the new certificate is not used, the old one stays"),
        }
        result
    }

    fn renew_certificate_if_due(&self) {
        let ends = self.certificate_ends.load(std::sync::atomic::Ordering::Relaxed);
        if pki::is_due(ends, self.state.clock.now_ms()) {
            let _ = self.reload();
        }
    }
}

impl Running {
    fn spawn_listeners(&mut self, listeners: Vec<Listener>, tls: Arc<Tls>, metrics: Option<TcpListener>) {
        let state = Arc::clone(self.state());
        let door = Arc::new(Door::new(&state, tls));
        for listener in listeners {
            tracing::info!(
                address = %listener.address,
                tls = listener.tls,
                serve = %listener.serve.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(","),
                "listening"
            );
            self.tasks.spawn(listener.run(Arc::clone(&state), Arc::clone(&door)));
        }
        if let Some(listener) = metrics {
            self.tasks.spawn(admin::serve_metrics(state, listener));
        }
    }

    /// What the server holds.
    #[must_use]
    pub fn state(&self) -> &Arc<State> {
        &self.control.state
    }

    /// Where it listens, in the order of the configuration.
    #[must_use]
    pub fn listeners(&self) -> &[Listening] {
        &self.control.state.listeners
    }

    /// Where `/metrics` is.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Whether this start made the first access key.
    #[must_use]
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.control.state.config.node.data_dir.clone()
    }

    /// Loads the certificate again (SIGHUP). What went wrong is in the log, and the old certificate stays.
    pub fn reload(&self) {
        let _ = self.control.reload();
    }

    /// Not ready from now on: no tunnel is opened or joined. Returns when nobody is connected to a tunnel any more,
    /// or after `shutdown.drain`.
    pub async fn drain(&self) {
        let state = self.state();
        if state.phases.enter(Phase::Draining) {
            tracing::info!(tunnels = state.relays.running(), "draining");
        }
        if tokio::time::timeout(state.config.shutdown.drain, state.relays.ended()).await.is_err() {
            tracing::info!(tunnels = state.relays.running(), "tunnels are still connected; ending them");
        }
    }

    /// Waits until an operator asks for a drain by the admin socket.
    pub async fn asked_to_drain(&self) {
        self.state().phases.reached(Phase::Draining).await;
    }

    /// Ends everything. Tunnel connections are dropped without a close frame, so that clients come back to the
    /// server that is started next.
    pub async fn end(mut self) {
        let state = Arc::clone(self.state());
        state.audit(audit::entry("EndServer", "ok", state.now())).await;
        state.phases.enter(Phase::Ending);
        state.relays.end_all();
        state.gateway.end_all();
        let ended = async {
            state.relays.ended().await;
            state.tasks.ended().await;
            state.gateway.close().await;
            state.timeline.close();
            while self.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        if let Err(error) = state.store.all_sides_left(state.now()).await {
            tracing::warn!(%error, "the end of the connections could not be stored; the next start does it");
        }
        let _ = std::fs::remove_file(state.config.node.data_dir.join("admin.sock"));
        tracing::info!("ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.state.phases.enter(Phase::Ending);
        self.control.state.relays.end_all();
    }
}

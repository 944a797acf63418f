//! What handlers and connections may reach: one plain struct behind one `Arc`, built once at start.

use std::net::SocketAddr;
use std::sync::Arc;

use adit_iot::tunnel::Horizon;
use adit_iot::{Scope, Timestamp};
use adit_store::Store;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::access::AccessCache;
use crate::audit::Budget;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::{Config, Serve};
use crate::console::Codes;
use crate::gate::Gate;
use crate::health::Checked;
use crate::identity::{Keys, Principal};
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::mqtt::Gateway;
use crate::pki::DeviceIssuer;
use crate::provision::Arrivals;
use crate::provision::fleet::Fleet;
use crate::rates::Rates;
use crate::refusals::Refusals;
use crate::shutdown::Phases;
use crate::tasks::Tasks;
use crate::timeline::Timeline;
use crate::tunnel::Relays;
use crate::why::Why;

/// A listener that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// Where it really listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What is served there.
    pub serve: Vec<Serve>,
}

/// Everything a part of the server may use.
pub struct State {
    /// What the operator set.
    pub config: Config,
    /// What is kept.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub ids: Ids,
    /// Access keys.
    pub keys: Keys,
    /// Which certificates are let in.
    pub gate: Gate,
    /// Devices that are being provisioned.
    pub arrivals: Arrivals,
    /// What devices of fleet provisioning share.
    pub fleet: Fleet,
    /// The maker of device certificates.
    pub issuer: DeviceIssuer,
    /// Counters and levels.
    pub metrics: Metrics,
    /// Recent refusals of tunnel upgrades, for the operator.
    pub refusals: Refusals,
    /// What connections may do.
    pub access: AccessCache,
    /// What signed callers may do.
    pub authority: Authority,
    /// Why devices were refused lately.
    pub why: Why,
    /// What happened to the devices of things, on its way to the store.
    pub timeline: Arc<Timeline>,
    /// Tunnel connections a second.
    pub rates: Rates,
    /// One-time codes that sign in to the console.
    pub codes: Codes,
    /// The open tunnels that have a side connected.
    pub relays: Relays,
    /// The MQTT connections and all they share.
    pub gateway: Gateway,
    /// The tasks of this server.
    pub tasks: Tasks,
    /// What the last look at the store found.
    pub store_checked: Mutex<Checked>,
    /// Audit rows that strangers may still add.
    pub strangers: Budget,
    /// Serving, draining or ending.
    pub phases: Phases,
    /// Where it really listens.
    pub listeners: Vec<Listening>,
    /// When this server started.
    pub started_at: Timestamp,
}

impl State {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_ms())
    }

    /// From where tunnels are looked at now: which are over, and which are gone.
    #[must_use]
    pub fn horizon(&self) -> Horizon {
        let retention = self.config.tunnel.retention.as_millis();
        Horizon { now: self.now(), retention_millis: i64::try_from(retention).unwrap_or(i64::MAX) }
    }

    /// Events of things from before are past their retention.
    #[must_use]
    pub fn timeline_since(&self) -> Timestamp {
        let kept = self.config.timeline.retention.as_millis();
        self.now().plus_millis(i64::try_from(kept).unwrap_or(i64::MAX).saturating_neg())
    }
}

/// One authenticated API call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The server.
    pub state: &'a State,
    /// Who signed.
    pub principal: &'a Principal,
    /// Account from the key, region from the signature; every record belongs to one.
    pub scope: &'a Scope,
    /// Id of this request, in the answer and in the log.
    pub request_id: &'a str,
    /// When the request arrived.
    pub now: Timestamp,
    /// From where.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The caller's `User-Agent`.
    pub user_agent: Option<&'a str>,
}

impl Call<'_> {
    /// From where this call looks at tunnels: which are over, and which are gone.
    #[must_use]
    pub fn horizon(&self) -> Horizon {
        Horizon { now: self.now, ..self.state.horizon() }
    }

    /// Whether the call is of the account and region that the server is configured for, to which belongs what no
    /// account knows.
    #[must_use]
    pub fn is_at_home(&self) -> bool {
        let config = &self.state.config;
        self.scope.account() == config.account && self.scope.region() == config.region
    }
}

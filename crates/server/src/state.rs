//! What handlers and connections may reach: one plain struct behind one `Arc`, built once at start.

use std::net::SocketAddr;

use adit_iot::{Scope, Timestamp};

use crate::clock::Clock;
use crate::config::Config;
use crate::identity::Principal;
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::shutdown::Phases;

/// Everything a part of the server may use.
#[derive(Debug)]
pub struct State {
    /// What the operator set.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub ids: Ids,
    /// Counters and levels.
    pub metrics: Metrics,
    /// Recent refusals of tunnel upgrades, for the operator.
    pub refusals: Refusals,
    /// Serving, draining or ending.
    pub phases: Phases,
    /// When this server started.
    pub started_at: Timestamp,
}

impl State {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_ms())
    }
}

/// One authenticated API call.
#[derive(Debug, Clone, Copy)]
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
}

//! Who is connected, who was lately, and the numbers that lifecycle events count.

use std::net::SocketAddr;
use std::sync::Arc;

use super::slot::Slot;

/// How long the end of a connection is remembered, in milliseconds. spec: mqtt-gateway §10
pub(super) const REMEMBERED: u64 = 30 * 60 * 1000;
/// After how long without a connection `versionNumber` starts again, in milliseconds. spec: mqtt-gateway §8.2
pub(super) const COUNTED: u64 = 60 * 60 * 1000;

/// Client ids of a scope that are remembered; with more, those without a session are forgotten at once.
pub(super) const SEATS: usize = 1 << 20;

/// What is known of a connection while it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Online {
    /// When its CONNECT was accepted, in milliseconds.
    pub(super) since: u64,
    /// Seconds.
    pub(super) keep_alive: u16,
    pub(super) address: SocketAddr,
    pub(super) local: SocketAddr,
    /// The connection's thing.
    pub(super) thing: Option<String>,
    /// Certificate id, or ARN of who signed.
    pub(super) principal: Arc<str>,
}

/// What is remembered of a connection that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) online: Online,
    /// When, in milliseconds.
    pub(super) at: u64,
    /// The word of the lifecycle event.
    pub(super) reason: &'static str,
    pub(super) expiry: u32,
}

/// All that is known under one client id.
#[derive(Debug, Default)]
pub(super) struct Seat {
    pub(super) slot: Option<Arc<Slot>>,
    /// `versionNumber` of the newest connection.
    pub(super) version_number: u32,
    pub(super) gone: Option<Box<Gone>>,
}

impl Seat {
    /// Whether a new connection's `versionNumber` starts again: the last one is long gone, as is its session.
    pub(super) fn is_counted_anew(&self, now: u64) -> bool {
        let kept = |gone: &Gone| COUNTED.max(u64::from(gone.expiry).saturating_mul(1000));
        self.gone.as_deref().is_some_and(|gone| now.saturating_sub(gone.at) > kept(gone))
    }

    /// Whether nothing is worth remembering at `now`.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        let over = |gone: &Gone| now.saturating_sub(gone.at) > COUNTED;
        self.slot.is_none() && self.gone.as_deref().is_none_or(over)
    }
}

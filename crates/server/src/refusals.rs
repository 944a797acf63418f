//! The last refused tunnel upgrades, so that an operator learns why a client does not get through.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use adit_iot::Timestamp;
use serde::Serialize;

/// How many refusals are kept, over all tunnels.
const KEPT: usize = 256;
/// How many of them may be about one tunnel, so that a client in a loop does not push out the others.
const KEPT_PER_TUNNEL: usize = 8;

/// One refused upgrade. Never holds a token.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refusal {
    /// When it last happened.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u64,
    /// The reason's name, as in the metrics.
    pub reason: &'static str,
    /// The tunnel, when the token was known.
    pub tunnel: Option<String>,
    /// The side that was asked for, when it was.
    pub side: Option<&'static str>,
    /// From where.
    pub peer: IpAddr,
}

/// The ring of recent refusals.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<Refusal>>);

impl Refusals {
    /// Notes a refusal; the same one again only counts up. Says whether it was the first of its run.
    pub fn note(&self, refusal: Refusal) -> bool {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |r: &Refusal| {
            r.reason == refusal.reason
                && r.tunnel == refusal.tunnel
                && r.side == refusal.side
                && r.peer == refusal.peer
        };
        if let Some(at) = ring.iter().position(same)
            && let Some(mut known) = ring.remove(at)
        {
            known.count += 1;
            known.at = refusal.at;
            ring.push_back(known);
            return false;
        }
        let of_tunnel = |r: &Refusal| r.tunnel.is_some() && r.tunnel == refusal.tunnel;
        if ring.iter().filter(|r| of_tunnel(r)).count() >= KEPT_PER_TUNNEL {
            let oldest = ring.iter().position(of_tunnel);
            oldest.and_then(|at| ring.remove(at));
        } else if ring.len() >= KEPT {
            ring.pop_front();
        }
        ring.push_back(refusal);
        true
    }

    /// The newest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(at: i64, tunnel: &str, reason: &'static str) -> Refusal {
        let peer = "127.0.0.1".parse().unwrap();
        let at = Timestamp::from_millis(at);
        Refusal { at, count: 1, reason, tunnel: Some(tunnel.to_owned()), side: None, peer }
    }

    #[test]
    fn a_loop_counts_up_and_pushes_nobody_out() {
        let refusals = Refusals::default();
        refusals.note(refusal(1, "other", "used"));
        for i in 0..1000 {
            refusals.note(refusal(i, "looping", "used"));
        }
        let recent = refusals.recent();
        assert_eq!(recent.len(), 2);
        assert_eq!((recent[0].count, recent[0].at.millis()), (1000, 999));
        for i in 0..1000 {
            refusals.note(refusal(i, &format!("t{i}"), "used"));
        }
        assert_eq!(refusals.recent().len(), KEPT);
    }
}

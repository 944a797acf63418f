//! What a connection costs a broker while nothing flows: resident memory at several sizes.

use super::brokers::Broker;
use super::connects;
use super::lab::Lab;
use crate::fail::Result;
use crate::probe::{self, Usage};
use std::time::{Duration, Instant};

/// Memory is read after this much silence.
const QUIET: Duration = Duration::from_secs(3);

/// What was found.
pub struct Crowd {
    /// By size: resident bytes per connection, as the slope from the first size.
    pub slopes: Vec<f64>,
    /// Share of one core that the broker uses while all are idle.
    pub idle_cores: f64,
}

/// Grows a fresh broker to each of `sizes` after the first.
pub fn run(lab: &Lab, broker: &Broker, first: u32, sizes: &[u32]) -> Result<Crowd> {
    let pid = broker.pid()?;
    let mut links = connects::keep(lab, broker, 0, first)?;
    std::thread::sleep(QUIET);
    let base = probe::resident(pid);
    let mut slopes = Vec::new();
    let mut idle_cores = 0.0;
    for &size in sizes {
        let from = u32::try_from(links.len())?;
        links.append(&mut connects::keep(lab, broker, from, size)?);
        let (before, start) = (Usage::of_one(pid), Instant::now());
        std::thread::sleep(QUIET);
        idle_cores = Usage::of_one(pid).since(&before).as_secs_f64() / start.elapsed().as_secs_f64();
        let grown = probe::resident(pid) as f64 - base as f64;
        slopes.push(grown / f64::from(size - first));
    }
    Ok(Crowd { slopes, idle_cores })
}

//! New connections, several at a time: TLS with certificates on both sides, CONNECT, SUBSCRIBE, DISCONNECT.

use super::brokers::Broker;
use super::fleet::{Keys, client};
use super::lab::Lab;
use super::link::Link;
use crate::fail::{Error, Result, fail};
use crate::probe::{self, Usage};
use rustls::ClientConfig;
use rustls::client::Resumption;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Connections under way at the same time.
const AT_ONCE: u32 = 4;
/// Sessions to resume.
const RESUMED: usize = 60;
/// How long a broker may take to clean up after the last.
const AFTER: Duration = Duration::from_millis(100);

/// What was found.
pub struct Connected {
    /// CPU time of the broker per connection.
    pub cpu: Duration,
    /// Connections in a second.
    pub rate: f64,
    /// Cores that the generator used.
    pub generator: f64,
}

/// Connects `count` times, each time with another device while there are some. `resumed`: each TLS session is one of
/// before.
pub fn run(lab: &Lab, broker: &Broker, keys: Keys, count: u32, resumed: bool) -> Result<Connected> {
    let configs = configs(lab, broker, keys, resumed)?;
    let one = |number: u32| -> Result<Link> {
        let config = configs.get(number as usize % configs.len().max(1)).ok_or("no device")?;
        let mut link = Link::open(broker.endpoint(keys), config)?;
        link.hello(&format!("bench-connect-{number}"), true)?;
        link.subscribe(&format!("bench/connect/{number}"), 1)?;
        Ok(link)
    };
    if resumed {
        for number in 0..u32::try_from(configs.len())? {
            one(number)?.goodbye()?;
        }
    }
    let pid = broker.pid()?;
    let (before, start) = (Usage::of_one(pid), Instant::now());
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let work = || -> Result<Duration> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(probe::own_thread());
                }
                let link = one(number)?;
                if link.resumed() != resumed {
                    return fail(format!("connection {number}: resumed is {}, not {resumed}", !resumed));
                }
                link.goodbye()?;
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut spent = Duration::ZERO;
        for thread in threads {
            spent += thread.join().unwrap_or_else(|_| Err(Error::from("panicked")))?;
        }
        let time = start.elapsed().as_secs_f64();
        let generator = spent.as_secs_f64() / time;
        std::thread::sleep(AFTER);
        let cpu = Usage::of_one(pid).since(&before) / count.max(1);
        Ok(Connected { cpu, rate: f64::from(count) / time, generator })
    })
}

/// What each connection is made with, in turn. A session that may be resumed is used once: there are more of them than
/// connections under way.
fn configs(lab: &Lab, broker: &Broker, keys: Keys, resumed: bool) -> Result<Vec<Arc<ClientConfig>>> {
    let endpoint = broker.endpoint(keys);
    let resumption = || if resumed { Resumption::in_memory_sessions(32) } else { Resumption::disabled() };
    let devices: Vec<_> = lab.fleet.of(keys).collect();
    let count = if resumed { devices.len().max(RESUMED) } else { devices.len() };
    devices.iter().cycle().take(count).map(|device| client(device, endpoint, resumption())).collect()
}

/// Opens connections `from` to `to` and keeps them, each with one subscription.
pub fn keep(lab: &Lab, broker: &Broker, from: u32, to: u32) -> Result<Vec<Link>> {
    let configs = configs(lab, broker, Keys::Ecdsa, false)?;
    let next = AtomicU32::new(from);
    std::thread::scope(|scope| {
        let work = || -> Result<Vec<Link>> {
            let mut links = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= to {
                    return Ok(links);
                }
                let config = configs.get(number as usize % configs.len().max(1)).ok_or("no device")?;
                let mut link = Link::open(broker.endpoint(Keys::Ecdsa), config)?;
                link.hello(&format!("bench-idle-{number}"), true)?;
                link.subscribe(&format!("bench/idle/{number}"), 1)?;
                link.inbox.shrink();
                links.push(link);
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.append(&mut thread.join().unwrap_or_else(|_| Err(Error::from("panicked")))?);
        }
        Ok(all)
    })
}

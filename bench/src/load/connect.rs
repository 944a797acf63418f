//! New connections: one after another, and many at the same moment.

use super::Target;
use super::echo::wait_until;
use crate::fail::Result;
use crate::service::{self, Order};
use std::io::{self, Read, Write};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const BURST_BYTES: usize = 1024;
/// A connection of a burst that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(5);

/// Opens `count` connections, one every `interval`. Gives the times from connect to the service's first byte, sorted.
pub fn connections(target: &Target, count: usize, interval: Duration) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        wait_until(Instant::now() + interval);
        let start = Instant::now();
        let stream = service::open(target.entry, Order::Hello)?;
        times.push(start.elapsed());
        drop(stream);
    }
    times.sort_unstable();
    Ok(times)
}

/// What became of a burst.
pub struct Burst {
    /// Connections that did not get their bytes back.
    pub failures: usize,
    /// Until the last one that was served had its bytes.
    pub served: Duration,
}

/// Opens `count` connections at the same moment; each echoes 1 KiB.
pub fn burst(target: &Target, count: usize) -> Burst {
    let barrier = Barrier::new(count);
    let times: Vec<io::Result<Duration>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let start = Instant::now();
                    short(target).map(|()| start.elapsed())
                })
            })
            .collect();
        let lost = |_| Err(io::Error::other("panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
    });
    let served = times.iter().flatten().max().copied().unwrap_or_default();
    Burst { failures: times.iter().filter(|time| time.is_err()).count(), served }
}

fn short(target: &Target) -> io::Result<()> {
    let mut stream = service::open_within(target.entry, Order::Echo, LONGEST)?;
    let sent = target.pattern.at(0, BURST_BYTES);
    stream.write_all(sent)?;
    let mut back = [0; BURST_BYTES];
    stream.read_exact(&mut back)?;
    if back == sent { Ok(()) } else { Err(io::Error::other("the echo is not what was sent")) }
}

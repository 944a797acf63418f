//! Latency of 64 bytes there and back, at a fixed rate. Each sample counts from the moment it was due, so that a
//! late answer also burdens those behind it.

use super::Target;
use crate::fail::{Result, fail};
use crate::service::{self, Order};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: usize = 64;
/// An echo that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(5);
/// The last part of a wait is spent spinning: waking from sleep takes about this long and would be measured.
const SPIN: Duration = Duration::from_micros(150);

/// `count` echoes, one every `interval`, over one connection. Gives all times, sorted.
pub fn echo(target: &Target, count: usize, interval: Duration) -> Result<Vec<Duration>> {
    let mut stream = service::open_within(target.entry, Order::Echo, LONGEST)?;
    for _ in 0..20 {
        exchange(&mut stream)?;
    }
    let mut times = Vec::with_capacity(count);
    let mut due = Instant::now();
    for _ in 0..count {
        due += interval;
        wait_until(due);
        exchange(&mut stream)?;
        times.push(due.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// The same while another connection sends as fast as it can. Also gives that connection's bytes per second.
pub fn echo_beside_load(target: &Target, count: usize, interval: Duration) -> Result<(Vec<Duration>, f64)> {
    let mut bulk = service::open(target.entry, Order::Take(u64::MAX))?;
    let (go_on, sent) = (AtomicBool::new(true), AtomicU64::new(0));
    let (times, rate, pushed) = thread::scope(|scope| {
        let push = scope.spawn(|| {
            let mut position = 0;
            while go_on.load(Ordering::Relaxed) {
                let end = position + (1 << 20);
                position = target.pattern.send(&mut bulk, position, end, || go_on.load(Ordering::Relaxed))?;
                sent.store(position, Ordering::Relaxed);
            }
            Ok::<(), std::io::Error>(())
        });
        thread::sleep(Duration::from_millis(300));
        let (start, before) = (Instant::now(), sent.load(Ordering::Relaxed));
        let times = echo(target, count, interval);
        let elapsed = start.elapsed().as_secs_f64();
        let moved = sent.load(Ordering::Relaxed) - before;
        go_on.store(false, Ordering::Relaxed);
        let pushed = push.join();
        (times, moved as f64 / elapsed, pushed)
    });
    match pushed {
        Ok(Ok(())) => Ok((times?, rate)),
        Ok(Err(error)) => fail(format!("the stream beside it: {error}")),
        Err(_) => fail("the stream beside it: panicked"),
    }
}

fn exchange(stream: &mut TcpStream) -> std::io::Result<()> {
    let sent = [0x5a; SIZE];
    let mut back = [0; SIZE];
    stream.write_all(&sent)?;
    stream.read_exact(&mut back)?;
    if back == sent { Ok(()) } else { Err(std::io::Error::other("the echo is not what was sent")) }
}

/// Sleeps, and spins for the last part.
pub fn wait_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(SPIN));
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

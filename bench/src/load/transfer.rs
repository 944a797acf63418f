//! Bulk data, one stream or many, every byte compared.

use super::Target;
use crate::fail::{Result, fail};
use crate::service::{self, Order};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Between two openings, so that a listener with a short queue keeps up.
const APART: Duration = Duration::from_millis(10);

/// Direction of the bytes, seen from the client.
#[derive(Clone, Copy, PartialEq)]
pub enum Way {
    Up,
    Down,
}

impl Way {
    fn order(self, bytes: u64) -> Order {
        match self {
            Self::Up => Order::Take(bytes),
            Self::Down => Order::Give(bytes),
        }
    }
}

/// Moves `bytes` through one connection. Gives the time from the first byte to the last one compared.
pub fn one(target: &Target, way: Way, bytes: u64) -> Result<Duration> {
    let mut stream = service::open(target.entry, way.order(bytes))?;
    let start = Instant::now();
    carry(target, &mut stream, way, bytes)?;
    Ok(start.elapsed())
}

/// Moves `bytes` through each of `count` connections at once.
pub fn many(target: &Target, way: Way, count: usize, bytes: u64) -> Result<Duration> {
    let mut streams = Vec::with_capacity(count);
    for number in 1..=count {
        let stream = service::open(target.entry, way.order(bytes))
            .map_err(|error| format!("connection {number} of {count}: {error}"))?;
        streams.push(stream);
        thread::sleep(APART);
    }
    let barrier = Barrier::new(count + 1);
    let work = |mut stream: TcpStream| {
        barrier.wait();
        carry(target, &mut stream, way, bytes).map_err(|error| error.to_string())
    };
    let (start, results) = thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = streams.into_iter().map(|stream| scope.spawn(move || work(stream))).collect();
        barrier.wait();
        let start = Instant::now();
        let results: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (start, results)
    });
    let elapsed = start.elapsed();
    let failed: Vec<String> = results.into_iter().filter_map(|joined| joined.ok()?.err()).collect();
    match failed.first() {
        None => Ok(elapsed),
        Some(first) => fail(format!("{} of {count} streams failed, first: {first}", failed.len())),
    }
}

fn carry(target: &Target, stream: &mut TcpStream, way: Way, bytes: u64) -> Result<()> {
    match way {
        Way::Up => {
            target.pattern.send(stream, 0, bytes, || true)?;
            service::done(stream)?;
        }
        Way::Down => {
            stream.write_all(&[1])?;
            target.pattern.receive(stream, bytes, |_| Ok(()))?;
        }
    }
    Ok(())
}

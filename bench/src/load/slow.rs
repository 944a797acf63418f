//! One side sends as fast as it is let, the other takes 1 MiB a second.

use super::Target;
use crate::fail::Result;
use crate::service::{self, Order};
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

const RATE: u64 = 1 << 20;
/// Enough to show a buffer without bound, little enough not to fill the machine.
const MOST: u64 = 512 << 20;

/// Who is slow.
#[derive(Clone, Copy, PartialEq)]
pub enum SlowWay {
    /// The service at the far end; the client sends.
    Service,
    /// The client; the service sends.
    Client,
}

/// Keeps it up for `time`. Gives the bytes that the fast side got rid of (service slow) or the slow side took.
pub fn slow_reader(target: &Target, way: SlowWay, time: Duration) -> Result<u64> {
    let start = Instant::now();
    let in_time = || start.elapsed() < time;
    match way {
        SlowWay::Service => {
            let mut stream = service::open(target.entry, Order::Sip(RATE))?;
            Ok(target.pattern.send(&mut stream, 0, MOST, in_time)?)
        }
        SlowWay::Client => {
            let mut stream = service::open(target.entry, Order::Give(MOST))?;
            stream.write_all(&[1])?;
            let mut taken = 0;
            let read = target.pattern.receive(&mut stream, MOST, |position| {
                taken = position;
                let due = Duration::from_secs_f64(position as f64 / RATE as f64);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                if in_time() { Ok(()) } else { Err(ErrorKind::Interrupted.into()) }
            });
            match read {
                Err(error) if error.kind() != ErrorKind::Interrupted => Err(error.into()),
                _ => Ok(taken),
            }
        }
    }
}

//! The signals that ask a command to end while it still has something to put in order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Failure, Result};

/// Interrupt, terminate, hang-up: noted from the moment this exists, whether anybody waits or not.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes over the three signals.
    pub fn new() -> Result<Signals> {
        let take = |kind| signal(kind).map_err(|error| Failure::failed(format!("no signals: {error}")));
        Ok(Signals {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    /// The number of the next one. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.hangup.recv() => SignalKind::hangup().as_raw_value(),
        }
    }
}

/// The exit status of a program that ends because of a signal, as a shell shows it.
pub fn status(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}

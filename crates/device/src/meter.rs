//! Counts of what goes through a door, readable from any thread while it is counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Connections and bytes so far. One task counts; whoever holds the `Arc` may read at any time.
#[derive(Debug, Default)]
pub struct Meter {
    open: AtomicU64,
    total: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// What a [`Meter`] showed at one moment; its parts were read one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Connections that are open.
    pub open: u64,
    /// Connections since the start.
    pub total: u64,
    /// Bytes read from local connections, on their way to the other end.
    pub sent: u64,
    /// Bytes that came for local connections from the other end.
    pub received: u64,
}

impl Meter {
    /// A connection begins.
    pub fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has ended.
    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes leave for the other end.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes came from the other end.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What it shows now.
    pub fn read(&self) -> Reading {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reading {
            open: of(&self.open),
            total: of(&self.total),
            sent: of(&self.sent),
            received: of(&self.received),
        }
    }
}

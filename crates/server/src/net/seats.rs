//! How many connections there may be at once, in total and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::Level;

/// The seats of all listeners together.
#[derive(Debug)]
pub struct Seats {
    total: u32,
    per_address: u32,
    taken: Mutex<Taken>,
    level: Level,
}

#[derive(Debug, Default)]
struct Taken {
    total: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// One connection's seat; dropping it frees it.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The server has as many connections as it may.
    Server,
    /// This address has as many as it may.
    Address,
}

impl Full {
    /// For metrics and logs.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Server => "max-connections",
            Self::Address => "connections-per-address",
        }
    }
}

impl Seats {
    /// As many seats as the configuration allows. `level` shows how many are taken.
    #[must_use]
    pub fn new(total: u32, per_address: u32, level: Level) -> Arc<Self> {
        Arc::new(Self { total, per_address, taken: Mutex::default(), level })
    }

    /// Takes a seat for a peer. An IPv6 peer counts with its whole /64.
    ///
    /// # Errors
    /// [`Full`] names the limit that was reached.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Seat, Full> {
        let address = bucket(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.total {
            return Err(Full::Server);
        }
        let here = taken.by_address.entry(address).or_default();
        if *here >= self.per_address {
            return Err(Full::Address);
        }
        *here += 1;
        taken.total += 1;
        self.level.up();
        Ok(Seat { seats: Arc::clone(self), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        if let Some(here) = taken.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        self.seats.level.down();
    }
}

fn bucket(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_and_freed() {
        let seats = Seats::new(3, 2, Level::default());
        let ip = |s: &str| s.parse().unwrap();
        let a = seats.take(ip("10.0.0.1")).unwrap();
        let _b = seats.take(ip("::ffff:10.0.0.1")).unwrap();
        assert_eq!(seats.take(ip("10.0.0.1")).unwrap_err(), Full::Address);
        let _c = seats.take(ip("2001:db8::1")).unwrap();
        assert_eq!(seats.take(ip("10.0.0.9")).unwrap_err(), Full::Server);
        drop(a);
        let _d = seats.take(ip("2001:db8::2")).unwrap();
        assert_eq!(seats.level.get(), 3);
    }
}

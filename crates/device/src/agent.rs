//! The agent: a device that is reachable.
//!
//! [`run`] is the whole of it: one connection to the device gateway ([`uplink`]), over which the device is told of
//! tunnels ([`notify`]), and the device's ends of those ([`tunnels`]). The rest decides and remembers for these.

pub mod arrival;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod first;
pub mod identity;
pub mod keep;
pub mod notify;
pub mod parameter;
pub mod provision;
pub mod run;
pub mod status;
pub mod systemd;
pub mod trust;
pub mod tunnels;
pub mod uplink;
pub mod waits;
pub mod x509;

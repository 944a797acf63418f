//! The agent: a device that is reachable.

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
pub mod status;
pub mod systemd;
pub mod trust;
pub mod x509;

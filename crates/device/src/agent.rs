//! The agent: a device that is reachable.

pub mod arrival;
pub mod config;
pub mod doctor;
pub mod first;
pub mod identity;
pub mod keep;
pub mod parameter;
pub mod provision;
pub mod x509;

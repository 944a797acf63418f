//! The agent: a device that is reachable.

pub mod config;
pub mod identity;
pub mod keep;
pub mod parameter;
pub mod provision;
pub mod x509;

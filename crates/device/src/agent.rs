//! The agent: a device that is reachable.

pub mod config;

//! The device side: the local proxy, one end of a tunnel, and the agent that opens such ends when told.
//!
//! [`localproxy::main`] is the whole local proxy. Below it: [`options`] and [`config`] decide what to do,
//! [`proxy`] keeps a link to the server, [`session`] moves the bytes of one link around the protocol machine
//! of `adit_tunnel::endpoint`.

pub mod agent;
pub mod backoff;
pub mod bell;
pub mod carrier;
pub mod config;
pub mod dial;
pub mod door;
pub mod inbox;
pub mod input;
pub mod local;
pub mod localproxy;
pub mod log;
pub mod mapping;
pub mod meter;
pub mod mqtt;
pub mod options;
pub mod outbox;
pub mod proxy;
pub mod services;
pub mod session;
pub mod settings;
pub mod tls;
pub mod webproxy;
pub mod ws;

pub use adit_tunnel::{Side, Version};

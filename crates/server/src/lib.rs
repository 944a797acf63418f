//! Sockets, tasks and handlers of the adit server.

pub mod clock;
pub mod config;
pub mod ids;

pub use config::Config;

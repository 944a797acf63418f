//! Sockets, tasks and handlers of the adit server.

pub mod clock;
pub mod config;
pub mod identity;
pub mod ids;
pub mod metrics;
pub mod net;
pub mod refusals;
pub mod shutdown;
pub mod state;

pub use config::Config;
pub use state::{Call, State};

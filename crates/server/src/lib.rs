//! Sockets, tasks and handlers of the adit server.

pub mod audit;
pub mod clock;
pub mod config;
pub mod faults;
pub mod files;
pub mod identity;
pub mod ids;
pub mod metrics;
pub mod net;
pub mod pki;
pub mod refusals;
pub mod seal;
pub mod shutdown;
pub mod state;
pub mod trouble;

pub use config::Config;
pub use state::{Call, State};
pub use trouble::StartError;

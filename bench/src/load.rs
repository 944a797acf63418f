//! What is done to a system, and what of it is timed. Every socket has a time limit (`service::STALL`).

mod connect;
mod echo;
mod slow;
mod transfer;

pub use connect::{burst, connections};
pub use echo::{echo, echo_beside_load, wait_until};
pub use slow::{SlowWay, slow_reader};
pub use transfer::{Way, many, one};

use crate::pattern::Pattern;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a load goes.
#[derive(Clone)]
pub struct Target {
    /// Where the system takes TCP connections.
    pub entry: SocketAddr,
    pub pattern: Arc<Pattern>,
}

//! Provisioning devices: on their first connection, by RegisterThing, and by fleet provisioning (spec: provisioning).
//! What is done is decided in `adit_iot::first_connect` and `adit_iot::provisioning`.

pub mod apply;
mod arrivals;
pub mod first_connect;
pub mod fleet;
pub mod hook;
mod newcomer;

pub use arrivals::Arrivals;
pub use newcomer::{Newcomer, newcomer};

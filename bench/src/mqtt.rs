//! The gateway's suites: messages, connections, durability. One generator, the same for every broker.

mod brokers;
mod conn;
mod connects;
mod counts;
mod crash;
mod crowd;
mod durable;
mod factory;
mod fleet;
mod flood;
mod jitp;
mod lab;
mod link;
mod machine;
mod messages;
mod paced;
mod wire;

pub use conn::{Options as ConnOptions, run as conn};
pub use counts::{Gateway, SCRIPTS};
pub use durable::{Options as DurableOptions, run as durable};
pub use jitp::{Options as JitpOptions, run as jitp};
pub use messages::{Options as MessagesOptions, run as messages};

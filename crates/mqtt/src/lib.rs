//! MQTT 3.1.1 and 5.0: what does this packet mean, and what happens next on this connection?
//!
//! Nothing here opens a socket, reads a clock or draws a random number: bytes and `now` go in, decisions come out.
#![warn(missing_docs)]

mod alias;
pub mod client;
pub mod connection;
pub mod decode;
pub mod encode;
mod inflight;
mod keepalive;
pub mod limits;
pub mod message;
pub mod misdeed;
pub mod packet;
pub mod property;
pub mod reason;
pub mod session;
pub mod settings;
pub mod topic;
pub mod tree;
pub mod why;
pub mod will;
mod wire;

pub use message::{Message, MessageProperties};
pub use misdeed::Misdeed;
pub use packet::{QoS, Version};
pub use reason::Reason;
pub use settings::Settings;
pub use topic::{Filter, Topic};
pub use tree::TopicTree;

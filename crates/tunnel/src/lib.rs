//! The secure tunneling protocol: wire and relay, without sockets or clocks.
//!
//! Bytes flow through three layers, each in its own file: a WebSocket carries binary messages
//! ([`websocket`]), their concatenated payloads carry length-prefixed frames ([`frame`]), and each frame is
//! one protobuf [`message`]. [`envelope`] builds all three around a payload that already lies in a buffer.
//!
//! Nothing here blocks, reads a clock or chooses a random number: whoever drives these types passes in bytes
//! and time, and carries out what comes out.
#![warn(missing_docs)]

pub mod endpoint;
pub mod envelope;
pub mod frame;
pub mod lane;
pub mod limits;
pub mod message;
pub mod pace;
pub mod queue;
pub mod relay;
mod streams;
pub mod token;
pub mod version;
pub mod websocket;
pub mod why;
mod wire;

pub use version::Version;
pub use why::Why;

use std::fmt;
use std::str::FromStr;

/// The two ends of a tunnel, called modes on the wire (`local-proxy-mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The operator's end: it opens streams.
    Source,
    /// The device's end: it connects to the services.
    Destination,
}

impl Side {
    /// Both sides, in a fixed order.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Destination];

    /// The opposite side.
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Destination,
            Side::Destination => Side::Source,
        }
    }

    /// The word used in the upgrade request and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Destination => "destination",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is neither `source` nor `destination`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASide;

impl fmt::Display for NotASide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mode must be source or destination")
    }
}

impl std::error::Error for NotASide {}

impl FromStr for Side {
    type Err = NotASide;

    fn from_str(word: &str) -> Result<Self, NotASide> {
        match word {
            "source" => Ok(Side::Source),
            "destination" => Ok(Side::Destination),
            _ => Err(NotASide),
        }
    }
}

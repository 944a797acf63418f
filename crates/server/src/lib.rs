//! Sockets, tasks and handlers of the adit server.
//!
//! [`Server::start`] turns a [`Config`] into a [`Running`] server; [`state::State`] is what all its parts share. A
//! request goes through `net` (listen, TLS, HTTP) either to `api` (the AWS API) or to `net::ws`, which lets a
//! connection into a tunnel; from then on it belongs to `tunnel`.

pub mod access;
pub mod admin;
pub mod api;
pub mod audit;
pub mod authority;
pub mod clients;
pub mod clock;
pub mod config;
pub mod console;
pub mod faults;
pub mod files;
pub mod gate;
pub mod health;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod mqtt;
pub mod nearby;
pub mod net;
pub mod pki;
pub mod provision;
pub mod rates;
pub mod refusals;
pub mod seal;
pub mod shutdown;
pub mod sides;
mod start;
pub mod state;
pub mod sweep;
pub mod tasks;
pub mod timeline;
pub mod topics;
pub mod trouble;
pub mod tunnel;
pub mod why;

pub use config::Config;
pub use start::{Control, Running, Server};
pub use state::{Call, State};
pub use trouble::StartError;

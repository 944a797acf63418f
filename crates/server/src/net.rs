//! Sockets: listening, TLS, HTTP and the upgrade to a tunnel.

pub mod carrier;
pub mod choose;
pub mod handshake;
pub mod http;
pub mod listen;
pub mod mqtt_ws;
pub mod seats;
pub mod stream;
pub mod tls;
pub mod turns;
pub mod upgrade;
pub mod websocket;
pub mod ws;

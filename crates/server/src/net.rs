//! Sockets: listening, TLS, HTTP and the upgrade to a tunnel.

pub mod joined;
pub mod seats;
pub mod stream;
pub mod tls;

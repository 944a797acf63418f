#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod corpus;
mod endpoint;
mod hex;
mod judge;
mod lane;
mod model;
mod pair;
mod properties;
mod transcript;
mod vectors;
mod websocket;

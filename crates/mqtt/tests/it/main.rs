//! One binary for all integration tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod corpus;
mod dialogue;
mod hex;
mod model;
mod packets;
mod pair;
mod properties;
mod told;
mod topics;
mod transcript;
mod vectors;

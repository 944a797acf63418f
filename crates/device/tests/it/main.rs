#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod corpus;
mod destination;
mod doors;
mod keep;
mod link;
mod program;
mod server;
mod source;
mod way;

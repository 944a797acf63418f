//! The front as its callers use it: requests in, calls, refusals and replies out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test"
)]

mod corpus;
mod messages;
mod operations;
mod outgoing;
mod patterns;
mod properties;
mod refusals;
mod replies;
mod request;
mod vectors;

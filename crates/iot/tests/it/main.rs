//! Rules over any input.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod corpus;
mod page;
mod policy;
mod tag;
mod thing;
mod tunnel;

//! Rules over any input.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod page;
mod tag;
mod thing;
mod tunnel;

//! Rules over any input.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod corpus;
mod page;
mod policy;
mod provisioning;
mod shadow;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod tunnel;

//! What AWS IoT would decide: names, records and rules, without I/O.
//!
//! Nothing here opens a socket, reads a clock or draws a random number: times and random bytes come in as
//! arguments, so a rule can be tested by calling it. Every refusal is an [`Error`] with one of a closed list of
//! [`Kind`]s; how a kind looks on a wire is known elsewhere.
#![warn(missing_docs)]

pub mod arn;
pub mod ca;
pub mod cbor;
pub mod certificate;
pub mod error;
pub mod first_connect;
pub mod iam;
pub mod ids;
pub mod page;
pub mod policy;
pub mod policy_record;
pub mod principal;
pub mod provisioning;
pub mod secret;
pub mod shadow;
pub mod tag;
pub mod thing;
pub mod thing_group;
pub mod thing_type;
pub mod time;
pub mod tunnel;

pub use error::{Error, Kind, Resource};
pub use ids::{CertificateId, PolicyName, Scope, ThingGroupName, ThingName, ThingTypeName, TunnelId};
pub use secret::Secret;
pub use time::Timestamp;

//! Identities of an account, and the policies that say what they may do, as IAM keeps them. They belong to no region.

pub mod aws_policy;
pub mod identity;
pub mod managed_policy;
pub mod role;

pub use identity::{Hindrance, Identity, IdentityKind};
pub use managed_policy::{ManagedPolicy, ManagedVersion, PolicyArn};
pub use role::Role;

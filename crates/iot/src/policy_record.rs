//! Policies as they are kept: versions, and what may become of them (spec: control-plane §7, §8.3). The language of
//! their documents is another module's.

use crate::error::{Error, Kind};
use crate::ids::PolicyName;
use crate::time::Timestamp;

/// A policy, with the document of its default version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, unique in its scope.
    pub name: PolicyName,
    /// The number of the version that counts.
    pub default_version: i64,
    /// The document of that version, byte for byte as it was sent.
    pub document: String,
    /// A UUID of this creation.
    pub generation_id: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// 1, 2, …; a number is never used twice.
    pub version: i64,
    /// Whether this is the one that counts.
    pub is_default: bool,
    /// Byte for byte as it was sent.
    pub document: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// A UUID of the policy's creation.
    pub generation_id: String,
}

/// Why a policy may not be deleted, in the order in which it is looked at (spec: control-plane §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKept {
    /// It has more than one version.
    Versions,
    /// It is attached to something.
    Attached,
}

impl PolicyKept {
    /// The refusal. The first text holds what two generations of clients look for.
    pub fn refusal(self, name: &PolicyName) -> Error {
        let text = match self {
            PolicyKept::Versions => format!(
                "The policy cannot be deleted as multiple versions of the policy exist (name={name}). Use \
                 DeletePolicyVersion action to delete all non-default versions of the policy and retry. Cannot delete \
                 the policy because it has one or more policy versions attached to it (name={name})"
            ),
            PolicyKept::Attached => format!(
                "The policy cannot be deleted as the policy is attached to one or more principals (name={name})"
            ),
        };
        Error::new(Kind::InUse, text)
    }
}

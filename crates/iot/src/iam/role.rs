//! Roles: what others may become for a while.

use super::identity::Identity;

/// Shortest session in seconds: AWS's own bound.
pub const SHORTEST_SESSION: i64 = 900;
/// Longest session that a role may allow, in seconds: AWS's own bound.
pub const LONGEST_SESSION: i64 = 43_200;
/// Most characters of a trust policy, white space not counted: AWS's own default quota.
pub const MOST_TRUST_CHARS: usize = 2048;
/// How long a session lasts when nobody says, and at most when a role's session assumed it, in seconds.
pub const DEFAULT_SESSION: i64 = 3600;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Name, path, id, tags.
    pub identity: Identity,
    /// What it is for; `None` if nobody said.
    pub description: Option<String>,
    /// Who may assume it: the trust policy, byte for byte as it was sent.
    pub trust: String,
    /// Longest session in seconds.
    pub max_session: i64,
}

//! Users, groups and roles: what they have in common.

use crate::arn::partition;
use crate::error::{Error, Kind};
use crate::ids::Scope;
use crate::tag::Tag;
use crate::time::Timestamp;

/// What an identity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// Somebody with access keys of their own.
    User,
    /// Users that share policies.
    Group,
    /// What others may become for a while.
    Role,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [IdentityKind; 3] = [IdentityKind::User, IdentityKind::Group, IdentityKind::Role];

    /// The word in ARNs and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            IdentityKind::User => "user",
            IdentityKind::Group => "group",
            IdentityKind::Role => "role",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<IdentityKind> {
        IdentityKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What unique ids begin with.
    pub const fn id_prefix(self) -> &'static str {
        match self {
            IdentityKind::User => "AIDA",
            IdentityKind::Group => "AGPA",
            IdentityKind::Role => "AROA",
        }
    }

    /// The word at the beginning of messages.
    pub const fn title(self) -> &'static str {
        match self {
            IdentityKind::User => "User",
            IdentityKind::Group => "Group",
            IdentityKind::Role => "Role",
        }
    }

    /// Most of them in an account: AWS's own default quotas.
    pub const fn most(self) -> usize {
        match self {
            IdentityKind::User => 5000,
            IdentityKind::Group => 300,
            IdentityKind::Role => 1000,
        }
    }

    /// Most characters of all inline policies of one together, white space not counted: AWS's own quotas.
    pub const fn most_inline(self) -> usize {
        match self {
            IdentityKind::User => 2048,
            IdentityKind::Group => 5120,
            IdentityKind::Role => 10_240,
        }
    }
}

/// What of an identity must go before the identity itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A user's access keys.
    Keys,
    /// Policies attached to it.
    Attached,
    /// Policies that are part of it.
    Inline,
    /// A user is in a group.
    Membership,
}

impl Hindrance {
    /// The refusal of deleting the identity.
    pub fn refusal(self) -> Error {
        let first = match self {
            Hindrance::Keys => "delete access keys",
            Hindrance::Attached => "detach all policies",
            Hindrance::Inline => "delete policies",
            Hindrance::Membership => "remove users from group",
        };
        Error::new(Kind::InUse, format!("Cannot delete entity, must {first} first."))
    }
}

/// A user, a group or a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which of the three.
    pub kind: IdentityKind,
    /// Its name, unique in the account among its kind whatever the case.
    pub name: String,
    /// Its path: `/`, or words with a slash before, between and after.
    pub path: String,
    /// Its unique id, which no other ever has: `AIDA…`, `AGPA…` or `AROA…`.
    pub id: String,
    /// Its tags by key.
    pub tags: Vec<Tag>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Identity {
    /// The last part of its ARN: `user/path/name`.
    pub fn resource(&self) -> String {
        format!("{}{}{}", self.kind.as_str(), self.path, self.name)
    }

    /// Its ARN, in the partition of the scope's region.
    pub fn arn(&self, scope: &Scope) -> String {
        arn(scope, &self.resource())
    }
}

/// The ARN of what is kept in an account and no region; `resource` is its last part.
pub fn arn(scope: &Scope, resource: &str) -> String {
    format!("arn:{}:iam::{}:{resource}", partition(scope.region()), scope.account())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_the_path_and_no_region() {
        let mut ana = Identity {
            kind: IdentityKind::User,
            name: "ana".to_owned(),
            path: "/".to_owned(),
            id: "AIDA".to_owned(),
            tags: Vec::new(),
            created_at: Timestamp::from_millis(0),
        };
        let scope = Scope::new("123456789012", "us-east-1").unwrap();
        assert_eq!(ana.arn(&scope), "arn:aws:iam::123456789012:user/ana");
        ana.path = "/eng/ops/".to_owned();
        let scope = Scope::new("123456789012", "cn-north-1").unwrap();
        assert_eq!(ana.arn(&scope), "arn:aws-cn:iam::123456789012:user/eng/ops/ana");
        for kind in IdentityKind::ALL {
            assert_eq!(IdentityKind::parse(kind.as_str()), Some(kind));
        }
    }
}

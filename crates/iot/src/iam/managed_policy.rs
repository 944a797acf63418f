//! Policies with an ARN: those of an account, and AWS's own.

use super::identity;
use crate::arn::{Arn, partition};
use crate::error::{Error, Kind};
use crate::ids::Scope;
use crate::tag::Tag;
use crate::time::Timestamp;

/// Most policies in an account: AWS's own default quota.
pub const MOST_POLICIES: usize = 1500;
/// Most versions of one.
pub const MOST_VERSIONS: usize = 5;
/// Most policies with an ARN on one user, group or role: AWS's own default quota.
pub const MOST_ATTACHED: usize = 10;
/// Most characters of a document, white space not counted: AWS's own quota.
pub const MOST_CHARS: usize = 6144;

/// A policy that an account keeps, without its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Its name, unique in the account whatever the case.
    pub name: String,
    /// Its path: `/`, or words with a slash before, between and after.
    pub path: String,
    /// Its unique id, `ANPA…`.
    pub id: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags by key.
    pub tags: Vec<Tag>,
    /// The version that counts.
    pub default_version: i64,
    /// How many identities have it.
    pub attached: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its default version last became another.
    pub updated_at: Timestamp,
}

/// A version of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedVersion {
    /// Its number, from 1 on.
    pub version: i64,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// The document, byte for byte as it was sent.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which policy an ARN names: `arn:aws:iam::123456789012:policy/door` or `arn:aws:iam::aws:policy/AWSIoTFullAccess`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PolicyArn {
    /// Whether it is one of AWS's own.
    pub of_aws: bool,
    /// Its path.
    pub path: String,
    /// Its name.
    pub name: String,
}

impl PolicyArn {
    /// The policy that an ARN of this account or of AWS's names.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no ARN of a policy, [`Kind::NotFound`] for one of another account or partition.
    pub fn parse(scope: &Scope, text: &str) -> Result<PolicyArn, Error> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty());
        let parts = arn.and_then(|arn| {
            let (path, name) = arn.resource.strip_prefix("policy")?.rsplit_once('/')?;
            Some((arn, path, name)).filter(|_| !name.is_empty() && (path.is_empty() || path.starts_with('/')))
        });
        let Some((arn, path, name)) = parts else {
            return Err(Error::invalid(format!("ARN {text} is not valid.")));
        };
        let of_aws = arn.account == "aws";
        if arn.partition != partition(scope.region()) || !(of_aws || arn.account == scope.account()) {
            return Err(no_such(text));
        }
        Ok(PolicyArn { of_aws, path: format!("{path}/"), name: name.to_owned() })
    }

    /// The same as text.
    pub fn text(&self, scope: &Scope) -> String {
        let resource = format!("policy{}{}", self.path, self.name);
        if self.of_aws {
            format!("arn:{}:iam::aws:{resource}", partition(scope.region()))
        } else {
            identity::arn(scope, &resource)
        }
    }
}

/// The refusal of an ARN that no policy has.
pub fn no_such(arn: &str) -> Error {
    Error::new(Kind::NotFound, format!("Policy {arn} does not exist or is not attachable."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_the_account_and_of_aws_are_told_apart() {
        let scope = Scope::new("123456789012", "us-east-1").unwrap();
        for (text, of_aws, path, name) in [
            ("arn:aws:iam::123456789012:policy/door", false, "/", "door"),
            ("arn:aws:iam::123456789012:policy/a/b/door", false, "/a/b/", "door"),
            ("arn:aws:iam::aws:policy/service-role/AWSIoTLogging", true, "/service-role/", "AWSIoTLogging"),
        ] {
            let arn = PolicyArn::parse(&scope, text).unwrap();
            assert_eq!((arn.of_aws, arn.path.as_str(), arn.name.as_str()), (of_aws, path, name));
            assert_eq!(arn.text(&scope), text);
        }
        for (text, kind) in [
            ("arn:aws:iam::210987654321:policy/door", Kind::NotFound),
            ("arn:aws-cn:iam::123456789012:policy/door", Kind::NotFound),
            ("arn:aws:iam::123456789012:policydoor", Kind::Invalid),
            ("arn:aws:iam::123456789012:policyx/door", Kind::Invalid),
            ("arn:aws:iam::123456789012:policy/", Kind::Invalid),
            ("arn:aws:iam::123456789012:role/door", Kind::Invalid),
            ("arn:aws:iot:us-east-1:123456789012:policy/door", Kind::Invalid),
            ("door", Kind::Invalid),
        ] {
            assert_eq!(PolicyArn::parse(&scope, text).unwrap_err().kind, kind, "{text}");
        }
    }
}

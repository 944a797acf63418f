//! Who is calling.

use adit_iot::arn::partition;

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account, 12 digits.
    pub account: String,
    /// The ARN that audit rows and GetCallerIdentity show.
    pub arn: String,
    /// The id that GetCallerIdentity shows; for an account's root the account itself.
    pub user_id: String,
    /// The access key that signed.
    pub key_id: String,
}

impl Principal {
    /// The root of an account. spec: control-plane §12
    #[must_use]
    pub fn root(account: &str, region: &str, key_id: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:{}:iam::{account}:root", partition(region)),
            user_id: account.to_owned(),
            key_id: key_id.to_owned(),
        }
    }
}

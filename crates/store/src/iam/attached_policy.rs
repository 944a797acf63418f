//! Which policies with an ARN count for which identity.

use std::collections::HashMap;

use adit_iot::iam::aws_policy::AwsPolicy;
use adit_iot::iam::{Identity, IdentityKind, PolicyArn};

use super::{find, managed_policy};
use crate::sql::args;
use crate::{Error, Page, Result, Store, tunnel};

/// Outcome of attaching a policy or detaching it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attaching {
    /// It is done.
    Yes,
    /// There is no identity of that name.
    NoIdentity,
    /// There is no policy of that ARN.
    NoPolicy,
    /// Nothing to detach.
    NotAttached,
    /// The identity has as many as it may have.
    TooMany,
}

impl Store {
    /// Makes a policy count for an identity, unless `most` do so already. Doing so again changes nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_attach(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        arn: &PolicyArn,
        most: usize,
    ) -> Result<Attaching> {
        let (account, identity, arn) = (account.to_owned(), identity.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else {
                    return Ok(Attaching::NoIdentity);
                };
                let policy = managed_policy::seq(tx, &account, &arn)?;
                let of_aws = of_aws(&arn);
                if policy.is_none() && of_aws.is_none() {
                    return Ok(Attaching::NoPolicy);
                }
                let others = tx.first(
                    "SELECT COUNT(*) FROM identity_policy WHERE identity = $1 \
                     AND NOT (COALESCE(policy, 0) = COALESCE($2, 0) AND COALESCE(of_aws, '') = COALESCE($3, ''))",
                    args![found.seq, policy, of_aws.map(|policy| policy.name)],
                    |row| row.int(0),
                )?;
                if super::count(others) >= most {
                    return Ok(Attaching::TooMany);
                }
                tx.run(
                    "INSERT INTO identity_policy (identity, policy, of_aws) VALUES ($1, $2, $3) \
                     ON CONFLICT DO NOTHING",
                    args![found.seq, policy, of_aws.map(|policy| policy.name)],
                )?;
                Ok(Attaching::Yes)
            })
            .await
    }

    /// Ends that a policy counts for an identity.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_detach(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        arn: &PolicyArn,
    ) -> Result<Attaching> {
        let (account, identity, arn) = (account.to_owned(), identity.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else {
                    return Ok(Attaching::NoIdentity);
                };
                let gone = match managed_policy::seq(tx, &account, &arn)? {
                    Some(policy) => tx.run(
                        "DELETE FROM identity_policy WHERE identity = $1 AND policy = $2",
                        args![found.seq, policy],
                    )?,
                    None if arn.of_aws => tx.run(
                        "DELETE FROM identity_policy WHERE identity = $1 AND of_aws = $2",
                        args![found.seq, arn.name.as_str()],
                    )?,
                    None => 0,
                };
                Ok(if gone > 0 { Attaching::Yes } else { Attaching::NotAttached })
            })
            .await
    }

    /// The policies attached to an identity whose path begins with `prefix`, in the order they were attached. `None`:
    /// there is no identity of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identity_policies_page(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        prefix: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<PolicyArn>>> {
        let (account, identity, prefix) = (account.to_owned(), identity.to_owned(), prefix.to_owned());
        self.driver
            .read(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else { return Ok(None) };
                // An identity has few of them: what the prefix leaves out is left out here.
                let mut rows = tx.rows(
                    "SELECT a.seq, p.path, p.name, a.of_aws FROM identity_policy a \
                     LEFT JOIN managed_policy p ON p.seq = a.policy \
                     WHERE a.identity = $1 AND a.seq > $2 ORDER BY a.seq",
                    args![found.seq, after.unwrap_or(0)],
                    |row| match row.opt_text(3)? {
                        Some(name) => Ok((row.int(0)?, arn_of_aws(&name)?)),
                        None => {
                            let (path, name) = (row.text(1)?, row.text(2)?);
                            Ok((row.int(0)?, PolicyArn { of_aws: false, path, name }))
                        }
                    },
                )?;
                rows.retain(|(_, arn)| arn.path.starts_with(&prefix));
                rows.truncate(limit + 1);
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Users, groups and roles that a policy is attached to, in the order they got it. `kind` is the only one wanted,
    /// `prefix` what their path begins with. `None`: there is no policy of that ARN.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_entities_page(
        &self,
        account: &str,
        arn: &PolicyArn,
        kind: Option<IdentityKind>,
        prefix: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<Identity>>> {
        let (account, arn, prefix) = (account.to_owned(), arn.clone(), prefix.to_owned());
        self.driver
            .read(move |tx| {
                let policy = managed_policy::seq(tx, &account, &arn)?;
                let of_aws = of_aws(&arn);
                if policy.is_none() && of_aws.is_none() {
                    return Ok(None);
                }
                let sql = format!(
                    "SELECT a.seq, {} FROM identity_policy a JOIN identity i ON i.seq = a.identity \
                     WHERE (a.policy = $1 OR a.of_aws = $2) AND i.account = $3 AND a.seq > $4 \
                     AND ($5 = '' OR i.kind = $5) AND substr(i.path, 1, length($6)) = $6 \
                     ORDER BY a.seq LIMIT $7",
                    super::COLUMNS
                );
                let args = args![
                    policy,
                    of_aws.map(|policy| policy.name),
                    account,
                    after.unwrap_or(0),
                    kind.map_or("", IdentityKind::as_str),
                    prefix,
                    tunnel::rows(limit + 1),
                ];
                let rows = tx.rows(&sql, args, |row| Ok((row.int(0)?, super::read(row, 1)?)))?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// How many identities of an account have each of AWS's policies, by the policy's name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn aws_policies_attached(&self, account: &str) -> Result<HashMap<String, i64>> {
        let account = account.to_owned();
        self.driver
            .read(move |tx| {
                let rows = tx.rows(
                    "SELECT a.of_aws, COUNT(*) FROM identity_policy a JOIN identity i ON i.seq = a.identity \
                     WHERE a.of_aws IS NOT NULL AND i.account = $1 GROUP BY a.of_aws",
                    args![account],
                    |row| Ok((row.text(0)?, row.int(1)?)),
                )?;
                Ok(rows.into_iter().collect())
            })
            .await
    }
}

/// AWS's policy that an ARN names.
fn of_aws(arn: &PolicyArn) -> Option<&'static AwsPolicy> {
    AwsPolicy::find(&arn.name).filter(|policy| arn.of_aws && policy.path == arn.path)
}

fn arn_of_aws(name: &str) -> Result<PolicyArn> {
    let policy = AwsPolicy::find(name)
        .ok_or_else(|| Error::Internal(format!("this build has no policy of AWS named {name}")))?;
    Ok(PolicyArn { of_aws: true, path: policy.path.to_owned(), name: policy.name.to_owned() })
}

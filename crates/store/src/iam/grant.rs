//! Everything that says what a user or role may do.

use adit_iot::iam::aws_policy::AwsPolicy;
use adit_iot::iam::{Identity, IdentityKind};

use super::{COLUMNS, inline_policy, read};
use crate::sql::{Tx, args};
use crate::{Error, Result, Store};

/// A policy that counts for an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Where it comes from, for people: the resource part of an ARN (`policy/door`, `aws:policy/AWSIoTFullAccess` for
    /// one of AWS's), or `inline policy door of user/ana`.
    pub source: String,
    /// Its document.
    pub document: String,
}

/// A user or role with all policies that count for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Who it is.
    pub identity: Identity,
    /// Its inline policies, those attached to it, and for a user the same of each of its groups.
    pub policies: Vec<Granted>,
}

impl Store {
    /// What the user or role with that unique id may do. `None`: there is none (any more).
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn grants(&self, account: &str, id: &str) -> Result<Option<Grants>> {
        let (account, id) = (account.to_owned(), id.to_owned());
        self.driver
            .read(move |tx| {
                let sql =
                    format!("SELECT i.seq, {COLUMNS} FROM identity i WHERE i.id = $1 AND i.account = $2");
                let found = tx.first(&sql, args![id, account], |row| Ok((row.int(0)?, read(row, 1)?)))?;
                let Some((seq, identity)) = found else { return Ok(None) };
                let mut policies = Vec::new();
                add(tx, seq, &identity, &mut policies)?;
                if identity.kind == IdentityKind::User {
                    let sql = format!(
                        "SELECT i.seq, {COLUMNS} FROM group_member m JOIN identity i ON i.seq = m.user_group \
                         WHERE m.member = $1 ORDER BY m.seq"
                    );
                    let groups = tx.rows(&sql, args![seq], |row| Ok((row.int(0)?, read(row, 1)?)))?;
                    for (seq, group) in groups {
                        add(tx, seq, &group, &mut policies)?;
                    }
                }
                Ok(Some(Grants { identity, policies }))
            })
            .await
    }
}

/// Adds the policies of one identity itself.
fn add(tx: &Tx<'_>, seq: i64, identity: &Identity, policies: &mut Vec<Granted>) -> Result<()> {
    for (name, document) in inline_policy::documents(tx, seq)? {
        policies
            .push(Granted { source: format!("inline policy {name} of {}", identity.resource()), document });
    }
    let attached = tx.rows(
        "SELECT p.path, p.name, v.document, a.of_aws FROM identity_policy a \
         LEFT JOIN managed_policy p ON p.seq = a.policy \
         LEFT JOIN managed_policy_version v ON v.policy = p.seq AND v.version = p.default_version \
         WHERE a.identity = $1 ORDER BY a.seq",
        args![seq],
        |row| match row.opt_text(3)? {
            Some(name) => of_aws(&name),
            None => Ok(Granted {
                source: format!("policy{}{}", row.text(0)?, row.text(1)?),
                document: row.text(2)?,
            }),
        },
    )?;
    policies.extend(attached);
    Ok(())
}

fn of_aws(name: &str) -> Result<Granted> {
    let policy = AwsPolicy::find(name)
        .ok_or_else(|| Error::Internal(format!("this build has no policy of AWS named {name}")))?;
    Ok(Granted {
        source: format!("aws:policy{}{}", policy.path, policy.name),
        document: policy.document.to_owned(),
    })
}

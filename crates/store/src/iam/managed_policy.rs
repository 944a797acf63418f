//! Policies of an account that have an ARN, and their versions. AWS's own are in `adit_iot::iam::aws_policy`.

use adit_iot::Timestamp;
use adit_iot::iam::{ManagedPolicy, ManagedVersion, PolicyArn};
use adit_iot::tag::{self, Tag};

use super::{IamCreated, count, tags, tags_json};
use crate::sql::{Row, Tx, args};
use crate::{Page, Result, Store, Tagged, tunnel};

/// A policy to create, at version 1.
#[derive(Clone, Debug)]
pub struct NewManagedPolicy {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// A fresh unique id.
    pub id: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its document, checked by the caller.
    pub document: String,
    /// Its tags; no key twice.
    pub tags: Vec<Tag>,
    /// Now.
    pub created_at: Timestamp,
}

/// Which policies to list.
#[derive(Clone, Debug, Default)]
pub struct ManagedFilter {
    /// What their path begins with.
    pub prefix: String,
    /// Only those that some identity has.
    pub only_attached: bool,
}

/// Outcome of deleting a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedDeleted {
    /// It is gone.
    Yes,
    /// There is none of that ARN.
    NotFound,
    /// It stays: an identity has it.
    Attached,
    /// It stays: it has more than one version.
    Versions,
}

/// Outcome of an operation on a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versioned {
    /// It is done; the version as it is now, or was.
    Yes(ManagedVersion),
    /// There is no policy of that ARN.
    NoPolicy,
    /// The policy has no such version.
    NoVersion,
    /// Not done: it is the default version.
    Default,
    /// Not done: the policy has as many versions as it may have.
    TooMany,
}

const COLUMNS: &str = "p.name, p.path, p.id, p.description, p.tags, p.default_version, \
    (SELECT COUNT(*) FROM identity_policy a WHERE a.policy = p.seq), p.created_at, p.updated_at";

impl Store {
    /// Creates a policy whose version 1 is the default, unless the account has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_create(
        &self,
        account: &str,
        new: NewManagedPolicy,
        most: usize,
    ) -> Result<IamCreated> {
        let account = account.to_owned();
        self.driver
            .write(move |tx| {
                let sql = "SELECT seq FROM managed_policy WHERE account = $1 AND lower(name) = lower($2)";
                let args = args![account.as_str(), new.name.as_str()];
                if tx.first(sql, args, |row| row.int(0))?.is_some() {
                    return Ok(IamCreated::Exists);
                }
                let sql = "SELECT COUNT(*) FROM managed_policy WHERE account = $1";
                if count(tx.first(sql, args![account.as_str()], |row| row.int(0))?) >= most {
                    return Ok(IamCreated::TooMany);
                }
                let seq = tx.first(
                    "INSERT INTO managed_policy (account, name, path, id, description, tags, default_version, \
                     last_version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $7) \
                     RETURNING seq",
                    args![
                        account.as_str(),
                        new.name.as_str(),
                        new.path.as_str(),
                        new.id.as_str(),
                        new.description,
                        tags_json(&new.tags)?,
                        new.created_at,
                    ],
                    |row| row.int(0),
                )?;
                if let Some(seq) = seq {
                    insert_version(tx, seq, 1, &new.document, new.created_at)?;
                }
                Ok(IamCreated::Yes)
            })
            .await
    }

    /// The policy of an account that an ARN names.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_get(&self, account: &str, arn: &PolicyArn) -> Result<Option<ManagedPolicy>> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .read(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(None) };
                tx.first(
                    &format!("SELECT {COLUMNS} FROM managed_policy p WHERE p.seq = $1"),
                    args![seq],
                    |row| read(row, 0),
                )
            })
            .await
    }

    /// Policies of an account, oldest first. `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policies_page(
        &self,
        account: &str,
        filter: ManagedFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<ManagedPolicy>> {
        let account = account.to_owned();
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "SELECT p.seq, {COLUMNS} FROM managed_policy p WHERE p.account = $1 AND p.seq > $2 \
                     AND substr(p.path, 1, length($3)) = $3 \
                     AND ($4 = 0 OR EXISTS (SELECT 1 FROM identity_policy a WHERE a.policy = p.seq)) \
                     ORDER BY p.seq LIMIT $5"
                );
                let after = after.unwrap_or(0);
                let args =
                    args![account, after, filter.prefix, filter.only_attached, tunnel::rows(limit + 1)];
                let rows = tx.rows(&sql, args, |row| Ok((row.int(0)?, read(row, 1)?)))?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Deletes a policy that has one version and is attached to nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_delete(&self, account: &str, arn: &PolicyArn) -> Result<ManagedDeleted> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(ManagedDeleted::NotFound) };
                let attached = "SELECT 1 FROM identity_policy WHERE policy = $1 LIMIT 1";
                if tx.first(attached, args![seq], |row| row.int(0))?.is_some() {
                    return Ok(ManagedDeleted::Attached);
                }
                if versions(tx, seq)? > 1 {
                    return Ok(ManagedDeleted::Versions);
                }
                tx.run("DELETE FROM managed_policy WHERE seq = $1", args![seq])?;
                Ok(ManagedDeleted::Yes)
            })
            .await
    }

    /// Adds a version, as the default one if `set_default`, unless there are `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_version_create(
        &self,
        account: &str,
        arn: &PolicyArn,
        document: String,
        set_default: bool,
        most: usize,
        now: Timestamp,
    ) -> Result<Versioned> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(Versioned::NoPolicy) };
                if versions(tx, seq)? >= most {
                    return Ok(Versioned::TooMany);
                }
                let version = tx.first(
                    "UPDATE managed_policy SET last_version = last_version + 1 WHERE seq = $1 \
                     RETURNING last_version",
                    args![seq],
                    |row| row.int(0),
                )?;
                let Some(version) = version else { return Ok(Versioned::NoPolicy) };
                insert_version(tx, seq, version, &document, now)?;
                if set_default {
                    set_default_version(tx, seq, version, now)?;
                }
                let made = ManagedVersion { version, is_default: set_default, document, created_at: now };
                Ok(Versioned::Yes(made))
            })
            .await
    }

    /// The versions of a policy, newest first. `None`: there is no policy of that ARN.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_versions(
        &self,
        account: &str,
        arn: &PolicyArn,
    ) -> Result<Option<Vec<ManagedVersion>>> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .read(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(None) };
                let sql = format!("{VERSIONS} WHERE v.policy = $1 ORDER BY v.version DESC");
                tx.rows(&sql, args![seq], read_version).map(Some)
            })
            .await
    }

    /// Makes a version the default one. Doing so again changes nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_version_set_default(
        &self,
        account: &str,
        arn: &PolicyArn,
        version: i64,
        now: Timestamp,
    ) -> Result<Versioned> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(Versioned::NoPolicy) };
                let Some(found) = find_version(tx, seq, version)? else { return Ok(Versioned::NoVersion) };
                if !found.is_default {
                    set_default_version(tx, seq, version, now)?;
                }
                Ok(Versioned::Yes(ManagedVersion { is_default: true, ..found }))
            })
            .await
    }

    /// Deletes a version that is not the default one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_version_delete(
        &self,
        account: &str,
        arn: &PolicyArn,
        version: i64,
    ) -> Result<Versioned> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some(seq) = seq(tx, &account, &arn)? else { return Ok(Versioned::NoPolicy) };
                let Some(found) = find_version(tx, seq, version)? else { return Ok(Versioned::NoVersion) };
                if found.is_default {
                    return Ok(Versioned::Default);
                }
                let sql = "DELETE FROM managed_policy_version WHERE policy = $1 AND version = $2";
                tx.run(sql, args![seq, version])?;
                Ok(Versioned::Yes(found))
            })
            .await
    }

    /// Puts tags over those of a policy, by key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_tags_set(
        &self,
        account: &str,
        arn: &PolicyArn,
        new: Vec<Tag>,
    ) -> Result<Tagged> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, current)) = tagged(tx, &account, &arn)? else { return Ok(Tagged::NotFound) };
                match tag::upsert(&current, &new) {
                    Ok(merged) => set_tags(tx, seq, &merged).map(|()| Tagged::Yes),
                    Err(refusal) => Ok(Tagged::Refused(refusal)),
                }
            })
            .await
    }

    /// Takes tags off a policy; keys it does not have are ignored. `false`: there is no policy of that ARN.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn managed_policy_tags_remove(
        &self,
        account: &str,
        arn: &PolicyArn,
        keys: Vec<String>,
    ) -> Result<bool> {
        let (account, arn) = (account.to_owned(), arn.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, mut current)) = tagged(tx, &account, &arn)? else { return Ok(false) };
                current.retain(|tag| !keys.contains(&tag.key));
                set_tags(tx, seq, &current)?;
                Ok(true)
            })
            .await
    }
}

/// The row of the policy that an ARN names, if it is one of the account.
pub(super) fn seq(tx: &Tx<'_>, account: &str, arn: &PolicyArn) -> Result<Option<i64>> {
    if arn.of_aws {
        return Ok(None);
    }
    tx.first(
        "SELECT seq FROM managed_policy \
         WHERE account = $1 AND lower(name) = lower($2) AND name = $2 AND path = $3",
        args![account, arn.name.as_str(), arn.path.as_str()],
        |row| row.int(0),
    )
}

fn read(row: &Row<'_>, column: usize) -> Result<ManagedPolicy> {
    Ok(ManagedPolicy {
        name: row.text(column)?,
        path: row.text(column + 1)?,
        id: row.text(column + 2)?,
        description: row.opt_text(column + 3)?,
        tags: tags(&row.text(column + 4)?)?,
        default_version: row.int(column + 5)?,
        attached: row.int(column + 6)?,
        created_at: row.time(column + 7)?,
        updated_at: row.time(column + 8)?,
    })
}

const VERSIONS: &str = "SELECT v.version, v.version = p.default_version, v.document, v.created_at \
    FROM managed_policy_version v JOIN managed_policy p ON p.seq = v.policy";

fn read_version(row: &Row<'_>) -> Result<ManagedVersion> {
    Ok(ManagedVersion {
        version: row.int(0)?,
        is_default: row.bool(1)?,
        document: row.text(2)?,
        created_at: row.time(3)?,
    })
}

fn find_version(tx: &Tx<'_>, policy: i64, version: i64) -> Result<Option<ManagedVersion>> {
    let sql = format!("{VERSIONS} WHERE v.policy = $1 AND v.version = $2");
    tx.first(&sql, args![policy, version], read_version)
}

fn insert_version(tx: &Tx<'_>, policy: i64, version: i64, document: &str, now: Timestamp) -> Result<()> {
    tx.run(
        "INSERT INTO managed_policy_version (policy, version, document, created_at) VALUES ($1, $2, $3, $4)",
        args![policy, version, document, now],
    )?;
    Ok(())
}

fn set_default_version(tx: &Tx<'_>, policy: i64, version: i64, now: Timestamp) -> Result<()> {
    let sql = "UPDATE managed_policy SET default_version = $2, updated_at = $3 WHERE seq = $1";
    tx.run(sql, args![policy, version, now])?;
    Ok(())
}

fn versions(tx: &Tx<'_>, policy: i64) -> Result<usize> {
    let sql = "SELECT COUNT(*) FROM managed_policy_version WHERE policy = $1";
    Ok(count(tx.first(sql, args![policy], |row| row.int(0))?))
}

fn tagged(tx: &Tx<'_>, account: &str, arn: &PolicyArn) -> Result<Option<(i64, Vec<Tag>)>> {
    let Some(seq) = seq(tx, account, arn)? else { return Ok(None) };
    let sql = "SELECT tags FROM managed_policy WHERE seq = $1";
    tx.first(sql, args![seq], |row| Ok((seq, tags(&row.text(0)?)?)))
}

fn set_tags(tx: &Tx<'_>, policy: i64, tags: &[Tag]) -> Result<()> {
    tx.run("UPDATE managed_policy SET tags = $2 WHERE seq = $1", args![policy, tags_json(tags)?])?;
    Ok(())
}

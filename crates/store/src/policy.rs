//! Policies and their versions.

use adit_iot::policy_record::{Policy, PolicyKept, PolicyVersion};
use adit_iot::tag::{self, Tag, Taggable};
use adit_iot::{PolicyName, Scope, Timestamp};

use crate::sql::{Tx, args, unreadable};
use crate::{Order, Page, Result, Store, attachment, resource_tag, tunnel};

/// A policy to create, at version 1.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its document, checked by the caller.
    pub document: String,
    /// Its tags; no key twice.
    pub tags: Vec<Tag>,
    /// A fresh UUID.
    pub generation_id: String,
    /// Now.
    pub created_at: Timestamp,
}

/// Outcome of deleting a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDeleted {
    /// It is gone.
    Yes,
    /// There is none of that name.
    NotFound,
    /// It stays, for this reason.
    Kept(PolicyKept),
}

/// Outcome of adding a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionCreated {
    /// It is there.
    Yes(PolicyVersion),
    /// There is no policy of that name.
    NotFound,
    /// The policy has as many versions as it may have.
    TooMany,
}

/// Outcome of an operation on one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionTouched {
    /// It is done.
    Yes,
    /// There is no policy of that name.
    NoPolicy,
    /// The policy has no such version.
    NoVersion,
    /// Not done: it is the default version.
    Default,
}

/// A policy without its documents.
pub(crate) struct Head {
    pub(crate) seq: i64,
    default_version: i64,
    last_version: i64,
    generation_id: String,
}

impl Store {
    /// Creates a policy whose version 1 is the default. `false`: there is one of that name; nothing changed.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_create(&self, scope: &Scope, new: NewPolicy) -> Result<bool> {
        let scope = scope.clone();
        self.driver.write(move |tx| insert(tx, &scope, &new)).await
    }

    /// The policy of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_get(&self, scope: &Scope, name: &PolicyName) -> Result<Option<Policy>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                tx.first(
                    "SELECT p.name, p.default_version, v.document, p.generation_id, p.created_at, p.updated_at \
                     FROM policy p JOIN policy_version v ON v.policy = p.seq AND v.version = p.default_version \
                     WHERE p.account = $1 AND p.region = $2 AND p.name = $3",
                    args![scope.account(), scope.region(), name.as_str()],
                    |row| {
                        Ok(Policy {
                            name: PolicyName::parse(&row.text(0)?).map_err(unreadable)?,
                            default_version: row.int(1)?,
                            document: row.text(2)?,
                            generation_id: row.text(3)?,
                            created_at: row.time(4)?,
                            updated_at: row.time(5)?,
                        })
                    },
                )
            })
            .await
    }

    /// Names of policies of the scope. `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policies_page(
        &self,
        scope: &Scope,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<PolicyName>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let (beyond, way) = order.sql(3);
                let sql = format!(
                    "SELECT seq, name FROM policy WHERE account = $1 AND region = $2 AND seq {beyond} \
                     ORDER BY seq {way} LIMIT $4"
                );
                let args =
                    args![scope.account(), scope.region(), order.start(after), tunnel::rows(limit + 1)];
                let rows = tx.rows(&sql, args, |row| {
                    Ok((row.int(0)?, PolicyName::parse(&row.text(1)?).map_err(unreadable)?))
                })?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Deletes a policy that has one version and is attached to nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_delete(&self, scope: &Scope, name: &PolicyName) -> Result<PolicyDeleted> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(PolicyDeleted::NotFound) };
                if count(tx, head.seq)? > 1 {
                    return Ok(PolicyDeleted::Kept(PolicyKept::Versions));
                }
                if attachment::is_attached(tx, head.seq)? {
                    return Ok(PolicyDeleted::Kept(PolicyKept::Attached));
                }
                tx.run("DELETE FROM policy WHERE seq = $1", args![head.seq])?;
                resource_tag::replace(tx, &scope, &tagged(&name), &[])?;
                Ok(PolicyDeleted::Yes)
            })
            .await
    }

    /// Adds a version, as the default one if `set_default`, unless there are `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_version_create(
        &self,
        scope: &Scope,
        name: &PolicyName,
        document: String,
        set_default: bool,
        most: usize,
        now: Timestamp,
    ) -> Result<VersionCreated> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(VersionCreated::NotFound) };
                if count(tx, head.seq)? >= most {
                    return Ok(VersionCreated::TooMany);
                }
                let version = head.last_version + 1;
                insert_version(tx, head.seq, version, &document, now)?;
                let default = if set_default { version } else { head.default_version };
                tx.run(
                    "UPDATE policy SET last_version = $2, default_version = $3, updated_at = $4 WHERE seq = $1",
                    args![head.seq, version, default, now],
                )?;
                Ok(VersionCreated::Yes(PolicyVersion {
                    version,
                    is_default: set_default,
                    document,
                    created_at: now,
                    generation_id: head.generation_id,
                }))
            })
            .await
    }

    /// The versions of a policy, newest first. `None`: there is no policy of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_versions(
        &self,
        scope: &Scope,
        name: &PolicyName,
    ) -> Result<Option<Vec<PolicyVersion>>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(None) };
                let versions = tx.rows(
                    "SELECT version, document, created_at FROM policy_version WHERE policy = $1 \
                     ORDER BY version DESC",
                    args![head.seq],
                    |row| {
                        let version = row.int(0)?;
                        Ok(PolicyVersion {
                            version,
                            is_default: version == head.default_version,
                            document: row.text(1)?,
                            created_at: row.time(2)?,
                            generation_id: head.generation_id.clone(),
                        })
                    },
                )?;
                Ok(Some(versions))
            })
            .await
    }

    /// Makes a version the default one. Doing so again changes nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_version_set_default(
        &self,
        scope: &Scope,
        name: &PolicyName,
        version: i64,
        now: Timestamp,
    ) -> Result<VersionTouched> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(VersionTouched::NoPolicy) };
                if !has_version(tx, head.seq, version)? {
                    return Ok(VersionTouched::NoVersion);
                }
                if version != head.default_version {
                    tx.run(
                        "UPDATE policy SET default_version = $2, updated_at = $3 WHERE seq = $1",
                        args![head.seq, version, now],
                    )?;
                }
                Ok(VersionTouched::Yes)
            })
            .await
    }

    /// Deletes a version that is not the default one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_version_delete(
        &self,
        scope: &Scope,
        name: &PolicyName,
        version: i64,
    ) -> Result<VersionTouched> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(VersionTouched::NoPolicy) };
                if version == head.default_version {
                    return Ok(VersionTouched::Default);
                }
                let gone = tx.run(
                    "DELETE FROM policy_version WHERE policy = $1 AND version = $2",
                    args![head.seq, version],
                )?;
                Ok(if gone > 0 { VersionTouched::Yes } else { VersionTouched::NoVersion })
            })
            .await
    }
}

/// The policy as tags name it.
fn tagged(name: &PolicyName) -> String {
    Taggable { kind: tag::Kind::Policy, name: name.to_string() }.to_string()
}

pub(crate) fn head(tx: &Tx<'_>, scope: &Scope, name: &PolicyName) -> Result<Option<Head>> {
    tx.first(
        "SELECT seq, default_version, last_version, generation_id FROM policy \
         WHERE account = $1 AND region = $2 AND name = $3",
        args![scope.account(), scope.region(), name.as_str()],
        |row| {
            Ok(Head {
                seq: row.int(0)?,
                default_version: row.int(1)?,
                last_version: row.int(2)?,
                generation_id: row.text(3)?,
            })
        },
    )
}

/// Keeps a policy whose version 1 is the default. `false`: there is one of that name; nothing changed.
pub(crate) fn insert(tx: &Tx<'_>, scope: &Scope, new: &NewPolicy) -> Result<bool> {
    let seq =
        tx.first(
            "INSERT INTO policy (account, region, name, default_version, last_version, generation_id, \
         created_at, updated_at) VALUES ($1, $2, $3, 1, 1, $4, $5, $5) \
         ON CONFLICT (account, region, name) DO NOTHING RETURNING seq",
            args![
                scope.account(),
                scope.region(),
                new.name.as_str(),
                new.generation_id.as_str(),
                new.created_at,
            ],
            |row| row.int(0),
        )?;
    let Some(seq) = seq else { return Ok(false) };
    insert_version(tx, seq, 1, &new.document, new.created_at)?;
    resource_tag::replace(tx, scope, &tagged(&new.name), &new.tags)?;
    Ok(true)
}

fn insert_version(tx: &Tx<'_>, policy: i64, version: i64, document: &str, now: Timestamp) -> Result<()> {
    tx.run(
        "INSERT INTO policy_version (policy, version, document, created_at) VALUES ($1, $2, $3, $4)",
        args![policy, version, document, now],
    )?;
    Ok(())
}

fn count(tx: &Tx<'_>, policy: i64) -> Result<usize> {
    let sql = "SELECT COUNT(*) FROM policy_version WHERE policy = $1";
    let count = tx.first(sql, args![policy], |row| row.int(0))?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

fn has_version(tx: &Tx<'_>, policy: i64, version: i64) -> Result<bool> {
    let sql = "SELECT version FROM policy_version WHERE policy = $1 AND version = $2";
    Ok(tx.first(sql, args![policy, version], |row| row.int(0))?.is_some())
}

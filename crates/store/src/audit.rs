//! The audit log: who did what to which resource, with what result. Lines are added and, once old enough, taken
//! away by [`Store::audit_trim`]; the database refuses everything else.

use adit_iot::Timestamp;

use crate::sql::{Row, args};
use crate::{Page, Result, Store, tunnel};

/// A line to add. Never holds a token or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The account, once known.
    pub account: Option<String>,
    /// The region, once known.
    pub region: Option<String>,
    /// Who: the caller's ARN or another name.
    pub principal: Option<String>,
    /// What was asked for, such as `OpenTunnel`.
    pub action: String,
    /// On what: an ARN or another name.
    pub resource: Option<String>,
    /// `ok`, or the name of the refusal.
    pub result: String,
    /// The request it was part of.
    pub request_id: Option<String>,
    /// The address it came from.
    pub peer: Option<String>,
    /// Further facts.
    pub detail: Option<String>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number; later lines have greater ones.
    pub seq: i64,
    /// What was written.
    pub entry: AuditEntry,
}

impl Store {
    /// Adds a line.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn audit_append(&self, entry: AuditEntry) -> Result<()> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "INSERT INTO audit (at, account, region, principal, action, resource, result, request_id, peer, \
                     detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    args![
                        entry.at,
                        entry.account,
                        entry.region,
                        entry.principal,
                        entry.action,
                        entry.resource,
                        entry.result,
                        entry.request_id,
                        entry.peer,
                        entry.detail,
                    ],
                )
            })
            .await?;
        Ok(())
    }

    /// Lines from the newest to the oldest; `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn audit_page(&self, after: Option<i64>, limit: usize) -> Result<Page<AuditRecord>> {
        self.driver
            .read(move |tx| {
                let rows = tx.rows(
                    "SELECT seq, at, account, region, principal, action, resource, result, request_id, peer, detail \
                     FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
                    args![after.unwrap_or(i64::MAX), tunnel::rows(limit + 1)],
                    read,
                )?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Takes away up to `limit` lines older than `before`, the oldest first, and tells how many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn audit_trim(&self, before: Timestamp, limit: usize) -> Result<u64> {
        self.driver
            .write(move |tx| {
                tx.run("INSERT INTO audit_trim (before) VALUES ($1)", args![before])?;
                let gone = tx.run(
                    "DELETE FROM audit WHERE seq IN \
                     (SELECT seq FROM (SELECT seq, at FROM audit ORDER BY seq LIMIT $2) AS oldest WHERE at < $1)",
                    args![before, tunnel::rows(limit)],
                )?;
                tx.run("DELETE FROM audit_trim", &[])?;
                Ok(gone)
            })
            .await
    }
}

fn read(row: &Row<'_>) -> Result<(i64, AuditRecord)> {
    let seq = row.int(0)?;
    let entry = AuditEntry {
        at: row.time(1)?,
        account: row.opt_text(2)?,
        region: row.opt_text(3)?,
        principal: row.opt_text(4)?,
        action: row.text(5)?,
        resource: row.opt_text(6)?,
        result: row.text(7)?,
        request_id: row.opt_text(8)?,
        peer: row.opt_text(9)?,
        detail: row.opt_text(10)?,
    };
    Ok((seq, AuditRecord { seq, entry }))
}

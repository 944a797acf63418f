//! The audit log: who did what to which resource, with what result. Lines are added and, once old enough, taken
//! away by [`Store::audit_trim`]; the database refuses everything else.

use adit_iot::{Scope, Timestamp};

use crate::sql::{Row, Tx, args};
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

/// Which lines are wanted. Everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedAudit {
    /// Only of this account and region.
    pub scope: Option<Scope>,
    /// With a scope: also lines that belong to no account.
    pub strangers: bool,
    /// Only on this resource.
    pub resource: Option<String>,
    /// Only by this principal.
    pub principal: Option<String>,
    /// Only of this name.
    pub action: Option<String>,
    /// Only what was refused or did not work, or only the rest. How a connection to a tunnel ended is no failure.
    pub failed: Option<bool>,
    /// Only from this address.
    pub peer: Option<String>,
}

/// Lines a page looks at before it ends, whether they fit or not.
pub const AUDIT_SCAN: usize = 10_000;

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

    /// Lines from the newest to the oldest; `after` is the position a page before ended at. A page ends after
    /// [`AUDIT_SCAN`] lines were looked at (of its resource, if one is wanted), so it may hold fewer than `limit`, or
    /// none, and still have a next.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn audit_page(
        &self,
        wanted: WantedAudit,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<AuditRecord>> {
        self.driver.read(move |tx| page(tx, &wanted, after.unwrap_or(i64::MAX), limit)).await
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

fn page(tx: &Tx<'_>, wanted: &WantedAudit, before: i64, limit: usize) -> Result<Page<AuditRecord>> {
    let resource = wanted.resource.as_deref();
    // Told apart, for only an equation is looked up in the index.
    let on = if resource.is_some() { "resource = $2" } else { "$2 IS NULL" };
    let last = tx.first(
        &format!("SELECT seq FROM audit WHERE seq < $1 AND {on} ORDER BY seq DESC LIMIT 1 OFFSET $3"),
        args![before, resource, tunnel::rows(AUDIT_SCAN - 1)],
        |row| row.int(0),
    )?;
    let scope = wanted.scope.as_ref();
    let rows = tx.rows(
        &format!(
            "SELECT seq, at, account, region, principal, action, resource, result, request_id, peer, detail \
             FROM audit WHERE seq < $1 AND {on} AND seq >= $3 \
             AND ($4 IS NULL OR (account = $4 AND region = $5) OR ($6 = 1 AND account IS NULL)) \
             AND ($7 IS NULL OR principal = $7) AND ($8 IS NULL OR action = $8) \
             AND ($9 IS NULL OR (result <> 'ok' AND action <> 'TunnelDisconnect') = $9) AND ($10 IS NULL OR peer = $10) \
             ORDER BY seq DESC LIMIT $11"
        ),
        args![
            before,
            resource,
            last.unwrap_or(0),
            scope.map(Scope::account),
            scope.map(Scope::region),
            wanted.strangers,
            wanted.principal.as_deref(),
            wanted.action.as_deref(),
            wanted.failed,
            wanted.peer.as_deref(),
            tunnel::rows(limit + 1),
        ],
        read,
    )?;
    let page = Page::of(rows, limit);
    Ok(Page { next: page.next.or(last), ..page })
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

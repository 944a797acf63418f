//! Device certificates.

use adit_iot::certificate::{Certificate, Kept, Mode, Status};
use adit_iot::{CertificateId, Scope, Timestamp, arn};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Order, Page, Result, Store, attachment, principal, provisioning_attempt, tunnel};

/// A certificate as the gate finds it by its id alone: in one scope, or in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is registered.
    pub scope: Scope,
    /// Whether it may be used there.
    pub status: Status,
    /// How it is told apart.
    pub mode: Mode,
    /// The registered CA it was registered under, if any.
    pub ca_id: Option<CertificateId>,
}

/// A certificate in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateLine {
    /// Its id.
    pub id: CertificateId,
    /// Whether it may be used.
    pub status: Status,
    /// How it is told apart.
    pub mode: Mode,
    /// When it came to be known.
    pub created_at: Timestamp,
}

/// Outcome of giving a certificate another status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateChanged {
    /// It was of the first status and is as this now.
    Yes(Status, Certificate),
    /// It had that status before.
    Same,
    /// There is none of that id.
    NotFound,
    /// The rules of [`Certificate::with_status`] refuse it.
    Refused(adit_iot::Error),
}

/// Outcome of deleting a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDeleted {
    /// It is gone, and what was attached to it is detached.
    Yes,
    /// There is none of that id.
    NotFound,
    /// It stays, for this reason.
    Kept(Kept),
}

impl Store {
    /// Keeps a certificate. `false`: there is one of that id in the scope; nothing changed.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_create(&self, scope: &Scope, new: Certificate) -> Result<bool> {
        let scope = scope.clone();
        self.driver.write(move |tx| insert(tx, &scope, &new)).await
    }

    /// Keeps a certificate if there is none of that id in the scope; the one that is there then, and whether it is new.
    /// However many do this at once, one of them is told that it is new.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_arrive(&self, scope: &Scope, new: Certificate) -> Result<(Certificate, bool)> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                if let Some(there) = find(tx, &scope, &new.id)? {
                    return Ok((there, false));
                }
                insert(tx, &scope, &new)?;
                Ok((new, true))
            })
            .await
    }

    /// The certificate of that id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_get(&self, scope: &Scope, id: &CertificateId) -> Result<Option<Certificate>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver.read(move |tx| find(tx, &scope, &id)).await
    }

    /// Every scope that knows the certificate of that id, oldest first; at most 100.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_known(&self, id: &CertificateId) -> Result<Vec<Known>> {
        let id = id.clone();
        self.driver
            .read(move |tx| {
                tx.rows(
                    "SELECT account, region, status, mode, ca_id FROM certificate WHERE id = $1 ORDER BY seq LIMIT 100",
                    args![id.as_str()],
                    |row| {
                        Ok(Known {
                            scope: row.scope(0)?,
                            status: status(row, 2)?,
                            mode: mode(row, 3)?,
                            ca_id: opt_id(row, 4)?,
                        })
                    },
                )
            })
            .await
    }

    /// Certificates of the scope; only those registered under the CA `ca_id` if given. `after` is the position a page
    /// before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificates_page(
        &self,
        scope: &Scope,
        ca_id: Option<&CertificateId>,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<CertificateLine>> {
        let (scope, ca_id) = (scope.clone(), ca_id.cloned());
        self.driver
            .read(move |tx| {
                let (beyond, way) = order.sql(3);
                let of_ca = if ca_id.is_some() { " AND ca_id = $5" } else { "" };
                let sql = format!(
                    "SELECT seq, id, status, mode, created_at FROM certificate WHERE account = $1 AND region = $2 \
                     AND seq {beyond}{of_ca} ORDER BY seq {way} LIMIT $4"
                );
                let mut args = args![scope.account(), scope.region(), order.start(after), tunnel::rows(limit + 1)]
                    .to_vec();
                args.extend(ca_id.map(|id| id.as_str().into()));
                let rows = tx.rows(&sql, &args, |row| {
                    let line = CertificateLine {
                        id: id(row, 1)?,
                        status: status(row, 2)?,
                        mode: mode(row, 3)?,
                        created_at: row.time(4)?,
                    };
                    Ok((row.int(0)?, line))
                })?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Gives a certificate another status.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_set_status(
        &self,
        scope: &Scope,
        id: &CertificateId,
        status: Status,
        now: Timestamp,
    ) -> Result<CertificateChanged> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some(there) = find(tx, &scope, &id)? else { return Ok(CertificateChanged::NotFound) };
                match there.with_status(status, now) {
                    Ok(Some(changed)) => {
                        update(tx, &scope, &changed)?;
                        Ok(CertificateChanged::Yes(there.status, changed))
                    }
                    Ok(None) => Ok(CertificateChanged::Same),
                    Err(refusal) => Ok(CertificateChanged::Refused(refusal)),
                }
            })
            .await
    }

    /// Deletes a certificate that nothing keeps; `force` detaches its policies first.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_delete(
        &self,
        scope: &Scope,
        id: &CertificateId,
        force: bool,
    ) -> Result<CertificateDeleted> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some(there) = find(tx, &scope, &id)? else { return Ok(CertificateDeleted::NotFound) };
                let arn = arn::certificate(&scope, &id);
                let things = principal::has_things(tx, &scope, &arn)?;
                let policies = attachment::has_policies(tx, &scope, &arn)?;
                if let Some(kept) = Kept::of(there.status, things, policies, force) {
                    return Ok(CertificateDeleted::Kept(kept));
                }
                attachment::detach_all(tx, &scope, &arn)?;
                provisioning_attempt::forget(tx, &scope, &id)?;
                tx.run(
                    "DELETE FROM certificate WHERE account = $1 AND region = $2 AND id = $3",
                    args![scope.account(), scope.region(), id.as_str()],
                )?;
                Ok(CertificateDeleted::Yes)
            })
            .await
    }
}

/// Keeps the status a certificate has now.
pub(crate) fn update(tx: &Tx<'_>, scope: &Scope, changed: &Certificate) -> Result<()> {
    tx.run(
        "UPDATE certificate SET status = $4, customer_version = $5, updated_at = $6 \
         WHERE account = $1 AND region = $2 AND id = $3",
        args![
            scope.account(),
            scope.region(),
            changed.id.as_str(),
            changed.status.as_str(),
            changed.customer_version,
            changed.updated_at,
        ],
    )?;
    Ok(())
}

/// Keeps a certificate. `false`: there is one of that id in the scope; nothing changed.
pub(crate) fn insert(tx: &Tx<'_>, scope: &Scope, new: &Certificate) -> Result<bool> {
    let inserted = tx.run(
        "INSERT INTO certificate (account, region, id, status, mode, ca_id, pem, not_before, not_after, \
         customer_version, generation_id, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (id, account, region) DO NOTHING",
        args![
            scope.account(),
            scope.region(),
            new.id.as_str(),
            new.status.as_str(),
            new.mode.as_str(),
            new.ca_id.as_ref().map(CertificateId::as_str),
            new.pem.as_str(),
            new.not_before,
            new.not_after,
            new.customer_version,
            new.generation_id.as_str(),
            new.created_at,
            new.updated_at,
        ],
    )?;
    Ok(inserted > 0)
}

pub(crate) fn find(tx: &Tx<'_>, scope: &Scope, wanted: &CertificateId) -> Result<Option<Certificate>> {
    tx.first(
        "SELECT id, status, mode, ca_id, pem, not_before, not_after, customer_version, generation_id, created_at, \
         updated_at FROM certificate WHERE account = $1 AND region = $2 AND id = $3",
        args![scope.account(), scope.region(), wanted.as_str()],
        |row| {
            Ok(Certificate {
                id: id(row, 0)?,
                status: status(row, 1)?,
                mode: mode(row, 2)?,
                ca_id: opt_id(row, 3)?,
                pem: row.text(4)?,
                not_before: row.time(5)?,
                not_after: row.time(6)?,
                customer_version: row.int(7)?,
                generation_id: row.text(8)?,
                created_at: row.time(9)?,
                updated_at: row.time(10)?,
            })
        },
    )
}

/// Whether the scope knows the certificate.
pub(crate) fn exists(tx: &Tx<'_>, scope: &Scope, id: &CertificateId) -> Result<bool> {
    let found = tx.first(
        "SELECT seq FROM certificate WHERE account = $1 AND region = $2 AND id = $3",
        args![scope.account(), scope.region(), id.as_str()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

fn id(row: &Row<'_>, column: usize) -> Result<CertificateId> {
    CertificateId::parse(&row.text(column)?).map_err(unreadable)
}

fn opt_id(row: &Row<'_>, column: usize) -> Result<Option<CertificateId>> {
    row.opt_text(column)?.map(|text| CertificateId::parse(&text).map_err(unreadable)).transpose()
}

fn status(row: &Row<'_>, column: usize) -> Result<Status> {
    Status::parse(&row.text(column)?).map_err(unreadable)
}

fn mode(row: &Row<'_>, column: usize) -> Result<Mode> {
    Mode::parse(&row.text(column)?).map_err(unreadable)
}

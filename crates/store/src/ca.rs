//! CA certificates of customers, and the codes they are registered with.

use adit_iot::ca::{Ca, Change, MAX_OF_SUBJECT, Registered, RegistrationConfig, Status, still_active};
use adit_iot::certificate::Mode;
use adit_iot::tag::Tag;
use adit_iot::{CertificateId, Scope, Timestamp};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Order, Page, Result, Store, resource_tag, tunnel};

/// CAs of one subject that are looked at on a first connection, of all scopes together.
const OF_SUBJECT: usize = 100;

/// Outcome of registering a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaCreated {
    /// It is there.
    Yes,
    /// It was registered in this scope before.
    Exists,
    /// Another account has it in this region, told apart by the CA, as it was to be here.
    InOtherAccount,
    /// The scope has [`MAX_OF_SUBJECT`] of that subject.
    TooMany,
}

/// Outcome of changing a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaUpdated {
    /// It is as this now.
    Yes(Ca),
    /// It was so before.
    Same,
    /// There is none of that id.
    NotFound,
}

/// Outcome of deleting a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaDeleted {
    /// It is gone, with its tags; certificates registered under it stay.
    Yes,
    /// There is none of that id.
    NotFound,
    /// It is active.
    Refused(adit_iot::Error),
}

/// A CA in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaLine {
    /// Its id.
    pub id: CertificateId,
    /// Whether certificates may be registered under it.
    pub status: Status,
    /// When it was registered.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, status, auto_registration, mode, pem, subject, not_before, not_after, template_name, \
     template_body, role_arn, customer_version, generation_id, created_at, updated_at";

impl Store {
    /// The scope's registration code; `fresh` becomes it if there is none.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn registration_code(&self, scope: &Scope, fresh: String) -> Result<String> {
        if let Some(code) = self.registration_code_known(scope).await? {
            return Ok(code);
        }
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                tx.run(
                    "INSERT INTO registration_code (account, region, code) VALUES ($1, $2, $3) \
                     ON CONFLICT (account, region) DO NOTHING",
                    args![scope.account(), scope.region(), fresh.as_str()],
                )?;
                Ok(code(tx, &scope)?.unwrap_or(fresh))
            })
            .await
    }

    /// The scope's registration code, if it has one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn registration_code_known(&self, scope: &Scope) -> Result<Option<String>> {
        let scope = scope.clone();
        self.driver.read(move |tx| code(tx, &scope)).await
    }

    /// Forgets the scope's registration code. `false`: there is none.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn registration_code_delete(&self, scope: &Scope) -> Result<bool> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                let sql = "DELETE FROM registration_code WHERE account = $1 AND region = $2";
                Ok(tx.run(sql, args![scope.account(), scope.region()])? > 0)
            })
            .await
    }

    /// Registers a CA with its tags.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn ca_create(&self, scope: &Scope, new: Ca, tags: Vec<Tag>) -> Result<CaCreated> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                if find(tx, &scope, &new.id)?.is_some() {
                    return Ok(CaCreated::Exists);
                }
                if new.mode == Mode::Default && is_elsewhere(tx, &scope, &new.id)? {
                    return Ok(CaCreated::InOtherAccount);
                }
                let same = tx.rows(
                    "SELECT seq FROM ca WHERE account = $1 AND region = $2 AND subject = $3",
                    args![scope.account(), scope.region(), new.subject.as_slice()],
                    |row| row.int(0),
                )?;
                if same.len() >= MAX_OF_SUBJECT {
                    return Ok(CaCreated::TooMany);
                }
                insert(tx, &scope, &new)?;
                resource_tag::replace(tx, &scope, &resource(&new.id), &tags)?;
                Ok(CaCreated::Yes)
            })
            .await
    }

    /// The CA of that id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn ca_get(&self, scope: &Scope, id: &CertificateId) -> Result<Option<Ca>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver.read(move |tx| find(tx, &scope, &id)).await
    }

    /// The CAs of that subject, in one scope or in all, the oldest first; at most 100.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn cas_of_subject(&self, scope: Option<&Scope>, subject: Vec<u8>) -> Result<Vec<Registered>> {
        let scope = scope.cloned();
        self.driver
            .read(move |tx| {
                let (account, region) = scope.as_ref().map(|scope| (scope.account(), scope.region())).unzip();
                tx.rows(
                    &format!(
                        "SELECT {COLUMNS}, account, region FROM ca WHERE subject = $1 \
                         AND ($2 IS NULL OR account = $2) AND ($3 IS NULL OR region = $3) ORDER BY seq LIMIT $4"
                    ),
                    args![subject.as_slice(), account, region, tunnel::rows(OF_SUBJECT)],
                    |row| Ok(Registered { ca: read(row)?, scope: row.scope(15)? }),
                )
            })
            .await
    }

    /// CAs of the scope; only those whose registration config names the template if one is given. `after` is the
    /// position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn cas_page(
        &self,
        scope: &Scope,
        template: Option<String>,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<CaLine>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let (beyond, way) = order.sql(3);
                let rows = tx.rows(
                    &format!(
                        "SELECT seq, id, status, created_at FROM ca WHERE account = $1 AND region = $2 \
                         AND seq {beyond} AND ($5 IS NULL OR template_name = $5) ORDER BY seq {way} LIMIT $4"
                    ),
                    args![
                        scope.account(),
                        scope.region(),
                        order.start(after),
                        tunnel::rows(limit + 1),
                        template,
                    ],
                    |row| {
                        let line =
                            CaLine { id: id(row, 1)?, status: status(row, 2)?, created_at: row.time(3)? };
                        Ok((row.int(0)?, line))
                    },
                )?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Changes a CA.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn ca_update(
        &self,
        scope: &Scope,
        id: &CertificateId,
        change: Change,
        now: Timestamp,
    ) -> Result<CaUpdated> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some(there) = find(tx, &scope, &id)? else { return Ok(CaUpdated::NotFound) };
                let Some(changed) = there.changed(&change, now) else { return Ok(CaUpdated::Same) };
                let (template, body, role) = config(&changed);
                tx.run(
                    "UPDATE ca SET status = $4, auto_registration = $5, template_name = $6, template_body = $7, \
                     role_arn = $8, customer_version = $9, updated_at = $10 \
                     WHERE account = $1 AND region = $2 AND id = $3",
                    args![
                        scope.account(),
                        scope.region(),
                        id.as_str(),
                        changed.status.as_str(),
                        changed.auto_registration,
                        template,
                        body,
                        role,
                        changed.customer_version,
                        changed.updated_at,
                    ],
                )?;
                Ok(CaUpdated::Yes(changed))
            })
            .await
    }

    /// Deletes a CA that is not active.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn ca_delete(&self, scope: &Scope, id: &CertificateId) -> Result<CaDeleted> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some(there) = find(tx, &scope, &id)? else { return Ok(CaDeleted::NotFound) };
                if there.status == Status::Active {
                    return Ok(CaDeleted::Refused(still_active(&id)));
                }
                tx.run(
                    "DELETE FROM ca WHERE account = $1 AND region = $2 AND id = $3",
                    args![scope.account(), scope.region(), id.as_str()],
                )?;
                resource_tag::replace(tx, &scope, &resource(&id), &[])?;
                Ok(CaDeleted::Yes)
            })
            .await
    }
}

fn resource(id: &CertificateId) -> String {
    format!("cacert/{id}")
}

fn code(tx: &Tx<'_>, scope: &Scope) -> Result<Option<String>> {
    tx.first(
        "SELECT code FROM registration_code WHERE account = $1 AND region = $2",
        args![scope.account(), scope.region()],
        |row| row.text(0),
    )
}

/// Whether another account has the CA in the same region, told apart by the CA (spec: control-plane §7).
fn is_elsewhere(tx: &Tx<'_>, scope: &Scope, id: &CertificateId) -> Result<bool> {
    let found = tx.first(
        "SELECT seq FROM ca WHERE id = $1 AND region = $2 AND account <> $3 AND mode = $4 LIMIT 1",
        args![id.as_str(), scope.region(), scope.account(), Mode::Default.as_str()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

fn config(ca: &Ca) -> (Option<&str>, Option<&str>, Option<&str>) {
    match &ca.config {
        None => (None, None, None),
        Some(RegistrationConfig::Named(name)) => (Some(name), None, None),
        Some(RegistrationConfig::Inline { body, role_arn }) => (None, Some(body), Some(role_arn)),
    }
}

fn insert(tx: &Tx<'_>, scope: &Scope, new: &Ca) -> Result<()> {
    let (template, body, role) = config(new);
    tx.run(
        &format!(
            "INSERT INTO ca ({COLUMNS}, account, region) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        ),
        args![
            new.id.as_str(),
            new.status.as_str(),
            new.auto_registration,
            new.mode.as_str(),
            new.pem.as_str(),
            new.subject.as_slice(),
            new.not_before,
            new.not_after,
            template,
            body,
            role,
            new.customer_version,
            new.generation_id.as_str(),
            new.created_at,
            new.updated_at,
            scope.account(),
            scope.region(),
        ],
    )?;
    Ok(())
}

fn find(tx: &Tx<'_>, scope: &Scope, id: &CertificateId) -> Result<Option<Ca>> {
    tx.first(
        &format!("SELECT {COLUMNS} FROM ca WHERE account = $1 AND region = $2 AND id = $3"),
        args![scope.account(), scope.region(), id.as_str()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Ca> {
    let config = match (row.opt_text(8)?, row.opt_text(9)?, row.opt_text(10)?) {
        (None, None, None) => None,
        (name, body, role) => Some(RegistrationConfig::of(name, body, role).map_err(unreadable)?),
    };
    Ok(Ca {
        id: id(row, 0)?,
        status: status(row, 1)?,
        auto_registration: row.bool(2)?,
        mode: Mode::parse(&row.text(3)?).map_err(unreadable)?,
        pem: row.text(4)?,
        subject: row.blob(5)?,
        not_before: row.time(6)?,
        not_after: row.time(7)?,
        config,
        customer_version: row.int(11)?,
        generation_id: row.text(12)?,
        created_at: row.time(13)?,
        updated_at: row.time(14)?,
    })
}

fn id(row: &Row<'_>, column: usize) -> Result<CertificateId> {
    CertificateId::parse(&row.text(column)?).map_err(unreadable)
}

fn status(row: &Row<'_>, column: usize) -> Result<Status> {
    Status::parse(&row.text(column)?).map_err(unreadable)
}

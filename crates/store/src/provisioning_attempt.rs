//! The last try to provision each device on its first connection, for operators (spec: provisioning §6.6).

use adit_iot::{CertificateId, Scope, Timestamp};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Order, Page, Result, Store, tunnel};

/// What came of trying to provision a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningAttempt {
    /// The device's certificate.
    pub certificate: CertificateId,
    /// The registered CA that issued it.
    pub ca: CertificateId,
    /// The template's name; none for the registration config's own.
    pub template: Option<String>,
    /// The thing, as far as it was known.
    pub thing: Option<String>,
    /// Where and why it failed; `None` if it did not.
    pub failure: Option<AttemptFailure>,
    /// Tries so far, this one included.
    pub tries: i64,
    /// When the first was.
    pub first_at: Timestamp,
    /// When this one was.
    pub at: Timestamp,
}

/// Where and why provisioning failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFailure {
    /// A fixed word for the step.
    pub step: String,
    /// A sentence for the operator.
    pub reason: String,
}

/// Which attempts are wanted. Everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedAttempts {
    /// Only of this certificate.
    pub certificate: Option<CertificateId>,
    /// Only of devices of this CA.
    pub ca: Option<CertificateId>,
    /// Only those that failed, or only those that did not.
    pub failed: Option<bool>,
}

const COLUMNS: &str = "seq, certificate, ca, template, thing, step, reason, tries, first_at, at";

impl Store {
    /// Keeps what came of a try in place of the one before; of the given count and first time nothing is taken.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn provisioning_attempt_put(&self, scope: &Scope, new: ProvisioningAttempt) -> Result<()> {
        let scope = scope.clone();
        self.driver.write(move |tx| put(tx, &scope, &new)).await
    }

    /// The last tries, the newest certificate first. `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn provisioning_attempts_page(
        &self,
        scope: &Scope,
        wanted: WantedAttempts,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<ProvisioningAttempt>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let order = Order::NewestFirst;
                let (beyond, way) = order.sql(3);
                let rows = tx.rows(
                    &format!(
                        "SELECT {COLUMNS} FROM provisioning_attempt WHERE account = $1 AND region = $2 \
                         AND seq {beyond} AND ($5 IS NULL OR certificate = $5) AND ($6 IS NULL OR ca = $6) \
                         AND ($7 IS NULL OR (step IS NOT NULL) = $7) ORDER BY seq {way} LIMIT $4"
                    ),
                    args![
                        scope.account(),
                        scope.region(),
                        order.start(after),
                        tunnel::rows(limit + 1),
                        wanted.certificate.as_ref().map(CertificateId::as_str),
                        wanted.ca.as_ref().map(CertificateId::as_str),
                        wanted.failed,
                    ],
                    read,
                )?;
                Ok(Page::of(rows, limit))
            })
            .await
    }
}

fn put(tx: &Tx<'_>, scope: &Scope, new: &ProvisioningAttempt) -> Result<()> {
    let failure = new.failure.as_ref();
    tx.run(
        "INSERT INTO provisioning_attempt (account, region, certificate, ca, template, thing, step, reason, tries, \
         first_at, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9) \
         ON CONFLICT (account, region, certificate) DO UPDATE SET ca = $4, template = $5, thing = $6, step = $7, \
         reason = $8, tries = provisioning_attempt.tries + 1, at = $9",
        args![
            scope.account(),
            scope.region(),
            new.certificate.as_str(),
            new.ca.as_str(),
            new.template.as_deref(),
            new.thing.as_deref(),
            failure.map(|failure| failure.step.as_str()),
            failure.map(|failure| failure.reason.as_str()),
            new.at,
        ],
    )?;
    Ok(())
}

/// Forgets the try of a certificate that is deleted.
pub(crate) fn forget(tx: &Tx<'_>, scope: &Scope, certificate: &CertificateId) -> Result<()> {
    tx.run(
        "DELETE FROM provisioning_attempt WHERE account = $1 AND region = $2 AND certificate = $3",
        args![scope.account(), scope.region(), certificate.as_str()],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(i64, ProvisioningAttempt)> {
    let id = |column| CertificateId::parse(&row.text(column)?).map_err(unreadable);
    let failure = match row.opt_text(5)? {
        Some(step) => Some(AttemptFailure { step, reason: row.opt_text(6)?.unwrap_or_default() }),
        None => None,
    };
    let attempt = ProvisioningAttempt {
        certificate: id(1)?,
        ca: id(2)?,
        template: row.opt_text(3)?,
        thing: row.opt_text(4)?,
        failure,
        tries: row.int(7)?,
        first_at: row.time(8)?,
        at: row.time(9)?,
    };
    Ok((row.int(0)?, attempt))
}

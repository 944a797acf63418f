//! Fleet provisioning: certificates whose devices have not finished yet, and claims (spec: provisioning §7).

use adit_iot::certificate::{Certificate, Status};
use adit_iot::provisioning::TemplateName;
use adit_iot::{CertificateId, Scope, Timestamp, arn};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Result, Store, TokenHash, attachment, certificate, principal, tunnel};

/// A certificate of a few minutes with which a device may use one template. It is in no registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningClaim {
    /// SHA-256 of its DER.
    pub id: CertificateId,
    /// The account and region it belongs to.
    pub scope: Scope,
    /// The template.
    pub template: TemplateName,
    /// When it is over.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a certificate together with the token of whoever asked for it. `false`: there is one of that id in the
    /// scope; nothing changed.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_create_owned(
        &self,
        scope: &Scope,
        new: Certificate,
        token: TokenHash,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                if !certificate::insert(tx, &scope, &new)? {
                    return Ok(false);
                }
                tx.run(
                    "INSERT INTO ownership_token (hash, certificate, expires_at) SELECT $4, seq, $5 FROM certificate \
                     WHERE account = $1 AND region = $2 AND id = $3",
                    args![scope.account(), scope.region(), new.id.as_str(), token, expires_at],
                )?;
                Ok(true)
            })
            .await
    }

    /// The certificate that a token of the scope is for, if the token is not over.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn certificate_owned(
        &self,
        scope: &Scope,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Certificate>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let id = tx.first(
                    "SELECT c.id FROM ownership_token o JOIN certificate c ON c.seq = o.certificate \
                     WHERE o.hash = $1 AND o.expires_at > $2 AND c.account = $3 AND c.region = $4",
                    args![token, now, scope.account(), scope.region()],
                    |row| CertificateId::parse(&row.text(0)?).map_err(unreadable),
                )?;
                id.map_or(Ok(None), |id| certificate::find(tx, &scope, &id))
            })
            .await
    }

    /// Forgets tokens that are over, and deletes those of their certificates that were never activated and are attached
    /// to nothing. At most `limit` tokens; the number of them, and the certificates that are gone.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn ownership_tokens_expire(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(usize, Vec<(Scope, CertificateId)>)> {
        self.driver.write(move |tx| expire(tx, now, limit)).await
    }

    /// Keeps a claim.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn claim_create(&self, claim: ProvisioningClaim) -> Result<()> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "INSERT INTO provisioning_claim (id, account, region, template, expires_at) \
                     VALUES ($1, $2, $3, $4, $5)",
                    args![
                        claim.id.as_str(),
                        claim.scope.account(),
                        claim.scope.region(),
                        claim.template.as_str(),
                        claim.expires_at,
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// The claim with that certificate; it may be over.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn claim_get(&self, id: &CertificateId) -> Result<Option<ProvisioningClaim>> {
        let id = id.clone();
        self.driver
            .read(move |tx| {
                tx.first(
                    "SELECT id, account, region, template, expires_at FROM provisioning_claim WHERE id = $1",
                    args![id.as_str()],
                    read_claim,
                )
            })
            .await
    }

    /// Forgets claims that are over; at most `limit`, these.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn claims_expire(&self, now: Timestamp, limit: usize) -> Result<Vec<ProvisioningClaim>> {
        self.driver
            .write(move |tx| {
                let over = tx.rows(
                    "SELECT id, account, region, template, expires_at FROM provisioning_claim \
                     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2",
                    args![now, tunnel::rows(limit)],
                    read_claim,
                )?;
                for claim in &over {
                    tx.run("DELETE FROM provisioning_claim WHERE id = $1", args![claim.id.as_str()])?;
                }
                Ok(over)
            })
            .await
    }

    /// When the next token or claim is over.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn fleet_deadline(&self) -> Result<Option<Timestamp>> {
        self.driver
            .read(move |tx| {
                let next = tx.first(
                    "SELECT MIN(at) FROM (SELECT MIN(expires_at) AS at FROM ownership_token \
                     UNION ALL SELECT MIN(expires_at) FROM provisioning_claim) AS ends",
                    &[],
                    |row| row.opt_time(0),
                )?;
                Ok(next.flatten())
            })
            .await
    }
}

fn read_claim(row: &Row<'_>) -> Result<ProvisioningClaim> {
    Ok(ProvisioningClaim {
        id: CertificateId::parse(&row.text(0)?).map_err(unreadable)?,
        scope: row.scope(1)?,
        template: TemplateName::parse(&row.text(3)?).map_err(unreadable)?,
        expires_at: row.time(4)?,
    })
}

fn expire(tx: &Tx<'_>, now: Timestamp, limit: usize) -> Result<(usize, Vec<(Scope, CertificateId)>)> {
    let over = tx.rows(
        "SELECT o.certificate, c.account, c.region, c.id, c.status FROM ownership_token o \
         JOIN certificate c ON c.seq = o.certificate WHERE o.expires_at <= $1 ORDER BY o.expires_at LIMIT $2",
        args![now, tunnel::rows(limit)],
        |row| {
            let id = CertificateId::parse(&row.text(3)?).map_err(unreadable)?;
            Ok((row.int(0)?, row.scope(1)?, id, row.text(4)?))
        },
    )?;
    let count = over.len();
    let mut gone = Vec::new();
    for (seq, scope, id, status) in over {
        tx.run("DELETE FROM ownership_token WHERE certificate = $1 AND expires_at <= $2", args![seq, now])?;
        let arn = arn::certificate(&scope, &id);
        let unused = status == Status::PendingActivation.as_str()
            && !principal::has_things(tx, &scope, &arn)?
            && !attachment::has_policies(tx, &scope, &arn)?;
        if unused {
            tx.run("DELETE FROM certificate WHERE seq = $1", args![seq])?;
            gone.push((scope, id));
        }
    }
    Ok((count, gone))
}

//! Access keys. The secret arrives sealed; how it is sealed is the server's business.

use adit_iot::Timestamp;

use crate::sql::{Row, args};
use crate::{Result, Store};

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The key id.
    pub key_id: String,
    /// The account it belongs to: 12 digits.
    pub account: String,
    /// Who uses it: the tail of an IAM ARN, such as `root` or `user/ana`.
    pub principal: String,
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// Whether it may be used.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "key_id, account, principal, sealed, active, created_at";

impl Store {
    /// The key of that id, active or not.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_get(&self, key_id: &str) -> Result<Option<Credential>> {
        let key_id = key_id.to_owned();
        self.driver
            .read(move |tx| {
                tx.first(&format!("SELECT {COLUMNS} FROM credential WHERE key_id = $1"), args![key_id], read)
            })
            .await
    }

    /// Keeps a key, over one of the same id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_put(&self, credential: Credential) -> Result<()> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "INSERT INTO credential (key_id, account, principal, sealed, active, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key_id) DO UPDATE SET account = $2, \
                     principal = $3, sealed = $4, active = $5, created_at = $6",
                    args![
                        credential.key_id,
                        credential.account,
                        credential.principal,
                        credential.sealed.as_slice(),
                        credential.active,
                        credential.created_at,
                    ],
                )
            })
            .await?;
        Ok(())
    }

    /// Removes a key; `false` if there was none.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_delete(&self, key_id: &str) -> Result<bool> {
        let key_id = key_id.to_owned();
        let gone =
            self.driver.write(move |tx| tx.run("DELETE FROM credential WHERE key_id = $1", args![key_id]));
        Ok(gone.await? > 0)
    }

    /// Up to `limit` keys in order of their ids, after the id `after`.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credentials(&self, after: &str, limit: usize) -> Result<Vec<Credential>> {
        let after = after.to_owned();
        self.driver
            .read(move |tx| {
                tx.rows(
                    &format!("SELECT {COLUMNS} FROM credential WHERE key_id > $1 ORDER BY key_id LIMIT $2"),
                    args![after, crate::tunnel::rows(limit)],
                    read,
                )
            })
            .await
    }
}

fn read(row: &Row<'_>) -> Result<Credential> {
    Ok(Credential {
        key_id: row.text(0)?,
        account: row.text(1)?,
        principal: row.text(2)?,
        sealed: row.blob(3)?,
        active: row.bool(4)?,
        created_at: row.time(5)?,
    })
}

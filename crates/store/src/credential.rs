//! Access keys. The secret arrives sealed; how it is sealed is the server's business.

use adit_iot::Timestamp;

use crate::sql::{Row, Tx, args};
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
    /// The unique id of the user whose key it is; `None`: the account's own.
    pub user_id: Option<String>,
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// Whether it may be used.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, as far as that was noted.
    pub last_used: Option<KeyUse>,
}

/// One use of an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// When.
    pub at: Timestamp,
    /// For which region.
    pub region: String,
    /// For which service.
    pub service: String,
}

/// Outcome of keeping a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCreated {
    /// It is there.
    Yes,
    /// There is no user of that unique id.
    NoUser,
    /// The user, or the account itself, has as many keys as it may have.
    TooMany,
}

/// Outcome of changing or deleting a key of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChanged {
    /// It is done.
    Yes,
    /// The user, or the account itself, has no such key.
    NotFound,
}

const SELECT: &str = "SELECT c.key_id, c.account, c.principal, c.sealed, c.active, c.created_at, i.id, c.last_used_at, \
    c.last_used_region, c.last_used_service FROM credential c LEFT JOIN identity i ON i.seq = c.identity";

/// The keys of account `$1` and the user with id `$2`, or without one of the account itself.
const OWNED: &str = "account = $1 AND ((identity IS NULL AND $2 IS NULL) \
    OR identity = (SELECT seq FROM identity WHERE id = $2 AND account = $1))";

impl Store {
    /// The key of that id, active or not.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_get(&self, key_id: &str) -> Result<Option<Credential>> {
        let key_id = key_id.to_owned();
        self.driver
            .read(move |tx| tx.first(&format!("{SELECT} WHERE c.key_id = $1"), args![key_id], read))
            .await
    }

    /// Keeps a key, over one of the same id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_put(&self, credential: Credential) -> Result<()> {
        self.driver.write(move |tx| put(tx, &credential)).await
    }

    /// Keeps a new key, unless its owner has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_create(&self, new: Credential, most: usize) -> Result<KeyCreated> {
        self.driver
            .write(move |tx| {
                if let Some(user) = &new.user_id {
                    let sql = "SELECT seq FROM identity WHERE id = $1 AND account = $2";
                    let args = args![user.as_str(), new.account.as_str()];
                    if tx.first(sql, args, |row| row.int(0))?.is_none() {
                        return Ok(KeyCreated::NoUser);
                    }
                }
                let sql = format!("SELECT COUNT(*) FROM credential WHERE {OWNED}");
                let args = args![new.account.as_str(), new.user_id.as_deref()];
                let there = tx.first(&sql, args, |row| row.int(0))?;
                if there.and_then(|there| usize::try_from(there).ok()).unwrap_or(0) >= most {
                    return Ok(KeyCreated::TooMany);
                }
                put(tx, &new)?;
                Ok(KeyCreated::Yes)
            })
            .await
    }

    /// The keys of a user, or without one of the account itself, oldest first.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credentials_of(&self, account: &str, user_id: Option<&str>) -> Result<Vec<Credential>> {
        let (account, user_id) = (account.to_owned(), user_id.map(str::to_owned));
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "{SELECT} WHERE c.account = $1 AND ((c.identity IS NULL AND $2 IS NULL) OR i.id = $2) \
                     ORDER BY c.created_at, c.key_id"
                );
                tx.rows(&sql, args![account, user_id], read)
            })
            .await
    }

    /// Switches a key of a user, or without one of the account itself, on or off.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_switch(
        &self,
        account: &str,
        user_id: Option<&str>,
        key_id: &str,
        active: bool,
    ) -> Result<KeyChanged> {
        let (account, user_id, key_id) = (account.to_owned(), user_id.map(str::to_owned), key_id.to_owned());
        self.driver
            .write(move |tx| {
                let sql = format!("UPDATE credential SET active = $4 WHERE {OWNED} AND key_id = $3");
                Ok(changed(tx.run(&sql, args![account, user_id, key_id, active])?))
            })
            .await
    }

    /// Removes a key of a user, or without one of the account itself.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_remove(
        &self,
        account: &str,
        user_id: Option<&str>,
        key_id: &str,
    ) -> Result<KeyChanged> {
        let (account, user_id, key_id) = (account.to_owned(), user_id.map(str::to_owned), key_id.to_owned());
        self.driver
            .write(move |tx| {
                let sql = format!("DELETE FROM credential WHERE {OWNED} AND key_id = $3");
                Ok(changed(tx.run(&sql, args![account, user_id, key_id])?))
            })
            .await
    }

    /// Notes a use of a key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn credential_used(&self, key_id: &str, used: KeyUse) -> Result<()> {
        let key_id = key_id.to_owned();
        self.driver
            .write(move |tx| {
                tx.run(
                    "UPDATE credential SET last_used_at = $2, last_used_region = $3, last_used_service = $4 \
                     WHERE key_id = $1",
                    args![key_id, used.at, used.region, used.service],
                )
            })
            .await?;
        Ok(())
    }

    /// Removes a key, whoever has it; `false` if there was none.
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
                    &format!("{SELECT} WHERE c.key_id > $1 ORDER BY c.key_id LIMIT $2"),
                    args![after, crate::tunnel::rows(limit)],
                    read,
                )
            })
            .await
    }
}

fn put(tx: &Tx<'_>, credential: &Credential) -> Result<()> {
    tx.run(
        "INSERT INTO credential (key_id, account, principal, sealed, active, created_at, identity) \
         VALUES ($1, $2, $3, $4, $5, $6, (SELECT seq FROM identity WHERE id = $7 AND account = $2)) \
         ON CONFLICT (key_id) DO UPDATE SET account = excluded.account, principal = excluded.principal, \
         sealed = excluded.sealed, active = excluded.active, created_at = excluded.created_at, \
         identity = excluded.identity",
        args![
            credential.key_id.as_str(),
            credential.account.as_str(),
            credential.principal.as_str(),
            credential.sealed.as_slice(),
            credential.active,
            credential.created_at,
            credential.user_id.as_deref(),
        ],
    )?;
    Ok(())
}

fn changed(rows: u64) -> KeyChanged {
    if rows > 0 { KeyChanged::Yes } else { KeyChanged::NotFound }
}

fn read(row: &Row<'_>) -> Result<Credential> {
    let used = row.opt_time(7)?.zip(row.opt_text(8)?).zip(row.opt_text(9)?);
    Ok(Credential {
        key_id: row.text(0)?,
        account: row.text(1)?,
        principal: row.text(2)?,
        sealed: row.blob(3)?,
        active: row.bool(4)?,
        created_at: row.time(5)?,
        user_id: row.opt_text(6)?,
        last_used: used.map(|((at, region), service)| KeyUse { at, region, service }),
    })
}

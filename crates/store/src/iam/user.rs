//! Users. Their access keys are in `credential.rs`.

use adit_iot::iam::{Hindrance, Identity, IdentityKind};

use super::{Found, IamCreated, IdentityDeleted, Renamed, find, hindered_by_policies, insert, rename};
use crate::sql::args;
use crate::{Result, Store};

impl Store {
    /// Creates a user, unless the account has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_create(&self, account: &str, new: Identity, most: usize) -> Result<IamCreated> {
        let account = account.to_owned();
        self.driver.write(move |tx| insert(tx, &account, &new, most, None)).await
    }

    /// The user with that access key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_of_key(&self, account: &str, key_id: &str) -> Result<Option<Identity>> {
        let (account, key_id) = (account.to_owned(), key_id.to_owned());
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "SELECT {} FROM credential c JOIN identity i ON i.seq = c.identity \
                     WHERE c.key_id = $1 AND c.account = $2",
                    super::COLUMNS
                );
                tx.first(&sql, args![key_id, account], |row| super::read(row, 0))
            })
            .await
    }

    /// Gives a user another name or path. Keys, groups and policies stay.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_update(
        &self,
        account: &str,
        name: &str,
        new_name: Option<String>,
        new_path: Option<String>,
    ) -> Result<Renamed> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let (new_name, new_path) = (new_name.as_deref(), new_path.as_deref());
                match rename(tx, &account, IdentityKind::User, &name, new_name, new_path)? {
                    Ok(user) => {
                        tx.run(
                            "UPDATE credential SET principal = $2 \
                             WHERE identity = (SELECT seq FROM identity WHERE id = $1)",
                            args![user.id.as_str(), user.resource()],
                        )?;
                        Ok(Renamed::Yes)
                    }
                    Err(why) => Ok(why),
                }
            })
            .await
    }

    /// Deletes a user that has no keys, policies or groups.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_delete(&self, account: &str, name: &str) -> Result<IdentityDeleted> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(Found { seq, .. }) = find(tx, &account, IdentityKind::User, &name)? else {
                    return Ok(IdentityDeleted::NotFound);
                };
                let key = "SELECT 1 FROM credential WHERE identity = $1 LIMIT 1";
                if tx.first(key, args![seq], |row| row.int(0))?.is_some() {
                    return Ok(IdentityDeleted::InUse(Hindrance::Keys));
                }
                if let Some(what) = hindered_by_policies(tx, seq)? {
                    return Ok(IdentityDeleted::InUse(what));
                }
                let member = "SELECT 1 FROM group_member WHERE member = $1 LIMIT 1";
                if tx.first(member, args![seq], |row| row.int(0))?.is_some() {
                    return Ok(IdentityDeleted::InUse(Hindrance::Membership));
                }
                tx.run("DELETE FROM identity WHERE seq = $1", args![seq])?;
                Ok(IdentityDeleted::Yes)
            })
            .await
    }
}

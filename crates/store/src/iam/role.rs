//! Roles.

use adit_iot::iam::{IdentityKind, Role};

use super::{Found, IamCreated, IdentityDeleted, find, hindered_by_policies, insert};
use crate::sql::{Row, args};
use crate::{Page, Result, Store, tunnel};

/// What to change of a role; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// Who may assume it.
    pub trust: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Longest session in seconds.
    pub max_session: Option<i64>,
}

impl Store {
    /// Creates a role, unless the account has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn role_create(&self, account: &str, new: Role, most: usize) -> Result<IamCreated> {
        let account = account.to_owned();
        self.driver
            .write(move |tx| {
                let of_role = (new.description.as_deref(), new.trust.as_str(), new.max_session);
                insert(tx, &account, &new.identity, most, Some(of_role))
            })
            .await
    }

    /// The role of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn role_get(&self, account: &str, name: &str) -> Result<Option<Role>> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .read(move |tx| {
                let Some(Found { seq, .. }) = find(tx, &account, IdentityKind::Role, &name)? else {
                    return Ok(None);
                };
                let sql = format!("SELECT {} FROM identity i WHERE i.seq = $1", columns());
                tx.first(&sql, args![seq], |row| read(row, 0))
            })
            .await
    }

    /// Roles whose path begins with `prefix`, oldest first.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn roles_page(
        &self,
        account: &str,
        prefix: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<Role>> {
        let (account, prefix) = (account.to_owned(), prefix.to_owned());
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "SELECT i.seq, {} FROM identity i WHERE i.account = $1 AND i.kind = 'role' AND i.seq > $2 \
                     AND substr(i.path, 1, length($3)) = $3 ORDER BY i.seq LIMIT $4",
                    columns()
                );
                let args = args![account, after.unwrap_or(0), prefix, tunnel::rows(limit + 1)];
                let rows = tx.rows(&sql, args, |row| Ok((row.int(0)?, read(row, 1)?)))?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Changes a role; gives it as it is then. `None`: there is none of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn role_update(&self, account: &str, name: &str, change: RoleChange) -> Result<Option<Role>> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(Found { seq, .. }) = find(tx, &account, IdentityKind::Role, &name)? else {
                    return Ok(None);
                };
                tx.run(
                    "UPDATE identity SET trust = COALESCE($2, trust), description = COALESCE($3, description), \
                     max_session = COALESCE($4, max_session) WHERE seq = $1",
                    args![seq, change.trust, change.description, change.max_session],
                )?;
                let sql = format!("SELECT {} FROM identity i WHERE i.seq = $1", columns());
                tx.first(&sql, args![seq], |row| read(row, 0))
            })
            .await
    }

    /// Deletes a role without policies.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn role_delete(&self, account: &str, name: &str) -> Result<IdentityDeleted> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(Found { seq, .. }) = find(tx, &account, IdentityKind::Role, &name)? else {
                    return Ok(IdentityDeleted::NotFound);
                };
                if let Some(what) = hindered_by_policies(tx, seq)? {
                    return Ok(IdentityDeleted::InUse(what));
                }
                tx.run("DELETE FROM identity WHERE seq = $1", args![seq])?;
                Ok(IdentityDeleted::Yes)
            })
            .await
    }
}

fn columns() -> String {
    format!("{}, i.description, i.trust, i.max_session", super::COLUMNS)
}

fn read(row: &Row<'_>, column: usize) -> Result<Role> {
    Ok(Role {
        identity: super::read(row, column)?,
        description: row.opt_text(column + 6)?,
        trust: row.text(column + 7)?,
        max_session: row.int(column + 8)?,
    })
}

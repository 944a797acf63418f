//! Policies that are part of one user, group or role.

use adit_iot::iam::IdentityKind;
use adit_iot::policy::characters;

use super::find;
use crate::sql::{Tx, args};
use crate::{Page, Result, Store, tunnel};

/// Outcome of keeping an inline policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineKept {
    /// It is there, perhaps over one of the same name.
    Yes,
    /// There is no identity of that name.
    NotFound,
    /// All of them together would be longer than allowed.
    TooLong,
}

impl Store {
    /// Keeps an inline policy, over one of the same name, unless all of the identity's would have more than `most`
    /// characters, white space not counted.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn inline_policy_put(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        name: &str,
        document: String,
        most: usize,
    ) -> Result<InlineKept> {
        let (account, identity, name) = (account.to_owned(), identity.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else {
                    return Ok(InlineKept::NotFound);
                };
                let others = documents(tx, found.seq)?;
                let others =
                    others.iter().filter(|(other, _)| *other != name).map(|(_, text)| characters(text));
                if others.sum::<usize>() + characters(&document) > most {
                    return Ok(InlineKept::TooLong);
                }
                tx.run(
                    "INSERT INTO inline_policy (identity, name, document) VALUES ($1, $2, $3) \
                     ON CONFLICT (identity, name) DO UPDATE SET document = $3",
                    args![found.seq, name, document],
                )?;
                Ok(InlineKept::Yes)
            })
            .await
    }

    /// The document of an inline policy. The outer `None`: there is no such identity; the inner: no such policy.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn inline_policy_get(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        name: &str,
    ) -> Result<Option<Option<String>>> {
        let (account, identity, name) = (account.to_owned(), identity.to_owned(), name.to_owned());
        self.driver
            .read(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else { return Ok(None) };
                let sql = "SELECT document FROM inline_policy WHERE identity = $1 AND name = $2";
                tx.first(sql, args![found.seq, name], |row| row.text(0)).map(Some)
            })
            .await
    }

    /// Names of the inline policies of an identity, oldest first. `None`: there is no such identity.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn inline_policies_page(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<String>>> {
        let (account, identity) = (account.to_owned(), identity.to_owned());
        self.driver
            .read(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else { return Ok(None) };
                let sql = "SELECT seq, name FROM inline_policy WHERE identity = $1 AND seq > $2 \
                           ORDER BY seq LIMIT $3";
                let args = args![found.seq, after.unwrap_or(0), tunnel::rows(limit + 1)];
                let rows = tx.rows(sql, args, |row| Ok((row.int(0)?, row.text(1)?)))?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Deletes an inline policy. `None`: there is no such identity; `false`: no such policy.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn inline_policy_delete(
        &self,
        account: &str,
        kind: IdentityKind,
        identity: &str,
        name: &str,
    ) -> Result<Option<bool>> {
        let (account, identity, name) = (account.to_owned(), identity.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(found) = find(tx, &account, kind, &identity)? else { return Ok(None) };
                let sql = "DELETE FROM inline_policy WHERE identity = $1 AND name = $2";
                Ok(Some(tx.run(sql, args![found.seq, name])? > 0))
            })
            .await
    }
}

/// Name and document of each inline policy of an identity, oldest first.
pub(super) fn documents(tx: &Tx<'_>, identity: i64) -> Result<Vec<(String, String)>> {
    let sql = "SELECT name, document FROM inline_policy WHERE identity = $1 ORDER BY seq";
    tx.rows(sql, args![identity], |row| Ok((row.text(0)?, row.text(1)?)))
}

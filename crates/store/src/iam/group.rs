//! Groups of users.

use adit_iot::iam::{Hindrance, Identity, IdentityKind};

use super::{Found, IamCreated, IdentityDeleted, Renamed, find, hindered_by_policies, insert, rename};
use crate::sql::args;
use crate::{Page, Result, Store, tunnel};

/// Outcome of putting a user into a group or taking it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChanged {
    /// It is so, perhaps before already.
    Yes,
    /// There is no group of that name.
    NoGroup,
    /// There is no user of that name.
    NoUser,
    /// The user is in as many groups as it may be.
    TooMany,
}

impl Store {
    /// Creates a group, unless the account has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_create(&self, account: &str, new: Identity, most: usize) -> Result<IamCreated> {
        let account = account.to_owned();
        self.driver.write(move |tx| insert(tx, &account, &new, most, None)).await
    }

    /// Gives a group another name or path.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_update(
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
                let done = rename(tx, &account, IdentityKind::Group, &name, new_name, new_path)?;
                Ok(done.map_or_else(|why| why, |_| Renamed::Yes))
            })
            .await
    }

    /// Deletes a group without members and policies.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_delete(&self, account: &str, name: &str) -> Result<IdentityDeleted> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(Found { seq, .. }) = find(tx, &account, IdentityKind::Group, &name)? else {
                    return Ok(IdentityDeleted::NotFound);
                };
                let member = "SELECT 1 FROM group_member WHERE user_group = $1 LIMIT 1";
                if tx.first(member, args![seq], |row| row.int(0))?.is_some() {
                    return Ok(IdentityDeleted::InUse(Hindrance::Membership));
                }
                if let Some(what) = hindered_by_policies(tx, seq)? {
                    return Ok(IdentityDeleted::InUse(what));
                }
                tx.run("DELETE FROM identity WHERE seq = $1", args![seq])?;
                Ok(IdentityDeleted::Yes)
            })
            .await
    }

    /// Puts a user into a group, unless it is in `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_add(
        &self,
        account: &str,
        group: &str,
        user: &str,
        most: usize,
    ) -> Result<MemberChanged> {
        let (account, group, user) = (account.to_owned(), group.to_owned(), user.to_owned());
        self.driver
            .write(move |tx| {
                let Some(group) = find(tx, &account, IdentityKind::Group, &group)? else {
                    return Ok(MemberChanged::NoGroup);
                };
                let Some(user) = find(tx, &account, IdentityKind::User, &user)? else {
                    return Ok(MemberChanged::NoUser);
                };
                let sql = "SELECT COUNT(*) FROM group_member WHERE member = $1 AND user_group <> $2";
                let others = tx.first(sql, args![user.seq, group.seq], |row| row.int(0))?;
                if super::count(others) >= most {
                    return Ok(MemberChanged::TooMany);
                }
                tx.run(
                    "INSERT INTO group_member (user_group, member) VALUES ($1, $2) \
                     ON CONFLICT (member, user_group) DO NOTHING",
                    args![group.seq, user.seq],
                )?;
                Ok(MemberChanged::Yes)
            })
            .await
    }

    /// Takes a user out of a group, whether it was in or not.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_remove(&self, account: &str, group: &str, user: &str) -> Result<MemberChanged> {
        let (account, group, user) = (account.to_owned(), group.to_owned(), user.to_owned());
        self.driver
            .write(move |tx| {
                let Some(group) = find(tx, &account, IdentityKind::Group, &group)? else {
                    return Ok(MemberChanged::NoGroup);
                };
                let Some(user) = find(tx, &account, IdentityKind::User, &user)? else {
                    return Ok(MemberChanged::NoUser);
                };
                tx.run(
                    "DELETE FROM group_member WHERE user_group = $1 AND member = $2",
                    args![group.seq, user.seq],
                )?;
                Ok(MemberChanged::Yes)
            })
            .await
    }

    /// The users of a group in the order they came in. `None`: there is no group of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_group_members(
        &self,
        account: &str,
        group: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<Identity>>> {
        self.membership(account, IdentityKind::Group, group, "member", "user_group", after, limit).await
    }

    /// The groups of a user in the order it came in. `None`: there is no user of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn user_groups_of(
        &self,
        account: &str,
        user: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<Identity>>> {
        self.membership(account, IdentityKind::User, user, "user_group", "member", after, limit).await
    }

    #[expect(clippy::too_many_arguments, reason = "one query, looked at from either side")]
    async fn membership(
        &self,
        account: &str,
        kind: IdentityKind,
        name: &str,
        wanted: &'static str,
        given: &'static str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<Identity>>> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .read(move |tx| {
                let Some(found) = find(tx, &account, kind, &name)? else { return Ok(None) };
                let sql = format!(
                    "SELECT m.seq, {} FROM group_member m JOIN identity i ON i.seq = m.{wanted} \
                     WHERE m.{given} = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3",
                    super::COLUMNS
                );
                let args = args![found.seq, after.unwrap_or(0), tunnel::rows(limit + 1)];
                let rows = tx.rows(&sql, args, |row| Ok((row.int(0)?, super::read(row, 1)?)))?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }
}

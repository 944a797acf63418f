//! Identities of an account: users, groups, roles, their policies. What all of them share.

mod attached_policy;
mod grant;
mod group;
mod inline_policy;
mod managed_policy;
mod role;
mod user;

pub use attached_policy::Attaching;
pub use grant::{Granted, Grants};
pub use group::MemberChanged;
pub use inline_policy::InlineKept;
pub use managed_policy::{ManagedDeleted, ManagedFilter, NewManagedPolicy, Versioned};
pub use role::RoleChange;

use adit_iot::iam::{Hindrance, Identity, IdentityKind};
use adit_iot::tag::{self, Tag};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Page, Result, Store, Tagged, tunnel};

/// Outcome of creating an identity or a policy of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IamCreated {
    /// It is there.
    Yes,
    /// There is one of that name, perhaps in other case.
    Exists,
    /// The account has as many as it may have.
    TooMany,
}

/// Outcome of deleting an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityDeleted {
    /// It is gone.
    Yes,
    /// There is none of that name.
    NotFound,
    /// It stays: something of it must go first.
    InUse(Hindrance),
}

/// Outcome of renaming one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// It is done.
    Yes,
    /// There is none of that name.
    NotFound,
    /// There is another of the new name.
    Exists,
}

/// Columns of an [`Identity`], of table `i`.
const COLUMNS: &str = "i.kind, i.name, i.path, i.id, i.tags, i.created_at";

impl Store {
    /// The user, group or role of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identity_get(
        &self,
        account: &str,
        kind: IdentityKind,
        name: &str,
    ) -> Result<Option<Identity>> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver.read(move |tx| Ok(find(tx, &account, kind, &name)?.map(|found| found.identity))).await
    }

    /// The user, group or role with that unique id, whatever its name is now.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identity_by_id(&self, account: &str, id: &str) -> Result<Option<Identity>> {
        let (account, id) = (account.to_owned(), id.to_owned());
        self.driver
            .lookup(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM identity i WHERE i.id = $1 AND i.account = $2");
                tx.first(&sql, args![id, account], |row| read(row, 0))
            })
            .await
    }

    /// Those of a kind whose path begins with `prefix`, oldest first. `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identities_page(
        &self,
        account: &str,
        kind: IdentityKind,
        prefix: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<Identity>> {
        let (account, prefix) = (account.to_owned(), prefix.to_owned());
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "SELECT i.seq, {COLUMNS} FROM identity i WHERE i.account = $1 AND i.kind = $2 AND i.seq > $3 \
                     AND substr(i.path, 1, length($4)) = $4 ORDER BY i.seq LIMIT $5"
                );
                let args =
                    args![account, kind.as_str(), after.unwrap_or(0), prefix, tunnel::rows(limit + 1)];
                let rows = tx.rows(&sql, args, |row| Ok((row.int(0)?, read(row, 1)?)))?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Puts tags over those of a user or role, by key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identity_tags_set(
        &self,
        account: &str,
        kind: IdentityKind,
        name: &str,
        tags: Vec<Tag>,
    ) -> Result<Tagged> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(found) = find(tx, &account, kind, &name)? else { return Ok(Tagged::NotFound) };
                match tag::upsert(&found.identity.tags, &tags) {
                    Ok(merged) => set_tags(tx, found.seq, &merged).map(|()| Tagged::Yes),
                    Err(refusal) => Ok(Tagged::Refused(refusal)),
                }
            })
            .await
    }

    /// Takes tags off a user or role; keys it does not have are ignored. `false`: there is none of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn identity_tags_remove(
        &self,
        account: &str,
        kind: IdentityKind,
        name: &str,
        keys: Vec<String>,
    ) -> Result<bool> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.driver
            .write(move |tx| {
                let Some(mut found) = find(tx, &account, kind, &name)? else { return Ok(false) };
                found.identity.tags.retain(|tag| !keys.contains(&tag.key));
                set_tags(tx, found.seq, &found.identity.tags)?;
                Ok(true)
            })
            .await
    }
}

/// An identity and its row.
struct Found {
    seq: i64,
    identity: Identity,
}

fn find(tx: &Tx<'_>, account: &str, kind: IdentityKind, name: &str) -> Result<Option<Found>> {
    tx.first(
        &format!(
            "SELECT i.seq, {COLUMNS} FROM identity i \
             WHERE i.account = $1 AND i.kind = $2 AND lower(i.name) = lower($3) AND i.name = $3"
        ),
        args![account, kind.as_str(), name],
        |row| Ok(Found { seq: row.int(0)?, identity: read(row, 1)? }),
    )
}

/// The six columns from `column` on.
fn read(row: &Row<'_>, column: usize) -> Result<Identity> {
    let kind = row.text(column)?;
    Ok(Identity {
        kind: IdentityKind::parse(&kind).ok_or_else(|| unreadable(kind))?,
        name: row.text(column + 1)?,
        path: row.text(column + 2)?,
        id: row.text(column + 3)?,
        tags: tags(&row.text(column + 4)?)?,
        created_at: row.time(column + 5)?,
    })
}

fn tags(json: &str) -> Result<Vec<Tag>> {
    serde_json::from_str(json).map_err(unreadable)
}

fn tags_json(tags: &[Tag]) -> Result<String> {
    serde_json::to_string(tags).map_err(unreadable)
}

fn set_tags(tx: &Tx<'_>, seq: i64, tags: &[Tag]) -> Result<()> {
    tx.run("UPDATE identity SET tags = $2 WHERE seq = $1", args![seq, tags_json(tags)?])?;
    Ok(())
}

/// What only a role has: description, trust policy, longest session in seconds.
type OfRole<'a> = Option<(Option<&'a str>, &'a str, i64)>;

/// Adds an identity, unless there are `most` already.
fn insert(
    tx: &Tx<'_>,
    account: &str,
    new: &Identity,
    most: usize,
    of_role: OfRole<'_>,
) -> Result<IamCreated> {
    let kind = new.kind.as_str();
    let taken = tx.first(NAME_TAKEN, args![account, kind, new.name.as_str()], |row| row.int(0))?.is_some();
    if taken {
        return Ok(IamCreated::Exists);
    }
    let sql = "SELECT COUNT(*) FROM identity WHERE account = $1 AND kind = $2";
    if count(tx.first(sql, args![account, kind], |row| row.int(0))?) >= most {
        return Ok(IamCreated::TooMany);
    }
    let (description, trust, max_session) = match of_role {
        Some((description, trust, max_session)) => (description, Some(trust), Some(max_session)),
        None => (None, None, None),
    };
    tx.run(
        "INSERT INTO identity (account, kind, name, path, id, tags, created_at, description, trust, max_session) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            account,
            kind,
            new.name.as_str(),
            new.path.as_str(),
            new.id.as_str(),
            tags_json(&new.tags)?,
            new.created_at,
            description,
            trust,
            max_session,
        ],
    )?;
    Ok(IamCreated::Yes)
}

const NAME_TAKEN: &str =
    "SELECT seq FROM identity WHERE account = $1 AND kind = $2 AND lower(name) = lower($3)";

/// Gives a user or group another name or path.
fn rename(
    tx: &Tx<'_>,
    account: &str,
    kind: IdentityKind,
    name: &str,
    new_name: Option<&str>,
    new_path: Option<&str>,
) -> Result<std::result::Result<Identity, Renamed>> {
    let Some(Found { seq, mut identity }) = find(tx, account, kind, name)? else {
        return Ok(Err(Renamed::NotFound));
    };
    if let Some(new) = new_name {
        let holder = tx.first(NAME_TAKEN, args![account, kind.as_str(), new], |row| row.int(0))?;
        if holder.is_some_and(|holder| holder != seq) {
            return Ok(Err(Renamed::Exists));
        }
        new.clone_into(&mut identity.name);
    }
    if let Some(new) = new_path {
        new.clone_into(&mut identity.path);
    }
    tx.run(
        "UPDATE identity SET name = $2, path = $3 WHERE seq = $1",
        args![seq, identity.name.as_str(), identity.path.as_str()],
    )?;
    Ok(Ok(identity))
}

/// The policies on an identity, as what hinders its deletion. AWS wants them detached first.
fn hindered_by_policies(tx: &Tx<'_>, seq: i64) -> Result<Option<Hindrance>> {
    for (table, what) in [("identity_policy", Hindrance::Attached), ("inline_policy", Hindrance::Inline)] {
        let sql = format!("SELECT seq FROM {table} WHERE identity = $1 LIMIT 1");
        if tx.first(&sql, args![seq], |row| row.int(0))?.is_some() {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

fn count(rows: Option<i64>) -> usize {
    rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
}

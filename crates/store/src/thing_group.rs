//! Static thing groups and their hierarchy. Who is in them is in `thing_group/member.rs`.

pub(crate) mod member;

use adit_iot::tag::Tag;
use adit_iot::thing_group::{Change, NewGroup, ThingGroup};
use adit_iot::{Scope, ThingGroupName, arn};

use crate::sql::{Row, Tx, Value, args, unreadable};
use crate::{Page, Result, Store, attachment, resource_tag, tunnel};

pub use member::Regrouped;

/// Outcome of creating a thing group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupCreated {
    /// It is there.
    Yes(ThingGroup),
    /// The same one was there before, this one.
    Same(ThingGroup),
    /// Another one of that name was there before, this one.
    Different(ThingGroup),
    /// There is no group of the parent's name.
    NoSuchParent,
    /// The rules of [`NewGroup::below`] refuse it.
    Refused(adit_iot::Error),
}

/// Outcome of changing a thing group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupUpdated {
    /// It is as this now.
    Yes(ThingGroup),
    /// There is none of that name.
    NotFound,
    /// Its version is not the expected one.
    VersionConflict,
    /// The rules of [`ThingGroup::changed`] refuse the change.
    Refused(adit_iot::Error),
}

/// Outcome of deleting a thing group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupDeleted {
    /// It is gone, and nobody is in it any more.
    Yes,
    /// There was none of that name.
    NotFound,
    /// Its version is not the expected one.
    VersionConflict,
    /// There are groups below it.
    HasChildren,
}

/// Which groups a listing shows. All given conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Only groups below this one; without it those of the whole scope.
    pub parent: Option<ThingGroupName>,
    /// Only groups whose name begins with this.
    pub prefix: Option<String>,
    /// All levels below (`true`), or the next level only.
    pub recursive: bool,
}

impl Store {
    /// Creates a group with its tags, unless there is one of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_group_create(
        &self,
        scope: &Scope,
        new: NewGroup,
        tags: Vec<Tag>,
    ) -> Result<GroupCreated> {
        let scope = scope.clone();
        self.driver.write(move |tx| create(tx, &scope, new, &tags)).await
    }

    /// The group of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_group_get(&self, scope: &Scope, name: &ThingGroupName) -> Result<Option<ThingGroup>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver.read(move |tx| Ok(find(tx, &scope, &name)?.map(|(_, group)| group))).await
    }

    /// Changes a group, if its version is the expected one or none is expected.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_group_update(
        &self,
        scope: &Scope,
        name: &ThingGroupName,
        expected: Option<i64>,
        change: Change,
    ) -> Result<GroupUpdated> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, group)) = find(tx, &scope, &name)? else { return Ok(GroupUpdated::NotFound) };
                if expected.is_some_and(|expected| expected != group.version) {
                    return Ok(GroupUpdated::VersionConflict);
                }
                let changed = match group.changed(&change) {
                    Ok(changed) => changed,
                    Err(refusal) => return Ok(GroupUpdated::Refused(refusal)),
                };
                tx.run(
                    "UPDATE thing_group SET description = $2, attributes = $3, version = $4 WHERE seq = $1",
                    args![seq, changed.description.as_deref(), attributes_text(&changed)?, changed.version],
                )?;
                Ok(GroupUpdated::Yes(changed))
            })
            .await
    }

    /// Deletes a group without children, if its version is the expected one or none is expected. Its things leave
    /// it; its policies are detached; its tags go.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_group_delete(
        &self,
        scope: &Scope,
        name: &ThingGroupName,
        expected: Option<i64>,
    ) -> Result<GroupDeleted> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, group)) = find(tx, &scope, &name)? else { return Ok(GroupDeleted::NotFound) };
                if expected.is_some_and(|expected| expected != group.version) {
                    return Ok(GroupDeleted::VersionConflict);
                }
                if children(tx, seq)? > 0 {
                    return Ok(GroupDeleted::HasChildren);
                }
                attachment::detach_all(tx, &scope, &arn::thing_group(&scope, &name))?;
                tx.run("DELETE FROM thing_group WHERE seq = $1", args![seq])?;
                Ok(GroupDeleted::Yes)
            })
            .await
    }

    /// Names of groups that pass the filter, in order of creation; `after` is the position a page before ended at.
    /// `None`: there is no group of the parent's name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_groups_page(
        &self,
        scope: &Scope,
        filter: GroupFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<ThingGroupName>>> {
        let scope = scope.clone();
        self.driver.read(move |tx| list(tx, &scope, &filter, after, limit)).await
    }
}

const COLUMNS: &str = "g.seq, g.name, g.id, g.description, g.attributes, g.version, g.created_at";

pub(crate) fn find(tx: &Tx<'_>, scope: &Scope, name: &ThingGroupName) -> Result<Option<(i64, ThingGroup)>> {
    let found = tx.first(
        &format!(
            "SELECT {COLUMNS} FROM thing_group g WHERE g.account = $1 AND g.region = $2 AND g.name = $3"
        ),
        args![scope.account(), scope.region(), name.as_str()],
        read,
    )?;
    let Some((seq, mut group)) = found else { return Ok(None) };
    group.above = tx.rows(
        "SELECT g.name FROM thing_group_above a JOIN thing_group g ON g.seq = a.above \
         WHERE a.thing_group = $1 ORDER BY a.distance DESC",
        args![seq],
        |row| read_name(row, 0),
    )?;
    Ok(Some((seq, group)))
}

/// Whether there is a group of that name.
pub(crate) fn exists(tx: &Tx<'_>, scope: &Scope, name: &str) -> Result<bool> {
    let found = tx.first(
        "SELECT 1 FROM thing_group WHERE account = $1 AND region = $2 AND name = $3",
        args![scope.account(), scope.region(), name],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// Everything but what is above it.
fn read(row: &Row<'_>) -> Result<(i64, ThingGroup)> {
    let group = ThingGroup {
        name: read_name(row, 1)?,
        id: row.text(2)?,
        above: Vec::new(),
        description: row.opt_text(3)?,
        attributes: serde_json::from_str(&row.text(4)?).map_err(unreadable)?,
        version: row.int(5)?,
        created_at: row.time(6)?,
    };
    Ok((row.int(0)?, group))
}

fn read_name(row: &Row<'_>, column: usize) -> Result<ThingGroupName> {
    ThingGroupName::parse(&row.text(column)?).map_err(unreadable)
}

fn attributes_text(group: &ThingGroup) -> Result<String> {
    serde_json::to_string(&group.attributes).map_err(unreadable)
}

fn children(tx: &Tx<'_>, seq: i64) -> Result<usize> {
    let count =
        tx.first("SELECT COUNT(*) FROM thing_group WHERE parent = $1", args![seq], |row| row.int(0))?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

fn create(tx: &Tx<'_>, scope: &Scope, new: NewGroup, tags: &[Tag]) -> Result<GroupCreated> {
    match find(tx, scope, &new.name)? {
        Some((_, there)) if there.is_same(&new) => return Ok(GroupCreated::Same(there)),
        Some((_, there)) => return Ok(GroupCreated::Different(there)),
        None => {}
    }
    let (mut parent, mut above, mut siblings) = (None, Vec::new(), 0);
    if let Some(name) = &new.parent {
        let Some((seq, there)) = find(tx, scope, name)? else { return Ok(GroupCreated::NoSuchParent) };
        above = there.above;
        above.push(there.name);
        siblings = children(tx, seq)?;
        parent = Some(seq);
    }
    let group = match new.below(above, siblings) {
        Ok(group) => group,
        Err(refusal) => return Ok(GroupCreated::Refused(refusal)),
    };
    insert(tx, scope, &group, parent)?;
    resource_tag::replace(tx, scope, &format!("thinggroup/{}", group.name), tags)?;
    Ok(GroupCreated::Yes(group))
}

fn insert(tx: &Tx<'_>, scope: &Scope, group: &ThingGroup, parent: Option<i64>) -> Result<()> {
    let seq = tx.first(
        "INSERT INTO thing_group (account, region, name, id, parent, description, attributes, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING seq",
        args![
            scope.account(),
            scope.region(),
            group.name.as_str(),
            group.id.as_str(),
            parent,
            group.description.as_deref(),
            attributes_text(group)?,
            group.version,
            group.created_at,
        ],
        |row| row.int(0),
    )?;
    let seq = seq.ok_or_else(|| unreadable("the new thing group has no number"))?;
    if let Some(parent) = parent {
        tx.run(
            "INSERT INTO thing_group_above (thing_group, above, distance) \
             SELECT $1, above, distance + 1 FROM thing_group_above WHERE thing_group = $2",
            args![seq, parent],
        )?;
        tx.run(
            "INSERT INTO thing_group_above (thing_group, above, distance) VALUES ($1, $2, 1)",
            args![seq, parent],
        )?;
    }
    Ok(())
}

fn list(
    tx: &Tx<'_>,
    scope: &Scope,
    filter: &GroupFilter,
    after: Option<i64>,
    limit: usize,
) -> Result<Option<Page<ThingGroupName>>> {
    let parent = match &filter.parent {
        None => Value::Null,
        Some(name) => match find(tx, scope, name)? {
            None => return Ok(None),
            Some((seq, _)) => Value::from(seq),
        },
    };
    let from = match (&filter.parent, filter.recursive) {
        (None, true) => "thing_group g WHERE g.account = $1 AND g.region = $2",
        (None, false) => "thing_group g WHERE g.account = $1 AND g.region = $2 AND g.parent IS NULL",
        (Some(_), false) => "thing_group g WHERE g.parent = $5",
        (Some(_), true) => {
            "thing_group_above a JOIN thing_group g ON g.seq = a.thing_group WHERE a.above = $5"
        }
    };
    let named = if filter.prefix.is_some() { " AND g.name >= $6 AND g.name < $7" } else { "" };
    let sql = format!("SELECT g.seq, g.name FROM {from} AND g.seq > $3{named} ORDER BY g.seq LIMIT $4");
    let mut args =
        args![scope.account(), scope.region(), after.unwrap_or(0), tunnel::rows(limit + 1)].to_vec();
    let end = filter.prefix.as_ref().map(|prefix| format!("{prefix}\u{10FFFF}"));
    args.extend([parent, Value::from(filter.prefix.clone()), Value::from(end)]);
    let rows = tx.rows(&sql, &args, |row| Ok((row.int(0)?, read_name(row, 1)?)))?;
    Ok(Some(Page::of(rows, limit)))
}

//! Which thing is in which group.

use adit_iot::thing_group::{Membership, regrouped};
use adit_iot::{PolicyName, Scope, ThingGroupName, ThingName, arn};

use super::{find, read_name};
use crate::sql::{Tx, args, unreadable};
use crate::{Page, Result, Store, attachment, thing, tunnel};

/// Outcome of putting a thing into groups and taking it out of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regrouped {
    /// It is done; `false`: it was so before.
    Yes(bool),
    /// There is no thing of that name.
    NoSuchThing,
    /// There is no group of this name.
    NoSuchGroup(ThingGroupName),
    /// The rules of [`regrouped`] refuse it.
    Refused(adit_iot::Error),
}

impl Store {
    /// Takes a thing out of the groups `remove` and puts it into the groups `add`: all of it or nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_regroup(
        &self,
        scope: &Scope,
        thing: &ThingName,
        remove: Vec<ThingGroupName>,
        add: Vec<ThingGroupName>,
    ) -> Result<Regrouped> {
        let (scope, thing) = (scope.clone(), thing.clone());
        self.driver.write(move |tx| regroup(tx, &scope, &thing, &remove, &add)).await
    }

    /// Names of the groups a thing is in directly, in order of their creation. `None`: no such thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_groups_of_thing(
        &self,
        scope: &Scope,
        thing: &ThingName,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<ThingGroupName>>> {
        let (scope, thing) = (scope.clone(), thing.clone());
        self.driver
            .read(move |tx| {
                let Some((seq, _)) = thing::find(tx, &scope, &thing)? else { return Ok(None) };
                let rows = tx.rows(
                    "SELECT g.seq, g.name FROM thing_group_thing m JOIN thing_group g ON g.seq = m.thing_group \
                     WHERE m.thing = $1 AND m.distance = 0 AND m.thing_group > $2 ORDER BY m.thing_group LIMIT $3",
                    args![seq, after.unwrap_or(0), tunnel::rows(limit + 1)],
                    |row| Ok((row.int(0)?, read_name(row, 1)?)),
                )?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Names of the things in a group, with `recursive` of all groups below it too, in order of their creation.
    /// `None`: no such group.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn things_of_thing_group(
        &self,
        scope: &Scope,
        group: &ThingGroupName,
        recursive: bool,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<ThingName>>> {
        let (scope, group) = (scope.clone(), group.clone());
        self.driver
            .read(move |tx| {
                let Some((seq, _)) = find(tx, &scope, &group)? else { return Ok(None) };
                let direct = if recursive { "" } else { " AND m.distance = 0" };
                let sql = format!(
                    "SELECT t.seq, t.name FROM thing_group_thing m JOIN thing t ON t.seq = m.thing \
                     WHERE m.thing_group = $1{direct} AND m.thing > $2 ORDER BY m.thing LIMIT $3"
                );
                let rows = tx.rows(&sql, args![seq, after.unwrap_or(0), tunnel::rows(limit + 1)], |row| {
                    Ok((row.int(0)?, ThingName::parse(&row.text(1)?).map_err(unreadable)?))
                })?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Names of the groups a thing is in, each followed by those above it, nearest first. None for an unknown thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn groups_of_thing_with_ancestors(
        &self,
        scope: &Scope,
        thing: &ThingName,
    ) -> Result<Vec<ThingGroupName>> {
        let (scope, thing) = (scope.clone(), thing.clone());
        self.driver.read(move |tx| with_ancestors(tx, &scope, &thing)).await
    }

    /// Name and default document of every policy attached to a group the thing is in, or to one above it. A policy
    /// attached to several of them appears several times. None for an unknown thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn group_policies_of_thing(
        &self,
        scope: &Scope,
        thing: &ThingName,
    ) -> Result<Vec<(PolicyName, String)>> {
        let (scope, thing) = (scope.clone(), thing.clone());
        self.driver.read(move |tx| policies_of(tx, &scope, &thing)).await
    }
}

/// Name and default document of every policy attached to a group the thing is in, or to one above it.
pub(crate) fn policies_of(
    tx: &Tx<'_>,
    scope: &Scope,
    thing: &ThingName,
) -> Result<Vec<(PolicyName, String)>> {
    let mut found = Vec::new();
    for group in with_ancestors(tx, scope, thing)? {
        found.extend(attachment::policies_of(tx, scope, &arn::thing_group(scope, &group))?);
    }
    Ok(found)
}

fn with_ancestors(tx: &Tx<'_>, scope: &Scope, thing: &ThingName) -> Result<Vec<ThingGroupName>> {
    tx.rows(
        "SELECT g.name FROM thing t JOIN thing_group_thing m ON m.thing = t.seq \
         JOIN thing_group g ON g.seq = m.thing_group \
         WHERE t.account = $1 AND t.region = $2 AND t.name = $3 ORDER BY m.member_of, m.distance",
        args![scope.account(), scope.region(), thing.as_str()],
        |row| read_name(row, 0),
    )
}

pub(crate) fn regroup(
    tx: &Tx<'_>,
    scope: &Scope,
    name: &ThingName,
    remove: &[ThingGroupName],
    add: &[ThingGroupName],
) -> Result<Regrouped> {
    let Some((thing, _)) = thing::find(tx, scope, name)? else { return Ok(Regrouped::NoSuchThing) };
    let mut wanted = Vec::with_capacity(add.len());
    for group in add.iter().chain(remove) {
        let Some((_, group)) = find(tx, scope, group)? else {
            return Ok(Regrouped::NoSuchGroup(group.clone()));
        };
        wanted.push(Membership { root: group.root().clone(), group: group.name });
    }
    wanted.truncate(add.len());
    let current = memberships(tx, thing)?;
    let after = match regrouped(name, &current, remove, &wanted) {
        Ok(after) => after,
        Err(refusal) => return Ok(Regrouped::Refused(refusal)),
    };
    let changed = after != current;
    for left in current.iter().filter(|held| !after.contains(held)) {
        if let Some((group, _)) = find(tx, scope, &left.group)? {
            tx.run("DELETE FROM thing_group_thing WHERE thing = $1 AND member_of = $2", args![thing, group])?;
        }
    }
    for joined in after.iter().filter(|held| !current.contains(held)) {
        if let Some((group, _)) = find(tx, scope, &joined.group)? {
            join(tx, thing, group)?;
        }
    }
    Ok(Regrouped::Yes(changed))
}

/// The groups a thing is in directly.
pub(crate) fn memberships(tx: &Tx<'_>, thing: i64) -> Result<Vec<Membership>> {
    tx.rows(
        "SELECT g.name, COALESCE((SELECT r.name FROM thing_group_above a JOIN thing_group r ON r.seq = a.above \
         WHERE a.thing_group = g.seq ORDER BY a.distance DESC LIMIT 1), g.name) \
         FROM thing_group_thing m JOIN thing_group g ON g.seq = m.thing_group \
         WHERE m.thing = $1 AND m.distance = 0 ORDER BY m.thing_group",
        args![thing],
        |row| Ok(Membership { group: read_name(row, 0)?, root: read_name(row, 1)? }),
    )
}

fn join(tx: &Tx<'_>, thing: i64, group: i64) -> Result<()> {
    tx.run(
        "INSERT INTO thing_group_thing (thing_group, thing, member_of, distance) VALUES ($1, $2, $1, 0)",
        args![group, thing],
    )?;
    tx.run(
        "INSERT INTO thing_group_thing (thing_group, thing, member_of, distance) \
         SELECT above, $2, $1, distance FROM thing_group_above WHERE thing_group = $1",
        args![group, thing],
    )?;
    Ok(())
}

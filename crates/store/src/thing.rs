//! Things of the registry.

use adit_iot::thing::{AttributeFilter, Change, Filter, Thing, TypeChange, ValueFilter};
use adit_iot::{Scope, ThingName, ThingTypeName};

use crate::sql::{Row, Tx, Value, args, unreadable};
use crate::{Page, Result, Store, principal, thing_type, tunnel};

/// Outcome of creating a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingCreated {
    /// It is there.
    Yes(Thing),
    /// The same one was there before, this one.
    Same(Thing),
    /// Another one of that name was there before, this one.
    Different(Thing),
    /// There is no type of the name it was to have.
    NoSuchType,
    /// Its type is deprecated.
    Refused(adit_iot::Error),
}

/// Outcome of changing a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingUpdated {
    /// It is as this now.
    Yes(Thing),
    /// There is none of that name.
    NotFound,
    /// Its version is not the expected one.
    VersionConflict,
    /// There is no type of the name it was to get.
    NoSuchType,
    /// The rules of [`Thing::changed`] refuse the change, or the new type is deprecated.
    Refused(adit_iot::Error),
}

/// Outcome of deleting a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThingDeleted {
    /// It is gone.
    Yes,
    /// There was none of that name.
    NotFound,
    /// Its version is not the expected one.
    VersionConflict,
    /// A principal is attached to it.
    Attached,
}

impl Store {
    /// Creates a thing, unless there is one of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_create(&self, scope: &Scope, new: Thing) -> Result<ThingCreated> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                match find(tx, &scope, &new.name)? {
                    Some((_, there)) if there.is_same(&new) => return Ok(ThingCreated::Same(there)),
                    Some((_, there)) => return Ok(ThingCreated::Different(there)),
                    None => {}
                }
                if let Some(wanted) = &new.type_name {
                    let Some((_, kind)) = thing_type::find(tx, &scope, wanted)? else {
                        return Ok(ThingCreated::NoSuchType);
                    };
                    if let Err(refusal) = kind.assignable() {
                        return Ok(ThingCreated::Refused(refusal));
                    }
                }
                insert(tx, &scope, &new).map(|()| ThingCreated::Yes(new))
            })
            .await
    }

    /// The thing of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_get(&self, scope: &Scope, name: &ThingName) -> Result<Option<Thing>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver.lookup(move |tx| Ok(find(tx, &scope, &name)?.map(|(_, thing)| thing))).await
    }

    /// Changes a thing, if its version is the expected one or none is expected.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_update(
        &self,
        scope: &Scope,
        name: &ThingName,
        expected: Option<i64>,
        change: Change,
    ) -> Result<ThingUpdated> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, thing)) = find(tx, &scope, &name)? else { return Ok(ThingUpdated::NotFound) };
                if expected.is_some_and(|expected| expected != thing.version) {
                    return Ok(ThingUpdated::VersionConflict);
                }
                if let Some(TypeChange::Set(wanted)) = &change.kind {
                    let Some((_, kind)) = thing_type::find(tx, &scope, wanted)? else {
                        return Ok(ThingUpdated::NoSuchType);
                    };
                    let has_it = thing.type_name.as_ref() == Some(wanted);
                    if let Some(refusal) = kind.assignable().err().filter(|_| !has_it) {
                        return Ok(ThingUpdated::Refused(refusal));
                    }
                }
                match thing.changed(&change) {
                    Ok(changed) => update(tx, &scope, seq, &changed).map(|()| ThingUpdated::Yes(changed)),
                    Err(refusal) => Ok(ThingUpdated::Refused(refusal)),
                }
            })
            .await
    }

    /// Deletes a thing, if its version is the expected one or none is expected, and no principal is attached to it.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_delete(
        &self,
        scope: &Scope,
        name: &ThingName,
        expected: Option<i64>,
    ) -> Result<ThingDeleted> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, thing)) = find(tx, &scope, &name)? else { return Ok(ThingDeleted::NotFound) };
                if expected.is_some_and(|expected| expected != thing.version) {
                    return Ok(ThingDeleted::VersionConflict);
                }
                if principal::of_thing(tx, seq)? {
                    return Ok(ThingDeleted::Attached);
                }
                tx.run("DELETE FROM thing WHERE seq = $1", args![seq])?;
                Ok(ThingDeleted::Yes)
            })
            .await
    }

    /// Things that pass the filter, in order of creation; `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn things_page(
        &self,
        scope: &Scope,
        filter: Filter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<Thing>> {
        let scope = scope.clone();
        self.driver.read(move |tx| Ok(Page::of(list(tx, &scope, &filter, after, limit)?, limit))).await
    }
}

pub(crate) const COLUMNS: &str = "t.seq, t.name, t.id, t.type_name, t.attributes, t.version, t.created_at";

pub(crate) fn find(tx: &Tx<'_>, scope: &Scope, name: &ThingName) -> Result<Option<(i64, Thing)>> {
    tx.first(
        &format!("SELECT {COLUMNS} FROM thing t WHERE t.account = $1 AND t.region = $2 AND t.name = $3"),
        args![scope.account(), scope.region(), name.as_str()],
        read,
    )
}

pub(crate) fn read(row: &Row<'_>) -> Result<(i64, Thing)> {
    let thing = Thing {
        name: ThingName::parse(&row.text(1)?).map_err(unreadable)?,
        id: row.text(2)?,
        type_name: row
            .opt_text(3)?
            .map(|name| ThingTypeName::parse(&name))
            .transpose()
            .map_err(unreadable)?,
        attributes: serde_json::from_str(&row.text(4)?).map_err(unreadable)?,
        version: row.int(5)?,
        created_at: row.time(6)?,
    };
    Ok((row.int(0)?, thing))
}

fn type_of(thing: &Thing) -> Option<&str> {
    thing.type_name.as_ref().map(ThingTypeName::as_str)
}

fn attributes_text(thing: &Thing) -> Result<String> {
    serde_json::to_string(&thing.attributes).map_err(unreadable)
}

pub(crate) fn insert(tx: &Tx<'_>, scope: &Scope, thing: &Thing) -> Result<()> {
    let seq = tx.first(
        "INSERT INTO thing (account, region, name, id, type_name, attributes, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING seq",
        args![
            scope.account(),
            scope.region(),
            thing.name.as_str(),
            thing.id.as_str(),
            type_of(thing),
            attributes_text(thing)?,
            thing.version,
            thing.created_at,
        ],
        |row| row.int(0),
    )?;
    index(tx, scope, seq.ok_or_else(|| unreadable("the new thing has no number"))?, thing)
}

pub(crate) fn update(tx: &Tx<'_>, scope: &Scope, seq: i64, thing: &Thing) -> Result<()> {
    tx.run(
        "UPDATE thing SET attributes = $2, version = $3, type_name = $4 WHERE seq = $1",
        args![seq, attributes_text(thing)?, thing.version, type_of(thing)],
    )?;
    tx.run("DELETE FROM thing_attribute WHERE thing = $1", args![seq])?;
    index(tx, scope, seq, thing)
}

fn index(tx: &Tx<'_>, scope: &Scope, seq: i64, thing: &Thing) -> Result<()> {
    for (name, value) in &thing.attributes {
        tx.run(
            "INSERT INTO thing_attribute (thing, name, account, region, value, type_name) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            args![seq, name.as_str(), scope.account(), scope.region(), value.as_str(), type_of(thing)],
        )?;
    }
    Ok(())
}

fn list(
    tx: &Tx<'_>,
    scope: &Scope,
    filter: &Filter,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, Thing)>> {
    let (account, region) = (scope.account(), scope.region());
    let (after, count) = (after.unwrap_or(0), tunnel::rows(limit + 1));
    let kind = filter.type_name.as_ref().map(ThingTypeName::as_str);
    let Some(attribute) = &filter.attribute else {
        let sql = match kind {
            None => "t.account = $1 AND t.region = $2 AND t.seq > $3",
            Some(_) => "t.account = $1 AND t.region = $2 AND t.type_name = $5 AND t.seq > $3",
        };
        let sql = format!("SELECT {COLUMNS} FROM thing t WHERE {sql} ORDER BY t.seq LIMIT $4");
        return tx.rows(&sql, args![account, region, after, count, kind], read);
    };
    by_attribute(tx, scope, kind, attribute, after, count)
}

/// Beginnings that fit at most this many attributes are looked up by value and sorted; more are found soon enough by
/// going through the things in order.
const RARE: i64 = 20_000;

fn by_attribute(
    tx: &Tx<'_>,
    scope: &Scope,
    kind: Option<&str>,
    attribute: &AttributeFilter,
    after: i64,
    count: i64,
) -> Result<Vec<(i64, Thing)>> {
    let (condition, low, high) = match &attribute.value {
        None => ("", Value::Null, Value::Null),
        Some(ValueFilter::Is(value)) => (" AND a.value = $4", Value::from(value.as_str()), Value::Null),
        Some(ValueFilter::StartsWith(prefix)) => (
            " AND a.value >= $4 AND a.value < $5",
            Value::from(prefix.as_str()),
            Value::from(format!("{prefix}\u{10FFFF}")),
        ),
    };
    let typed = if kind.is_some() { " AND a.type_name = $8" } else { "" };
    let of = format!("a.account = $1 AND a.region = $2 AND a.name = $3{typed}{condition}");
    let mut args = args![scope.account(), scope.region(), attribute.name.as_str()].to_vec();
    args.extend([low, high, Value::from(after), Value::from(count), Value::from(kind)]);
    // Found by value first, and then sorted: the limit only keeps the engine from going through all things in order.
    let few = format!("(SELECT a.thing FROM thing_attribute a WHERE {of} ORDER BY a.value LIMIT {RARE})");
    let found = match &attribute.value {
        Some(ValueFilter::StartsWith(_)) if is_rare(tx, &few, &args)? => few,
        _ => format!("(SELECT a.thing FROM thing_attribute a WHERE {of})"),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM {found} AS f JOIN thing t ON t.seq = f.thing \
         WHERE f.thing > $6 ORDER BY f.thing LIMIT $7"
    );
    tx.rows(&sql, &args, read)
}

fn is_rare(tx: &Tx<'_>, few: &str, args: &[Value]) -> Result<bool> {
    let count = tx.first(&format!("SELECT COUNT(*) FROM {few} AS f"), args, |row| row.int(0))?;
    Ok(count.is_some_and(|count| count < RARE))
}

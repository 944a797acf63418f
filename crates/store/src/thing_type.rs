//! Thing types.

use adit_iot::tag::Tag;
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{Scope, ThingTypeName, Timestamp};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Page, Result, Store, resource_tag, tunnel};

/// Outcome of creating a thing type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeCreated {
    /// It is there.
    Yes(ThingType),
    /// The same one was there before, this one.
    Same(ThingType),
    /// Another one of that name was there before, this one.
    Different(ThingType),
}

/// Outcome of changing, deprecating or deleting a thing type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeChanged {
    /// It is done.
    Yes,
    /// There is none of that name.
    NotFound,
    /// The rules of [`ThingType`] refuse it.
    Refused(adit_iot::Error),
}

impl Store {
    /// Creates a type with its tags, unless there is one of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_type_create(
        &self,
        scope: &Scope,
        new: ThingType,
        tags: Vec<Tag>,
    ) -> Result<TypeCreated> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| match find(tx, &scope, &new.name)? {
                Some((_, there)) if there.is_same(&new) => Ok(TypeCreated::Same(there)),
                Some((_, there)) => Ok(TypeCreated::Different(there)),
                None => {
                    insert(tx, &scope, &new)?;
                    resource_tag::replace(tx, &scope, &format!("thingtype/{}", new.name), &tags)?;
                    Ok(TypeCreated::Yes(new))
                }
            })
            .await
    }

    /// The type of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_type_get(&self, scope: &Scope, name: &ThingTypeName) -> Result<Option<ThingType>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver.read(move |tx| Ok(find(tx, &scope, &name)?.map(|(_, kind)| kind))).await
    }

    /// Changes what a type says of its things, by the rules of [`ThingType::changed`].
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_type_update(
        &self,
        scope: &Scope,
        name: &ThingTypeName,
        given: Properties,
    ) -> Result<TypeChanged> {
        self.change(scope, name, move |kind| kind.changed(given)).await
    }

    /// Deprecates a type as of `at`, or takes that back with `None`. One that is deprecated already stays as it is.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_type_deprecate(
        &self,
        scope: &Scope,
        name: &ThingTypeName,
        at: Option<Timestamp>,
    ) -> Result<TypeChanged> {
        let deprecated = move |kind: &ThingType| {
            let since = at.map(|at| kind.deprecated_at.unwrap_or(at));
            Ok(ThingType { deprecated_at: since, ..kind.clone() })
        };
        self.change(scope, name, deprecated).await
    }

    async fn change(
        &self,
        scope: &Scope,
        name: &ThingTypeName,
        rule: impl FnOnce(&ThingType) -> std::result::Result<ThingType, adit_iot::Error> + Send + 'static,
    ) -> Result<TypeChanged> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, kind)) = find(tx, &scope, &name)? else { return Ok(TypeChanged::NotFound) };
                let changed = match rule(&kind) {
                    Ok(changed) => changed,
                    Err(refusal) => return Ok(TypeChanged::Refused(refusal)),
                };
                tx.run(
                    "UPDATE thing_type SET properties = $2, deprecated_at = $3 WHERE seq = $1",
                    args![seq, properties_text(&changed)?, changed.deprecated_at],
                )?;
                Ok(TypeChanged::Yes)
            })
            .await
    }

    /// Deletes a type and its tags, by the rules of [`ThingType::deletable`].
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_type_delete(
        &self,
        scope: &Scope,
        name: &ThingTypeName,
        wait_millis: i64,
        now: Timestamp,
    ) -> Result<TypeChanged> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, kind)) = find(tx, &scope, &name)? else { return Ok(TypeChanged::NotFound) };
                let in_use = tx.first(
                    "SELECT 1 FROM thing WHERE account = $1 AND region = $2 AND type_name = $3 LIMIT 1",
                    args![scope.account(), scope.region(), name.as_str()],
                    |row| row.int(0),
                )?;
                if let Err(refusal) = kind.deletable(in_use.is_some(), wait_millis, now) {
                    return Ok(TypeChanged::Refused(refusal));
                }
                tx.run("DELETE FROM thing_type WHERE seq = $1", args![seq])?;
                Ok(TypeChanged::Yes)
            })
            .await
    }

    /// Types in order of creation, or only the one of that name; `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_types_page(
        &self,
        scope: &Scope,
        name: Option<ThingTypeName>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<ThingType>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let named = if name.is_some() { " AND k.name = $5" } else { "" };
                let sql = format!(
                    "SELECT {COLUMNS} FROM thing_type k \
                     WHERE k.account = $1 AND k.region = $2 AND k.seq > $3{named} ORDER BY k.seq LIMIT $4"
                );
                let name = name.as_ref().map(ThingTypeName::as_str);
                let (after, count) = (after.unwrap_or(0), tunnel::rows(limit + 1));
                let rows = tx.rows(&sql, args![scope.account(), scope.region(), after, count, name], read)?;
                Ok(Page::of(rows, limit))
            })
            .await
    }
}

const COLUMNS: &str = "k.seq, k.name, k.id, k.properties, k.deprecated_at, k.created_at";

pub(crate) fn find(tx: &Tx<'_>, scope: &Scope, name: &ThingTypeName) -> Result<Option<(i64, ThingType)>> {
    tx.first(
        &format!("SELECT {COLUMNS} FROM thing_type k WHERE k.account = $1 AND k.region = $2 AND k.name = $3"),
        args![scope.account(), scope.region(), name.as_str()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<(i64, ThingType)> {
    let kind = ThingType {
        name: ThingTypeName::parse(&row.text(1)?).map_err(unreadable)?,
        id: row.text(2)?,
        properties: serde_json::from_str(&row.text(3)?).map_err(unreadable)?,
        deprecated_at: row.opt_time(4)?,
        created_at: row.time(5)?,
    };
    Ok((row.int(0)?, kind))
}

fn properties_text(kind: &ThingType) -> Result<String> {
    serde_json::to_string(&kind.properties).map_err(unreadable)
}

fn insert(tx: &Tx<'_>, scope: &Scope, kind: &ThingType) -> Result<()> {
    tx.run(
        "INSERT INTO thing_type (account, region, name, id, properties, deprecated_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            scope.account(),
            scope.region(),
            kind.name.as_str(),
            kind.id.as_str(),
            properties_text(kind)?,
            kind.deprecated_at,
            kind.created_at,
        ],
    )?;
    Ok(())
}

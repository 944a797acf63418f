//! Which certificate or Cognito identity speaks for which thing.

use adit_iot::principal::Principal;
use adit_iot::thing::Thing;
use adit_iot::{Scope, ThingName};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Page, Result, Store, certificate, thing, tunnel};

/// Outcome of attaching a principal to a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalAttached {
    /// It is attached now.
    Yes,
    /// It was attached in the same way before; nothing changed.
    Already,
    /// There is no thing of that name.
    NoThing,
    /// There is no such certificate in the scope.
    NoPrincipal,
    /// It is attached exclusively to this thing already.
    Exclusive(ThingName),
    /// It was to be attached exclusively and is attached to this thing already.
    InUse(ThingName),
}

/// Outcome of detaching a principal from a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalDetached {
    /// It is not attached now; whether it was before is told.
    Yes(bool),
    /// There is no thing of that name.
    NoThing,
    /// There is no such certificate in the scope.
    NoPrincipal,
}

/// The thing a connection speaks for (spec: policies §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionThing {
    /// The thing.
    pub thing: Thing,
    /// Whether it is so whatever the client id.
    pub exclusive: bool,
}

impl Store {
    /// Attaches a principal to a thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_principal_attach(
        &self,
        scope: &Scope,
        name: &ThingName,
        principal: &Principal,
        exclusive: bool,
    ) -> Result<PrincipalAttached> {
        let (scope, name, principal) = (scope.clone(), name.clone(), principal.clone());
        self.driver.write(move |tx| attach(tx, &scope, &name, &principal, exclusive)).await
    }

    /// Detaches a principal from a thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_principal_detach(
        &self,
        scope: &Scope,
        name: &ThingName,
        principal: &Principal,
    ) -> Result<PrincipalDetached> {
        let (scope, name, principal) = (scope.clone(), name.clone(), principal.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, _)) = thing::find(tx, &scope, &name)? else {
                    return Ok(PrincipalDetached::NoThing);
                };
                if !known(tx, &scope, &principal)? {
                    return Ok(PrincipalDetached::NoPrincipal);
                }
                let gone = tx.run(
                    "DELETE FROM thing_principal WHERE thing = $1 AND principal = $2",
                    args![seq, principal.text()],
                )?;
                Ok(PrincipalDetached::Yes(gone > 0))
            })
            .await
    }

    /// Principals of a thing and whether each is attached exclusively, in order of attaching; only those attached in
    /// the given way if one is given. `after` is the position a page before ended at. `None`: there is no such thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_principals_page(
        &self,
        scope: &Scope,
        name: &ThingName,
        exclusive: Option<bool>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<(String, bool)>>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let Some((seq, _)) = thing::find(tx, &scope, &name)? else { return Ok(None) };
                let rows = tx.rows(
                    "SELECT seq, principal, exclusive FROM thing_principal WHERE thing = $1 AND seq > $2 \
                     AND ($3 IS NULL OR exclusive = $3) ORDER BY seq LIMIT $4",
                    args![seq, after.unwrap_or(0), exclusive, tunnel::rows(limit + 1)],
                    |row| Ok((row.int(0)?, (row.text(1)?, row.bool(2)?))),
                )?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Things a principal is attached to and whether exclusively, in order of attaching; only those attached in the
    /// given way if one is given. `after` is the position a page before ended at. `None`: the scope has no such
    /// certificate.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn principal_things_page(
        &self,
        scope: &Scope,
        principal: &Principal,
        exclusive: Option<bool>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<(ThingName, bool)>>> {
        let (scope, principal) = (scope.clone(), principal.clone());
        self.driver
            .read(move |tx| {
                if !known(tx, &scope, &principal)? {
                    return Ok(None);
                }
                let rows = tx.rows(
                    "SELECT p.seq, t.name, p.exclusive FROM thing_principal p JOIN thing t ON t.seq = p.thing \
                     WHERE p.account = $1 AND p.region = $2 AND p.principal = $3 AND p.seq > $4 \
                     AND ($5 IS NULL OR p.exclusive = $5) ORDER BY p.seq LIMIT $6",
                    args![
                        scope.account(),
                        scope.region(),
                        principal.text(),
                        after.unwrap_or(0),
                        exclusive,
                        tunnel::rows(limit + 1),
                    ],
                    |row| Ok((row.int(0)?, attached_thing(row, 1)?)),
                )?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// The first 100 things a principal, an ARN or a Cognito identity, is attached to, and whether exclusively; an
    /// exclusive one is the only one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn things_of_principal(
        &self,
        scope: &Scope,
        principal: &str,
    ) -> Result<Vec<(ThingName, bool)>> {
        let (scope, principal) = (scope.clone(), principal.to_owned());
        self.driver.read(move |tx| things_of(tx, &scope, &principal)).await
    }

    /// The thing a connection speaks for: the one its principal, an ARN or a Cognito identity, is attached to
    /// exclusively, else the one named like the client if the principal is attached to it (spec: policies §5).
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_of_connection(
        &self,
        scope: &Scope,
        principal: &str,
        client_id: &str,
    ) -> Result<Option<ConnectionThing>> {
        let (scope, principal) = (scope.clone(), principal.to_owned());
        let named = ThingName::parse(client_id).ok();
        self.driver.read(move |tx| of_connection(tx, &scope, &principal, named.as_ref())).await
    }
}

/// The first 100 things a principal is attached to, and whether exclusively.
pub(crate) fn things_of(tx: &Tx<'_>, scope: &Scope, principal: &str) -> Result<Vec<(ThingName, bool)>> {
    tx.rows(
        "SELECT t.name, p.exclusive FROM thing_principal p JOIN thing t ON t.seq = p.thing \
         WHERE p.account = $1 AND p.region = $2 AND p.principal = $3 ORDER BY p.seq LIMIT 100",
        args![scope.account(), scope.region(), principal],
        |row| attached_thing(row, 0),
    )
}

pub(crate) fn attach(
    tx: &Tx<'_>,
    scope: &Scope,
    name: &ThingName,
    principal: &Principal,
    exclusive: bool,
) -> Result<PrincipalAttached> {
    let Some((seq, _)) = thing::find(tx, scope, name)? else { return Ok(PrincipalAttached::NoThing) };
    if !known(tx, scope, principal)? {
        return Ok(PrincipalAttached::NoPrincipal);
    }
    let text = principal.text();
    let there = tx.first(
        "SELECT exclusive FROM thing_principal WHERE thing = $1 AND principal = $2",
        args![seq, text.as_str()],
        |row| row.bool(0),
    )?;
    if there == Some(exclusive) {
        return Ok(PrincipalAttached::Already);
    }
    // An exclusive attachment is the only one of its principal, so any other will do to tell.
    let other = tx.first(
        "SELECT t.name, p.exclusive FROM thing_principal p JOIN thing t ON t.seq = p.thing \
         WHERE p.account = $1 AND p.region = $2 AND p.principal = $3 ORDER BY p.seq LIMIT 1",
        args![scope.account(), scope.region(), text.as_str()],
        |row| attached_thing(row, 0),
    )?;
    match other {
        Some((thing, true)) => return Ok(PrincipalAttached::Exclusive(thing)),
        Some((thing, false)) if exclusive => return Ok(PrincipalAttached::InUse(thing)),
        _ => {}
    }
    tx.run(
        "INSERT INTO thing_principal (account, region, thing, principal, exclusive) VALUES ($1, $2, $3, $4, $5)",
        args![scope.account(), scope.region(), seq, text, exclusive],
    )?;
    Ok(PrincipalAttached::Yes)
}

pub(crate) fn of_connection(
    tx: &Tx<'_>,
    scope: &Scope,
    principal: &str,
    named: Option<&ThingName>,
) -> Result<Option<ConnectionThing>> {
    let columns = thing::COLUMNS;
    let exclusive = tx.first(
        &format!(
            "SELECT {columns} FROM thing_principal p JOIN thing t ON t.seq = p.thing \
             WHERE p.account = $1 AND p.region = $2 AND p.principal = $3 AND p.exclusive = 1"
        ),
        args![scope.account(), scope.region(), principal],
        thing::read,
    )?;
    if let Some((_, thing)) = exclusive {
        return Ok(Some(ConnectionThing { thing, exclusive: true }));
    }
    let Some(name) = named else { return Ok(None) };
    let found = tx.first(
        &format!(
            "SELECT {columns} FROM thing t JOIN thing_principal p ON p.thing = t.seq AND p.principal = $4 \
             WHERE t.account = $1 AND t.region = $2 AND t.name = $3"
        ),
        args![scope.account(), scope.region(), name.as_str(), principal],
        thing::read,
    )?;
    Ok(found.map(|(_, thing)| ConnectionThing { thing, exclusive: false }))
}

/// Whether a principal may be attached in the scope: a certificate must be known there.
fn known(tx: &Tx<'_>, scope: &Scope, principal: &Principal) -> Result<bool> {
    match principal {
        Principal::Certificate(of, id) => Ok(of == scope && certificate::exists(tx, scope, id)?),
        Principal::Cognito(_) => Ok(true),
    }
}

fn attached_thing(row: &Row<'_>, column: usize) -> Result<(ThingName, bool)> {
    Ok((ThingName::parse(&row.text(column)?).map_err(unreadable)?, row.bool(column + 1)?))
}

/// Whether any principal is attached to a thing.
pub(crate) fn of_thing(tx: &Tx<'_>, thing: i64) -> Result<bool> {
    let sql = "SELECT seq FROM thing_principal WHERE thing = $1 LIMIT 1";
    Ok(tx.first(sql, args![thing], |row| row.int(0))?.is_some())
}

/// Whether a principal is attached to any thing.
pub(crate) fn has_things(tx: &Tx<'_>, scope: &Scope, principal: &str) -> Result<bool> {
    let found = tx.first(
        "SELECT seq FROM thing_principal WHERE account = $1 AND region = $2 AND principal = $3 LIMIT 1",
        args![scope.account(), scope.region(), principal],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

//! Tunnels: open, look, rotate, close, expire, purge.

use adit_iot::tag::Tag;
use adit_iot::tunnel::{
    ClientMode, Connection, ConnectionStatus, Destination, Horizon, Side, Status, Tunnel,
};
use adit_iot::{Scope, ThingName, Timestamp, TunnelId};

use crate::sql::{Row, Tx, args, unreadable};
use crate::token::{self, TokenHash};
use crate::{Page, Result, Store, tag};

/// A tunnel to open. Rules about its parts have been checked by the caller.
#[derive(Clone, Debug)]
pub struct NewTunnel {
    /// A fresh id.
    pub id: TunnelId,
    /// Free text.
    pub description: Option<String>,
    /// Where it leads, if the caller said.
    pub destination: Option<Destination>,
    /// Lifetime in minutes.
    pub timeout_minutes: i64,
    /// Its tags; no key twice.
    pub tags: Vec<Tag>,
    /// Hash of the source's token.
    pub source_token: TokenHash,
    /// Hash of the destination's token.
    pub destination_token: TokenHash,
    /// Now.
    pub created_at: Timestamp,
}

/// Outcome of opening a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is there.
    Yes(Tunnel),
    /// The scope has as many open tunnels as it may have.
    TooMany,
}

/// Outcome of closing a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It was open and is closed now.
    Closed,
    /// It had been closed, or had reached the end of its lifetime; nothing changed.
    Already,
    /// There is none of that id to be seen.
    NotFound,
}

/// A rotation of tokens.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Which tokens are replaced.
    pub mode: ClientMode,
    /// Hash of the new source token; used if the mode covers the source.
    pub source_token: TokenHash,
    /// Hash of the new destination token; used if the mode covers the destination.
    pub destination_token: TokenHash,
    /// The destination given with the call; see [`ClientMode::destination_after`].
    pub destination: Option<Destination>,
}

impl Store {
    /// Opens a tunnel, unless the scope has `max_open` open ones.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_open(&self, scope: &Scope, new: NewTunnel, max_open: Option<u64>) -> Result<Opened> {
        let scope = scope.clone();
        self.driver.write(move |tx| open(tx, &scope, &new, max_open)).await
    }

    /// The tunnel as it is at the horizon, if it can still be seen.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_get(&self, scope: &Scope, id: &TunnelId, at: Horizon) -> Result<Option<Tunnel>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver.read(move |tx| Ok(find(tx, &scope, &id, at)?.map(|(_, tunnel)| tunnel))).await
    }

    /// Tunnels of the scope, newest first, closed ones included; only those to `thing` if given. `after` is the
    /// position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnels_page(
        &self,
        scope: &Scope,
        thing: Option<&str>,
        after: Option<i64>,
        limit: usize,
        at: Horizon,
    ) -> Result<Page<Tunnel>> {
        let (scope, thing) = (scope.clone(), thing.map(str::to_owned));
        self.driver
            .read(move |tx| {
                let rows = list(tx, &scope, thing.as_deref(), after, limit, at)?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Closes a tunnel: its tokens stop working in the same transaction. Closing a closed one changes nothing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_close(&self, scope: &Scope, id: &TunnelId, at: Horizon) -> Result<Closing> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                Ok(match find(tx, &scope, &id, at)? {
                    None => Closing::NotFound,
                    Some((_, tunnel)) if tunnel.status == Status::Closed => Closing::Already,
                    Some((seq, tunnel)) => {
                        close(tx, seq, tunnel.closed(at.now).ends_at)?;
                        Closing::Closed
                    }
                })
            })
            .await
    }

    /// Removes a tunnel for good, open or closed. `false`: there is none of that id to be seen.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_delete(&self, scope: &Scope, id: &TunnelId, at: Horizon) -> Result<bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| match find(tx, &scope, &id, at)? {
                None => Ok(false),
                Some((seq, _)) => Ok(tx.run("DELETE FROM tunnel WHERE seq = $1", args![seq])? > 0),
            })
            .await
    }

    /// Replaces tokens of an open tunnel: from the commit on the old ones are unknown, with whatever was bound to
    /// them. The lifetime stays. `None`: there is no open tunnel of that id.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_rotate(
        &self,
        scope: &Scope,
        id: &TunnelId,
        rotation: Rotation,
        at: Horizon,
    ) -> Result<Option<Tunnel>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver.write(move |tx| rotate(tx, &scope, &id, rotation, at)).await
    }

    /// Closes up to `limit` tunnels whose lifetime is over and tells which. Called until it tells none.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnels_expire(&self, now: Timestamp, limit: usize) -> Result<Vec<(Scope, TunnelId)>> {
        self.driver
            .write(move |tx| {
                let over = tx.rows(
                    "SELECT seq, ends_at, account, region, id FROM tunnel \
                     WHERE status = 'OPEN' AND ends_at <= $1 ORDER BY ends_at LIMIT $2",
                    args![now, rows(limit)],
                    |row| Ok((row.int(0)?, row.time(1)?, (row.scope(2)?, tunnel_id(row, 4)?))),
                )?;
                for (seq, end, _) in &over {
                    close(tx, *seq, *end)?;
                }
                Ok(over.into_iter().map(|(_, _, name)| name).collect())
            })
            .await
    }

    /// Removes up to `limit` closed tunnels that can no longer be seen and tells how many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnels_purge(&self, at: Horizon, limit: usize) -> Result<u64> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "DELETE FROM tunnel WHERE seq IN (SELECT seq FROM tunnel \
                     WHERE status = 'CLOSED' AND ends_at <= $1 ORDER BY ends_at LIMIT $2)",
                    args![at.gone_until(), rows(limit)],
                )
            })
            .await
    }

    /// When the next open tunnel reaches the end of its lifetime.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnel_deadline(&self) -> Result<Option<Timestamp>> {
        self.driver
            .read(|tx| {
                let first = "SELECT ends_at FROM tunnel WHERE status = 'OPEN' ORDER BY ends_at LIMIT 1";
                tx.first(first, &[], |row| row.time(0))
            })
            .await
    }

    /// How many tunnels of the scope are open: those that its quota counts.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnels_open_of(&self, scope: &Scope, now: Timestamp) -> Result<u64> {
        let scope = scope.clone();
        self.driver.read(move |tx| Ok(count_open(tx, &scope, now)?.unsigned_abs())).await
    }

    /// How many tunnels are open, in all accounts and regions.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tunnels_open(&self, now: Timestamp) -> Result<u64> {
        self.driver
            .read(move |tx| {
                let sql = "SELECT COUNT(*) FROM tunnel WHERE status = 'OPEN' AND ends_at > $1";
                Ok(tx.first(sql, args![now], |row| row.int(0))?.unwrap_or(0).unsigned_abs())
            })
            .await
    }

    /// Marks the side of connection `link` disconnected. `false`: a newer connection has taken the side over, or it
    /// was marked before; nothing changed.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn side_left(
        &self,
        scope: &Scope,
        id: &TunnelId,
        side: Side,
        link: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let sql = match side {
                    Side::Source => {
                        "UPDATE tunnel SET source_connected = 0, source_changed_at = $5 WHERE account = $1 AND \
                         region = $2 AND id = $3 AND source_link = $4 AND source_connected = 1"
                    }
                    Side::Destination => {
                        "UPDATE tunnel SET destination_connected = 0, destination_changed_at = $5 WHERE \
                         account = $1 AND region = $2 AND id = $3 AND destination_link = $4 AND \
                         destination_connected = 1"
                    }
                };
                Ok(tx.run(sql, args![scope.account(), scope.region(), id.as_str(), link, now])? > 0)
            })
            .await
    }

    /// Marks every side disconnected: a server that starts has no connections. Tells how many tunnels had one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn all_sides_left(&self, now: Timestamp) -> Result<u64> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "UPDATE tunnel SET \
                     source_changed_at = CASE source_connected WHEN 1 THEN $1 ELSE source_changed_at END, \
                     destination_changed_at = \
                     CASE destination_connected WHEN 1 THEN $1 ELSE destination_changed_at END, \
                     source_connected = 0, destination_connected = 0 \
                     WHERE source_connected = 1 OR destination_connected = 1",
                    args![now],
                )
            })
            .await
    }
}

const COLUMNS: &str = "seq, id, status, description, thing, services, timeout_minutes, created_at, last_updated_at, \
                       ends_at, source_connected, source_changed_at, destination_connected, destination_changed_at";

fn open(tx: &Tx<'_>, scope: &Scope, new: &NewTunnel, max_open: Option<u64>) -> Result<Opened> {
    if let Some(max) = max_open
        && count_open(tx, scope, new.created_at)?.unsigned_abs() >= max
    {
        return Ok(Opened::TooMany);
    }
    let ends_at = Tunnel::lifetime_end(new.created_at, new.timeout_minutes);
    let seq = tx.first(
        "INSERT INTO tunnel (account, region, id, status, description, thing, services, timeout_minutes, \
         created_at, last_updated_at, ends_at) \
         VALUES ($1, $2, $3, 'OPEN', $4, $5, $6, $7, $8, $8, $9) RETURNING seq",
        args![
            scope.account(),
            scope.region(),
            new.id.as_str(),
            new.description.as_deref(),
            new.destination.as_ref().and_then(|d| d.thing.as_ref()).map(ThingName::as_str),
            services_text(new.destination.as_ref()),
            new.timeout_minutes,
            new.created_at,
            ends_at,
        ],
        |row| row.int(0),
    )?;
    let seq = seq.ok_or_else(|| unreadable("the new tunnel has no number"))?;
    token::insert(tx, seq, Side::Source, new.source_token)?;
    token::insert(tx, seq, Side::Destination, new.destination_token)?;
    tag::replace(tx, seq, &new.tags)?;
    Ok(Opened::Yes(Tunnel {
        id: new.id.clone(),
        status: Status::Open,
        source: Connection::NEVER,
        destination_connection: Connection::NEVER,
        description: new.description.clone(),
        destination: new.destination.clone(),
        timeout_minutes: new.timeout_minutes,
        created_at: new.created_at,
        last_updated_at: new.created_at,
        ends_at,
    }))
}

/// Tunnels of the scope that are open at `now`: the count that is kept, less those whose lifetime is over.
fn count_open(tx: &Tx<'_>, scope: &Scope, now: Timestamp) -> Result<i64> {
    let open = tx.first(
        "SELECT open FROM tunnel_count WHERE account = $1 AND region = $2",
        args![scope.account(), scope.region()],
        |row| row.int(0),
    )?;
    let over = tx.first(
        "SELECT COUNT(*) FROM tunnel WHERE account = $1 AND region = $2 AND status = 'OPEN' AND ends_at <= $3",
        args![scope.account(), scope.region(), now],
        |row| row.int(0),
    )?;
    Ok((open.unwrap_or(0) - over.unwrap_or(0)).max(0))
}

/// The tunnel and its number, if it can be seen.
pub(crate) fn find(tx: &Tx<'_>, scope: &Scope, id: &TunnelId, at: Horizon) -> Result<Option<(i64, Tunnel)>> {
    tx.first(
        &format!(
            "SELECT {COLUMNS} FROM tunnel WHERE account = $1 AND region = $2 AND id = $3 AND ends_at > $4"
        ),
        args![scope.account(), scope.region(), id.as_str(), at.gone_until()],
        |row| read(row, at.now),
    )
}

fn list(
    tx: &Tx<'_>,
    scope: &Scope,
    thing: Option<&str>,
    after: Option<i64>,
    limit: usize,
    at: Horizon,
) -> Result<Vec<(i64, Tunnel)>> {
    let before = after.unwrap_or(i64::MAX);
    let (account, region, gone, count) = (scope.account(), scope.region(), at.gone_until(), rows(limit + 1));
    let of = |row: &Row<'_>| read(row, at.now);
    match thing {
        None => tx.rows(
            &format!(
                "SELECT {COLUMNS} FROM tunnel WHERE account = $1 AND region = $2 AND ends_at > $3 AND seq < $4 \
                 ORDER BY seq DESC LIMIT $5"
            ),
            args![account, region, gone, before, count],
            of,
        ),
        Some(thing) => tx.rows(
            &format!(
                "SELECT {COLUMNS} FROM tunnel WHERE account = $1 AND region = $2 AND thing = $6 AND ends_at > $3 \
                 AND seq < $4 ORDER BY seq DESC LIMIT $5"
            ),
            args![account, region, gone, before, count, thing],
            of,
        ),
    }
}

fn rotate(
    tx: &Tx<'_>,
    scope: &Scope,
    id: &TunnelId,
    rotation: Rotation,
    at: Horizon,
) -> Result<Option<Tunnel>> {
    let Some((seq, tunnel)) = find(tx, scope, id, at)? else { return Ok(None) };
    if tunnel.status == Status::Closed {
        return Ok(None);
    }
    for (side, hash) in
        [(Side::Source, rotation.source_token), (Side::Destination, rotation.destination_token)]
    {
        if rotation.mode.covers(side) {
            token::replace(tx, seq, side, hash)?;
        }
    }
    let destination = rotation.mode.destination_after(tunnel.destination.clone(), rotation.destination);
    tx.run(
        "UPDATE tunnel SET last_updated_at = $2, thing = $3, services = $4 WHERE seq = $1",
        args![
            seq,
            at.now,
            destination.as_ref().and_then(|d| d.thing.as_ref()).map(ThingName::as_str),
            services_text(destination.as_ref()),
        ],
    )?;
    Ok(Some(Tunnel { destination, last_updated_at: at.now, ..tunnel }))
}

/// Closes the open tunnel `seq` as of `end`.
fn close(tx: &Tx<'_>, seq: i64, end: Timestamp) -> Result<()> {
    tx.run(
        "UPDATE tunnel SET status = 'CLOSED', last_updated_at = $2, ends_at = $2, \
         source_changed_at = CASE source_connected WHEN 1 THEN $2 ELSE source_changed_at END, \
         destination_changed_at = CASE destination_connected WHEN 1 THEN $2 ELSE destination_changed_at END, \
         source_connected = 0, destination_connected = 0 WHERE seq = $1",
        args![seq, end],
    )?;
    token::remove(tx, seq)
}

fn read(row: &Row<'_>, now: Timestamp) -> Result<(i64, Tunnel)> {
    let services = row.opt_text(5)?.map(|text| services_from(&text)).transpose()?;
    let thing = row.opt_text(4)?.map(|name| ThingName::parse(&name).map_err(unreadable)).transpose()?;
    let tunnel = Tunnel {
        id: tunnel_id(row, 1)?,
        status: if row.text(2)? == "OPEN" { Status::Open } else { Status::Closed },
        source: connection(row, 10)?,
        destination_connection: connection(row, 12)?,
        description: row.opt_text(3)?,
        destination: services.map(|services| Destination { thing, services }),
        timeout_minutes: row.int(6)?,
        created_at: row.time(7)?,
        last_updated_at: row.time(8)?,
        ends_at: row.time(9)?,
    };
    Ok((row.int(0)?, tunnel.at(now)))
}

fn connection(row: &Row<'_>, column: usize) -> Result<Connection> {
    let status = if row.bool(column)? { ConnectionStatus::Connected } else { ConnectionStatus::Disconnected };
    Ok(Connection { status, last_updated_at: row.opt_time(column + 1)? })
}

pub(crate) fn tunnel_id(row: &Row<'_>, column: usize) -> Result<TunnelId> {
    TunnelId::parse(&row.text(column)?).map_err(unreadable)
}

fn services_text(destination: Option<&Destination>) -> Option<String> {
    destination.map(|destination| serde_json::Value::from(destination.services.clone()).to_string())
}

pub(crate) fn services_from(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(unreadable)
}

/// A number of rows for a LIMIT.
pub(crate) fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! MQTT sessions that outlive their connections, with subscriptions and wills. Queues of shared subscriptions are
//! sessions too.

use adit_iot::{Scope, Timestamp};

use crate::queue::StoredMessage;
use crate::sql::{Tx, args};
use crate::{Result, Store};

/// A session to be kept.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Account and region.
    pub scope: Scope,
    /// The client's id, or `$share/<name>/<filter>` for the queue of a shared subscription.
    pub client_id: String,
    /// Protocol level: 4 is 3.1.1, 5 is 5.0.
    pub version: u8,
    /// Seconds that it outlives its connection.
    pub expiry: u32,
    /// Who it belongs to: as which principal its messages are judged.
    pub principal: String,
}

/// A session that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    /// Its id, which no other session ever had or gets.
    pub id: i64,
    /// Whether it is the one that was there.
    pub resumed: bool,
}

/// A kept subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The filter, with its `$share/<name>/` if it has one.
    pub filter: String,
    /// The option byte of MQTT 5. spec: mqtt5 §3.8.3.1
    pub options: u8,
    /// The subscription identifier.
    pub identifier: Option<u32>,
}

/// A kept will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWill {
    /// Seconds from the end of the connection to publishing it.
    pub delay: u32,
    /// Seconds from publishing it to its expiry.
    pub lifetime: Option<u32>,
    /// When it is to be published; `None` while the client is connected.
    pub due_at: Option<Timestamp>,
    /// What to publish; its `expires_at` is not kept.
    pub message: StoredMessage,
}

/// A kept session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: i64,
    /// Account and region.
    pub scope: Scope,
    /// The client's id.
    pub client_id: String,
    /// Protocol level.
    pub version: u8,
    /// Seconds that it outlives its connection.
    pub expiry: u32,
    /// When it ends; `None` if it was connected when this was written.
    pub ends_at: Option<Timestamp>,
    /// Who it belongs to.
    pub principal: String,
    /// What [`MqttWrite::State`](crate::MqttWrite::State) kept; empty at first.
    pub state: Vec<u8>,
    /// Its subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Its will.
    pub will: Option<StoredWill>,
}

impl Store {
    /// Opens the session of a client that connects. The one that was there is resumed, unless `fresh` asks for a new
    /// one or it belongs to another protocol version (spec: mqtt-gateway §6). A will that was pending is forgotten,
    /// `will` is kept in its place.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn session_open(
        &self,
        new: NewSession,
        fresh: bool,
        will: Option<StoredWill>,
    ) -> Result<SessionOpened> {
        self.driver
            .write(move |tx| {
                let there = tx.first(
                    "SELECT id, version FROM session WHERE account = $1 AND region = $2 AND client_id = $3",
                    args![new.scope.account(), new.scope.region(), new.client_id.as_str()],
                    |row| Ok((row.int(0)?, row.int(1)?)),
                )?;
                let opened = match there {
                    Some((id, version)) if !fresh && version == i64::from(new.version) => {
                        tx.run(
                            "UPDATE session SET expiry = $2, ends_at = NULL, principal = $3 WHERE id = $1",
                            args![id, i64::from(new.expiry), new.principal.as_str()],
                        )?;
                        SessionOpened { id, resumed: true }
                    }
                    there => {
                        if let Some((id, _)) = there {
                            end(tx, id)?;
                        }
                        SessionOpened { id: insert(tx, &new)?, resumed: false }
                    }
                };
                put_will(tx, opened.id, will.as_ref())?;
                Ok(opened)
            })
            .await
    }

    /// Ends sessions: they, their subscriptions, wills and queues are gone.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn sessions_end(&self, ids: Vec<i64>) -> Result<()> {
        self.driver.write(move |tx| ids.iter().try_for_each(|id| end(tx, *id))).await
    }

    /// Notes that a client left: when its session ends, and when its will is due (`None` forgets the will).
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn session_left(
        &self,
        id: i64,
        expiry: u32,
        ends_at: Timestamp,
        will_due: Option<Timestamp>,
    ) -> Result<()> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "UPDATE session SET expiry = $2, ends_at = $3 WHERE id = $1",
                    args![id, i64::from(expiry), ends_at],
                )?;
                match will_due {
                    Some(due) => tx.run("UPDATE will SET due_at = $2 WHERE session = $1", args![id, due])?,
                    None => tx.run("DELETE FROM will WHERE session = $1", args![id])?,
                };
                Ok(())
            })
            .await
    }

    /// Notes that every client left, at `now`: a server that starts has no connections. Sessions whose expiry is
    /// `for_ever` end at `never`.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn all_sessions_left(&self, now: Timestamp, for_ever: u32, never: Timestamp) -> Result<()> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "UPDATE will SET due_at = $1 + 1000 * (SELECT min(delay, expiry) FROM session WHERE id = will.session)
                     WHERE due_at IS NULL",
                    args![now],
                )?;
                tx.run(
                    "UPDATE session SET ends_at = CASE WHEN expiry = $2 THEN $3 ELSE $1 + expiry * 1000 END
                     WHERE ends_at IS NULL",
                    args![now, i64::from(for_ever), never],
                )
                .map(drop)
            })
            .await
    }

    /// Forgets the will of a session, because it was published.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn will_published(&self, session: i64) -> Result<()> {
        self.driver
            .write(move |tx| tx.run("DELETE FROM will WHERE session = $1", args![session]).map(drop))
            .await
    }

    /// Keeps subscriptions, over those with the same filter.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn subscriptions_put(&self, session: i64, subscriptions: Vec<Subscription>) -> Result<()> {
        self.driver
            .write(move |tx| {
                for subscription in &subscriptions {
                    tx.run(
                        "INSERT INTO subscription (session, filter, options, identifier)
                         SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM session WHERE id = $1)
                         ON CONFLICT (session, filter) DO UPDATE SET options = excluded.options,
                             identifier = excluded.identifier",
                        args![
                            session,
                            subscription.filter.as_str(),
                            i64::from(subscription.options),
                            subscription.identifier.map(i64::from)
                        ],
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets subscriptions.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn subscriptions_remove(&self, session: i64, filters: Vec<String>) -> Result<()> {
        self.driver
            .write(move |tx| {
                for filter in filters {
                    tx.run(
                        "DELETE FROM subscription WHERE session = $1 AND filter = $2",
                        args![session, filter],
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// Up to `limit` sessions of all accounts with ids above `after`, by id: for loading them at start.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn sessions_load(&self, after: i64, limit: usize) -> Result<Vec<SessionRecord>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.driver
            .read(move |tx| {
                let mut sessions = tx.rows(
                    "SELECT id, account, region, client_id, version, expiry, ends_at, principal, state FROM session
                     WHERE id > $1 ORDER BY id LIMIT $2",
                    args![after, limit],
                    |row| {
                        Ok(SessionRecord {
                            id: row.int(0)?,
                            scope: row.scope(1)?,
                            client_id: row.text(3)?,
                            version: u8::try_from(row.int(4)?).unwrap_or(4),
                            expiry: u32::try_from(row.int(5)?).unwrap_or(0),
                            ends_at: row.opt_time(6)?,
                            principal: row.text(7)?,
                            state: row.blob(8)?,
                            subscriptions: Vec::new(),
                            will: None,
                        })
                    },
                )?;
                for session in &mut sessions {
                    session.subscriptions = subscriptions(tx, session.id)?;
                    session.will = will(tx, session.id)?;
                }
                Ok(sessions)
            })
            .await
    }
}

fn insert(tx: &Tx<'_>, new: &NewSession) -> Result<i64> {
    let id = tx.first(
        "INSERT INTO session (account, region, client_id, version, expiry, principal, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        args![
            new.scope.account(),
            new.scope.region(),
            new.client_id.as_str(),
            i64::from(new.version),
            i64::from(new.expiry),
            new.principal.as_str(),
            [].as_slice()
        ],
        |row| row.int(0),
    )?;
    id.ok_or_else(|| crate::Error::Internal("a new session has no id".to_owned()))
}

fn end(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.run("DELETE FROM queued WHERE session = $1", args![id])?;
    tx.run("DELETE FROM session WHERE id = $1", args![id]).map(drop)
}

fn put_will(tx: &Tx<'_>, session: i64, will: Option<&StoredWill>) -> Result<()> {
    tx.run("DELETE FROM will WHERE session = $1", args![session])?;
    let Some(will) = will else { return Ok(()) };
    tx.run(
        "INSERT INTO will (session, delay, lifetime, due_at, topic, payload, qos, retain, properties)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            session,
            i64::from(will.delay),
            will.lifetime.map(i64::from),
            will.due_at,
            &*will.message.topic,
            will.message.payload.clone(),
            i64::from(will.message.qos),
            will.message.retain,
            will.message.properties.clone()
        ],
    )
    .map(drop)
}

fn subscriptions(tx: &Tx<'_>, session: i64) -> Result<Vec<Subscription>> {
    tx.rows(
        "SELECT filter, options, identifier FROM subscription WHERE session = $1 ORDER BY filter",
        args![session],
        |row| {
            Ok(Subscription {
                filter: row.text(0)?,
                options: u8::try_from(row.int(1)?).unwrap_or(0),
                identifier: row.opt_int(2)?.and_then(|id| u32::try_from(id).ok()),
            })
        },
    )
}

fn will(tx: &Tx<'_>, session: i64) -> Result<Option<StoredWill>> {
    tx.first(
        "SELECT delay, lifetime, due_at, topic, payload, qos, retain, properties, NULL FROM will WHERE session = $1",
        args![session],
        |row| {
            Ok(StoredWill {
                delay: u32::try_from(row.int(0)?).unwrap_or(0),
                lifetime: row.opt_int(1)?.and_then(|seconds| u32::try_from(seconds).ok()),
                due_at: row.opt_time(2)?,
                message: StoredMessage::of(row, 3)?,
            })
        },
    )
}

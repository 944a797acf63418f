//! What the gateway writes while messages flow: queues of absent sessions, packet ids in flight, retained messages.
//!
//! All of it goes through [`Store::mqtt_write`], many changes in one transaction, in the order given.

use std::sync::Arc;

use adit_iot::{Scope, Timestamp};
use bytes::Bytes;

use crate::retained;
use crate::sql::{Row, Tx, args};
use crate::{Result, Store};

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Where it was published.
    pub topic: Arc<str>,
    /// What was published.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is delivered with the RETAIN flag.
    pub retain: bool,
    /// The properties of MQTT 5 that travel with it, as they are on the wire.
    pub properties: Option<Bytes>,
    /// When it may no longer be delivered.
    pub expires_at: Option<Timestamp>,
}

impl StoredMessage {
    /// Columns `topic, payload, qos, retain, properties, expires_at` from `first` on.
    pub(crate) fn of(row: &Row<'_>, first: usize) -> Result<StoredMessage> {
        Ok(StoredMessage {
            topic: row.text(first)?.into(),
            payload: row.blob(first + 1)?.into(),
            qos: u8::try_from(row.int(first + 2)?).unwrap_or(1),
            retain: row.bool(first + 3)?,
            properties: row.opt_blob(first + 4)?.map(Bytes::from),
            expires_at: row.opt_time(first + 5)?,
        })
    }
}

/// How far the delivery of a queued message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not sent yet.
    Waiting,
    /// Sent with this packet id, not acknowledged.
    Sent(u16),
    /// QoS 2: the client has it (PUBREC), its PUBCOMP is missing.
    Received(u16),
}

impl Phase {
    fn columns(self) -> (Option<i64>, i64) {
        match self {
            Phase::Waiting => (None, 0),
            Phase::Sent(id) => (Some(i64::from(id)), 1),
            Phase::Received(id) => (Some(i64::from(id)), 2),
        }
    }

    fn of(packet_id: Option<i64>, phase: i64) -> Phase {
        match (packet_id.and_then(|id| u16::try_from(id).ok()), phase) {
            (Some(id), 1) => Phase::Sent(id),
            (Some(id), 2) => Phase::Received(id),
            _ => Phase::Waiting,
        }
    }
}

/// A message in a session's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its place; grows within the session.
    pub position: i64,
    /// How far its delivery is.
    pub phase: Phase,
    /// The message.
    pub message: StoredMessage,
}

/// How much waits for a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueSize {
    /// Messages.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Position of the last one; 0 if there is none.
    pub last: i64,
}

/// One change of [`Store::mqtt_write`]. A change that is about a session that has ended does nothing.
#[derive(Clone, Debug)]
pub enum MqttWrite {
    /// Puts a message into a session's queue.
    Append {
        /// The session's id.
        session: i64,
        /// Where; above all positions used before.
        position: i64,
        /// How far its delivery is.
        phase: Phase,
        /// The message.
        message: Arc<StoredMessage>,
    },
    /// Notes how far a delivery is.
    Progress {
        /// The session's id.
        session: i64,
        /// Which message.
        position: i64,
        /// How far.
        phase: Phase,
    },
    /// Takes a delivered or expired message out.
    Remove {
        /// The session's id.
        session: i64,
        /// Which message.
        position: i64,
    },
    /// Keeps the session's packet ids.
    State {
        /// The session's id.
        session: i64,
        /// What the protocol machine wants back.
        state: Vec<u8>,
    },
    /// Keeps a message as its topic's retained one.
    Retain {
        /// Account and region.
        scope: Scope,
        /// The message.
        message: Arc<StoredMessage>,
        /// When it was published.
        at: Timestamp,
    },
    /// Forgets a topic's retained message.
    Unretain {
        /// Account and region.
        scope: Scope,
        /// The topic.
        topic: Arc<str>,
    },
}

impl Store {
    /// Makes all changes in one transaction, in order; answers after it is on disk.
    ///
    /// # Errors
    /// Only the store's own; then nothing was changed.
    pub async fn mqtt_write(&self, writes: Vec<MqttWrite>) -> Result<()> {
        self.driver.write(move |tx| writes.iter().try_for_each(|write| one(tx, write))).await
    }

    /// Up to `limit` messages, and about `bytes` of payload, of a session's queue after a position, in order.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn queue_page(
        &self,
        session: i64,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Queued>> {
        let page = self.driver.read(move |tx| page(tx, session, after, limit)).await?;
        let mut room = bytes;
        let fits = |queued: &Queued| {
            let had_room = room > 0;
            room = room.saturating_sub(queued.message.payload.len());
            had_room
        };
        Ok(page.into_iter().take_while(fits).collect())
    }

    /// How much waits, for every session that something waits for.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn queue_sizes(&self) -> Result<Vec<(i64, QueueSize)>> {
        self.driver
            .read(|tx| {
                tx.rows(
                    "SELECT session, count(*), sum(length(payload)), max(position) FROM queued GROUP BY session",
                    &[],
                    |row| {
                        let count = |column| row.int(column).map(|n| u64::try_from(n).unwrap_or(0));
                        Ok((
                            row.int(0)?,
                            QueueSize { messages: count(1)?, bytes: count(2)?, last: row.int(3)? },
                        ))
                    },
                )
            })
            .await
    }
}

fn one(tx: &Tx<'_>, write: &MqttWrite) -> Result<()> {
    match write {
        MqttWrite::Append { session, position, phase, message } => {
            append(tx, *session, *position, *phase, message)
        }
        MqttWrite::Progress { session, position, phase } => {
            let (packet_id, phase) = phase.columns();
            tx.run(
                "UPDATE queued SET packet_id = $3, phase = $4 WHERE session = $1 AND position = $2",
                args![*session, *position, packet_id, phase],
            )
            .map(drop)
        }
        MqttWrite::Remove { session, position } => tx
            .run("DELETE FROM queued WHERE session = $1 AND position = $2", args![*session, *position])
            .map(drop),
        MqttWrite::State { session, state } => {
            tx.run("UPDATE session SET state = $2 WHERE id = $1", args![*session, state.as_slice()]).map(drop)
        }
        MqttWrite::Retain { scope, message, at } => retained::put(tx, scope, message, *at),
        MqttWrite::Unretain { scope, topic } => retained::remove(tx, scope, topic),
    }
}

fn append(tx: &Tx<'_>, session: i64, position: i64, phase: Phase, message: &StoredMessage) -> Result<()> {
    let (packet_id, phase) = phase.columns();
    tx.run(
        "INSERT INTO queued (session, position, packet_id, phase, topic, payload, qos, retain, properties, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE EXISTS (SELECT 1 FROM session WHERE id = $1)",
        args![
            session,
            position,
            packet_id,
            phase,
            Arc::clone(&message.topic),
            message.payload.clone(),
            i64::from(message.qos),
            message.retain,
            message.properties.clone(),
            message.expires_at
        ],
    )
    .map(drop)
}

fn page(tx: &Tx<'_>, session: i64, after: i64, limit: usize) -> Result<Vec<Queued>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.rows(
        "SELECT position, packet_id, phase, topic, payload, qos, retain, properties, expires_at FROM queued
         WHERE session = $1 AND position > $2 ORDER BY position LIMIT $3",
        args![session, after, limit],
        |row| {
            Ok(Queued {
                position: row.int(0)?,
                phase: Phase::of(row.opt_int(1)?, row.int(2)?),
                message: StoredMessage::of(row, 3)?,
            })
        },
    )
}

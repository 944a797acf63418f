//! Retained messages: one per topic, account and region.

use std::sync::Arc;

use adit_iot::{Scope, Timestamp};

use crate::queue::StoredMessage;
use crate::sql::{Tx, args};
use crate::{Result, Store};

/// A retained message and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Account and region.
    pub scope: Scope,
    /// The message.
    pub message: StoredMessage,
    /// When it was published.
    pub modified_at: Timestamp,
}

impl Store {
    /// Up to `limit` retained messages of all accounts after one of them, in an order that never changes: for
    /// loading them at start.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn retained_load(
        &self,
        after: Option<(Scope, Arc<str>)>,
        limit: usize,
    ) -> Result<Vec<Retained>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (account, region, topic) = match after {
            Some((scope, topic)) => (scope.account().to_owned(), scope.region().to_owned(), topic),
            None => (String::new(), String::new(), Arc::from("")),
        };
        self.driver
            .read(move |tx| {
                tx.rows(
                    "SELECT account, region, modified_at, topic, payload, qos, 1, properties, expires_at FROM retained
                     WHERE (account, region, topic) > ($1, $2, $3) ORDER BY account, region, topic LIMIT $4",
                    args![account, region, topic, limit],
                    |row| {
                        Ok(Retained {
                            scope: row.scope(0)?,
                            modified_at: row.time(2)?,
                            message: StoredMessage::of(row, 3)?,
                        })
                    },
                )
            })
            .await
    }

    /// Forgets up to `limit` retained messages that have expired; the topics that are gone.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn retained_expire(&self, now: Timestamp, limit: usize) -> Result<Vec<(Scope, String)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.driver
            .write(move |tx| {
                tx.rows(
                    "DELETE FROM retained WHERE (account, region, topic) IN (SELECT account, region, topic
                     FROM retained WHERE expires_at <= $1 LIMIT $2) RETURNING account, region, topic",
                    args![now, limit],
                    |row| Ok((row.scope(0)?, row.text(2)?)),
                )
            })
            .await
    }
}

pub(crate) fn put(tx: &Tx<'_>, scope: &Scope, message: &StoredMessage, at: Timestamp) -> Result<()> {
    tx.run(
        "INSERT INTO retained (account, region, topic, payload, qos, properties, expires_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (account, region, topic) DO UPDATE SET payload = excluded.payload, qos = excluded.qos,
             properties = excluded.properties, expires_at = excluded.expires_at, modified_at = excluded.modified_at",
        args![
            scope.account(),
            scope.region(),
            Arc::clone(&message.topic),
            message.payload.clone(),
            i64::from(message.qos),
            message.properties.clone(),
            message.expires_at,
            at
        ],
    )
    .map(drop)
}

pub(crate) fn remove(tx: &Tx<'_>, scope: &Scope, topic: &str) -> Result<()> {
    tx.run(
        "DELETE FROM retained WHERE account = $1 AND region = $2 AND topic = $3",
        args![scope.account(), scope.region(), topic],
    )
    .map(drop)
}

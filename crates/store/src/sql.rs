//! The port between the nouns and an engine.
//!
//! A noun's method is a closure over a [`Tx`]: a few statements in SQL both engines share, with `$1` parameters.
//! The driver decides on which thread and in which commit it runs. Closures do not wait for anything but the
//! engine, so an engine behind a network runs them on threads of its own.

use std::sync::Arc;

use adit_iot::{Scope, Timestamp};
use bytes::Bytes;

use crate::Stats;
use crate::error::{Error, Result};
use crate::sqlite::{self, Sqlite};

/// The engines.
pub(crate) enum Driver {
    Sqlite(Sqlite),
}

impl Driver {
    /// Runs a transaction that may change something; answers after it is on disk.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Driver::Sqlite(engine) => engine.write(work).await,
        }
    }

    /// Runs a transaction that only reads; it sees every change that was answered before.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Driver::Sqlite(engine) => engine.read(work).await,
        }
    }

    /// Runs a single statement that looks something up by its key; it sees every change that was answered before. It may
    /// run on the caller's thread: it must not go through tables.
    pub(crate) async fn lookup<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Driver::Sqlite(engine) => engine.lookup(work).await,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        match self {
            Driver::Sqlite(engine) => engine.stats(),
        }
    }
}

/// An argument of a statement. Booleans and times are integers, JSON is text.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    /// Text and bytes that a message shares with its other receivers.
    SharedText(Arc<str>),
    SharedBlob(Bytes),
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Int(i64::from(value))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Value {
        Value::Int(value.millis())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Value {
        Value::Blob(value.to_owned())
    }
}

impl From<[u8; 32]> for Value {
    fn from(value: [u8; 32]) -> Value {
        Value::Blob(value.to_vec())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Value {
        Value::SharedText(value)
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Value {
        Value::SharedBlob(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// `args![scope, 1, "text"]`: the arguments of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Value::from($value)),*] };
}
pub(crate) use args;

/// A transaction.
pub(crate) enum Tx<'a> {
    Sqlite(&'a sqlite::Connection),
}

impl Tx<'_> {
    /// Every row of a query.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        args: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self {
            Tx::Sqlite(connection) => connection.rows(sql, args, read),
        }
    }

    /// The first row of a query.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        args: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.rows(sql, args, read)?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(crate) fn run(&self, sql: &str, args: &[Value]) -> Result<u64> {
        match self {
            Tx::Sqlite(connection) => connection.run(sql, args),
        }
    }
}

/// A row of an answer; columns count from 0.
pub(crate) enum Row<'a> {
    Sqlite(&'a sqlite::Row<'a>),
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self {
            Row::Sqlite(row) => sqlite::column(row, column),
        }
    }

    pub(crate) fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn time(&self, column: usize) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.int(column)?))
    }

    pub(crate) fn opt_time(&self, column: usize) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp::from_millis))
    }

    pub(crate) fn text(&self, column: usize) -> Result<String> {
        self.opt_text(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>> {
        match self {
            Row::Sqlite(row) => sqlite::column(row, column),
        }
    }

    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>> {
        self.opt_blob(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn opt_blob(&self, column: usize) -> Result<Option<Vec<u8>>> {
        match self {
            Row::Sqlite(row) => sqlite::column(row, column),
        }
    }

    pub(crate) fn opt_hash(&self, column: usize) -> Result<Option<[u8; 32]>> {
        self.opt_blob(column)?
            .map(|bytes| {
                bytes.try_into().map_err(|_| Error::Internal(format!("column {column} is not 32 bytes")))
            })
            .transpose()
    }

    /// Account and region in two columns that follow each other.
    pub(crate) fn scope(&self, column: usize) -> Result<Scope> {
        Scope::new(&self.text(column)?, &self.text(column + 1)?).map_err(unreadable)
    }
}

fn missing(column: usize) -> Error {
    Error::Internal(format!("column {column} is null"))
}

/// A stored value that no longer passes its own check.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a stored record does not read: {error}"))
}

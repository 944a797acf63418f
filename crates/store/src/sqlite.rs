//! SQLite: one thread that writes, a few that read.
//!
//! The writer takes every transaction that waits, runs each in a savepoint of its own, and commits once for all
//! (`synchronous=FULL`: the commit is on disk when it returns). Callers hear only after that. While one commit waits
//! for the disk the next group gathers, so the group grows with the load and a lone caller waits for nobody.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::ErrorCode;
use rusqlite::types::{FromSql, ToSqlOutput, ValueRef};
use tokio::sync::{mpsc, oneshot};

use crate::Stats;
use crate::error::{Error, FULL, Result};
use crate::migrate::{self, Target};
use crate::setting;
use crate::sql::{self, Tx, Value};

/// Transactions that may wait for the writer, and reads that may wait for a reader; further callers wait outside.
const QUEUE: usize = 1024;

/// Transactions in one commit, so that the first of them does not wait long for the last.
const GROUP: usize = 256;

/// Threads that read. Reads are short; more threads than this only take turns.
const READERS: usize = 3;

/// Connections for lookups, one for each that may run at the same time; further ones take their turn with the reads.
const LOOKUPS: usize = 4;

/// How long to wait for a lock another program holds on the file.
const BUSY: Duration = Duration::from_secs(2);

/// Statements kept prepared per connection; above the number of different statements in this crate.
const STATEMENTS: usize = 128;

pub(crate) type Row<'a> = rusqlite::Row<'a>;

/// The engine. Dropping it finishes what was accepted.
pub(crate) struct Sqlite {
    writer: Option<mpsc::Sender<Box<dyn Work>>>,
    /// `None` in memory, where only the one connection sees the data.
    reader: Option<mpsc::Sender<Box<dyn Work>>>,
    /// Those that no lookup uses just now; none in memory.
    idle: Mutex<Vec<Connection>>,
    /// The writer's first.
    threads: Vec<JoinHandle<()>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    transactions: AtomicU64,
    commits: AtomicU64,
    failures: AtomicU64,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Sqlite> {
        // Made here and not by SQLite, for the mode; the -wal and -shm files copy it.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|e| Error::io(path, &e))?;
        let writer = Connection::open(path, true)?;
        migrate::up(&writer, path)?;
        writer.order("BEGIN IMMEDIATE")?;
        setting::touch(&Tx::Sqlite(&writer))?;
        writer.order("COMMIT")?;
        let open = |count| (0..count).map(|_| Connection::open(path, false)).collect::<Result<Vec<_>>>();
        Sqlite::start(writer, open(READERS)?, open(LOOKUPS)?)
    }

    pub(crate) fn memory() -> Result<Sqlite> {
        let path = Path::new(":memory:");
        let writer = Connection::open(path, true)?;
        migrate::up(&writer, path)?;
        Sqlite::start(writer, Vec::new(), Vec::new())
    }

    fn start(writer: Connection, readers: Vec<Connection>, lookups: Vec<Connection>) -> Result<Sqlite> {
        let counters = Arc::new(Counters::default());
        let (write, waiting) = mpsc::channel(QUEUE);
        let counted = Arc::clone(&counters);
        let mut threads = vec![spawn("store-writer", move || write_loop(&writer, waiting, &counted))?];
        let reader = if readers.is_empty() {
            None
        } else {
            let (read, waiting) = mpsc::channel(QUEUE);
            let waiting = Arc::new(Mutex::new(waiting));
            for connection in readers {
                let waiting = Arc::clone(&waiting);
                threads.push(spawn("store-reader", move || read_loop(&connection, &waiting))?);
            }
            Some(read)
        };
        Ok(Sqlite { writer: Some(write), reader, idle: Mutex::new(lookups), threads, counters })
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        ask(self.writer.as_ref(), work).await
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        ask(self.reader.as_ref().or(self.writer.as_ref()), work).await
    }

    /// On the caller's thread: finding a row takes microseconds, waking another thread for it and being woken takes more.
    pub(crate) async fn lookup<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(connection) = idle().pop() else { return self.read(work).await };
        let found = work(&Tx::Sqlite(&connection));
        idle().push(connection);
        found
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The writer goes last: whoever closes the file last folds the log into it.
        self.reader = None;
        self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        while self.threads.len() > 1 {
            self.threads.pop().map(JoinHandle::join);
        }
        self.writer = None;
        self.threads.pop().map(JoinHandle::join);
    }
}

async fn ask<T, F>(queue: Option<&mpsc::Sender<Box<dyn Work>>>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let waiting = Box::new(Waiting { work: Some(work), done: None, reply });
    queue.ok_or(Error::Closed)?.send(waiting).await.map_err(|_| Error::Closed)?;
    answer.await.map_err(|_| Error::Closed)?
}

/// A transaction in the queue.
trait Work: Send {
    /// Runs it; `true` if its changes are to be kept.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Tells the caller. `kept` says whether the commit went through; a transaction that refused by itself says so.
    fn answer(self: Box<Self>, kept: Result<()>);
}

struct Waiting<T, F> {
    work: Option<F>,
    done: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        self.done = self.work.take().map(|work| work(tx));
        matches!(self.done, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, kept: Result<()>) {
        let answer = match (self.done, kept) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(lost)) => Err(lost),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Error::Closed),
        };
        // A caller who no longer waits does not change what was committed.
        let _ = self.reply.send(answer);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|e| Error::Internal(format!("cannot start the thread {name}: {e}")))
}

fn write_loop(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Work>>, counters: &Counters) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        let mut kept = 0;
        let outcome = commit(connection, &mut group, &mut kept);
        match &outcome {
            Ok(()) => {
                counters.commits.fetch_add(1, Ordering::Relaxed);
                counters.transactions.fetch_add(kept, Ordering::Relaxed);
            }
            Err(error) => {
                counters.failures.fetch_add(group.len() as u64, Ordering::Relaxed);
                tracing::error!(%error, transactions = group.len(), "the store could not commit");
            }
        }
        for work in group.drain(..) {
            work.answer(outcome.clone());
        }
    }
}

/// Runs the group in one transaction. On error nothing of the group is kept.
fn commit(connection: &Connection, group: &mut [Box<dyn Work>], kept: &mut u64) -> Result<()> {
    connection.order("BEGIN IMMEDIATE")?;
    let done = run_each(connection, group, kept).and_then(|()| connection.order("COMMIT"));
    if done.is_err() && !connection.inner.is_autocommit() {
        let _ = connection.order("ROLLBACK");
    }
    done
}

fn run_each(connection: &Connection, group: &mut [Box<dyn Work>], kept: &mut u64) -> Result<()> {
    let tx = Tx::Sqlite(connection);
    for work in group {
        connection.order("SAVEPOINT work")?;
        if work.run(&tx) {
            *kept += 1;
        } else if connection.inner.is_autocommit() {
            // A full disk or a failing one can take the whole transaction with it, and the others' changes too.
            return Err(Error::Unavailable {
                path: connection.path.clone(),
                what: "the transaction was rolled back".to_owned(),
                hint: FULL,
            });
        } else {
            connection.order("ROLLBACK TO work")?;
        }
        connection.order("RELEASE work")?;
    }
    Ok(())
}

fn read_loop(connection: &Connection, waiting: &Mutex<mpsc::Receiver<Box<dyn Work>>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(mut work) = next else { return };
        let begun = connection.order("BEGIN");
        if begun.is_ok() {
            work.run(&Tx::Sqlite(connection));
            let _ = connection.order("ROLLBACK");
        }
        work.answer(begun);
    }
}

/// A connection that names its file in errors.
pub(crate) struct Connection {
    inner: rusqlite::Connection,
    path: PathBuf,
}

impl Connection {
    pub(crate) fn open(path: &Path, write: bool) -> Result<Connection> {
        let named = |error: rusqlite::Error| refused(path, &error);
        let inner = rusqlite::Connection::open(path).map_err(named)?;
        inner.busy_timeout(BUSY).map_err(named)?;
        inner.set_prepared_statement_cache_capacity(STATEMENTS);
        inner.pragma_update(None, "journal_mode", "WAL").map_err(named)?;
        inner.pragma_update(None, "synchronous", "FULL").map_err(named)?;
        inner.pragma_update(None, "foreign_keys", true).map_err(named)?;
        inner.pragma_update(None, "journal_size_limit", 64 << 20).map_err(named)?;
        inner.pragma_update(None, "query_only", !write).map_err(named)?;
        Ok(Connection { inner, path: path.to_owned() })
    }

    fn named(&self, error: &rusqlite::Error) -> Error {
        refused(&self.path, error)
    }

    /// A statement without arguments and without an answer.
    fn order(&self, sql: &str) -> Result<()> {
        let done = self.inner.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        done.map(|_| ()).map_err(|e| self.named(&e))
    }

    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        args: &[Value],
        mut read: impl FnMut(&sql::Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.inner.prepare_cached(sql).map_err(|e| self.named(&e))?;
        bind(&mut statement, args).map_err(|e| self.named(&e))?;
        let mut rows = statement.raw_query();
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|e| self.named(&e))? {
            all.push(read(&sql::Row::Sqlite(row))?);
        }
        Ok(all)
    }

    pub(crate) fn run(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let mut statement = self.inner.prepare_cached(sql).map_err(|e| self.named(&e))?;
        bind(&mut statement, args).map_err(|e| self.named(&e))?;
        statement.raw_execute().map(|changed| changed as u64).map_err(|e| self.named(&e))
    }
}

impl Target for Connection {
    fn batch(&self, sql: &str) -> Result<()> {
        self.inner.execute_batch(sql).map_err(|e| self.named(&e))
    }

    fn tx(&self) -> Tx<'_> {
        Tx::Sqlite(self)
    }
}

/// Gives `$1` the first argument wherever it stands; SQLite by itself counts names in order of appearance.
fn bind(statement: &mut rusqlite::Statement<'_>, args: &[Value]) -> rusqlite::Result<()> {
    for index in 1..=statement.parameter_count() {
        let argument = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| args.get(number.checked_sub(1)?))
            .ok_or(rusqlite::Error::InvalidParameterCount(args.len(), index))?;
        statement.raw_bind_parameter(index, argument)?;
    }
    Ok(())
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
            Value::SharedText(value) => ValueRef::Text(value.as_bytes()),
            Value::SharedBlob(value) => ValueRef::Blob(value),
        }))
    }
}

pub(crate) fn column<T: FromSql>(row: &Row<'_>, column: usize) -> Result<T> {
    row.get(column).map_err(|e| Error::Internal(format!("column {column}: {e}")))
}

/// Tells causes apart by what an operator would do about them.
fn refused(path: &Path, error: &rusqlite::Error) -> Error {
    let unavailable = |hint| Error::Unavailable { path: path.to_owned(), what: error.to_string(), hint };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => unavailable(FULL),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            unavailable("another program holds the database locked; close it")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            unavailable("let the user adit runs as write the file and its folder")
        }
        Some(ErrorCode::SystemIoFailure) => unavailable("check the disk, its mount and the free space"),
        Some(ErrorCode::OutOfMemory) => unavailable("give the server more memory"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Corrupt { path: path.to_owned(), what: error.to_string() }
        }
        _ => Error::Internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test can pull the plug: that a commit waits for the disk is only visible here.
    #[test]
    fn connections_are_set_up_for_durability() {
        let dir = tempfile::tempdir().unwrap();
        for write in [true, false] {
            let connection = Connection::open(&dir.path().join("db"), write).unwrap();
            let setting = |name: &str| {
                connection
                    .inner
                    .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                    .unwrap()
            };
            assert_eq!(setting("synchronous"), 2.into(), "FULL");
            assert_eq!(setting("journal_mode"), "wal".to_owned().into());
            assert_eq!(setting("foreign_keys"), 1.into());
            assert_eq!(setting("query_only"), i64::from(!write).into());
        }
    }
}

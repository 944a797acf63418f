//! What SQLite does by itself: rows made durable one by one.

use crate::fail::Result;
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows of 256 bytes in a second, each in a transaction of its own, in the mode that survives a power cut.
pub fn a_second(folder: &Path, time: Duration) -> Result<f64> {
    let path = folder.join("rows.db");
    let database = Connection::open(&path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)",
    )?;
    let (data, start, mut count) = ([0x5a_u8; 256], Instant::now(), 0_u32);
    let mut insert = database.prepare("INSERT INTO rows (data) VALUES (?1)")?;
    while start.elapsed() < time {
        insert.execute([&data[..]])?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

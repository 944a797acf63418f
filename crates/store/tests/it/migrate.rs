use adit_store::{Error, Store};
use rusqlite::Connection;

use crate::{at, id, open, scope};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn an_existing_database_is_opened_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = Store::open(dir.path()).unwrap();
        open(&store, "a").await;
        drop(store);
        for _ in 0..2 {
            let store = Store::open(dir.path()).unwrap();
            assert!(store.tunnel_get(&scope(), &id("a"), at(1)).await.unwrap().is_some());
        }
    });
    let versions: i64 = Connection::open(dir.path().join("adit.db"))
        .unwrap()
        .query_row("SELECT COUNT(*) FROM migration", [], |row| row.get(0))
        .unwrap();
    assert!(versions >= 2);
}

#[test]
fn an_empty_file_is_a_new_database() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("adit.db"), "").unwrap();
    runtime().block_on(async {
        let store = Store::open(dir.path()).unwrap();
        open(&store, "a").await;
    });
}

#[test]
fn a_newer_database_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let file = dir.path().join("adit.db");
    let other = Connection::open(&file).unwrap();
    other.execute("INSERT INTO migration VALUES (99, 'later', 'x')", []).unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, Error::Newer { path, found: 99, .. } if *path == file), "{refused:?}");
    assert!(refused.to_string().contains("schema 99"), "{refused}");
}

#[test]
fn a_migration_with_another_text_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let other = Connection::open(dir.path().join("adit.db")).unwrap();
    other.execute("UPDATE migration SET sha256 = 'x'", []).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(Error::Altered { version: 1, .. })));
}

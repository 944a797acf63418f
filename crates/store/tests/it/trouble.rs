//! Disks, folders and files that do not take part.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use adit_store::{Error, Store};
use rusqlite::Connection;

use crate::{at, id, new_tunnel, open, scope};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    // Not even root can make a folder there.
    let refused = Store::open(Path::new("/proc/adit-data")).unwrap_err();
    assert!(matches!(&refused, Error::Unavailable { path, .. } if path.starts_with("/proc/adit-data")));
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    std::fs::write(&file, "").unwrap();
    let refused = Store::open(&file).unwrap_err();
    assert!(refused.to_string().contains("a file is in the way"), "{refused}");
}

#[test]
fn a_folder_without_the_right_to_write_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(data.join("probe"), "").is_ok() {
        return; // root may write anywhere
    }
    let refused = Store::open(&data).unwrap_err();
    assert!(refused.to_string().contains("let the user adit runs as write there"), "{refused}");
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert_eq!(refused, Error::InUse { path: dir.path().to_owned(), pid: Some(std::process::id()) });
    drop(first);
    Store::open(dir.path()).unwrap();
}

#[test]
fn the_files_are_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b");
    let store = Store::open(&data).unwrap();
    runtime().block_on(open(&store, "a"));
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("adit.db"),
        "not a database, but long enough to be taken for one".repeat(40),
    )
    .unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
}

#[test]
fn a_database_another_program_holds_locked_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let other = Connection::open(dir.path().join("adit.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y)").unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert!(refused.to_string().contains("another program holds the database locked"), "{refused}");
}

#[test]
fn a_writer_that_is_locked_out_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    runtime().block_on(async {
        open(&store, "a").await;
        let other = Connection::open(dir.path().join("adit.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let refused = store.tunnel_open(&scope(), new_tunnel("b"), None).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
        // Reading goes on meanwhile.
        assert!(store.tunnel_get(&scope(), &id("a"), at(1)).await.unwrap().is_some());
        other.execute_batch("ROLLBACK").unwrap();
        open(&store, "b").await;
    });
}

/// Set for the child process that works on a small disk of its own: where that is.
const CHILD: &str = "ADIT_STORE_TEST_SMALL_DISK";

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", script]);
        command
    };
    if !namespace("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine gives no mount namespace for a small disk");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script =
        "mount -t tmpfs -o size=8m none \"$0\"; exec \"$1\" --exact trouble::child_on_a_small_disk --ignored";
    let status = namespace(script)
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.path())
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "runs as a child of a_full_disk_refuses_writes_and_loses_nothing"]
fn child_on_a_small_disk() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = Path::new(&dir);
    let filler = dir.join("filler");
    let reserve = dir.join("reserve");
    std::fs::write(&filler, vec![1; 2 << 20]).unwrap();
    std::fs::write(&reserve, vec![1; 2 << 20]).unwrap();
    let data = dir.join("data");
    let store = Store::open(&data).unwrap();
    let mut acknowledged = Vec::new();
    let mut open_until_refused = async |store: &Store, round: &str| {
        for n in 0.. {
            let name = format!("{round}{n}");
            let mut new = new_tunnel(&name);
            new.description = Some("x".repeat(2000));
            match store.tunnel_open(&scope(), new, None).await {
                Ok(_) => acknowledged.push(name),
                Err(refused) => return (refused, acknowledged.clone()),
            }
        }
        unreachable!()
    };
    let all_there = async |store: &Store, names: &[String]| {
        for name in names {
            assert!(store.tunnel_get(&scope(), &id(name), at(1)).await.unwrap().is_some(), "{name} is lost");
        }
        let mut listed = 0;
        let mut after = None;
        loop {
            let page = store.tunnels_page(&scope(), None, after, 500, at(1)).await.unwrap();
            listed += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, names.len(), "a refused transaction left something");
    };
    runtime().block_on(async {
        let (refused, names) = open_until_refused(&store, "first").await;
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
        assert!(refused.to_string().contains("free some space"), "{refused}");
        all_there(&store, &names).await;

        std::fs::remove_file(&filler).unwrap();
        store.check().await.unwrap();
        let (_, more) = open_until_refused(&store, "second").await;
        assert!(more.len() > names.len());
        all_there(&store, &more).await;

        // Closed in order, and then what is left of the disk is filled up: a start says so.
        std::fs::remove_file(&reserve).unwrap();
        drop(store);
        let mut size = 8 << 20;
        for n in 0.. {
            let file = dir.join(format!("rest{n}"));
            if std::fs::write(&file, vec![1; size]).is_err() {
                let _ = std::fs::remove_file(&file);
                size /= 2;
            }
            if size == 0 {
                break;
            }
        }
        let refused = Store::open(&data).unwrap_err();
        assert!(refused.to_string().contains("space"), "{refused}");

        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
        let store = Store::open(&data).unwrap();
        all_there(&store, &more).await;
    });
}

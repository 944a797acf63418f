use adit_store::{AuditEntry, Store};

use crate::{on_both, time};

fn entry(minutes: i64) -> AuditEntry {
    AuditEntry {
        at: time(minutes),
        account: Some("123456789012".to_owned()),
        region: None,
        principal: Some("root".to_owned()),
        action: "OpenTunnel".to_owned(),
        resource: None,
        result: "ok".to_owned(),
        request_id: Some(format!("r{minutes}")),
        peer: Some("127.0.0.1:1".to_owned()),
        detail: None,
    }
}

async fn times(store: &Store) -> Vec<i64> {
    let page = store.audit_page(None, 100).await.unwrap();
    page.items.iter().map(|line| (line.entry.at.millis() - time(0).millis()) / 60_000).collect()
}

#[test]
fn lines_read_newest_first_in_pages() {
    on_both(|store| async move {
        for minutes in 0..5 {
            store.audit_append(entry(minutes)).await.unwrap();
        }
        let first = store.audit_page(None, 2).await.unwrap();
        assert_eq!(first.items.iter().map(|line| &line.entry).collect::<Vec<_>>(), [&entry(4), &entry(3)]);
        let second = store.audit_page(first.next, 10).await.unwrap();
        assert_eq!((second.items.len(), second.next), (3, None));
    });
}

#[test]
fn only_old_lines_are_trimmed_and_only_so_many() {
    on_both(|store| async move {
        for minutes in 0..6 {
            store.audit_append(entry(minutes)).await.unwrap();
        }
        assert_eq!(store.audit_trim(time(4), 3).await.unwrap(), 3);
        assert_eq!(times(&store).await, [5, 4, 3]);
        assert_eq!(store.audit_trim(time(4), 3).await.unwrap(), 1);
        assert_eq!(store.audit_trim(time(4), 3).await.unwrap(), 0);
        assert_eq!(times(&store).await, [5, 4]);
    });
}

#[test]
fn the_database_refuses_changes_behind_our_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    runtime.block_on(store.audit_append(entry(0))).unwrap();
    let other = rusqlite::Connection::open(dir.path().join("adit.db")).unwrap();
    for sql in ["DELETE FROM audit", "UPDATE audit SET result = 'x'"] {
        let refused = other.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(runtime.block_on(times(&store)), [0]);
}

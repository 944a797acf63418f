use std::sync::Arc;

use adit_iot::Scope;
use adit_store::{AUDIT_SCAN, AuditEntry, Store, WantedAudit};

use crate::{on_both, scope, time};

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
    found(store, WantedAudit::default()).await
}

#[test]
fn lines_read_newest_first_in_pages() {
    on_both(|store| async move {
        for minutes in 0..5 {
            store.audit_append(entry(minutes)).await.unwrap();
        }
        let first = store.audit_page(WantedAudit::default(), None, 2).await.unwrap();
        assert_eq!(first.items.iter().map(|line| &line.entry).collect::<Vec<_>>(), [&entry(4), &entry(3)]);
        let second = store.audit_page(WantedAudit::default(), first.next, 10).await.unwrap();
        assert_eq!((second.items.len(), second.next), (3, None));
    });
}

/// How many minutes after the start the lines were written that fit.
async fn found(store: &Store, wanted: WantedAudit) -> Vec<i64> {
    let page = store.audit_page(wanted, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.items.iter().map(|line| (line.entry.at.millis() - time(0).millis()) / 60_000).collect()
}

#[test]
fn only_what_fits_is_found() {
    on_both(|store| async move {
        let some = |text: &str| Some(text.to_owned());
        let here = Some("us-east-1".to_owned());
        let of_tunnel = |minutes| AuditEntry { region: here.clone(), resource: some("t1"), ..entry(minutes) };
        let stranger = AuditEntry { account: None, principal: None, ..entry(3) };
        for entry in [
            of_tunnel(0),
            AuditEntry { region: here.clone(), resource: some("t2"), ..entry(1) },
            AuditEntry { action: "CloseTunnel".to_owned(), result: "used".to_owned(), ..of_tunnel(2) },
            stranger,
            AuditEntry {
                action: "TunnelDisconnect".to_owned(),
                result: "client-closed".to_owned(),
                region: some("eu-west-1"),
                principal: some("alice"),
                ..entry(4)
            },
            AuditEntry { peer: some("192.0.2.1"), ..of_tunnel(5) },
        ] {
            store.audit_append(entry).await.unwrap();
        }
        let none = WantedAudit::default;
        let ours = Some(scope());
        let theirs = Some(Scope::new("999999999999", "us-east-1").unwrap());
        let cases: [(WantedAudit, &[i64]); 13] = [
            (none(), &[5, 4, 3, 2, 1, 0]),
            (WantedAudit { scope: ours.clone(), ..none() }, &[5, 2, 1, 0]),
            (WantedAudit { scope: ours.clone(), strangers: true, ..none() }, &[5, 3, 2, 1, 0]),
            (WantedAudit { scope: theirs.clone(), ..none() }, &[]),
            (WantedAudit { scope: theirs, strangers: true, ..none() }, &[3]),
            (WantedAudit { resource: some("t1"), ..none() }, &[5, 2, 0]),
            (WantedAudit { resource: some("t"), ..none() }, &[]),
            (WantedAudit { principal: some("alice"), ..none() }, &[4]),
            (WantedAudit { action: some("CloseTunnel"), ..none() }, &[2]),
            (WantedAudit { failed: Some(true), ..none() }, &[2]),
            (WantedAudit { failed: Some(false), resource: some("t1"), ..none() }, &[5, 0]),
            (WantedAudit { peer: some("192.0.2.1"), ..none() }, &[5]),
            (WantedAudit { peer: some("192.0.2.1"), action: some("CloseTunnel"), ..none() }, &[]),
        ];
        for (wanted, minutes) in cases {
            assert_eq!(found(&store, wanted.clone()).await, minutes, "{wanted:?}");
        }
        let of_tunnel = WantedAudit { resource: some("t1"), ..none() };
        let first = store.audit_page(of_tunnel.clone(), None, 2).await.unwrap();
        let second = store.audit_page(of_tunnel, first.next, 2).await.unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next), (2, 1, None));
    });
}

/// Lines are added all at once, so that they share commits.
async fn append_many(store: &Arc<Store>, count: usize, entry: &AuditEntry) {
    let add = |entry: AuditEntry| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.audit_append(entry).await.unwrap() })
    };
    let all: Vec<_> = (0..count).map(|_| add(entry.clone())).collect();
    for one in all {
        one.await.unwrap();
    }
}

#[test]
fn a_page_looks_at_so_many_lines_and_goes_on_where_it_ended() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(Store::memory().unwrap());
        let rare =
            AuditEntry { action: "CloseTunnel".to_owned(), resource: Some("t1".to_owned()), ..entry(0) };
        store.audit_append(rare.clone()).await.unwrap();
        append_many(&store, AUDIT_SCAN, &entry(1)).await;
        let wanted = WantedAudit { action: Some("CloseTunnel".to_owned()), ..WantedAudit::default() };
        let first = store.audit_page(wanted.clone(), None, 10).await.unwrap();
        assert_eq!((first.items.len(), first.next), (0, Some(2)));
        let second = store.audit_page(wanted, first.next, 10).await.unwrap();
        assert_eq!((second.items.len(), second.next), (1, None));
        // Lines on other resources are not looked at.
        let wanted = WantedAudit { resource: Some("t1".to_owned()), ..WantedAudit::default() };
        let page = store.audit_page(wanted, None, 10).await.unwrap();
        assert_eq!((page.items.len(), page.next), (1, None));
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

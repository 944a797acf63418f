use std::sync::Arc;

use adit_store::{Opened, Store};

use crate::{new_tunnel, scope};

#[test]
fn transactions_that_wait_together_share_commits() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path()).unwrap());
    let before = store.stats();
    runtime.block_on(async {
        let all: Vec<_> = (0..400)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    store.tunnel_open(&scope(), new_tunnel(&format!("t{n}")), None).await.unwrap()
                })
            })
            .collect();
        for one in all {
            assert!(matches!(one.await.unwrap(), Opened::Yes(_)));
        }
    });
    let after = store.stats();
    assert_eq!(after.transactions - before.transactions, 400);
    assert!(after.commits - before.commits <= 100, "{} commits for 400 transactions", after.commits);
}

#[test]
fn a_refused_transaction_in_a_group_hurts_nobody_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path()).unwrap());
    runtime.block_on(async {
        // Every id comes twice: the second insert of each fails in the middle of its group.
        let all: Vec<_> = (0..200)
            .map(|n| {
                let store = Arc::clone(&store);
                let mut new = new_tunnel(&format!("t{}", n / 2));
                new.source_token = [u8::try_from(n).unwrap(); 32];
                new.destination_token = [u8::try_from(n).unwrap() ^ 0xff; 32];
                new.destination_token[0] = 7;
                tokio::spawn(async move { store.tunnel_open(&scope(), new, None).await })
            })
            .collect();
        let mut opened = 0;
        for one in all {
            match one.await.unwrap() {
                Ok(Opened::Yes(_)) => opened += 1,
                Ok(Opened::TooMany) => panic!("no quota here"),
                Err(refused) => assert!(refused.to_string().contains("UNIQUE"), "{refused}"),
            }
        }
        assert_eq!(opened, 100);
        let page = store.tunnels_page(&scope(), None, None, 1000, crate::at(1)).await.unwrap();
        assert_eq!(page.items.len(), 100);
    });
}

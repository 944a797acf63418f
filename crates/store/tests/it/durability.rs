//! What was acknowledged is there after a restart, a kill -9 included.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use adit_iot::tunnel::ConnectionStatus;
use adit_store::{Claim, Claimed, Store, TokenState, hash_token};

use crate::{at, id, new_tunnel, open, scope, time};

/// Set for the child process that is killed: the folder to write into.
const CHILD: &str = "ADIT_STORE_TEST_CHILD";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn a_restart_forgets_nothing_but_connections() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let store = Store::open(dir.path()).unwrap();
    let bind = Claim::Bind { client_token: hash_token("ct"), automatic: true };
    runtime.block_on(async {
        open(&store, "a").await;
        open(&store, "b").await;
        store.token_claim(hash_token("a-s"), Claim::Consume, time(1)).await.unwrap();
        store.token_claim(hash_token("a-d"), bind, time(1)).await.unwrap();
        store.tunnel_close(&scope(), &id("b"), at(2)).await.unwrap();
    });
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    runtime.block_on(async {
        assert_eq!(store.all_sides_left(time(3)).await.unwrap(), 1);
        let state =
            async |token: &str| store.token_find(hash_token(token), time(3)).await.unwrap().unwrap().state;
        assert_eq!(state("a-s").await, TokenState::Consumed);
        assert_eq!(state("a-d").await, TokenState::Bound { client_token: hash_token("ct"), automatic: true });
        let a = store.tunnel_get(&scope(), &id("a"), at(3)).await.unwrap().unwrap();
        assert_eq!((a.source.status, a.ends_at), (ConnectionStatus::Disconnected, time(60)));
        // The number of the connection goes on, so a goodbye from before the restart has no effect.
        let reuse = Claim::Reuse { client_token: hash_token("ct") };
        let Claimed::Yes(link) = store.token_claim(hash_token("a-d"), reuse, time(4)).await.unwrap() else {
            panic!()
        };
        assert_eq!(link.link, 2);
        // A lifetime that ended while nobody ran is found, and so is the end of retention.
        assert_eq!(store.tunnels_expire(time(600), 10).await.unwrap(), [(scope(), id("a"))]);
        assert_eq!(store.tunnels_purge(at(600), 10).await.unwrap(), 2);
    });
}

#[test]
fn acknowledged_rows_survive_kill_9() {
    for round in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::child_that_is_killed", "--nocapture", "--ignored"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = Vec::new();
        for line in lines {
            if let Some(name) = line.strip_prefix("opened ") {
                acknowledged.push(name.to_owned());
                if acknowledged.len() == 40 * (round + 1) {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= 40 * (round + 1));
        check(dir.path(), &acknowledged);
    }
}

fn check(dir: &Path, acknowledged: &[String]) {
    let store = Store::open(dir).unwrap();
    runtime().block_on(async {
        for name in acknowledged {
            assert!(store.tunnel_get(&scope(), &id(name), at(1)).await.unwrap().is_some(), "{name} is lost");
            let token = store.token_find(hash_token(&format!("{name}-s")), time(1)).await.unwrap().unwrap();
            assert_eq!(token.state, TokenState::Consumed, "{name}");
        }
    });
}

/// Opens tunnels and uses their tokens from several tasks until it is killed, saying each only once it is done.
#[test]
#[ignore = "runs as a child of acknowledged_rows_survive_kill_9"]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = std::sync::Arc::new(Store::open(Path::new(&dir)).unwrap());
    runtime().block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let store = std::sync::Arc::clone(&store);
                tokio::spawn(async move {
                    for n in 0..100_000 {
                        let name = format!("t{task}-{n}");
                        store.tunnel_open(&scope(), new_tunnel(&name), None).await.unwrap();
                        let token = hash_token(&format!("{name}-s"));
                        store.token_claim(token, Claim::Consume, time(1)).await.unwrap();
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "opened {name}").unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

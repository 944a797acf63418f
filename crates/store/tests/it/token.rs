use std::sync::Arc;

use adit_iot::Scope;
use adit_iot::tunnel::{ConnectionStatus, Side};
use adit_store::{Claim, Claimed, Store, TokenState, hash_token};

use crate::{at, id, new_tunnel, on_both, open, scope, time};

fn bind(client_token: &str) -> Claim {
    Claim::Bind { client_token: hash_token(client_token), automatic: false }
}

fn reuse(client_token: &str) -> Claim {
    Claim::Reuse { client_token: hash_token(client_token) }
}

async fn claim(store: &Store, token: &str, claim: Claim) -> Claimed {
    store.token_claim(hash_token(token), claim, time(1)).await.unwrap()
}

async fn state(store: &Store, token: &str) -> TokenState {
    store.token_find(hash_token(token), time(1)).await.unwrap().unwrap().state
}

#[test]
fn a_token_names_one_side_of_one_tunnel() {
    on_both(|store| async move {
        open(&store, "a").await;
        let found = store.token_find(hash_token("a-d"), time(1)).await.unwrap().unwrap();
        assert_eq!((found.tunnel, found.side, found.state), (id("a"), Side::Destination, TokenState::Fresh));
        assert_eq!((found.scope, found.ends_at), (scope(), time(60)));
        assert_eq!(store.token_find(hash_token("garbage"), time(1)).await.unwrap(), None);
    });
}

#[test]
fn a_claim_holds_only_for_the_state_it_supposes() {
    on_both(|store| async move {
        open(&store, "a").await;
        assert_eq!(claim(&store, "a-s", reuse("x")).await, Claimed::Lost);
        assert!(matches!(claim(&store, "a-s", bind("x")).await, Claimed::Yes(_)));
        assert_eq!(
            state(&store, "a-s").await,
            TokenState::Bound { client_token: hash_token("x"), automatic: false }
        );
        assert_eq!(claim(&store, "a-s", Claim::Consume).await, Claimed::Lost);
        assert_eq!(claim(&store, "a-s", bind("x")).await, Claimed::Lost);
        assert_eq!(claim(&store, "a-s", reuse("y")).await, Claimed::Lost);
        assert!(matches!(claim(&store, "a-s", reuse("x")).await, Claimed::Yes(_)));

        assert!(matches!(claim(&store, "a-d", Claim::Consume).await, Claimed::Yes(_)));
        assert_eq!(state(&store, "a-d").await, TokenState::Consumed);
        for lost in [Claim::Consume, bind("y"), reuse("y")] {
            assert_eq!(claim(&store, "a-d", lost).await, Claimed::Lost);
        }
        assert_eq!(claim(&store, "garbage", Claim::Consume).await, Claimed::Lost);
    });
}

#[test]
fn a_claim_at_the_end_of_the_lifetime_is_lost() {
    on_both(|store| async move {
        open(&store, "a").await;
        let late = store.token_claim(hash_token("a-s"), Claim::Consume, time(60)).await.unwrap();
        assert_eq!(late, Claimed::Lost);
        assert_eq!(state(&store, "a-s").await, TokenState::Fresh);
    });
}

#[test]
fn a_claim_connects_its_side() {
    on_both(|store| async move {
        open(&store, "a").await;
        let Claimed::Yes(link) = claim(&store, "a-d", Claim::Consume).await else { panic!() };
        assert_eq!((link.tunnel, link.side, link.link), (id("a"), Side::Destination, 1));
        let tunnel = store.tunnel_get(&scope(), &id("a"), at(1)).await.unwrap().unwrap();
        assert_eq!(tunnel.destination_connection.status, ConnectionStatus::Connected);
        assert_eq!(tunnel.source.status, ConnectionStatus::Disconnected);
    });
}

#[test]
fn a_client_token_belongs_to_one_token_of_the_account() {
    on_both(|store| async move {
        open(&store, "a").await;
        open(&store, "b").await;
        let elsewhere = Scope::new("123456789012", "eu-west-1").unwrap();
        store.tunnel_open(&elsewhere, new_tunnel("c"), None).await.unwrap();
        let stranger = Scope::new("999999999999", "us-east-1").unwrap();
        store.tunnel_open(&stranger, new_tunnel("d"), None).await.unwrap();

        assert!(matches!(claim(&store, "a-s", bind("x")).await, Claimed::Yes(_)));
        for other in ["a-d", "b-s", "c-s"] {
            assert_eq!(claim(&store, other, bind("x")).await, Claimed::ClientTokenTaken, "{other}");
            assert_eq!(state(&store, other).await, TokenState::Fresh);
        }
        assert!(matches!(claim(&store, "d-s", bind("x")).await, Claimed::Yes(_)));
        // A tunnel that is over no longer holds it.
        store.tunnel_close(&scope(), &id("a"), at(2)).await.unwrap();
        assert!(matches!(claim(&store, "b-s", bind("x")).await, Claimed::Yes(_)));
    });
}

#[test]
fn of_racing_claims_on_one_token_exactly_one_wins() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path()).unwrap());
    runtime.block_on(async {
        for round in 0..300 {
            let name = format!("t{round}");
            open(&store, &name).await;
            let token = hash_token(&format!("{name}-s"));
            let racers: Vec<_> = (0..6)
                .map(|racer| {
                    let store = Arc::clone(&store);
                    let client_token = hash_token(&format!("{name}-{racer}"));
                    let claim = match racer % 2 {
                        0 => Claim::Consume,
                        _ => Claim::Bind { client_token, automatic: false },
                    };
                    tokio::spawn(async move { store.token_claim(token, claim, time(1)).await.unwrap() })
                })
                .collect();
            let mut winners = 0;
            for racer in racers {
                match racer.await.unwrap() {
                    Claimed::Yes(link) => {
                        winners += 1;
                        assert_eq!(link.link, 1);
                    }
                    Claimed::Lost => {}
                    Claimed::ClientTokenTaken => panic!("nobody shares a client token here"),
                }
            }
            assert_eq!(winners, 1, "round {round}");
        }
    });
}

#[test]
fn of_racing_tokens_exactly_one_gets_a_client_token() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path()).unwrap());
    runtime.block_on(async {
        for round in 0..200 {
            let name = format!("t{round}");
            open(&store, &name).await;
            let racers: Vec<_> = ["s", "d"]
                .map(|side| {
                    let store = Arc::clone(&store);
                    let token = hash_token(&format!("{name}-{side}"));
                    let client_token = hash_token(&format!("client {round}"));
                    let claim = Claim::Bind { client_token, automatic: true };
                    tokio::spawn(async move { store.token_claim(token, claim, time(1)).await.unwrap() })
                })
                .into_iter()
                .collect();
            let mut winners = 0;
            for racer in racers {
                match racer.await.unwrap() {
                    Claimed::Yes(_) => winners += 1,
                    Claimed::ClientTokenTaken => {}
                    Claimed::Lost => panic!("each token has one claim"),
                }
            }
            assert_eq!(winners, 1, "round {round}");
        }
    });
}

use adit_iot::tag::Tag;
use adit_iot::tunnel::{ClientMode, ConnectionStatus, Destination, Side, Status};
use adit_iot::{Scope, ThingName};
use adit_store::{Claim, Claimed, Closing, NewTunnel, Opened, Rotation, Store, hash_token};

use crate::{at, id, new_tunnel, on_both, open, scope, time};

#[test]
fn a_tunnel_reads_as_it_was_opened() {
    on_both(|store| async move {
        let thing = ThingName::parse("lamp").unwrap();
        let new = NewTunnel {
            description: Some("π \" desc".to_owned()),
            destination: Some(Destination {
                thing: Some(thing),
                services: vec!["SSH".into(), "HTTP".into()],
            }),
            tags: vec![Tag { key: "k".into(), value: "v".into() }],
            ..new_tunnel("a")
        };
        let opened = store.tunnel_open(&scope(), new, None).await.unwrap();
        let read = store.tunnel_get(&scope(), &id("a"), at(0)).await.unwrap().unwrap();
        assert_eq!(opened, Opened::Yes(read.clone()));
        assert_eq!(read.status, Status::Open);
        assert_eq!(read.ends_at, time(60));
        assert_eq!(read.source.last_updated_at, None);
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert_eq!(store.tunnel_get(&other, &id("a"), at(0)).await.unwrap(), None);
    });
}

#[test]
fn the_quota_counts_open_tunnels_only() {
    on_both(|store| async move {
        let quota = Some(2);
        let opened = async |name: &str| store.tunnel_open(&scope(), new_tunnel(name), quota).await.unwrap();
        assert!(matches!(opened("a").await, Opened::Yes(_)));
        assert!(matches!(opened("b").await, Opened::Yes(_)));
        assert_eq!(opened("c").await, Opened::TooMany);
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert!(matches!(store.tunnel_open(&other, new_tunnel("o"), quota).await.unwrap(), Opened::Yes(_)));
        assert_eq!(store.tunnel_close(&scope(), &id("a"), at(1)).await.unwrap(), Closing::Closed);
        assert!(matches!(opened("c").await, Opened::Yes(_)));
        assert_eq!(opened("d").await, Opened::TooMany);
        // Nor does a deleted one count, nor a closed one that is deleted or closed again.
        store.tunnel_close(&scope(), &id("a"), at(1)).await.unwrap();
        store.tunnel_delete(&scope(), &id("a"), at(1)).await.unwrap();
        assert_eq!(opened("d").await, Opened::TooMany);
        store.tunnel_delete(&scope(), &id("b"), at(1)).await.unwrap();
        assert!(matches!(opened("b").await, Opened::Yes(_)));
        assert_eq!(opened("d").await, Opened::TooMany);
        // Past its lifetime a tunnel does not count, whether or not somebody has swept it.
        let late = NewTunnel { created_at: time(61), ..new_tunnel("d") };
        assert!(matches!(store.tunnel_open(&scope(), late, quota).await.unwrap(), Opened::Yes(_)));
        store.tunnels_expire(time(61), 10).await.unwrap();
        let late = |name| NewTunnel { created_at: time(61), ..new_tunnel(name) };
        assert!(matches!(store.tunnel_open(&scope(), late("e"), quota).await.unwrap(), Opened::Yes(_)));
        assert_eq!(store.tunnel_open(&scope(), late("f"), quota).await.unwrap(), Opened::TooMany);
    });
}

#[test]
fn closing_is_idempotent_and_final() {
    on_both(|store| async move {
        open(&store, "a").await;
        let claim = store.token_claim(hash_token("a-s"), Claim::Consume, time(1)).await.unwrap();
        assert!(matches!(claim, Claimed::Yes(_)));
        assert_eq!(store.tunnel_close(&scope(), &id("a"), at(2)).await.unwrap(), Closing::Closed);
        let closed = store.tunnel_get(&scope(), &id("a"), at(2)).await.unwrap().unwrap();
        assert_eq!((closed.status, closed.last_updated_at), (Status::Closed, time(2)));
        assert_eq!(closed.source.status, ConnectionStatus::Disconnected);
        assert_eq!(closed.source.last_updated_at, Some(time(2)));
        assert_eq!(closed.destination_connection.last_updated_at, None);
        assert_eq!(store.tunnel_close(&scope(), &id("a"), at(3)).await.unwrap(), Closing::Already);
        assert_eq!(store.tunnel_get(&scope(), &id("a"), at(3)).await.unwrap().unwrap(), closed);
        assert_eq!(store.tunnel_close(&scope(), &id("b"), at(3)).await.unwrap(), Closing::NotFound);
        for token in ["a-s", "a-d"] {
            assert_eq!(store.token_find(hash_token(token), time(2)).await.unwrap(), None);
        }
    });
}

#[test]
fn deleting_is_for_good() {
    on_both(|store| async move {
        open(&store, "a").await;
        open(&store, "b").await;
        store.tunnel_close(&scope(), &id("b"), at(1)).await.unwrap();
        for name in ["a", "b"] {
            assert!(store.tunnel_delete(&scope(), &id(name), at(1)).await.unwrap());
            assert!(!store.tunnel_delete(&scope(), &id(name), at(1)).await.unwrap());
            assert_eq!(store.tunnel_get(&scope(), &id(name), at(1)).await.unwrap(), None);
        }
        assert_eq!(store.token_find(hash_token("a-s"), time(1)).await.unwrap(), None);
        // The id and the tokens are free again.
        open(&store, "a").await;
    });
}

#[test]
fn a_lifetime_ends_on_time_with_or_without_the_sweeper() {
    on_both(|store| async move {
        open(&store, "a").await;
        store.token_claim(hash_token("a-d"), Claim::Consume, time(5)).await.unwrap();
        assert_eq!(store.tunnel_deadline().await.unwrap(), Some(time(60)));
        let before = at(60);
        let unswept = store.tunnel_get(&scope(), &id("a"), before).await.unwrap().unwrap();
        assert_eq!((unswept.status, unswept.last_updated_at), (Status::Closed, time(60)));
        assert_eq!(store.token_find(hash_token("a-s"), time(60)).await.unwrap(), None);
        assert_eq!(store.tunnel_close(&scope(), &id("a"), at(61)).await.unwrap(), Closing::Already);

        assert_eq!(store.tunnels_expire(time(59), 10).await.unwrap(), []);
        assert_eq!(store.tunnels_expire(time(65), 10).await.unwrap(), [(scope(), id("a"))]);
        assert_eq!(store.tunnels_expire(time(65), 10).await.unwrap(), []);
        assert_eq!(store.tunnel_get(&scope(), &id("a"), at(65)).await.unwrap().unwrap(), unswept);
        assert_eq!(store.tunnel_deadline().await.unwrap(), None);
    });
}

#[test]
fn after_retention_a_tunnel_is_gone_with_or_without_the_sweeper() {
    on_both(|store| async move {
        open(&store, "closed").await;
        open(&store, "expired").await;
        store.tunnel_close(&scope(), &id("closed"), at(10)).await.unwrap();
        let get =
            async |name: &str, minutes| store.tunnel_get(&scope(), &id(name), at(minutes)).await.unwrap();
        assert!(get("closed", 189).await.is_some());
        assert!(get("closed", 190).await.is_none());
        assert!(get("expired", 239).await.is_some());
        assert!(get("expired", 240).await.is_none());
        assert_eq!(store.tunnels_page(&scope(), None, None, 10, at(200)).await.unwrap().items.len(), 1);

        store.tunnels_expire(time(60), 10).await.unwrap();
        assert_eq!(store.tunnels_purge(at(189), 10).await.unwrap(), 0);
        assert_eq!(store.tunnels_purge(at(190), 10).await.unwrap(), 1);
        assert_eq!(store.tunnels_purge(at(240), 10).await.unwrap(), 1);
        assert!(get("expired", 61).await.is_none());
    });
}

#[test]
fn pages_are_newest_first_and_hold_still() {
    on_both(|store| async move {
        for n in 0..7 {
            open(&store, &format!("t{n}")).await;
        }
        let names = async |after, limit| {
            let page = store.tunnels_page(&scope(), None, after, limit, at(1)).await.unwrap();
            (page.items.iter().map(|t| t.id.to_string()).collect::<Vec<_>>(), page.next)
        };
        let (first, next) = names(None, 3).await;
        assert_eq!(first, ["t6", "t5", "t4"]);
        open(&store, "new").await;
        store.tunnel_delete(&scope(), &id("t4"), at(1)).await.unwrap();
        let (second, next) = names(next, 3).await;
        assert_eq!(second, ["t3", "t2", "t1"]);
        let (third, next) = names(next, 3).await;
        assert_eq!((third, next), (vec!["t0".to_owned()], None));
        assert_eq!(names(None, 7).await.1, None);
    });
}

#[test]
fn a_list_can_be_of_one_thing() {
    on_both(|store| async move {
        for (name, thing) in [("a", "lamp"), ("b", "lamp2"), ("c", "lamp")] {
            let thing = Some(ThingName::parse(thing).unwrap());
            let destination = Some(Destination { thing, services: vec!["SSH".into()] });
            let new = NewTunnel { destination, ..new_tunnel(name) };
            store.tunnel_open(&scope(), new, None).await.unwrap();
        }
        open(&store, "d").await;
        let page = store.tunnels_page(&scope(), Some("lamp"), None, 10, at(1)).await.unwrap();
        assert_eq!(page.items.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    });
}

fn rotation(mode: ClientMode) -> Rotation {
    Rotation {
        mode,
        source_token: hash_token("new-s"),
        destination_token: hash_token("new-d"),
        destination: None,
    }
}

#[test]
fn rotation_revokes_what_it_covers_and_nothing_else() {
    for (mode, source, destination) in [
        (ClientMode::Source, true, false),
        (ClientMode::Destination, false, true),
        (ClientMode::All, true, true),
    ] {
        on_both(|store| async move {
            open(&store, "a").await;
            let bind = Claim::Bind { client_token: hash_token("ct"), automatic: false };
            store.token_claim(hash_token("a-s"), bind, time(1)).await.unwrap();
            let rotated =
                store.tunnel_rotate(&scope(), &id("a"), rotation(mode), at(2)).await.unwrap().unwrap();
            assert_eq!((rotated.last_updated_at, rotated.ends_at), (time(2), time(60)));
            let known =
                async |token: &str| store.token_find(hash_token(token), time(3)).await.unwrap().is_some();
            assert_eq!((known("a-s").await, known("new-s").await), (!source, source));
            assert_eq!((known("a-d").await, known("new-d").await), (!destination, destination));
            // The old token is refused even with its client token, and the live connection is left alone.
            let reuse = Claim::Reuse { client_token: hash_token("ct") };
            let again = store.token_claim(hash_token("a-s"), reuse, time(3)).await.unwrap();
            assert_eq!(matches!(again, Claimed::Yes(_)), !source);
            let tunnel = store.tunnel_get(&scope(), &id("a"), at(3)).await.unwrap().unwrap();
            assert_eq!(tunnel.source.status, ConnectionStatus::Connected);
            if source {
                // The binding went with the token: the client token may be bound to the new one.
                let claim = store.token_claim(hash_token("new-s"), bind, time(3)).await.unwrap();
                assert!(matches!(claim, Claimed::Yes(_)));
            }
        });
    }
}

#[test]
fn only_open_tunnels_rotate() {
    on_both(|store| async move {
        let rotate = async |store: &Store, minutes| {
            store.tunnel_rotate(&scope(), &id("a"), rotation(ClientMode::All), at(minutes)).await.unwrap()
        };
        assert_eq!(rotate(&store, 0).await, None);
        open(&store, "a").await;
        assert_eq!(rotate(&store, 60).await, None);
        store.tunnel_close(&scope(), &id("a"), at(1)).await.unwrap();
        assert_eq!(rotate(&store, 1).await, None);
        assert_eq!(store.token_find(hash_token("new-s"), time(1)).await.unwrap(), None);
    });
}

#[test]
fn a_rotation_fills_in_a_missing_destination_but_changes_none() {
    on_both(|store| async move {
        open(&store, "a").await;
        let named = |service: &str| Destination { thing: None, services: vec![service.to_owned()] };
        let services = async |mode, service: &str| {
            let rotation = Rotation { destination: Some(named(service)), ..rotation(mode) };
            store.tunnel_rotate(&scope(), &id("a"), rotation, at(1)).await.unwrap().unwrap();
            store.tunnel_get(&scope(), &id("a"), at(1)).await.unwrap().unwrap().destination
        };
        assert_eq!(services(ClientMode::Source, "X").await, None);
        assert_eq!(services(ClientMode::Destination, "SSH").await, Some(named("SSH")));
        assert_eq!(services(ClientMode::All, "HTTP").await, Some(named("SSH")));
    });
}

#[test]
fn a_late_goodbye_does_not_undo_a_replacement() {
    on_both(|store| async move {
        open(&store, "a").await;
        let client_token = hash_token("ct");
        let first = Claim::Bind { client_token, automatic: false };
        let Claimed::Yes(first) = store.token_claim(hash_token("a-s"), first, time(1)).await.unwrap() else {
            panic!()
        };
        let again = Claim::Reuse { client_token };
        let Claimed::Yes(second) = store.token_claim(hash_token("a-s"), again, time(2)).await.unwrap() else {
            panic!()
        };
        let left = async |link, minutes| {
            store.side_left(&scope(), &id("a"), Side::Source, link, time(minutes)).await.unwrap()
        };
        assert!(!left(first.link, 3).await);
        let source = store.tunnel_get(&scope(), &id("a"), at(3)).await.unwrap().unwrap().source;
        assert_eq!((source.status, source.last_updated_at), (ConnectionStatus::Connected, Some(time(1))));
        assert!(left(second.link, 4).await);
        assert!(!left(second.link, 5).await);
        let source = store.tunnel_get(&scope(), &id("a"), at(5)).await.unwrap().unwrap().source;
        assert_eq!((source.status, source.last_updated_at), (ConnectionStatus::Disconnected, Some(time(4))));
    });
}

#[test]
fn a_start_marks_every_side_disconnected() {
    on_both(|store| async move {
        open(&store, "a").await;
        open(&store, "b").await;
        store.token_claim(hash_token("a-s"), Claim::Consume, time(1)).await.unwrap();
        assert_eq!(store.all_sides_left(time(2)).await.unwrap(), 1);
        assert_eq!(store.all_sides_left(time(3)).await.unwrap(), 0);
        let tunnel = store.tunnel_get(&scope(), &id("a"), at(3)).await.unwrap().unwrap();
        assert_eq!(tunnel.source.status, ConnectionStatus::Disconnected);
        assert_eq!(tunnel.source.last_updated_at, Some(time(2)));
        assert_eq!(tunnel.destination_connection.last_updated_at, None);
    });
}

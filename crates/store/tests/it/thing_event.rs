use adit_iot::certificate::Status;
use adit_iot::principal::Principal;
use adit_iot::thing::{Attributes, Thing};
use adit_iot::{Scope, ThingName};
use adit_store::{DeviceEvent, Store, ThingDeleted, ThingEvent, ThingEventKind};

use crate::certificate::{certificate, id};
use crate::{on_both, scope, time};

use ThingEventKind::{Connected, Disconnected, Refused};

const MANY: u32 = 1_000;

fn name(text: &str) -> ThingName {
    ThingName::parse(text).unwrap()
}

async fn thing(store: &Store, called: &str) {
    let new = Thing::new(name(called), called.to_owned(), None, Attributes::new(), time(0)).unwrap();
    store.thing_create(&scope(), new).await.unwrap();
}

async fn attach(store: &Store, called: &str, n: u8) {
    let principal = Principal::Certificate(scope(), id(n));
    store.thing_principal_attach(&scope(), &name(called), &principal, false).await.unwrap();
}

fn event(kind: ThingEventKind, minute: i64, reason: &str) -> ThingEvent {
    ThingEvent { reason: Some(reason.to_owned()), ..ThingEvent::new(kind, time(minute)) }
}

/// An event of a connection that speaks for a thing.
fn of(thing: &str, event: ThingEvent) -> DeviceEvent {
    DeviceEvent { scope: Some(scope()), thing: Some(thing.to_owned()), event }
}

async fn add(store: &Store, events: Vec<DeviceEvent>) {
    store.thing_events_add(events, MANY).await.unwrap();
}

async fn list(store: &Store, called: &str) -> Vec<ThingEvent> {
    let page = store.thing_events_page(&scope(), &name(called), time(0), None, 100_000).await.unwrap();
    page.unwrap().items.into_iter().map(|(_, event)| event).collect()
}

async fn reasons(store: &Store, called: &str) -> Vec<String> {
    list(store, called).await.into_iter().filter_map(|event| event.reason).collect()
}

#[test]
fn a_timeline_is_read_newest_first_in_pages() {
    on_both(|store| async move {
        thing(&store, "lamp").await;
        let all = [(Connected, 1, "a"), (Disconnected, 2, "b"), (Connected, 3, "c")];
        add(&store, all.map(|(kind, minute, reason)| of("lamp", event(kind, minute, reason))).to_vec()).await;
        let whole = ThingEvent {
            stage: Some("connect".to_owned()),
            client_id: Some("lamp".to_owned()),
            certificate_id: Some(id(1).to_string()),
            ip_address: Some("192.0.2.1".to_owned()),
            detail: Some("more".to_owned()),
            ..event(Refused, 4, "d")
        };
        add(&store, vec![of("lamp", whole.clone())]).await;
        let page = async |since, after, limit| {
            store.thing_events_page(&scope(), &name("lamp"), since, after, limit).await.unwrap().unwrap()
        };
        let first = page(time(0), None, 2).await;
        assert_eq!(first.items, [(4, whole), (3, event(Connected, 3, "c"))]);
        let second = page(time(0), first.next, 2).await;
        assert_eq!(second.items, [(2, event(Disconnected, 2, "b")), (1, event(Connected, 1, "a"))]);
        assert_eq!(second.next, None);
        assert_eq!(page(time(3), None, 10).await.items.len(), 2);
        assert_eq!(store.thing_events_page(&scope(), &name("x"), time(0), None, 1).await.unwrap(), None);
    });
}

#[test]
fn an_event_is_of_the_connections_thing_and_of_the_one_called_like_the_client() {
    on_both(|store| async move {
        for called in ["lamp", "door"] {
            thing(&store, called).await;
        }
        let client = |thing: Option<&str>, client: &str, reason: &str| DeviceEvent {
            thing: thing.map(str::to_owned),
            event: ThingEvent { client_id: Some(client.to_owned()), ..event(Connected, 1, reason) },
            ..of("", event(Connected, 1, ""))
        };
        add(
            &store,
            vec![
                client(Some("lamp"), "lamp", "same"),
                client(Some("lamp"), "door", "both"),
                client(None, "door", "named"),
                client(None, "stranger", "nobody's"),
                client(Some("gone"), "gone too", "nobody's"),
            ],
        )
        .await;
        assert_eq!(reasons(&store, "lamp").await, ["both", "same"]);
        assert_eq!(reasons(&store, "door").await, ["named", "both"]);
        let provisioned = ThingEvent {
            client_id: Some("door".to_owned()),
            ..event(ThingEventKind::Provisioned, 1, "by a client called like another thing")
        };
        add(&store, vec![of("lamp", provisioned)]).await;
        assert_eq!((reasons(&store, "lamp").await.len(), reasons(&store, "door").await.len()), (3, 2));
        let elsewhere = Scope::new("123456789012", "eu-west-1").unwrap();
        add(&store, vec![DeviceEvent { scope: Some(elsewhere), ..of("lamp", event(Connected, 2, "x")) }])
            .await;
        assert_eq!(reasons(&store, "lamp").await.len(), 3);
    });
}

#[test]
fn an_event_that_names_no_thing_is_of_those_its_certificate_speaks_for_unless_many_share_it() {
    on_both(|store| async move {
        for n in [1, 2] {
            assert!(store.certificate_create(&scope(), certificate(n, Status::Inactive)).await.unwrap());
        }
        for n in 0..12 {
            thing(&store, &format!("t{n}")).await;
            if n < 11 {
                attach(&store, &format!("t{n}"), 2).await;
            }
        }
        attach(&store, "t0", 1).await;
        attach(&store, "t11", 1).await;
        let refused = |n: u8, scope: Option<Scope>, client: Option<&str>, reason: &str| DeviceEvent {
            scope,
            thing: None,
            event: ThingEvent {
                certificate_id: Some(id(n).to_string()),
                client_id: client.map(str::to_owned),
                ..event(Refused, 1, reason)
            },
        };
        add(
            &store,
            vec![
                refused(1, None, None, "handshake"),
                refused(1, Some(scope()), Some("other"), "connect"),
                refused(1, Some(scope()), Some("t5"), "as t5"),
                refused(2, None, None, "shared"),
                refused(3, None, None, "unknown"),
            ],
        )
        .await;
        for called in ["t0", "t11"] {
            assert_eq!(reasons(&store, called).await, ["connect", "handshake"]);
        }
        assert_eq!(reasons(&store, "t5").await, ["as t5"]);
        assert_eq!(reasons(&store, "t1").await.len(), 0);
    });
}

#[test]
fn a_refusal_that_repeats_is_one_row_and_comes_to_the_front() {
    on_both(|store| async move {
        thing(&store, "lamp").await;
        let refused = |minute, reason: &str, address: &str| {
            let event = event(Refused, minute, reason);
            of("lamp", ThingEvent { ip_address: Some(address.to_owned()), ..event })
        };
        add(&store, vec![refused(1, "a", "192.0.2.1"), of("lamp", event(Connected, 2, "in"))]).await;
        add(&store, vec![refused(3, "b", "192.0.2.1"), refused(4, "a", "192.0.2.2")]).await;
        let shown: Vec<_> = list(&store, "lamp")
            .await
            .into_iter()
            .map(|event| (event.reason.unwrap(), event.first_at, event.at, event.count, event.ip_address))
            .collect();
        let (one, two) = (Some("192.0.2.1".to_owned()), Some("192.0.2.2".to_owned()));
        assert_eq!(
            shown,
            [
                ("a".to_owned(), time(1), time(4), 2, two),
                ("b".to_owned(), time(3), time(3), 1, one),
                ("in".to_owned(), time(2), time(2), 1, None),
            ]
        );
        // More than an hour later it is another one.
        add(&store, vec![refused(65, "a", "192.0.2.1")]).await;
        assert_eq!(reasons(&store, "lamp").await, ["a", "a", "b", "in"]);
    });
}

#[test]
fn a_device_in_a_loop_keeps_its_other_history() {
    on_both(|store| async move {
        thing(&store, "lamp").await;
        let provisioned = event(ThingEventKind::Provisioned, 0, "first");
        store.thing_events_add(vec![of("lamp", provisioned)], 20).await.unwrap();
        for minute in 1..100 {
            let reason = minute.to_string();
            let both = [Connected, Refused, Refused, Disconnected];
            let events = both
                .into_iter()
                .enumerate()
                .map(|(n, kind)| of("lamp", event(kind, minute, &format!("{reason}.{n}"))));
            store.thing_events_add(events.collect(), 20).await.unwrap();
        }
        let all = list(&store, "lamp").await;
        let count = |kind| all.iter().filter(|event| event.kind == kind).count();
        assert_eq!([Connected, Disconnected, Refused].map(count), [5, 5, 8]);
        assert_eq!(all.last().unwrap().reason.as_deref(), Some("first"));
        assert_eq!(all[0].at, time(99));
    });
}

#[test]
fn ten_thousand_events_go_in_and_old_ones_are_trimmed() {
    on_both(|store| async move {
        for n in 0..100 {
            thing(&store, &format!("t{n}")).await;
        }
        let before = store.stats().commits;
        for batch in 0..40i64 {
            let one = |n: i64| {
                let kind = if batch % 2 == 0 { Connected } else { Disconnected };
                of(&format!("t{}", n % 100), event(kind, batch, &n.to_string()))
            };
            add(&store, (0..250).map(one).collect()).await;
        }
        assert_eq!(store.stats().commits - before, 40);
        let mut kept = 0;
        for n in 0..100 {
            kept += list(&store, &format!("t{n}")).await.len();
        }
        assert_eq!(kept, 10_000);
        assert_eq!(store.thing_events_trim(time(20), 3_000).await.unwrap(), 3_000);
        assert_eq!(store.thing_events_trim(time(20), 3_000).await.unwrap(), 2_000);
        assert_eq!(store.thing_events_trim(time(20), 3_000).await.unwrap(), 0);
        assert!(list(&store, "t7").await.iter().all(|event| event.at >= time(20)));
    });
}

#[test]
fn a_thing_that_comes_again_has_no_history() {
    on_both(|store| async move {
        thing(&store, "lamp").await;
        add(&store, vec![of("lamp", event(Connected, 1, "old"))]).await;
        assert_eq!(store.thing_delete(&scope(), &name("lamp"), None).await.unwrap(), ThingDeleted::Yes);
        thing(&store, "lamp").await;
        assert_eq!(list(&store, "lamp").await, []);
        assert_eq!(store.thing_events_trim(time(100), 10).await.unwrap(), 0, "a row was left behind");
    });
}

#[test]
fn a_timeline_outlives_its_store() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store = Store::open(dir.path()).unwrap();
        thing(&store, "lamp").await;
        add(&store, vec![of("lamp", event(Connected, 1, "kept"))]).await;
        drop(store);
        assert_eq!(reasons(&Store::open(dir.path()).unwrap(), "lamp").await, ["kept"]);
    });
}

use adit_iot::certificate::Status;
use adit_iot::principal::Principal;
use adit_iot::thing::Thing;
use adit_iot::{Scope, ThingName};
use adit_store::{PrincipalAttached, PrincipalDetached, Store, ThingDeleted};

use crate::{certificate, on_both, scope, time};

pub fn name(text: &str) -> ThingName {
    ThingName::parse(text).unwrap()
}

pub async fn thing(store: &Store, called: &str) {
    let new = Thing::new(name(called), format!("id-{called}"), None, Default::default(), time(0)).unwrap();
    store.thing_create(&scope(), new).await.unwrap();
}

pub async fn attach(store: &Store, called: &str, who: &Principal, exclusive: bool) -> bool {
    attached(store, called, who, exclusive).await == PrincipalAttached::Yes
}

async fn attached(store: &Store, called: &str, who: &Principal, exclusive: bool) -> PrincipalAttached {
    store.thing_principal_attach(&scope(), &name(called), who, exclusive).await.unwrap()
}

pub async fn detach(store: &Store, called: &str, who: &Principal) -> PrincipalDetached {
    store.thing_principal_detach(&scope(), &name(called), who).await.unwrap()
}

fn cert(n: u8) -> Principal {
    Principal::Certificate(scope(), certificate::id(n))
}

async fn things(store: &Store, who: &Principal) -> Vec<(String, bool)> {
    let found = store.things_of_principal(&scope(), &who.text()).await.unwrap();
    found.into_iter().map(|(name, exclusive)| (name.to_string(), exclusive)).collect()
}

#[test]
fn exclusive_is_alone() {
    on_both(|store| async move {
        for n in [1, 2] {
            certificate::create(&store, n, Status::Active).await;
        }
        for called in ["a", "b"] {
            thing(&store, called).await;
        }
        assert!(attach(&store, "a", &cert(1), false).await && attach(&store, "b", &cert(1), false).await);
        assert_eq!(attached(&store, "b", &cert(1), false).await, PrincipalAttached::Already);
        assert_eq!(attached(&store, "b", &cert(1), true).await, PrincipalAttached::InUse(name("a")));
        assert_eq!(things(&store, &cert(1)).await, [("a".to_owned(), false), ("b".to_owned(), false)]);
        for called in ["a", "b"] {
            assert_eq!(detach(&store, called, &cert(1)).await, PrincipalDetached::Yes(true));
            assert_eq!(detach(&store, called, &cert(1)).await, PrincipalDetached::Yes(false));
        }
        assert!(attach(&store, "b", &cert(1), true).await);
        assert_eq!(attached(&store, "b", &cert(1), true).await, PrincipalAttached::Already);
        for (called, exclusive) in [("a", false), ("a", true), ("b", false)] {
            let refused = attached(&store, called, &cert(1), exclusive).await;
            assert_eq!(refused, PrincipalAttached::Exclusive(name("b")), "{called} {exclusive}");
        }
        assert!(attach(&store, "b", &cert(2), false).await);
        let delete = store.thing_delete(&scope(), &name("b"), None).await.unwrap();
        assert_eq!(delete, ThingDeleted::Attached);
    });
}

#[test]
fn a_certificate_must_be_of_the_scope() {
    on_both(|store| async move {
        thing(&store, "a").await;
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        let elsewhere = certificate::certificate(1, Status::Active);
        assert!(store.certificate_create(&other, elsewhere).await.unwrap());
        for who in [cert(1), Principal::Certificate(other, certificate::id(1))] {
            assert_eq!(attached(&store, "a", &who, false).await, PrincipalAttached::NoPrincipal);
            assert_eq!(detach(&store, "a", &who).await, PrincipalDetached::NoPrincipal);
            assert_eq!(store.principal_things_page(&scope(), &who, None, None, 5).await.unwrap(), None);
        }
        let cognito = Principal::Cognito("us-east-1:x".to_owned());
        assert_eq!(attached(&store, "x", &cognito, false).await, PrincipalAttached::NoThing);
        assert_eq!(detach(&store, "x", &cognito).await, PrincipalDetached::NoThing);
        assert!(attach(&store, "a", &cognito, false).await);
        assert_eq!(store.thing_principals_page(&scope(), &name("x"), None, None, 5).await.unwrap(), None);
    });
}

#[test]
fn a_connection_speaks_for_its_exclusive_thing_or_the_one_of_its_name() {
    on_both(|store| async move {
        for n in [1, 2] {
            certificate::create(&store, n, Status::Active).await;
        }
        for called in ["a", "b", "c"] {
            thing(&store, called).await;
        }
        attach(&store, "a", &cert(1), false).await;
        attach(&store, "b", &cert(1), false).await;
        attach(&store, "c", &cert(2), true).await;
        let speaks = async |n, client: &str| {
            let found = store.thing_of_connection(&scope(), &cert(n).text(), client).await.unwrap();
            found.map(|found| (found.thing.name.to_string(), found.exclusive))
        };
        assert_eq!(speaks(1, "a").await, Some(("a".to_owned(), false)));
        assert_eq!(speaks(1, "b").await, Some(("b".to_owned(), false)));
        for client in ["c", "other", "", "+"] {
            assert_eq!(speaks(1, client).await, None, "{client}");
            assert_eq!(speaks(2, client).await, Some(("c".to_owned(), true)), "{client}");
        }
        assert_eq!(speaks(3, "a").await, None);
    });
}

#[test]
fn two_writers_cannot_both_be_exclusive() {
    on_both(|store| async move {
        certificate::create(&store, 1, Status::Active).await;
        for called in ["a", "b"] {
            thing(&store, called).await;
        }
        for round in 0..50 {
            let one = cert(1);
            let (a, b) =
                tokio::join!(attached(&store, "a", &one, true), attached(&store, "b", &one, round % 2 == 0));
            let (won, lost) = if a == PrincipalAttached::Yes { ("a", b) } else { ("b", a) };
            assert!(
                matches!(lost, PrincipalAttached::Exclusive(ref to) | PrincipalAttached::InUse(ref to) if to.as_str() == won),
                "{lost:?}"
            );
            assert_eq!(things(&store, &one).await.len(), 1);
            detach(&store, won, &one).await;
        }
    });
}

#[test]
fn a_thing_that_is_deleted_while_it_is_attached_to_is_gone_or_stays_whole() {
    on_both(|store| async move {
        certificate::create(&store, 1, Status::Active).await;
        for _ in 0..50 {
            thing(&store, "a").await;
            let (scope, a, one) = (scope(), name("a"), cert(1));
            let (deleted, attached) =
                tokio::join!(store.thing_delete(&scope, &a, None), attached(&store, "a", &one, false));
            match (deleted.unwrap(), attached) {
                (ThingDeleted::Yes, PrincipalAttached::NoThing) => assert_eq!(things(&store, &one).await, []),
                (ThingDeleted::Attached, PrincipalAttached::Yes) => {
                    assert_eq!(things(&store, &one).await.len(), 1);
                    detach(&store, "a", &one).await;
                }
                both => panic!("{both:?}"),
            }
        }
    });
}

#[test]
fn listings_go_by_pages_and_by_the_way_of_attaching() {
    on_both(|store| async move {
        certificate::create(&store, 1, Status::Active).await;
        thing(&store, "hub").await;
        let cognito = |n: usize| Principal::Cognito(format!("us-east-1:{n}"));
        for n in 0..7 {
            thing(&store, &format!("t{n}")).await;
            attach(&store, &format!("t{n}"), &cert(1), false).await;
            attach(&store, "hub", &cognito(n), n % 2 == 0).await;
        }
        let hub = name("hub");
        let of_hub = async |exclusive| {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page =
                    store.thing_principals_page(&scope(), &hub, exclusive, after, 2).await.unwrap().unwrap();
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    return seen;
                }
            }
        };
        let all: Vec<_> = (0..7).map(|n| (cognito(n).text(), n % 2 == 0)).collect();
        assert_eq!(of_hub(None).await, all);
        let exclusive: Vec<_> = all.iter().filter(|(_, exclusive)| *exclusive).cloned().collect();
        assert_eq!(of_hub(Some(true)).await, exclusive);
        let first = store.principal_things_page(&scope(), &cert(1), None, None, 4).await.unwrap().unwrap();
        let rest =
            store.principal_things_page(&scope(), &cert(1), None, first.next, 4).await.unwrap().unwrap();
        let names: Vec<_> = first.items.iter().chain(&rest.items).map(|(name, _)| name.to_string()).collect();
        assert_eq!((names, rest.next), ((0..7).map(|n| format!("t{n}")).collect(), None));
        let none =
            store.principal_things_page(&scope(), &cert(1), Some(true), None, 4).await.unwrap().unwrap();
        assert_eq!(none.items, []);
    });
}

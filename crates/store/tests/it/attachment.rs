use adit_iot::certificate::Status;
use adit_iot::principal::Target;
use adit_iot::{PolicyName, Scope};
use adit_store::{Attached, Detached, Order, PolicyDeleted, PolicyTargets, Store};

use crate::{certificate, on_both, policy, scope, time};

pub async fn attach(store: &Store, name: &str, target: &Target) -> bool {
    store.policy_attach(&scope(), &policy::name(name), target, 10).await.unwrap() == Attached::Yes
}

/// Names of the policies attached to a target, newest attachment first.
pub async fn of(store: &Store, target: &Target) -> Vec<String> {
    let text = target.text(&scope());
    let page = store.attached_policies_page(&scope(), &text, Order::NewestFirst, None, 100).await.unwrap();
    page.items.iter().map(PolicyName::to_string).collect()
}

fn cognito(n: u8) -> Target {
    Target::Cognito(format!("us-east-1:{n}"))
}

#[test]
fn a_default_document_counts_for_every_target() {
    on_both(|store| async move {
        certificate::create(&store, 1, Status::Inactive).await;
        for name in ["p", "q"] {
            policy::create(&store, name).await;
        }
        let target = Target::Certificate(certificate::id(1));
        assert!(attach(&store, "q", &target).await && attach(&store, "p", &target).await);
        let again = store.policy_attach(&scope(), &policy::name("p"), &target, 10).await.unwrap();
        assert_eq!(again, Attached::Already);
        assert_eq!(of(&store, &target).await, ["p", "q"]);
        let counts = async || store.policies_of_target(&scope(), &target.text(&scope())).await.unwrap();
        let (p, q) = (policy::name("p"), policy::name("q"));
        let ones = [(q.clone(), "document 1 of q".to_owned()), (p.clone(), "document 1 of p".to_owned())];
        assert_eq!(counts().await, ones);
        store.policy_version_create(&scope(), &q, "new".to_owned(), true, 5, time(1)).await.unwrap();
        assert_eq!(counts().await[0].1, "new");
        let elsewhere = Scope::new("123456789012", "eu-west-1").unwrap();
        assert_eq!(store.policies_of_target(&elsewhere, &target.text(&scope())).await.unwrap(), []);
        let detach = async |name| store.policy_detach(&scope(), name, &target).await.unwrap();
        assert_eq!(detach(&q).await, Detached::Yes);
        assert_eq!(detach(&q).await, Detached::NotAttached);
        assert_eq!(detach(&policy::name("x")).await, Detached::NoPolicy);
    });
}

#[test]
fn what_is_not_there_cannot_be_attached() {
    on_both(|store| async move {
        policy::create(&store, "p").await;
        let attach = async |name: &str, target: &Target| {
            store.policy_attach(&scope(), &policy::name(name), target, 10).await.unwrap()
        };
        let group = adit_iot::ThingGroupName::parse("g").unwrap();
        assert_eq!(attach("x", &cognito(1)).await, Attached::NoPolicy);
        assert_eq!(attach("p", &Target::Certificate(certificate::id(1))).await, Attached::NoTarget);
        assert_eq!(attach("p", &Target::Group(group)).await, Attached::NoTarget);
        for n in 0..10 {
            policy::create(&store, &format!("p{n}")).await;
            assert_eq!(attach(&format!("p{n}"), &cognito(1)).await, Attached::Yes);
        }
        assert_eq!(attach("p", &cognito(1)).await, Attached::TooMany);
    });
}

#[test]
fn targets_are_listed_both_ways_with_and_without_groups() {
    on_both(|store| async move {
        policy::create(&store, "p").await;
        let p = policy::name("p");
        crate::thing_group::create(&store, "g", None).await;
        let group = Target::Group(adit_iot::ThingGroupName::parse("g").unwrap());
        for target in [cognito(1), group.clone(), cognito(2), cognito(3)] {
            assert!(attach(&store, "p", &target).await);
        }
        let list = async |which, order| {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page =
                    store.policy_targets_page(&scope(), &p, which, order, after, 2).await.unwrap().unwrap();
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    return seen;
                }
            }
        };
        let (one, two, three) =
            (cognito(1).text(&scope()), cognito(2).text(&scope()), cognito(3).text(&scope()));
        let all = [one.clone(), group.text(&scope()), two.clone(), three.clone()];
        assert_eq!(list(PolicyTargets::All, Order::OldestFirst).await, all);
        assert_eq!(list(PolicyTargets::Principals, Order::NewestFirst).await, [three, two, one]);
        let x = policy::name("x");
        let unknown = store
            .policy_targets_page(&scope(), &x, PolicyTargets::All, Order::OldestFirst, None, 2)
            .await
            .unwrap();
        assert_eq!(unknown, None);
    });
}

#[test]
fn deleting_a_policy_and_attaching_it_at_once_end_in_one_of_both() {
    on_both(|store| async move {
        let p = policy::name("p");
        for _ in 0..50 {
            policy::create(&store, "p").await;
            let (scope, target) = (scope(), cognito(1));
            let (deleted, attached) =
                tokio::join!(store.policy_delete(&scope, &p), store.policy_attach(&scope, &p, &target, 10));
            match (deleted.unwrap(), attached.unwrap()) {
                (PolicyDeleted::Yes, Attached::NoPolicy) => assert_eq!(of(&store, &target).await, [""; 0]),
                (PolicyDeleted::Kept(_), Attached::Yes) => {
                    assert_eq!(of(&store, &target).await, ["p"]);
                    store.policy_detach(&scope, &p, &target).await.unwrap();
                    store.policy_delete(&scope, &p).await.unwrap();
                }
                both => panic!("{both:?}"),
            }
        }
    });
}

use adit_iot::policy_record::PolicyKept;
use adit_iot::principal::Target;
use adit_iot::tag::{Kind, Tag, Taggable};
use adit_iot::{PolicyName, Scope};
use adit_store::{NewPolicy, Order, PolicyDeleted, Store, VersionCreated, VersionTouched};

use crate::{attachment, on_both, scope, time};

pub fn name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

fn new(called: &str) -> NewPolicy {
    NewPolicy {
        name: name(called),
        document: format!("document 1 of {called}"),
        tags: Vec::new(),
        generation_id: format!("generation of {called}"),
        created_at: time(0),
    }
}

pub async fn create(store: &Store, called: &str) {
    assert!(store.policy_create(&scope(), new(called)).await.unwrap());
}

async fn add(store: &Store, called: &str, default: bool, at: i64) -> VersionCreated {
    let document = format!("added at {at}");
    store.policy_version_create(&scope(), &name(called), document, default, 5, time(at)).await.unwrap()
}

#[test]
fn names_are_unique_in_a_scope() {
    on_both(|store| async move {
        create(&store, "p").await;
        assert!(
            !store.policy_create(&scope(), NewPolicy { document: "other".into(), ..new("p") }).await.unwrap()
        );
        let there = store.policy_get(&scope(), &name("p")).await.unwrap().unwrap();
        assert_eq!((there.document.as_str(), there.default_version), ("document 1 of p", 1));
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert_eq!(store.policy_get(&other, &name("p")).await.unwrap(), None);
        assert!(store.policy_create(&other, new("p")).await.unwrap());
    });
}

#[test]
fn versions_count_up_and_the_default_one_stays() {
    on_both(|store| async move {
        create(&store, "p").await;
        for at in 2..=5 {
            assert!(
                matches!(add(&store, "p", at == 3, at).await, VersionCreated::Yes(made) if made.version == at)
            );
        }
        assert_eq!(add(&store, "p", true, 6).await, VersionCreated::TooMany);
        let policy = store.policy_get(&scope(), &name("p")).await.unwrap().unwrap();
        assert_eq!((policy.document.as_str(), policy.default_version), ("added at 3", 3));
        assert_eq!((policy.created_at, policy.updated_at), (time(0), time(5)));
        let delete =
            async |version| store.policy_version_delete(&scope(), &name("p"), version).await.unwrap();
        assert_eq!(delete(3).await, VersionTouched::Default);
        assert_eq!(delete(5).await, VersionTouched::Yes);
        assert_eq!(delete(5).await, VersionTouched::NoVersion);
        let set = async |version, at| {
            store.policy_version_set_default(&scope(), &name("p"), version, time(at)).await.unwrap()
        };
        assert_eq!(set(5, 7).await, VersionTouched::NoVersion);
        assert_eq!(set(1, 7).await, VersionTouched::Yes);
        assert_eq!(set(1, 8).await, VersionTouched::Yes);
        assert_eq!(store.policy_get(&scope(), &name("p")).await.unwrap().unwrap().updated_at, time(7));
        assert!(matches!(add(&store, "p", false, 9).await, VersionCreated::Yes(made) if made.version == 6));
        let versions = store.policy_versions(&scope(), &name("p")).await.unwrap().unwrap();
        let short: Vec<_> = versions.iter().map(|v| (v.version, v.is_default)).collect();
        assert_eq!(short, [(6, false), (4, false), (3, false), (2, false), (1, true)]);
        assert_eq!(add(&store, "x", true, 1).await, VersionCreated::NotFound);
        assert_eq!(store.policy_versions(&scope(), &name("x")).await.unwrap(), None);
    });
}

#[test]
fn writers_at_once_never_make_a_sixth_version_or_the_same_twice() {
    on_both(|store| async move {
        create(&store, "p").await;
        let (a, b, c, d, e) = tokio::join!(
            add(&store, "p", false, 1),
            add(&store, "p", true, 2),
            add(&store, "p", false, 3),
            add(&store, "p", true, 4),
            add(&store, "p", false, 5),
        );
        let mut numbers = Vec::new();
        let mut refused = 0;
        for made in [a, b, c, d, e] {
            match made {
                VersionCreated::Yes(version) => numbers.push(version.version),
                VersionCreated::TooMany => refused += 1,
                VersionCreated::NotFound => panic!(),
            }
        }
        numbers.sort_unstable();
        assert_eq!((numbers.as_slice(), refused), (&[2, 3, 4, 5][..], 1));
    });
}

#[test]
fn versions_then_attachments_keep_a_policy() {
    on_both(|store| async move {
        let tags = vec![Tag { key: "a".into(), value: "1".into() }];
        assert!(store.policy_create(&scope(), NewPolicy { tags: tags.clone(), ..new("p") }).await.unwrap());
        let tagged = Taggable { kind: Kind::Policy, name: "p".to_owned() };
        assert_eq!(store.resource_tags_list(&scope(), &tagged).await.unwrap(), tags);
        add(&store, "p", false, 1).await;
        let target = Target::Cognito("us-east-1:x".to_owned());
        assert!(attachment::attach(&store, "p", &target).await);
        let delete = async || store.policy_delete(&scope(), &name("p")).await.unwrap();
        assert_eq!(delete().await, PolicyDeleted::Kept(PolicyKept::Versions));
        store.policy_version_delete(&scope(), &name("p"), 2).await.unwrap();
        assert_eq!(delete().await, PolicyDeleted::Kept(PolicyKept::Attached));
        store.policy_detach(&scope(), &name("p"), &target).await.unwrap();
        assert_eq!(delete().await, PolicyDeleted::Yes);
        assert_eq!(delete().await, PolicyDeleted::NotFound);
        create(&store, "p").await;
        assert_eq!(store.resource_tags_list(&scope(), &tagged).await.unwrap(), []);
    });
}

#[test]
fn policies_are_listed_both_ways() {
    on_both(|store| async move {
        let all: Vec<String> = (0..10).rev().map(|n| format!("p{n}")).collect();
        for called in &all {
            create(&store, called).await;
        }
        for (order, limit) in [(Order::OldestFirst, 3), (Order::NewestFirst, 4)] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.policies_page(&scope(), order, after, limit).await.unwrap();
                seen.extend(page.items.iter().map(PolicyName::to_string));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if order == Order::NewestFirst {
                seen.reverse();
            }
            assert_eq!(seen, all);
        }
    });
}

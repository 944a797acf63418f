use adit_iot::iam::IdentityKind::User;
use adit_iot::iam::{ManagedPolicy, PolicyArn};
use adit_iot::tag::Tag;
use adit_store::{IamCreated, ManagedDeleted, ManagedFilter, NewManagedPolicy, Tagged, Versioned};

use super::{ACCOUNT, OTHER, arn, new_policy, of_aws, policy, user};
use crate::{on_both, time};

#[test]
fn a_policy_is_found_by_path_and_name() {
    on_both(|store| async move {
        let tag = Tag { key: "k".to_owned(), value: "v".to_owned() };
        let new = NewManagedPolicy {
            path: "/a/".to_owned(),
            description: Some("d".to_owned()),
            tags: vec![tag.clone()],
            ..new_policy("door")
        };
        let create = |account, new| store.managed_policy_create(account, new, 2);
        assert_eq!(create(ACCOUNT, new.clone()).await.unwrap(), IamCreated::Yes);
        assert_eq!(create(ACCOUNT, new_policy("DOOR")).await.unwrap(), IamCreated::Exists);
        assert_eq!(create(ACCOUNT, new_policy("b")).await.unwrap(), IamCreated::Yes);
        assert_eq!(create(ACCOUNT, new_policy("c")).await.unwrap(), IamCreated::TooMany);
        let there = PolicyArn { path: "/a/".to_owned(), ..arn("door") };
        let expected = ManagedPolicy {
            name: "door".to_owned(),
            path: "/a/".to_owned(),
            id: "ANPAdoor".to_owned(),
            description: Some("d".to_owned()),
            tags: vec![tag],
            default_version: 1,
            attached: 0,
            created_at: time(0),
            updated_at: time(0),
        };
        assert_eq!(store.managed_policy_get(ACCOUNT, &there).await.unwrap(), Some(expected));
        for (account, other) in [(ACCOUNT, arn("door")), (OTHER, there), (ACCOUNT, of_aws("/a/", "door"))] {
            assert_eq!(store.managed_policy_get(account, &other).await.unwrap(), None);
        }
    });
}

#[test]
fn versions_count_up_and_the_default_one_stays() {
    on_both(|store| async move {
        policy(&store, "door").await;
        let door = arn("door");
        let add = |default, at| {
            store.managed_version_create(ACCOUNT, &door, format!("at {at}"), default, 3, time(at))
        };
        assert!(
            matches!(add(true, 2).await.unwrap(), Versioned::Yes(made) if made.version == 2 && made.is_default)
        );
        assert!(
            matches!(add(false, 3).await.unwrap(), Versioned::Yes(made) if made.version == 3 && !made.is_default)
        );
        assert_eq!(add(false, 4).await.unwrap(), Versioned::TooMany);
        let delete = |version| store.managed_version_delete(ACCOUNT, &door, version);
        assert_eq!(delete(2).await.unwrap(), Versioned::Default);
        assert!(matches!(delete(3).await.unwrap(), Versioned::Yes(gone) if gone.document == "at 3"));
        assert_eq!(delete(3).await.unwrap(), Versioned::NoVersion);
        assert!(matches!(add(false, 5).await.unwrap(), Versioned::Yes(made) if made.version == 4));

        let default = |version| store.managed_version_set_default(ACCOUNT, &door, version, time(6));
        assert_eq!(default(3).await.unwrap(), Versioned::NoVersion);
        assert!(matches!(default(4).await.unwrap(), Versioned::Yes(now) if now.is_default));
        let versions = store.managed_versions(ACCOUNT, &door).await.unwrap().unwrap();
        let short: Vec<_> = versions.iter().map(|v| (v.version, v.is_default, v.document.as_str())).collect();
        assert_eq!(short, [(4, true, "at 5"), (2, false, "at 2"), (1, false, "document 1 of door")]);
        let kept = store.managed_policy_get(ACCOUNT, &door).await.unwrap().unwrap();
        assert_eq!((kept.default_version, kept.updated_at), (4, time(6)));
        assert_eq!(store.managed_versions(ACCOUNT, &arn("no")).await.unwrap(), None);
        let missing = store.managed_version_delete(ACCOUNT, &arn("no"), 1).await.unwrap();
        assert_eq!(missing, Versioned::NoPolicy);
    });
}

#[test]
fn a_policy_goes_when_nobody_has_it_and_one_version_is_left() {
    on_both(|store| async move {
        policy(&store, "door").await;
        user(&store, "ana").await;
        let door = arn("door");
        store.managed_policy_attach(ACCOUNT, User, "ana", &door, 9).await.unwrap();
        assert_eq!(store.managed_policy_get(ACCOUNT, &door).await.unwrap().unwrap().attached, 1);
        let gone = || store.managed_policy_delete(ACCOUNT, &door);
        assert_eq!(gone().await.unwrap(), ManagedDeleted::Attached);
        store.managed_policy_detach(ACCOUNT, User, "ana", &door).await.unwrap();
        store.managed_version_create(ACCOUNT, &door, "2".to_owned(), false, 5, time(1)).await.unwrap();
        assert_eq!(gone().await.unwrap(), ManagedDeleted::Versions);
        store.managed_version_delete(ACCOUNT, &door, 2).await.unwrap();
        assert_eq!(gone().await.unwrap(), ManagedDeleted::Yes);
        assert_eq!(gone().await.unwrap(), ManagedDeleted::NotFound);
    });
}

#[test]
fn policies_are_listed_by_path_and_by_use() {
    on_both(|store| async move {
        user(&store, "ana").await;
        for name in ["b", "a", "c"] {
            policy(&store, name).await;
        }
        store.managed_policy_attach(ACCOUNT, User, "ana", &arn("a"), 9).await.unwrap();
        let page = |filter, after| store.managed_policies_page(ACCOUNT, filter, after, 2);
        let names = |items: Vec<ManagedPolicy>| items.into_iter().map(|p| p.name).collect::<Vec<_>>();
        let all = ManagedFilter::default();
        let first = page(all.clone(), None).await.unwrap();
        assert_eq!(names(first.items), ["b", "a"]);
        assert_eq!(names(page(all.clone(), first.next).await.unwrap().items), ["c"]);
        let used = ManagedFilter { only_attached: true, ..all.clone() };
        assert_eq!(names(page(used, None).await.unwrap().items), ["a"]);
        let elsewhere = ManagedFilter { prefix: "/x/".to_owned(), ..all };
        assert!(page(elsewhere, None).await.unwrap().items.is_empty());
    });
}

#[test]
fn tags_of_a_policy() {
    on_both(|store| async move {
        policy(&store, "door").await;
        let tag = |value: &str| Tag { key: "k".to_owned(), value: value.to_owned() };
        let door = arn("door");
        let set = |arn, tags| {
            let store = &store;
            async move { store.managed_policy_tags_set(ACCOUNT, &arn, tags).await.unwrap() }
        };
        assert_eq!(set(door.clone(), vec![tag("1"), tag("2")]).await, Tagged::Yes);
        assert_eq!(set(arn("no"), vec![tag("1")]).await, Tagged::NotFound);
        let tags = || async { store.managed_policy_get(ACCOUNT, &door).await.unwrap().unwrap().tags };
        assert_eq!(tags().await, [tag("2")]);
        assert!(store.managed_policy_tags_remove(ACCOUNT, &door, vec!["k".to_owned()]).await.unwrap());
        assert!(tags().await.is_empty());
        assert!(!store.managed_policy_tags_remove(ACCOUNT, &arn("no"), Vec::new()).await.unwrap());
    });
}

use adit_iot::thing::Thing;
use adit_iot::thing_group::{Change, MAX_CHILDREN, MAX_DEPTH, NewGroup};
use adit_iot::{Kind, Scope, ThingGroupName, ThingName};
use adit_store::{GroupCreated, GroupDeleted, GroupFilter, GroupUpdated, Regrouped, Store};

use crate::{on_both, scope, time};

fn name(text: &str) -> ThingGroupName {
    ThingGroupName::parse(text).unwrap()
}

fn names(texts: &[&str]) -> Vec<ThingGroupName> {
    texts.iter().map(|text| name(text)).collect()
}

fn new(called: &str, parent: Option<&str>) -> NewGroup {
    NewGroup {
        name: name(called),
        id: format!("id-{called}"),
        parent: parent.map(name),
        description: None,
        attributes: Default::default(),
        created_at: time(0),
    }
}

pub async fn create(store: &Store, called: &str, parent: Option<&str>) -> GroupCreated {
    store.thing_group_create(&scope(), new(called, parent), Vec::new()).await.unwrap()
}

/// all > berlin > cellar; all > paris; red
async fn tree(store: &Store) {
    for (called, parent) in [
        ("all", None),
        ("berlin", Some("all")),
        ("cellar", Some("berlin")),
        ("paris", Some("all")),
        ("red", None),
    ] {
        assert!(matches!(create(store, called, parent).await, GroupCreated::Yes(_)), "{called}");
    }
}

async fn thing(store: &Store, called: &str) -> ThingName {
    let name = ThingName::parse(called).unwrap();
    let thing = Thing::new(name.clone(), format!("id-{called}"), None, Default::default(), time(0)).unwrap();
    store.thing_create(&scope(), thing).await.unwrap();
    name
}

async fn regroup(store: &Store, thing: &ThingName, remove: &[&str], add: &[&str]) -> Regrouped {
    store.thing_regroup(&scope(), thing, names(remove), names(add)).await.unwrap()
}

async fn things(store: &Store, group: &str, recursive: bool) -> Vec<String> {
    let page = store.things_of_thing_group(&scope(), &name(group), recursive, None, 100).await.unwrap();
    page.unwrap().items.iter().map(ThingName::to_string).collect()
}

async fn groups(store: &Store, filter: GroupFilter) -> Vec<String> {
    let page = store.thing_groups_page(&scope(), filter, None, 200).await.unwrap();
    page.unwrap().items.iter().map(ThingGroupName::to_string).collect()
}

#[test]
fn creating_the_same_group_again_finds_it() {
    on_both(|store| async move {
        tree(&store).await;
        let GroupCreated::Same(found) = create(&store, "cellar", Some("berlin")).await else { panic!() };
        assert_eq!(found.above, names(&["all", "berlin"]));
        assert_eq!(store.thing_group_get(&scope(), &name("cellar")).await.unwrap(), Some(found));
        assert!(matches!(create(&store, "cellar", Some("all")).await, GroupCreated::Different(_)));
        assert!(matches!(create(&store, "cellar", None).await, GroupCreated::Different(_)));
        assert_eq!(create(&store, "x", Some("unknown")).await, GroupCreated::NoSuchParent);
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert_eq!(store.thing_group_get(&other, &name("all")).await.unwrap(), None);
    });
}

#[test]
fn depth_and_children_have_limits() {
    on_both(|store| async move {
        let mut parent: Option<String> = None;
        for level in 0..MAX_DEPTH {
            let called = format!("level{level}");
            assert!(matches!(create(&store, &called, parent.as_deref()).await, GroupCreated::Yes(_)));
            parent = Some(called);
        }
        let refused = create(&store, "deep", parent.as_deref()).await;
        assert!(matches!(refused, GroupCreated::Refused(e) if e.kind == Kind::LimitExceeded));
        create(&store, "wide", None).await;
        for n in 0..MAX_CHILDREN {
            create(&store, &format!("child{n}"), Some("wide")).await;
        }
        let refused = create(&store, "more", Some("wide")).await;
        assert!(matches!(refused, GroupCreated::Refused(e) if e.kind == Kind::LimitExceeded));
    });
}

#[test]
fn a_change_counts_versions_and_keeps_to_the_expected_one() {
    on_both(|store| async move {
        tree(&store).await;
        let update = async |called: &str, expected| {
            let change = Change { description: Some("text".to_owned()), ..Change::default() };
            store.thing_group_update(&scope(), &name(called), expected, change).await.unwrap()
        };
        let GroupUpdated::Yes(after) = update("cellar", Some(1)).await else { panic!() };
        assert_eq!((after.version, after.above.len()), (2, 2));
        assert_eq!(update("cellar", Some(1)).await, GroupUpdated::VersionConflict);
        assert_eq!(update("unknown", None).await, GroupUpdated::NotFound);
        assert_eq!(store.thing_group_get(&scope(), &name("cellar")).await.unwrap(), Some(after));
    });
}

#[test]
fn a_group_with_children_stays_and_a_deleted_one_lets_its_things_go() {
    on_both(|store| async move {
        tree(&store).await;
        let lamp = thing(&store, "lamp").await;
        regroup(&store, &lamp, &[], &["cellar"]).await;
        let delete = async |called: &str, expected| {
            store.thing_group_delete(&scope(), &name(called), expected).await.unwrap()
        };
        assert_eq!(delete("berlin", None).await, GroupDeleted::HasChildren);
        assert_eq!(delete("cellar", Some(2)).await, GroupDeleted::VersionConflict);
        assert_eq!(things(&store, "all", true).await, ["lamp"]);
        assert_eq!(delete("cellar", Some(1)).await, GroupDeleted::Yes);
        assert_eq!(delete("cellar", None).await, GroupDeleted::NotFound);
        assert!(things(&store, "all", true).await.is_empty());
        assert_eq!(regroup(&store, &lamp, &[], &["paris"]).await, Regrouped::Yes(true));
        assert_eq!(delete("berlin", None).await, GroupDeleted::Yes);
    });
}

#[test]
fn groups_are_listed_by_level_parent_and_prefix() {
    on_both(|store| async move {
        tree(&store).await;
        let filter = |parent: Option<&str>, prefix: Option<&str>, recursive| GroupFilter {
            parent: parent.map(name),
            prefix: prefix.map(str::to_owned),
            recursive,
        };
        for (parent, prefix, recursive, found) in [
            (None, None, true, &["all", "berlin", "cellar", "paris", "red"][..]),
            (None, None, false, &["all", "red"]),
            (Some("all"), None, true, &["berlin", "cellar", "paris"]),
            (Some("all"), None, false, &["berlin", "paris"]),
            (Some("red"), None, true, &[]),
            (None, Some("r"), true, &["red"]),
            (None, Some("p"), false, &[]),
            (Some("all"), Some("c"), true, &["cellar"]),
            (Some("all"), Some("c"), false, &[]),
            (None, Some("x"), true, &[]),
        ] {
            assert_eq!(
                groups(&store, filter(parent, prefix, recursive)).await,
                found,
                "{parent:?} {prefix:?}"
            );
        }
        let page = async |after| {
            let all = filter(None, None, true);
            store.thing_groups_page(&scope(), all, after, 3).await.unwrap().unwrap()
        };
        let first = page(None).await;
        assert_eq!(
            (first.items, page(first.next).await.items),
            (names(&["all", "berlin", "cellar"]), names(&["paris", "red"]))
        );
        let unknown =
            store.thing_groups_page(&scope(), filter(Some("x"), None, true), None, 9).await.unwrap();
        assert_eq!(unknown, None);
    });
}

#[test]
fn a_thing_is_in_a_group_and_in_those_above() {
    on_both(|store| async move {
        tree(&store).await;
        let (lamp, bulb) = (thing(&store, "lamp").await, thing(&store, "bulb").await);
        assert_eq!(regroup(&store, &lamp, &[], &["cellar", "red"]).await, Regrouped::Yes(true));
        assert_eq!(regroup(&store, &lamp, &[], &["cellar"]).await, Regrouped::Yes(false));
        assert_eq!(regroup(&store, &bulb, &[], &["berlin"]).await, Regrouped::Yes(true));
        for (group, recursive, found) in [
            ("cellar", false, &["lamp"][..]),
            ("berlin", false, &["bulb"]),
            ("berlin", true, &["lamp", "bulb"]),
            ("all", false, &[]),
            ("all", true, &["lamp", "bulb"]),
            ("paris", true, &[]),
        ] {
            assert_eq!(things(&store, group, recursive).await, found, "{group} {recursive}");
        }
        let direct = store.thing_groups_of_thing(&scope(), &lamp, None, 9).await.unwrap().unwrap();
        assert_eq!(direct.items, names(&["cellar", "red"]));
        let above = store.groups_of_thing_with_ancestors(&scope(), &lamp).await.unwrap();
        assert_eq!(above, names(&["cellar", "berlin", "all", "red"]));
        assert_eq!(regroup(&store, &lamp, &["cellar", "paris"], &[]).await, Regrouped::Yes(true));
        assert_eq!(things(&store, "all", true).await, ["bulb"]);
        let unknown = ThingName::parse("unknown").unwrap();
        assert!(store.groups_of_thing_with_ancestors(&scope(), &unknown).await.unwrap().is_empty());
        assert_eq!(store.thing_groups_of_thing(&scope(), &unknown, None, 9).await.unwrap(), None);
        assert_eq!(store.things_of_thing_group(&scope(), &name("x"), true, None, 9).await.unwrap(), None);
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    on_both(|store| async move {
        tree(&store).await;
        let lamp = thing(&store, "lamp").await;
        regroup(&store, &lamp, &[], &["cellar"]).await;
        for (remove, add) in [(&[][..], &["red", "paris"][..]), (&["cellar"], &["berlin", "paris"])] {
            let refused = regroup(&store, &lamp, remove, add).await;
            assert!(matches!(refused, Regrouped::Refused(e) if e.kind == Kind::Invalid));
        }
        assert_eq!(
            regroup(&store, &lamp, &["cellar"], &["nowhere"]).await,
            Regrouped::NoSuchGroup(name("nowhere"))
        );
        let unknown = ThingName::parse("unknown").unwrap();
        assert_eq!(regroup(&store, &unknown, &[], &["red"]).await, Regrouped::NoSuchThing);
        let direct = store.thing_groups_of_thing(&scope(), &lamp, None, 9).await.unwrap().unwrap();
        assert_eq!(direct.items, names(&["cellar"]));
    });
}

#[test]
fn a_deleted_thing_leaves_its_groups() {
    on_both(|store| async move {
        tree(&store).await;
        let lamp = thing(&store, "lamp").await;
        regroup(&store, &lamp, &[], &["cellar"]).await;
        store.thing_delete(&scope(), &lamp, None).await.unwrap();
        assert!(things(&store, "all", true).await.is_empty());
        thing(&store, "lamp").await;
        assert!(things(&store, "all", true).await.is_empty());
    });
}

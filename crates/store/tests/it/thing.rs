use adit_iot::thing::{AttributeFilter, Attributes, Change, Filter, Thing, ValueFilter};
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{Kind, Scope, ThingName, ThingTypeName};
use adit_store::{Store, ThingCreated, ThingDeleted, ThingUpdated};

use crate::{on_both, scope, time};

fn name(text: &str) -> ThingName {
    ThingName::parse(text).unwrap()
}

fn kind(text: &str) -> ThingTypeName {
    ThingTypeName::parse(text).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn thing(called: &str, pairs: &[(&str, &str)]) -> Thing {
    Thing::new(name(called), format!("id-{called}"), None, attributes(pairs), time(0)).unwrap()
}

fn change(pairs: &[(&str, &str)], merge: bool) -> Change {
    Change { attributes: Some(attributes(pairs)), merge, kind: None }
}

async fn create(store: &Store, called: &str, pairs: &[(&str, &str)]) -> ThingCreated {
    store.thing_create(&scope(), thing(called, pairs)).await.unwrap()
}

async fn names(store: &Store, filter: Filter) -> Vec<String> {
    let page = store.things_page(&scope(), filter, None, 100).await.unwrap();
    page.items.iter().map(|thing| thing.name.to_string()).collect()
}

fn having(attribute: &str, value: Option<ValueFilter>) -> Filter {
    Filter { type_name: None, attribute: Some(AttributeFilter { name: attribute.to_owned(), value }) }
}

fn is(value: &str) -> Option<ValueFilter> {
    Some(ValueFilter::Is(value.to_owned()))
}

fn starts(value: &str) -> Option<ValueFilter> {
    Some(ValueFilter::StartsWith(value.to_owned()))
}

#[test]
fn creating_the_same_thing_again_finds_it() {
    on_both(|store| async move {
        let lamp = thing("lamp", &[("a", "1")]);
        assert_eq!(create(&store, "lamp", &[("a", "1")]).await, ThingCreated::Yes(lamp.clone()));
        let again = Thing { id: "other".to_owned(), created_at: time(9), ..lamp.clone() };
        let found = store.thing_create(&scope(), again).await.unwrap();
        assert_eq!(found, ThingCreated::Same(lamp.clone()));
        assert_eq!(create(&store, "lamp", &[("a", "2")]).await, ThingCreated::Different(lamp.clone()));
        assert_eq!(store.thing_get(&scope(), &name("lamp")).await.unwrap(), Some(lamp));
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert_eq!(store.thing_get(&other, &name("lamp")).await.unwrap(), None);
    });
}

#[test]
fn a_change_counts_versions_and_keeps_to_the_expected_one() {
    on_both(|store| async move {
        create(&store, "lamp", &[("a", "1"), ("b", "2")]).await;
        let update = async |expected, change| {
            store.thing_update(&scope(), &name("lamp"), expected, change).await.unwrap()
        };
        let ThingUpdated::Yes(after) = update(Some(1), change(&[("b", ""), ("c", "3")], true)).await else {
            panic!()
        };
        assert_eq!((after.version, after.attributes), (2, attributes(&[("a", "1"), ("c", "3")])));
        assert_eq!(update(Some(1), change(&[], false)).await, ThingUpdated::VersionConflict);
        let four = change(&[("d", "4"), ("e", "5")], true);
        assert!(matches!(update(None, four).await, ThingUpdated::Refused(e) if e.kind == Kind::Invalid));
        let ThingUpdated::Yes(after) = update(None, Change::default()).await else { panic!() };
        assert_eq!(after.version, 3);
        assert_eq!(store.thing_get(&scope(), &name("lamp")).await.unwrap(), Some(after));
        let unknown = store.thing_update(&scope(), &name("x"), None, Change::default()).await.unwrap();
        assert_eq!(unknown, ThingUpdated::NotFound);
        // Filters follow the change.
        assert!(names(&store, having("b", None)).await.is_empty());
        assert_eq!(names(&store, having("c", is("3"))).await, ["lamp"]);
    });
}

#[test]
fn deleting_keeps_to_the_expected_version() {
    on_both(|store| async move {
        create(&store, "lamp", &[("a", "1")]).await;
        let delete = async |expected| store.thing_delete(&scope(), &name("lamp"), expected).await.unwrap();
        assert_eq!(delete(Some(2)).await, ThingDeleted::VersionConflict);
        assert_eq!(delete(Some(1)).await, ThingDeleted::Yes);
        assert_eq!(delete(None).await, ThingDeleted::NotFound);
        assert!(names(&store, having("a", None)).await.is_empty());
    });
}

#[test]
fn pages_are_in_order_of_creation() {
    on_both(|store| async move {
        let all: Vec<String> = (0..25).rev().map(|n| format!("t{n}")).collect();
        for called in &all {
            create(&store, called, &[]).await;
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store.things_page(&scope(), Filter::default(), after, 10).await.unwrap();
            seen.extend(page.items.iter().map(|thing| thing.name.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    });
}

#[test]
fn filters_match_exactly_or_by_prefix() {
    on_both(|store| async move {
        for (called, pairs) in [
            ("c", &[("site", "berlin-1")][..]),
            ("a", &[("site", "berlin-2"), ("kind", "x")]),
            ("b", &[("site", "Berlin-1")]),
            ("d", &[("kind", "berlin-1")]),
            ("e", &[("site", "berlin")]),
        ] {
            create(&store, called, pairs).await;
        }
        assert_eq!(names(&store, having("site", is("berlin-1"))).await, ["c"]);
        assert_eq!(names(&store, having("site", starts("berlin"))).await, ["c", "a", "e"]);
        assert_eq!(names(&store, having("site", starts(""))).await, ["c", "a", "b", "e"]);
        assert_eq!(names(&store, having("site", None)).await, ["c", "a", "b", "e"]);
        assert!(names(&store, having("site", is(""))).await.is_empty());
        let typed = Filter { type_name: Some(kind("t")), ..having("site", None) };
        assert!(names(&store, typed).await.is_empty());
    });
}

#[test]
fn things_of_one_type_are_found() {
    on_both(|store| async move {
        for (called, type_name) in
            [("a", Some("lamp")), ("b", None), ("c", Some("lamp")), ("d", Some("lamp2"))]
        {
            let of = Thing { type_name: type_name.map(kind), ..thing(called, &[("k", "v")]) };
            if let Some(name) = &of.type_name {
                let new =
                    ThingType::new(name.clone(), "id".to_owned(), Properties::default(), time(0)).unwrap();
                store.thing_type_create(&scope(), new, Vec::new()).await.unwrap();
            }
            store.thing_create(&scope(), of).await.unwrap();
        }
        let lamps = Filter { type_name: Some(kind("lamp")), attribute: None };
        assert_eq!(names(&store, lamps.clone()).await, ["a", "c"]);
        assert_eq!(
            names(&store, Filter { attribute: having("k", is("v")).attribute, ..lamps }).await,
            ["a", "c"]
        );
    });
}

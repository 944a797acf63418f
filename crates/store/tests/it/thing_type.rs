use adit_iot::tag::{Kind as TagKind, Tag, Taggable};
use adit_iot::thing::{Change, Filter, Thing, TypeChange};
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{Kind, ThingName, ThingTypeName};
use adit_store::{Store, ThingCreated, ThingUpdated, TypeChanged, TypeCreated};

use crate::{on_both, scope, time};

const WAIT: i64 = 300_000;

fn name(text: &str) -> ThingTypeName {
    ThingTypeName::parse(text).unwrap()
}

fn described(text: &str) -> Properties {
    Properties { thing_type_description: Some(text.to_owned()), ..Properties::default() }
}

fn new(called: &str, properties: Properties) -> ThingType {
    ThingType::new(name(called), format!("id-{called}"), properties, time(0)).unwrap()
}

async fn create(store: &Store, called: &str) -> TypeCreated {
    store.thing_type_create(&scope(), new(called, Properties::default()), Vec::new()).await.unwrap()
}

fn thing(called: &str, kind: Option<&str>) -> Thing {
    let name = ThingName::parse(called).unwrap();
    Thing::new(name, format!("id-{called}"), kind.map(self::name), Default::default(), time(0)).unwrap()
}

#[test]
fn creating_the_same_type_again_finds_it() {
    on_both(|store| async move {
        let lamp = new("lamp", described("one"));
        let create = async |kind| store.thing_type_create(&scope(), kind, Vec::new()).await.unwrap();
        assert_eq!(create(lamp.clone()).await, TypeCreated::Yes(lamp.clone()));
        let again = ThingType { id: "other".to_owned(), created_at: time(9), ..lamp.clone() };
        assert_eq!(create(again).await, TypeCreated::Same(lamp.clone()));
        assert_eq!(create(new("lamp", described("two"))).await, TypeCreated::Different(lamp.clone()));
        assert_eq!(store.thing_type_get(&scope(), &name("lamp")).await.unwrap(), Some(lamp));
    });
}

#[test]
fn changes_and_deprecation_are_kept() {
    on_both(|store| async move {
        create(&store, "lamp").await;
        let (lamp, unknown) = (name("lamp"), name("unknown"));
        let update = async |name| store.thing_type_update(&scope(), name, described("x")).await.unwrap();
        assert_eq!(update(&lamp).await, TypeChanged::Yes);
        assert_eq!(update(&unknown).await, TypeChanged::NotFound);
        let other = Properties { searchable_attributes: Some(vec!["a".to_owned()]), ..Properties::default() };
        let refused = store.thing_type_update(&scope(), &lamp, other).await.unwrap();
        assert!(matches!(refused, TypeChanged::Refused(e) if e.kind == Kind::Invalid));
        for (at, kept) in [(Some(time(1)), Some(time(1))), (Some(time(2)), Some(time(1))), (None, None)] {
            assert_eq!(store.thing_type_deprecate(&scope(), &lamp, at).await.unwrap(), TypeChanged::Yes);
            let found = store.thing_type_get(&scope(), &lamp).await.unwrap().unwrap();
            assert_eq!((found.deprecated_at, found.properties), (kept, described("x")));
        }
        assert_eq!(
            store.thing_type_deprecate(&scope(), &unknown, None).await.unwrap(),
            TypeChanged::NotFound
        );
    });
}

#[test]
fn a_type_in_use_or_not_deprecated_stays() {
    on_both(|store| async move {
        create(&store, "lamp").await;
        store.thing_create(&scope(), thing("one", Some("lamp"))).await.unwrap();
        let lamp = name("lamp");
        let delete =
            async |minutes| store.thing_type_delete(&scope(), &lamp, WAIT, time(minutes)).await.unwrap();
        store.thing_type_deprecate(&scope(), &lamp, Some(time(0))).await.unwrap();
        assert!(matches!(delete(9).await, TypeChanged::Refused(e) if e.message.contains("still things")));
        store.thing_delete(&scope(), &ThingName::parse("one").unwrap(), None).await.unwrap();
        assert!(matches!(delete(4).await, TypeChanged::Refused(e) if e.message.contains("5 minutes")));
        assert_eq!(delete(5).await, TypeChanged::Yes);
        assert_eq!(delete(5).await, TypeChanged::NotFound);
    });
}

#[test]
fn only_a_type_that_is_there_and_not_deprecated_is_given_to_things() {
    on_both(|store| async move {
        for called in ["lamp", "old"] {
            create(&store, called).await;
        }
        store.thing_create(&scope(), thing("before", Some("old"))).await.unwrap();
        store.thing_type_deprecate(&scope(), &name("old"), Some(time(0))).await.unwrap();
        let create = async |called, kind| store.thing_create(&scope(), thing(called, kind)).await.unwrap();
        assert_eq!(create("a", Some("none")).await, ThingCreated::NoSuchType);
        assert!(
            matches!(create("a", Some("old")).await, ThingCreated::Refused(e) if e.kind == Kind::Invalid)
        );
        assert!(matches!(create("before", Some("old")).await, ThingCreated::Same(_)));
        assert!(matches!(create("a", None).await, ThingCreated::Yes(_)));
        let give = async |called: &str, kind| {
            let change = Change { kind: Some(kind), ..Change::default() };
            store.thing_update(&scope(), &ThingName::parse(called).unwrap(), None, change).await.unwrap()
        };
        assert_eq!(give("a", TypeChange::Set(name("none"))).await, ThingUpdated::NoSuchType);
        assert!(matches!(give("a", TypeChange::Set(name("old"))).await, ThingUpdated::Refused(_)));
        assert!(matches!(give("before", TypeChange::Set(name("old"))).await, ThingUpdated::Yes(_)));
        let ThingUpdated::Yes(given) = give("a", TypeChange::Set(name("lamp"))).await else { panic!() };
        assert_eq!((given.type_name, given.version), (Some(name("lamp")), 2));
        let of_type = Filter { type_name: Some(name("lamp")), attribute: None };
        let found = store.things_page(&scope(), of_type.clone(), None, 9).await.unwrap();
        assert_eq!(found.items.len(), 1);
        let ThingUpdated::Yes(given) = give("a", TypeChange::Remove).await else { panic!() };
        assert_eq!(given.type_name, None);
        assert!(store.things_page(&scope(), of_type, None, 9).await.unwrap().items.is_empty());
    });
}

#[test]
fn pages_are_in_order_of_creation_and_a_name_finds_one() {
    on_both(|store| async move {
        for called in ["c", "a", "b", "aa"] {
            create(&store, called).await;
        }
        let page =
            async |name, after, limit| store.thing_types_page(&scope(), name, after, limit).await.unwrap();
        let names = |page: &adit_store::Page<ThingType>| -> Vec<String> {
            page.items.iter().map(|kind| kind.name.to_string()).collect()
        };
        let first = page(None, None, 3).await;
        assert_eq!(names(&first), ["c", "a", "b"]);
        let rest = page(None, first.next, 3).await;
        assert_eq!((names(&rest), rest.next), (vec!["aa".to_owned()], None));
        assert_eq!(names(&page(Some(name("a")), None, 9).await), ["a"]);
    });
}

#[test]
fn tags_come_and_go_with_the_type() {
    on_both(|store| async move {
        let tag = Tag { key: "k".to_owned(), value: "v".to_owned() };
        let lamp = Taggable { kind: TagKind::ThingType, name: "lamp".to_owned() };
        let kind = new("lamp", Properties::default());
        store.thing_type_create(&scope(), kind.clone(), vec![tag.clone()]).await.unwrap();
        assert_eq!(store.resource_tags_list(&scope(), &lamp).await.unwrap(), std::slice::from_ref(&tag));
        store.thing_type_delete(&scope(), &name("lamp"), 0, time(1)).await.unwrap();
        assert!(store.resource_tags_list(&scope(), &lamp).await.unwrap().is_empty());
        store.thing_type_create(&scope(), kind, Vec::new()).await.unwrap();
        assert!(store.resource_tags_list(&scope(), &lamp).await.unwrap().is_empty());
    });
}

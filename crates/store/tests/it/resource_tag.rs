use adit_iot::tag::{Kind as TagKind, Tag, Taggable};
use adit_iot::thing_group::NewGroup;
use adit_iot::{Kind, Scope, ThingGroupName};
use adit_store::{Store, Tagged};

use crate::{on_both, scope, time};

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

fn resource(kind: TagKind, name: &str) -> Taggable {
    Taggable { kind, name: name.to_owned() }
}

async fn group(store: &Store, tags: Vec<Tag>) -> Taggable {
    let name = ThingGroupName::parse("lamps").unwrap();
    let new = NewGroup {
        name,
        id: "id".to_owned(),
        parent: None,
        description: None,
        attributes: Default::default(),
        created_at: time(0),
    };
    store.thing_group_create(&scope(), new, tags).await.unwrap();
    resource(TagKind::ThingGroup, "lamps")
}

#[test]
fn tags_are_set_by_key_and_removed_by_key() {
    on_both(|store| async move {
        let lamps = group(&store, vec![tag("a", "1")]).await;
        let set = async |tags| store.resource_tags_set(&scope(), &lamps, tags).await.unwrap();
        assert_eq!(set(vec![tag("b", "2"), tag("a", "3")]).await, Tagged::Yes);
        let list = async || store.resource_tags_list(&scope(), &lamps).await.unwrap();
        assert_eq!(list().await, [tag("a", "3"), tag("b", "2")]);
        let keys = vec!["a".to_owned(), "never".to_owned()];
        assert!(store.resource_tags_remove(&scope(), &lamps, keys).await.unwrap());
        assert_eq!(list().await, [tag("b", "2")]);
        let fifty = (0..50).map(|n| tag(&n.to_string(), "")).collect();
        assert!(matches!(set(fifty).await, Tagged::Refused(e) if e.kind == Kind::LimitExceeded));
        assert_eq!(list().await, [tag("b", "2")]);
    });
}

#[test]
fn what_is_not_there_has_no_tags() {
    on_both(|store| async move {
        let lamps = group(&store, vec![tag("a", "1")]).await;
        for absent in [
            resource(TagKind::ThingGroup, "other"),
            resource(TagKind::ThingType, "lamps"),
            resource(TagKind::Policy, "lamps"),
            resource(TagKind::Job, "lamps"),
        ] {
            let set = store.resource_tags_set(&scope(), &absent, vec![tag("k", "v")]).await.unwrap();
            assert_eq!(set, Tagged::NotFound);
            assert!(!store.resource_tags_remove(&scope(), &absent, Vec::new()).await.unwrap());
            assert!(store.resource_tags_list(&scope(), &absent).await.unwrap().is_empty());
        }
        let other = Scope::new("123456789012", "eu-west-1").unwrap();
        assert!(store.resource_tags_list(&other, &lamps).await.unwrap().is_empty());
    });
}

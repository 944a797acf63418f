use adit_iot::Kind;
use adit_iot::tag::Tag;
use adit_store::Tagged;

use crate::{at, id, on_both, open, scope};

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

#[test]
fn tags_are_set_by_key_and_removed_by_key() {
    on_both(|store| async move {
        open(&store, "a").await;
        let set = async |tags| store.tags_set(&scope(), &id("a"), tags, at(1)).await.unwrap();
        assert_eq!(set(vec![tag("a", "1"), tag("b", "2")]).await, Tagged::Yes);
        assert_eq!(set(vec![tag("b", "3"), tag("c", "")]).await, Tagged::Yes);
        let keys = vec!["a".to_owned(), "unknown".to_owned()];
        assert!(store.tags_remove(&scope(), &id("a"), keys, at(1)).await.unwrap());
        let tags = store.tags_list(&scope(), &id("a"), at(1)).await.unwrap().unwrap();
        assert_eq!(tags, [tag("b", "3"), tag("c", "")]);
    });
}

#[test]
fn refused_tags_change_nothing() {
    on_both(|store| async move {
        open(&store, "a").await;
        let fifty = (0..50).map(|n| tag(&n.to_string(), "x")).collect();
        assert_eq!(store.tags_set(&scope(), &id("a"), fifty, at(1)).await.unwrap(), Tagged::Yes);
        for (tags, kind) in [
            (vec![tag("0", "y"), tag("more", "")], Kind::LimitExceeded),
            (vec![tag("aws:x", "")], Kind::Invalid),
        ] {
            let refused = store.tags_set(&scope(), &id("a"), tags, at(1)).await.unwrap();
            assert!(matches!(refused, Tagged::Refused(error) if error.kind == kind));
        }
        let tags = store.tags_list(&scope(), &id("a"), at(1)).await.unwrap().unwrap();
        assert!(tags.len() == 50 && tags.iter().all(|tag| tag.value == "x"));
    });
}

#[test]
fn a_tunnel_that_cannot_be_seen_has_no_tags() {
    on_both(|store| async move {
        open(&store, "a").await;
        store.tunnel_close(&scope(), &id("a"), at(0)).await.unwrap();
        assert!(store.tags_list(&scope(), &id("a"), at(1)).await.unwrap().is_some());
        let gone = at(3 * 60);
        assert_eq!(store.tags_list(&scope(), &id("a"), gone).await.unwrap(), None);
        assert_eq!(
            store.tags_set(&scope(), &id("a"), vec![tag("k", "")], gone).await.unwrap(),
            Tagged::NotFound
        );
        assert!(!store.tags_remove(&scope(), &id("a"), vec![], gone).await.unwrap());
    });
}

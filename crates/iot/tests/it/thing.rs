use adit_iot::thing::{Attributes, Change, MAX_ATTRIBUTES_WITHOUT_TYPE, Thing};
use adit_iot::{Kind, ThingName, ThingTypeName, Timestamp};
use proptest::prelude::*;

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map("[a-d]", "[xy]?", 0..5)
}

fn kind(name: &str) -> ThingTypeName {
    ThingTypeName::parse(name).unwrap()
}

fn thing(attributes: Attributes, type_name: Option<&str>) -> Result<Thing, adit_iot::Error> {
    let name = ThingName::parse("lamp").unwrap();
    Thing::new(name, "id".to_owned(), type_name.map(kind), attributes, Timestamp::from_millis(0))
}

proptest! {
    #[test]
    fn no_kept_value_is_empty_and_the_limit_holds(given in attributes()) {
        let kept = given.values().filter(|value| !value.is_empty()).count();
        match thing(given, None) {
            Ok(thing) => {
                prop_assert!(thing.attributes.len() == kept && thing.version == 1);
                prop_assert!(thing.attributes.values().all(|value| !value.is_empty()));
            }
            Err(refused) => {
                prop_assert!(kept > MAX_ATTRIBUTES_WITHOUT_TYPE);
                prop_assert_eq!(refused.kind, Kind::Invalid);
            }
        }
    }

    #[test]
    fn a_change_merges_or_replaces(before in attributes(), given in attributes(), merge: bool) {
        let Ok(thing) = thing(before, None) else { return Ok(()) };
        let mut model = if merge { thing.attributes.clone() } else { Attributes::new() };
        model.extend(given.clone());
        model.retain(|_, value| !value.is_empty());
        match thing.changed(&Change { attributes: Some(given), merge, kind: None }) {
            Ok(after) => {
                prop_assert_eq!(&after.attributes, &model);
                prop_assert_eq!(after.version, 2);
                prop_assert_eq!(after.id, thing.id);
            }
            Err(_) => prop_assert!(model.len() > MAX_ATTRIBUTES_WITHOUT_TYPE),
        }
    }
}

#[test]
fn a_change_without_attributes_only_counts() {
    let before = thing(Attributes::from([("a".to_owned(), "1".to_owned())]), None).unwrap();
    let after = before.changed(&Change::default()).unwrap();
    assert_eq!(after, Thing { version: 2, ..before });
}

#[test]
fn sameness_looks_at_type_and_attributes() {
    let one = thing(Attributes::from([("a".to_owned(), "1".to_owned())]), None).unwrap();
    let later =
        Thing { id: "x".to_owned(), version: 9, created_at: Timestamp::from_millis(9), ..one.clone() };
    assert!(one.is_same(&later));
    assert!(!one.is_same(&Thing { type_name: Some(kind("t")), ..one.clone() }));
    assert!(!one.is_same(&Thing { attributes: Attributes::new(), ..one.clone() }));
}

#[test]
fn a_type_allows_more_attributes() {
    let many = |count: u32| (0..count).map(|n| (n.to_string(), "x".to_owned())).collect::<Attributes>();
    assert!(thing(many(50), Some("t")).is_ok());
    assert!(thing(many(51), Some("t")).is_err());
    let refused = thing(many(4), None).unwrap_err();
    assert!(refused.message.contains("at most 3"), "{refused}");
}

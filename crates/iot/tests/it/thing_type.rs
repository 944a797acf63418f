use adit_iot::thing_type::{AWS_DELETE_WAIT_MILLIS, Mqtt5, Propagating, Properties, ThingType};
use adit_iot::{Kind, ThingTypeName, Timestamp};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn searchable(names: &[&str]) -> Properties {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Properties { searchable_attributes: Some(names), ..Properties::default() }
}

fn kind(properties: Properties) -> ThingType {
    let name = ThingTypeName::parse("lamp").unwrap();
    ThingType::new(name, "id".to_owned(), properties, at(0)).unwrap()
}

#[test]
fn three_searchable_attributes_are_allowed() {
    let name = ThingTypeName::parse("lamp").unwrap();
    let new = |names: &[&str]| ThingType::new(name.clone(), "id".to_owned(), searchable(names), at(0));
    assert!(new(&["a", "b", "c"]).is_ok());
    assert!(new(&["a", "b", "c", "a"]).is_ok(), "a name given twice counts once");
    let refused = new(&["a", "b", "c", "d"]).unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    assert!(refused.message.contains("at most 3") && refused.message.contains("make 4"), "{refused}");
}

#[test]
fn sameness_forgets_the_order_of_names_and_what_is_empty() {
    let one = kind(searchable(&["a", "b"]));
    assert!(one.is_same(&kind(searchable(&["b", "a"]))));
    assert!(!one.is_same(&kind(searchable(&["a"]))));
    assert!(kind(Properties::default()).is_same(&kind(searchable(&[]))));
    let described =
        |text: &str| Properties { thing_type_description: Some(text.to_owned()), ..Properties::default() };
    assert!(kind(described("")).is_same(&kind(Properties::default())));
    assert!(!kind(described("x")).is_same(&kind(Properties::default())));
}

#[test]
fn an_update_keeps_what_is_not_given_and_the_searchable_attributes() {
    let mqtt5 = Mqtt5 {
        propagating_attributes: Some(vec![Propagating {
            user_property_key: Some("k".to_owned()),
            thing_attribute: Some("a".to_owned()),
            connection_attribute: None,
        }]),
    };
    let before = kind(searchable(&["a"]));
    let given = Properties {
        thing_type_description: Some("text".to_owned()),
        mqtt5_configuration: Some(mqtt5.clone()),
        ..Properties::default()
    };
    let after = before.changed(given).unwrap();
    assert_eq!(after.properties.searchable_attributes, before.properties.searchable_attributes);
    assert_eq!(after.properties.mqtt5_configuration, Some(mqtt5));
    let again = after.changed(searchable(&["a"])).unwrap();
    assert_eq!(again, after);
    assert_eq!(after.changed(searchable(&["b"])).unwrap_err().kind, Kind::Invalid);
}

#[test]
fn only_a_type_that_is_not_deprecated_can_be_given() {
    let kind = kind(Properties::default());
    assert!(kind.assignable().is_ok());
    let deprecated = ThingType { deprecated_at: Some(at(1)), ..kind };
    assert_eq!(deprecated.assignable().unwrap_err().kind, Kind::Invalid);
}

#[test]
fn a_type_is_deleted_some_time_after_it_was_deprecated() {
    let wait = AWS_DELETE_WAIT_MILLIS;
    let fresh = kind(Properties::default());
    let deprecated = ThingType { deprecated_at: Some(at(1000)), ..fresh.clone() };
    assert!(deprecated.deletable(false, wait, at(1000 + wait)).is_ok());
    let refused = deprecated.deletable(false, wait, at(999 + wait)).unwrap_err();
    assert_eq!(
        refused.message,
        "Cannot delete thing type : lamp. Please wait for 5 minutes after deprecation and then retry"
    );
    let refused = deprecated.deletable(false, 7000, at(2000)).unwrap_err();
    assert!(refused.message.ends_with("and then retry (here: 7 seconds)"), "{refused}");
    let refused = fresh.deletable(false, wait, at(i64::MAX)).unwrap_err();
    assert!(refused.message.contains("not deprecated"), "{refused}");
    assert!(fresh.deletable(false, 0, at(0)).is_ok(), "without a wait it need not be deprecated");
    assert!(fresh.deletable(true, 0, at(0)).unwrap_err().message.contains("still things"));
}

#[test]
fn properties_look_as_on_the_wire() {
    let text = r#"{"thingTypeDescription":"d","searchableAttributes":["a"],"mqtt5Configuration":{"propagatingAttributes":[{"userPropertyKey":"k","connectionAttribute":"iot:ClientId"}]}}"#;
    let read: Properties = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!(serde_json::to_string(&Properties::default()).unwrap(), "{}");
}

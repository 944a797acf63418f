//! A plan applied twice is a plan applied once.

use adit_iot::provisioning::{Flow, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bed::{carry_out, certificate, parameters, plan_of, world};

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::select(words).prop_map(|word| if word.is_empty() { Value::Null } else { json!(word) })
}

fn attributes() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        prop::collection::btree_map("[a-c]", "[12]?", 0..3).prop_map(|pairs| json!(pairs)),
    ]
}

fn groups() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), prop::collection::btree_set("[g-i]", 0..3).prop_map(|names| json!(names)),]
}

prop_compose! {
    fn existing()(
        there in any::<bool>(),
        attributes in attributes(),
        kind in one_of(&["", "lamp", "door"]),
        groups in groups(),
        attached in any::<bool>(),
        status in one_of(&["", "ACTIVE", "INACTIVE"]),
    ) -> Value {
        let kept = attributes.as_object().cloned().unwrap_or_default();
        let kept: serde_json::Map<_, _> = kept.into_iter().filter(|(_, value)| value != "").collect();
        match there {
            true => json!({
                "attributes": kept, "type": kind, "groups": groups, "attached": attached, "status": status
            }),
            false => Value::Null,
        }
    }
}

prop_compose! {
    fn resources()(
        attributes in attributes(),
        kind in one_of(&["", "lamp", "door"]),
        groups in groups(),
        on_attributes in prop::sample::select(vec!["DO_NOTHING", "REPLACE", "MERGE", "FAIL"]),
        on_groups in prop::sample::select(vec!["DO_NOTHING", "REPLACE", "MERGE", "FAIL"]),
        on_type in prop::sample::select(vec!["DO_NOTHING", "REPLACE", "FAIL"]),
        status in prop::sample::select(vec!["Active", "INACTIVE"]),
        on_status in prop::sample::select(vec!["DO_NOTHING", "REPLACE", "FAIL"]),
        action in "iot:[A-C]",
    ) -> Value {
        let mut certificate = certificate();
        certificate["Properties"]["Status"] = json!(status);
        certificate["OverrideSettings"] = json!({"Status": on_status});
        let document = json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
        json!({
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": "t", "AttributePayload": attributes, "ThingTypeName": kind, "ThingGroups": groups
                },
                "OverrideSettings": {
                    "AttributePayload": on_attributes, "ThingGroups": on_groups, "ThingTypeName": on_type
                }
            },
            "certificate": certificate,
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
        })
    }
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_none(existing in existing(), resources in resources()) {
        let text = json!({ "Resources": resources }).to_string();
        let wanted = Template::parse(&text, Flow::Fleet).unwrap().resolve(&parameters(&[])).unwrap();
        let mut world = world(&existing, &wanted);
        if let Ok(plan) = plan_of(&wanted, &world) {
            carry_out(&mut world, &plan);
            let before = world.clone();
            let again = plan_of(&wanted, &world).unwrap();
            prop_assert_eq!(&again.steps, &vec![]);
            carry_out(&mut world, &again);
            prop_assert_eq!(world, before);
        }
    }
}

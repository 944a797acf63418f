use std::collections::BTreeMap;

use adit_iot::certificate::{Certificate, Status};
use adit_iot::principal::Target;
use adit_iot::provisioning::{Failure, Flow, Stage, Step, Template, Wanted};
use adit_iot::thing::Attributes;
use adit_iot::thing_group::NewGroup;
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{ThingGroupName, ThingName, ThingTypeName, arn};
use adit_store::{Order, Provision, Provisioned, Store, Subject};
use serde_json::{Value, json};

use crate::certificate::{certificate, id};
use crate::{on_both, scope, time};

const ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#;

fn name(text: &str) -> ThingName {
    ThingName::parse(text).unwrap()
}

fn group(text: &str) -> ThingGroupName {
    ThingGroupName::parse(text).unwrap()
}

fn wanted(thing: Value, settings: Value) -> Wanted {
    let template = json!({
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": thing, "OverrideSettings": settings},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"
            }},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALL}}
        }
    });
    Template::parse(&template.to_string(), Flow::Fleet).unwrap().resolve(&BTreeMap::new()).unwrap()
}

fn provision(wanted: Wanted, subject: Subject) -> Provision {
    let mut count = 0;
    Provision {
        wanted,
        subject,
        may: Box::new(|_, _| Ok(())),
        uuid: Box::new(move || {
            count += 1;
            format!("uuid {count}")
        }),
        most_policies: 10,
        now: time(5),
    }
}

async fn run(store: &Store, provision: Provision) -> Result<Provisioned, Failure> {
    store.provision(&scope(), provision).await.unwrap()
}

fn pending(n: u8) -> Certificate {
    certificate(n, Status::PendingActivation)
}

async fn prepare(store: &Store) {
    for parts in ["a", "b"] {
        let new = NewGroup {
            name: group(parts),
            id: parts.to_owned(),
            parent: None,
            description: None,
            attributes: Attributes::new(),
            created_at: time(0),
        };
        store.thing_group_create(&scope(), new, Vec::new()).await.unwrap();
    }
    let kind = ThingType {
        name: ThingTypeName::parse("lamp").unwrap(),
        id: "lamp".to_owned(),
        properties: Properties::default(),
        deprecated_at: None,
        created_at: time(0),
    };
    store.thing_type_create(&scope(), kind, Vec::new()).await.unwrap();
}

async fn policies(store: &Store) -> usize {
    store.policies_page(&scope(), Order::OldestFirst, None, 100).await.unwrap().items.len()
}

#[test]
fn a_plan_is_what_is_done_then_and_does_nothing_itself() {
    on_both(|store| async move {
        prepare(&store).await;
        let wanted = || wanted(json!({"ThingName": "x", "ThingGroups": ["a"]}), json!({}));
        let planned = async |certificate| {
            store.provision_plan(&scope(), wanted(), certificate, 10, time(5)).await.unwrap()
        };
        let first = planned(pending(1)).await.unwrap();
        assert_eq!(store.thing_get(&scope(), &name("x")).await.unwrap(), None);
        assert_eq!(
            (store.certificate_get(&scope(), &id(1)).await.unwrap(), policies(&store).await),
            (None, 0)
        );
        let done = run(&store, provision(wanted(), Subject::New(pending(1)))).await.unwrap();
        assert_eq!(first, done.plan);
        assert!(!first.steps.is_empty());
        assert_eq!(
            planned(pending(1)).await.unwrap().steps,
            [],
            "the registered certificate counts, not the one given"
        );
        assert_ne!(planned(pending(2)).await.unwrap().steps, []);
    });
}

#[test]
fn a_device_gets_everything_at_once_and_nothing_twice() {
    on_both(|store| async move {
        prepare(&store).await;
        store.certificate_create(&scope(), pending(1)).await.unwrap();
        let full = || {
            let thing = json!({
                "ThingName": "t", "ThingTypeName": "lamp", "ThingGroups": ["a", "b"], "AttributePayload": {"x": "1"}
            });
            provision(wanted(thing, json!({})), Subject::Known(id(1)))
        };
        let done = run(&store, full()).await.unwrap();
        assert_eq!((done.registered, done.status_before), (false, Some(Status::PendingActivation)));
        let active = done.certificate.unwrap();
        assert_eq!((active.status, active.customer_version), (Status::Active, 2));
        assert_eq!(store.certificate_get(&scope(), &id(1)).await.unwrap(), Some(active));
        let thing = store.thing_get(&scope(), &name("t")).await.unwrap().unwrap();
        assert_eq!((thing.version, thing.type_name.unwrap().as_str()), (1, "lamp"));
        let access = store.access_of(&scope(), &arn::certificate(&scope(), &id(1)), Some("t")).await.unwrap();
        assert_eq!(access.policies.len(), 1);
        assert_eq!(access.policies[0].1, ALL);
        assert_eq!(access.thing.unwrap().thing.name, name("t"));
        let groups = store.thing_groups_of_thing(&scope(), &name("t"), None, 10).await.unwrap().unwrap();
        assert_eq!(groups.items, [group("a"), group("b")]);
        let again = run(&store, full()).await.unwrap();
        assert_eq!(again.plan.steps, []);
        assert_eq!(store.thing_get(&scope(), &name("t")).await.unwrap().unwrap().version, 1);
    });
}

#[test]
fn settings_change_what_is_there() {
    on_both(|store| async move {
        prepare(&store).await;
        store.certificate_create(&scope(), pending(1)).await.unwrap();
        let first = json!({"ThingName": "t", "ThingGroups": ["a"], "AttributePayload": {"x": "1"}});
        run(&store, provision(wanted(first, json!({})), Subject::Known(id(1)))).await.unwrap();
        let second = json!({
            "ThingName": "t", "ThingTypeName": "lamp", "ThingGroups": ["b"], "AttributePayload": {"y": "2"}
        });
        let settings =
            json!({"ThingTypeName": "REPLACE", "ThingGroups": "REPLACE", "AttributePayload": "MERGE"});
        let done = run(&store, provision(wanted(second, settings), Subject::Known(id(1)))).await.unwrap();
        assert!(matches!(&*done.plan.steps, [Step::UpdateThing { .. }, Step::Regroup { .. }]));
        let thing = store.thing_get(&scope(), &name("t")).await.unwrap().unwrap();
        assert_eq!((thing.version, thing.attributes.len()), (2, 2));
        let groups = store.thing_groups_of_thing(&scope(), &name("t"), None, 10).await.unwrap().unwrap();
        assert_eq!(groups.items, [group("b")]);
    });
}

#[test]
fn a_failure_leaves_nothing_behind() {
    on_both(|store| async move {
        let thing = || json!({"ThingName": "t"});
        let missing = provision(wanted(thing(), json!({})), Subject::Known(id(9)));
        assert_eq!(run(&store, missing).await.unwrap_err().stage, Stage::Certificate);
        let gone = provision(
            wanted(json!({"ThingName": "t", "ThingGroups": ["gone"]}), json!({})),
            Subject::New(pending(1)),
        );
        assert_eq!(run(&store, gone).await.unwrap_err().stage, Stage::ThingGroups);
        let mut forbidden = provision(wanted(thing(), json!({})), Subject::New(pending(1)));
        forbidden.may = Box::new(|plan, certificate| {
            assert_eq!((plan.steps.len(), certificate), (5, Some(&id(1))));
            Err(Failure::forbidden(Stage::Role, "no"))
        });
        assert_eq!(run(&store, forbidden).await.unwrap_err().reason, "no");
        assert_eq!(store.thing_get(&scope(), &name("t")).await.unwrap(), None);
        assert_eq!(store.certificate_get(&scope(), &id(1)).await.unwrap(), None);
        assert_eq!(policies(&store).await, 0);
    });
}

#[test]
fn a_new_certificate_is_registered_with_the_rest() {
    on_both(|store| async move {
        let once = || {
            let new = certificate(1, Status::Inactive);
            provision(wanted(json!({"ThingName": "t"}), json!({})), Subject::New(new))
        };
        let done = run(&store, once()).await.unwrap();
        assert_eq!((done.registered, done.certificate.unwrap().status), (true, Status::Active));
        let again = run(&store, once()).await.unwrap();
        assert_eq!((again.registered, again.plan.steps), (false, vec![]));
        let alone = Template::parse(
            r#"{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"alone"}}}}"#,
            Flow::RegisterThing,
        );
        let alone = alone.unwrap().resolve(&BTreeMap::new()).unwrap();
        assert_eq!(run(&store, provision(alone, Subject::Nothing)).await.unwrap().certificate, None);
        assert!(store.thing_get(&scope(), &name("alone")).await.unwrap().is_some());
    });
}

#[test]
fn a_hundred_devices_at_once_make_one_policy() {
    on_both(|store| async move {
        let store = std::sync::Arc::new(store);
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let store = std::sync::Arc::clone(&store);
                tokio::spawn(async move {
                    let wanted = wanted(json!({"ThingName": format!("t{n}")}), json!({}));
                    run(&store, provision(wanted, Subject::New(pending(n)))).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(policies(&store).await, 1);
        let target = Target::Certificate(id(42)).text(&scope());
        let attached = store.policies_of_target(&scope(), &target).await.unwrap();
        assert_eq!(attached.len(), 1);
    });
}

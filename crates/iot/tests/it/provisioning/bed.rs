//! A registry of one thing and one certificate.

use std::collections::BTreeMap;

use adit_iot::certificate::{Certificate, Mode, Status};
use adit_iot::provisioning::{CertificateState, Failure, Plan, Step, Wanted, World, plan};
use adit_iot::thing::{Attributes, Thing, TypeChange};
use adit_iot::thing_group::{Membership, regrouped};
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{CertificateId, Scope, ThingGroupName, ThingName, ThingTypeName, Timestamp};
use serde_json::{Value, json};

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1").unwrap()
}

pub fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The certificate resource of fleet provisioning and first connections.
pub fn certificate() -> Value {
    let id = json!({"Ref": "AWS::IoT::Certificate::Id"});
    json!({"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": id, "Status": "Active"}})
}

pub fn id() -> CertificateId {
    CertificateId::from_sha256([1; 32])
}

fn names<T>(list: &Value, parse: impl Fn(&str) -> T) -> Vec<T> {
    list.as_array().into_iter().flatten().map(|name| parse(name.as_str().unwrap())).collect()
}

fn group(name: &str) -> Membership {
    let name = ThingGroupName::parse(name).unwrap();
    Membership { group: name.clone(), root: name }
}

/// The world that `existing` describes, as far as `wanted` asks: things `t` with its `attributes`, `type` and
/// `groups` (none if it is `null`); the certificate's `status`, whether it is `attached`, to what `other` or `alone`.
/// Types `lamp`, `door` and, deprecated, `old` exist, and every group but `gone`.
pub fn world(existing: &Value, wanted: &Wanted) -> World {
    let name = ThingName::parse("t").unwrap();
    let text = |member: &str| existing[member].as_str();
    let mut things = Vec::new();
    if existing["attached"] == true {
        things.push((name.clone(), false));
    }
    things.extend(text("other").map(|other| (ThingName::parse(other).unwrap(), false)));
    things.extend(text("alone").map(|alone| (ThingName::parse(alone).unwrap(), true)));
    let status = text("status").map_or(Status::PendingActivation, |status| Status::parse(status).unwrap());
    let certificate = Certificate {
        id: id(),
        status,
        mode: Mode::Default,
        ca_id: None,
        pem: String::new(),
        not_before: NOW,
        not_after: NOW,
        customer_version: 1,
        generation_id: String::new(),
        created_at: NOW,
        updated_at: NOW,
    };
    let thing = existing.is_object().then(|| Thing {
        attributes: serde_json::from_value(existing["attributes"].clone()).unwrap_or_default(),
        type_name: text("type").map(|kind| ThingTypeName::parse(kind).unwrap()),
        ..Thing::new(name, "id".to_owned(), None, Attributes::new(), NOW).unwrap()
    });
    let wanted = wanted.thing.as_ref();
    let kind = wanted.and_then(|thing| thing.type_name.clone()).filter(|kind| kind.as_str() != "gone");
    let groups = wanted.and_then(|thing| thing.groups.clone()).unwrap_or_default();
    World {
        thing,
        groups_of_thing: names(&existing["groups"], group),
        thing_type: kind.map(|name| ThingType {
            deprecated_at: (name.as_str() == "old").then_some(NOW),
            name,
            id: String::new(),
            properties: Properties::default(),
            created_at: NOW,
        }),
        groups: groups
            .into_iter()
            .filter(|name| name.as_str() != "gone")
            .map(|name| (name.clone(), group(name.as_str())))
            .collect(),
        policies: std::collections::BTreeSet::new(),
        certificate: Some(CertificateState { certificate, policies: Vec::new(), things }),
        most_policies: 10,
    }
}

pub fn plan_of(wanted: &Wanted, world: &World) -> Result<Plan, Failure> {
    plan(&scope(), wanted, world, NOW)
}

/// Does what a plan says.
pub fn carry_out(world: &mut World, plan: &Plan) {
    for step in &plan.steps {
        match step {
            Step::CreateThing { name, type_name, attributes } => {
                let (kind, attributes) = (type_name.clone(), attributes.clone());
                let made = Thing::new(name.clone(), "id".to_owned(), kind, attributes, NOW);
                assert!(world.thing.replace(made.unwrap()).is_none());
            }
            Step::UpdateThing { change, .. } => {
                world.thing = Some(world.thing.as_ref().unwrap().changed(change).unwrap());
            }
            Step::Regroup { name, remove, add } => {
                let add: Vec<Membership> = add.iter().map(|name| world.groups[name].clone()).collect();
                world.groups_of_thing = regrouped(name, &world.groups_of_thing, remove, &add).unwrap();
            }
            Step::CreatePolicy { name, .. } => assert!(world.policies.insert(name.clone())),
            Step::AttachPolicy(name) => {
                assert!(world.policies.contains(name));
                world.certificate.as_mut().unwrap().policies.push(name.clone());
            }
            Step::AttachThing { name, exclusive } => {
                world.certificate.as_mut().unwrap().things.push((name.clone(), *exclusive));
            }
            Step::SetStatus(status) => {
                let state = world.certificate.as_mut().unwrap();
                state.certificate = state.certificate.with_status(*status, NOW).unwrap().unwrap();
            }
        }
    }
}

/// The steps in few words; of an update the attributes it leads to.
pub fn steps(plan: &Plan, world: &World) -> Vec<String> {
    let list = |names: &[ThingGroupName]| {
        format!("[{}]", names.iter().map(ThingGroupName::as_str).collect::<Vec<_>>().join(", "))
    };
    let shown = |step: &Step| match step {
        Step::CreateThing { name, type_name, attributes } => {
            let kind = type_name.as_ref().map(|kind| format!(" of {kind}")).unwrap_or_default();
            format!("create {name}{kind} {}", map(attributes))
        }
        Step::UpdateThing { name, change } => {
            let kind = match &change.kind {
                Some(TypeChange::Set(kind)) => format!(" of {kind}"),
                Some(TypeChange::Remove) => " of nothing".to_owned(),
                None => String::new(),
            };
            let after = world.thing.as_ref().unwrap().changed(change).unwrap().attributes;
            let attributes = change.attributes.as_ref().map(|_| format!(" {}", map(&after)));
            format!("update {name}{kind}{}", attributes.unwrap_or_default())
        }
        Step::Regroup { name, remove, add } => format!("regroup {name} - {} + {}", list(remove), list(add)),
        Step::CreatePolicy { name, .. } => format!("create policy {name}"),
        Step::AttachPolicy(name) => format!("attach policy {name}"),
        Step::AttachThing { name, exclusive } => {
            format!("attach {name}{}", if *exclusive { " alone" } else { "" })
        }
        Step::SetStatus(status) => status.as_str().to_owned(),
    };
    plan.steps.iter().map(shown).collect()
}

fn map(attributes: &Attributes) -> String {
    let pairs: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

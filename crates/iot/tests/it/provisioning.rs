//! Provisioning: vectors for templates, functions and overrides; a plan carried out leaves none.
#![expect(clippy::indexing_slicing, reason = "a slip in the vectors is a failing test")]

mod bed;
mod twice;
mod vectors;

use adit_iot::provisioning::{Flow, Source, Template, parameters};
use adit_iot::{CertificateId, policy::NameField};
use serde_json::{Value, json};

use bed::{certificate, parameters as given, plan_of, steps};

/// The three templates of AWS's guide to just-in-time provisioning, but for their policies.
fn guide(policy: Value) -> String {
    json!({
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": {"Type": "String"},
            "AWS::IoT::Certificate::Country": {"Type": "String"},
            "AWS::IoT::Certificate::Id": {"Type": "String"}
        },
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
                "AttributePayload": {"version": "v1", "country": {"Ref": "AWS::IoT::Certificate::Country"}}
            }},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"
            }},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": policy}
        }
    })
    .to_string()
}

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

#[test]
fn a_first_connection_takes_what_the_subject_says() {
    let id = CertificateId::from_sha256([7; 32]);
    let template = Template::parse(&guide(json!({"PolicyDocument": ALL})), Flow::FirstConnection).unwrap();
    let subject = [
        (NameField::CommonName, "DemoThing"),
        (NameField::Country, "IN"),
        (NameField::CommonName, "second"),
        (NameField::Title, "nobody asks"),
    ];
    let parameters = parameters::of_first_connection(&id, subject);
    assert_eq!(parameters.len(), 3);
    let wanted = template.resolve(&parameters).unwrap();
    let thing = wanted.thing.unwrap();
    assert_eq!(thing.name.as_str(), "DemoThing");
    assert_eq!(thing.attributes.unwrap(), given(&[("country", "IN"), ("version", "v1")]));
    assert_eq!(wanted.certificate.unwrap().source, Source::Given);
    assert_eq!(wanted.policies[0].name.as_str(), "028AA4AAFA5DA4180F172AEE7CC55AACA7EA1CD5");
}

#[test]
fn a_declared_parameter_must_have_a_value_on_a_first_connection_though_nothing_refers_to_it() {
    let text = guide(json!({"PolicyDocument": ALL})).replace("::Country\"}", "::CommonName\"}");
    let parameters = parameters::of_first_connection(
        &CertificateId::from_sha256([7; 32]),
        [(NameField::CommonName, "DemoThing")],
    );
    let resolve = |flow| Template::parse(&text, flow).unwrap().resolve(&parameters);
    let failure = resolve(Flow::FirstConnection).unwrap_err();
    assert_eq!(failure.reason, "Cannot resolve reference value: AWS::IoT::Certificate::Country");
    assert!(resolve(Flow::Fleet).is_ok());
}

#[test]
fn a_policy_is_made_of_its_text_or_its_object_and_named_after_it() {
    let by = |policy: Value| {
        let text = guide(policy);
        let template = Template::parse(&text, Flow::Fleet).unwrap();
        let values = [("AWS::IoT::Certificate::CommonName", "t"), ("AWS::IoT::Certificate::Country", "IN")];
        template.resolve(&given(&values)).unwrap().policies.remove(0)
    };
    let text = by(json!({"PolicyDocument": ALL}));
    let variable = "arn:aws:iot:us-east-1:1:client/${iot:Connection.Thing.ThingName}";
    let object = by(json!({"PolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": {"Ref": "AWS::IoT::Certificate::Country"}, "Resource": variable}
    ]}}));
    assert_eq!(text.document.as_deref(), Some(ALL));
    let document = object.document.unwrap();
    assert!(document.contains(variable) && document.contains(r#""Action":"IN""#), "{document}");
    assert_ne!(text.name, object.name);
    let name = by(json!({"PolicyName": {"Fn::Join": ["", ["P", "1"]]}}));
    assert_eq!((name.name.as_str(), name.document), ("P1", None));
}

#[test]
fn policies_are_created_once_and_found_by_name() {
    let plan = |policies: Value, there: &[&str], most: usize| {
        let mut resources = json!({"c": certificate()});
        for (name, properties) in policies.as_object().unwrap() {
            resources[name] = json!({"Type": "AWS::IoT::Policy", "Properties": properties});
        }
        let template = Template::parse(&json!({ "Resources": resources }).to_string(), Flow::Fleet).unwrap();
        let wanted = template.resolve(&given(&[])).unwrap();
        let mut world = bed::world(&json!({}), &wanted);
        world.most_policies = most;
        world.policies.extend(there.iter().map(|name| adit_iot::PolicyName::parse(name).unwrap()));
        plan_of(&wanted, &world).map(|plan| steps(&plan, &world)).map_err(|failure| failure.reason)
    };
    let both = json!({"a": {"PolicyDocument": ALL}, "b": {"PolicyDocument": ALL}});
    let made = plan(both, &[], 10).unwrap();
    assert_eq!(made.len(), 3, "{made:?}");
    let name = made[0].strip_prefix("create policy ").unwrap().to_owned();
    assert_eq!(made, [format!("create policy {name}"), format!("attach policy {name}"), "ACTIVE".to_owned()]);
    let again = plan(json!({"a": {"PolicyDocument": ALL}}), &[&name], 10).unwrap();
    assert_eq!(again, [format!("attach policy {name}"), "ACTIVE".to_owned()]);
    let refused = |policies: Value, most| plan(policies, &["there"], most).unwrap_err();
    assert_eq!(refused(json!({"a": {"PolicyName": "gone"}}), 10), "Policy default version not found");
    let bad = refused(json!({"a": {"PolicyDocument": "{}"}}), 10);
    assert!(bad.starts_with("Policy document is Malformed"), "{bad}");
    let many = refused(json!({"a": {"PolicyName": "there"}, "b": {"PolicyDocument": ALL}}), 1);
    assert!(many.starts_with("A certificate may have at most 1 policies"), "{many}");
}

#[test]
fn an_attachment_can_be_the_only_one() {
    let plan = |kind: Option<&str>, existing: Value| {
        let mut certificate = certificate();
        if let Some(kind) = kind {
            certificate["Properties"]["ThingPrincipalType"] = json!(kind);
        }
        let thing = json!({"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "t"}});
        let text = json!({"Resources": {"t": thing, "c": certificate}}).to_string();
        let wanted = Template::parse(&text, Flow::Fleet).unwrap().resolve(&given(&[]));
        let wanted = wanted.map_err(|failure| failure.reason)?;
        let world = bed::world(&existing, &wanted);
        plan_of(&wanted, &world).map(|plan| steps(&plan, &world)).map_err(|failure| failure.reason)
    };
    let active = |more: Value| {
        let mut existing = json!({"status": "ACTIVE"});
        existing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        existing
    };
    assert_eq!(plan(Some("EXCLUSIVE_THING"), active(json!({}))).unwrap(), ["attach t alone"]);
    assert_eq!(plan(None, active(json!({"attached": true}))).unwrap(), [""; 0]);
    assert_eq!(plan(None, active(json!({"other": "x"}))).unwrap(), ["attach t"]);
    assert!(plan(None, active(json!({"alone": "x"}))).unwrap_err().contains("to thing x as EXCLUSIVE_THING"));
    let refused = plan(Some("EXCLUSIVE_THING"), active(json!({"other": "x"}))).unwrap_err();
    assert!(refused.contains("while it is attached to thing x"), "{refused}");
    let refused = plan(Some("EXCLUSIVE_THING"), active(json!({"attached": true}))).unwrap_err();
    assert!(refused.contains("while it is attached to thing t"), "{refused}");
    assert!(plan(Some("ONLY"), json!({})).unwrap_err().starts_with("ThingPrincipalType \"ONLY\""));
}

#[test]
fn a_role_is_asked_about_every_step() {
    let text = json!({"Resources": {
        "t": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "t", "ThingGroups": ["g"]}},
        "c": certificate(),
        "p": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALL}}
    }});
    let wanted = Template::parse(&text.to_string(), Flow::Fleet).unwrap().resolve(&given(&[])).unwrap();
    let plan = plan_of(&wanted, &bed::world(&Value::Null, &wanted)).unwrap();
    let id = bed::id();
    let asked = plan.steps.iter().flat_map(|step| step.permissions(&bed::scope(), Some(&id)));
    let arn = |tail: String| format!("arn:aws:iot:us-east-1:123456789012:{tail}");
    let policy = "policy/028AA4AAFA5DA4180F172AEE7CC55AACA7EA1CD5".to_owned();
    let expected = [
        ("CreateThing", arn("thing/t".to_owned())),
        ("AddThingToThingGroup", arn("thing/t".to_owned())),
        ("AddThingToThingGroup", arn("thinggroup/g".to_owned())),
        ("CreatePolicy", arn(policy)),
        ("AttachPolicy", arn(format!("cert/{id}"))),
        ("AttachThingPrincipal", arn(format!("cert/{id}"))),
        ("UpdateCertificate", arn(format!("cert/{id}"))),
    ];
    assert_eq!(asked.collect::<Vec<_>>(), expected);
}

//! RegisterThing and provisioning claims.

use std::sync::Arc;
use std::time::Duration;

use adit_server::gate::Closed;
use adit_server::mqtt::{Identity, Peer};
use adit_server::pki::{self, Presented};
use adit_server::sweep;
use rcgen::DnType;
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::ca::Root;
use crate::iot::{ACCOUNT, ALL, PREFIX, call, certificate, done, get, group, refused, thing};
use crate::provisioning_template::created;

const FAILED: &str = "ResourceRegistrationFailureException";
const CSR: &str = include_str!("../../src/pki/testdata/sha1.csr");

async fn register(bed: &Bed, resources: Value, parameters: Value) -> Answer {
    let declared: serde_json::Map<_, _> = parameters
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| (name.clone(), json!({"Type": "String"})))
        .collect();
    let template = json!({"Parameters": declared, "Resources": resources});
    let input = json!({"templateBody": template.to_string(), "parameters": parameters});
    call(bed, "POST", "/things", input).await
}

fn resource(kind: &str, properties: Value) -> Value {
    json!({"Type": format!("AWS::IoT::{kind}"), "Properties": properties})
}

async fn status(bed: &Bed, id: &str) -> Value {
    get(bed, &format!("/certificates/{id}")).await["certificateDescription"]["status"].clone()
}

#[tokio::test]
async fn a_request_becomes_a_thing_a_certificate_and_a_policy() {
    let bed = Bed::new().await;
    group(&bed, "lamps", None).await;
    let resources = || {
        json!({
            "lamp": resource("Thing", json!({
                "ThingName": {"Fn::Join": ["-", ["lamp", {"Ref": "Serial"}]]},
                "AttributePayload": {"serial": {"Ref": "Serial"}}, "ThingGroups": ["lamps"]
            })),
            "cert": resource("Certificate", json!({"CertificateSigningRequest": {"Ref": "Csr"}})),
            "pol": resource("Policy", json!({"PolicyDocument": ALL}))
        })
    };
    let answer = register(&bed, resources(), json!({"Serial": "7", "Csr": CSR})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let arns = &answer["resourceArns"];
    assert_eq!(arns["lamp"], format!("{PREFIX}thing/lamp-7"));
    let policy = format!("{PREFIX}policy/028AA4AAFA5DA4180F172AEE7CC55AACA7EA1CD5");
    assert_eq!(arns["pol"], policy);
    let arn = arns["cert"].as_str().unwrap();
    let id = arn.rsplit_once('/').unwrap().1;
    let shown = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    assert_eq!((&shown["status"], &shown["customerVersion"]), (&json!("ACTIVE"), &json!(1)));
    assert_eq!(shown["certificatePem"], answer["certificatePem"]);
    let things = call(&bed, "GET", "/things/lamp-7/principals", Value::Null).await.json();
    assert_eq!(things["principals"], json!([arn]));
    let attached = call(&bed, "POST", &format!("/attached-policies/{arn}"), json!({})).await.json();
    assert_eq!(attached["policies"][0]["policyArn"], policy);
    let groups = get(&bed, "/things/lamp-7/thing-groups").await;
    assert_eq!(groups["thingGroups"][0]["groupName"], "lamps");
    // A second device gets the first one's policy.
    let second = register(&bed, resources(), json!({"Serial": "8", "Csr": CSR})).await.json();
    assert_eq!(second["resourceArns"]["pol"], policy);
    assert_ne!(second["resourceArns"]["cert"], arn);
    assert_eq!(get(&bed, "/policies").await["policies"].as_array().unwrap().len(), 1);
    let metrics = bed.metrics().await;
    assert!(metrics.contains("adit_provisioned_total{result=\"success\"} 2"), "{metrics}");
}

#[tokio::test]
async fn a_certificate_is_named_or_shown() {
    let bed = Bed::new().await;
    let id = certificate(&bed, false).await;
    let by_id = || json!({"c": resource("Certificate", json!({"CertificateId": {"Ref": "Id"}}))});
    let answer = register(&bed, by_id(), json!({ "Id": id })).await.json();
    assert_eq!(answer["resourceArns"], json!({"c": format!("{PREFIX}cert/{id}")}));
    assert!(answer["certificatePem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert_eq!(status(&bed, &id).await, "ACTIVE");
    let unknown = register(&bed, by_id(), json!({"Id": "a".repeat(64)})).await;
    refused(&unknown, 400, FAILED, "The certificate is not registered");

    let root = Root::new("A customer's CA");
    let pem = root.issue(&[(DnType::CommonName, "dev1")]).0.pem();
    let shown = || {
        json!({"c": resource("Certificate", json!({
            "CertificatePem": {"Ref": "Pem"}, "CACertificatePem": {"Ref": "Ca"}, "Status": "INACTIVE"
        }))})
    };
    let both = || json!({"Pem": pem, "Ca": root.pem});
    let early = register(&bed, shown(), both()).await;
    refused(&early, 400, FAILED, "No CA certificate exists for the given certificate");
    let ca = root.register(&bed, "?setAsActive=true", Value::Null).await;
    let answer = register(&bed, shown(), both()).await.json();
    let id = answer["resourceArns"]["c"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let there = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    assert_eq!((&there["status"], &there["caCertificateId"]), (&json!("INACTIVE"), &json!(ca)));
    assert_eq!(register(&bed, shown(), both()).await.json(), answer);
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_nothing_is_left_behind() {
    let bed = Bed::new().await;
    thing(&bed, "there").await;
    let lamp = |name: &str, more: Value| {
        let mut properties = json!({ "ThingName": name });
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({
            "t": resource("Thing", properties),
            "c": resource("Certificate", json!({"CertificateSigningRequest": CSR})),
            "p": resource("Policy", json!({"PolicyDocument": ALL}))
        })
    };
    let conflict = "Existing AttributePayload: {} conflicts with AttributePayload: {a=1} in Template.";
    for (resources, text) in [
        (lamp("there", json!({"AttributePayload": {"a": "1"}})), conflict),
        (lamp("new", json!({"ThingTypeName": "x"})), "Thing Type 123456789012:x not found."),
        (lamp("new", json!({"ThingGroups": ["x"]})), "ThingGroup 123456789012:x not found."),
        (lamp("new", json!({"BillingGroup": "x"})), "Billing Group 123456789012:x not found."),
        (
            json!({"c": resource("Certificate", json!({"CertificateSigningRequest": "x"}))}),
            "CSR violates constraints: it must be one PEM certificate request",
        ),
    ] {
        refused(&register(&bed, resources, Value::Null).await, 400, FAILED, text);
    }
    assert_eq!(get(&bed, "/things").await["things"].as_array().unwrap().len(), 1);
    assert_eq!(get(&bed, "/certificates").await["certificates"], json!([]));
    assert_eq!(get(&bed, "/policies").await["policies"], json!([]));
    let invalid = |body: &str, parameters: Value| json!({"templateBody": body, "parameters": parameters});
    let missing = json!({
        "Parameters": {"N": {"Type": "String"}}, "Resources": {"t": resource("Thing", json!({"ThingName": {"Ref": "N"}}))}
    });
    for (input, text) in [
        (invalid("x", json!({})), "The template body is invalid"),
        (invalid(&missing.to_string(), json!({})), "Cannot resolve reference value: N"),
    ] {
        let answer = call(&bed, "POST", "/things", input).await;
        refused(&answer, 400, "InvalidRequestException", text);
    }
    let metrics = bed.metrics().await;
    assert!(metrics.contains("adit_provisioned_total{result=\"client-error\"}"), "{metrics}");
}

#[tokio::test]
async fn an_inactive_status_cuts_and_a_thing_alone_is_fine() {
    let bed = Bed::new().await;
    let answer =
        register(&bed, json!({"t": resource("Thing", json!({"ThingName": "alone"}))}), Value::Null).await;
    assert_eq!(answer.json(), json!({"resourceArns": {"t": format!("{PREFIX}thing/alone")}}));
    let id = certificate(&bed, true).await;
    let off = json!({"c": resource("Certificate", json!({"CertificateId": id, "Status": "Inactive"}))});
    assert_eq!(register(&bed, off, Value::Null).await.status, 200);
    assert_eq!(status(&bed, &id).await, "INACTIVE");
}

#[tokio::test]
async fn a_claim_is_a_certificate_of_five_minutes_in_no_registry() {
    let bed = Bed::new().await;
    created(&bed, "t", Value::Null).await;
    let claim =
        async || call(&bed, "POST", "/provisioning-templates/t/provisioning-claim", Value::Null).await;
    let made = claim().await.json();
    let id = made["certificateId"].as_str().unwrap();
    assert!(made["keyPair"]["PrivateKey"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let now = bed.clock.now_ms() as f64 / 1000.0;
    assert!((made["expiration"].as_f64().unwrap() - now - 300.0).abs() < 0.01, "{made}");
    assert_eq!(get(&bed, "/certificates").await["certificates"], json!([]));
    let unknown = call(&bed, "GET", &format!("/certificates/{id}"), Value::Null).await;
    assert_eq!(unknown.status, 404);
    done(&bed, "PATCH", "/provisioning-templates/t", json!({"enabled": false})).await;
    refused(&claim().await, 400, "InvalidRequestException", "Template t is not enabled.");
    created(&bed, "j", json!({"type": "JITP"})).await;
    let jitp = call(&bed, "POST", "/provisioning-templates/j/provisioning-claim", Value::Null).await;
    let text = "Provisioning claims are not supported for template type: JITP";
    refused(&jitp, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn a_claim_is_let_in_for_five_minutes_and_may_use_its_template_only() {
    let bed = Bed::new().await;
    created(&bed, "t", Value::Null).await;
    let made = call(&bed, "POST", "/provisioning-templates/t/provisioning-claim", Value::Null).await.json();
    let chain = [pki::der_of(made["certificatePem"].as_str().unwrap()).unwrap()];
    let certificate = Presented::read(&chain).unwrap().certificate;
    let state = bed.running.state();
    let scope = state.gate.judge(state, &certificate).await.unwrap();
    assert_eq!(scope.account(), ACCOUNT);
    let peer = Peer {
        address: "192.0.2.7:1".parse().unwrap(),
        local: "192.0.2.1:8883".parse().unwrap(),
        sni: None,
        user_agent: None,
        identity: Identity::Certificate { scope: scope.clone(), certificate: Arc::clone(&certificate) },
        newcomer: None,
    };
    let access =
        state.access.of_certificate(&state.store, &scope, &certificate.id, Some("any")).await.unwrap();
    let context = access.context(&peer, Some("any"), state.now());
    assert!(access.connect(&context).is_ok());
    let own = "$aws/provisioning-templates/t/provision/json";
    for topic in ["$aws/certificates/create/json", "$aws/certificates/create-from-csr/cbor", own] {
        let answer = format!("{topic}/accepted");
        assert!(access.publish(topic, false, &context).is_ok(), "{topic}");
        assert!(access.subscribe(&answer, &context).is_ok() && access.receive(&answer, &context).is_ok());
    }
    for topic in ["a", "$aws/provisioning-templates/other/provision/json", "$aws/things/t/shadow/get"] {
        assert!(access.publish(topic, false, &context).is_err(), "{topic}");
        assert!(access.subscribe(topic, &context).is_err() && access.receive(topic, &context).is_err());
    }
    bed.clock.advance(Duration::from_secs(299));
    assert!(state.gate.judge(state, &certificate).await.is_ok());
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(state.gate.judge(state, &certificate).await, Err(Closed::Expired));
    sweep::once(state).await.unwrap();
    assert_eq!(state.gate.judge(state, &certificate).await, Err(Closed::Unknown));
}

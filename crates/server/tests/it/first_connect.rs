//! Devices that come in by themselves, and what their operator sees of it.

use std::sync::Arc;
use std::time::Duration;

use adit_server::clock::Clock;
use adit_server::config::{Listen, Serve};
use rcgen::DnType;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bed::{self, Bed, PATIENCE};
use crate::ca::Root;
use crate::device::{Client, Device};
use crate::iot::{ACCOUNT, call, done, get, refused};
use crate::provisioning_template::role;

/// A server with an MQTT listener, on the real clock.
async fn bed() -> Bed {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut config = bed::config(dir.path());
    let address = "127.0.0.1:0".parse().unwrap();
    config.listen.push(Listen { address, tls: true, serve: vec![Serve::Mqtt], allow_plain_remote: false });
    Bed::start(dir, config, Clock::Real).await
}

/// A template whose thing has the certificate's CommonName and whose policy is there already, or is not.
fn template(policy: &str) -> String {
    let reference = |name: &str| json!({ "Ref": format!("AWS::IoT::Certificate::{name}") });
    json!({
        "Parameters": { "AWS::IoT::Certificate::CommonName": { "Type": "String" } },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": reference("CommonName") } },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": { "CertificateId": reference("Id"), "Status": "ACTIVE" },
            },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": policy } },
        },
    })
    .to_string()
}

async fn register(bed: &Bed, root: &Root, config: Value) -> String {
    root.register(bed, "?setAsActive=true&allowAutoRegistration=true", config).await
}

fn device(root: &Root, name: &str) -> Device {
    with(root.issue(&[(DnType::CommonName, name)]))
}

fn with((certificate, key): (rcgen::Certificate, rcgen::KeyPair)) -> Device {
    Device { chain: vec![certificate.der().clone()], key: key.serialize_der() }
}

/// Says CONNECT; what comes until the connection ends or the server has said 4 bytes.
async fn greet(bed: &Bed, device: &Device) -> Vec<u8> {
    let to = bed.running.listeners()[2].address;
    let mut stream = Client::with(device).connect(bed, to).await.unwrap();
    stream.write_all(&[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 2, b'd', b'1']).await.unwrap();
    let mut said = vec![0; 4];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut said)).await.expect("an end in time").unwrap();
    said.truncate(read);
    said
}

#[tokio::test]
async fn attempts_are_shown_and_tried_again() {
    let bed = bed().await;
    let root = Root::new("r");
    let config = json!({ "templateBody": template("Missing"), "roleArn": role(&bed, "R").await });
    let ca = register(&bed, &root, config).await;
    let device = device(&root, "lamp");
    assert_eq!(greet(&bed, &device).await, b"");

    let listed = get(&bed, "/adit/provisioning-attempts?failed=true").await;
    let attempt = &listed["attempts"][0];
    assert_eq!(
        (&attempt["certificateId"], &attempt["caCertificateId"], &attempt["succeeded"], &attempt["tries"]),
        (&json!(device.id().as_str()), &json!(ca), &json!(false), &json!(1))
    );
    assert!(attempt["reason"].as_str().unwrap().contains("Policy default version not found"), "{attempt}");
    assert_eq!(get(&bed, "/adit/provisioning-attempts?failed=false").await["attempts"], json!([]));

    let retry = format!("/adit/provisioning-attempts/{}/retry", device.id());
    let answer = call(&bed, "POST", &retry, Value::Null).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ThrottlingException")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = call(&bed, "POST", &retry, Value::Null).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("InvalidRequestException")));
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let made = call(&bed, "POST", "/policies/Missing", json!({ "policyDocument": all })).await;
    assert_eq!(made.status, 200, "{made:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    done(&bed, "POST", &retry, Value::Null).await;
    let attempt = get(&bed, "/adit/provisioning-attempts").await["attempts"][0].clone();
    assert_eq!(
        (&attempt["succeeded"], &attempt["thingName"], &attempt["tries"]),
        (&json!(true), &json!("lamp"), &json!(3))
    );
    assert_eq!(greet(&bed, &device).await, [0x20, 2, 0, 0]);
    let told = get(&bed, "/adit/things/lamp/events").await["events"].as_array().unwrap().clone();
    let (first, next) = (&told[told.len() - 1], &told[told.len() - 2]);
    assert_eq!((&first["kind"], &first["reason"]), (&json!("PROVISIONED"), &json!("JITP")));
    assert_eq!((&next["kind"], &next["clientId"]), (&json!("CONNECTED"), &json!("d1")));

    let text = "Only a certificate that is PENDING_ACTIVATION can be provisioned; this one is ACTIVE.";
    refused(&call(&bed, "POST", &retry, Value::Null).await, 400, "InvalidRequestException", text);
    let unknown = format!("/adit/provisioning-attempts/{}/retry", "0".repeat(64));
    assert_eq!(call(&bed, "POST", &unknown, Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_certificate_that_waits_without_a_template_is_not_provisioned() {
    let bed = bed().await;
    let root = Root::new("r");
    let ca = register(&bed, &root, Value::Null).await;
    let device = device(&root, "lamp");
    for _ in 0..2 {
        assert_eq!(greet(&bed, &device).await, b"");
    }
    let shown = get(&bed, &format!("/certificates/{}", device.id())).await["certificateDescription"].clone();
    assert_eq!((&shown["status"], &shown["caCertificateId"]), (&json!("PENDING_ACTIVATION"), &json!(ca)));
    assert_eq!(get(&bed, "/adit/provisioning-attempts").await["attempts"], json!([]));
    let retry = format!("/adit/provisioning-attempts/{}/retry", device.id());
    let answer = call(&bed, "POST", &retry, Value::Null).await;
    refused(&answer, 400, "InvalidRequestException", "The CA has no registration config.");
}

#[tokio::test]
async fn an_expired_certificate_is_not_registered() {
    let bed = bed().await;
    let root = Root::new("r");
    register(&bed, &root, Value::Null).await;
    let old = with(root.issue_expired("old"));
    assert_eq!(greet(&bed, &old).await, b"");
    let path = format!("/certificates/{}", old.id());
    assert_eq!(call(&bed, "GET", &path, Value::Null).await.status, 404);
    let refusals = get(&bed, &format!("/adit/refusals?certificateId={}", old.id())).await;
    assert!(refusals["refusals"][0]["reason"].as_str().unwrap().contains("has expired"), "{refusals}");
}

#[tokio::test]
async fn a_registration_config_names_a_template_for_first_connections() {
    let bed = bed().await;
    let root = Root::new("r");
    for (config, status, says) in [
        (json!({ "templateName": "t" }), 404, "t does not exist"),
        (
            json!({ "templateBody": "{", "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/R") }),
            400,
            "The template body is invalid",
        ),
        (
            json!({ "templateBody": template("p"), "roleArn": "arn:aws:iam::999999999999:role/R" }),
            400,
            "999999999999",
        ),
    ] {
        let answer = root.try_register(&bed, "", config).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["message"].as_str().unwrap().contains(says), "{answer:?}");
    }
}

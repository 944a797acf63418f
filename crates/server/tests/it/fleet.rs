//! Fleet provisioning over MQTT: requests, answers to who asked, tokens, hooks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_iot::cbor;
use adit_iot::provisioning::fleet::FleetTopic;
use adit_mqtt::{QoS, Version};
use adit_server::config::HookRoute;
use adit_server::mqtt::{Identity, Peer};
use adit_server::provision::fleet::Asker;
use adit_server::{sweep, topics};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::bed::Bed;
use crate::iot::{ACCOUNT, ALL, PREFIX, call, done, get};
use crate::mqtt_client::{self, Client, clean, message, persistent, wish};
use crate::people;
use crate::provisioning_template::{ROLE, body};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const CSR: &str = include_str!("../../src/pki/testdata/sha1.csr");

/// A template whose thing is named after the serial number, with a policy and a configuration for the device.
fn template() -> String {
    let more = json!({
        "Parameters": {"Serial": {"Type": "String"}, "Site": {"Type": "String", "Default": "north"}},
        "Resources": {"policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALL}}},
        "DeviceConfiguration": {"url": {"Fn::Sub": "https://${Site}.example/${Serial}"}}
    });
    body(&json!({"Fn::Join": ["-", ["dev", {"Ref": "Serial"}]]}), &more)
}

/// Makes an enabled template and the role it needs.
async fn created(bed: &Bed, name: &str, more: Value) {
    let role = ROLE.rsplit_once('/').unwrap().1;
    if bed.running.state().store.role_get(ACCOUNT, role).await.unwrap().is_none() {
        people::role(bed, role, trusts_iot(), json!([people::allow("iot:*", "*")])).await;
    }
    crate::provisioning_template::created(bed, name, more).await;
}

fn trusts_iot() -> Value {
    let principal = json!({"Service": "iot.amazonaws.com"});
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    ]})
}

/// What a device hears when it asks without a connection: whether it was accepted, and the answer.
async fn ask(bed: &Bed, topic: &str, payload: &Value) -> (bool, Value) {
    let peer = Peer {
        address: "192.0.2.7:1".parse().unwrap(),
        local: "192.0.2.1:8883".parse().unwrap(),
        sni: None,
        user_agent: None,
        identity: Identity::Plain { scope: adit_iot::Scope::new(ACCOUNT, "us-east-1").unwrap() },
        newcomer: None,
    };
    let asker = Asker { peer: &peer, client_id: "device" };
    let parsed = FleetTopic::parse(topic).unwrap();
    let payload = match payload {
        Value::String(raw) => raw.clone().into_bytes(),
        value => parsed.format.write(value),
    };
    let state = bed.running.state();
    let (answered, payload) = topics::provisioning::handle(state, asker, &parsed, &payload).await;
    let accepted = answered == format!("{topic}/accepted");
    assert!(accepted || answered == format!("{topic}/rejected"), "{answered}");
    (accepted, parsed.format.read(&payload).unwrap())
}

async fn certificate(bed: &Bed) -> (String, String) {
    let request = json!({ "certificateSigningRequest": CSR });
    let (accepted, answer) = ask(bed, "$aws/certificates/create-from-csr/json", &request).await;
    assert!(accepted, "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("certificateId"), text("certificateOwnershipToken"))
}

async fn provision(bed: &Bed, name: &str, request: Value) -> (bool, Value) {
    ask(bed, &format!("$aws/provisioning-templates/{name}/provision/json"), &request).await
}

fn rejected(answer: (bool, Value), status: u16, code: &str, text: &str) {
    let expected = json!({"statusCode": status, "errorCode": code, "errorMessage": text});
    assert_eq!(answer, (false, expected));
}

async fn status(bed: &Bed, id: &str) -> Value {
    get(bed, &format!("/certificates/{id}")).await["certificateDescription"]["status"].clone()
}

#[tokio::test]
async fn only_the_connection_that_asked_is_answered() {
    let bed = mqtt_client::bed(|_| {}).await;
    created(&bed, "t", json!({ "templateBody": template() })).await;
    let mut device = Client::new(&bed, persistent(Version::V4, "device")).await;
    let mut other = Client::new(&bed, clean(Version::V5, "other")).await;
    let filters = ["$aws/certificates/+/json/#", "$aws/provisioning-templates/t/provision/json/+"];
    for client in [&mut device, &mut other] {
        client.subscribe(filters.map(|filter| wish(filter, QoS::AtLeastOnce)).to_vec()).await;
    }
    let ask = async |device: &mut Client, topic: &str, payload: &Value| {
        let publish = message(topic, &payload.to_string(), QoS::AtLeastOnce);
        device.publish_acked(publish).await;
        let (heard, payload) = device.message().await;
        (heard, serde_json::from_str::<Value>(&payload).unwrap())
    };
    let (topic, made) = ask(&mut device, "$aws/certificates/create/json", &json!({})).await;
    assert_eq!(topic, "$aws/certificates/create/json/accepted");
    let mut members: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
    members.sort();
    let expected = ["certificateId", "certificateOwnershipToken", "certificatePem", "privateKey"];
    assert_eq!(members, expected);
    assert!(made["privateKey"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let id = made["certificateId"].as_str().unwrap();
    assert_eq!(status(&bed, id).await, "PENDING_ACTIVATION");
    let request = json!({
        "certificateOwnershipToken": made["certificateOwnershipToken"], "parameters": {"Serial": "7"}
    });
    let (topic, answer) = ask(&mut device, "$aws/provisioning-templates/t/provision/json", &request).await;
    assert_eq!(topic, "$aws/provisioning-templates/t/provision/json/accepted");
    let expected = json!({"deviceConfiguration": {"url": "https://north.example/7"}, "thingName": "dev-7"});
    assert_eq!(answer, expected);
    assert_eq!(status(&bed, id).await, "ACTIVE");
    let principals = get(&bed, "/things/dev-7/principals").await;
    assert_eq!(principals["principals"], json!([format!("{PREFIX}cert/{id}")]));
    let told = get(&bed, "/adit/things/dev-7/events").await["events"][0].clone();
    let told =
        ["kind", "reason", "detail", "certificateId", "clientId", "ipAddress"].map(|m| told[m].clone());
    assert_eq!(told, ["PROVISIONED", "FLEET_PROVISIONING", "template t", id, "device", "127.0.0.1"]);
    other.is_quiet().await;
    // Whoever is not subscribed hears nothing, and nothing waits for a session that comes back.
    device.publish_acked(message("$aws/certificates/create/cbor", "", QoS::AtLeastOnce)).await;
    device.is_quiet().await;
    device.disconnect().await;
    let mut back = Client::new(&bed, persistent(Version::V4, "device")).await;
    back.is_quiet().await;
    let audit = bed.audit().await;
    let arn = json!(format!("{PREFIX}cert/{id}"));
    for operation in ["CreateKeysAndCertificate", "RegisterThing"] {
        let is_it = |row: &&Value| row["action"] == operation && row["resource"] == arn;
        assert!(audit.iter().any(|row| is_it(&row)), "{audit:?}");
    }
}

#[tokio::test]
async fn only_the_exact_topics_may_be_published_to() {
    let bed = mqtt_client::bed(|_| {}).await;
    for topic in ["$aws/certificates/create/xml", "$aws/provisioning-templates/t/provision/json/accepted"] {
        let mut device = Client::new(&bed, clean(Version::V4, "device")).await;
        device.publish(message(topic, "{}", QoS::AtLeastOnce)).await;
        device.is_closed().await;
    }
}

#[tokio::test]
async fn cbor_is_answered_in_cbor() {
    let bed = Bed::new().await;
    created(&bed, "t", json!({ "templateBody": template() })).await;
    let (accepted, made) = ask(&bed, "$aws/certificates/create/cbor", &json!({})).await;
    assert!(accepted && made["privateKey"].is_string(), "{made}");
    let token = &made["certificateOwnershipToken"];
    let request = json!({"certificateOwnershipToken": token, "parameters": {"Serial": "7", "Site": "south"}});
    let answer = ask(&bed, "$aws/provisioning-templates/t/provision/cbor", &request).await;
    let expected = json!({"deviceConfiguration": {"url": "https://south.example/7"}, "thingName": "dev-7"});
    assert_eq!(answer, (true, expected));
    assert_eq!(cbor::read(&cbor::write(&answer.1)), Some(answer.1));
    let answer = ask(&bed, "$aws/certificates/create-from-csr/cbor", &json!("nonsense")).await;
    rejected(answer, 400, "InvalidPayload", "Message cannot be parsed");
}

#[tokio::test]
async fn requests_are_refused_in_order() {
    let bed = Bed::new().await;
    let csr = "$aws/certificates/create-from-csr/json";
    for payload in [json!("{"), json!({}), json!({"certificateSigningRequest": ""}), json!([])] {
        rejected(ask(&bed, csr, &payload).await, 400, "InvalidPayload", "Message cannot be parsed");
    }
    let text = "CSR violates constraints: it must be one PEM certificate request";
    let answer = ask(&bed, csr, &json!({"certificateSigningRequest": "x"})).await;
    rejected(answer, 400, "InvalidCertificateSigningRequest", text);

    let bad = json!({"parameters": {"Serial": 7}});
    rejected(provision(&bed, "t", bad).await, 400, "InvalidPayload", "Message cannot be parsed");
    let text = "Template with name t does not exist.";
    rejected(provision(&bed, "t", json!({})).await, 400, "InvalidTemplate", text);
    created(&bed, "t", json!({"templateBody": template(), "enabled": false})).await;
    let text = "Template t is not enabled.";
    rejected(provision(&bed, "t", json!({})).await, 400, "InvalidTemplate", text);
    done(&bed, "PATCH", "/provisioning-templates/t", json!({"enabled": true})).await;
    let text = "Certificate ownership token cannot be empty.";
    rejected(provision(&bed, "t", json!({})).await, 400, "InvalidCertificateOwnershipToken", text);
    let answer = provision(&bed, "t", json!({"certificateOwnershipToken": "x"})).await;
    let text = "Certificate ownership token is invalid.";
    rejected(answer, 400, "InvalidCertificateOwnershipToken", text);

    let (id, token) = certificate(&bed).await;
    let with = |parameters: Value| json!({"certificateOwnershipToken": token, "parameters": parameters});
    let text = "Cannot resolve reference value: Serial";
    rejected(provision(&bed, "t", with(json!({}))).await, 400, "InvalidParameters", text);
    let (accepted, answer) = provision(&bed, "t", with(json!({"Serial": "a b"}))).await;
    assert_eq!((accepted, &answer["errorCode"]), (false, &json!("ProvisioningFailed")));
    let text = answer["errorMessage"].as_str().unwrap();
    assert!(text.starts_with("thing name \"dev-a b\" must be"), "{text}");
    assert!(text.contains("Error Code: ResourceRegistrationFailureException"), "{text}");
    // The certificate's id is the server's to say.
    let given = with(json!({"Serial": "7", "AWS::IoT::Certificate::Id": "a".repeat(64)}));
    assert!(provision(&bed, "t", given.clone()).await.0);
    assert_eq!(status(&bed, &id).await, "ACTIVE");
    assert!(provision(&bed, "t", given).await.0);
    created(&bed, "j", json!({"type": "JITP"})).await;
    let text = "Template j is of type JITP, not FLEET_PROVISIONING.";
    rejected(provision(&bed, "j", with(json!({}))).await, 400, "InvalidTemplate", text);
}

#[tokio::test]
async fn what_nobody_finishes_goes_with_its_token() {
    let bed = Bed::new().await;
    created(&bed, "t", json!({ "templateBody": template() })).await;
    let (finished, token) = certificate(&bed).await;
    let (left, other) = certificate(&bed).await;
    let request = |token: &str| json!({"certificateOwnershipToken": token, "parameters": {"Serial": "7"}});
    assert!(provision(&bed, "t", request(&token)).await.0);
    let state = bed.running.state();
    bed.clock.advance(Duration::from_secs(3_599));
    sweep::once(state).await.unwrap();
    assert_eq!(status(&bed, &left).await, "PENDING_ACTIVATION");
    bed.clock.advance(Duration::from_secs(1));
    let text = "Certificate ownership token is invalid.";
    let answer = provision(&bed, "t", request(&other)).await;
    rejected(answer, 400, "InvalidCertificateOwnershipToken", text);
    sweep::once(state).await.unwrap();
    assert_eq!(call(&bed, "GET", &format!("/certificates/{left}"), Value::Null).await.status, 404);
    assert_eq!(status(&bed, &finished).await, "ACTIVE");
}

#[tokio::test]
async fn the_role_must_be_there_trust_iot_and_allow_every_step() {
    let bed = Bed::new().await;
    let at = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let everything = || json!([people::allow("iot:*", "*")]);
    let stranger = trusts_iot().to_string().replace("iot.amazonaws.com", "ec2.amazonaws.com");
    people::role(&bed, "stranger", serde_json::from_str(&stranger).unwrap(), everything()).await;
    let without = json!([people::allow("iot:*", "*"), people::deny("iot:CreatePolicy", "*")]);
    people::role(&bed, "weak", trusts_iot(), without).await;
    people::role(&bed, "good", trusts_iot(), everything()).await;
    let (id, token) = certificate(&bed).await;
    let request = json!({"certificateOwnershipToken": token, "parameters": {"Serial": "7"}});
    for (role, why) in [
        ("missing", format!("role {} does not exist in account {ACCOUNT}", at("missing"))),
        ("stranger", format!("the trust policy of role {} does not let iot.amazonaws.com", at("stranger"))),
        ("weak", format!("role {} may not iot:CreatePolicy on {PREFIX}policy/", at("weak"))),
    ] {
        let input = json!({"templateBody": template(), "provisioningRoleArn": at(role)});
        crate::provisioning_template::created(&bed, role, input).await;
        let (accepted, answer) = provision(&bed, role, request.clone()).await;
        assert_eq!(
            (accepted, &answer["statusCode"], &answer["errorCode"]),
            (false, &json!(403), &json!("AccessDenied"))
        );
        assert!(answer["errorMessage"].as_str().unwrap().starts_with(&why), "{answer}");
        assert_eq!(get(&bed, "/things").await["things"], json!([]));
        assert_eq!(status(&bed, &id).await, "PENDING_ACTIVATION");
    }
    done(&bed, "PATCH", "/provisioning-templates/weak", json!({"provisioningRoleArn": at("good")})).await;
    assert!(provision(&bed, "weak", request.clone()).await.0);
    // What is there already needs no rights.
    done(&bed, "PATCH", "/provisioning-templates/weak", json!({"provisioningRoleArn": at("weak")})).await;
    assert!(provision(&bed, "weak", request).await.0);
}

/// A hook that answers with a status and a body, and tells what it was asked.
async fn hook(status: u16, answer: &'static str) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f?x=1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let body = loop {
                stream.read_buf(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request).into_owned();
                let parts = text.split_once("\r\n\r\n");
                if let Some(body) = parts.and_then(|(_, body)| serde_json::from_str::<Value>(body).ok()) {
                    assert!(text.starts_with("POST /f?x=1 HTTP/1.1\r\n"), "{text}");
                    break body;
                }
            };
            heard.lock().unwrap().push(body);
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

async fn bed_with_hook(url: &str) -> Bed {
    let route = HookRoute::parse(&format!("{FUNCTION}={url}")).unwrap();
    let bed = Bed::with(|config| config.provisioning.hooks = vec![route]).await;
    let hook = json!({ "targetArn": FUNCTION });
    created(&bed, "t", json!({"templateBody": template(), "preProvisioningHook": hook})).await;
    bed
}

async fn provision_with_hook(bed: &Bed) -> (String, (bool, Value)) {
    let (id, token) = certificate(bed).await;
    let request = json!({"certificateOwnershipToken": token, "parameters": {"Serial": "7"}});
    (id, provision(bed, "t", request).await)
}

#[tokio::test]
async fn a_hook_is_asked_and_may_change_parameters() {
    let yes = r#"{"allowProvisioning": true, "parameterOverrides": {"Site": "west", "Serial": "8"}}"#;
    let (url, asked) = hook(200, yes).await;
    let bed = bed_with_hook(&url).await;
    let (id, (accepted, answer)) = provision_with_hook(&bed).await;
    assert!(accepted, "{answer}");
    assert_eq!(answer["thingName"], "dev-8");
    assert_eq!(answer["deviceConfiguration"]["url"], "https://west.example/8");
    let pem =
        get(&bed, &format!("/certificates/{id}")).await["certificateDescription"]["certificatePem"].clone();
    let expected = json!([{
        "claimCertificateId": null, "certificateId": id, "certificatePem": pem,
        "templateArn": format!("{PREFIX}provisioningtemplate/t"), "clientId": "device",
        "parameters": {"Serial": "7"}
    }]);
    assert_eq!(json!(*asked.lock().unwrap()), expected);
}

#[tokio::test]
async fn a_hook_says_no_or_nothing_useful() {
    let failed = "Failed to invoke the pre-provisioning hook.";
    let shape = "Invalid result of the hook: allowProvisioning must be true or false";
    for (http, answer, status, code, text) in [
        (200, r#"{"allowProvisioning": false}"#, 403, "AccessDenied", "Access Denied"),
        (200, "{}", 400, "InvalidResult", shape),
        (500, "{}", 400, "InvocationError", failed),
    ] {
        let (url, asked) = hook(http, answer).await;
        let bed = bed_with_hook(&url).await;
        let (id, answered) = provision_with_hook(&bed).await;
        rejected(answered, status, code, text);
        assert_eq!(asked.lock().unwrap().len(), 1);
        assert_eq!(self::status(&bed, &id).await, "PENDING_ACTIVATION");
    }
    let bed = bed_with_hook("http://127.0.0.1:1/f").await;
    rejected(provision_with_hook(&bed).await.1, 400, "InvocationError", failed);
}

//! Device shadows over HTTP, and what is said on their topics.

use adit_aws::Service;
use adit_iot::Scope;
use adit_iot::shadow::ShadowTopic;
use adit_server::topics;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};

async fn call(bed: &Bed, method: &str, path: &str, body: &str) -> Answer {
    bed.signed(Service::IotData, method, path, &[], body).await
}

fn refused(answer: &Answer, status: u16, code: &str, text: &str) {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.json()["message"], text);
    assert!(answer.json()["traceId"].is_string());
}

/// What is said in answer to a message on a topic.
async fn say(bed: &Bed, topic: &str, payload: &str) -> Vec<(String, Value)> {
    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    let topic = ShadowTopic::parse(topic).unwrap();
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let said = topics::shadow::handle(bed.running.state(), &scope, topic, payload).await;
    said.into_iter().map(|(topic, payload)| (topic, serde_json::from_slice(&payload).unwrap())).collect()
}

#[tokio::test]
async fn a_shadow_is_made_merged_shown_and_deleted() {
    let bed = Bed::new().await;
    for path in ["/things/lamp/shadow", "/things/lamp/shadow?name=dim"] {
        let identifier = if path.contains("name") { "lamp~dim" } else { "lamp" };
        let missing = format!("No shadow exists with name: '{identifier}'");
        refused(&call(&bed, "GET", path, "").await, 404, "ResourceNotFoundException", &missing);
        let made = call(&bed, "POST", path, r#"{"state":{"desired":{"on":true,"x":null}}}"#).await;
        let now = bed.clock.now_ms() / 1000;
        let leaf = json!({ "timestamp": now });
        assert_eq!(made.header("content-type"), Some("application/json"));
        assert_eq!(
            made.json(),
            json!({
                "state": { "desired": { "on": true, "x": null } },
                "metadata": { "desired": { "on": leaf, "x": leaf } },
                "version": 1, "timestamp": now,
            })
        );
        call(&bed, "POST", path, r#"{"state":{"reported":{"on":false,"y":[1]}},"version":1}"#).await;
        assert_eq!(
            call(&bed, "GET", path, "").await.json(),
            json!({
                "state": {
                    "desired": { "on": true },
                    "reported": { "on": false, "y": [1] },
                    "delta": { "on": true },
                },
                "metadata": { "desired": { "on": leaf }, "reported": { "on": leaf, "y": [leaf] } },
                "version": 2, "timestamp": now,
            })
        );
        let stale = call(&bed, "POST", path, r#"{"state":{},"version":1}"#).await;
        refused(&stale, 409, "ConflictException", "Version conflict");
        let gone = call(&bed, "DELETE", path, "").await;
        assert_eq!((gone.status, gone.json()), (200, json!({ "version": 2, "timestamp": now })));
        refused(&call(&bed, "DELETE", path, "").await, 404, "ResourceNotFoundException", &missing);
        let again = call(&bed, "POST", path, r#"{"state":{}}"#).await;
        assert_eq!(again.json()["version"], 3);
    }
}

#[tokio::test]
async fn a_shadow_needs_no_thing_and_outlives_one() {
    let bed = Bed::new().await;
    bed.signed(Service::Iot, "POST", "/things/lamp", &[], "").await;
    call(&bed, "POST", "/things/lamp/shadow", r#"{"state":{"reported":{"on":true}}}"#).await;
    bed.signed(Service::Iot, "DELETE", "/things/lamp", &[], "").await;
    let shown = call(&bed, "GET", "/things/lamp/shadow", "").await.json();
    assert_eq!(shown["state"], json!({ "reported": { "on": true } }));
    assert_eq!(call(&bed, "POST", "/things/never/shadow", r#"{"state":{}}"#).await.status, 200);
}

#[tokio::test]
async fn bad_documents_are_refused_in_the_words_of_aws() {
    let bed = Bed::with(|config| config.shadow.state_bytes = adit_server::config::ByteSize(1024)).await;
    let update = async |body: &str| call(&bed, "POST", "/things/lamp/shadow", body).await;
    for (body, text) in [
        ("{", "Invalid JSON"),
        ("{}", "Missing required node: state"),
        (r#"{"state":{"delta":{}}}"#, "State contains an invalid node"),
        (r#"{"state":{"desired":[]}}"#, "Desired node must be an object"),
    ] {
        refused(&update(body).await, 400, "InvalidRequestException", text);
    }
    let big = json!({ "state": { "reported": { "a": "x".repeat(1024) } } }).to_string();
    let text = "The payload exceeds the maximum size allowed";
    refused(&update(&big).await, 413, "RequestEntityTooLargeException", text);
    assert_eq!(call(&bed, "POST", "/things/lamp/shadow", "").await.status, 400);
    assert_eq!(call(&bed, "GET", "/things/lamp/shadow", "").await.status, 404, "nothing was kept");
}

#[tokio::test]
async fn another_method_is_not_allowed() {
    let bed = Bed::new().await;
    let answer = call(&bed, "PUT", "/things/lamp/shadow", "{}").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (405, Some("MethodNotAllowedException")));
    assert!(answer.json()["traceId"].is_string());
}

#[tokio::test]
async fn named_shadows_are_listed_page_by_page() {
    let bed = Bed::new().await;
    for name in ["c", "a", "b"] {
        call(&bed, "POST", &format!("/things/lamp/shadow?name={name}"), r#"{"state":{}}"#).await;
    }
    call(&bed, "POST", "/things/lamp/shadow", r#"{"state":{}}"#).await;
    let path = "/api/things/shadow/ListNamedShadowsForThing/lamp";
    let first = call(&bed, "GET", &format!("{path}?pageSize=2"), "").await.json();
    assert_eq!((&first["results"], first["timestamp"].is_i64()), (&json!(["c", "a"]), true));
    let token = first["nextToken"].as_str().unwrap();
    let rest = call(&bed, "GET", &format!("{path}?nextToken={token}"), "").await.json();
    assert_eq!((&rest["results"], rest.get("nextToken")), (&json!(["b"]), None));
    let other = call(&bed, "GET", "/api/things/shadow/ListNamedShadowsForThing/bulb", "").await;
    assert_eq!(other.json()["results"], json!([]));
}

#[tokio::test]
async fn topics_are_answered_on_topics() {
    let bed = Bed::new().await;
    let update = "$aws/things/lamp/shadow/name/dim/update";
    let said = say(&bed, update, r#"{"state":{"desired":{"on":true}},"clientToken":"t"}"#).await;
    let topics: Vec<&str> = said.iter().map(|(topic, _)| topic.as_str()).collect();
    let below = |suffix: &str| format!("{update}/{suffix}");
    assert_eq!(topics, [below("accepted"), below("delta"), below("documents")]);
    assert!(said.iter().all(|(_, payload)| payload["clientToken"] == "t"));
    assert_eq!(said[1].1["state"], json!({ "on": true }));
    assert_eq!(said[2].1["previous"]["version"], 0);

    let said = say(&bed, update, r#"{"state":{"reported":{"on":true}}}"#).await;
    let topics: Vec<&str> = said.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(topics, [below("accepted"), below("documents")], "nothing differs any more");

    let said = say(&bed, "$aws/things/lamp/shadow/name/dim/get", "").await;
    assert_eq!(said[0].0, "$aws/things/lamp/shadow/name/dim/get/accepted");
    assert_eq!(said[0].1["version"], 2);
    let said = say(&bed, "$aws/things/lamp/shadow/get", r#"{"clientToken":"t"}"#).await;
    assert_eq!(said[0].0, "$aws/things/lamp/shadow/get/rejected");
    let now = bed.clock.now_ms() / 1000;
    let text = "No shadow exists with name: 'lamp'";
    assert_eq!(said[0].1, json!({ "code": 404, "message": text, "timestamp": now, "clientToken": "t" }));
    let said = say(&bed, update, "nonsense").await;
    assert_eq!(
        said,
        [(below("rejected"), json!({ "code": 400, "message": "Invalid JSON", "timestamp": now }))]
    );
    let said = say(&bed, "$aws/things/lamp/shadow/name/dim/delete", r#"{"clientToken":"u"}"#).await;
    assert_eq!(said[0].0, "$aws/things/lamp/shadow/name/dim/delete/accepted");
    assert_eq!(said[0].1, json!({ "version": 2, "timestamp": now, "clientToken": "u" }));
}

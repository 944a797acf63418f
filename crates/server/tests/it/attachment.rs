//! Attached policies, in the present words and in the deprecated ones.

use adit_iot::{Scope, ThingGroupName};
use adit_store::GroupDeleted;
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{ACCOUNT, PREFIX, call, certificate, done, get, group, pages, policy, refused, with};

const COGNITO: &str = "us-east-1:6ba7b810-9dad-11d1-80b4-00c04fd430c8";

async fn attach(bed: &Bed, name: &str, target: &str) -> Answer {
    call(bed, "PUT", &format!("/target-policies/{name}"), json!({ "target": target })).await
}

async fn detach(bed: &Bed, name: &str, target: &str) -> Answer {
    call(bed, "POST", &format!("/target-policies/{name}"), json!({ "target": target })).await
}

async fn attached(bed: &Bed, target: &str) -> Vec<String> {
    let answer = call(bed, "POST", &format!("/attached-policies/{target}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    names(&answer.json()["policies"])
}

fn names(policies: &Value) -> Vec<String> {
    policies.as_array().unwrap().iter().map(|line| line["policyName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_attached_is_listed_and_detached() {
    let bed = Bed::new().await;
    for name in ["p", "q"] {
        policy(&bed, name).await;
    }
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, false).await);
    for _ in 0..2 {
        assert_eq!(attach(&bed, "p", &arn).await.body, "{}");
    }
    attach(&bed, "q", &arn).await;
    attach(&bed, "q", COGNITO).await;
    assert_eq!(attached(&bed, &arn).await, ["q", "p"]);
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(attached(&bed, &encoded).await, ["q", "p"]);
    let targets = call(&bed, "POST", "/policy-targets/q", Value::Null).await.json();
    assert_eq!(targets, json!({ "targets": [COGNITO, arn] }));

    assert_eq!(detach(&bed, "q", &arn).await.body, "{}");
    assert_eq!(attached(&bed, &arn).await, ["p"]);
    let text = format!("The policy q is not attached to {arn}");
    refused(&detach(&bed, "q", &arn).await, 404, "ResourceNotFoundException", &text);
    // AWS takes an unknown policy for one that is detached.
    assert_eq!(detach(&bed, "unknown", &arn).await.body, "{}");
    let unknown = format!("{PREFIX}cert/{}", "0".repeat(64));
    assert_eq!(attached(&bed, &unknown).await, [""; 0]);
}

#[tokio::test]
async fn targets_are_judged_in_awss_words() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    let id = "0".repeat(64);
    let invalid = "InvalidRequestException";
    refused(&attach(&bed, "p", "nobody").await, 400, invalid, "Invalid Target");
    let thing = format!("{PREFIX}thing/lamp");
    refused(&attach(&bed, "p", &thing).await, 400, invalid, &format!("Invalid Target: {thing}"));
    let foreign = format!("arn:aws:iot:us-east-1:999999999999:cert/{id}");
    let text = "Cross account not allowed. Please check the account of the resource specified.";
    refused(&attach(&bed, "p", &foreign).await, 403, "AccessDeniedException", text);
    let elsewhere = format!("arn:aws:iot:eu-west-1:123456789012:cert/{id}");
    assert_eq!(attach(&bed, "p", &elsewhere).await.header("x-amzn-errortype"), Some(invalid));
    let missing = "The certificate given in the principal does not exist.";
    let answer = attach(&bed, "p", &format!("{PREFIX}cert/{id}")).await;
    refused(&answer, 404, "ResourceNotFoundException", missing);
    let text = format!(
        "Cannot find requested thing group for accountId: 123456789012 and thing group name: g ({PREFIX}thinggroup/g)"
    );
    refused(
        &attach(&bed, "p", &format!("{PREFIX}thinggroup/g")).await,
        404,
        "ResourceNotFoundException",
        &text,
    );
    let answer = call(&bed, "POST", &format!("/attached-policies/{PREFIX}thinggroup/g"), Value::Null).await;
    refused(&answer, 404, "ResourceNotFoundException", &text);
    refused(&attach(&bed, "unknown", COGNITO).await, 404, "ResourceNotFoundException", "Policy not found");
}

#[tokio::test]
async fn a_certificate_has_ten_policies_and_a_group_two() {
    let bed = Bed::new().await;
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    for n in 0..11 {
        policy(&bed, &format!("p{n}")).await;
        let answer = attach(&bed, &format!("p{n}"), &arn).await;
        assert_eq!((answer.status, n), (if n < 10 { 200 } else { 410 }, n), "{answer:?}");
    }
    let answer = attach(&bed, "p10", &arn).await;
    let text = format!("{arn} already has the maximum number of attached policies (10)");
    refused(&answer, 410, "LimitExceededException", &text);
    assert_eq!(attach(&bed, "p3", &arn).await.status, 200, "what is attached may be attached again");
    group(&bed, "g", None).await;
    let arn = format!("{PREFIX}thinggroup/g");
    for (name, status) in [("p0", 200), ("p1", 200), ("p2", 410), ("p1", 200)] {
        assert_eq!(attach(&bed, name, &arn).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn groups_inherit_the_nearest_first() {
    let bed = Bed::new().await;
    group(&bed, "root", None).await;
    group(&bed, "middle", Some("root")).await;
    group(&bed, "leaf", Some("middle")).await;
    for (name, of) in [("r", "root"), ("m", "middle"), ("l", "leaf"), ("r", "leaf")] {
        if call(&bed, "GET", &format!("/policies/{name}"), Value::Null).await.status == 404 {
            policy(&bed, name).await;
        }
        assert_eq!(attach(&bed, name, &format!("{PREFIX}thinggroup/{of}")).await.status, 200);
    }
    let path = format!("/attached-policies/{PREFIX}thinggroup/leaf");
    let list = async |query: &str| call(&bed, "POST", &format!("{path}{query}"), Value::Null).await.json();
    assert_eq!(names(&list("").await["policies"]), ["r", "l"]);
    assert_eq!(names(&list("?recursive=true").await["policies"]), ["l", "r", "m"]);
    let first = list("?recursive=true&pageSize=2").await;
    assert_eq!(names(&first["policies"]), ["l", "r"]);
    let marker =
        first["nextMarker"].as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let rest = list(&format!("?recursive=true&pageSize=2&marker={marker}")).await;
    assert_eq!((names(&rest["policies"]), rest.get("nextMarker")), (vec!["m".to_owned()], None));
    // A group that goes takes its attachments along.
    let (scope, leaf) = (Scope::new(ACCOUNT, "us-east-1").unwrap(), ThingGroupName::parse("leaf").unwrap());
    let gone = bed.running.state().store.thing_group_delete(&scope, &leaf, None).await.unwrap();
    assert_eq!(gone, GroupDeleted::Yes);
    done(&bed, "DELETE", "/policies/l", Value::Null).await;
}

#[tokio::test]
async fn the_deprecated_operations_see_the_same_attachments() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    group(&bed, "g", None).await;
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    let header = format!("x-amzn-iot-principal: {arn}");
    let on = async |method: &str, name: &str, principal: &str| {
        let header = format!("x-amzn-iot-principal: {principal}");
        with(&bed, method, &format!("/principal-policies/{name}"), &[&header], Value::Null).await
    };
    for _ in 0..2 {
        assert_eq!(on("PUT", "p", &arn).await.body, "{}");
    }
    attach(&bed, "p", &format!("{PREFIX}thinggroup/g")).await;
    assert_eq!(attached(&bed, &arn).await, ["p"]);
    let listed = with(&bed, "GET", "/principal-policies", &[&header], Value::Null).await.json();
    assert_eq!(
        listed,
        json!({ "policies": [{ "policyName": "p", "policyArn": format!("{PREFIX}policy/p") }] })
    );
    let principals = with(&bed, "GET", "/policy-principals", &["x-amzn-iot-policy: p"], Value::Null).await;
    assert_eq!(principals.json(), json!({ "principals": [arn] }));
    let unknown = with(&bed, "GET", "/policy-principals", &["x-amzn-iot-policy: x"], Value::Null).await;
    refused(&unknown, 404, "ResourceNotFoundException", "Policy not found");

    let group_arn = format!("{PREFIX}thinggroup/g");
    let text = "The given ARN does not represent a cert";
    refused(&on("PUT", "p", &group_arn).await, 400, "InvalidRequestException", text);
    refused(&on("PUT", "p", "nobody").await, 400, "InvalidRequestException", "Invalid principal type");
    assert_eq!(on("DELETE", "p", &arn).await.body, "{}");
    let text = format!("The policy p is not attached to {arn}");
    refused(&on("DELETE", "p", &arn).await, 404, "ResourceNotFoundException", &text);
    refused(&on("DELETE", "x", &arn).await, 404, "ResourceNotFoundException", "Policy not found");
    refused(&on("PUT", "x", &arn).await, 404, "ResourceNotFoundException", "Policy not found");
}

#[tokio::test]
async fn targets_are_listed_in_pages() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    let all: Vec<String> =
        (0..9).map(|n| format!("us-east-1:6ba7b810-9dad-11d1-80b4-00c04fd43{n:03}")).collect();
    for target in &all {
        assert_eq!(attach(&bed, "p", target).await.status, 200);
    }
    for (query, expected) in [("pageSize=4", all.iter().rev().cloned().collect::<Vec<_>>())] {
        let mut seen = Vec::new();
        let mut more = String::new();
        loop {
            let page =
                call(&bed, "POST", &format!("/policy-targets/p?{query}{more}"), Value::Null).await.json();
            seen.extend(page["targets"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()));
            let Some(marker) = page["nextMarker"].as_str() else { break };
            more = format!("&marker={}", marker.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        }
        assert_eq!(seen, expected);
    }
    let header = format!("x-amzn-iot-principal: {}", all[0]);
    let one = with(&bed, "GET", "/principal-policies", &[&header], Value::Null).await.json();
    assert_eq!(names(&one["policies"]), ["p"]);
    assert_eq!(pages(&bed, "/policies?", "policies", "nextMarker").await.concat().len(), 1);
    assert!(get(&bed, "/policies/p").await.is_object());
}

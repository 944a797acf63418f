//! What counts for a device and what it would decide; and where it finds the server.

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::iot::{PREFIX, call, certificate, done, get, group, put_into_group, refused, thing, with};
use crate::people::user;

fn document(statements: &[(&str, &str, &str)]) -> String {
    let statements: Vec<Value> = statements
        .iter()
        .map(|(effect, action, resource)| {
            json!({ "Effect": effect, "Action": action, "Resource": format!("{PREFIX}{resource}") })
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

async fn policy(bed: &Bed, name: &str, statements: &[(&str, &str, &str)]) {
    let body = json!({ "policyDocument": document(statements) });
    assert_eq!(call(bed, "POST", &format!("/policies/{name}"), body).await.status, 200);
}

/// A certificate attached to thing `lamp` of group `leaf` below `root`, with a policy on each.
async fn set_up(bed: &Bed) -> String {
    let arn = format!("{PREFIX}cert/{}", certificate(bed, true).await);
    policy(bed, "connect", &[("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}")]).await;
    policy(
        bed,
        "topics",
        &[("Allow", "iot:Publish", "topic/*"), ("Allow", "iot:Subscribe", "topicfilter/*")],
    )
    .await;
    policy(bed, "not-there", &[("Deny", "iot:Publish", "topic/secret/*")]).await;
    policy(bed, "spare", &[("Allow", "iot:Receive", "topic/${iot:Connection.Thing.Attributes[site]}/*")])
        .await;
    thing(bed, "lamp").await;
    let header = format!("x-amzn-principal: {arn}");
    assert_eq!(with(bed, "PUT", "/things/lamp/principals", &[&header], Value::Null).await.status, 200);
    group(bed, "root", None).await;
    group(bed, "leaf", Some("root")).await;
    put_into_group(bed, "lamp", "leaf").await;
    for (name, target) in [
        ("connect", arn.as_str()),
        ("topics", &format!("{PREFIX}thinggroup/leaf")),
        ("not-there", &format!("{PREFIX}thinggroup/root")),
        ("connect", &format!("{PREFIX}thinggroup/root")),
    ] {
        done(bed, "PUT", &format!("/target-policies/{name}"), json!({ "target": target })).await;
    }
    arn
}

#[tokio::test]
async fn effective_policies_are_those_of_principal_and_groups_each_once() {
    let bed = Bed::new().await;
    let arn = set_up(&bed).await;
    let effective = async |query: &str, body: Value| {
        let answer = call(&bed, "POST", &format!("/effective-policies{query}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["effectivePolicies"].clone()
    };
    let names = |policies: &Value| -> Vec<String> {
        policies.as_array().unwrap().iter().map(|p| p["policyName"].as_str().unwrap().to_owned()).collect()
    };
    let own = effective("", json!({ "principal": arn })).await;
    let text = document(&[("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}")]);
    let expected = json!([{ "policyName": "connect", "policyArn": format!("{PREFIX}policy/connect"), "policyDocument": text }]);
    assert_eq!(own, expected);
    let both = effective("?thingName=lamp", json!({ "principal": arn })).await;
    assert_eq!(names(&both), ["connect", "topics", "not-there"]);
    assert_eq!(names(&effective("?thingName=lamp", Value::Null).await), ["topics", "not-there", "connect"]);
    assert_eq!(call(&bed, "POST", "/effective-policies", Value::Null).await.status, 400);
    let answer = call(&bed, "POST", "/effective-policies?thingName=x", Value::Null).await;
    refused(&answer, 404, "ResourceNotFoundException", "Thing 123456789012:x not found.");
    let unknown = json!({ "principal": format!("{PREFIX}cert/{}", "0".repeat(64)) });
    assert_eq!(call(&bed, "POST", "/effective-policies", unknown).await.status, 404);
}

#[tokio::test]
async fn a_test_says_what_would_be_decided_and_why() {
    let bed = Bed::new().await;
    let arn = set_up(&bed).await;
    let line = |name: &str| json!({ "policyName": name, "policyArn": format!("{PREFIX}policy/{name}") });
    let ask = async |query: &str, more: Value, action: &str, resources: &[&str]| {
        let resources: Vec<_> = resources.iter().map(|tail| format!("{PREFIX}{tail}")).collect();
        let mut body =
            json!({ "principal": arn, "authInfos": [{ "actionType": action, "resources": resources }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = call(&bed, "POST", &format!("/test-authorization{query}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["authResults"][0].clone()
    };
    let connect = ask("?clientId=lamp", json!({}), "CONNECT", &["client/lamp"]).await;
    let expected = json!({
        "authInfo": { "actionType": "CONNECT", "resources": [format!("{PREFIX}client/lamp")] },
        "allowed": { "policies": [line("connect")] },
        "denied": { "implicitDeny": { "policies": [] }, "explicitDeny": { "policies": [] } },
        "authDecision": "ALLOWED",
        "missingContextValues": [],
    });
    assert_eq!(connect, expected);
    // Another client id is no thing: no group's policies, and the variable has no value.
    let other = ask("?clientId=other", json!({}), "CONNECT", &["client/other"]).await;
    assert_eq!(other["authDecision"], "IMPLICIT_DENY");
    assert_eq!(other["denied"]["implicitDeny"]["policies"], json!([line("connect")]));
    assert_eq!(other["missingContextValues"], json!(["iot:Connection.Thing.ThingName"]));
    let publish =
        async |resources: &[&str], more: Value| ask("?clientId=lamp", more, "PUBLISH", resources).await;
    assert_eq!(publish(&["topic/a"], json!({})).await["authDecision"], "ALLOWED");
    let secret = publish(&["topic/a", "topic/secret/b"], json!({})).await;
    assert_eq!(secret["authDecision"], "EXPLICIT_DENY");
    assert_eq!(secret["allowed"]["policies"], json!([line("topics")]));
    assert_eq!(secret["denied"]["explicitDeny"]["policies"], json!([line("not-there")]));
    let skipped = publish(&["topic/secret/b"], json!({ "policyNamesToSkip": ["not-there"] })).await;
    assert_eq!(skipped["authDecision"], "ALLOWED");
    let added =
        ask("?clientId=lamp", json!({ "policyNamesToAdd": ["spare"] }), "RECEIVE", &["topic/x/y"]).await;
    assert_eq!(added["authDecision"], "IMPLICIT_DENY");
    assert_eq!(added["missingContextValues"], json!(["iot:Connection.Thing.Attributes[site]"]));

    let infos = json!([{ "actionType": "PUBLISH", "resources": ["*"] }]);
    for (body, status) in [
        (json!({ "authInfos": [] }), 400),
        (json!({ "authInfos": [{ "resources": ["*"] }] }), 400),
        (json!({ "authInfos": infos, "principal": "nobody" }), 400),
        (json!({ "authInfos": infos, "principal": format!("{PREFIX}cert/{}", "0".repeat(64)) }), 404),
        (json!({ "authInfos": infos, "policyNamesToAdd": ["unknown"] }), 404),
        (json!({ "authInfos": infos, "policyNamesToSkip": ["unknown"] }), 200),
    ] {
        let answer = call(&bed, "POST", "/test-authorization", body.clone()).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
    }
}

const EXPLAIN: &str = "/adit/authorization/explain";

#[tokio::test]
async fn an_explanation_gives_the_statements_that_decide() {
    let bed = Bed::new().await;
    let arn = set_up(&bed).await;
    let one = r#"{"Version":"2012-10-17","Statement":{"Sid":"One","Effect":"Deny","Action":["iot:*"],
        "Resource":"*","Condition":{"StringEquals":{"iot:ClientId":["lamp",7]}}}}"#;
    assert_eq!(call(&bed, "POST", "/policies/one", json!({ "policyDocument": one })).await.status, 200);
    let explain = async |more: Value, infos: Value| {
        let mut body = json!({ "principal": arn, "clientId": "lamp", "authInfos": infos });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = call(&bed, "POST", EXPLAIN, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["results"].clone()
    };
    let topic = |tail: &str| format!("{PREFIX}topic/{tail}");
    let infos = json!([
        { "actionType": "PUBLISH", "resources": [topic("a"), topic("secret/b")] },
        { "actionType": "RECEIVE", "resources": [topic("a")] },
    ]);
    let policies = json!(["connect", "not-there", "topics"]);
    let statement = |effect: &str, tail: &str| json!({ "Effect": effect, "Action": "iot:Publish", "Resource": topic(tail) });
    let said = |policy: &str, effect: &str, tail: &str| json!({ "policyName": policy, "number": 1, "effect": effect, "statement": statement(effect, tail) });
    let expected = json!([
        {
            "actionType": "PUBLISH", "resource": topic("a"), "decision": "ALLOWED",
            "reason": "allowed by policy topics statement 1", "statements": [said("topics", "Allow", "*")],
            "policies": policies, "missingContextValues": [], "thingName": "lamp",
        },
        {
            "actionType": "PUBLISH", "resource": topic("secret/b"), "decision": "EXPLICIT_DENY",
            "reason": "explicit deny by policy not-there statement 1",
            "statements": [said("not-there", "Deny", "secret/*")],
            "policies": policies, "missingContextValues": [], "thingName": "lamp",
        },
        {
            "actionType": "RECEIVE", "resource": topic("a"), "decision": "IMPLICIT_DENY",
            "reason": format!("no statement allows iot:Receive on {}; policies considered: connect, not-there, topics", topic("a")),
            "statements": [], "policies": policies, "missingContextValues": [], "thingName": "lamp",
        },
    ]);
    assert_eq!(explain(json!({}), infos).await, expected);

    let infos = json!([{ "actionType": "CONNECT", "resources": [format!("{PREFIX}client/lamp")] }]);
    let denied = explain(json!({ "policyNamesToAdd": ["one"] }), infos.clone()).await[0].clone();
    assert_eq!(denied["reason"], "explicit deny by policy one statement 1 (Sid One)");
    let text: Value = serde_json::from_str(one).unwrap();
    let expected = json!([{ "policyName": "one", "number": 1, "sid": "One", "effect": "Deny", "statement": text["Statement"] }]);
    assert_eq!(denied["statements"], expected);
    // Another client id is no thing: no group's policies, and the variable has no value.
    let other = explain(json!({ "clientId": "other" }), infos).await[0].clone();
    assert_eq!((&other["decision"], &other["policies"]), (&json!("IMPLICIT_DENY"), &json!(["connect"])));
    assert_eq!(other["missingContextValues"], json!(["iot:Connection.Thing.ThingName"]));
    assert_eq!(other.get("thingName"), None);
    // What changes nothing is not in the audit log.
    let audited = bed.audit().await;
    assert!(audited.iter().all(|row| row["action"] != "ExplainAuthorization"), "{audited:?}");
}

#[tokio::test]
async fn an_explanation_takes_a_right_and_so_many_questions() {
    let bed = Bed::new().await;
    let arn = set_up(&bed).await;
    let ask = |count| json!([{ "actionType": "PUBLISH", "resources": vec!["*"; count] }]);
    let unknown = format!("{PREFIX}cert/{}", "0".repeat(64));
    for (body, status) in [
        (json!({ "authInfos": ask(100) }), 200),
        (json!({ "authInfos": ask(101) }), 400),
        (json!({ "authInfos": [ask(60)[0], ask(41)[0]] }), 400),
        (json!({ "authInfos": vec![ask(1)[0].clone(); 11] }), 400),
        (json!({ "authInfos": [] }), 400),
        (json!({ "authInfos": [{ "resources": ["*"] }] }), 400),
        (json!({ "authInfos": ask(1), "principal": "nobody" }), 400),
        (json!({ "authInfos": ask(1), "principal": unknown }), 404),
        (json!({ "authInfos": ask(1), "policyNamesToAdd": ["unknown"] }), 404),
        (json!({ "authInfos": ask(1), "policyNamesToSkip": ["unknown"] }), 200),
    ] {
        let answer = call(&bed, "POST", EXPLAIN, body.clone()).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
    }
    let body = json!({ "principal": arn, "authInfos": ask(1) });
    let allowed = json!([{ "Effect": "Allow", "Action": "iot:ExplainAuthorization", "Resource": arn }]);
    let may = user(&bed, "alice", allowed).await;
    assert_eq!(may.iot(&bed, "POST", EXPLAIN, body.clone()).await.status, 200);
    let other = json!({ "principal": unknown, "authInfos": ask(1) });
    assert_eq!(may.iot(&bed, "POST", EXPLAIN, other).await.status, 403);
    let may_not =
        user(&bed, "bob", json!([{ "Effect": "Allow", "Action": "iot:TestAuthorization", "Resource": "*" }]))
            .await;
    assert_eq!(may_not.iot(&bed, "POST", EXPLAIN, body).await.status, 403);
}

#[tokio::test]
async fn all_types_of_endpoint_have_an_address() {
    let bed = Bed::with(|config| config.endpoint.domain = "iot.test".to_owned()).await;
    let address = async |query: &str| {
        get(&bed, &format!("/endpoint{query}")).await["endpointAddress"].as_str().unwrap().to_owned()
    };
    let plain = address("").await;
    let (prefix, rest) = plain.split_once('.').unwrap();
    assert_eq!((prefix.len(), rest), (14, "iot.us-east-1.iot.test"));
    for (kind, tail) in [
        ("iot:Data", ".iot"),
        ("iot:Data-ATS", "-ats.iot"),
        ("iot:CredentialProvider", ".credentials.iot"),
        ("iot:Jobs", ".jobs.iot"),
    ] {
        let expected = format!("{prefix}{tail}.us-east-1.iot.test");
        assert_eq!(address(&format!("?endpointType={}", kind.replace(':', "%3A"))).await, expected);
    }
    let answer = call(&bed, "GET", "/endpoint?endpointType=iot:Else", Value::Null).await;
    assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestException"), "{answer:?}");
}

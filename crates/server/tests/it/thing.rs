//! The operations on things, rule by rule.

use adit_aws::Service;
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};

async fn call(bed: &Bed, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    bed.signed(Service::Iot, method, path, &[], &body).await
}

async fn create(bed: &Bed, name: &str, attributes: Value) -> Answer {
    let body = json!({ "attributePayload": { "attributes": attributes } });
    call(bed, "POST", &format!("/things/{name}"), body).await
}

fn refused(answer: &Answer, status: u16, code: &str, text: &str) {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.json()["message"], text);
}

#[tokio::test]
async fn the_same_thing_again_is_fine_and_another_is_not() {
    let bed = Bed::new().await;
    let first = create(&bed, "lamp", json!({ "site": "berlin", "empty": "" })).await.json();
    let arn = "arn:aws:iot:us-east-1:123456789012:thing/lamp";
    assert_eq!(first, json!({ "thingName": "lamp", "thingArn": arn, "thingId": first["thingId"] }));
    assert_eq!(first["thingId"].as_str().map(str::len), Some(36));
    assert_eq!(create(&bed, "lamp", json!({ "site": "berlin" })).await.json(), first);

    let other = create(&bed, "lamp", json!({ "site": "bonn" })).await;
    let text = "Thing lamp already exists in account with different attributes";
    refused(&other, 409, "ResourceAlreadyExistsException", text);
    assert_eq!(other.json()["resourceArn"], arn);
    assert_eq!(other.json()["resourceId"], first["thingId"]);

    let shown = call(&bed, "GET", "/things/lamp", Value::Null).await.json();
    assert_eq!(
        shown,
        json!({
            "defaultClientId": "lamp",
            "thingName": "lamp",
            "thingId": first["thingId"],
            "thingArn": arn,
            "attributes": { "site": "berlin" },
            "version": 1,
        })
    );
}

#[tokio::test]
async fn what_a_thing_refers_to_must_exist() {
    let bed = Bed::new().await;
    let typed = json!({ "thingTypeName": "bulb" });
    let answer = call(&bed, "POST", "/things/lamp", typed.clone()).await;
    refused(&answer, 404, "ResourceNotFoundException", "Thing Type 123456789012:bulb not found.");
    let answer = call(&bed, "PATCH", "/things/lamp", typed.clone()).await;
    refused(&answer, 404, "ResourceNotFoundException", "Thing lamp not found.");
    create(&bed, "lamp", json!({})).await;
    let answer = call(&bed, "PATCH", "/things/lamp", typed).await;
    refused(&answer, 404, "ResourceNotFoundException", "Thing Type 123456789012:bulb not found.");
    let answer = call(&bed, "POST", "/things/lamp", json!({ "billingGroupName": "home" })).await;
    refused(&answer, 404, "ResourceNotFoundException", "Billing Group 123456789012:home not found.");
    let both = json!({ "thingTypeName": "bulb", "removeThingType": true });
    assert_eq!(call(&bed, "PATCH", "/things/lamp", both).await.status, 400);
    let four = json!({ "a": "1", "b": "2", "c": "3", "d": "4" });
    let text = "A thing without a type may have at most 3 attributes; this would make 4.";
    refused(&create(&bed, "other", four).await, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn updates_replace_merge_and_count() {
    let bed = Bed::new().await;
    create(&bed, "lamp", json!({ "a": "1", "b": "2" })).await;
    for (body, attributes) in [
        (
            json!({ "attributePayload": { "attributes": { "b": "", "c": "3" }, "merge": true } }),
            json!({ "a": "1", "c": "3" }),
        ),
        (json!({}), json!({ "a": "1", "c": "3" })),
        (json!({ "attributePayload": { "attributes": { "d": "4", "e": "" } } }), json!({ "d": "4" })),
        (json!({ "attributePayload": { "attributes": {} }, "expectedVersion": 4 }), json!({})),
    ] {
        let answer = call(&bed, "PATCH", "/things/lamp", body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
        assert_eq!(call(&bed, "GET", "/things/lamp", Value::Null).await.json()["attributes"], attributes);
    }
    assert_eq!(call(&bed, "GET", "/things/lamp", Value::Null).await.json()["version"], 5);
    let text = "The version for thing lamp does not match the expected version.";
    let stale = call(&bed, "PATCH", "/things/lamp", json!({ "expectedVersion": 4 })).await;
    refused(&stale, 409, "VersionConflictException", text);
    let stale = call(&bed, "DELETE", "/things/lamp?expectedVersion=4", Value::Null).await;
    refused(&stale, 409, "VersionConflictException", text);
    for _ in 0..2 {
        let gone = call(&bed, "DELETE", "/things/lamp", Value::Null).await;
        assert_eq!((gone.status, gone.body.as_str()), (200, "{}"));
    }
}

#[tokio::test]
async fn lists_are_in_order_of_creation_and_can_be_filtered() {
    let bed = Bed::new().await;
    for n in (0..60).rev() {
        let site = format!("site-{}", n % 3);
        create(&bed, &format!("t{n}"), json!({ "site": site })).await;
    }
    let list = async |query: &str| call(&bed, "GET", &format!("/things{query}"), Value::Null).await.json();
    let names = |page: &Value| {
        page["things"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["thingName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = list("").await;
    assert_eq!((names(&first).len(), names(&first)[0].as_str()), (50, "t59"));
    assert_eq!(
        first["things"][0],
        json!({
            "thingName": "t59",
            "thingArn": "arn:aws:iot:us-east-1:123456789012:thing/t59",
            "attributes": { "site": "site-2" },
            "version": 1,
        })
    );
    let token = first["nextToken"].as_str().unwrap();
    let rest = list(&format!("?nextToken={token}")).await;
    assert_eq!((names(&rest).len(), rest.get("nextToken")), (10, None));
    assert_eq!(names(&list("?maxResults=250").await).len(), 60);
    let one = list("?attributeName=site&attributeValue=site-1&maxResults=3").await;
    assert_eq!(names(&one), ["t58", "t55", "t52"]);
    assert_eq!(names(&list("?attributeName=site&attributeValue=site").await).len(), 0);
    let prefix =
        list("?attributeName=site&attributeValue=site&usePrefixAttributeValue=true&maxResults=250").await;
    assert_eq!(names(&prefix).len(), 60);
    assert_eq!(names(&list("?thingTypeName=bulb").await).len(), 0);
    for query in [
        "?attributeValue=x".to_owned(),
        format!("?nextToken={token}&attributeName=site"),
        "?nextToken=x".to_owned(),
    ] {
        let answer = call(&bed, "GET", &format!("/things{query}"), Value::Null).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, Some("InvalidRequestException")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn accounts_and_regions_do_not_see_each_other() {
    let bed = Bed::new().await;
    create(&bed, "lamp", json!({})).await;
    let (id, secret) = bed.key();
    let who = adit_aws::Signer {
        key_id: &id,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service: "iot",
        now: bed.clock.now_ms() / 1000,
    };
    let answer = bed.signed_by(&who, "GET", "/things/lamp", &[], "").await;
    refused(&answer, 404, "ResourceNotFoundException", "Thing 123456789012:lamp not found.");
}

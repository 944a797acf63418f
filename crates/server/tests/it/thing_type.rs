//! The operations on thing types, rule by rule.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{call, refused};

fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{answer:?}");
}

#[tokio::test]
async fn a_type_lives_from_create_to_delete() {
    let bed = Bed::new().await;
    let properties = json!({ "thingTypeDescription": "a lamp", "searchableAttributes": ["site", "model"] });
    let body = json!({ "thingTypeProperties": properties, "tags": [{ "Key": "k", "Value": "v" }] });
    let first = call(&bed, "POST", "/thing-types/lamp", body.clone()).await.json();
    let arn = "arn:aws:iot:us-east-1:123456789012:thingtype/lamp";
    assert_eq!(
        first,
        json!({ "thingTypeName": "lamp", "thingTypeArn": arn, "thingTypeId": first["thingTypeId"] })
    );
    assert_eq!(call(&bed, "POST", "/thing-types/lamp", body).await.json(), first);
    let other = call(&bed, "POST", "/thing-types/lamp", Value::Null).await;
    assert_eq!(
        (other.status, other.header("x-amzn-errortype")),
        (409, Some("ResourceAlreadyExistsException"))
    );
    assert_eq!(
        (&other.json()["resourceArn"], &other.json()["resourceId"]),
        (&json!(arn), &first["thingTypeId"])
    );

    let describe = async || call(&bed, "GET", "/thing-types/lamp", Value::Null).await.json();
    let shown = describe().await;
    let created = shown["thingTypeMetadata"]["creationDate"].clone();
    assert!(created.is_number());
    assert_eq!(
        shown,
        json!({
            "thingTypeName": "lamp", "thingTypeArn": arn, "thingTypeId": first["thingTypeId"],
            "thingTypeProperties": properties,
            "thingTypeMetadata": { "deprecated": false, "creationDate": created },
        })
    );
    let mqtt5 = json!({ "propagatingAttributes": [{ "userPropertyKey": "k", "thingAttribute": "site" }] });
    let change = json!({ "thingTypeProperties": { "mqtt5Configuration": mqtt5 } });
    done(&call(&bed, "PATCH", "/thing-types/lamp", change).await);
    assert_eq!(describe().await["thingTypeProperties"]["mqtt5Configuration"], mqtt5);
    assert_eq!(describe().await["thingTypeProperties"]["thingTypeDescription"], "a lamp");

    done(&call(&bed, "POST", "/thing-types/lamp/deprecate", Value::Null).await);
    let metadata = describe().await["thingTypeMetadata"].clone();
    assert_eq!((&metadata["deprecated"], metadata["deprecationDate"].is_number()), (&json!(true), true));
    done(&call(&bed, "POST", "/thing-types/lamp/deprecate", json!({ "undoDeprecate": true })).await);
    assert_eq!(
        describe().await["thingTypeMetadata"],
        json!({ "deprecated": false, "creationDate": created })
    );

    done(&call(&bed, "POST", "/thing-types/lamp/deprecate", Value::Null).await);
    let text = "Cannot delete thing type : lamp. Please wait for 5 minutes after deprecation and then retry";
    let early = call(&bed, "DELETE", "/thing-types/lamp", Value::Null).await;
    refused(&early, 400, "InvalidRequestException", text);
    bed.clock.advance(Duration::from_secs(300));
    done(&call(&bed, "DELETE", "/thing-types/lamp", Value::Null).await);
    for (method, path) in [
        ("GET", "/thing-types/lamp"),
        ("DELETE", "/thing-types/lamp"),
        ("POST", "/thing-types/lamp/deprecate"),
    ] {
        let gone = call(&bed, method, path, Value::Null).await;
        refused(&gone, 404, "ResourceNotFoundException", "Thing Type 123456789012:lamp not found.");
    }
}

#[tokio::test]
async fn without_a_wait_a_type_is_deleted_at_once() {
    let bed = Bed::with(|config| config.registry.thing_type_delete_wait = Duration::ZERO).await;
    call(&bed, "POST", "/thing-types/lamp", Value::Null).await;
    done(&call(&bed, "DELETE", "/thing-types/lamp", Value::Null).await);
}

#[tokio::test]
async fn things_get_a_type_and_lose_it() {
    let bed = Bed::new().await;
    for kind in ["lamp", "old"] {
        call(&bed, "POST", &format!("/thing-types/{kind}"), Value::Null).await;
    }
    call(&bed, "POST", "/thing-types/old/deprecate", Value::Null).await;
    let text = "Can not create new thing with deprecated thing type:old";
    let answer = call(&bed, "POST", "/things/a", json!({ "thingTypeName": "old" })).await;
    refused(&answer, 400, "InvalidRequestException", text);
    let four = json!({ "a": "1", "b": "2", "c": "3", "d": "4" });
    let body = json!({ "thingTypeName": "lamp", "attributePayload": { "attributes": four } });
    assert_eq!(call(&bed, "POST", "/things/a", body).await.status, 200);
    let describe = async || call(&bed, "GET", "/things/a", Value::Null).await.json();
    assert_eq!(describe().await["thingTypeName"], "lamp");
    let text = "A thing without a type may have at most 3 attributes; this would make 4.";
    let answer = call(&bed, "PATCH", "/things/a", json!({ "removeThingType": true })).await;
    refused(&answer, 400, "InvalidRequestException", text);
    let answer = call(&bed, "PATCH", "/things/a", json!({ "thingTypeName": "old" })).await;
    assert_eq!(answer.status, 400);
    let less =
        json!({ "removeThingType": true, "attributePayload": { "attributes": { "d": "" }, "merge": true } });
    done(&call(&bed, "PATCH", "/things/a", less).await);
    assert_eq!((describe().await.get("thingTypeName"), &describe().await["version"]), (None, &json!(2)));
    done(&call(&bed, "PATCH", "/things/a", json!({ "thingTypeName": "lamp" })).await);
    let found = call(&bed, "GET", "/things?thingTypeName=lamp", Value::Null).await.json();
    assert_eq!(found["things"][0]["thingName"], "a");
    call(&bed, "POST", "/thing-types/lamp/deprecate", Value::Null).await;
    bed.clock.advance(Duration::from_secs(600));
    let text = "Cannot delete thing type : lamp. There are still things of this type.";
    let answer = call(&bed, "DELETE", "/thing-types/lamp", Value::Null).await;
    refused(&answer, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn lists_are_paged_and_a_name_finds_one() {
    let bed = Bed::new().await;
    for n in 1..=60 {
        call(&bed, "POST", &format!("/thing-types/{n}"), Value::Null).await;
    }
    let list =
        async |query: &str| call(&bed, "GET", &format!("/thing-types{query}"), Value::Null).await.json();
    let first = list("").await;
    let token = first["nextToken"].as_str().unwrap();
    assert_eq!(first["thingTypes"].as_array().unwrap().len(), 50);
    assert_eq!(first["thingTypes"][0]["thingTypeName"], "1");
    assert_eq!(first["thingTypes"][0]["thingTypeMetadata"]["deprecated"], false);
    let rest = list(&format!("?nextToken={token}")).await;
    assert_eq!((rest["thingTypes"].as_array().unwrap().len(), rest.get("nextToken")), (10, None));
    let one = list("?thingTypeName=1").await;
    assert_eq!(one["thingTypes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn too_much_of_anything_is_told() {
    let bed = Bed::new().await;
    let body = json!({ "thingTypeProperties": { "searchableAttributes": ["a", "b", "c", "d"] } });
    let text = "A thing type may have at most 3 searchable attributes; this would make 4.";
    refused(&call(&bed, "POST", "/thing-types/x", body).await, 400, "InvalidRequestException", text);
    let tags: Value = (0..51).map(|n| json!({ "Key": n.to_string() })).collect();
    let answer = call(&bed, "POST", "/thing-types/x", json!({ "tags": tags })).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("InvalidRequestException")));
    call(&bed, "POST", "/thing-types/x", Value::Null).await;
    let body = json!({ "thingTypeProperties": { "searchableAttributes": ["a"] } });
    let text = "The searchable attributes of thing type x cannot be changed; leave them out.";
    refused(&call(&bed, "PATCH", "/thing-types/x", body).await, 400, "InvalidRequestException", text);
}

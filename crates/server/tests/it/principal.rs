//! Which principals speak for a thing.

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{PREFIX, certificate, get, pages, refused, thing, with};

const COGNITO: &str = "us-east-1:6ba7b810-9dad-11d1-80b4-00c04fd430c8";

async fn on(bed: &Bed, method: &str, name: &str, principal: &str, query: &str) -> Answer {
    let header = format!("x-amzn-principal: {principal}");
    with(bed, method, &format!("/things/{name}/principals{query}"), &[&header], Value::Null).await
}

async fn things(bed: &Bed, principal: &str, version: &str) -> Answer {
    let header = format!("x-amzn-principal: {principal}");
    with(bed, "GET", &format!("/principals/things{version}"), &[&header], Value::Null).await
}

const EXCLUSIVELY: &str = "?thingPrincipalType=EXCLUSIVE_THING";

#[tokio::test]
async fn many_to_many_unless_exclusive() {
    let bed = Bed::new().await;
    for name in ["a", "b"] {
        thing(&bed, name).await;
    }
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    for name in ["a", "a", "b"] {
        let answer = on(&bed, "PUT", name, &arn, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    }
    on(&bed, "PUT", "a", COGNITO, "").await;
    assert_eq!(get(&bed, "/things/a/principals").await, json!({ "principals": [arn, COGNITO] }));
    assert_eq!(things(&bed, &arn, "").await.json(), json!({ "things": ["a", "b"] }));
    let way = "NON_EXCLUSIVE_THING";
    let expected = json!({ "thingPrincipalObjects": [
        { "principal": arn, "thingPrincipalType": way },
        { "principal": COGNITO, "thingPrincipalType": way },
    ] });
    assert_eq!(get(&bed, "/things/a/principals-v2").await, expected);
    let none = get(&bed, &format!("/things/a/principals-v2{EXCLUSIVELY}")).await;
    assert_eq!(none, json!({ "thingPrincipalObjects": [] }));

    let text =
        format!("The principal {arn} cannot be attached as EXCLUSIVE_THING while it is attached to thing a");
    for name in ["a", "b"] {
        refused(&on(&bed, "PUT", name, &arn, EXCLUSIVELY).await, 400, "InvalidRequestException", &text);
    }
    for _ in 0..2 {
        for name in ["a", "b"] {
            assert_eq!(on(&bed, "DELETE", name, &arn, "").await.body, "{}");
        }
    }
    for _ in 0..2 {
        assert_eq!(on(&bed, "PUT", "b", &arn, EXCLUSIVELY).await.body, "{}");
    }
    let text =
        format!("The principal {arn} is attached to thing b as EXCLUSIVE_THING; detach it there first");
    for (name, query) in [("a", ""), ("a", EXCLUSIVELY), ("b", "")] {
        refused(&on(&bed, "PUT", name, &arn, query).await, 400, "InvalidRequestException", &text);
    }
    // Another certificate may speak for the same thing.
    let other = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    assert_eq!(on(&bed, "PUT", "b", &other, "").await.status, 200);
    let expected =
        json!({ "principalThingObjects": [{ "thingName": "b", "thingPrincipalType": "EXCLUSIVE_THING" }] });
    assert_eq!(things(&bed, &arn, "-v2").await.json(), expected);
    let filtered = things(&bed, &arn, "-v2?thingPrincipalType=NON_EXCLUSIVE_THING").await;
    assert_eq!(filtered.json(), json!({ "principalThingObjects": [] }));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let bed = Bed::new().await;
    thing(&bed, "a").await;
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    let foreign = format!("arn:aws:iot:us-east-1:999999999999:cert/{}", &arn[arn.len() - 64..]);
    let unknown = format!("{PREFIX}cert/{}", "0".repeat(64));
    for principal in ["nobody", &foreign, &unknown] {
        let tail = "because the principal does not exist in your account";
        let text = format!("Can't attach the principal {principal} to thing a {tail}");
        refused(&on(&bed, "PUT", "a", principal, "").await, 404, "ResourceNotFoundException", &text);
        let text = format!("Can't detach the principal {principal} from thing a {tail}");
        refused(&on(&bed, "DELETE", "a", principal, "").await, 404, "ResourceNotFoundException", &text);
        let text = format!("Failed to list things for principal {principal} {tail}");
        for version in ["", "-v2"] {
            refused(&things(&bed, principal, version).await, 404, "ResourceNotFoundException", &text);
        }
    }
    for method in ["PUT", "DELETE"] {
        let text = "Thing 123456789012:x not found.";
        refused(&on(&bed, method, "x", &arn, "").await, 404, "ResourceNotFoundException", text);
    }
    for version in ["", "-v2"] {
        let answer = with(&bed, "GET", &format!("/things/x/principals{version}"), &[], Value::Null).await;
        let text = "Failed to list principals for thing x because the thing does not exist in your account";
        refused(&answer, 404, "ResourceNotFoundException", text);
    }
}

#[tokio::test]
async fn principals_are_listed_in_pages() {
    let bed = Bed::new().await;
    thing(&bed, "a").await;
    let mut all = Vec::new();
    for _ in 0..7 {
        all.push(format!("{PREFIX}cert/{}", certificate(&bed, true).await));
        assert_eq!(on(&bed, "PUT", "a", all.last().unwrap(), "").await.status, 200);
    }
    let seen = pages(&bed, "/things/a/principals?maxResults=3", "principals", "nextToken").await;
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(seen.concat(), all);
    let token =
        get(&bed, "/things/a/principals?maxResults=3").await["nextToken"].as_str().unwrap().to_owned();
    let other =
        with(&bed, "GET", &format!("/things/a/principals-v2?nextToken={token}"), &[], Value::Null).await;
    assert_eq!(other.header("x-amzn-errortype"), Some("InvalidRequestException"));
}

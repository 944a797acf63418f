//! The tags of tunnels.

use serde_json::{Value, json};

use crate::bed::Bed;

async fn code(bed: &Bed, operation: &str, input: Value) -> String {
    let answer = bed.tunneling(operation, input).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    answer.header("x-amzn-errortype").unwrap().to_owned()
}

#[tokio::test]
async fn tags_are_set_listed_and_removed() {
    let bed = Bed::new().await;
    let (id, _, _) = bed.open().await;
    let arn = format!("arn:aws:iot:us-east-1:123456789012:tunnel/{id}");
    let list = async || bed.tunneling("ListTagsForResource", json!({ "resourceArn": arn })).await.json();
    assert_eq!(list().await, json!({ "tags": [] }));
    let set =
        json!({ "resourceArn": arn, "tags": [{ "key": "a", "value": "1" }, { "key": "b", "value": "" }] });
    assert_eq!(bed.tunneling("TagResource", set).await.json(), json!({}));
    let again = json!({ "resourceArn": arn, "tags": [{ "key": "a", "value": "2" }] });
    assert_eq!(bed.tunneling("TagResource", again).await.json(), json!({}));
    assert_eq!(list().await, json!({ "tags": [{ "key": "a", "value": "2" }, { "key": "b", "value": "" }] }));
    assert_eq!(bed.describe(&id).await["tags"], list().await["tags"]);
    let remove = json!({ "resourceArn": arn, "tagKeys": ["b", "never there"] });
    assert_eq!(bed.tunneling("UntagResource", remove).await.json(), json!({}));
    assert_eq!(list().await, json!({ "tags": [{ "key": "a", "value": "2" }] }));
}

#[tokio::test]
async fn too_many_or_reserved_tags_are_invalid() {
    let bed = Bed::new().await;
    let (id, _, _) = bed.open().await;
    let arn = format!("arn:aws:iot:us-east-1:123456789012:tunnel/{id}");
    let tags: Value = (0..51).map(|n| json!({ "key": n.to_string(), "value": "" })).collect();
    for tags in [tags, json!([{ "key": "aws:x", "value": "" }])] {
        let refused = code(&bed, "TagResource", json!({ "resourceArn": arn, "tags": tags })).await;
        assert_eq!(refused, "ValidationException");
    }
    assert_eq!(bed.describe(&id).await.get("tags"), None);
}

#[tokio::test]
async fn only_tunnels_of_the_caller_have_tags() {
    let bed = Bed::new().await;
    let (id, _, _) = bed.open().await;
    for arn in [
        "arn:aws:iot:us-east-1:123456789012:tunnel/unknown".to_owned(),
        format!("arn:aws:iot:us-east-1:999999999999:tunnel/{id}"),
        format!("arn:aws:iot:eu-west-1:123456789012:tunnel/{id}"),
        format!("arn:aws-cn:iot:us-east-1:123456789012:tunnel/{id}"),
        "arn:aws:iot:us-east-1:123456789012:thing/lamp".to_owned(),
        id,
    ] {
        for (operation, more) in [
            ("TagResource", json!({ "tags": [{ "key": "a", "value": "1" }] })),
            ("UntagResource", json!({ "tagKeys": ["a"] })),
            ("ListTagsForResource", json!({})),
        ] {
            let mut input = more;
            input["resourceArn"] = json!(arn);
            assert_eq!(code(&bed, operation, input).await, "ResourceNotFoundException", "{operation} {arn}");
        }
    }
}

#[tokio::test]
async fn types_and_groups_have_tags_and_things_have_not() {
    let bed = Bed::new().await;
    let call = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        bed.signed(adit_aws::Service::Iot, method, path, &[], &body).await
    };
    let list = async |arn: &str| {
        let query = arn.replace(':', "%3A").replace('/', "%2F");
        call("GET", &format!("/tags?resourceArn={query}"), Value::Null).await
    };
    for (path, kind) in [("/thing-types/lamp", "thingtype"), ("/thing-groups/lamps", "thinggroup")] {
        let arn = format!("arn:aws:iot:us-east-1:123456789012:{kind}/{}", path.rsplit('/').next().unwrap());
        let set = json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "1" }, { "Key": "b" }] });
        assert_eq!(call("POST", "/tags", set.clone()).await.status, 404);
        assert_eq!(list(&arn).await.json(), json!({ "tags": [] }));
        call("POST", path, Value::Null).await;
        assert_eq!(call("POST", "/tags", set).await.json(), json!({}));
        let both = json!({ "tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "" }] });
        assert_eq!(list(&arn).await.json(), both);
        let remove = json!({ "resourceArn": arn, "tagKeys": ["a", "never"] });
        assert_eq!(call("POST", "/untag", remove).await.json(), json!({}));
        assert_eq!(list(&arn).await.json(), json!({ "tags": [{ "Key": "b", "Value": "" }] }));
        let reserved = json!({ "resourceArn": arn, "tags": [{ "Key": "AWS:x" }] });
        assert_eq!(call("POST", "/tags", reserved).await.status, 400);
    }
    for (arn, text) in [
        ("arn:aws:iot:us-east-1:123456789012:thing/lamp", "Invalid resource type in ARN: thing"),
        ("arn:aws:s3:us-east-1:123456789012:thinggroup/x", "Invalid arn in request"),
        ("x", "Invalid arn in request"),
        (
            "arn:aws:iot:us-east-1:210987654321:thinggroup/x",
            "ResourceArn doesn't belong in requester's account",
        ),
    ] {
        let answer = list(arn).await;
        assert_eq!((answer.status, &answer.json()["message"]), (400, &json!(text)));
    }
    assert_eq!(list("arn:aws:iot:eu-west-1:123456789012:thinggroup/lamps").await.status, 404);
}

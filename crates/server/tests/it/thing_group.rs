//! The operations on static thing groups, rule by rule.

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{call, refused};

fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{answer:?}");
}

fn arn(group: &str) -> String {
    format!("arn:aws:iot:us-east-1:123456789012:thinggroup/{group}")
}

async fn group(bed: &Bed, name: &str, parent: Option<&str>) -> Answer {
    call(bed, "POST", &format!("/thing-groups/{name}"), json!({ "parentGroupName": parent })).await
}

/// all > berlin > cellar; all > paris; red. Things: lamp, bulb.
async fn house() -> Bed {
    let bed = Bed::new().await;
    for (name, parent) in [
        ("all", None),
        ("berlin", Some("all")),
        ("cellar", Some("berlin")),
        ("paris", Some("all")),
        ("red", None),
    ] {
        assert_eq!(group(&bed, name, parent).await.status, 200);
    }
    for thing in ["lamp", "bulb"] {
        assert_eq!(call(&bed, "POST", &format!("/things/{thing}"), Value::Null).await.status, 200);
    }
    bed
}

async fn names(bed: &Bed, path: &str) -> Vec<String> {
    let answer = call(bed, "GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = answer.json();
    let items = page.get("thingGroups").or_else(|| page.get("things")).unwrap().as_array().unwrap().clone();
    let name = |item: &Value| item.as_str().or_else(|| item["groupName"].as_str()).unwrap().to_owned();
    items.iter().map(name).collect()
}

#[tokio::test]
async fn a_group_lives_from_create_to_delete() {
    let bed = house().await;
    let properties = json!({
        "thingGroupDescription": "the garden",
        "attributePayload": { "attributes": { "a": "1", "b": "2" } },
    });
    let body = json!({ "parentGroupName": "cellar", "thingGroupProperties": properties });
    let first = call(&bed, "POST", "/thing-groups/garden", body.clone()).await.json();
    let id = first["thingGroupId"].clone();
    assert_eq!(
        first,
        json!({ "thingGroupName": "garden", "thingGroupArn": arn("garden"), "thingGroupId": id })
    );
    assert_eq!(call(&bed, "POST", "/thing-groups/garden", body).await.json(), first);
    let text = "Thing Group garden already exists in current account with different properties";
    let other = group(&bed, "garden", None).await;
    refused(&other, 409, "ResourceAlreadyExistsException", text);
    assert_eq!((&other.json()["resourceArn"], &other.json()["resourceId"]), (&json!(arn("garden")), &id));

    let describe = async || call(&bed, "GET", "/thing-groups/garden", Value::Null).await.json();
    let shown = describe().await;
    let step = |name: &str| json!({ "groupName": name, "groupArn": arn(name) });
    let metadata = json!({
        "parentGroupName": "cellar",
        "rootToParentThingGroups": [step("all"), step("berlin"), step("cellar")],
        "creationDate": shown["thingGroupMetadata"]["creationDate"],
    });
    assert_eq!(
        shown,
        json!({
            "thingGroupName": "garden", "thingGroupArn": arn("garden"), "thingGroupId": id, "version": 1,
            "thingGroupProperties": properties, "thingGroupMetadata": metadata,
        })
    );
    let change = async |properties: Value, expected: Option<i64>| {
        let body = json!({ "thingGroupProperties": properties, "expectedVersion": expected });
        call(&bed, "PATCH", "/thing-groups/garden", body).await
    };
    let merge = json!({ "attributePayload": { "attributes": { "a": "", "c": "3" }, "merge": true } });
    assert_eq!(change(merge, Some(1)).await.json(), json!({ "version": 2 }));
    let attributes = json!({ "attributes": { "b": "2", "c": "3" } });
    assert_eq!(describe().await["thingGroupProperties"]["attributePayload"], attributes);
    assert_eq!(describe().await["thingGroupProperties"]["thingGroupDescription"], "the garden");
    let none = json!({ "attributePayload": { "attributes": {} } });
    assert_eq!(change(none, None).await.json(), json!({ "version": 3 }));
    assert_eq!(describe().await["thingGroupProperties"], json!({ "thingGroupDescription": "the garden" }));
    let text = "The version for thing group garden does not match the expected version.";
    refused(&change(json!({}), Some(1)).await, 409, "VersionConflictException", text);
    let stale = call(&bed, "DELETE", "/thing-groups/garden?expectedVersion=1", Value::Null).await;
    refused(&stale, 409, "VersionConflictException", text);
    let text = "Cannot delete thing group : cellar when there are still child groups attached to it.";
    let parent = call(&bed, "DELETE", "/thing-groups/cellar", Value::Null).await;
    refused(&parent, 400, "InvalidRequestException", text);
    for _ in 0..2 {
        done(&call(&bed, "DELETE", "/thing-groups/garden", Value::Null).await);
    }
    let text = "ThingGroup 123456789012:garden not found.";
    let gone = call(&bed, "GET", "/thing-groups/garden", Value::Null).await;
    refused(&gone, 404, "ResourceNotFoundException", text);
    refused(&change(json!({}), None).await, 404, "ResourceNotFoundException", text);
    let orphan = group(&bed, "x", Some("garden")).await;
    refused(&orphan, 404, "ResourceNotFoundException", text);
}

#[tokio::test]
async fn a_root_has_no_parents_to_show() {
    let bed = house().await;
    let shown = call(&bed, "GET", "/thing-groups/red", Value::Null).await.json();
    assert_eq!(shown["thingGroupMetadata"].as_object().unwrap().len(), 1);
    assert_eq!(shown["thingGroupProperties"], json!({}));
}

#[tokio::test]
async fn groups_are_listed_by_level_parent_and_prefix() {
    let bed = house().await;
    for (query, found) in [
        ("", &["all", "berlin", "cellar", "paris", "red"][..]),
        ("?recursive=false", &["all", "red"]),
        ("?parentGroup=all", &["berlin", "cellar", "paris"]),
        ("?parentGroup=all&recursive=false", &["berlin", "paris"]),
        ("?parentGroup=red", &[]),
        ("?namePrefixFilter=c&parentGroup=all", &["cellar"]),
        ("?namePrefixFilter=r&recursive=false", &["red"]),
    ] {
        assert_eq!(names(&bed, &format!("/thing-groups{query}")).await, found, "{query}");
    }
    let first = call(&bed, "GET", "/thing-groups?maxResults=2", Value::Null).await.json();
    assert_eq!(first["thingGroups"][0], json!({ "groupName": "all", "groupArn": arn("all") }));
    let token = first["nextToken"].as_str().unwrap();
    let rest = names(&bed, &format!("/thing-groups?nextToken={token}")).await;
    assert_eq!(rest, ["cellar", "paris", "red"]);
    let text = "ThingGroup 123456789012:x not found.";
    let unknown = call(&bed, "GET", "/thing-groups?parentGroup=x", Value::Null).await;
    refused(&unknown, 404, "ResourceNotFoundException", text);
}

#[tokio::test]
async fn things_join_and_leave_by_name_and_by_arn() {
    let bed = house().await;
    let thing_arn = "arn:aws:iot:us-east-1:123456789012:thing/lamp";
    for way in ["addThingToThingGroup", "removeThingFromThingGroup"] {
        for body in [
            json!({ "thingGroupName": "cellar", "thingName": "lamp" }),
            json!({ "thingGroupArn": arn("cellar"), "thingArn": thing_arn }),
            json!({ "thingGroupName": "cellar", "thingArn": thing_arn }),
            json!({ "thingGroupArn": arn("cellar"), "thingName": "lamp", "thingGroupName": "cellar" }),
        ] {
            done(&call(&bed, "PUT", &format!("/thing-groups/{way}"), body).await);
        }
        let there = way.starts_with("add");
        let lamp: &[&str] = if there { &["lamp"] } else { &[] };
        for (path, found) in [
            ("/thing-groups/cellar/things", lamp),
            ("/thing-groups/all/things", &[]),
            ("/thing-groups/all/things?recursive=true", lamp),
        ] {
            assert_eq!(names(&bed, path).await, found, "{way} {path}");
        }
        let cellar: &[&str] = if there { &["cellar"] } else { &[] };
        assert_eq!(names(&bed, "/things/lamp/thing-groups").await, cellar);
    }
}

#[tokio::test]
async fn membership_is_refused_with_a_reason() {
    let bed = house().await;
    let add = async |body: Value| call(&bed, "PUT", "/thing-groups/addThingToThingGroup", body).await;
    done(&add(json!({ "thingGroupName": "cellar", "thingName": "lamp" })).await);
    let foreign = "arn:aws:iot:eu-west-1:123456789012:thing/lamp";
    for (body, status, text) in [
        (json!({ "thingName": "lamp" }), 400, "thingGroupName or thingGroupArn must be given."),
        (json!({ "thingGroupName": "red" }), 400, "thingName or thingArn must be given."),
        (
            json!({ "thingGroupName": "red", "thingGroupArn": arn("all"), "thingName": "lamp" }),
            400,
            "thingGroupName and thingGroupArn name different ones; give one of them.",
        ),
        (
            json!({ "thingGroupName": "red", "thingArn": foreign }),
            400,
            "thingArn arn:aws:iot:eu-west-1:123456789012:thing/lamp is not the ARN of a thing of this account and region.",
        ),
        (
            json!({ "thingGroupName": "paris", "thingName": "lamp" }),
            400,
            "Thing lamp is in thing group cellar of the same hierarchy; it cannot be in thing group paris too.",
        ),
        (json!({ "thingGroupName": "x", "thingName": "lamp" }), 404, "ThingGroup 123456789012:x not found."),
        (json!({ "thingGroupName": "red", "thingName": "x" }), 404, "Thing 123456789012:x not found."),
    ] {
        let code = if status == 404 { "ResourceNotFoundException" } else { "InvalidRequestException" };
        refused(&add(body).await, status, code, text);
    }
    for path in ["/things/x/thing-groups", "/thing-groups/x/things"] {
        assert_eq!(call(&bed, "GET", path, Value::Null).await.status, 404);
    }
}

#[tokio::test]
async fn many_groups_change_at_once_or_not_at_all() {
    let bed = house().await;
    let update = async |add: &[&str], remove: &[&str]| {
        let body = json!({ "thingName": "lamp", "thingGroupsToAdd": add, "thingGroupsToRemove": remove });
        call(&bed, "PUT", "/thing-groups/updateThingGroupsForThing", body).await
    };
    done(&update(&["cellar", "red"], &[]).await);
    assert_eq!(names(&bed, "/things/lamp/thing-groups").await, ["cellar", "red"]);
    assert_eq!(update(&["paris"], &["red"]).await.status, 400);
    assert_eq!(names(&bed, "/things/lamp/thing-groups").await, ["cellar", "red"]);
    done(&update(&["paris"], &["cellar", "red"]).await);
    assert_eq!(names(&bed, "/things/lamp/thing-groups").await, ["paris"]);
    for n in 0..10 {
        group(&bed, &format!("g{n}"), None).await;
    }
    let nine: Vec<String> = (0..9).map(|n| format!("g{n}")).collect();
    done(&update(&nine.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await);
    let text = "A thing may be in at most 10 thing groups; lamp would be in 11.";
    refused(&update(&["g9"], &[]).await, 400, "InvalidRequestException", text);
    done(&call(&bed, "DELETE", "/things/lamp", Value::Null).await);
    assert!(names(&bed, "/thing-groups/all/things?recursive=true").await.is_empty());
}

//! Policies and their versions, rule by rule.

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::iot::{ALL, PREFIX, call, certificate, done, get, pages, policy, refused};

async fn add_version(bed: &Bed, name: &str, default: bool) -> crate::bed::Answer {
    let path = format!("/policies/{name}/version?setAsDefault={default}");
    call(bed, "POST", &path, json!({ "policyDocument": ALL })).await
}

#[tokio::test]
async fn a_document_comes_back_byte_for_byte() {
    let bed = Bed::new().await;
    let odd = "{ \"Statement\" :\r\n\t[{\"Effect\":\"Allow\",\"Action\":[\"iot:Publish\"],\
               \"Resource\":\"arn:aws:iot:us-east-1:123456789012:topic/\\u00e4 ü\"}],\"Version\":\"2012-10-17\"}\n";
    let name = "a+=,.@-_B9";
    let path = "/policies/a%2B%3D%2C.%40-_B9";
    let made = call(&bed, "POST", path, json!({ "policyDocument": odd })).await.json();
    let arn = format!("{PREFIX}policy/{name}");
    let expected =
        json!({ "policyName": name, "policyArn": arn, "policyDocument": odd, "policyVersionId": "1" });
    assert_eq!(made, expected);
    let shown = get(&bed, path).await;
    let expected = json!({
        "policyName": name,
        "policyArn": arn,
        "policyDocument": odd,
        "defaultVersionId": "1",
        "creationDate": shown["creationDate"],
        "lastModifiedDate": shown["creationDate"],
        "generationId": shown["generationId"],
    });
    assert_eq!(shown, expected);
    let version = get(&bed, &format!("{path}/version/1")).await;
    let expected = json!({
        "policyName": name,
        "policyArn": arn,
        "policyDocument": odd,
        "policyVersionId": "1",
        "isDefaultVersion": true,
        "creationDate": shown["creationDate"],
        "lastModifiedDate": shown["creationDate"],
        "generationId": shown["generationId"],
    });
    assert_eq!(version, expected);
    let again = call(&bed, "POST", path, json!({ "policyDocument": odd })).await;
    let text = format!("Policy cannot be created - name already exists (name={name})");
    refused(&again, 409, "ResourceAlreadyExistsException", &text);
    assert_eq!((&again.json()["resourceId"], &again.json()["resourceArn"]), (&json!(name), &json!(arn)));
}

#[tokio::test]
async fn documents_that_say_nothing_are_malformed() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    for document in ["{}", "doc", r#"{"Statement":[]}"#] {
        for path in ["/policies/x", "/policies/p/version"] {
            let answer = call(&bed, "POST", path, json!({ "policyDocument": document })).await;
            assert_eq!(
                (answer.status, answer.header("x-amzn-errortype")),
                (400, Some("MalformedPolicyException"))
            );
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("Policy document is Malformed"), "{message}");
        }
    }
    for body in [json!({}), json!({ "policyDocument": "" })] {
        let answer = call(&bed, "POST", "/policies/x", body).await;
        assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestException"), "{answer:?}");
    }
    let resource =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"my-topic"}]}"#;
    let answer = call(&bed, "POST", "/policies/x", json!({ "policyDocument": resource })).await;
    assert!(answer.body.contains("The following resources are invalid : my-topic"), "{answer:?}");
    assert_eq!(call(&bed, "GET", "/policies/x", Value::Null).await.status, 404);
}

#[tokio::test]
async fn versions_count_up_to_five_and_no_number_comes_twice() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    for number in 2..=5 {
        let made = add_version(&bed, "p", number == 3).await.json();
        let expected = json!({
            "policyArn": format!("{PREFIX}policy/p"),
            "policyDocument": ALL,
            "policyVersionId": number.to_string(),
            "isDefaultVersion": number == 3,
        });
        assert_eq!(made, expected);
    }
    let text = "The policy p already has the maximum number of versions (5)";
    refused(&add_version(&bed, "p", true).await, 409, "VersionsLimitExceededException", text);
    let listed = get(&bed, "/policies/p/version").await["policyVersions"].clone();
    let short: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["versionId"].clone(), v["isDefaultVersion"].clone()))
        .collect();
    let expected = ["5", "4", "3", "2", "1"].map(|id| (json!(id), json!(id == "3")));
    assert_eq!(short, expected);
    assert!(listed[0]["createDate"].is_number());

    let text = "Cannot delete a default policy version (name=p, versionId=3). Cannot delete the default version of a policy";
    let answer = call(&bed, "DELETE", "/policies/p/version/3", Value::Null).await;
    refused(&answer, 409, "DeleteConflictException", text);
    done(&bed, "DELETE", "/policies/p/version/5", Value::Null).await;
    assert_eq!(add_version(&bed, "p", false).await.json()["policyVersionId"], "6");
    for _ in 0..2 {
        done(&bed, "PATCH", "/policies/p/version/6", Value::Null).await;
    }
    assert_eq!(get(&bed, "/policies/p").await["defaultVersionId"], "6");
    for (method, version) in
        [("GET", "5"), ("PATCH", "5"), ("DELETE", "5"), ("GET", "06"), ("GET", "99999999999999999999")]
    {
        let answer = call(&bed, method, &format!("/policies/p/version/{version}"), Value::Null).await;
        let text = format!("Policy version does not exist (name=p, versionId={version})");
        refused(&answer, 404, "ResourceNotFoundException", &text);
    }
}

#[tokio::test]
async fn a_policy_in_use_stays() {
    let bed = Bed::new().await;
    policy(&bed, "p").await;
    add_version(&bed, "p", true).await;
    let arn = format!("{PREFIX}cert/{}", certificate(&bed, true).await);
    done(&bed, "PUT", "/target-policies/p", json!({ "target": arn })).await;
    let delete = async || call(&bed, "DELETE", "/policies/p", Value::Null).await;
    let answer = delete().await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (409, Some("DeleteConflictException")));
    for text in [
        "The policy cannot be deleted as multiple versions of the policy exist (name=p).",
        "Cannot delete the policy because it has one or more policy versions attached to it (name=p)",
    ] {
        assert!(answer.body.contains(text), "{answer:?}");
    }
    done(&bed, "DELETE", "/policies/p/version/1", Value::Null).await;
    let text = "The policy cannot be deleted as the policy is attached to one or more principals (name=p)";
    refused(&delete().await, 409, "DeleteConflictException", text);
    done(&bed, "POST", "/target-policies/p", json!({ "target": arn })).await;
    assert_eq!(delete().await.body, "{}");
    refused(&delete().await, 404, "ResourceNotFoundException", "Policy not found");
    refused(
        &call(&bed, "GET", "/policies/p", Value::Null).await,
        404,
        "ResourceNotFoundException",
        "Policy default version not found",
    );
    for (method, path) in [
        ("GET", "/policies/p/version"),
        ("GET", "/policies/p/version/1"),
        ("PATCH", "/policies/p/version/1"),
        ("DELETE", "/policies/p/version/1"),
        ("POST", "/policy-targets/p"),
    ] {
        refused(
            &call(&bed, method, path, Value::Null).await,
            404,
            "ResourceNotFoundException",
            "Policy not found",
        );
    }
    refused(&add_version(&bed, "p", true).await, 404, "ResourceNotFoundException", "Policy not found");
    // A new policy of that name begins at 1 again.
    policy(&bed, "p").await;
    assert_eq!(get(&bed, "/policies/p").await["defaultVersionId"], "1");
}

#[tokio::test]
async fn policies_are_listed_newest_first() {
    let bed = Bed::new().await;
    let all: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    for name in &all {
        policy(&bed, name).await;
    }
    let names = |pages: Vec<Vec<Value>>| -> Vec<String> {
        pages.concat().iter().map(|line| line["policyName"].as_str().unwrap().to_owned()).collect()
    };
    let newest = pages(&bed, "/policies?", "policies", "nextMarker").await;
    assert_eq!(newest.iter().map(Vec::len).collect::<Vec<_>>(), [25, 5]);
    assert_eq!(newest[0][0], json!({ "policyName": "p29", "policyArn": format!("{PREFIX}policy/p29") }));
    assert_eq!(names(newest), all.iter().rev().cloned().collect::<Vec<_>>());
    let oldest = pages(&bed, "/policies?isAscendingOrder=true&pageSize=7", "policies", "nextMarker").await;
    assert_eq!(names(oldest), all);
}

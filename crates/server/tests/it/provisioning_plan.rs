//! What a template would make, asked without making it.

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::iot::{PREFIX, call, done, get, refused};
use crate::provisioning_template::{ROLE, body, created};

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn of_serial(attributes: &Value) -> String {
    let serial = json!({ "Ref": "Serial" });
    let policy = json!({"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALL}});
    let mut body: Value =
        serde_json::from_str(&body(&serial, &json!({ "Resources": { "p": policy } }))).unwrap();
    body["Parameters"] = json!({ "Serial": { "Type": "String" } });
    body["DeviceConfiguration"] = json!({ "Greeting": { "Fn::Join": ["", ["hello ", serial]] } });
    body["Resources"]["thing"]["Properties"]["AttributePayload"] = attributes.clone();
    body.to_string()
}

async fn made(bed: &Bed, path: &str, input: Value) {
    let answer = call(bed, "POST", path, input).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn plan(bed: &Bed, input: Value) -> Value {
    let answer = call(bed, "POST", "/adit/provisioning-templates/t/plan", input).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_plan_says_what_would_be_made_and_makes_nothing() {
    let bed = Bed::new().await;
    created(&bed, "t", json!({ "templateBody": of_serial(&json!({ "site": "hall" })) })).await;
    let planned = plan(&bed, json!({ "parameters": { "Serial": "lamp7" } })).await;
    let policy = planned["policies"][0]["policyName"].as_str().unwrap().to_owned();
    let certificate = format!("{PREFIX}cert/{}", "0".repeat(64));
    let expected = json!({
        "succeeds": true,
        "thing": {"thingName": "lamp7", "attributes": {"site": "hall"}, "thingGroups": []},
        "certificateStatus": "ACTIVE",
        "policies": [{"policyName": policy, "policyDocument": ALL}],
        "deviceConfiguration": {"Greeting": "hello lamp7"},
        "calls": [
            {"operation": "CreateThing", "resource": format!("{PREFIX}thing/lamp7")},
            {"operation": "CreatePolicy", "resource": format!("{PREFIX}policy/{policy}")},
            {"operation": "AttachPolicy", "resource": certificate},
            {"operation": "AttachThingPrincipal", "resource": certificate},
            {"operation": "UpdateCertificate", "resource": certificate},
        ],
    });
    assert_eq!(planned, expected);
    assert_eq!(call(&bed, "GET", "/things/lamp7", Value::Null).await.status, 404);
    assert_eq!(get(&bed, "/policies").await["policies"], json!([]));
    made(&bed, "/things/lamp7", json!({ "attributePayload": { "attributes": { "site": "hall" } } })).await;
    let again = plan(&bed, json!({ "parameters": { "Serial": "lamp7" } })).await;
    assert_eq!(again["calls"][0]["operation"], "CreatePolicy", "what is there needs no step");
}

#[tokio::test]
async fn what_would_be_in_the_way_is_the_answer() {
    let bed = Bed::new().await;
    created(&bed, "t", json!({ "templateBody": of_serial(&json!({})) })).await;
    let unnamed = plan(&bed, Value::Null).await;
    assert_eq!(
        (&unnamed["succeeds"], &unnamed["step"], &unnamed["reason"]),
        (&json!(false), &json!("parameters"), &json!("Cannot resolve reference value: Serial"))
    );
    assert_eq!(unnamed.get("thing"), None);
    let parameters = json!({ "Serial": "lamp7" });
    let other = of_serial(&json!({ "site": "cellar" }));
    made(&bed, "/things/lamp7", json!({ "attributePayload": { "attributes": { "site": "hall" } } })).await;
    let tried = plan(&bed, json!({ "parameters": parameters, "templateBody": other })).await;
    assert_eq!(
        tried["thing"]["attributes"]["site"], "cellar",
        "the body that was given, not the one that is kept"
    );
    done(&bed, "PATCH", "/provisioning-templates/t", json!({ "enabled": false })).await;
    let disabled = plan(&bed, json!({ "parameters": parameters })).await;
    assert_eq!(
        (&disabled["step"], &disabled["reason"]),
        (&json!("template"), &json!("Template t is not enabled."))
    );
    let nowhere = json!({ "enabled": true, "provisioningRoleArn": format!("{ROLE}/none") });
    done(&bed, "PATCH", "/provisioning-templates/t", nowhere).await;
    let roleless = plan(&bed, json!({ "parameters": parameters })).await;
    assert_eq!((&roleless["succeeds"], &roleless["step"]), (&json!(false), &json!("role")), "{roleless}");
    assert_eq!(roleless["thing"]["thingName"], "lamp7");
}

#[tokio::test]
async fn a_version_can_be_asked_and_what_is_wrong_with_the_question_is_said() {
    let bed = Bed::new().await;
    created(&bed, "t", Value::Null).await;
    let second = json!({ "templateBody": body(&json!("second"), &Value::Null) });
    made(&bed, "/provisioning-templates/t/versions", second).await;
    for (input, thing) in [(json!({}), "lamp"), (json!({ "versionId": 2 }), "second")] {
        assert_eq!(plan(&bed, input).await["thing"]["thingName"], thing);
    }
    let path = "/adit/provisioning-templates/t/plan";
    let answer = call(&bed, "POST", path, json!({ "templateBody": "{" })).await;
    refused(&answer, 400, "InvalidRequestException", "The template body is invalid");
    let id = json!({ "parameters": { "AWS::IoT::Certificate::Id": "x" } });
    assert_eq!(call(&bed, "POST", path, id).await.status, 400);
    assert_eq!(call(&bed, "POST", path, json!({ "versionId": 3 })).await.status, 404);
    let unknown = call(&bed, "POST", "/adit/provisioning-templates/u/plan", json!({})).await;
    refused(&unknown, 404, "ResourceNotFoundException", "Template with name u does not exist.");
}

//! Named provisioning templates, rule by rule.

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{ACCOUNT, PREFIX, call, done, get, pages, refused};

pub const ROLE: &str = "arn:aws:iam::123456789012:role/provision";

/// A body for fleet provisioning and first connections: a thing of that name, an active certificate.
pub fn body(thing: &Value, more: &Value) -> String {
    let mut body = json!({
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": thing}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"
            }}
        }
    });
    for (section, value) in more.as_object().into_iter().flatten() {
        match (body.get_mut(section), value) {
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
            _ => body[section] = value.clone(),
        }
    }
    body.to_string()
}

pub fn simple() -> String {
    body(&json!("lamp"), &Value::Null)
}

/// Tries to create a template; `more` is put over the usual members.
pub async fn create(bed: &Bed, name: &str, more: Value) -> Answer {
    let mut input = json!({
        "templateName": name, "templateBody": simple(), "provisioningRoleArn": ROLE, "enabled": true
    });
    input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    call(bed, "POST", "/provisioning-templates", input).await
}

/// A role that may do everything and that trusts AWS IoT; its ARN. It may be there already.
pub async fn role(bed: &Bed, name: &str) -> String {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
    let encoded = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    for body in [
        format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument={}",
            encoded(trust)
        ),
        format!(
            "Action=PutRolePolicy&Version=2010-05-08&RoleName={name}&PolicyName=all&PolicyDocument={}",
            encoded(all)
        ),
    ] {
        let form = ["content-type: application/x-www-form-urlencoded"];
        let answer = bed.signed(adit_aws::Service::Iam, "POST", "/", &form, &body).await;
        assert!([200, 409].contains(&answer.status), "{answer:?}");
    }
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

pub async fn created(bed: &Bed, name: &str, more: Value) {
    role(bed, "provision").await;
    let answer = create(bed, name, more).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn version(bed: &Bed, default: bool, body: &str) -> Answer {
    let path = format!("/provisioning-templates/t/versions?setAsDefault={default}");
    call(bed, "POST", &path, json!({ "templateBody": body })).await
}

#[tokio::test]
async fn a_template_is_created_shown_changed_and_deleted() {
    let bed = Bed::new().await;
    let answer = create(&bed, "t", json!({"description": "first", "enabled": null})).await;
    let arn = format!("{PREFIX}provisioningtemplate/t");
    assert_eq!(answer.json(), json!({"templateArn": arn, "templateName": "t", "defaultVersionId": 1}));
    let mut shown = get(&bed, "/provisioning-templates/t").await;
    let now = shown["creationDate"].clone();
    assert!(now.is_number());
    let expected = json!({
        "templateArn": arn, "templateName": "t", "description": "first", "creationDate": now,
        "lastModifiedDate": now, "defaultVersionId": 1, "templateBody": simple(), "enabled": false,
        "provisioningRoleArn": ROLE, "type": "FLEET_PROVISIONING"
    });
    assert_eq!(shown, expected);
    let role = format!("{ROLE}/other");
    let change = json!({"description": "", "enabled": true, "provisioningRoleArn": role});
    done(&bed, "PATCH", "/provisioning-templates/t", change).await;
    shown = get(&bed, "/provisioning-templates/t").await;
    assert_eq!((&shown["enabled"], &shown["provisioningRoleArn"]), (&json!(true), &json!(role)));
    assert_eq!(shown.get("description"), None);
    let again = create(&bed, "t", Value::Null).await;
    refused(&again, 409, "ResourceAlreadyExistsException", "Template with name t already exists");
    assert_eq!(again.json()["resourceArn"], arn);
    done(&bed, "DELETE", "/provisioning-templates/t", Value::Null).await;
    let gone = call(&bed, "DELETE", "/provisioning-templates/t", Value::Null).await;
    refused(&gone, 404, "ResourceNotFoundException", "Unable to delete template, template not found");
    for (method, path, input) in [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({})),
        ("GET", "/versions", Value::Null),
        ("POST", "/versions", json!({"templateBody": simple()})),
        ("GET", "/versions/1", Value::Null),
        ("DELETE", "/versions/1", Value::Null),
        ("POST", "/provisioning-claim", Value::Null),
    ] {
        let gone = call(&bed, method, &format!("/provisioning-templates/t{path}"), input).await;
        refused(&gone, 404, "ResourceNotFoundException", "Template with name t does not exist.");
    }
    let audit = bed.audit().await;
    let rows: Vec<_> = audit.iter().filter(|row| row["resource"] == json!(arn)).collect();
    assert!(rows.iter().any(|row| row["action"] == "CreateProvisioningTemplate"), "{audit:?}");
}

#[tokio::test]
async fn bodies_roles_and_hooks_are_checked() {
    let bed = Bed::new().await;
    let bad = |body: &str| json!({ "templateBody": body });
    let no_certificate = "The template body is invalid: Template must have certificate resource.";
    let no_role = "Role \"arn:aws:iam::123456789012:user/x\" is not the ARN of a role, such as \
                   arn:aws:iam::123456789012:role/name.";
    let other = "arn:aws:iam::999999999999:role/provision";
    let of_other = format!("Role {other} is of another account; a role of account 123456789012 is needed.");
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let unmapped = format!("Access denied during lambda validation: {function}");
    let hook = json!({ "targetArn": function });
    for (input, text) in [
        (bad("x"), "The template body is invalid"),
        (bad("{}"), no_certificate),
        (json!({"provisioningRoleArn": "arn:aws:iam::123456789012:user/x"}), no_role),
        (json!({ "provisioningRoleArn": other }), of_other.as_str()),
        (json!({ "preProvisioningHook": hook }), unmapped.as_str()),
        (
            json!({"type": "JITP", "preProvisioningHook": hook}),
            "Provisioning hook is not supported for template type: JITP",
        ),
    ] {
        refused(&create(&bed, "t", input).await, 400, "InvalidRequestException", text);
    }
    let long = create(&bed, "t", bad(&format!("{}{}", simple(), " ".repeat(10_240)))).await;
    assert!(long.body.contains("Member must have length less than or equal to 10240"), "{long:?}");
    created(&bed, "t", Value::Null).await;
    refused(&version(&bed, false, "{}").await, 400, "InvalidRequestException", no_certificate);
    let patch = async |input: Value| call(&bed, "PATCH", "/provisioning-templates/t", input).await;
    let refusal = patch(json!({ "preProvisioningHook": hook })).await;
    refused(&refusal, 400, "InvalidRequestException", &unmapped);
    let both = patch(json!({"preProvisioningHook": hook, "removePreProvisioningHook": true})).await;
    assert_eq!(both.status, 400);
    let refusal = patch(json!({"defaultVersionId": 2})).await;
    let text = "Unable to set version 2 as the default, version does not exist";
    refused(&refusal, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn a_hook_that_is_mapped_is_kept() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let bed = Bed::with(|config| {
        let route = format!("{function} = http://127.0.0.1:9/hook");
        config.provisioning.hooks = vec![adit_server::config::HookRoute::parse(&route).unwrap()];
    })
    .await;
    created(&bed, "t", json!({"preProvisioningHook": {"targetArn": function}})).await;
    let hook = async || get(&bed, "/provisioning-templates/t").await.get("preProvisioningHook").cloned();
    assert_eq!(hook().await, Some(json!({"targetArn": function, "payloadVersion": "2020-04-01"})));
    done(&bed, "PATCH", "/provisioning-templates/t", json!({"removePreProvisioningHook": true})).await;
    assert_eq!(hook().await, None);
    let version = json!({"targetArn": function, "payloadVersion": "2020-04-01"});
    done(&bed, "PATCH", "/provisioning-templates/t", json!({"preProvisioningHook": version})).await;
    assert_eq!(hook().await, Some(version));
    let other = json!({"targetArn": function, "payloadVersion": "2021-01-01"});
    let refusal =
        call(&bed, "PATCH", "/provisioning-templates/t", json!({"preProvisioningHook": other})).await;
    let text = "Payload version 2021-01-01 of a provisioning hook is not supported; 2020-04-01 is.";
    refused(&refusal, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn versions_are_added_chosen_and_deleted() {
    let bed = Bed::new().await;
    created(&bed, "t", Value::Null).await;
    let second = body(&json!("second"), &Value::Null);
    let made = version(&bed, true, &second).await.json();
    let arn = format!("{PREFIX}provisioningtemplate/t");
    let expected = json!({"templateArn": arn, "templateName": "t", "versionId": 2, "isDefaultVersion": true});
    assert_eq!(made, expected);
    assert_eq!(get(&bed, "/provisioning-templates/t").await["templateBody"], second);
    for n in 3..=5 {
        assert_eq!(version(&bed, false, &simple()).await.json()["versionId"], n);
    }
    let full = version(&bed, false, &simple()).await;
    let text = "Can't create a template version for the template t, the maximum number of template versions has been \
                reached";
    refused(&full, 409, "VersionsLimitExceededException", text);
    let delete = async |n: u8| {
        call(&bed, "DELETE", &format!("/provisioning-templates/t/versions/{n}"), Value::Null).await
    };
    let text = "Unable to delete template version 2, it is the default version";
    refused(&delete(2).await, 400, "InvalidRequestException", text);
    assert_eq!(delete(4).await.status, 200);
    let text = "Template version 4 does not exist.";
    refused(&delete(4).await, 404, "ResourceNotFoundException", text);
    assert_eq!(version(&bed, false, &simple()).await.json()["versionId"], 6);
    done(&bed, "PATCH", "/provisioning-templates/t", json!({"defaultVersionId": 1})).await;
    let list = get(&bed, "/provisioning-templates/t/versions").await;
    let shown: Vec<_> = list["versions"].as_array().unwrap().iter().collect();
    let numbers: Vec<_> = shown.iter().map(|line| line["versionId"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [6, 5, 3, 2, 1]);
    let defaults: Vec<_> = shown.iter().map(|line| line["isDefaultVersion"] == true).collect();
    assert_eq!(defaults, [false, false, false, false, true]);
    let one = get(&bed, "/provisioning-templates/t/versions/2").await;
    assert_eq!((&one["templateBody"], &one["isDefaultVersion"]), (&json!(second), &json!(false)));
}

#[tokio::test]
async fn templates_are_listed_in_pages_and_have_tags() {
    let bed = Bed::new().await;
    for n in 0..5 {
        created(&bed, &format!("t{n}"), json!({"description": "not in lists"})).await;
    }
    let all = pages(&bed, "/provisioning-templates?maxResults=2", "templates", "nextToken").await;
    let names: Vec<Vec<_>> =
        all.iter().map(|page| page.iter().map(|line| line["templateName"].clone()).collect()).collect();
    assert_eq!(json!(names), json!([["t0", "t1"], ["t2", "t3"], ["t4"]]));
    let mut members: Vec<_> = all[0][0].as_object().unwrap().keys().cloned().collect();
    members.sort();
    let expected = ["creationDate", "enabled", "lastModifiedDate", "templateArn", "templateName", "type"];
    assert_eq!(members, expected);
    created(&bed, "tagged", json!({"tags": [{"Key": "plant", "Value": "north"}]})).await;
    let arn = format!("{PREFIX}provisioningtemplate/tagged");
    let tags = get(&bed, &format!("/tags?resourceArn={arn}")).await;
    assert_eq!(tags["tags"], json!([{"Key": "plant", "Value": "north"}]));
    let input = json!({"resourceArn": arn, "tags": [{"Key": "line", "Value": "7"}]});
    done(&bed, "POST", "/tags", input).await;
    let tags = get(&bed, &format!("/tags?resourceArn={arn}")).await;
    assert_eq!(tags["tags"].as_array().unwrap().len(), 2);
}

//! The tables, and which operation a request is taken for.

use adit_aws::table::{Check, Member};
use adit_aws::{Refusal, Service};
use serde_json::json;

use crate::request::Owned;

#[test]
fn the_tables_hold_every_operation_of_the_models() {
    let counts = Service::ALL.map(|service| service.operations().len());
    assert_eq!(counts, [272, 11, 5, 8, 11, 180]);
    for service in Service::ALL {
        let rows = service.operations();
        assert!(rows.is_sorted_by(|left, right| left.name < right.name));
        assert!(rows.iter().all(|row| row.service == service && service.operation(row.name).is_some()));
    }
}

#[test]
fn ours_are_beside_the_models_and_reached_by_paths_of_their_own() {
    for service in Service::ALL {
        let rows = service.ours();
        assert!(rows.is_sorted_by(|left, right| left.name < right.name));
        for row in rows {
            assert!(row.service == service && row.path.starts_with("/adit/"), "{}", row.name);
            assert!(service.operation(row.name).is_some_and(|found| std::ptr::eq(found, row)));
            assert!(service.operations().iter().all(|aws| aws.name != row.name), "{}", row.name);
            assert_eq!(name(row.method.as_str(), row.path, service.signing_name()), row.name);
        }
    }
}

/// Depth of the deepest input, with a bound on how often a shape may hold itself.
fn depth(members: &[Member], left: usize) -> usize {
    fn of(check: &Check, left: usize) -> usize {
        match check {
            _ if left == 0 => 0,
            Check::List { item: inner, .. } | Check::Map { value: inner, .. } => 1 + of(inner, left - 1),
            Check::Structure(members) => depth(members, left - 1),
            _ => 0,
        }
    }
    1 + members.iter().map(|member| of(member.check, left)).max().unwrap_or(0)
}

#[test]
fn the_deepest_input_fits_the_limit() {
    let rows = Service::ALL.into_iter().flat_map(Service::operations);
    let deepest = rows.map(|row| depth(row.members, 40)).max().unwrap();
    assert!(deepest < adit_aws::limits::JSON_DEPTH, "{deepest}");
}

#[test]
fn every_rest_operation_is_reached_by_its_own_path() {
    for service in [Service::Iot, Service::IotData, Service::JobsData] {
        for row in service.operations() {
            let path = row.path.replace(['{', '+', '}'], "");
            let request = Owned::new(row.method.as_str(), &path, b"").signed(service.signing_name());
            assert_eq!(request.call().unwrap().operation().name, row.name, "{path}");
        }
    }
}

fn name(method: &str, path: &str, service: &str) -> &'static str {
    Owned::new(method, path, b"").signed(service).call().unwrap().operation().name
}

#[test]
fn the_scope_decides_where_paths_collide() {
    for (service, expected) in
        [("iot", "ListJobExecutionsForThing"), ("iot-jobs-data", "GetPendingJobExecutions")]
    {
        assert_eq!(name("GET", "/things/lamp/jobs", service), expected);
    }
    assert_eq!(name("GET", "/things/lamp/shadow", "iotdevicegateway"), "GetThingShadow");
    assert_eq!(name("GET", "/things/lamp", "execute-api"), "DescribeThing");
    assert_eq!(name("GET", "/things/lamp/shadow", "execute-api"), "GetThingShadow");
}

#[test]
fn fixed_paths_come_before_variable_ones() {
    assert_eq!(name("PUT", "/thing-groups/addThingToThingGroup", "iot"), "AddThingToThingGroup");
    assert_eq!(name("GET", "/principals/things-v2", "iot"), "ListPrincipalThingsV2");
    assert_eq!(name("POST", "/certificate/register", "iot"), "RegisterCertificate");
}

#[test]
fn an_arn_in_a_path_may_come_raw_or_encoded() {
    let arn = "arn:aws:iot:eu-central-1:123456789012:cert/ab";
    for path in [arn.to_owned(), arn.replace(':', "%3A").replace('/', "%2F")] {
        let request = Owned::new("POST", &format!("/attached-policies/{path}"), b"").signed("iot");
        assert_eq!(request.bound(), Ok(("ListAttachedPolicies", json!({"target": arn}))));
    }
}

#[test]
fn a_path_that_was_signed_in_normal_form_is_taken_in_that_form() {
    let mut request = Owned::new("POST", "/topics/a/b", b"").signed("iotdata");
    request.path = "/topics/a/./c/..//b".to_owned();
    assert_eq!(request.bound(), Ok(("Publish", json!({"topic": "a/b"}))));
    request.path = "/topics/../things/lamp".to_owned();
    assert_eq!(request.refusal(), Refusal::SignatureMismatch);
}

#[test]
fn sts_is_asked_by_form_or_by_query() {
    let form = Owned::new("POST", "/", b"Version=2011-06-15&Action=GetCallerIdentity")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .signed("sts");
    let query = Owned::new("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", b"").signed("sts");
    assert_eq!(form.bound(), Ok(("GetCallerIdentity", json!({}))));
    assert_eq!(query.bound(), Ok(("GetCallerIdentity", json!({}))));
}

fn form(service: &str, body: &str) -> Result<(&'static str, serde_json::Value), Refusal> {
    Owned::new("POST", "/", body.as_bytes())
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .signed(service)
        .bound()
}

#[test]
fn lists_and_structures_are_read_from_a_form() {
    let body = "Action=CreateRole&Version=2010-05-08&RoleName=JITPRole&AssumeRolePolicyDocument=%7B%22a%22%3A+1%7D\
                &MaxSessionDuration=7200&Description=\
                &Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.10.Key=c&Tags.member.10.Value=\
                &Tags.member.1.Key=a&Tags.member.1.Value=1+2&Unknown.member.1=x";
    let input = json!({
        "RoleName": "JITPRole",
        "AssumeRolePolicyDocument": "{\"a\": 1}",
        "MaxSessionDuration": 7200,
        "Description": "",
        "Tags": [{"Key": "a", "Value": "1 2"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}],
    });
    assert_eq!(form("iam", body), Ok(("CreateRole", input)));
    let body = "Action=UntagUser&UserName=ana&TagKeys.member.1=a&TagKeys.member.2=b";
    let input = json!({"UserName": "ana", "TagKeys": ["a", "b"]});
    assert_eq!(form("iam", body), Ok(("UntagUser", input)));
    let body = "Action=CreateUser&UserName=ana&Tags=";
    assert_eq!(form("iam", body), Ok(("CreateUser", json!({"UserName": "ana", "Tags": []}))));
    let body = "Action=ListPolicies&OnlyAttached=true&Scope=Local&MaxItems=5";
    let input = json!({"OnlyAttached": true, "Scope": "Local", "MaxItems": 5});
    assert_eq!(form("iam", body), Ok(("ListPolicies", input)));
}

#[test]
fn a_form_that_does_not_fit_is_refused_by_name() {
    for (body, text) in [
        ("Action=CreateUser&UserName=ana&UserName=bob", "The parameter 'UserName' is given twice."),
        ("Action=CreateUser&UserName=%zz", "The parameter '%zz' is not percent-encoded UTF-8."),
        (
            "Action=UntagUser&UserName=ana&TagKeys.member.x=a",
            "'TagKeys.member.x' must be a number of an entry, counted from 1.",
        ),
    ] {
        assert_eq!(form("iam", body), Err(Refusal::Serialization(text.to_owned())));
    }
    for (body, text) in [
        (
            "Action=CreateUser",
            "1 validation error detected: Value at 'UserName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "Action=CreateUser&UserName=a%20b",
            "1 validation error detected: Value at 'UserName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            "Action=ListUsers&MaxItems=many",
            "1 validation error detected: Value at 'MaxItems' failed to satisfy constraint: Member must be a whole number",
        ),
        (
            "Action=TagUser&UserName=ana&Tags.member.1=a",
            "1 validation error detected: Value at 'Tags.1.member' failed to satisfy constraint: Member must not be null",
        ),
    ] {
        assert_eq!(form("iam", body), Err(Refusal::Validation(text.to_owned())), "{body}");
    }
    let many: String = (0..256).map(|n| format!("&a{n}=1")).collect();
    let text = "The request must have at most 256 parameters.".to_owned();
    assert_eq!(form("iam", &format!("Action=ListUsers{many}")), Err(Refusal::Serialization(text)));
}

#[test]
fn the_action_tells_iam_from_sts_when_the_scope_does_not() {
    for (action, service) in [("CreateUser", "iam"), ("AssumeRole", "sts"), ("Nothing", "sts")] {
        let wrong = form("s3", &format!("Action={action}&Version=x"));
        assert_eq!(wrong, Err(Refusal::WrongService(service.to_owned())), "{action}");
    }
    let text = "Could not find operation AssumeRole for version 2010-05-08".to_owned();
    let wrong = form("iam", "Action=AssumeRole&Version=2010-05-08");
    assert_eq!(wrong, Err(Refusal::UnknownOperation(text)));
}

//! The tables, and which operation a request is taken for.

use adit_aws::table::{Check, Member};
use adit_aws::{Refusal, Service};
use serde_json::json;

use crate::request::Owned;

#[test]
fn the_tables_hold_every_operation_of_the_models() {
    let counts = Service::ALL.map(|service| service.operations().len());
    assert_eq!(counts, [272, 11, 5, 8, 11]);
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

//! Validation and serialization messages, word for word.

use adit_aws::Refusal;
use serde_json::json;

use crate::request::Owned;

fn tunneling(operation: &str, body: serde_json::Value) -> String {
    Owned::tunneling(operation, &body.to_string()).refusal().to_string()
}

fn iot(method: &str, target: &str, body: &str) -> String {
    Owned::new(method, target, body.as_bytes()).signed("iot").refusal().to_string()
}

#[test]
fn open_tunnel() {
    let long = json!({"timeoutConfig": {"maxLifetimeTimeoutMinutes": 9999}});
    insta::assert_snapshot!(tunneling("OpenTunnel", long), @"1 validation error detected: Value '9999' at 'timeoutConfig.maxLifetimeTimeoutMinutes' failed to satisfy constraint: Member must have value less than or equal to 720");
    let services = json!({"destinationConfig": {"thingName": "a b", "services": []}});
    insta::assert_snapshot!(tunneling("OpenTunnel", services), @"2 validation errors detected: Value 'a b' at 'destinationConfig.thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; Value '[]' at 'destinationConfig.services' failed to satisfy constraint: Member must have length greater than or equal to 1");
    let missing = json!({"destinationConfig": {"thingName": "lamp"}});
    insta::assert_snapshot!(tunneling("OpenTunnel", missing), @"1 validation error detected: Value null at 'destinationConfig.services' failed to satisfy constraint: Member must not be null");
    let service = json!({"destinationConfig": {"services": ["SSH", "a b", ""]}});
    insta::assert_snapshot!(tunneling("OpenTunnel", service), @"1 validation error detected: Value '[SSH, a b, ]' at 'destinationConfig.services' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+, Member must not be null]");
    let tags = json!({"tags": [{"key": "a", "value": "b"}, {"key": "<>"}, null], "description": "a\u{7}b"});
    insta::assert_snapshot!(tunneling("OpenTunnel", tags), @r"4 validation errors detected: Value 'a�b' at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\p{C}]{1,2048}; Value '<>' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$; Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be null; Value null at 'tags.3.member' failed to satisfy constraint: Member must not be null");
}

#[test]
fn the_other_tunneling_operations() {
    insta::assert_snapshot!(tunneling("CloseTunnel", json!({})), @"1 validation error detected: Value null at 'tunnelId' failed to satisfy constraint: Member must not be null");
    insta::assert_snapshot!(tunneling("DescribeTunnel", json!({"tunnelId": "a/b"})), @r"1 validation error detected: Value 'a/b' at 'tunnelId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_\-+=:]{1,128}");
    insta::assert_snapshot!(tunneling("DescribeTunnel", json!({"tunnelId": ""})), @r"1 validation error detected: Value '' at 'tunnelId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_\-+=:]{1,128}");
    insta::assert_snapshot!(tunneling("ListTunnels", json!({"maxResults": 0, "nextToken": "!", "thingName": ""})), @"4 validation errors detected: Value '' at 'thingName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '!' at 'nextToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_=-]{1,4096}");
    let mode = json!({"tunnelId": "t", "clientMode": "BOTH"});
    insta::assert_snapshot!(tunneling("RotateTunnelAccessToken", mode), @"1 validation error detected: Value 'BOTH' at 'clientMode' failed to satisfy constraint: Member must satisfy enum value set: [SOURCE, DESTINATION, ALL]");
    insta::assert_snapshot!(tunneling("TagResource", json!({"resourceArn": "", "tags": []})), @"2 validation errors detected: Value '' at 'resourceArn' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '[]' at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1");
    insta::assert_snapshot!(tunneling("UntagResource", json!({"resourceArn": "a", "tagKeys": ["", "ok"]})), @r"1 validation error detected: Value '[, ok]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$, Member must not be null]");
    insta::assert_snapshot!(tunneling("ListTagsForResource", json!({"resourceArn": null})), @"1 validation error detected: Value null at 'resourceArn' failed to satisfy constraint: Member must not be null");
}

#[test]
fn aws_iot_does_not_repeat_the_value() {
    insta::assert_snapshot!(iot("POST", "/things/a%20b", r#"{"billingGroupName":""}"#), @"3 validation errors detected: Value at 'thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; Value at 'billingGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'billingGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+");
    insta::assert_snapshot!(iot("GET", "/things?maxResults=251&attributeName=a%20b", ""), @"2 validation errors detected: Value at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 250; Value at 'attributeName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+");
    let attributes = r#"{"attributePayload":{"attributes":{"a b":"c","d":"ü"}}}"#;
    insta::assert_snapshot!(iot("POST", "/things/lamp", attributes), @r"2 validation errors detected: Value at 'attributePayload.attributes' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+, Member must not be null]; Value at 'attributePayload.attributes' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 800, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\[\]-]*, Member must not be null]");
    insta::assert_snapshot!(iot("GET", "/things?maxResults=many", ""), @"1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must be a whole number");
    insta::assert_snapshot!(iot("GET", "/things?usePrefixAttributeValue=yes", ""), @"1 validation error detected: Value at 'usePrefixAttributeValue' failed to satisfy constraint: Member must be true or false");
}

#[test]
fn what_cannot_be_read_is_told_where() {
    insta::assert_snapshot!(Owned::tunneling("OpenTunnel", "{").refusal(), @"The request body is not readable as JSON: EOF while parsing an object at line 1 column 1");
    insta::assert_snapshot!(Owned::tunneling("OpenTunnel", "[]").refusal(), @"The request body must be a JSON object, not a list.");
    insta::assert_snapshot!(Owned::tunneling("OpenTunnel", r#"{"tags":[],"tags":[]}"#).refusal(), @"The request body is not readable as JSON: member 'tags' is given twice at line 1 column 17");
    insta::assert_snapshot!(tunneling("OpenTunnel", json!({"tags": [{"key": 1, "value": ""}]})), @"Member 'tags.1.member.key' must be a string, not a number.");
    insta::assert_snapshot!(tunneling("OpenTunnel", json!({"timeoutConfig": []})), @"Member 'timeoutConfig' must be an object, not a list.");
    insta::assert_snapshot!(tunneling("ListTunnels", json!({"maxResults": 1.5})), @"Member 'maxResults' must be a whole number, not a number with a fraction or out of range.");
    insta::assert_snapshot!(tunneling("CloseTunnel", json!({"tunnelId": "t", "delete": "true"})), @"Member 'delete' must be true or false, not a string.");
    insta::assert_snapshot!(iot("GET", "/things?maxResults=1&maxResults=2", ""), @"The query parameter 'maxResults' is given twice.");
    insta::assert_snapshot!(iot("GET", "/things/%ff", ""), @"'thingName' in the request line is not percent-encoded UTF-8.");
}

#[test]
fn a_long_value_is_cut_and_many_violations_are_counted_up_to_a_limit() {
    let text = tunneling("DescribeTunnel", json!({"tunnelId": "ü".repeat(5000)}));
    assert!(text.contains(&format!("Value '{}…' at", "ü".repeat(128))), "{text}");
    assert!(text.len() < 1500);
    let tags: Vec<_> = (0..100).map(|_| json!({"key": "<"})).collect();
    let text = tunneling("OpenTunnel", json!({"tags": tags}));
    assert!(text.starts_with("20 validation errors detected: "), "{text}");
}

#[test]
fn null_is_absent_and_unknown_members_are_passed_over() {
    let body = r#"{"description":null,"unknown":{"a":[1]},"destinationConfig":{"thingName":null,"services":["SSH"],"x":1}}"#;
    let expected = json!({"destinationConfig": {"services": ["SSH"]}});
    assert_eq!(Owned::tunneling("OpenTunnel", body).bound(), Ok(("OpenTunnel", expected)));
    assert_eq!(Owned::tunneling("OpenTunnel", "").bound(), Ok(("OpenTunnel", json!({}))));
    assert_eq!(
        Owned::tunneling("ListTunnels", r#"{"maxResults":5.0}"#).bound(),
        Ok(("ListTunnels", json!({"maxResults": 5})))
    );
}

#[test]
fn a_body_where_none_is_read_is_no_matter() {
    let request = Owned::new("GET", "/things", b"not json").signed("iot");
    assert_eq!(request.bound(), Ok(("ListThings", json!({}))));
    let request = Owned::new("POST", "/things/lamp", b"not json").signed("iot");
    assert!(matches!(request.refusal(), Refusal::Serialization(_)));
}

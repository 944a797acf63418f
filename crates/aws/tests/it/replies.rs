//! Replies and faults on the wire.

use adit_aws::{About, Failure, Protocol, Reply, Service, fault, reply};
use serde_json::{Map, json};

fn shown(reply: &Reply) -> String {
    let headers: Vec<String> =
        reply.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    format!("{}\n{}\n{}", reply.status, headers.join("\n"), String::from_utf8_lossy(&reply.body))
}

fn failure(code: &str, status: u16) -> Failure<'_> {
    Failure { code, status, message: "No <thing> & \"no\" \u{1} name", members: Map::new() }
}

fn about(service: Service) -> About {
    About { protocol: service.protocol(), service: Some(service), operation: None }
}

#[test]
fn replies_leave_unset_members_out() {
    let output = json!({"tunnel": {"description": null, "tunnelId": "t", "tags": []}, "nextToken": null});
    let operation = |service: Service, name| service.operation(name).unwrap();
    insta::assert_snapshot!(shown(&reply(operation(Service::Tunneling, "DescribeTunnel"), output.clone(), "id")), @r#"
    200 OK
    content-type: application/x-amz-json-1.1
    x-amzn-requestid: id
    {"tunnel":{"tags":[],"tunnelId":"t"}}
    "#);
    insta::assert_snapshot!(shown(&reply(operation(Service::Iot, "DescribeThing"), output, "id")), @r#"
    200 OK
    content-type: application/json
    x-amzn-requestid: id
    {"tunnel":{"tags":[],"tunnelId":"t"}}
    "#);
    let identity = json!({"Arn": "arn:aws:iam::1:user/a&b", "UserId": "A", "Account": "1", "Nothing": null});
    insta::assert_snapshot!(shown(&reply(operation(Service::Sts, "GetCallerIdentity"), identity, "id")), @r#"
    200 OK
    content-type: text/xml
    x-amzn-requestid: id
    <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>1</Account><Arn>arn:aws:iam::1:user/a&amp;b</Arn><UserId>A</UserId></GetCallerIdentityResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetCallerIdentityResponse>
    "#);
}

#[test]
fn faults_speak_the_protocol_of_the_request() {
    let unknown = About { protocol: Protocol::QueryXml, service: None, operation: None };
    let mut exists = failure("ResourceAlreadyExistsException", 409);
    exists.members.insert("resourceId".to_owned(), json!("lamp"));
    insta::assert_snapshot!(shown(&fault(about(Service::Iot), exists, "id")), @r#"
    409 Conflict
    content-type: application/json
    x-amzn-requestid: id
    x-amzn-errortype: ResourceAlreadyExistsException
    {"__type":"ResourceAlreadyExistsException","message":"No <thing> & \"no\" \u0001 name","resourceId":"lamp"}
    "#);
    insta::assert_snapshot!(shown(&fault(about(Service::Tunneling), failure("ValidationException", 400), "id")), @r#"
    400 Bad Request
    content-type: application/x-amz-json-1.1
    x-amzn-requestid: id
    x-amzn-errortype: ValidationException
    {"__type":"ValidationException","message":"No <thing> & \"no\" \u0001 name"}
    "#);
    insta::assert_snapshot!(shown(&fault(about(Service::Sts), failure("InvalidClientTokenId", 403), "id")), @r#"
    403 Forbidden
    content-type: text/xml
    x-amzn-requestid: id
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>No &lt;thing&gt; &amp; &quot;no&quot; � name</Message></Error><RequestId>id</RequestId></ErrorResponse>
    "#);
    insta::assert_snapshot!(shown(&fault(unknown, failure("InternalFailure", 500), "id")), @r#"
    500 Internal Server Error
    content-type: text/xml
    x-amzn-requestid: id
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>No &lt;thing&gt; &amp; &quot;no&quot; � name</Message></Error><RequestId>id</RequestId></ErrorResponse>
    "#);
}

#[test]
fn iam_answers_in_its_own_namespace() {
    let operation = |name| Service::Iam.operation(name).unwrap();
    let output =
        json!({"Users": [{"UserName": "ana"}, {"UserName": "bob"}], "IsTruncated": false, "Marker": null});
    insta::assert_snapshot!(shown(&reply(operation("ListUsers"), output, "id")), @r#"
    200 OK
    content-type: text/xml
    x-amzn-requestid: id
    <ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated><Users><member><UserName>ana</UserName></member><member><UserName>bob</UserName></member></Users></ListUsersResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListUsersResponse>
    "#);
    insta::assert_snapshot!(shown(&reply(operation("DeleteUser"), json!({}), "id")), @r#"
    200 OK
    content-type: text/xml
    x-amzn-requestid: id
    <DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><DeleteUserResult></DeleteUserResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteUserResponse>
    "#);
    insta::assert_snapshot!(shown(&fault(about(Service::Iam), failure("NoSuchEntity", 404), "id")), @r#"
    404 Not Found
    content-type: text/xml
    x-amzn-requestid: id
    <ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>No &lt;thing&gt; &amp; &quot;no&quot; � name</Message></Error><RequestId>id</RequestId></ErrorResponse>
    "#);
}

#[test]
fn a_payload_is_sent_as_it_is() {
    let reply = adit_aws::rest_json::payload(200, b"{\"state\":null}".to_vec(), "id");
    assert_eq!(reply.body, b"{\"state\":null}");
}

//! Who may call what: every operation by root, by who may, by who may not and by another account; and in which words.

use std::fmt::Write as _;

use adit_aws::table::{Check, Member, Operation, Place};
use adit_aws::{Protocol, Service};
use adit_iot::iam::IdentityKind;
use adit_server::authority::map::{self, Needs};
use adit_server::why::Wanted;
use adit_server::{api, authority};
use serde_json::{Map, Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{ACCOUNT, ALL, PREFIX, group, put_into_group, thing};
use crate::people::{Who, allow, deny, give, role, session, user};

const OTHER: &str = "999999999999";

async fn bed() -> Bed {
    Bed::with(|config| {
        let file = config.node.data_dir.join("shared-secret");
        std::fs::write(&file, "shared\n").unwrap();
        config.test.any_account_secret_file = Some(file);
    })
    .await
}

/// Members that an operation does not require and that say what it is about.
const TOLD: [&str; 8] = [
    "destinationConfig",
    "thingGroupName",
    "thingName",
    "principal",
    "registrationConfig",
    "retain",
    "UserName",
    "GroupName",
];

fn sample(name: &str, check: &Check) -> Value {
    let cert = "a".repeat(64);
    let known = match name {
        "certificateId" | "caCertificateId" => json!(cert),
        "principal" | "target" => json!(format!("{PREFIX}cert/{cert}")),
        "resourceArn" => json!(format!("{PREFIX}tunnel/t1")),
        "policyDocument" => json!(ALL),
        "PolicyDocument" => json!(crate::people::document(&json!([allow("iot:*", "*")]))),
        "AssumeRolePolicyDocument" => json!(trust("iot.amazonaws.com").to_string()),
        "PolicyArn" => json!(format!("arn:aws:iam::{ACCOUNT}:policy/p1")),
        "RoleArn" | "roleArn" | "provisioningRoleArn" => json!(format!("arn:aws:iam::{ACCOUNT}:role/r1")),
        "registrationConfig" => json!({ "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/r1") }),
        "thingName" | "clientId" => json!("lamp"),
        "topic" => json!("a/b"),
        "VersionId" => json!("v1"),
        "AccessKeyId" => json!("AKIAIOSFODNN7EXAMPLE"),
        "retain" => json!(true),
        "certificateSigningRequest" => json!(include_str!("../../src/pki/testdata/sha1.csr")),
        _ => Value::Null,
    };
    if !known.is_null() {
        return known;
    }
    match check {
        Check::Text(text) => match text.values.first() {
            Some(value) => json!(value),
            None => {
                let fits = |sample: &&str| text.pattern.is_none_or(|pattern| pattern.matches(sample));
                let long = "x".repeat(text.min as usize);
                let sample = ["x1", "1", "/x/", &long].into_iter().find(fits).unwrap_or("x1");
                json!(if sample.len() < text.min as usize { &long } else { sample })
            }
        },
        Check::Integer { min, .. } => json!(min.max(&1)),
        Check::Double | Check::Timestamp => json!(1),
        Check::Boolean => json!(false),
        Check::Blob { .. } => json!("eA=="),
        Check::List { item, .. } => json!([sample("", item)]),
        Check::Map { .. } => json!({}),
        Check::Structure(members) => Value::Object(input(members)),
    }
}

fn input(members: &[Member]) -> Map<String, Value> {
    let wanted = members.iter().filter(|m| m.required || TOLD.contains(&m.name));
    wanted.map(|m| (m.name.to_owned(), sample(m.name, m.check))).collect()
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Adds a value to a form, as the query protocol writes lists and structures.
fn add(form: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            items.iter().zip(1..).for_each(|(item, n)| add(form, &format!("{name}.member.{n}"), item));
        }
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| add(form, &format!("{name}.{member}"), value));
        }
        value => write!(form, "&{name}={}", escaped(&shown(value))).unwrap(),
    }
}

/// A request: method, path, headers, body.
struct Sent {
    path: String,
    headers: Vec<String>,
    body: String,
}

fn request(operation: &Operation) -> Sent {
    let mut input = input(operation.members);
    if let Some(arn) = input.get_mut("resourceArn").filter(|_| operation.service == Service::Iot) {
        *arn = json!(format!("{PREFIX}policy/x1"));
    }
    let (mut path, mut query, mut headers) = (operation.path.to_owned(), Vec::new(), Vec::new());
    let (mut json, mut payload) = (Map::new(), String::new());
    for member in operation.members {
        let Some(value) = input.get(member.name) else { continue };
        match member.place {
            Place::Path => {
                for label in [format!("{{{}}}", member.wire), format!("{{{}+}}", member.wire)] {
                    path = path.replace(&label, &escaped(&shown(value)));
                }
            }
            Place::Query => query.push(format!("{}={}", member.wire, escaped(&shown(value)))),
            Place::Header => headers.push(format!("{}: {}", member.wire, shown(value))),
            Place::JsonHeader => {}
            Place::Body => {
                json.insert(member.wire.to_owned(), value.clone());
            }
            Place::Payload => payload = "{\"state\":{}}".to_owned(),
        }
    }
    let mark = if path.contains('?') { "&" } else { "?" };
    if !query.is_empty() {
        path = format!("{path}{mark}{}", query.join("&"));
    }
    let body = match operation.service.protocol() {
        Protocol::RestJson if !payload.is_empty() => payload,
        Protocol::RestJson if json.is_empty() => String::new(),
        Protocol::RestJson => Value::Object(json).to_string(),
        Protocol::Json11 => {
            headers.push(format!("x-amz-target: IoTSecuredTunneling.{}", operation.name));
            Value::Object(json).to_string()
        }
        Protocol::QueryXml => {
            let version = if operation.service == Service::Iam { "2010-05-08" } else { "2011-06-15" };
            let mut form = format!("Action={}&Version={version}", operation.name);
            json.iter().for_each(|(name, value)| add(&mut form, name, value));
            form
        }
    };
    Sent { path, headers, body }
}

async fn call(bed: &Bed, who: &Who, operation: &Operation) -> Answer {
    let Sent { path, headers, body } = request(operation);
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    who.call(bed, operation.service, operation.method.as_str(), &path, &headers, &body).await
}

fn is_denied(answer: &Answer) -> bool {
    let code = answer.header("x-amzn-errortype").unwrap_or(&answer.body);
    matches!(answer.status, 400 | 403) && ["AccessDenied", "Forbidden"].iter().any(|word| code.contains(word))
}

fn trust(service: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" } })
}

/// Action and resource of the last refusal.
fn refused(bed: &Bed) -> (String, String) {
    let noted = bed.running.state().why.before(&Wanted::default(), None, 1).remove(0).refusal;
    (noted.action.unwrap().into_owned(), noted.resource.unwrap())
}

#[tokio::test]
async fn every_operation_asks_for_its_action_on_its_resource() {
    let bed = bed().await;
    let (root_id, root_secret) = bed.key();
    let root = Who { key_id: root_id, secret: root_secret, token: None, arn: String::new() };
    let other = Who { key_id: OTHER.into(), secret: "shared".into(), token: None, arn: String::new() };
    let nobody = user(&bed, "nobody", json!([])).await;
    let everything = json!([allow("*", "*")]);
    let banned = user(&bed, "banned", everything.clone()).await;
    let may = user(&bed, "may", json!([])).await;
    let by_account = json!({ "AWS": ACCOUNT });
    let trusting = json!({ "Effect": "Allow", "Principal": by_account, "Action": "sts:AssumeRole" });
    role(&bed, "r1", json!({ "Statement": trusting }), json!([])).await;
    let mut out = String::new();
    for service in Service::ALL {
        let all = service.operations().iter().chain(service.ours());
        for operation in all.filter(|operation| api::handler(operation).is_some()) {
            let name = operation.name;
            let mut needs: Vec<(String, String)> = Vec::new();
            let without = call(&bed, &nobody, operation).await;
            let mut with = without.clone();
            give(&bed, IdentityKind::User, "may", json!([])).await;
            if is_denied(&without) {
                with = call(&bed, &may, operation).await;
            }
            while is_denied(&with) && needs.len() < 6 {
                needs.push(refused(&bed));
                let allowed = needs.iter().map(|(action, resource)| allow(action, resource)).collect();
                give(&bed, IdentityKind::User, "may", allowed).await;
                with = call(&bed, &may, operation).await;
            }
            assert!(!is_denied(&with), "{name} {needs:?} {with:?}");
            let open = matches!(map::row_of(operation).unwrap().needs, Needs::Nothing | Needs::NoDeny);
            assert_eq!(needs.is_empty(), open, "{name} {with:?}");
            let denied = match needs.last() {
                None => without.clone(),
                Some((action, resource)) => {
                    let statements = json!([allow("*", "*"), deny(action, resource)]);
                    give(&bed, IdentityKind::User, "banned", statements).await;
                    let answer = call(&bed, &banned, operation).await;
                    assert!(is_denied(&answer), "{name} {answer:?}");
                    give(&bed, IdentityKind::User, "banned", everything.clone()).await;
                    answer
                }
            };
            let elsewhere = call(&bed, &other, operation).await;
            let by_root = call(&bed, &root, operation).await;
            assert!(!is_denied(&by_root), "{name} {by_root:?}");
            let needs: Vec<_> = needs
                .iter()
                .map(|(action, resource)| {
                    let short =
                        resource.replace(PREFIX, "").replace(&format!("arn:aws:iam::{ACCOUNT}:"), "iam ");
                    format!("{action} on {}", short.replace(&"a".repeat(64), "aa…"))
                })
                .collect();
            let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
            let statuses = [&by_root, &with, &without, &denied, &elsewhere].map(|a| a.status.to_string());
            writeln!(out, "{:<9} {name:<35} {}  {needs}", format!("{service:?}"), statuses.join(" "))
                .unwrap();
        }
    }
    let head =
        "service   operation                           root allowed without denied other-account  needs";
    insta::assert_snapshot!(format!("{head}\n{out}"));
}

#[tokio::test]
async fn a_refusal_names_who_what_and_on_what_in_every_wire_form() {
    let bed = bed().await;
    let ana = user(&bed, "ana", json!([])).await;
    let text = |action: &str, resource: &str, clause: &str| {
        format!("User: {} is not authorized to perform: {action} on resource: {resource} {clause}", ana.arn)
    };
    let none = |action: &str| format!("because no identity-based policy allows the {action} action");
    let rest = ana.iot(&bed, "GET", "/things/lamp", Value::Null).await;
    let expected = text("iot:DescribeThing", &format!("{PREFIX}thing/lamp"), &none("iot:DescribeThing"));
    assert_eq!((rest.status, rest.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    assert_eq!(rest.json()["message"], expected);
    let json11 = ana.tunneling(&bed, "ListTunnels", json!({})).await;
    let expected = text("iot:ListTunnels", &format!("{PREFIX}tunnel/*"), &none("iot:ListTunnels"));
    assert_eq!((json11.status, json11.header("x-amzn-errortype")), (400, Some("AccessDeniedException")));
    assert_eq!(json11.json()["message"], expected);
    let data = ana.call(&bed, Service::IotData, "GET", "/things/lamp/shadow", &[], "").await;
    assert_eq!((data.status, data.header("x-amzn-errortype")), (403, Some("ForbiddenException")));
    assert_eq!(data.json()["message"], "Forbidden");
    assert_eq!(refused(&bed), ("iot:GetThingShadow".to_owned(), format!("{PREFIX}thing/lamp")));

    give(&bed, IdentityKind::User, "ana", json!([allow("*", "*"), deny("iot:Describe*", "*")])).await;
    let denied = ana.iot(&bed, "GET", "/things/lamp", Value::Null).await;
    let clause = "with an explicit deny in an identity-based policy";
    let expected = text("iot:DescribeThing", &format!("{PREFIX}thing/lamp"), clause);
    assert_eq!(denied.json()["message"], expected);
    let rows = bed.audit().await;
    let row = rows.iter().find(|row| row["action"] == "DescribeThing").unwrap();
    assert_eq!((&row["principal"], &row["result"]), (&json!(ana.arn), &json!("AccessDeniedException")));
    assert_eq!((&row["resource"], &row["detail"]), (&json!(format!("{PREFIX}thing/lamp")), &json!(expected)));
    let seen = crate::iot::get(&bed, "/adit/refusals").await["refusals"][0]["text"].clone();
    let seen = seen.as_str().unwrap();
    let expected = "explicit deny by policy inline policy own of user/ana statement 2";
    assert!(seen.starts_with("iot:DescribeThing on ") && seen.contains(expected), "{seen}");
}

#[tokio::test]
async fn who_may_not_call_learns_nothing_of_what_exists() {
    let bed = bed().await;
    thing(&bed, "lamp").await;
    let ana = user(&bed, "ana", json!([])).await;
    let there = ana.iot(&bed, "GET", "/things/lamp", Value::Null).await;
    let absent = ana.iot(&bed, "GET", "/things/none", Value::Null).await;
    assert_eq!(there.status, absent.status);
    let same = |answer: &Answer| answer.json()["message"].as_str().unwrap().replace("lamp", "none");
    assert_eq!(same(&there), same(&absent));
    // What is wrong with the request itself is told before.
    assert_eq!(ana.iot(&bed, "GET", "/things/a%20b", Value::Null).await.status, 400);
}

#[tokio::test]
async fn a_session_may_do_what_role_and_session_policy_both_allow() {
    let bed = bed().await;
    thing(&bed, "lamp").await;
    role(
        &bed,
        "ops",
        trust("iot.amazonaws.com"),
        json!([allow("iot:Describe*", "*"), allow("iot:List*", "*")]),
    )
    .await;
    let whole = session(&bed, "ops", None);
    let limited =
        session(&bed, "ops", Some(json!([allow("iot:DescribeThing", "*"), allow("iot:DeleteThing", "*")])));
    let get = async |who: &Who, path: &str| who.iot(&bed, "GET", path, Value::Null).await;
    assert_eq!(get(&whole, "/things/lamp").await.status, 200);
    assert_eq!(get(&whole, "/things").await.status, 200);
    assert_eq!(get(&limited, "/things/lamp").await.status, 200);
    let answer = get(&limited, "/things").await;
    let text = format!(
        "User: {} is not authorized to perform: iot:ListThings on resource: * because no session policy allows the \
         iot:ListThings action",
        limited.arn
    );
    assert_eq!((answer.status, &answer.json()["message"]), (403, &json!(text)));
    let answer = limited.iot(&bed, "DELETE", "/things/lamp", Value::Null).await;
    assert!(
        answer.body.contains("because no identity-based policy allows the iot:DeleteThing"),
        "{answer:?}"
    );

    let state = bed.running.state();
    state.store.inline_policy_delete(ACCOUNT, IdentityKind::Role, "ops", "own").await.unwrap();
    state.store.role_delete(ACCOUNT, "ops").await.unwrap();
    authority::changed(state, ACCOUNT);
    assert_eq!(get(&whole, "/things/lamp").await.status, 403);
}

#[tokio::test]
async fn conditions_see_the_call_its_tags_and_the_caller() {
    let bed = bed().await;
    group(&bed, "lamps", None).await;
    thing(&bed, "lamp").await;
    thing(&bed, "fan").await;
    put_into_group(&bed, "lamp", "lamps").await;
    let ana = user(&bed, "ana", json!([])).await;
    let with = async |action: &str, condition: Value| {
        let mut statement = allow(action, "*");
        statement["Condition"] = condition;
        give(&bed, IdentityKind::User, "ana", json!([statement])).await;
    };
    let open = async |thing: &str, services: &[&str], tags: Value| {
        let mut input = json!({ "destinationConfig": { "thingName": thing, "services": services } });
        if !tags.is_null() {
            input["tags"] = tags;
        }
        ana.tunneling(&bed, "OpenTunnel", input).await
    };
    let lamps = format!("{PREFIX}thinggroup/lamps");
    with("iot:OpenTunnel", json!({ "ForAnyValue:StringEquals": { "iot:ThingGroupArn": [lamps] } })).await;
    assert_eq!(open("lamp", &["SSH"], Value::Null).await.status, 200);
    assert_eq!(open("fan", &["SSH"], Value::Null).await.status, 400);
    with(
        "iot:OpenTunnel",
        json!({ "ForAllValues:StringEquals": { "iot:TunnelDestinationService": ["SSH"] } }),
    )
    .await;
    assert_eq!(open("fan", &["SSH"], Value::Null).await.status, 200);
    assert_eq!(open("fan", &["SSH", "VNC"], Value::Null).await.status, 400);
    with("iot:OpenTunnel", json!({ "StringEquals": { "aws:RequestTag/team": "red" } })).await;
    let red = json!([{ "key": "team", "value": "red" }]);
    let opened = open("fan", &["SSH"], red).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    assert_eq!(open("fan", &["SSH"], json!([{ "key": "team", "value": "blue" }])).await.status, 400);
    assert_eq!(open("fan", &["SSH"], Value::Null).await.status, 400);
    let id = opened.json()["tunnelId"].clone();
    let (untagged, _, _) = bed.open().await;

    let rotate = async |mode: &str| {
        let input = json!({ "tunnelId": id, "clientMode": mode });
        ana.tunneling(&bed, "RotateTunnelAccessToken", input).await.status
    };
    with("iot:RotateTunnelAccessToken", json!({ "StringEquals": { "iot:ClientMode": "SOURCE" } })).await;
    assert_eq!((rotate("SOURCE").await, rotate("ALL").await), (200, 400));
    // The services of the tunnel count where the call names none.
    with(
        "iot:RotateTunnelAccessToken",
        json!({ "ForAnyValue:StringEquals": { "iot:TunnelDestinationService": "SSH" } }),
    )
    .await;
    assert_eq!(rotate("SOURCE").await, 200);
    let things = format!("{PREFIX}thing/lamp");
    give(
        &bed,
        IdentityKind::User,
        "ana",
        json!([allow("iot:RotateTunnelAccessToken", "*"), deny("iot:RotateTunnelAccessToken", &things)]),
    )
    .await;
    assert_eq!(rotate("SOURCE").await, 200);
    give(
        &bed,
        IdentityKind::User,
        "ana",
        json!([allow("iot:RotateTunnelAccessToken", &format!("{PREFIX}tunnel/*"))]),
    )
    .await;
    assert_eq!(rotate("SOURCE").await, 400, "the tunnel's thing is asked for, too");
    // It is in the tunnel's history, and says that it is about the thing.
    let row = bed.audit().await.swap_remove(0);
    let detail = row["detail"].as_str().unwrap();
    assert_eq!(row["resource"], format!("{PREFIX}tunnel/{}", id.as_str().unwrap()));
    assert!(detail.contains(&format!("{PREFIX}thing/fan")), "{detail}");
    // A destination in the input does not hide the tunnel's own.
    let resources = json!([format!("{PREFIX}tunnel/*"), things]);
    let own = json!({ "Effect": "Allow", "Action": "iot:RotateTunnelAccessToken", "Resource": resources });
    give(&bed, IdentityKind::User, "ana", json!([own])).await;
    let input = json!({ "tunnelId": id, "clientMode": "SOURCE", "destinationConfig": { "thingName": "lamp", "services": ["SSH"] } });
    assert_eq!(ana.tunneling(&bed, "RotateTunnelAccessToken", input.clone()).await.status, 400);
    with(
        "iot:RotateTunnelAccessToken",
        json!({ "ForAnyValue:StringEquals": { "iot:ThingGroupArn": [lamps] } }),
    )
    .await;
    assert_eq!(ana.tunneling(&bed, "RotateTunnelAccessToken", input).await.status, 400);

    let describe =
        async |id: &Value| ana.tunneling(&bed, "DescribeTunnel", json!({ "tunnelId": id })).await.status;
    with("iot:DescribeTunnel", json!({ "StringEquals": { "aws:ResourceTag/team": "red" } })).await;
    assert_eq!((describe(&id).await, describe(&json!(untagged)).await), (200, 400));
    with("iot:CloseTunnel", json!({ "Bool": { "iot:Delete": "false" } })).await;
    let close = async |delete: bool| {
        let input = json!({ "tunnelId": id, "delete": delete });
        ana.tunneling(&bed, "CloseTunnel", input).await.status
    };
    assert_eq!((close(true).await, close(false).await), (400, 200));

    let list = async || ana.iot(&bed, "GET", "/things", Value::Null).await.status;
    for (condition, expected) in [
        (json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } }), 200),
        (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), 403),
        (json!({ "Bool": { "aws:SecureTransport": "false" } }), 200),
        (json!({ "Bool": { "aws:SecureTransport": "true" } }), 403),
        (json!({ "StringEquals": { "aws:username": "ana", "aws:PrincipalAccount": ACCOUNT } }), 200),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:user/b*" } }), 403),
        (json!({ "StringEquals": { "aws:PrincipalType": "User", "aws:userid": "AIDAana" } }), 200),
        (json!({ "DateLessThan": { "aws:CurrentTime": "2020-01-01" } }), 403),
        (json!({ "StringEquals": { "aws:RequestedRegion": "us-east-1" } }), 200),
        (json!({ "Null": { "aws:TokenIssueTime": "true" } }), 200),
    ] {
        with("iot:ListThings", condition.clone()).await;
        assert_eq!(list().await, expected, "{condition}");
    }
}

#[tokio::test]
async fn what_changes_in_the_store_alone_is_believed_for_a_second_at_most() {
    let bed = bed().await;
    let ana = user(&bed, "ana", json!([allow("iot:ListThings", "*")])).await;
    let list = async || ana.iot(&bed, "GET", "/things", Value::Null).await.status;
    assert_eq!(list().await, 200);
    let state = bed.running.state();
    state.store.inline_policy_delete(ACCOUNT, IdentityKind::User, "ana", "own").await.unwrap();
    bed.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(list().await, 403);
}

#[tokio::test]
async fn a_role_of_a_template_must_trust_aws_iot_and_allow_what_is_done() {
    let bed = bed().await;
    let state = bed.running.state();
    let scope = adit_iot::Scope::new(ACCOUNT, "us-east-1").unwrap();
    let statements = json!([allow("iot:CreateThing", &format!("{PREFIX}thing/a*"))]);
    role(&bed, "jitp", trust("iot.amazonaws.com"), statements.clone()).await;
    role(&bed, "other", trust("ec2.amazonaws.com"), statements).await;
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let asks = |name: &str| [("iot:CreateThing", format!("{PREFIX}thing/{name}"))];
    let may =
        async |role: &str, name: &str| authority::role_may(state, &scope, &arn(role), &asks(name)).await;
    assert_eq!(may("jitp", "a1").await, Ok(()));
    for (role, name, reason) in [
        (
            "jitp",
            "b1",
            "may not iot:CreateThing on arn:aws:iot:us-east-1:123456789012:thing/b1: no statement allows",
        ),
        ("other", "a1", "does not let iot.amazonaws.com do sts:AssumeRole"),
        ("none", "a1", "does not exist in account 123456789012"),
    ] {
        let error = may(role, name).await.unwrap_err();
        assert!(error.contains(reason) && error.contains(&arn(role)), "{error}");
    }
    let elsewhere = "arn:aws:iam::999999999999:role/jitp";
    assert!(authority::role_may(state, &scope, elsewhere, &asks("a1")).await.is_err());
    let pathless = format!("arn:aws:iam::{ACCOUNT}:role/path/jitp");
    assert!(authority::role_may(state, &scope, &pathless, &asks("a1")).await.is_err());
}

//! The audit log, as the console's call shows it.

use adit_iot::Scope;
use adit_server::audit::{entry, scoped};
use serde_json::{Value, json};

use crate::bed::{Bed, PATIENCE};
use crate::iot::{ACCOUNT, PREFIX, call, get, pages, refused, thing};
use crate::people::user;

const PATH: &str = "/adit/audit-events";

async fn events(bed: &Bed, query: &str) -> Vec<Value> {
    get(bed, &format!("{PATH}{query}")).await["events"].as_array().unwrap().clone()
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_history_of_a_tunnel_is_whole() {
    let bed = Bed::new().await;
    bed.open().await;
    let (id, source, _) = bed.open().await;
    let (side, _) = bed.join("source", &source, "user-agent: test\r\n").await;
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "CONNECTED").await;
    drop(side);
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "DISCONNECTED").await;
    assert_eq!(bed.join("source", &source, "").await.1.status, 400);
    let arn = format!("{PREFIX}tunnel/{id}");
    let query = format!("?resource={arn}");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while events(&bed, &query).await.len() < 4 {
        assert!(tokio::time::Instant::now() < deadline, "{:#?}", events(&bed, &query).await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let reader =
        user(&bed, "reader", json!([{ "Effect": "Allow", "Action": "iot:Describe*", "Resource": "*" }]))
            .await;
    let denied = reader.tunneling(&bed, "CloseTunnel", json!({ "tunnelId": id })).await;
    assert!(denied.status == 400 && denied.body.contains("not authorized"), "{denied:?}");
    for (operation, input) in [
        ("RotateTunnelAccessToken", json!({ "tunnelId": id, "clientMode": "ALL" })),
        ("CloseTunnel", json!({ "tunnelId": id, "delete": true })),
    ] {
        assert_eq!(bed.tunneling(operation, input).await.status, 200);
    }

    let all = events(&bed, &query).await;
    let mut first = actions(&all)[3..].to_vec();
    first.sort_unstable();
    assert_eq!(&actions(&all)[..3], ["CloseTunnel", "RotateTunnelAccessToken", "CloseTunnel"]);
    assert_eq!(first, ["OpenTunnel", "TunnelConnect", "TunnelConnect", "TunnelDisconnect"]);
    assert!(all.iter().all(|event| event["resource"] == arn), "{all:#?}");
    let opened = all.last().unwrap();
    assert_eq!(opened["action"], "OpenTunnel");
    assert_eq!(opened["principal"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!((&opened["result"], &opened["ipAddress"]), (&json!("ok"), &json!("127.0.0.1")));
    assert_eq!(opened["at"], json!(bed.clock.now_ms() as f64 / 1000.0));
    assert!(opened["requestId"].is_string() && opened.get("detail").is_none(), "{opened}");
    let denied = events(&bed, &format!("{query}&action=CloseTunnel&failed=true")).await;
    assert_eq!((denied.len(), &denied[0]["principal"]), (1, &json!(reader.arn)));
    let came = events(&bed, &format!("{query}&action=TunnelConnect&failed=false")).await;
    assert!(came[0]["detail"].as_str().unwrap().starts_with("side=source channel="), "{came:?}");
}

#[tokio::test]
async fn events_are_filtered_and_paged() {
    let bed = Bed::new().await;
    for name in ["a", "b", "c"] {
        thing(&bed, name).await;
    }
    assert_eq!(call(&bed, "DELETE", "/thing-groups/b?expectedVersion=x", Value::Null).await.status, 400);
    let alice = user(&bed, "alice", json!([{ "Effect": "Allow", "Action": "iot:*", "Resource": "*" }])).await;
    assert_eq!(alice.iot(&bed, "DELETE", "/things/a", Value::Null).await.status, 200);
    for (query, wanted) in [
        ("?action=CreateThing", &["CreateThing"; 3] as &[&str]),
        (&format!("?principal={}", alice.arn), &["DeleteThing"]),
        (&format!("?resource={PREFIX}thing/a"), &["DeleteThing", "CreateThing"]),
        (&format!("?resource={PREFIX}thing/a&action=CreateThing&ipAddress=127.0.0.1"), &["CreateThing"]),
        ("?ipAddress=::ffff:127.0.0.1&failed=true", &["DeleteThingGroup"]),
        ("?ipAddress=192.0.2.1", &[]),
        ("?action=StartServer", &["StartServer"]),
    ] {
        assert_eq!(actions(&events(&bed, query).await), wanted, "{query}");
    }
    let all = pages(&bed, &format!("{PATH}?maxResults=2"), "events", "nextToken").await;
    let numbers: Vec<_> = all.iter().flatten().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert!(all.len() == 3 && numbers.len() == 6 && numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    let page = get(&bed, &format!("{PATH}?maxResults=2")).await;
    let token = page["nextToken"].as_str().unwrap();
    let other = call(&bed, "GET", &format!("{PATH}?failed=true&nextToken={token}"), Value::Null).await;
    assert!(other.status == 400 && other.body.contains("nextToken is not one"), "{other:?}");
    for query in ["?ipAddress=x", "?maxResults=0", "?maxResults=251", "?failed=x", "?resource="] {
        assert_eq!(call(&bed, "GET", &format!("{PATH}{query}"), Value::Null).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn only_the_own_account_and_region_are_seen() {
    let bed = Bed::new().await;
    for (account, region) in [("999999999999", "us-east-1"), (ACCOUNT, "eu-west-1")] {
        let scope = Scope::new(account, region).unwrap();
        let mut elsewhere = scoped(entry("OpenTunnel", "ok", bed.running.state().now()), &scope);
        elsewhere.resource = Some("r".to_owned());
        bed.running.state().audit(elsewhere).await;
    }
    assert_eq!(actions(&events(&bed, "").await), ["StartServer"]);
    assert!(events(&bed, "?resource=r").await.is_empty());
    // What belongs to no account is seen in the configured region only.
    let (key_id, secret) = bed.key();
    let there = adit_aws::Signer {
        key_id: &key_id,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service: "iot",
        now: bed.clock.now_ms() / 1000,
    };
    let page = bed.signed_by(&there, "GET", PATH, &[], "").await.json();
    assert_eq!(actions(page["events"].as_array().unwrap()), ["OpenTunnel"]);
}

#[tokio::test]
async fn a_user_may_see_the_history_of_tunnels_only() {
    let bed = Bed::new().await;
    let (id, ..) = bed.open().await;
    let tunnels = json!([{ "Effect": "Allow", "Action": "iot:ListAuditEvents", "Resource": format!("{PREFIX}tunnel/*") }]);
    let alice = user(&bed, "alice", tunnels).await;
    let ask = async |query: &str| alice.iot(&bed, "GET", &format!("{PATH}{query}"), Value::Null).await;
    let history = ask(&format!("?resource={PREFIX}tunnel/{id}")).await;
    assert_eq!(actions(history.json()["events"].as_array().unwrap()), ["OpenTunnel"]);
    for query in ["", &format!("?resource={PREFIX}thing/a"), "?resource=tunnel", "?action=OpenTunnel"] {
        assert_eq!(ask(query).await.status, 403, "{query}");
    }
    let text = "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: iot:ListAuditEvents on resource: * \
                because no identity-based policy allows the iot:ListAuditEvents action";
    refused(&ask("").await, 403, "AccessDeniedException", text);
    assert_eq!(bed.get(PATH).await.status, 403);
}

#[tokio::test]
async fn the_operator_asks_for_some_rows() {
    let bed = Bed::new().await;
    thing(&bed, "a").await;
    thing(&bed, "b").await;
    assert_eq!(call(&bed, "GET", "/things/c", Value::Null).await.status, 404);
    for (query, wanted) in [
        ("", &["DescribeThing", "CreateThing", "CreateThing", "StartServer"] as &[&str]),
        ("?action=CreateThing&limit=1", &["CreateThing"]),
        ("?failed=true", &["DescribeThing"]),
        ("?failed=false&action=DescribeThing", &[]),
        (&format!("?resource={PREFIX}thing/a"), &["CreateThing"]),
        (&format!("?principal=arn:aws:iam::{ACCOUNT}:root&failed=false"), &["CreateThing"; 2]),
    ] {
        let page = bed.admin("GET", &format!("/audit{query}")).await.json();
        assert_eq!(actions(page["rows"].as_array().unwrap()), wanted, "{query}");
    }
    for (query, why) in
        [("failed=x", "failed must be true or false"), ("topic=a", "topic means nothing here")]
    {
        let answer = bed.admin("GET", &format!("/audit?{query}")).await;
        assert!(answer.status == 400 && answer.body.contains(why), "{query}: {answer:?}");
    }
}

//! The operations on tunnels, rule by rule.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::{Answer, Bed};

const MINUTE: Duration = Duration::from_secs(60);

fn refused(answer: &Answer, code: &str) -> String {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some(code)), "{answer:?}");
    answer.json()["message"].as_str().unwrap().to_owned()
}

async fn done(bed: &Bed, operation: &str, input: Value) -> Value {
    let answer = bed.tunneling(operation, input).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_tunnel_opened_without_anything_gets_the_defaults() {
    let bed = Bed::new().await;
    let opened = done(&bed, "OpenTunnel", json!({})).await;
    let id = opened["tunnelId"].as_str().unwrap();
    let arn = format!("arn:aws:iot:us-east-1:123456789012:tunnel/{id}");
    assert_eq!(opened["tunnelArn"], arn);
    assert_eq!(opened.as_object().unwrap().len(), 4);
    for token in ["sourceAccessToken", "destinationAccessToken"] {
        let token = opened[token].as_str().unwrap();
        assert!(token.starts_with("adt1_") && token.len() == 48, "{}", token.len());
    }
    let now = bed.clock.now_ms() as f64 / 1000.0;
    let tunnel = bed.describe(id).await;
    assert_eq!(tunnel["createdAt"].as_f64(), Some(now));
    assert_eq!(
        tunnel,
        json!({
            "tunnelId": id,
            "tunnelArn": arn,
            "status": "OPEN",
            "sourceConnectionState": { "status": "DISCONNECTED" },
            "destinationConnectionState": { "status": "DISCONNECTED" },
            "timeoutConfig": { "maxLifetimeTimeoutMinutes": 720 },
            "createdAt": tunnel["createdAt"],
            "lastUpdatedAt": tunnel["createdAt"],
        })
    );
}

#[tokio::test]
async fn what_is_given_is_shown_again() {
    let bed = Bed::new().await;
    let given = json!({
        "description": "the lamp in the hall ✓",
        "destinationConfig": { "thingName": "lamp:1", "services": ["SSH", "HTTP"] },
        "timeoutConfig": { "maxLifetimeTimeoutMinutes": 60 },
        "tags": [{ "key": "b", "value": "" }, { "key": "a", "value": "1" }, { "key": "b", "value": "2" }],
    });
    let opened = done(&bed, "OpenTunnel", given.clone()).await;
    let tunnel = bed.describe(opened["tunnelId"].as_str().unwrap()).await;
    for member in ["description", "destinationConfig", "timeoutConfig"] {
        assert_eq!(tunnel[member], given[member]);
    }
    assert_eq!(tunnel["tags"], json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]));
}

#[tokio::test]
async fn what_breaks_a_rule_opens_nothing() {
    let bed = Bed::new().await;
    let tags =
        |count: u32| (0..count).map(|n| json!({ "key": n.to_string(), "value": "" })).collect::<Value>();
    for (input, code, text) in [
        (json!({ "destinationConfig": { "services": ["a", "a"] } }), "ValidationException", "twice"),
        (json!({ "destinationConfig": { "services": [] } }), "ValidationException", "services"),
        (json!({ "destinationConfig": { "thingName": "x" } }), "ValidationException", "services"),
        (
            json!({ "destinationConfig": { "services": ["a", "b", "c", "d"] } }),
            "LimitExceededException",
            "at most 3",
        ),
        (json!({ "tags": tags(51) }), "LimitExceededException", "at most 50"),
        (json!({ "tags": [{ "key": "AWS:x", "value": "" }] }), "ValidationException", "aws:"),
        (
            json!({ "timeoutConfig": { "maxLifetimeTimeoutMinutes": 0 } }),
            "ValidationException",
            "maxLifetime",
        ),
    ] {
        let text_seen = refused(&bed.tunneling("OpenTunnel", input).await, code);
        assert!(text_seen.contains(text), "{text_seen}");
    }
    assert_eq!(done(&bed, "ListTunnels", json!({})).await, json!({ "tunnelSummaries": [] }));
    done(&bed, "OpenTunnel", json!({ "tags": tags(50) })).await;
}

#[tokio::test]
async fn the_longest_lifetime_is_configured() {
    let bed = Bed::with(|config| config.tunnel.max_lifetime = 90 * MINUTE).await;
    let opened = done(&bed, "OpenTunnel", json!({})).await;
    let tunnel = bed.describe(opened["tunnelId"].as_str().unwrap()).await;
    assert_eq!(tunnel["timeoutConfig"]["maxLifetimeTimeoutMinutes"], 90);
    let asked = json!({ "timeoutConfig": { "maxLifetimeTimeoutMinutes": 91 } });
    let text = refused(&bed.tunneling("OpenTunnel", asked).await, "ValidationException");
    assert!(text.ends_with("Member must have value less than or equal to 90"), "{text}");
}

#[tokio::test]
async fn closing_twice_is_fine_and_deleting_is_for_good() {
    let bed = Bed::new().await;
    let (id, source, destination) = bed.open().await;
    let (_stream, joined) = bed.join("source", &source, "").await;
    assert_eq!(joined.status, 101);
    bed.clock.advance(MINUTE);
    assert_eq!(done(&bed, "CloseTunnel", json!({ "tunnelId": id })).await, json!({}));
    let closed = bed.describe(&id).await;
    assert_eq!(closed["status"], "CLOSED");
    assert_eq!(closed["sourceConnectionState"]["status"], "DISCONNECTED");
    assert_eq!(closed["sourceConnectionState"]["lastUpdatedAt"], closed["lastUpdatedAt"]);
    assert_eq!(closed["destinationConnectionState"], json!({ "status": "DISCONNECTED" }));
    assert!(closed["lastUpdatedAt"].as_f64() > closed["createdAt"].as_f64());
    assert_eq!(bed.join("destination", &destination, "").await.1.status, 403);

    bed.clock.advance(MINUTE);
    done(&bed, "CloseTunnel", json!({ "tunnelId": id, "delete": false })).await;
    assert_eq!(bed.describe(&id).await, closed);
    let rotate = json!({ "tunnelId": id, "clientMode": "ALL" });
    refused(&bed.tunneling("RotateTunnelAccessToken", rotate).await, "ResourceNotFoundException");

    let delete = json!({ "tunnelId": id, "delete": true });
    done(&bed, "CloseTunnel", delete.clone()).await;
    for (operation, input) in [
        ("CloseTunnel", delete),
        ("CloseTunnel", json!({ "tunnelId": id })),
        ("DescribeTunnel", json!({ "tunnelId": id })),
    ] {
        refused(&bed.tunneling(operation, input).await, "ResourceNotFoundException");
    }
    let (open, source, _) = bed.open().await;
    done(&bed, "CloseTunnel", json!({ "tunnelId": open, "delete": true })).await;
    assert_eq!(bed.join("source", &source, "").await.1.status, 403);
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_of_their_own() {
    let bed = Bed::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let thing = if n % 2 == 0 { "even" } else { "odd" };
        let input = json!({ "description": n.to_string(), "destinationConfig": { "thingName": thing, "services": ["S"] } });
        ids.insert(0, done(&bed, "OpenTunnel", input).await["tunnelId"].clone());
    }
    done(&bed, "CloseTunnel", json!({ "tunnelId": ids[0] })).await;
    let list = async |input| done(&bed, "ListTunnels", input).await;
    let named = |page: &Value| {
        page["tunnelSummaries"].as_array().unwrap().iter().map(|s| s["tunnelId"].clone()).collect::<Vec<_>>()
    };
    let all = list(json!({})).await;
    assert_eq!(named(&all), ids);
    assert_eq!(all.get("nextToken"), None);
    let newest = &all["tunnelSummaries"][0];
    assert_eq!((newest["status"].as_str(), newest["description"].as_str()), (Some("CLOSED"), Some("4")));
    assert_eq!(newest.as_object().unwrap().len(), 6);

    let first = list(json!({ "maxResults": 2 })).await;
    let second = list(json!({ "maxResults": 2, "nextToken": first["nextToken"] })).await;
    let third = list(json!({ "maxResults": 2, "nextToken": second["nextToken"] })).await;
    assert_eq!([named(&first), named(&second), named(&third)].concat(), ids);
    assert_eq!(third.get("nextToken"), None);

    let even = list(json!({ "thingName": "even" })).await;
    assert_eq!(named(&even), [ids[0].clone(), ids[2].clone(), ids[4].clone()]);
    let foreign = json!({ "thingName": "even", "nextToken": first["nextToken"] });
    for input in [foreign, json!({ "nextToken": "made-up" })] {
        let text = refused(&bed.tunneling("ListTunnels", input).await, "ValidationException");
        assert!(text.contains("nextToken"), "{text}");
    }
    assert_eq!(named(&list(json!({ "thingName": "eve" })).await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_page_holds_a_hundred_unless_asked() {
    let bed = Bed::new().await;
    for _ in 0..101 {
        bed.open().await;
    }
    let page = done(&bed, "ListTunnels", json!({})).await;
    assert_eq!(page["tunnelSummaries"].as_array().unwrap().len(), 100);
    let bed = bed.restart().await;
    let rest = done(&bed, "ListTunnels", json!({ "nextToken": page["nextToken"] })).await;
    assert_eq!(rest["tunnelSummaries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_rotation_answers_what_it_rotated_and_nothing_else() {
    let bed = Bed::new().await;
    for (mode, members) in [
        ("SOURCE", &["sourceAccessToken", "tunnelArn"][..]),
        ("DESTINATION", &["destinationAccessToken", "tunnelArn"]),
        ("ALL", &["destinationAccessToken", "sourceAccessToken", "tunnelArn"]),
    ] {
        let (id, source, destination) = bed.open().await;
        bed.clock.advance(MINUTE);
        let rotated =
            done(&bed, "RotateTunnelAccessToken", json!({ "tunnelId": id, "clientMode": mode })).await;
        let mut names: Vec<&str> = rotated.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        let tunnel = bed.describe(&id).await;
        assert!(tunnel["lastUpdatedAt"].as_f64() > tunnel["createdAt"].as_f64());
        for (side, old, new) in
            [("source", source, "sourceAccessToken"), ("destination", destination, "destinationAccessToken")]
        {
            let status = if members.contains(&new) { 403 } else { 101 };
            assert_eq!(bed.join(side, &old, "").await.1.status, status, "{mode} {side}");
            if let Some(new) = rotated[new].as_str() {
                assert_eq!(bed.join(side, new, "").await.1.status, 101, "{mode} {side}");
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_fills_in_a_missing_destination_but_changes_none() {
    let bed = Bed::new().await;
    let (id, _, _) = bed.open().await;
    let rotate = async |mode: &str, config: Value| {
        let input = json!({ "tunnelId": id, "clientMode": mode, "destinationConfig": config });
        bed.tunneling("RotateTunnelAccessToken", input).await
    };
    let (ssh, http) = (json!({ "services": ["SSH"] }), json!({ "thingName": "lamp", "services": ["HTTP"] }));
    // With SOURCE it is ignored, broken rules included.
    assert_eq!(rotate("SOURCE", json!({ "services": ["a", "a"] })).await.status, 200);
    assert_eq!(bed.describe(&id).await.get("destinationConfig"), None);
    let text =
        refused(&rotate("ALL", json!({ "services": ["a", "b", "c", "d"] })).await, "ValidationException");
    assert!(text.contains("at most 3"), "{text}");
    assert_eq!(rotate("DESTINATION", ssh.clone()).await.status, 200);
    assert_eq!(bed.describe(&id).await["destinationConfig"], ssh);
    assert_eq!(rotate("ALL", http).await.status, 200);
    assert_eq!(bed.describe(&id).await["destinationConfig"], ssh);
}

#[tokio::test]
async fn a_rotation_leaves_lifetime_and_connections_alone() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let (_stream, _) = bed.join("source", &source, "").await;
    bed.until(&id, |tunnel| tunnel["sourceConnectionState"]["status"] == "CONNECTED").await;
    bed.clock.advance(11 * 60 * MINUTE);
    done(&bed, "RotateTunnelAccessToken", json!({ "tunnelId": id, "clientMode": "ALL" })).await;
    let tunnel = bed.describe(&id).await;
    assert_eq!(tunnel["sourceConnectionState"]["status"], "CONNECTED");
    assert_eq!(tunnel["timeoutConfig"]["maxLifetimeTimeoutMinutes"], 720);
    bed.clock.advance(60 * MINUTE);
    assert_eq!(bed.describe(&id).await["status"], "CLOSED");
}

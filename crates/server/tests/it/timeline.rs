//! What happened to the devices of things.

use std::time::Duration;

use adit_mqtt::Version;
use adit_mqtt::why::Why;
use adit_server::config::MqttProfile;
use serde_json::{Value, json};

use crate::bed::Bed;
use crate::iot::{PREFIX, call, done, get, pages, refused, thing};
use crate::mqtt_client::{Client, bed, clean};
use crate::people;

async fn events(bed: &Bed, thing: &str) -> Vec<Value> {
    get(bed, &format!("/adit/things/{thing}/events")).await["events"].as_array().unwrap().clone()
}

/// Kinds and reasons, the newest first; waits for as many as are wanted.
async fn told(bed: &Bed, thing: &str, wanted: &[(&str, Option<&str>)]) -> Vec<Value> {
    for _ in 0..500 {
        let events = events(bed, thing).await;
        if events.len() >= wanted.len() {
            let told: Vec<_> =
                events.iter().map(|e| (e["kind"].as_str().unwrap(), e["reason"].as_str())).collect();
            assert_eq!(told, wanted);
            return events;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {wanted:?} but {:?}", events(bed, thing).await);
}

#[tokio::test]
async fn connects_and_disconnects_are_told_with_the_reason() {
    let bed = bed(|config| config.mqtt.profile = MqttProfile::Standard).await;
    thing(&bed, "dev").await;
    let mut first = Client::new(&bed, clean(Version::V5, "dev")).await;
    let second = Client::new(&bed, clean(Version::V5, "dev")).await;
    first.is_ended(Why::TakenOver.reason().unwrap()).await;
    second.disconnect().await;
    let mut hello = clean(Version::V4, "dev");
    hello.keep_alive = 1;
    let mut third = Client::new(&bed, hello).await;
    third.is_closed().await;
    drop(Client::new(&bed, clean(Version::V4, "dev")).await);
    let events = told(
        &bed,
        "dev",
        &[
            ("DISCONNECTED", Some("CONNECTION_LOST")),
            ("CONNECTED", None),
            ("DISCONNECTED", Some("MQTT_KEEP_ALIVE_TIMEOUT")),
            ("CONNECTED", None),
            ("DISCONNECTED", Some("CLIENT_INITIATED_DISCONNECT")),
            ("CONNECTED", None),
            ("DISCONNECTED", Some("DUPLICATE_CLIENTID")),
            ("CONNECTED", None),
        ],
    )
    .await;
    let last = &events[6];
    assert_eq!(last["detail"], "another connection uses this client id");
    assert_eq!((&last["clientId"], &last["ipAddress"]), (&json!("dev"), &json!("127.0.0.1")));
    assert_eq!((&last["count"], &last["firstAt"]), (&json!(1), &last["at"]));
    let age = bed.clock.now_ms() as f64 / 1000.0 - last["at"].as_f64().unwrap();
    assert!((0.0..60.0).contains(&age), "{last}");
    let members: Vec<_> = events[7].as_object().unwrap().keys().collect();
    assert_eq!(members, ["at", "clientId", "count", "firstAt", "ipAddress", "kind"]);
}

#[tokio::test]
async fn a_timeline_outlives_the_server_and_not_its_thing() {
    let bed = bed(|_| {}).await;
    thing(&bed, "dev").await;
    let client = Client::new(&bed, clean(Version::V5, "dev")).await;
    let bed = bed.restart().await;
    drop(client);
    let ended = [("DISCONNECTED", Some("SERVER_INITIATED_DISCONNECT")), ("CONNECTED", None)];
    told(&bed, "dev", &ended).await;
    done(&bed, "DELETE", "/things/dev", Value::Null).await;
    thing(&bed, "dev").await;
    assert_eq!(events(&bed, "dev").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_timeline_is_read_in_pages_by_whoever_may() {
    let bed = bed(|_| {}).await;
    for name in ["dev", "other"] {
        thing(&bed, name).await;
    }
    let text = "Thing nothing not found.";
    let answer = call(&bed, "GET", "/adit/things/nothing/events", Value::Null).await;
    refused(&answer, 404, "ResourceNotFoundException", text);
    assert_eq!(events(&bed, "dev").await, [] as [Value; 0]);
    for _ in 0..3 {
        Client::new(&bed, clean(Version::V5, "dev")).await.disconnect().await;
    }
    while events(&bed, "dev").await.len() < 6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let list = "/adit/things/dev/events?maxResults=4";
    let read = pages(&bed, list, "events", "nextToken").await;
    assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(read.concat(), events(&bed, "dev").await);
    let token = get(&bed, list).await["nextToken"].as_str().unwrap().to_owned();
    let other = call(&bed, "GET", &format!("/adit/things/other/events?nextToken={token}"), Value::Null).await;
    assert!(other.status == 400 && other.body.contains("nextToken is not one"), "{other:?}");
    assert_eq!(call(&bed, "GET", "/adit/things/dev/events?maxResults=0", Value::Null).await.status, 400);

    let statements = json!([people::allow("iot:ListThingEvents", &format!("{PREFIX}thing/dev"))]);
    let ana = people::user(&bed, "ana", statements).await;
    for (name, status) in [("dev", 200), ("other", 403)] {
        let answer = ana.iot(&bed, "GET", &format!("/adit/things/{name}/events"), Value::Null).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

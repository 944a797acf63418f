//! What happened to the devices of things.

use std::time::Duration;

use adit_iot::certificate::Status;
use adit_iot::{Scope, ThingName, Timestamp};
use adit_mqtt::packet::Packet;
use adit_mqtt::why::Why;
use adit_mqtt::{QoS, Version, encode};
use adit_server::config::{Listen, MqttProfile, Serve};
use adit_store::{DeviceEvent, ThingEvent, ThingEventKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bed::{Bed, PATIENCE};
use crate::device::{self, Device};
use crate::iot::{PREFIX, call, done, get, pages, refused, thing, with};
use crate::mqtt_client::{Client, bed, clean, message};
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
    assert_eq!(members, ["at", "clientId", "count", "firstAt", "ipAddress", "kind", "sequence"]);
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

/// A server with an MQTT listener for devices.
async fn secure_bed() -> Bed {
    Bed::with(|config| {
        let address = "127.0.0.1:0".parse().unwrap();
        config.listen.push(Listen {
            address,
            tls: true,
            serve: vec![Serve::Mqtt],
            allow_plain_remote: false,
        });
    })
    .await
}

/// Says CONNECT, and PUBLISH behind it, and waits until the server ends the connection; what the server said.
async fn publish(bed: &Bed, device: &Device, client_id: &str, topic: &str) -> Vec<u8> {
    let to = bed.running.listeners()[2].address;
    let mut stream = device::Client::with(device).connect(bed, to).await.unwrap();
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Version::V4, &Packet::Connect(Box::new(clean(Version::V4, client_id))))
        .unwrap();
    encode::packet(&mut bytes, Version::V4, &Packet::Publish(Box::new(message(topic, "x", QoS::AtMostOnce))))
        .unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut said = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("an end in time");
    assert!(end.is_ok() || !said.is_empty(), "{end:?}");
    said
}

#[tokio::test]
async fn refusals_are_told_to_the_thing_they_are_about_and_counted() {
    let bed = secure_bed().await;
    for name in ["lamp", "other"] {
        thing(&bed, name).await;
    }
    let device = Device::ec();
    device.register(&bed, Status::Active).await;
    let arn = format!("{PREFIX}cert/{}", device.id());
    let principal = format!("x-amzn-principal: {arn}");
    let attached = with(&bed, "PUT", "/things/lamp/principals", &[&principal], Value::Null).await;
    assert_eq!(attached.status, 200, "{attached:?}");

    let no_policy = "no policy is attached to the certificate or to a group of its thing";
    for client_id in ["lamp", "lamp", "nobody"] {
        publish(&bed, &device, client_id, "a").await;
    }
    let events = told(&bed, "lamp", &[("REFUSED", Some(no_policy)); 2]).await;
    let shown = |event: &Value, member: &str| event[member].clone();
    let each = |member: &str| events.iter().map(|event| shown(event, member)).collect::<Vec<_>>();
    assert_eq!(each("stage"), ["connect", "connect"]);
    assert_eq!(each("clientId"), ["nobody", "lamp"]);
    assert_eq!(each("detail"), ["connect as nobody", "connect as lamp"]);
    assert_eq!(each("count"), [1, 2]);
    assert_eq!(each("certificateId"), [device.id().as_str(); 2]);
    assert_eq!(each("ipAddress"), ["127.0.0.1"; 2]);

    let may = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*"},
    ]});
    let made = call(&bed, "POST", "/policies/P", json!({ "policyDocument": may.to_string() })).await;
    assert_eq!(made.status, 200, "{made:?}");
    done(&bed, "PUT", "/target-policies/P", json!({ "target": arn })).await;
    publish(&bed, &device, "lamp", "a/b").await;
    let denied = "explicit deny by policy P statement 2";
    let wanted = [
        ("DISCONNECTED", Some("CLIENT_ERROR")),
        ("REFUSED", Some(denied)),
        ("CONNECTED", None),
        ("REFUSED", Some(no_policy)),
        ("REFUSED", Some(no_policy)),
    ];
    let events = told(&bed, "lamp", &wanted).await;
    assert_eq!((&events[1]["stage"], &events[1]["detail"]), (&json!("publish"), &json!("publish to a/b")));

    let change = format!("/certificates/{}?newStatus=INACTIVE", device.id());
    done(&bed, "PUT", &change, Value::Null).await;
    assert_eq!(publish(&bed, &device, "lamp", "a").await, b"");
    let inactive = "the certificate is INACTIVE, not ACTIVE";
    let wanted = [&[("REFUSED", Some(inactive))], &wanted[..]].concat();
    let events = told(&bed, "lamp", &wanted).await;
    assert_eq!((&events[0]["stage"], events[0].get("clientId")), (&json!("handshake"), None));
    // What people may not do with the API is no event of a device.
    let ana = people::user(&bed, "ana", json!([])).await;
    assert_eq!(ana.iot(&bed, "GET", "/things/lamp", Value::Null).await.status, 403);
    told(&bed, "lamp", &wanted).await;
    told(&bed, "other", &[]).await;
}

#[tokio::test]
async fn what_a_device_was_provisioned_with_is_told() {
    let bed = Bed::new().await;
    let resources = json!({
        "lamp": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "lamp"}},
        "cert": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateSigningRequest": include_str!("../../src/pki/testdata/sha1.csr")},
        },
    });
    let input = json!({ "templateBody": json!({ "Resources": resources }).to_string() });
    let made = call(&bed, "POST", "/things", input).await;
    assert_eq!(made.status, 200, "{made:?}");
    let arn = made.json()["resourceArns"]["cert"].as_str().unwrap().to_owned();
    let events = told(&bed, "lamp", &[("PROVISIONED", Some("REGISTER_THING"))]).await;
    assert!(arn.ends_with(events[0]["certificateId"].as_str().unwrap()), "{arn} {events:?}");
}

#[tokio::test]
async fn the_configuration_bounds_timelines_or_turns_them_off() {
    let bed = bed(|config| {
        config.timeline.events_per_thing = 8;
        config.timeline.retention = Duration::from_secs(60);
    })
    .await;
    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    thing(&bed, "dev").await;
    let state = bed.running.state();
    let note = |kind, reason: usize, age: i64| {
        let event = ThingEvent {
            reason: Some(reason.to_string()),
            ..ThingEvent::new(kind, state.now().plus_millis(-age))
        };
        state.timeline.note(DeviceEvent { scope: Some(scope.clone()), thing: Some("dev".to_owned()), event });
    };
    note(ThingEventKind::Refused, 0, 61_000);
    for n in 0..5 {
        note(ThingEventKind::Connected, n, 1_000);
    }
    told(&bed, "dev", &[("CONNECTED", Some("4")), ("CONNECTED", Some("3"))]).await;
    let kept = async |bed: &Bed| {
        let (name, start) = (ThingName::parse("dev").unwrap(), Timestamp::from_millis(0));
        let page = bed.running.state().store.thing_events_page(&scope, &name, start, None, 10).await;
        page.unwrap().unwrap().items.len()
    };
    assert_eq!(kept(&bed).await, 3, "what is past its retention is not shown before it is taken away");
    let bed = bed.restart().await;
    let mut left = kept(&bed).await;
    for _ in 0..500 {
        if left == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        left = kept(&bed).await;
    }
    assert_eq!(left, 2);

    let off = self::bed(|config| config.timeline.events_per_thing = 0).await;
    thing(&off, "dev").await;
    Client::new(&off, clean(Version::V5, "dev")).await.disconnect().await;
    assert_eq!(events(&off, "dev").await, [] as [Value; 0]);
}

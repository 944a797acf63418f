//! Refusals, as the operator's socket and the console's call show them.

use adit_aws::Service;
use adit_iot::{Scope, Timestamp};
use adit_server::config::{Listen, Serve};
use adit_server::why::{Refusal, Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bed::{Bed, PATIENCE};

fn publish(certificate: &str, topic: &str) -> Refusal {
    let resource = format!("arn:aws:iot:us-east-1:123456789012:topic/{topic}");
    Refusal {
        scope: Some(Scope::new("123456789012", "us-east-1").unwrap()),
        certificate: Some(certificate.to_owned()),
        action: Some("iot:Publish".into()),
        why: format!("no statement allows iot:Publish on {resource}; policies considered: DevicePolicy"),
        resource: Some(resource),
        ..Refusal::new(Stage::Publish, "").client("dev1", Some("thing1"))
    }
}

async fn refused(bed: &Bed) {
    let note = |ms, refusal| bed.running.state().why.note(Timestamp::from_millis(ms), refusal);
    let stranger = Refusal::new(Stage::Handshake, "the certificate is not registered");
    note(1_000, stranger.from("192.0.2.1".parse().unwrap()));
    note(2_000, publish("aa11", "foo/bar"));
    note(3_000, publish("bb22", "a b&c"));
    note(4_000, publish("aa11", "foo/bar"));
}

#[tokio::test]
async fn the_operator_sees_refusals_and_asks_for_some() {
    let bed = Bed::with(|config| config.account = "123456789012".to_owned()).await;
    refused(&bed).await;
    let all = bed.admin("GET", "/refusals").await.json();
    assert_eq!(all["last"], 4);
    let first = &all["rows"][0];
    assert_eq!((&first["count"], &first["seq"]), (&2.into(), &4.into()));
    assert_eq!(
        first["text"],
        "publish to foo/bar refused: no statement allows iot:Publish on \
         arn:aws:iot:us-east-1:123456789012:topic/foo/bar; policies considered: DevicePolicy"
    );
    for (query, found) in [
        ("thing=thing1", 2),
        ("thing=dev1&certificate=BB", 1),
        ("client-id=dev%31", 2),
        ("address=192.0.2.1", 1),
        ("address=192.0.2.2", 0),
        ("after=2", 2),
        ("after=2&limit=1", 1),
    ] {
        let rows = bed.admin("GET", &format!("/refusals?{query}")).await.json();
        assert_eq!(rows["rows"].as_array().unwrap().len(), found, "{query}");
    }
    for (query, why) in [("address=x", "IPv4 or IPv6"), ("topic=a", "topic means nothing here")] {
        let answer = bed.admin("GET", &format!("/refusals?{query}")).await;
        assert!(answer.status == 400 && answer.body.contains(why), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn the_console_pages_through_the_refusals_of_its_scope() {
    let bed = Bed::with(|config| config.account = "123456789012".to_owned()).await;
    refused(&bed).await;
    let list = async |query: &str| {
        let path = format!("/adit/refusals{query}");
        bed.signed(Service::Iot, "GET", &path, &[], "").await
    };
    let page = list("?maxResults=2").await.json();
    assert_eq!(page["refusals"].as_array().unwrap().len(), 2);
    assert_eq!(page["refusals"][0]["certificateId"], "aa11");
    assert_eq!(page["refusals"][0]["lastAt"], 4);
    let token = page["nextToken"].as_str().unwrap();
    let page = list(&format!("?maxResults=2&nextToken={token}")).await.json();
    assert_eq!(page["refusals"][0]["stage"], "handshake");
    assert_eq!(page.get("nextToken"), None);
    let other = list(&format!("?clientId=x&nextToken={token}")).await;
    assert!(other.status == 400 && other.body.contains("nextToken is not one"), "{other:?}");
    for (query, found) in [("?certificateId=BB2", 1), ("?thingName=thing1", 2), ("?ipAddress=192.0.2.1", 1)] {
        assert_eq!(list(query).await.json()["refusals"].as_array().unwrap().len(), found, "{query}");
    }
    for query in ["?ipAddress=x", "?maxResults=0", "?certificateId=z"] {
        assert_eq!(list(query).await.status, 400, "{query}");
    }
    assert_eq!(bed.get("/adit/refusals").await.status, 403);
}

#[tokio::test]
async fn another_account_sees_nothing() {
    let bed = Bed::with(|config| config.account = "999999999999".to_owned()).await;
    refused(&bed).await;
    let answer = bed.signed(Service::Iot, "GET", "/adit/refusals", &[], "").await.json();
    let found = answer["refusals"].as_array().unwrap();
    assert!(found.len() == 1 && found[0].get("certificateId").is_none(), "{answer}");
}

/// A client of the plain listener with a subscription.
async fn joined(bed: &Bed, client_id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(bed.running.listeners()[2].address).await.unwrap();
    let length = u8::try_from(client_id.len()).unwrap();
    let mut connect = vec![0x10, 12 + length, 0, 4];
    connect.extend(b"MQTT\x04\x02\0\x3c\0");
    connect.push(length);
    connect.extend(client_id.as_bytes());
    connect.extend([0x82, 8, 0, 1, 0, 3, b'a', b'/', b'#', 1]);
    stream.write_all(&connect).await.unwrap();
    let mut answers = [0; 9];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answers)).await.unwrap().unwrap();
    assert_eq!(answers, [0x20, 2, 0, 0, 0x90, 3, 0, 1, 1]);
    stream
}

#[tokio::test]
async fn clients_are_listed_shown_and_cut() {
    let bed = Bed::with(|config| {
        config.test.plain_mqtt = true;
        let address = "127.0.0.1:0".parse().unwrap();
        config.listen.push(Listen {
            address,
            tls: false,
            serve: vec![Serve::Mqtt],
            allow_plain_remote: false,
        });
    })
    .await;
    let (mut first, _second, _third) =
        (joined(&bed, "c1").await, joined(&bed, "c2").await, joined(&bed, "c3").await);
    let page = bed.admin("GET", "/clients?limit=2").await.json();
    assert_eq!((&page["rows"][1]["client-id"], &page["next"]), (&"c2".into(), &"c2".into()));
    let page = bed.admin("GET", "/clients?limit=2&after=c2").await.json();
    assert_eq!((page["rows"].as_array().unwrap().len(), &page["next"]), (1, &serde_json::Value::Null));
    let shown = bed.admin("GET", "/clients/show?client-id=c1").await.json();
    assert_eq!(shown["subscriptions"], serde_json::json!([{ "filter": "a/#", "qos": 1 }]));

    let list = async |query: &str| {
        bed.signed(Service::Iot, "GET", &format!("/adit/connections{query}"), &[], "").await
    };
    let page = list("?maxResults=2").await.json();
    assert_eq!(page["connections"][0]["clientId"], "c1");
    let token = page["nextToken"].as_str().unwrap();
    let page = list(&format!("?nextToken={token}")).await.json();
    assert!(page["connections"][0]["clientId"] == "c3" && page.get("nextToken").is_none(), "{page}");
    assert_eq!(list("?clientId=c2").await.json()["connections"].as_array().unwrap().len(), 1);
    assert_eq!(list("?certificateId=aa").await.json()["connections"].as_array().unwrap().len(), 0);
    assert_eq!(list("?nextToken=*").await.status, 400);

    assert_eq!(bed.admin("POST", "/clients/cut?client-id=c1").await.status, 200);
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, first.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    let again = bed.admin("POST", "/clients/cut?client-id=c9").await;
    assert!(again.status == 400 && again.body.contains("no client"), "{again:?}");
}

//! What a peer cannot make the server do, and how its limits are listed.

use std::time::Duration;

use adit_server::config::ByteSize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bed::{Bed, read_answer};
use crate::iot::get;
use crate::people::user;

/// Whether the server ends a connection by itself.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn connections_are_limited_in_total_and_per_address() {
    for change in [
        |c: &mut adit_server::Config| (c.limits.max_connections, c.limits.connections_per_address) = (3, 3),
        |c: &mut adit_server::Config| c.limits.connections_per_address = 3,
    ] {
        let bed = Bed::with(change).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(bed.plain()).await.unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            assert_eq!(read_answer(&mut stream).await.status, 200);
            held.push(stream);
        }
        let mut fourth = TcpStream::connect(bed.plain()).await.unwrap();
        assert!(ends(&mut fourth).await);
        held.pop();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(bed.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_tunnel_keeps_its_seat_until_it_ends() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let (stream, _) = bed.join("source", &source, "").await;
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "CONNECTED").await;
    let count = |bed: &Bed| bed.running.state().metrics.connections.get();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count(&bed), 1);
    drop(stream);
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "DISCONNECTED").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count(&bed), 0);
}

#[tokio::test]
async fn who_says_nothing_or_speaks_slowly_is_dropped() {
    let bed = Bed::with(|c| {
        c.limits.header_timeout = Duration::from_millis(300);
        c.limits.handshake_timeout = Duration::from_millis(300);
        c.limits.request_timeout = Duration::from_millis(300);
    })
    .await;
    let mut silent = TcpStream::connect(bed.plain()).await.unwrap();
    let mut slow = TcpStream::connect(bed.plain()).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let mut no_handshake = TcpStream::connect(bed.tls()).await.unwrap();
    let mut half_handshake = TcpStream::connect(bed.tls()).await.unwrap();
    half_handshake.write_all(&[22, 3, 1]).await.unwrap();
    for stream in [&mut silent, &mut slow, &mut no_handshake, &mut half_handshake] {
        assert!(ends(stream).await);
    }
    let mut body = TcpStream::connect(bed.plain()).await.unwrap();
    body.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{").await.unwrap();
    let answer = read_answer(&mut body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["message"].as_str().unwrap().starts_with("The request body did not arrive within"));
    assert!(ends(&mut body).await);
    let page = bed.metrics().await;
    assert!(page.contains("adit_handshakes_total{result=\"timeout\"} 2"), "{page}");
}

#[tokio::test]
async fn heads_and_bodies_have_a_largest_size() {
    let bed = Bed::with(|c| {
        c.limits.header_bytes = adit_server::config::ByteSize(8192);
        c.limits.body_bytes = adit_server::config::ByteSize(1024);
    })
    .await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(9000));
    assert_eq!(bed.send(long).await.status, 431);
    let body = "x".repeat(2000);
    let answer = bed.send(format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n{body}")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["message"], "The request body is larger than the 1024 bytes allowed.");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_client_that_waits_is_told_to_continue() {
    let bed = Bed::new().await;
    let mut stream = TcpStream::connect(bed.plain()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 100);
    stream.write_all(b"{}").await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 403);
}

#[tokio::test]
async fn what_is_not_http_disturbs_nobody() {
    let bed = Bed::new().await;
    for junk in [b"\x16\x03\x01\x00\x00".as_slice(), b"\r\n\r\n\r\n", b"GET\r\n\r\n", &[0xff; 4096]] {
        let mut stream = TcpStream::connect(bed.plain()).await.unwrap();
        let _ = stream.write_all(junk).await;
        let _ = stream.shutdown().await;
        assert!(ends(&mut stream).await);
    }
    assert_eq!(bed.get("/healthz").await.status, 200);
}

async fn limit(bed: &Bed, name: &str) -> Value {
    let all = get(bed, "/adit/limits").await;
    all["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone()
}

#[tokio::test]
async fn the_limits_in_force_are_listed_with_what_is_used() {
    let bed = Bed::with(|config| {
        config.tunnel.max_open_tunnels = 7;
        config.mqtt.retained_bytes = ByteSize(1 << 20);
    })
    .await;
    let described = limit(&bed, "tunnel.max-open-tunnels").await;
    let expected = json!({
        "name": "tunnel.max-open-tunnels", "value": "7", "unit": "tunnels", "configurable": true, "default": "1000",
        "description": "Open tunnels per account and region.", "used": 0,
    });
    assert_eq!(described, expected);
    let expected = json!({
        "name": "mqtt.topic-slashes", "value": "7", "unit": "slashes", "configurable": false,
        "description": "Slashes of a topic or of a filter, counted likewise.",
    });
    assert_eq!(limit(&bed, "mqtt.topic-slashes").await, expected);

    bed.open().await;
    let (id, ..) = bed.open().await;
    bed.tunneling("CloseTunnel", json!({ "tunnelId": id })).await;
    assert_eq!(limit(&bed, "tunnel.max-open-tunnels").await["used"], 1);
    for topic in ["a", "bc"] {
        let path = format!("/topics/{topic}?retain=true&qos=1");
        let answer = bed.signed(adit_aws::Service::IotData, "POST", &path, &[], "payload").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(limit(&bed, "mqtt.retained-messages").await["used"], 2);
    let bytes = limit(&bed, "mqtt.retained-bytes").await;
    assert_eq!((&bytes["value"], &bytes["default"]), (&json!("1MiB"), &json!("256MiB")));
    assert_eq!((&bytes["used"], bytes.get("unit")), (&json!(2 * "payload".len() + "abc".len()), None));
    let _held = TcpStream::connect(bed.plain()).await.unwrap();
    assert!(limit(&bed, "limits.max-connections").await["used"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn only_who_may_sees_limits_and_another_region_its_own_use() {
    let bed = Bed::new().await;
    bed.open().await;
    let allowed = json!([{ "Effect": "Allow", "Action": "iot:ListLimits", "Resource": "*" }]);
    let may = user(&bed, "may", allowed).await;
    let may_not =
        user(&bed, "not", json!([{ "Effect": "Allow", "Action": "iot:Get*", "Resource": "*" }])).await;
    assert_eq!(may_not.iot(&bed, "GET", "/adit/limits", Value::Null).await.status, 403);
    assert_eq!(bed.get("/adit/limits").await.status, 403);
    let elsewhere = adit_aws::Signer { region: "eu-west-1", ..may.signer(&bed, "iot") };
    let answer = bed.signed_by(&elsewhere, "GET", "/adit/limits", &[], "").await;
    let all = answer.json()["limits"].as_array().unwrap().clone();
    let tunnels = all.iter().find(|limit| limit["name"] == "tunnel.max-open-tunnels").unwrap();
    assert_eq!((answer.status, &tunnels["used"]), (200, &json!(0)));
}

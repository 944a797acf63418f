use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::bed::{Bed, exchange, tls};
use crate::iot::{ACCOUNT, call, get};
use crate::people::user;

#[tokio::test]
async fn alive_and_ready() {
    let bed = Bed::new().await;
    let alive = bed.get("/healthz").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "ok\n"));
    let ready = bed.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json(), serde_json::json!({ "ready": true, "phase": "serving", "store": "ok" }));
    let head = bed.head("/readyz").await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    let post =
        bed.send("POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn the_own_ca_proves_localhost_and_only_http_1_is_agreed() {
    let bed = Bed::with(|c| c.names = vec!["iot.example".into()]).await;
    for name in ["localhost", "127.0.0.1", "iot.example"] {
        let stream = tls(&bed, name).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let suite = stream.get_ref().1.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        let answer = exchange(stream, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert_eq!(answer.status, 200);
    }
    assert!(tls(&bed, "elsewhere.example").await.is_err());
}

#[tokio::test]
async fn metrics_have_their_own_listener() {
    let bed = Bed::new().await;
    bed.open().await;
    bed.get("/nothing").await;
    let page = bed.metrics().await;
    for line in [
        "adit_tunnels_open 1",
        "adit_requests_total{service=\"IoTSecuredTunneling\",operation=\"OpenTunnel\",code=\"OK\"} 1",
        "adit_requests_total{service=\"-\",operation=\"-\",code=\"MissingAuthenticationTokenException\"} 1",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    let other = TcpStream::connect(bed.running.metrics_address().unwrap()).await.unwrap();
    assert_eq!(exchange(other, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.status, 404);
    assert_ne!(bed.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn the_operator_sees_what_happens() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let (_side, joined) = bed.join("source", &source, "").await;
    assert_eq!(joined.status, 101);
    for _ in 0..3 {
        assert_eq!(bed.join("source", &source, "").await.1.status, 400);
    }
    let status = bed.admin("GET", "/status").await.json();
    assert_eq!(status["phase"], "serving");
    assert_eq!(status["tunnels"]["open"], 1);
    assert_eq!(status["tunnels"]["sources-connected"], 1);
    assert_eq!(status["store"]["ok"], true);
    assert_eq!(status["listeners"].as_array().unwrap().len(), 2);
    let refusal = &status["refusals"][0];
    assert_eq!((refusal["reason"].as_str(), refusal["count"].as_u64()), (Some("used"), Some(3)));
    assert_eq!(refusal["tunnel"], id);
    assert_eq!(bed.admin("GET", "/nothing").await.status, 404);
}

#[tokio::test]
async fn the_console_sees_how_the_server_is() {
    let bed = Bed::with(|config| config.node.name = "node-7".to_owned()).await;
    let (id, source, _) = bed.open().await;
    let (_side, _) = bed.join("source", &source, "").await;
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "CONNECTED").await;
    let mut health = get(&bed, "/adit/health").await;
    let started = health["startedAt"].as_f64().unwrap();
    assert!((started * 1000.0 - bed.clock.now_ms() as f64).abs() < 1.0, "{health}");
    let store = health["store"].as_object_mut().unwrap();
    assert!(
        store["commits"].as_u64().unwrap() > 0 && store["transactions"].as_u64() >= store["commits"].as_u64()
    );
    for counted in ["commits", "transactions"] {
        store.remove(counted);
    }
    assert!(health["connections"].as_u64().unwrap() >= 2, "the side and this call: {health}");
    let all = ["api", "tunnel"];
    let listeners = [(bed.plain(), false), (bed.tls(), true)]
        .map(|(address, tls)| json!({ "address": address.to_string(), "tls": tls, "serve": all }));
    for (name, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("node", json!("node-7")),
        ("region", json!("us-east-1")),
        ("account", json!(ACCOUNT)),
        ("phase", json!("serving")),
        ("uptimeSeconds", json!(0)),
        ("ready", json!(true)),
        ("mqttClients", json!(0)),
        ("tunnels", json!({ "open": 1, "sourcesConnected": 1, "destinationsConnected": 0 })),
        ("store", json!({ "writable": true, "failures": 0 })),
        ("listeners", json!(listeners)),
    ] {
        assert_eq!(health[name], value, "{name}");
    }
    assert_eq!(health.as_object().unwrap().len(), 13, "{health}");
    let text = health.to_string();
    assert!(!text.contains(bed.dir.path().to_str().unwrap()), "no paths: {text}");

    bed.clock.advance(Duration::from_secs(5));
    bed.running.state().phases.enter(adit_server::shutdown::Phase::Draining);
    let health = get(&bed, "/adit/health").await;
    assert_eq!(
        (&health["phase"], &health["ready"], &health["uptimeSeconds"]),
        (&json!("draining"), &json!(false), &json!(5))
    );
}

#[tokio::test]
async fn only_who_may_sees_how_the_server_is() {
    let bed = Bed::new().await;
    let may =
        user(&bed, "may", json!([{ "Effect": "Allow", "Action": "iot:GetServerHealth", "Resource": "*" }]))
            .await;
    let may_not =
        user(&bed, "not", json!([{ "Effect": "Allow", "Action": "iot:List*", "Resource": "*" }])).await;
    for (who, status) in [(may, 200), (may_not, 403)] {
        assert_eq!(who.iot(&bed, "GET", "/adit/health", Value::Null).await.status, status);
    }
    assert_eq!(bed.get("/adit/health").await.status, 403);
    assert_eq!(call(&bed, "POST", "/adit/health", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_never_a_token() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let (side, _) = bed.join("source", &source, "").await;
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "CONNECTED").await;
    drop(side);
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "DISCONNECTED").await;
    bed.join("source", &source, "").await;
    bed.tunneling("CloseTunnel", serde_json::json!({ "tunnelId": id })).await;
    bed.tunneling("CloseTunnel", serde_json::json!({ "tunnelId": "nothing" })).await;
    bed.get("/nothing").await;
    let deadline = tokio::time::Instant::now() + crate::bed::PATIENCE;
    let wanted = [
        ("OpenTunnel", "ok"),
        ("TunnelConnect", "ok"),
        ("TunnelDisconnect", "lost"),
        ("TunnelConnect", "used"),
        ("CloseTunnel", "ok"),
        ("CloseTunnel", "ResourceNotFoundException"),
        ("-", "MissingAuthenticationTokenException"),
    ];
    loop {
        let rows = bed.audit().await;
        let has = |w: &(&str, &str)| rows.iter().any(|r| r["action"] == w.0 && r["result"] == w.1);
        if wanted.iter().all(has) {
            let open = rows.iter().find(|r| r["action"] == "OpenTunnel").unwrap();
            assert_eq!(open["principal"], "arn:aws:iam::123456789012:root");
            assert_eq!(open["resource"], format!("arn:aws:iot:us-east-1:123456789012:tunnel/{id}"));
            assert!(!format!("{rows:?}").contains(&source[..20]));
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{rows:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_client_with_nagle_on_does_not_wait_for_an_acknowledgement() {
    let bed = Bed::new().await;
    let mut fastest = std::time::Duration::MAX;
    for _ in 0..9 {
        let begin = std::time::Instant::now();
        let stream = tls(&bed, "localhost").await.unwrap();
        exchange(stream, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        fastest = fastest.min(begin.elapsed());
    }
    assert!(fastest.as_millis() < 30, "a delayed acknowledgement takes 40 ms: {fastest:?}");
}

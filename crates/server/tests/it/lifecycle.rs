//! Drain, end, restart, reload, and what time does by itself.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use crate::bed::{Bed, tls};

#[tokio::test]
async fn draining_refuses_new_work_and_lets_tunnels_go_on() {
    let bed = Bed::with(|c| c.shutdown.drain = Duration::from_secs(30)).await;
    let (id, source, destination) = bed.open().await;
    let (mut stream, _) = bed.join("source", &source, "").await;
    let drain = tokio::time::timeout(Duration::from_millis(200), bed.running.drain()).await;
    assert!(drain.is_err(), "a tunnel is connected");

    let ready = bed.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["phase"].as_str()), (503, Some("draining")));
    assert_eq!(bed.get("/healthz").await.status, 200);
    let open = bed.tunneling("OpenTunnel", serde_json::json!({})).await;
    assert_eq!((open.status, open.header("x-amzn-errortype")), (503, Some("ServiceUnavailableException")));
    let (_, refused) = bed.join("destination", &destination, "").await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (503, "The server is shutting down; try again later.")
    );
    assert_eq!(bed.describe(&id).await["sourceConnectionState"]["status"], "CONNECTED");

    let mut services = [0; 6];
    stream.read_exact(&mut services).await.unwrap();
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), bed.running.drain()).await.expect("nobody is connected");
}

#[tokio::test]
async fn the_end_drops_tunnels_without_a_close_frame_and_a_restart_takes_them_back() {
    let bed = Bed::with(|c| c.shutdown.drain = Duration::ZERO).await;
    let (id, source, destination) = bed.open().await;
    let one = "client-token: 11111111-1111-4111-8111-111111111111\r\n";
    let (mut stream, _) = bed.join("source", &source, one).await;
    bed.until(&id, |t| t["sourceConnectionState"]["status"] == "CONNECTED").await;
    bed.running.drain().await;
    let bed = bed.restart().await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, [0x82, 4, 0, 2, 8, 5], "no close frame: local proxies come back");

    let tunnel = bed.describe(&id).await;
    assert_eq!(tunnel["status"], "OPEN");
    assert_eq!(tunnel["sourceConnectionState"]["status"], "DISCONNECTED");
    assert_eq!(bed.join("source", &source, "").await.1.status, 400);
    assert_eq!(bed.join("source", &source, one).await.1.status, 101);
    assert_eq!(bed.join("destination", &destination, "").await.1.status, 101);
}

#[tokio::test]
async fn a_restart_keeps_key_ca_and_certificate() {
    let bed = Bed::new().await;
    let read = |bed: &Bed, name: &str| std::fs::read(bed.config.node.data_dir.join(name)).unwrap();
    let names = ["credentials", "pki/ca.pem", "pki/server.pem", "secret.key"];
    let before = names.map(|name| read(&bed, name));
    assert!(bed.running.first_start());
    let bed = bed.restart().await;
    assert!(!bed.running.first_start());
    assert_eq!(names.map(|name| read(&bed, name)), before);
    bed.open().await;
}

#[tokio::test]
async fn tunnels_end_by_stored_time_and_are_forgotten() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let hour = Duration::from_secs(3600);
    bed.clock.advance(hour * 11);
    assert_eq!(bed.describe(&id).await["status"], "OPEN");
    bed.clock.advance(hour);
    assert_eq!(bed.describe(&id).await["status"], "CLOSED");
    assert_eq!(bed.join("source", &source, "").await.1.status, 403);
    adit_server::sweep::once(bed.running.state()).await.unwrap();
    bed.clock.advance(hour * 3);
    adit_server::sweep::once(bed.running.state()).await.unwrap();
    let gone = bed.tunneling("DescribeTunnel", serde_json::json!({ "tunnelId": id })).await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (400, Some("ResourceNotFoundException")));
}

#[tokio::test]
async fn closing_a_tunnel_ends_its_connections_with_a_close_frame() {
    let bed = Bed::new().await;
    let (id, source, _) = bed.open().await;
    let (mut stream, _) = bed.join("source", &source, "").await;
    bed.tunneling("CloseTunnel", serde_json::json!({ "tunnelId": id })).await;
    let mut rest = [0; 10];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest[..6], [0x82, 4, 0, 2, 8, 5]);
    assert_eq!((rest[6], &rest[8..10]), (0x88, [0x03, 0xe8].as_slice()), "{rest:?}");
}

#[tokio::test]
async fn a_reload_takes_a_new_certificate_and_keeps_the_old_if_the_new_is_bad() {
    let (bed, other) = (Bed::new().await, Bed::new().await);
    let folder = other.config.node.data_dir.join("pki");
    let (certificate, key) = (folder.join("operator.pem"), folder.join("operator.key"));
    let put = |from: &Bed| {
        let pki = from.config.node.data_dir.join("pki");
        std::fs::copy(pki.join("server.pem"), &certificate).unwrap();
        std::fs::copy(pki.join("server.key"), &key).unwrap();
    };
    put(&other);
    let served = Bed::with(|config| {
        config.tls.certificate_file = Some(certificate.clone());
        config.tls.key_file = Some(key.clone());
    })
    .await;
    // The client trusts the CA of the first server.
    let mut seen = Bed::with(|_| {}).await;
    seen.config.node.data_dir.clone_from(&bed.config.node.data_dir);
    std::mem::swap(&mut seen.running, &mut { served }.running);
    assert!(tls(&seen, "localhost").await.is_err());
    put(&bed);
    assert_eq!(seen.running.listeners().len(), 2);
    seen.running.reload();
    assert!(tls(&seen, "localhost").await.is_ok());
    std::fs::write(&certificate, "nonsense").unwrap();
    seen.running.reload();
    assert!(tls(&seen, "localhost").await.is_ok(), "the old one stays");
}

#[tokio::test]
async fn the_operator_reloads_and_drains_by_the_admin_socket() {
    let bed = Bed::new().await;
    let reload = bed.admin("POST", "/reload").await;
    assert_eq!((reload.status, &reload.json()["reloaded"]), (200, &serde_json::json!(true)));
    assert_eq!(bed.admin("POST", "/drain").await.status, 202);
    assert_eq!(bed.get("/readyz").await.status, 503);
    bed.running.asked_to_drain().await;
}

#[tokio::test]
async fn localproxy_settings_name_the_tls_port() {
    let bed = Bed::with(|c| c.region = "home-1".into()).await;
    let text = std::fs::read_to_string(bed.config.node.data_dir.join("localproxy.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&text).unwrap();
    let endpoint = &settings["tunneling"]["proxy"]["region_endpoint_overrides"]["home-1"];
    assert_eq!(endpoint, &format!("localhost:{}", bed.tls().port()));
}

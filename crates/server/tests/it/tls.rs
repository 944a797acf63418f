//! TLS as devices meet it: certificates on both sides, versions, ALPN, names, and what breaks (mqtt-gateway §1).

use std::net::SocketAddr;
use std::time::Duration;

use adit_iot::certificate::Status;
use adit_server::Config;
use adit_server::config::{Listen, Resumption, Serve, SniMissing, TlsVersion};
use adit_server::why::Wanted;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::bed::{Bed, PATIENCE, exchange};
use crate::device::{Client, Device};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Listeners in the order of the tests: plain, everything over TLS, MQTT alone, data API alone.
fn listeners(config: &mut Config) {
    let any = "127.0.0.1:0".parse().unwrap();
    let all = vec![Serve::Api, Serve::Tunnel, Serve::Mqtt, Serve::MqttWs, Serve::DataApi];
    config.listen =
        [(false, vec![Serve::Api]), (true, all), (true, vec![Serve::Mqtt]), (true, vec![Serve::DataApi])]
            .into_iter()
            .map(|(tls, serve)| Listen { address: any, tls, serve, allow_plain_remote: false })
            .collect();
}

async fn bed(change: impl FnOnce(&mut Config)) -> Bed {
    Bed::with(|config| {
        listeners(config);
        change(config);
    })
    .await
}

fn at(bed: &Bed, listener: usize) -> SocketAddr {
    bed.running.listeners()[listener].address
}

const EVERYTHING: usize = 1;
const MQTT: usize = 2;
const DATA: usize = 3;

/// Waits until a refusal was noted that says `wanted`.
async fn noted(bed: &Bed, wanted: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let state = bed.running.state();
        let all: Vec<String> = state
            .why
            .before(&Wanted::default(), None, 1000)
            .iter()
            .map(|noted| noted.refusal.text())
            .collect();
        if all.iter().any(|text| text.contains(wanted)) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{wanted:?} is not among {all:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Reads to the end; in TLS 1.3 the client learns here that its certificate was refused.
async fn end_of(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end in time")?;
    Ok(rest)
}

fn alert_of(error: &std::io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// The alert a handshake ends with, in it or right behind it.
async fn alert(client: &Client, bed: &Bed, to: SocketAddr) -> AlertDescription {
    let error = match client.connect(bed, to).await {
        Ok(mut stream) => end_of(&mut stream).await.expect_err("an alert"),
        Err(error) => error,
    };
    alert_of(&error).unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test]
async fn certificates_of_every_kind_prove_themselves_in_both_versions() {
    let bed = bed(|_| {}).await;
    for device in [
        Device::v1(),
        Device::new(&rcgen::PKCS_RSA_SHA256),
        Device::ec(),
        Device::new(&rcgen::PKCS_ECDSA_P384_SHA384),
        Device::new(&rcgen::PKCS_ECDSA_P521_SHA512),
    ] {
        for version in [&TLS12, &TLS13] {
            let client = Client { versions: vec![version], ..Client::with(&device) };
            let mut stream = client.connect(&bed, at(&bed, MQTT)).await.unwrap();
            // Nobody knows the certificate: the connection ends behind the first packet, cleanly.
            stream.write_all(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 0]).await.unwrap();
            assert_eq!(end_of(&mut stream).await.unwrap(), b"");
        }
        let id = device.id().to_string();
        let wanted = Wanted { certificate: Some(id), ..Wanted::default() };
        let noted = bed.running.state().why.before(&wanted, None, 1000);
        assert_eq!(noted[0].count, 2, "{noted:?}");
        assert!(noted[0].refusal.text().contains("not registered"), "{noted:?}");
    }
}

#[tokio::test]
async fn what_is_no_proof_ends_the_handshake_with_a_reason() {
    let bed = bed(|_| {}).await;
    let (ec, other) = (Device::ec(), Device::ec());
    let stolen = Device { chain: ec.chain.clone(), key: other.key.clone() };
    let garbage = Device { chain: vec![b"not a certificate".to_vec().into()], key: ec.key.clone() };
    let crowd = Device { chain: vec![ec.chain[0].clone(); 6], key: ec.key.clone() };
    let bulky =
        Device { chain: vec![ec.chain[0].clone(), vec![0x30; 33 * 1024].into()], key: ec.key.clone() };
    let ed25519 = Device::new(&rcgen::PKCS_ED25519);
    for version in [&TLS12, &TLS13] {
        for (device, reason) in [
            (Some(&stolen), "does not hold the key"),
            (Some(&garbage), "not a certificate"),
            (Some(&crowd), "at most 5"),
            (Some(&bulky), "at most 5 of 32768 bytes"),
            (None, "presented no certificate"),
        ] {
            let client = Client { device: device.cloned(), versions: vec![version], ..Client::new() };
            alert(&client, &bed, at(&bed, MQTT)).await;
            noted(&bed, reason).await;
        }
    }
    // Its kind of signature is not asked for, so the client shows nothing.
    let client = Client { versions: vec![&TLS13], ..Client::with(&ed25519) };
    assert_eq!(alert(&client, &bed, at(&bed, MQTT)).await, AlertDescription::CertificateRequired);
}

#[tokio::test]
async fn the_server_proves_itself_with_what_the_client_can_verify() {
    let bed = bed(|_| {}).await;
    for version in [&TLS12, &TLS13] {
        for (rsa_only, kind) in [(false, "id-ecPublicKey"), (true, "rsaEncryption")] {
            let client = Client { rsa_only, versions: vec![version], ..Client::new() };
            let stream = client.connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
            let leaf = &stream.get_ref().1.peer_certificates().unwrap()[0];
            let ec_key: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
            let is_ec = leaf.windows(ec_key.len()).any(|bytes| bytes == ec_key);
            assert_eq!(is_ec, !rsa_only, "{kind}");
        }
    }
}

#[tokio::test]
async fn alpn_chooses_on_a_shared_port_and_counts_for_nothing_on_a_port_of_its_own() {
    let bed = bed(|_| {}).await;
    let device = Device::ec();
    device.register(&bed, Status::Active).await;
    for (listener, offer, chosen) in [
        (EVERYTHING, "x-amzn-mqtt-ca", Some(&b"x-amzn-mqtt-ca"[..])),
        (EVERYTHING, "x-amzn-http-ca", Some(b"x-amzn-http-ca")),
        (EVERYTHING, "http/1.1", Some(b"http/1.1")),
        (MQTT, "x-amzn-mqtt-ca", None),
        (MQTT, "mqtt", None),
        (MQTT, "h2", None),
        (DATA, "http/1.1", None),
        (DATA, "h2", None),
    ] {
        let stream = Client::with(&device).alpn(offer).connect(&bed, at(&bed, listener)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{listener} {offer}");
    }
    for offer in ["x-amzn-http-ca", "http/1.1"] {
        let stream = Client::with(&device).alpn(offer).connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
        assert_eq!(exchange(stream, HEALTH).await.status, 200, "{offer}");
    }
    let browser = Client { alpn: vec!["h2", "http/1.1"], ..Client::new() };
    let stream = browser.connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    for offer in ["mqtt", "h2"] {
        let refused = alert(&Client::with(&device).alpn(offer), &bed, at(&bed, EVERYTHING)).await;
        assert_eq!(refused, AlertDescription::NoApplicationProtocol, "{offer}");
    }
    noted(&bed, "custom authorizer").await;
}

#[tokio::test]
async fn unknown_names_are_refused_and_missing_ones_as_configured() {
    let known = bed(|config| config.names = vec!["iot.example".into()]).await;
    let asking = |name| Client { name, ..Client::new() };
    for name in ["iot.example", "localhost", ""] {
        asking(name).connect(&known, at(&known, EVERYTHING)).await.unwrap();
    }
    let refused = alert(&asking("other.example"), &known, at(&known, EVERYTHING)).await;
    assert_eq!(refused, AlertDescription::UnrecognisedName);
    noted(&known, "SNI other.example").await;
    let strict = bed(|config| config.sni.missing = SniMissing::Reject).await;
    let refused = alert(&asking(""), &strict, at(&strict, EVERYTHING)).await;
    assert_eq!(refused, AlertDescription::UnrecognisedName);
}

#[tokio::test]
async fn versions_are_those_configured() {
    for (versions, spoken, refused) in
        [(vec![TlsVersion::Tls12], &TLS12, &TLS13), (vec![TlsVersion::Tls13], &TLS13, &TLS12)]
    {
        let bed = bed(|config| config.tls.versions = versions).await;
        let with = |version| Client { versions: vec![version], ..Client::new() };
        with(spoken).connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
        assert!(with(refused).connect(&bed, at(&bed, EVERYTHING)).await.is_err());
    }
}

/// One answer on a connection of its own, and how its handshake went.
async fn health(client: &Client, bed: &Bed) -> (u16, HandshakeKind) {
    let mut stream = client.connect(bed, at(bed, DATA)).await.unwrap();
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    (exchange(&mut stream, HEALTH).await.status, kind)
}

#[tokio::test]
async fn a_resumed_session_is_judged_again() {
    for (resumption, kind) in [
        (Resumption::Off, HandshakeKind::Full),
        (Resumption::Stateful, HandshakeKind::Resumed),
        (Resumption::Tickets, HandshakeKind::Resumed),
    ] {
        let bed = bed(|config| config.tls.resumption = resumption).await;
        for version in [&TLS12, &TLS13] {
            let device = Device::ec();
            let scope = device.register(&bed, Status::Active).await;
            let mut client = Client { versions: vec![version], ..Client::with(&device) };
            client.config = Some(client.config(&bed));
            assert_eq!(health(&client, &bed).await, (200, HandshakeKind::Full));
            assert_eq!(health(&client, &bed).await, (200, kind), "{resumption:?} {version:?}");
            let state = bed.running.state();
            state
                .store
                .certificate_set_status(&scope, &device.id(), Status::Revoked, state.now())
                .await
                .unwrap();
            state.access.certificate_changed(&scope, &device.id());
            assert_eq!(health(&client, &bed).await, (403, kind), "{resumption:?} {version:?}");
        }
    }
}

#[tokio::test]
async fn the_gate_follows_registration_status_and_validity() {
    let bed = bed(|_| {}).await;
    let device = Device::ec();
    let client = Client::with(&device);
    assert_eq!(health(&client, &bed).await.0, 403);
    let scope = device.register(&bed, Status::Inactive).await;
    assert_eq!(health(&client, &bed).await.0, 403);
    let state = bed.running.state();
    for (status, answer) in [(Status::Active, 200), (Status::Inactive, 403), (Status::Active, 200)] {
        state.store.certificate_set_status(&scope, &device.id(), status, state.now()).await.unwrap();
        state.access.certificate_changed(&scope, &device.id());
        for _ in 0..2 {
            assert_eq!(health(&client, &bed).await.0, answer, "{status:?}");
        }
    }
    noted(&bed, "INACTIVE").await;
    let stranger = Device::ec();
    assert_eq!(health(&Client::with(&stranger), &bed).await.0, 403);
    let refused = bed.running.state().why.before(&Wanted::default(), None, 1000);
    assert!(refused.iter().any(|noted| noted.refusal.certificate == Some(stranger.id().to_string())));
    // rcgen's certificates are valid up to the year 4096.
    bed.clock.advance(Duration::from_secs(3000 * 366 * 86_400));
    assert_eq!(health(&client, &bed).await.0, 403);
    noted(&bed, "has expired").await;
}

#[tokio::test]
async fn what_is_not_tls_is_answered_and_forgotten() {
    let bed = bed(|_| {}).await;
    let oversized = [&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0][..], &[0; 40_000]].concat();
    for bytes in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0x10, 0x0c, 0, 4], vec![0xff; 5], oversized] {
        let mut stream = TcpStream::connect(at(&bed, MQTT)).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        stream.shutdown().await.ok();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end in time");
    }
    noted(&bed, "did not begin a TLS handshake").await;
    Client::new().connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
}

/// The first bytes of a ClientHello that never comes whole.
const STALLED: &[u8] = &[22, 3, 1, 1, 0, 1, 0, 0, 252];

#[tokio::test]
async fn stalled_handshakes_do_not_keep_others_out() {
    let bed = bed(|config| config.limits.handshakes_per_core = 16).await;
    let mut stalled = Vec::new();
    for at_once in [&b""[..], STALLED] {
        for _ in 0..100 {
            let mut stream = TcpStream::connect(at(&bed, MQTT)).await.unwrap();
            stream.write_all(at_once).await.unwrap();
            stalled.push(stream);
        }
    }
    let started = tokio::time::Instant::now();
    Client::new().connect(&bed, at(&bed, EVERYTHING)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    noted(&bed, "stalled while others waited").await;
}

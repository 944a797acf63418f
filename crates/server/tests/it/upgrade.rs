//! spec: secure-tunneling §2.3, §2.5, §4.2: who may join, and every refusal's status and text.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bed::{Answer, Bed, exchange, tls, upgrade};

const USED: &str = "Invalid access token: The access token was previously used and cannot be used again";
const MISMATCH: &str = "Invalid client token: The provided client token does not match the client token that was previously set.";
const INVALID: &str = "Invalid access-token";
const ONE: &str = "client-token: 11111111-1111-4111-8111-111111111111\r\n";
const TWO: &str = "client-token: 22222222-2222-4222-8222-222222222222\r\n";

fn assert_refused(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, body));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
    assert_channel(answer);
}

fn assert_channel(answer: &Answer) {
    let groups: Vec<usize> = answer.header("channel-id").unwrap().split('-').map(str::len).collect();
    assert_eq!(groups, [16, 8, 8, 16, 8]);
}

#[tokio::test]
async fn a_fresh_token_joins_and_is_told_the_services() {
    let bed = Bed::new().await;
    let (id, source, destination) = bed.open().await;
    for (side, token) in [("source", &source), ("destination", &destination)] {
        let (mut stream, answer) = bed.join(side, token, "").await;
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(answer.header("sec-websocket-protocol"), Some("aws.iot.securetunneling-3.0"));
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert!(answer.header("sec-websocket-extensions").is_none());
        assert_channel(&answer);
        // One whole frame in one message: binary, 4 bytes, length 2, SERVICE_IDS without services.
        let mut first = [0; 6];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(first, [0x82, 4, 0, 2, 8, 5]);
        bed.until(&id, |t| t[format!("{side}ConnectionState")]["status"] == "CONNECTED").await;
        drop(stream);
        bed.until(&id, |t| t[format!("{side}ConnectionState")]["status"] == "DISCONNECTED").await;
    }
}

#[tokio::test]
async fn the_same_over_tls_with_bytes_behind_the_request() {
    let bed = Bed::new().await;
    let (_, source, _) = bed.open().await;
    let mut stream = tls(&bed, "localhost").await.unwrap();
    let mut request = upgrade("source", &source, "").into_bytes();
    // A masked ping right behind the request.
    request.extend([0x89, 0x82, 0, 0, 0, 0, b'4', b'2']);
    let answer = exchange(&mut stream, &request).await;
    assert_eq!(answer.status, 101);
    let mut first = [0; 10];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(first, [0x82, 4, 0, 2, 8, 5, 0x8a, 2, b'4', b'2']);
}

#[tokio::test]
async fn the_cookie_is_as_good_as_the_header() {
    let bed = Bed::new().await;
    let (_, source, _) = bed.open().await;
    let with_cookie = upgrade("source", "X", "")
        .replace("access-token: X\r\n", &format!("Cookie: a=b; awsiot-tunnel-token={source}; c=d\r\n"));
    assert_eq!(bed.send(with_cookie).await.status, 101);
}

#[tokio::test]
async fn a_browser_comes_back_with_its_client_token_in_a_cookie() {
    let bed = Bed::new().await;
    let (_, source, _) = bed.open().await;
    let with = |client: &str, more: &str| {
        let cookies =
            format!("Cookie: awsiot-tunnel-token={source}; awsiot-tunnel-client-token={client}\r\n{more}");
        upgrade("source", "X", "").replace("access-token: X\r\n", &cookies)
    };
    let one = "11111111-1111-4111-8111-111111111111";
    assert_eq!(bed.send(with(one, "")).await.status, 101);
    assert_eq!(bed.send(with(one, "")).await.status, 101);
    assert_refused(&bed.send(with("22222222-2222-4222-8222-222222222222", "")).await, 400, MISMATCH);
    let twice = bed.send(with(one, ONE)).await;
    assert_refused(&twice, 400, "Several client tokens: send at most one.");
}

#[tokio::test]
async fn every_subprotocol_is_echoed_as_spelled() {
    let bed = Bed::new().await;
    for (offer, echoed) in [
        ("aws.iot.securetunneling-1.0", "aws.iot.securetunneling-1.0"),
        ("aws.iot.securetunneling-2.0", "aws.iot.securetunneling-2.0"),
        ("aws.iot.securedtunneling-1.0", "aws.iot.securedtunneling-1.0"),
        ("aws.iot.securetunneling-1.0, aws.iot.securetunneling-3.0, x", "aws.iot.securetunneling-3.0"),
    ] {
        let (_, source, _) = bed.open().await;
        let answer =
            bed.send(upgrade("source", &source, "").replace("aws.iot.securetunneling-3.0", offer)).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some(echoed)));
    }
}

/// The acceptance table, cell by cell.
#[tokio::test]
async fn tokens_are_used_once_or_bound() {
    let bed = Bed::new().await;
    let join = async |token: &str, more: &str| bed.join("source", token, more).await.1;

    let (_, token, _) = bed.open().await;
    assert_eq!(join(&token, "").await.status, 101);
    assert_refused(&join(&token, "").await, 400, USED);
    assert_refused(&join(&token, ONE).await, 400, USED);

    let (id, token, destination) = bed.open().await;
    assert_eq!(join(&token, ONE).await.status, 101);
    assert_refused(&join(&token, "").await, 400, MISMATCH);
    assert_refused(&join(&token, TWO).await, 400, MISMATCH);
    assert_eq!(join(&token, ONE).await.status, 101);
    // One client token belongs to one access token.
    assert_refused(&bed.join("destination", &destination, ONE).await.1, 400, MISMATCH);

    let rotate = serde_json::json!({ "tunnelId": id, "clientMode": "SOURCE" });
    let rotated = bed.tunneling("RotateTunnelAccessToken", rotate).await.json();
    assert_refused(&join(&token, ONE).await, 403, INVALID);
    let token = rotated["sourceAccessToken"].as_str().unwrap();
    assert_refused(&bed.join("destination", token, "").await.1, 403, INVALID);
    assert_eq!(join(token, "").await.status, 101);
    assert_refused(&join("garbage", "").await, 403, INVALID);

    bed.tunneling("CloseTunnel", serde_json::json!({ "tunnelId": id })).await;
    assert_refused(&join(token, "").await, 403, INVALID);
}

#[tokio::test]
async fn a_token_bound_by_our_own_proxy_says_used_to_others() {
    let bed = Bed::new().await;
    let (_, token, _) = bed.open().await;
    let own = format!("client-token: adit-auto-{}\r\n", "0123456789abcdef".repeat(2));
    let other = format!("client-token: adit-auto-{}\r\n", "f".repeat(32));
    assert_eq!(bed.join("source", &token, &own).await.1.status, 101);
    assert_eq!(bed.join("source", &token, &own).await.1.status, 101);
    for more in ["", ONE, &other] {
        assert_refused(&bed.join("source", &token, more).await.1, 400, USED);
    }
}

#[tokio::test]
async fn two_racing_upgrades_do_not_both_pass() {
    let bed = Bed::new().await;
    for _ in 0..10 {
        let (_, token, _) = bed.open().await;
        let race = (0..4).map(|_| bed.join("source", &token, ""));
        let answers = futures_util::future::join_all(race).await;
        let mut statuses: Vec<u16> = answers.iter().map(|(_, a)| a.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [101, 400, 400, 400]);
    }
}

/// Each refusal of §2.5 that needs no token; none of them uses the token up.
#[tokio::test]
async fn malformed_upgrades_are_refused_in_words() {
    let bed = Bed::new().await;
    let (_, token, _) = bed.open().await;
    let good = upgrade("source", &token, "");
    let without = |line: &str| good.replace(line, "");
    let long = format!("x-filler: {}\r\n", "a".repeat(4096));
    let cases = [
        (good.replace("/tunnel?", "/other?"), "Unknown path: tunnel data is at /tunnel."),
        (
            good.replace("?local-proxy-mode=source", ""),
            "Missing local-proxy-mode: it must be source or destination.",
        ),
        (
            good.replace("mode=source", "mode=both"),
            "Invalid local-proxy-mode: it must be source or destination.",
        ),
        (
            good.replace("mode=source", "mode=source&x=1"),
            "Unknown query parameter: only local-proxy-mode is allowed.",
        ),
        (
            good.replace("mode=source", "mode=source&local-proxy-mode=source"),
            "local-proxy-mode is given more than once.",
        ),
        (
            without(&format!("access-token: {token}\r\n")),
            "Missing access token: send it in the header access-token or in the cookie awsiot-tunnel-token.",
        ),
        (
            upgrade("source", &token, &format!("access-token: {token}\r\n")),
            "Several access tokens: send exactly one, in the header access-token or in the cookie awsiot-tunnel-token.",
        ),
        (
            upgrade("source", &token, &format!("cookie: awsiot-tunnel-token={token}\r\n")),
            "Several access tokens: send exactly one, in the header access-token or in the cookie awsiot-tunnel-token.",
        ),
        (upgrade("source", &token, &[ONE, TWO].concat()), "Several client tokens: send at most one."),
        (
            upgrade("source", &token, "client-token: short\r\n"),
            "Invalid client token: it must be 32 to 128 letters, digits or hyphens",
        ),
        (
            good.replace("aws.iot.securetunneling-3.0", "chat"),
            "No acceptable subprotocol: offer aws.iot.securetunneling-3.0, -2.0 or -1.0 in Sec-WebSocket-Protocol.",
        ),
        (
            without("Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0\r\n"),
            "No acceptable subprotocol: offer aws.iot.securetunneling-3.0, -2.0 or -1.0 in Sec-WebSocket-Protocol.",
        ),
        (
            without("Upgrade: websocket\r\n"),
            "Not a WebSocket upgrade: the headers Connection: upgrade and Upgrade: websocket are needed. A proxy in between may have removed them.",
        ),
        (good.replace("Version: 13", "Version: 8"), "Sec-WebSocket-Version must be 13."),
        (
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            "There must be one Sec-WebSocket-Key, 16 bytes in base64.",
        ),
        (good.replace("GET ", "POST "), "A WebSocket is opened with GET."),
        (upgrade("source", &token, &long), "The upgrade request is larger than the 4096 bytes allowed."),
    ];
    for (request, body) in cases {
        assert_refused(&bed.send(request).await, 400, body);
    }
    assert_refused(&bed.join("destination", &token, "").await.1, 403, INVALID);
    assert_eq!(bed.join("source", &token, "").await.1.status, 101);
    let page = bed.metrics().await;
    assert!(page.contains("adit_tunnel_refusals_total{reason=\"path\"} 1"), "{page}");
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older() {
    let bed = Bed::new().await;
    let (id, token, _) = bed.open().await;
    let (mut old, _) = bed.join("source", &token, ONE).await;
    let (_new, _) = bed.join("source", &token, ONE).await;
    let mut rest = [0; 6 + 2 + 46];
    tokio::time::timeout(Duration::from_secs(5), old.read_exact(&mut rest)).await.unwrap().unwrap();
    // SERVICE_IDS, then a close frame with 1008.
    assert_eq!(rest[6..10], [0x88, 46, 0x03, 0xf0], "{rest:?}");
    assert_eq!(&rest[10..], b"Connection is replaced by another connection");
    assert_eq!(bed.describe(&id).await["sourceConnectionState"]["status"], "CONNECTED");
    assert!(bed.metrics().await.contains("adit_tunnel_replacements_total 1"));
}

#[tokio::test]
async fn bytes_cross_from_source_to_destination() {
    let bed = Bed::new().await;
    let (_, source, destination) = bed.open().await;
    let (mut destination, _) = bed.join("destination", &destination, "").await;
    let (mut source, _) = bed.join("source", &source, "").await;
    let mut services = [0; 6];
    destination.read_exact(&mut services).await.unwrap();
    // STREAM_START of stream 1, masked with zeros.
    source.write_all(&[0x82, 0x86, 0, 0, 0, 0, 0, 4, 8, 2, 16, 1]).await.unwrap();
    let mut head = [0; 2];
    destination.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x82);
}

#[tokio::test]
async fn an_account_may_be_limited_in_connections_a_second() {
    let bed = Bed::with(|c| c.tunnel.connection_rate = 2).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let (_, source, _) = bed.open().await;
        answers.push(bed.join("source", &source, "").await);
    }
    let statuses: Vec<u16> = answers.iter().map(|(_, a)| a.status).collect();
    assert_eq!(statuses, [101, 101, 503]);
    assert_refused(&answers[2].1, 503, "Too many connections a second; try again.");
}

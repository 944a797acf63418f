//! The link to the server: request, refusals, loss, end.

use std::time::{Duration, Instant};

use crate::program::{Program, messages};
use crate::server::{Server, header};

fn source(endpoint: &str, ca: &str, settings: &str) -> Program {
    let args = ["-e", endpoint, "-m", "src", "-c", ca, "--settings-json", settings];
    Program::start(&args, &[("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1")])
}

#[tokio::test]
async fn the_request_is_the_one_servers_expect() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let _program = source(&endpoint, &ca, &settings);
    let (_link, request) = server.link(&["SSH"]).await;
    let lines: Vec<&str> = request.trim_end().split("\r\n").collect();
    let key = header(&request, "sec-websocket-key");
    let client_token = header(&request, "client-token");
    assert_eq!(
        lines,
        [
            "GET /tunnel?local-proxy-mode=source HTTP/1.1",
            &format!("Host: localhost:{}", server.port),
            "Upgrade: websocket",
            "Connection: upgrade",
            &format!("Sec-WebSocket-Key: {key}"),
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0",
            "access-token: token-1",
            &format!("client-token: {client_token}"),
            &format!("User-Agent: {}", header(&request, "user-agent")),
        ]
    );
    let digits = client_token.strip_prefix("adit-auto-").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(header(&request, "user-agent").starts_with("adit-localproxy/"));
}

#[tokio::test]
async fn a_refusal_is_printed_and_ends_the_program() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let program = source(&endpoint, &ca, &settings);
    let body = "Invalid access token: The access token was previously used and cannot be used again";
    server.refuse("400 Bad Request", body).await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(1));
    let text =
        format!("Proxy server rejected web socket upgrade request: (HTTP/1.1 400 Bad Request) \"{body}\"");
    assert!(messages(&errors).contains(&text.as_str()), "{errors:#?}");
}

#[tokio::test]
async fn an_unwell_server_is_asked_again() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let mut program = source(&endpoint, &ca, &settings);
    server.refuse("503 Service Unavailable", "draining").await;
    server.refuse("503 Service Unavailable", "draining").await;
    let (mut link, _) = server.link(&["SSH"]).await;
    program.port().await;
    link.close("Tunnel is closed").await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(0));
    assert!(messages(&errors).contains(&"Web socket close received. Code: 1000; Reason: Tunnel is closed"));
}

#[tokio::test]
async fn a_dropped_link_is_made_anew_at_once_with_the_same_client_token() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let args = ["-e", &endpoint, "-m", "src", "-c", &ca];
    let mut program = Program::start(&args, &[("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1")]);
    let (link, first) = server.link(&["SSH"]).await;
    let port = program.port().await;
    drop(link);
    let began = Instant::now();
    let (mut link, second) = server.link(&["SSH"]).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(header(&first, "client-token"), header(&second, "client-token"));
    let _local = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await.stream_id, 1);
}

#[tokio::test]
async fn the_lines_come_in_the_known_order() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let args = ["-e", &endpoint, "-m", "src", "-c", &ca, "-v", "6"];
    let mut program = Program::start(&args, &[("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1")]);
    let (mut link, _) = server.link(&["SSH"]).await;
    program.port().await;
    link.close("").await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(0));
    let id = "01234567890abc23-00001234-0005678a-b1234c5de677a001-2bc3d456";
    let expected = [
        "Starting proxy in source mode".to_owned(),
        format!("Attempting to establish web socket connection with endpoint wss://{endpoint}"),
        "Resolved proxy server IP: 127.0.0.1".to_owned(),
        "Connected successfully with proxy server".to_owned(),
        "Performing SSL handshake with proxy server".to_owned(),
        "Successfully completed SSL handshake with proxy server".to_owned(),
        "HTTP/1.1 101 Switching Protocols".to_owned(),
        "Connection: upgrade".to_owned(),
        format!("channel-id: {id}"),
        "upgrade: websocket".to_owned(),
        format!("Web socket session ID: {id}"),
        "Web socket subprotocol selected: aws.iot.securetunneling-3.0".to_owned(),
        format!("Successfully established websocket connection with proxy server: wss://{endpoint}"),
        "Setting up web socket pings for every 20000 milliseconds".to_owned(),
        "Scheduled next read:".to_owned(),
        "Starting web socket read loop continue reading...".to_owned(),
        "Resolved bind IP: 127.0.0.1".to_owned(),
    ];
    let lines = messages(&errors);
    let mut rest = lines.iter();
    for line in expected {
        assert!(rest.any(|known| *known == line), "{line} is missing or too early in {lines:#?}");
    }
    assert!(rest.any(|line| line.starts_with("Listening for new connection on port ")));
    assert!(!errors.iter().any(|line| line.contains("token-1")), "tokens are never logged");
}

#[tokio::test]
async fn pings_hold_the_time_and_go_on() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let _program = source(&endpoint, &ca, &settings);
    let (mut link, _) = server.link(&["SSH"]).await;
    for _ in 0..3 {
        let message = link.raw().await.unwrap();
        assert!(message.is_ping());
        let time: u64 = std::str::from_utf8(message.as_payload()).unwrap().parse().unwrap();
        assert!(time > 1_700_000_000_000);
    }
}

#[tokio::test]
async fn nonsense_from_the_server_leads_to_a_new_link() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let mut program = source(&endpoint, &ca, &settings);
    let (mut link, _) = server.link(&["SSH"]).await;
    futures_util::SinkExt::send(&mut link.socket, tokio_websockets::Message::binary(vec![0u8, 0]))
        .await
        .unwrap();
    program.says("A message of length 0 is not allowed").await;
    server.link(&["SSH"]).await;
}

#[tokio::test]
async fn a_signal_kills() {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let mut program = source(&endpoint, &ca, &settings);
    let (_link, _) = server.link(&["SSH"]).await;
    program.port().await;
    let id = program.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(program.end().await.0, None);
}

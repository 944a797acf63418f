//! Destination mode: streams and connections of the tunnel become connections to applications.

use std::time::Duration;

use adit_tunnel::message::Type;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{sleep, timeout};

use crate::program::{Program, messages};
use crate::server::{Link, Server, about, data};

const TOKEN: (&str, &str) = ("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1");

async fn ready(mapping: &str) -> (Server, Link, Program) {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let args = ["-e", &endpoint, "-c", &ca, "--settings-json", &settings, "-d", mapping];
    let program = Program::start(&args, &[TOKEN]);
    let (link, _) = server.link(&["SSH"]).await;
    (server, link, program)
}

#[tokio::test]
async fn an_application_is_reached_and_its_end_is_told() {
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = application.local_addr().unwrap().port();
    let (_server, mut link, mut program) = ready(&format!("localhost:{port}")).await;
    link.send(&about(Type::StreamStart, 1, "SSH", 1)).await;
    link.send(&data(1, "SSH", 1, b"early")).await;
    let (mut socket, _) = application.accept().await.unwrap();
    let mut buf = [0; 5];
    socket.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"early");
    program.says(&format!("Connected to 127.0.0.1, port: {port}")).await;
    socket.write_all(b"banner").await.unwrap();
    assert_eq!(link.receive().await, data(1, "SSH", 1, b"banner"));
    drop(socket);
    assert_eq!(link.receive().await, about(Type::ConnectionReset, 1, "SSH", 1));
}

#[tokio::test]
async fn a_unix_socket_is_an_application_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let application = UnixListener::bind(&path).unwrap();
    let (_server, mut link, mut program) = ready(&format!("SSH={}", path.display())).await;
    link.send(&about(Type::StreamStart, 1, "SSH", 1)).await;
    let (mut socket, _) = application.accept().await.unwrap();
    program.says(&format!("Connected to {}", path.display())).await;
    socket.write_all(b"unix").await.unwrap();
    assert_eq!(link.receive().await, data(1, "SSH", 1, b"unix"));
    link.send(&data(1, "SSH", 1, b"back")).await;
    link.send(&about(Type::StreamReset, 1, "SSH", 1)).await;
    let mut all = String::new();
    socket.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "back");
}

#[tokio::test]
async fn an_application_that_is_away_resets_the_stream() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (_server, mut link, mut program) = ready(&port.to_string()).await;
    link.send(&about(Type::StreamStart, 1, "SSH", 1)).await;
    assert_eq!(link.receive().await, about(Type::StreamReset, 1, "SSH", 1));
    for _ in 0..3 {
        let line = program.says("Could not connect to destination").await;
        assert!(line.ends_with(&format!("{port} -- Connection refused")), "{line}");
    }
}

#[tokio::test]
async fn an_application_that_does_not_read_is_waited_for_in_little_memory() {
    const TOTAL: usize = 32 * 1024 * 1024;
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = application.local_addr().unwrap().port();
    let (_server, mut link, program) = ready(&port.to_string()).await;
    link.send(&about(Type::StreamStart, 1, "SSH", 1)).await;
    let (mut socket, _) = application.accept().await.unwrap();
    let before = resident_kib(program.id());
    let sending = tokio::spawn(async move {
        for number in 0..TOTAL / 65_536 * 2 {
            link.send(&data(1, "SSH", 1, &[number as u8; 32_768])).await;
        }
        link
    });
    sleep(Duration::from_secs(2)).await;
    assert!(!sending.is_finished(), "the server is held back");
    let grown = resident_kib(program.id()).saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more than before");
    let mut buf = vec![0; 32_768];
    for number in 0..TOTAL / 65_536 * 2 {
        timeout(Duration::from_secs(20), socket.read_exact(&mut buf)).await.unwrap().unwrap();
        assert!(buf.iter().all(|byte| *byte == number as u8));
    }
    let mut link = sending.await.unwrap();
    socket.write_all(b"alive").await.unwrap();
    assert_eq!(link.receive_bytes(5).await, b"alive");
}

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn without_a_mapping_a_destination_ends() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let program = Program::start(&["-e", &endpoint, "-c", &ca, "-m", "dst"], &[TOKEN]);
    let (_link, _) = server.link(&["SSH"]).await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(1));
    assert!(
        messages(&errors).contains(&"No port mapping exists. Fail to start local proxy in destination mode.")
    );
}

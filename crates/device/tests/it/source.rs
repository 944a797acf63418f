//! Source mode: local connections become streams and connections of the tunnel.

use std::time::Duration;

use adit_tunnel::message::Type;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::program::{Program, messages};
use crate::server::{Link, Server, about, data};

const TOKEN: (&str, &str) = ("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1");

async fn ready(args: &[&str], services: &[&str]) -> (Server, Link, Program, u16) {
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let mut all = vec!["-e", &endpoint, "-c", &ca, "--settings-json", &settings, "-m", "src"];
    all.extend_from_slice(args);
    let mut program = Program::start(&all, &[TOKEN]);
    let (link, _) = server.link(services).await;
    let port = program.port().await;
    (server, link, program, port)
}

#[tokio::test]
async fn bytes_go_both_ways_and_ends_are_told() {
    let (_server, mut link, mut program, port) = ready(&[], &["SSH"]).await;
    let mut one = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 1, "SSH", 1));
    program.says("Accepted tcp connection on port").await;
    let mut two = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::ConnectionStart, 1, "SSH", 2));
    one.write_all(b"hello").await.unwrap();
    assert_eq!(link.receive().await, data(1, "SSH", 1, b"hello"));
    link.send(&data(1, "SSH", 2, b"to two")).await;
    link.send(&data(1, "SSH", 1, b"to one")).await;
    let mut buf = [0; 6];
    two.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"to two");
    one.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"to one");

    drop(one);
    assert_eq!(link.receive().await, about(Type::ConnectionReset, 1, "SSH", 1));
    link.send(&data(1, "SSH", 2, b"last")).await;
    link.send(&about(Type::ConnectionReset, 1, "SSH", 2)).await;
    let mut rest = Vec::new();
    two.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"last");
    program.says("Disconnected from: 127.0.0.1:").await;

    link.send(&about(Type::StreamReset, 1, "SSH", 1)).await;
    sleep(Duration::from_millis(100)).await;
    let _three = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 2, "SSH", 1));
}

#[tokio::test]
async fn large_amounts_arrive_whole_in_both_directions() {
    let (_server, mut link, _program, port) = ready(&[], &["SSH"]).await;
    let (mut read, mut write) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
    assert_eq!(link.receive().await.kind, Type::StreamStart);
    let bytes: Vec<u8> = (0..8_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = bytes.clone();
    tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        std::future::pending::<()>().await;
    });
    assert!(link.receive_bytes(bytes.len()).await == bytes);
    let expected = bytes.clone();
    let reading = tokio::spawn(async move {
        let mut got = vec![0; expected.len()];
        read.read_exact(&mut got).await.unwrap();
        assert!(got == expected);
    });
    for piece in bytes.chunks(64_512) {
        link.send(&data(1, "SSH", 1, piece)).await;
    }
    reading.await.unwrap();
}

#[tokio::test]
async fn fifty_connections_at_once_are_all_served() {
    let (_server, mut link, _program, port) = ready(&[], &["SSH"]).await;
    let echo = tokio::spawn(async move {
        loop {
            let message = link.receive().await;
            if message.kind == Type::Data {
                link.send(&message).await;
            }
        }
    });
    let clients: Vec<_> = (0..50u8)
        .map(|number| {
            tokio::spawn(async move {
                let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                client.write_all(&[number; 100]).await.unwrap();
                let mut buf = [0; 100];
                client.read_exact(&mut buf).await.unwrap();
                assert_eq!(buf, [number; 100]);
            })
        })
        .collect();
    for client in clients {
        timeout(Duration::from_secs(20), client).await.unwrap().unwrap();
    }
    echo.abort();
}

#[tokio::test]
async fn the_loss_of_the_link_ends_local_connections_and_keeps_the_port() {
    let (server, link, _program, port) = ready(&[], &["SSH"]).await;
    let mut local = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    drop(link);
    assert_eq!(local.read(&mut [0; 8]).await.unwrap(), 0);
    let (mut link, _) = server.link(&["SSH"]).await;
    let _local = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 2, "SSH", 1));
}

#[tokio::test]
async fn older_shapes_serve_one_connection_after_the_other() {
    let (_server, mut link, _program, port) = ready(&["-y", "V1"], &["SSH"]).await;
    let mut one = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut two = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 1, "", 0));
    two.write_all(b"two").await.unwrap();
    one.write_all(b"one").await.unwrap();
    assert_eq!(link.receive().await, data(1, "", 0, b"one"));
    drop(one);
    assert_eq!(link.receive().await, about(Type::StreamReset, 1, "", 0));
    assert_eq!(link.receive().await, about(Type::StreamStart, 2, "", 0));
    assert_eq!(link.receive().await, data(2, "", 0, b"two"));
}

#[tokio::test]
async fn a_busy_port_ends_the_program_after_some_tries() {
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let server = Server::start().await;
    let (endpoint, ca, settings) = (server.endpoint(), server.ca(), server.settings());
    let args = ["-e", &endpoint, "-c", &ca, "--settings-json", &settings, "-s", &port];
    let program = Program::start(&args, &[TOKEN]);
    let (_link, _) = server.link(&["SSH"]).await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(1));
    let text = format!("Could not bind to address: 127.0.0.1:{port} -- Address already in use");
    assert_eq!(messages(&errors).iter().filter(|line| **line == text).count(), 3, "{errors:#?}");
    assert!(messages(&errors).contains(&format!("SSH = {port}").as_str()));
}

#[tokio::test]
async fn other_services_than_the_tunnel_has_end_the_program() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let args = ["-e", &endpoint, "-c", &ca, "-s", "WEB=18080"];
    let program = Program::start(&args, &[TOKEN]);
    let (_link, _) = server.link(&["SSH"]).await;
    let (status, _, errors) = program.end().await;
    assert_eq!(status, Some(1));
    assert!(messages(&errors).contains(
        &"Wrong configurations detected in local proxy. Please starts local proxy with right sets of service ids."
    ));
}

//! The source side as a library: connections come through doors, and the end is told.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adit_device::config::{Config, Trust};
use adit_device::door::Door;
use adit_device::local::Socket;
use adit_device::log::Log;
use adit_device::meter::Reading;
use adit_device::proxy::{Ended, News, keep_source};
use adit_tunnel::Side;
use adit_tunnel::message::Type;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::server::{Server, about, data, header};

fn config(server: &Server) -> Config {
    let trust = Trust::System { capath: Some(server.ca().into()), verify: true };
    let mut config = Config::new(Side::Source, &server.endpoint(), "token-1".into(), trust).unwrap();
    config.settings.retry_delay = std::time::Duration::from_millis(20);
    config
}

fn start(server: &Server, doors: Vec<Door>) -> (JoinHandle<Ended>, Arc<AtomicU32>) {
    let (config, ups) = (config(server), Arc::new(AtomicU32::new(0)));
    let seen = ups.clone();
    let task = tokio::spawn(async move {
        let watcher = move |news: News<'_>| {
            if news == News::Up {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        };
        keep_source(&config, doors, Log::new(0), &watcher).await
    });
    (task, ups)
}

#[tokio::test]
async fn streams_are_handed_in_and_counted() {
    let server = Server::start().await;
    let (door, hand) = Door::handed("SSH");
    let meter = door.meter.clone();
    let (mut mine, other) = UnixStream::pair().unwrap();
    hand.send(Socket::Unix(other)).await.unwrap();
    let (ending, _) = start(&server, vec![door]);
    let (mut link, _) = server.link(&["HTTP", "SSH"]).await;
    assert_eq!(link.receive().await, about(Type::StreamStart, 1, "SSH", 1));
    mine.write_all(b"hello").await.unwrap();
    assert_eq!(link.receive().await, data(1, "SSH", 1, b"hello"));
    link.send(&data(1, "SSH", 1, b"and back")).await;
    let mut buf = [0; 8];
    mine.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"and back");
    assert_eq!(meter.read(), Reading { open: 1, total: 1, sent: 5, received: 8 });
    link.send(&about(Type::ConnectionReset, 1, "SSH", 1)).await;
    assert_eq!(mine.read(&mut buf).await.unwrap(), 0);
    assert_eq!(meter.read(), Reading { open: 0, total: 1, sent: 5, received: 8 });
    drop(mine);
    link.close("over").await;
    assert_eq!(ending.await.unwrap(), Ended::Closed);
}

#[tokio::test]
async fn a_service_has_several_doors_which_outlive_the_link() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("door");
    let (tcp, address) = Door::listen("SSH", (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let (by_tcp, unix) = (tcp.meter.clone(), Door::listen_at("SSH", &path).unwrap());
    let (_ending, ups) = start(&server, vec![tcp, unix]);
    let (mut link, first) = server.link(&["SSH"]).await;
    let mut one = TcpStream::connect(address).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 1, "SSH", 1));
    let _two = UnixStream::connect(&path).await.unwrap();
    assert_eq!(link.receive().await, about(Type::ConnectionStart, 1, "SSH", 2));
    assert_eq!(by_tcp.read().total, 1);
    drop(link);
    assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0);

    let (mut link, again) = server.link(&["SSH"]).await;
    assert_eq!(header(&first, "client-token"), header(&again, "client-token"), "the token is not used up");
    let _three = TcpStream::connect(address).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 2, "SSH", 1));
    assert_eq!((by_tcp.read().total, ups.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test]
async fn a_tunnel_without_names_takes_any_door() {
    let server = Server::start().await;
    let (door, hand) = Door::handed("SSH");
    let _ending = start(&server, vec![door]);
    let (mut link, _) = server.link(&[]).await;
    let (_mine, other) = UnixStream::pair().unwrap();
    hand.send(Socket::Unix(other)).await.unwrap();
    assert_eq!(link.receive().await, about(Type::StreamStart, 1, "", 1));
}

#[tokio::test]
async fn the_end_says_why() {
    let server = Server::start().await;
    let (ending, _) = start(&server, vec![Door::handed("VNC").0]);
    let (_link, _) = server.link(&["SSH", "HTTP"]).await;
    let text = "the tunnel has no service VNC; it has SSH, HTTP";
    assert_eq!(ending.await.unwrap(), Ended::Fault(text.into()));

    let (ending, ups) = start(&server, vec![Door::handed("SSH").0]);
    server.refuse("403 Forbidden", "Invalid access-token").await;
    let text = "Invalid access-token".to_owned();
    assert_eq!(ending.await.unwrap(), Ended::Refused { status: 403, text });
    assert_eq!(ups.load(Ordering::Relaxed), 0);
}

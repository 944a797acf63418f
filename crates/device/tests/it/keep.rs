//! An end of a tunnel inside a program: how it ends, and what is told meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_device::config::{Config, Trust};
use adit_device::log::Log;
use adit_device::proxy::{Ended, News, keep};
use adit_tunnel::Side;

use crate::server::{Server, header};

fn destination(server: &Server, services: &[&str]) -> Config {
    let trust = Trust::System { capath: Some(server.ca().into()), verify: true };
    let mut config = Config::new(Side::Destination, &server.endpoint(), "token-1".to_owned(), trust).unwrap();
    config.files = services.iter().map(|id| ((*id).to_owned(), "1".to_owned())).collect();
    config.settings.retry_delay = Duration::from_millis(20);
    config.settings.retry_cap = Some(Duration::from_millis(50));
    config
}

/// What was told: `+` for up, `-` for down.
fn told() -> (Arc<Mutex<String>>, impl Fn(News<'_>) + Send + Sync) {
    let told = Arc::new(Mutex::new(String::new()));
    let same = told.clone();
    (told, move |news: News<'_>| same.lock().unwrap().push(if news == News::Up { '+' } else { '-' }))
}

#[tokio::test]
async fn a_close_frame_a_lost_link_and_a_server_that_is_unwell_are_told_apart() {
    let server = Server::start().await;
    let config = destination(&server, &["SSH"]);
    let (told, watcher) = told();
    let serve = async {
        server.refuse("503 Service Unavailable", "later").await;
        let (link, first) = server.link(&["SSH"]).await;
        drop(link);
        let (mut link, second) = server.link(&["SSH"]).await;
        let token = |request: &str| header(request, "client-token");
        assert_eq!(token(&first), token(&second), "the client token lets it in again");
        link.close("Tunnel is closed").await;
        link
    };
    let (ended, _link) = tokio::join!(keep(&config, Log::new(0), &watcher), serve);
    assert_eq!(ended, Ended::Closed);
    assert_eq!(*told.lock().unwrap(), "-+-+");
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_the_server_said_on_one_line() {
    let server = Server::start().await;
    let config = destination(&server, &["SSH"]);
    let refuse = server.refuse("403 Forbidden", "Invalid\r\naccess-token\n");
    let (ended, _) = tokio::join!(keep(&config, Log::new(0), &|_| {}), refuse);
    assert_eq!(ended, Ended::Refused { status: 403, text: "Invalid  access-token".to_owned() });
}

#[tokio::test]
async fn services_that_are_not_mapped_end_it() {
    let server = Server::start().await;
    let config = destination(&server, &["SSH"]);
    let (ended, _link) = tokio::join!(keep(&config, Log::new(0), &|_| {}), server.link(&["SSH", "VNC"]));
    assert!(matches!(&ended, Ended::Fault(why) if why.contains("Not enough the service ids")), "{ended:?}");
}

#[tokio::test]
async fn tries_may_be_counted() {
    let server = Server::start().await;
    let mut config = destination(&server, &["SSH"]);
    config.settings.connect_retries = Some(2);
    let unwell = async {
        for _ in 0..3 {
            server.refuse("503 Service Unavailable", "later").await;
        }
    };
    let (ended, ()) = tokio::join!(keep(&config, Log::new(0), &|_| {}), unwell);
    assert_eq!(ended, Ended::Unreachable);
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    let trust = Trust::System { capath: None, verify: true };
    let wrong = Config::new(Side::Source, "a:b:c", "t".to_owned(), trust.clone()).err();
    assert_eq!(wrong.as_deref(), Some("not a host, or host and port: a:b:c"));
    let right = Config::new(Side::Source, "Tunnel.Example", "t".to_owned(), trust).unwrap();
    assert_eq!((right.host.as_str(), right.port), ("tunnel.example", 443));
}

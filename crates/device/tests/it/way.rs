//! The way to the server: certificates, IPv6, web proxies.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::program::{Program, messages};
use crate::server::Server;

const TOKEN: (&str, &str) = ("AWSIOT_TUNNEL_ACCESS_TOKEN", "token-1");

#[tokio::test]
async fn an_untrusted_server_is_named_so() {
    let server = Server::start().await;
    let other = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), other.ca());
    let mut program = Program::start(&["-e", &endpoint, "-m", "src", "-c", &ca], &[TOKEN]);
    let serving = tokio::spawn(async move { server.request().await });
    let line =
        program.says("Could not perform SSL handshake with proxy server: certificate verify failed").await;
    assert!(line.contains("[error]"));
    serving.abort();
}

#[tokio::test]
async fn nothing_loaded_is_said() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, path) = (server.endpoint(), dir.path().to_str().unwrap().to_owned());
    let mut program = Program::start(&["-e", &endpoint, "-m", "src", "-c", &path], &[TOKEN]);
    let serving = tokio::spawn(async move { server.request().await });
    program.says(&format!("No certificate was loaded from {path}")).await;
    serving.abort();
}

#[tokio::test]
async fn trust_may_be_a_directory_or_come_from_the_environment_or_be_switched_off() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let dir = server.dir().to_str().unwrap().to_owned();
    let mut program = Program::start(&["-e", &endpoint, "-m", "src", "-c", &dir], &[TOKEN]);
    let (_link, _) = server.link(&["SSH"]).await;
    program.port().await;
    let mut program = Program::start(&["-e", &endpoint, "-m", "src"], &[TOKEN, ("SSL_CERT_FILE", &ca)]);
    let (_link, _) = server.link(&["SSH"]).await;
    program.port().await;
    let mut program = Program::start(&["-e", &endpoint, "-m", "src", "-k"], &[TOKEN]);
    let (_link, _) = server.link(&["SSH"]).await;
    program.says("SECURITY WARNING: SSL host verification is DISABLED (-k flag)").await;
    program.port().await;
}

#[tokio::test]
async fn an_endpoint_may_be_an_ipv6_address() {
    let server = Server::on("[::1]:0").await;
    let (endpoint, ca) = (format!("[::1]:{}", server.port), server.ca());
    let mut program = Program::start(&["-e", &endpoint, "-m", "src", "-c", &ca, "-b", "::1"], &[TOKEN]);
    let (mut link, request) = server.link(&["SSH"]).await;
    assert!(request.contains(&format!("Host: [::1]:{}\r\n", server.port)));
    let port = program.port().await;
    let _local = TcpStream::connect(("::1", port)).await.unwrap();
    assert_eq!(link.receive().await.connection_id, 1);
}

#[tokio::test]
async fn a_web_proxy_is_asked_for_the_server() {
    let server = Server::start().await;
    let (endpoint, ca) = (server.endpoint(), server.ca());
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://us%40er:pass@{}", proxy.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(client.read_u8().await.unwrap());
        }
        let request = String::from_utf8(request).unwrap();
        let target = request.split(' ').nth(1).unwrap().to_owned();
        let mut upstream = TcpStream::connect(target).await.unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
        request
    });
    let args = ["-e", &endpoint, "-m", "src", "-c", &ca, "-v", "6"];
    let mut program = Program::start(&args, &[TOKEN, ("https_proxy", &place)]);
    let (mut link, _) = server.link(&["SSH"]).await;
    program.port().await;
    assert_eq!(
        asked.await.unwrap(),
        format!(
            "CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\nProxy-Authorization: basic dXNAZXI6cGFzcw==\r\n\r\n"
        )
    );
    link.close("").await;
    let (_, _, errors) = program.end().await;
    let lines = messages(&errors);
    for line in [
        "Parsed basic auth credentials for the URL",
        "Found Web proxy information in the environment variables, will use it to connect via the proxy.",
        "Resolved Web proxy IP: 127.0.0.1",
        "Connected successfully with Web Proxy",
        "Successfully sent HTTP CONNECT to the Web proxy",
        "Full response from the Web proxy:",
        "TCP tunnel established successfully",
    ] {
        assert!(lines.contains(&line), "{line} in {lines:#?}");
    }
    assert!(!errors.iter().any(|line| line.contains("pass")));
}

//! The web page of the demo's device, and fetching it.

use crate::exit::{Failure, Result};
use crate::http;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

/// What it says.
pub const TEXT: &str = "<!doctype html><title>adit</title><h1>Hello from the device</h1>\
                        <p>This page came through the tunnel.</p>\n";

/// Serves the page on a port of its own.
pub async fn serve() -> Result<SocketAddr> {
    let broken = |error: std::io::Error| Failure::failed(format!("the device's web page: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(async |_| {
                let page = Response::builder().header("content-type", "text/html; charset=utf-8");
                Ok::<_, Infallible>(
                    page.body(Full::new(Bytes::from_static(TEXT.as_bytes()))).unwrap_or_default(),
                )
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    Ok(address)
}

/// Fetches the page.
pub async fn fetch(address: SocketAddr) -> Result<String> {
    let wire = TcpStream::connect(address).await.map_err(|error| Failure::failed(error.to_string()))?;
    let request = Request::get("/")
        .header("host", address.to_string())
        .body(Full::new(Bytes::new()))
        .map_err(|error| Failure::failed(error.to_string()))?;
    let answer = http::exchange(wire, request).await?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}

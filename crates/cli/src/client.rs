//! A small client of the server's own API: signed calls over HTTP or HTTPS, as any SDK would make them.

use crate::data_dir::Key;
use crate::exit::{Failure, Result};
use adit_server::nearby::Nearby;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Bytes of an answer that are read at most.
const ANSWER_LIMIT: usize = 4 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whatever a connection is made of.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Host and port of an `http://` or `https://` URL, and whether it is the latter.
fn parts(url: &str) -> Result<(bool, String)> {
    let found = url.strip_prefix("https://").map(|rest| (true, rest));
    let found = found.or_else(|| url.strip_prefix("http://").map(|rest| (false, rest)));
    let (tls, rest) =
        found.ok_or_else(|| Failure::usage(format!("{url}: not an http:// or https:// URL")))?;
    let authority = rest.trim_end_matches('/');
    let has_port =
        authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let port = if tls { 443 } else { 80 };
    Ok((tls, if has_port { authority.to_owned() } else { format!("{authority}:{port}") }))
}

/// Connects to the API, with TLS verified against the server's CA where the URL says https.
pub async fn connect(client: &Nearby) -> Result<(Box<dyn Wire>, String)> {
    let (tls, authority) = parts(&client.endpoint)?;
    let unreachable =
        |error: &dyn std::fmt::Display| Failure::unreachable(format!("{}: {error}", client.endpoint));
    let tcp = tokio::time::timeout(TIMEOUT, TcpStream::connect(&authority))
        .await
        .map_err(|_| unreachable(&"no answer in 10 s"))?
        .map_err(|error| unreachable(&error))?;
    if !tls {
        return Ok((Box::new(tcp), authority));
    }
    let host = authority.rsplit_once(':').map_or(&*authority, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unreachable(&error))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls_config(client)?));
    let stream = tokio::time::timeout(TIMEOUT, connector.connect(name, tcp))
        .await
        .map_err(|_| unreachable(&"the TLS handshake took more than 10 s"))?
        .map_err(|error| unreachable(&error))?;
    Ok((Box::new(stream), authority))
}

fn tls_config(client: &Nearby) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    match &client.ca {
        Some(path) => {
            let broken =
                |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| broken(&error))? {
                roots.add(certificate.map_err(|error| broken(&error))?).map_err(|error| broken(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Failure::failed(format!("TLS: {error}")))
}

/// Sends one request on a connection of its own and reads the whole answer.
pub async fn send(wire: impl Wire + 'static, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
    let lost =
        |error: &dyn std::fmt::Display| Failure::unreachable(format!("the connection was lost: {error}"));
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(wire)).await.map_err(|error| lost(&error))?;
        let connection = tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.map_err(|error| lost(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| lost(&error))?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(head, body))
    };
    tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| lost(&"no answer in 10 s"))?
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

/// A signed call of the JSON 1.1 or query protocol: `POST /` with `headers` and `body`.
pub async fn call(
    client: &Nearby,
    key: &Key,
    service: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response<Bytes>> {
    let request = Request::post("/");
    exchange(client, key, service, request, headers, body).await
}

/// A signed call of the `iot` service: its answer as JSON.
///
/// # Errors
/// What the server says is wrong, with AWS's name for it.
pub async fn iot(client: &Nearby, key: &Key, method: Method, path: &str, body: &Value) -> Result<Value> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path);
    let answer =
        exchange(client, key, "iot", request, &[("content-type", "application/json")], &text).await?;
    let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    if answer.status().is_success() {
        return Ok(value);
    }
    let name = answer.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok());
    let name = name.and_then(|name| name.split(':').next()).unwrap_or_default();
    let message = value.get("message").or_else(|| value.get("Message")).and_then(Value::as_str);
    Err(Failure::failed(format!(
        "the server answered {} {name}: {}",
        answer.status().as_u16(),
        message.unwrap_or("no reason")
    )))
}

async fn exchange(
    client: &Nearby,
    key: &Key,
    service: &str,
    request: Builder,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response<Bytes>> {
    let (wire, authority) = connect(client).await?;
    let mut request = request.header("host", &authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|error| Failure::failed(format!("request: {error}")))?;
    sign(&mut request, client, key, service, body)?;
    send(wire, request).await
}

fn sign(request: &mut Request<Full<Bytes>>, client: &Nearby, key: &Key, service: &str, body: &str) -> Result {
    let unsigned = adit_aws::Request {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        body: body.as_bytes(),
    };
    let signer = adit_aws::sigv4::Signer {
        key_id: &key.id,
        secret: &key.secret,
        session_token: key.session_token.as_deref(),
        region: &client.region,
        service,
        now: now(),
    };
    let headers = adit_aws::sigv4::sign(&unsigned, &signer)
        .map_err(|error| Failure::failed(format!("the access key {} cannot be used: {error}", key.id)))?;
    request.headers_mut().extend(headers.into_iter().map(|(name, value)| (Some(name), value)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_url_without_a_port_means_the_usual_one() {
        for (url, tls, authority) in [
            ("https://adit.example:8443/", true, "adit.example:8443"),
            ("https://adit.example", true, "adit.example:443"),
            ("http://[::1]", false, "[::1]:80"),
            ("http://[::1]:8080", false, "[::1]:8080"),
        ] {
            assert_eq!(parts(url).unwrap(), (tls, authority.to_owned()));
        }
        assert!(parts("adit.example:8443").is_err());
    }
}

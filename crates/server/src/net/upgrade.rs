//! What every upgrade to a WebSocket has in common. spec: RFC 6455 §4.2

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::http::Answer;
use super::stream::Stream;

/// What RFC 6455 §1.3 has appended to a key before it is hashed.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for a WebSocket, on whatever path.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    asks(request.headers())
}

fn asks(headers: &HeaderMap) -> bool {
    has_word(headers, &header::UPGRADE, "websocket")
}

/// The answer to the client's key, or what is wrong with the upgrade.
pub fn accept_key(method: &Method, headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    if *method != Method::GET {
        return Err("A WebSocket is opened with GET.");
    }
    if !asks(headers) || !has_word(headers, &header::CONNECTION, "upgrade") {
        return Err(
            "Not a WebSocket upgrade: the headers Connection: upgrade and Upgrade: websocket are needed. A proxy in between may have removed them.",
        );
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|v| v != "13") {
        return Err("Sec-WebSocket-Version must be 13.");
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let wrong = "There must be one Sec-WebSocket-Key, 16 bytes in base64.";
    let (Some(key), None) = (keys.next(), keys.next()) else { return Err(wrong) };
    if STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != 16 {
        return Err(wrong);
    }
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(ACCEPT_SUFFIX);
    HeaderValue::from_str(&STANDARD.encode(hash.finish())).map_err(|_| wrong)
}

/// The 101 that opens the WebSocket.
pub fn switching(accept: HeaderValue, subprotocol: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    answer
}

/// The connection under the HTTP server, once the 101 is written, and the bytes read behind the request.
pub async fn taken(upgraded: OnUpgrade) -> Result<(Stream, Bytes), String> {
    let upgraded = upgraded.await.map_err(|error| format!("during the upgrade: {error}"))?;
    let parts = upgraded.downcast::<TokioIo<Stream>>().map_err(|_| "not our connection".to_owned())?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

/// Whether a list header has a word, in whatever capitals.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        let request = Request::get("/tunnel")
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        assert_eq!(accept_key(request.method(), request.headers()).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

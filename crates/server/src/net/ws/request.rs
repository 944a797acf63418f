//! Reading an upgrade request: everything that can be judged without the store.

use adit_store::{TokenHash, hash_token};
use adit_tunnel::token::{ClientToken, check_client_token, is_automatic};
use adit_tunnel::{Side, Version, version};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use super::Refused;
use crate::net::upgrade::accept_key;

/// The path of tunnel data. spec: secure-tunneling §4.1
pub const PATH: &str = "/tunnel";
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("access-token");
const CLIENT_TOKEN: HeaderName = HeaderName::from_static("client-token");
const COOKIE_NAME: &str = "awsiot-tunnel-token";
/// Ours: a browser cannot set headers, and without a client token it could not come back with its token.
const CLIENT_COOKIE: &str = "awsiot-tunnel-client-token";
const MODE: &str = "local-proxy-mode";
/// As much of a client's name as is kept.
const AGENT: usize = 128;

/// What a well-formed upgrade asks for.
pub struct Wish {
    /// The side.
    pub side: Side,
    /// Hash of the access token; the token itself is forgotten here.
    pub token: TokenHash,
    /// The client token, as a hash.
    pub client_token: Option<ClientToken>,
    /// The version agreed on.
    pub version: Version,
    /// Its name as the client spelled it.
    pub subprotocol: HeaderValue,
    /// The answer to the client's key.
    pub accept: HeaderValue,
    /// What the client calls itself.
    pub agent: String,
}

impl Wish {
    /// Whether the client is one of ours, which applies back-pressure and needs no pacing.
    pub fn is_own(&self) -> bool {
        self.agent.starts_with("adit")
    }

    /// Reads an upgrade of at most `limit` bytes. spec: secure-tunneling §2.5, §4.2
    pub fn read<B>(request: &Request<B>, limit: usize) -> Result<Self, Refused> {
        let headers = request.headers();
        if size(request) > limit {
            return Err(Refused::bad(
                "too-large",
                format!("The upgrade request is larger than the {limit} bytes allowed."),
            ));
        }
        if request.uri().path() != PATH {
            return Err(Refused::bad("path", "Unknown path: tunnel data is at /tunnel."));
        }
        let accept =
            accept_key(request.method(), headers).map_err(|text| Refused::bad("not-websocket", text))?;
        let side = mode(request.uri().query().unwrap_or_default())?;
        let token = hash_token(access_token(headers)?);
        let client_token = client_token(headers)?;
        let (version, subprotocol) = subprotocol(headers)?;
        let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let agent = agent.chars().take(AGENT).collect();
        Ok(Self { side, token, client_token, version, subprotocol, accept, agent })
    }
}

/// Bytes of request line and headers, as a client would have written them.
fn size<B>(request: &Request<B>) -> usize {
    let line = request.method().as_str().len() + request.uri().to_string().len() + " HTTP/1.1".len() + 3;
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    line + headers.sum::<usize>() + 2
}

fn mode(query: &str) -> Result<Side, Refused> {
    let mut side = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != MODE {
            return Err(Refused::bad("query", "Unknown query parameter: only local-proxy-mode is allowed."));
        }
        if side.is_some() {
            return Err(Refused::bad("mode", "local-proxy-mode is given more than once."));
        }
        let parsed = value.parse().map_err(|_| {
            Refused::bad("mode", "Invalid local-proxy-mode: it must be source or destination.")
        })?;
        side = Some(parsed);
    }
    side.ok_or_else(|| Refused::bad("mode", "Missing local-proxy-mode: it must be source or destination."))
}

/// The one access token, from the header or from the cookie.
fn access_token(headers: &HeaderMap) -> Result<&str, Refused> {
    let in_headers = headers.get_all(ACCESS_TOKEN).iter().map(|value| value.to_str().unwrap_or_default());
    let mut tokens = in_headers.chain(cookies(headers, COOKIE_NAME));
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if !token.is_empty() => Ok(token),
        (None | Some(_), None) => Err(Refused::bad(
            "no-token",
            "Missing access token: send it in the header access-token or in the cookie awsiot-tunnel-token.",
        )),
        (_, Some(_)) => Err(Refused::bad(
            "several-tokens",
            "Several access tokens: send exactly one, in the header access-token or in the cookie awsiot-tunnel-token.",
        )),
    }
}

/// The values of one cookie; several are a mistake of the client's.
fn cookies<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn client_token(headers: &HeaderMap) -> Result<Option<ClientToken>, Refused> {
    let in_headers = headers.get_all(CLIENT_TOKEN).iter().map(|value| value.to_str().unwrap_or_default());
    let mut values = in_headers.chain(cookies(headers, CLIENT_COOKIE));
    let Some(text) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refused::bad("several-client-tokens", "Several client tokens: send at most one."));
    }
    check_client_token(text).map_err(|malformed| Refused::bad("client-token", malformed.to_string()))?;
    Ok(Some(ClientToken { hash: hash_token(text), automatic: is_automatic(text) }))
}

fn subprotocol(headers: &HeaderMap) -> Result<(Version, HeaderValue), Refused> {
    let offers =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    version::choose(offers)
        .and_then(|(version, name)| Some((version, HeaderValue::from_str(name).ok()?)))
        .ok_or_else(|| {
            Refused::bad(
                "subprotocol",
                "No acceptable subprotocol: offer aws.iot.securetunneling-3.0, -2.0 or -1.0 in Sec-WebSocket-Protocol.",
            )
        })
}

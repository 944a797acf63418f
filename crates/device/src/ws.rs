//! The WebSocket upgrade: request out, answer in. (spec: secure-tunneling §4.2, §2.5)

use adit_tunnel::Side;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the longest answer head that is read.
const HEAD: usize = 16 * 1024;

/// Bytes of a refusal's body that are shown.
const BODY: usize = 4 * 1024;

/// What the upgrade asks for.
pub struct Upgrade<'a> {
    /// Host of the server, IPv6 without brackets.
    pub host: &'a str,
    /// Port of the server.
    pub port: u16,
    /// Which end we are.
    pub side: Side,
    /// The subprotocol offered.
    pub subprotocol: &'a str,
    /// The client access token.
    pub access_token: &'a str,
    /// The client token.
    pub client_token: &'a str,
    /// Sixteen random bytes in base64.
    pub key: String,
}

/// How the server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status line and headers, without the empty line.
    pub head: String,
    /// The status code.
    pub status: u16,
    /// What follows the head: the body of a refusal, the first WebSocket bytes otherwise.
    pub rest: Vec<u8>,
}

/// A key for `Sec-WebSocket-Key`.
///
/// # Errors
/// The operating system has no random numbers.
pub fn key() -> Result<String, String> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|error| format!("No random numbers: {error}"))?;
    Ok(STANDARD.encode(random))
}

/// The value of `Sec-WebSocket-Accept` that proves the server read the key. spec: RFC 6455 §4.2.2
pub fn accept_of(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

impl Upgrade<'_> {
    /// The request's bytes.
    pub fn request(&self) -> String {
        self.text(self.access_token, self.client_token)
    }

    /// The request as the log may show it, without the tokens.
    pub fn masked(&self) -> String {
        self.text("***ACCESS_TOKEN_REMOVED***", "***CLIENT_TOKEN_REMOVED***")
    }

    fn text(&self, access_token: &str, client_token: &str) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_owned() };
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        format!(
            "GET /tunnel?local-proxy-mode={side} HTTP/1.1\r\n\
             Host: {host}{port}\r\n\
             Upgrade: websocket\r\n\
             Connection: upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\
             access-token: {access_token}\r\n\
             client-token: {client_token}\r\n\
             User-Agent: {agent}\r\n\r\n",
            side = self.side,
            key = self.key,
            subprotocol = self.subprotocol,
            agent = agent(),
        )
    }
}

/// `adit-localproxy/<version>`, then system and word size; the server knows its own clients by the first word.
fn agent() -> String {
    format!("adit-localproxy/{} {} {}-bit", env!("CARGO_PKG_VERSION"), std::env::consts::OS, usize::BITS)
}

impl Answer {
    /// The value of a header, if it came.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The status line: version, code, reason.
    pub fn status_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The body of a refusal as text.
    pub fn body(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }
}

/// Sends the request and reads the answer, and the body too if it is a refusal.
///
/// # Errors
/// A connection that ends, or an answer that is too long or not HTTP.
pub async fn exchange<S>(stream: &mut S, request: &str) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD {
            return Err(format!("the answer's head is longer than {HEAD} bytes"));
        }
        if stream.read_buf(&mut bytes).await.map_err(failed)? == 0 {
            return Err("the server ended the connection before it answered".to_owned());
        }
    };
    let mut answer = parse(&bytes, end)?;
    if answer.status != 101 {
        read_body(stream, &mut answer).await;
    }
    Ok(answer)
}

fn parse(bytes: &[u8], end: usize) -> Result<Answer, String> {
    let (head, rest) = bytes.split_at_checked(end).ok_or("the answer has no head")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut words = head.split_whitespace();
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|word| word.parse().ok());
    match status {
        Some(status) if version.starts_with("HTTP/1.") => {
            Ok(Answer { status, rest: rest.get(4..).unwrap_or_default().to_vec(), head })
        }
        _ => Err("the answer is not HTTP/1.1".to_owned()),
    }
}

/// Reads as much of the body as is announced, or up to the end; what is cut short is shown as far as it came.
async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, answer: &mut Answer) {
    let announced = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let wanted = announced.unwrap_or(BODY).min(BODY);
    while answer.rest.len() < wanted {
        match stream.read_buf(&mut answer.rest).await {
            Ok(n) if n > 0 => {}
            _ => break,
        }
    }
    answer.rest.truncate(wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_the_one_of_the_rfc() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_log_never_sees_a_token() {
        let upgrade = Upgrade {
            host: "::1",
            port: 8443,
            side: Side::Destination,
            subprotocol: "aws.iot.securetunneling-3.0",
            access_token: "secret-one",
            client_token: "secret-two",
            key: "a2V5".to_owned(),
        };
        assert!(
            upgrade
                .request()
                .starts_with("GET /tunnel?local-proxy-mode=destination HTTP/1.1\r\nHost: [::1]:8443\r\n")
        );
        assert!(upgrade.request().contains("\r\naccess-token: secret-one\r\nclient-token: secret-two\r\n"));
        assert!(!upgrade.masked().contains("secret"));
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_body_and_an_upgrade_its_first_bytes() {
        let text = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nChannel-Id: 7\r\n\r\nused";
        let mut stream = tokio::io::join(&text[..], tokio::io::sink());
        let answer = exchange(&mut stream, "GET").await.unwrap();
        assert_eq!((answer.status, answer.status_line()), (400, "HTTP/1.1 400 Bad Request"));
        assert_eq!((answer.body().as_str(), answer.header("channel-id")), ("used", Some("7")));

        let text = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x82\x00";
        let mut stream = tokio::io::join(&text[..], tokio::io::sink());
        assert_eq!(exchange(&mut stream, "GET").await.unwrap().rest, [0x82, 0x00]);

        for wrong in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 101"] {
            let mut stream = tokio::io::join(wrong, tokio::io::sink());
            assert!(exchange(&mut stream, "GET").await.is_err());
        }
    }
}

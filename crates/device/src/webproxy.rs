//! A web proxy between us and the server: its URL, and the `CONNECT` conversation.
//! (spec: secure-tunneling §5.4)

use base64::Engine as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::log::Log;

/// A web proxy as the environment names it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebProxy {
    /// Host without brackets.
    pub host: String,
    /// Port; 3128 unless given.
    pub port: u16,
    /// Whether the port was given.
    pub has_port: bool,
    /// Whether the proxy itself is spoken to over TLS.
    pub is_tls: bool,
    /// `user:password`, decoded.
    pub credentials: Option<String>,
}

impl std::fmt::Debug for WebProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebProxy({}:{})", self.host, self.port)
    }
}

const DEFAULT_PORT: u16 = 3128;

/// Bytes of the longest answer to `CONNECT` that is read.
const ANSWER: usize = 16 * 1024;

/// Reads `http(s)://[user:password@]host[:port]`. Without a scheme it is http; the slashes may be missing.
///
/// # Errors
/// Another scheme, no host, a port that is none, a credential that is not percent-encoded UTF-8.
pub fn parse(url: &str) -> Result<WebProxy, &'static str> {
    let lower = url.to_ascii_lowercase();
    let (is_tls, rest) = match scheme_of(&lower) {
        Some(scheme @ ("http" | "https")) => {
            let rest = url.get(scheme.len() + 1..).unwrap_or_default();
            (scheme == "https", rest.strip_prefix("//").unwrap_or(rest))
        }
        Some(_) => return Err("Unsupported protocol"),
        None => (false, url),
    };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(decode(credentials)?), place),
        None => (None, rest),
    };
    let (host, port) = split_place(place)?;
    if host.is_empty() {
        return Err("No host in the URL of the web proxy");
    }
    Ok(WebProxy {
        host: host.to_owned(),
        port: port.unwrap_or(DEFAULT_PORT),
        has_port: port.is_some(),
        is_tls,
        credentials,
    })
}

/// The scheme of a lower-cased URL. `host:3128` has none although it has a colon.
fn scheme_of(url: &str) -> Option<&str> {
    if let Some((scheme, _)) = url.split_once("://") {
        return Some(scheme);
    }
    let (scheme, _) = url.split_once(':')?;
    matches!(scheme, "http" | "https").then_some(scheme)
}

fn decode(credentials: &str) -> Result<String, &'static str> {
    percent_encoding::percent_decode_str(credentials)
        .decode_utf8()
        .map(String::from)
        .map_err(|_| "The credentials of the web proxy are not UTF-8")
}

fn split_place(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("A bracket is missing in the URL of the web proxy")?;
        (host, rest.strip_prefix(':'))
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    match port.filter(|port| !port.is_empty()) {
        None => Ok((host, None)),
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err("The port of the web proxy must be between 1 and 65535"),
        },
    }
}

/// The request that asks for a connection to the server.
pub fn request(proxy: &WebProxy, host: &str, port: u16) -> String {
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut text = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(credentials) = &proxy.credentials {
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        text.push_str(&format!("Proxy-Authorization: basic {encoded}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// Asks the web proxy for a connection and reads its answer up to the empty line.
///
/// # Errors
/// A connection that ends, an answer that is too long or not HTTP, a status that is not 2xx.
pub async fn connect<S>(
    stream: &mut S,
    proxy: &WebProxy,
    host: &str,
    port: u16,
    log: Log,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: std::io::Error| format!("Could not speak with the Web proxy: {error}");
    stream.write_all(request(proxy, host, port).as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    log.debug("Successfully sent HTTP CONNECT to the Web proxy");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= ANSWER {
            return Err(format!("The Web proxy's answer is longer than {ANSWER} bytes"));
        }
        let byte = stream.read_u8().await.map_err(failed)?;
        answer.push(byte);
    }
    let text = String::from_utf8_lossy(&answer);
    log.trace(format_args!("Full response from the Web proxy:\n{}", text.trim_end()));
    let status = text.split_whitespace().nth(1).and_then(|status| status.parse::<u16>().ok());
    match status {
        Some(200) => {
            log.debug("TCP tunnel established successfully");
            Ok(())
        }
        Some(201..=299) => {
            log.warning(format_args!(
                "TCP tunnel established, although the Web proxy answered {}",
                text.lines().next().unwrap_or_default()
            ));
            Ok(())
        }
        _ => Err(format!("The Web proxy refused HTTP CONNECT: {}", text.lines().next().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> (String, u16, bool) {
        let proxy = parse(url).unwrap();
        (proxy.host, proxy.port, proxy.is_tls)
    }

    #[test]
    fn urls_of_all_spellings() {
        assert_eq!(place("http://proxy.example.com:1234"), ("proxy.example.com".into(), 1234, false));
        assert_eq!(place("https://proxy.example.com"), ("proxy.example.com".into(), 3128, true));
        assert_eq!(place("HTTP://Proxy/"), ("Proxy".into(), 3128, false));
        assert_eq!(place("http:proxy.example.com:1234"), ("proxy.example.com".into(), 1234, false));
        assert_eq!(place("proxy.example.com:1234"), ("proxy.example.com".into(), 1234, false));
        assert_eq!(place("proxy"), ("proxy".into(), 3128, false));
        assert_eq!(place("http://[::1]:99"), ("::1".into(), 99, false));
    }

    #[test]
    fn credentials_are_decoded_and_sent_as_basic() {
        let proxy = parse("http://us%40er:p%3Ass@host:1").unwrap();
        assert_eq!(proxy.credentials.as_deref(), Some("us@er:p:ss"));
        assert_eq!(
            request(&proxy, "::1", 443),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\
             Proxy-Authorization: basic dXNAZXI6cDpzcw==\r\n\r\n"
        );
        assert!(!format!("{proxy:?}").contains("p:ss"));
    }

    #[test]
    fn wrong_urls_are_refused() {
        assert_eq!(parse("socks5://host"), Err("Unsupported protocol"));
        assert!(parse("http://").is_err());
        assert!(parse("http://host:0").is_err());
        assert!(parse("http://host:70000").is_err());
        assert!(parse("http://[::1").is_err());
    }
}

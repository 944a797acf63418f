//! Signed calls to the server's own API over plain HTTP, on the loopback address.

use crate::fail::{Result, fail};
use crate::process::Process;
use adit_aws::{Request, Service, Signer, sign};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MEDIA: &str = "application/x-amz-json-1.1";
const FORM: &str = "application/x-www-form-urlencoded";
const TARGET: &str = "IoTSecuredTunneling.OpenTunnel";
const ANSWER_LIMIT: usize = 1 << 20;

/// Who calls, and where.
#[derive(Clone)]
pub struct Account {
    authority: String,
    region: String,
    key_id: String,
    secret: String,
}

/// What the server leaves in its data folder for clients on the same machine.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Client {
    endpoint: String,
    /// `host:port` of the tunnel endpoint.
    pub tunnel: Option<String>,
    region: String,
    ca: Option<PathBuf>,
    credentials: PathBuf,
}

impl Client {
    /// Waits until a server has written it.
    pub fn read(server: &mut Process, data: &Path) -> Result<Self> {
        let file = data.join("client.json");
        server.wait_for("its addresses", |_| serde_json::from_slice(&fs::read(&file).ok()?).ok())
    }

    /// The first access key.
    pub fn account(&self, data: &Path) -> Result<Account> {
        Account::read(&self.endpoint, &self.region, &data.join(&self.credentials))
    }

    /// The certificate of the server's authority.
    pub fn ca(&self, data: &Path) -> Result<PathBuf> {
        let ca = self.ca.as_ref().ok_or("client.json names no CA")?;
        Ok(data.join(ca))
    }
}

/// The two tokens of a tunnel.
pub struct Tunnel {
    pub source: String,
    pub destination: String,
}

impl Account {
    /// The key in an AWS credentials file, for the API at an `http://` URL.
    fn read(url: &str, region: &str, credentials: &Path) -> Result<Self> {
        let Some(authority) = url.strip_prefix("http://") else {
            return fail(format!("the API is at {url}; the bench speaks plain http:// only"));
        };
        let text = fs::read_to_string(credentials)?;
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim().to_owned())
                .ok_or_else(|| format!("{} names no {name}", credentials.display()))
        };
        Ok(Self {
            authority: authority.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            key_id: value("aws_access_key_id")?,
            secret: value("aws_secret_access_key")?,
        })
    }

    /// A caller of a server that looks at no signature.
    pub fn any(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            region: "us-east-1".to_owned(),
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        }
    }

    /// Where it calls: host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// A signed request of the registry, ready to be written.
    pub fn of_registry(&self, method: &Method, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        self.request(&Call { service: Service::Iot, method, path, query: "", body })
    }

    /// A signed OpenTunnel, ready to be written as often as one likes.
    pub fn of_open_tunnel(&self, service: &str) -> Result<Vec<u8>> {
        let body = tunnel_with(service);
        let (service, path) = (Service::Tunneling, "/");
        self.request(&Call { service, method: &Method::POST, path, query: "", body: body.as_bytes() })
    }

    pub fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.authority)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Connection { account: self.clone(), stream: BufReader::new(stream) })
    }

    fn request(&self, call: &Call<'_>) -> Result<Vec<u8>> {
        let Call { service, method, path, query, body } = *call;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(&self.authority)?);
        let media = match service {
            Service::Tunneling => MEDIA,
            Service::Iam => FORM,
            _ => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        if service == Service::Tunneling {
            headers.insert(HeaderName::from_static("x-amz-target"), HeaderValue::from_static(TARGET));
        }
        let request = Request { method, path, query, headers: &headers, body };
        let signer = Signer {
            key_id: &self.key_id,
            secret: &self.secret,
            session_token: None,
            region: &self.region,
            service: service.signing_name(),
            now: jiff::Timestamp::now().as_second(),
        };
        let signature = sign(&request, &signer)?;
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = format!("{method} {path}{mark}{query} HTTP/1.1\r\n");
        let all = headers.iter().chain(signature.iter().map(|(name, value)| (name, value)));
        for (name, value) in all {
            write!(head, "{name}: {}\r\n", value.to_str()?)?;
        }
        write!(head, "content-length: {}\r\n\r\n", body.len())?;
        Ok([head.as_bytes(), body].concat())
    }
}

fn tunnel_with(service: &str) -> String {
    json!({ "destinationConfig": { "services": [service] } }).to_string()
}

struct Call<'a> {
    service: Service,
    method: &'a Method,
    path: &'a str,
    query: &'a str,
    body: &'a [u8],
}

/// A connection to the API, used for one call after another.
pub struct Connection {
    account: Account,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Opens a tunnel that names one service.
    pub fn open_tunnel(&mut self, service: &str) -> Result<Tunnel> {
        self.open(&tunnel_with(service))
    }

    /// The same, of a thing that is told of it.
    pub fn open_tunnel_to(&mut self, thing: &str, service: &str) -> Result<Tunnel> {
        self.open(&json!({ "destinationConfig": { "thingName": thing, "services": [service] } }).to_string())
    }

    fn open(&mut self, body: &str) -> Result<Tunnel> {
        let (service, path) = (Service::Tunneling, "/");
        let call = Call { service, method: &Method::POST, path, query: "", body: body.as_bytes() };
        let (status, answer) = self.call(&call)?;
        let token = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match (status.as_str(), token("sourceAccessToken"), token("destinationAccessToken")) {
            ("200", Some(source), Some(destination)) => Ok(Tunnel { source, destination }),
            _ => fail(format!("OpenTunnel was answered {status} {answer}")),
        }
    }

    /// An operation of the registry. Gives its answer.
    pub fn registry(&mut self, method: &Method, path: &str, body: &Value) -> Result<Value> {
        self.registry_with(method, path, "", body)
    }

    /// The same with a query.
    pub fn registry_with(&mut self, method: &Method, path: &str, query: &str, body: &Value) -> Result<Value> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let call = Call { service: Service::Iot, method, path, query, body: text.as_bytes() };
        match self.call(&call)? {
            (status, answer) if status.starts_with('2') => Ok(answer),
            (status, answer) => fail(format!("{method} {path} was answered {status} {answer}")),
        }
    }

    /// An operation of `iam`.
    pub fn iam(&mut self, operation: &str, parameters: &[(&str, &str)]) -> Result<()> {
        let mut form = format!("Action={operation}&Version=2010-05-08");
        for (name, value) in parameters {
            let escaped = value.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            });
            form.extend(["&", name, "="]);
            form.extend(escaped);
        }
        let call = Call {
            service: Service::Iam,
            method: &Method::POST,
            path: "/",
            query: "",
            body: form.as_bytes(),
        };
        match self.call(&call)? {
            (status, _) if status.starts_with('2') => Ok(()),
            (status, _) => fail(format!("{operation} was answered {status}")),
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Result<(String, Value)> {
        let request = self.account.request(call)?;
        self.stream.get_mut().write_all(&request)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<(String, Value)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let Some(status) = line.split(' ').nth(1).map(str::to_owned) else {
            return fail(format!("not an HTTP answer: {line:?}"));
        };
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        if length > ANSWER_LIMIT {
            return fail(format!("an answer of {length} bytes; at most {ANSWER_LIMIT} are read"));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

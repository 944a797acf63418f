//! The AWS front: signatures, and what becomes of a signed request.
//!
//! All targets read text: one line, header lines up to an empty line, then the body.

use adit_aws::profile::{Kind, Sections, command_words};
use adit_aws::table::{Check, Place};
use adit_aws::{Call, Failure, Operation, Protocol, Refusal, Refused, Request, Service, Signature, Signer};
use adit_aws::{Unanswered, fault, limits, read, read_answer, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::method::Method;
use serde_json::{Map, Value};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: i64 = 1_440_938_160;

/// `METHOD service target`, headers, body. As it comes, the request is refused or taken; signed by us for that
/// service it verifies, but not with another secret, later or with another body.
pub fn sigv4(data: &[u8]) {
    let Some((line, headers, body)) = parts(data) else {
        return;
    };
    let mut words = line.splitn(3, ' ');
    let (Some(method), Some(service), Some(target)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut sent =
        Sent { method, path: path.to_owned(), query: query.to_owned(), headers, body: body.to_vec() };
    match read(&sent.request()).and_then(|unsigned| unsigned.verify(SECRET, NOW)) {
        Ok(call) => {
            assert!(matches!(call.region().len(), 1..=64));
            let _ = call.bind().map_err(|refused| told(&refused));
        }
        Err(refused) => told(&refused),
    }
    if service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        sent.sign(service);
        holds(&sent);
        sent.call();
    }
}

/// `service.Operation label label?query`, headers, body: the labels fill the operation's path. The request is signed,
/// so that it comes to be bound; what was bound is bound to the same again when written from the values alone.
pub fn bind(data: &[u8]) {
    let Some((line, headers, body)) = parts(data) else {
        return;
    };
    let (words, query) = line.split_once('?').unwrap_or((line, ""));
    let mut words = words.split(' ');
    let operation = operation(words.next().unwrap_or_default());
    let mut sent = Sent::to(operation, headers);
    let label = |text: &str| text.starts_with('{').then(|| words.next().unwrap_or("x").to_owned());
    sent.fill(label);
    sent.query.push_str(query);
    sent.body = body.to_vec();
    sent.sign(operation.service.signing_name());
    let Some(call) = sent.call() else {
        return;
    };
    match call.bind() {
        Ok(input) => bound_again(call.operation(), &input),
        Err(refused) => told(&refused),
    }
}

/// `service.Operation`, then a form: the same for the services that are asked with one, the form in the body.
pub fn form(data: &[u8]) {
    let Some((line, headers, body)) = parts(data) else {
        return;
    };
    let operation = operation(line);
    if operation.service.protocol() != Protocol::QueryXml {
        return;
    }
    let mut sent = Sent::to(operation, headers);
    sent.body = body.to_vec();
    sent.sign(operation.service.signing_name());
    let Some(call) = sent.call() else {
        return;
    };
    match call.bind() {
        Ok(input) => bound_again(call.operation(), &input),
        Err(refused) => told(&refused),
    }
}

/// `service.Operation status`, headers, body: an answer, as a client reads it. What comes of it can be shown.
pub fn answer(data: &[u8]) {
    let Some((line, headers, body)) = parts(data) else {
        return;
    };
    let (name, status) = line.split_once(' ').unwrap_or((line, "200"));
    match read_answer(operation(name), status.parse().unwrap_or(200), &headers, body) {
        Ok(output) => drop(output.to_string()),
        Err(Unanswered::Fault(fault)) => {
            assert!(!fault.to_string().is_empty() && !fault.code.contains([':', '#']), "{fault:?}");
        }
        Err(Unanswered::Unreadable(why)) => assert!(!why.is_empty()),
    }
}

/// A file with profiles. No value of it is ever shown, and what is split as a command can be joined again.
pub fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Sections::parse(text) {
        Ok(file) => {
            for kind in [Kind::Config, Kind::Credentials] {
                assert!(file.profiles(kind).all(|name| file.profile(kind, name).is_some()));
            }
        }
        Err(why) => assert!(why.starts_with("line ")),
    }
    if let Ok(words) = command_words(text) {
        let quoted: Vec<String> =
            words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
        assert_eq!(command_words(&quoted.join(" ")), Ok(words));
    }
}

fn bound_again(operation: &'static Operation, input: &Value) {
    let written = Sent::written(operation, input);
    let call = written.call().expect("the path of the operation");
    assert_eq!(call.operation().name, operation.name);
    let again = call.bind().expect("an input that was bound before");
    assert!(same(input, &again), "{input} became {again}");
}

/// The line, the headers, the body. A request without `host` gets one.
fn parts(data: &[u8]) -> Option<(&str, HeaderMap, &[u8])> {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, rest) = data.split_at(end.unwrap_or(data.len()));
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines.take(limits::SIGNED_HEADERS / 2) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = value.strip_prefix(b":")?.trim_ascii();
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost:8443"));
    Some((line, headers, rest.get(2..).unwrap_or_default()))
}

/// The operation of that name; another name stands for one of them too.
fn operation(name: &str) -> &'static Operation {
    let named =
        name.split_once('.').and_then(|(service, name)| Service::from_signing_name(service)?.operation(name));
    named.unwrap_or_else(|| {
        let all: Vec<_> = Service::ALL.into_iter().flat_map(Service::operations).collect();
        let sum: usize = name.bytes().map(usize::from).sum();
        all[sum % all.len()]
    })
}

/// A request that owns its parts.
struct Sent {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    /// A request for an operation, still with the labels of its path.
    fn to(operation: &Operation, mut headers: HeaderMap) -> Self {
        let method = operation.method.as_str().parse().expect("a method");
        let mut query = String::new();
        if operation.service.protocol() == Protocol::QueryXml {
            query = format!("Action={}&Version=2011-06-15&", operation.name);
        }
        if let Some(prefix) = operation.service.target_prefix() {
            let target = format!("{prefix}.{}", operation.name).parse().expect("a header value");
            headers.insert("x-amz-target", target);
        }
        Self { method, path: operation.path.to_owned(), query, headers, body: Vec::new() }
    }

    /// A request that carries a bound input, each member in its place.
    fn written(operation: &Operation, input: &Value) -> Self {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost:8443"))]);
        let mut sent = Self::to(operation, headers);
        let mut body = Map::new();
        for member in operation.members {
            let Some(value) = input.get(member.name) else {
                continue;
            };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let header = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a header value");
            match member.place {
                Place::Path => sent.fill(|label| {
                    let name = label.trim_matches(['{', '+', '}']);
                    (name == member.wire && label.starts_with('{')).then(|| escaped(&text))
                }),
                Place::Query => sent.query.push_str(&format!("{}={}&", member.wire, escaped(&text))),
                Place::Header => drop(sent.headers.insert(member.wire, header(&text))),
                Place::JsonHeader => {
                    let text = STANDARD.encode(Value::from(text).to_string());
                    sent.headers.insert(member.wire, header(&text));
                }
                Place::Body => drop(body.insert(member.wire.to_owned(), on_the_wire(value, member.check))),
                Place::Payload => {
                    sent.body = match member.check {
                        Check::Blob { .. } => STANDARD.decode(text).expect("base64"),
                        check => on_the_wire(value, check).to_string().into_bytes(),
                    }
                }
            }
        }
        if operation.service.protocol() == Protocol::QueryXml {
            let mut form = Vec::new();
            body.iter().for_each(|(name, value)| parameters(name, value, &mut form));
            sent.body = form.join("&").into_bytes();
        } else if !body.is_empty() {
            sent.body = Value::Object(body).to_string().into_bytes();
        }
        sent.sign(operation.service.signing_name());
        sent
    }

    /// Puts text in place of segments of the path.
    fn fill(&mut self, mut text: impl FnMut(&str) -> Option<String>) {
        let segments =
            self.path.split('/').map(|segment| text(segment).unwrap_or_else(|| segment.to_owned()));
        self.path = segments.collect::<Vec<_>>().join("/");
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn sign(&mut self, service: &str) {
        let (key_id, region) = ("AKIDEXAMPLE", "eu-central-1");
        let signer = Signer { key_id, secret: SECRET, session_token: None, region, service, now: NOW };
        for (name, value) in sign(&self.request(), &signer).expect("texts for a header") {
            self.headers.insert(name, value);
        }
    }

    /// The verified call of a request that we signed, if it leads to an operation and does not lie about its body.
    fn call(&self) -> Option<Call<'_>> {
        match read(&self.request()).and_then(|unsigned| unsigned.verify(SECRET, NOW)) {
            Ok(call) => Some(call),
            Err(refused) => {
                told(&refused);
                let why = refused.why;
                assert!(matches!(
                    why,
                    Refusal::BodyHash(_) | Refusal::WrongService(_) | Refusal::UnknownOperation(_)
                ));
                None
            }
        }
    }
}

/// Our signature verifies as it must, and only so.
fn holds(sent: &Sent) {
    let request = sent.request();
    let signature = Signature::parse(&request).expect("our own signature");
    match signature.verify(&request, SECRET, NOW) {
        Err(Refusal::BodyHash(_)) if request.headers.contains_key("x-amz-content-sha256") => return,
        verdict => assert_eq!(verdict, Ok(())),
    }
    assert_eq!(signature.verify(&request, "another", NOW), Err(Refusal::SignatureMismatch));
    let late = signature.verify(&request, SECRET, NOW + limits::SKEW_SECONDS + 1);
    assert!(matches!(late, Err(Refusal::Expired { .. })));
    let body = [&sent.body, &b"x"[..]].concat();
    let longer = signature.verify(&Request { body: &body, ..request }, SECRET, NOW);
    assert!(matches!(longer, Err(Refusal::BodyHash(_) | Refusal::SignatureMismatch)));
}

/// A refusal is one line of text, and its answer can be read.
fn told(refused: &Refused) {
    let text = refused.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    let failure = Failure { code: "Refused", status: 400, message: &text, members: Map::new() };
    let reply = fault(refused.about, failure, "id");
    match refused.about.protocol {
        Protocol::QueryXml => assert!(std::str::from_utf8(&reply.body).is_ok()),
        Protocol::RestJson | Protocol::Json11 => {
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            assert_eq!(body.get("message").and_then(Value::as_str), Some(text.as_str()));
        }
    }
}

/// Every byte escaped, so that the text is taken for no other part of a request line.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A bound value under the names of the wire.
fn on_the_wire(value: &Value, check: &Check) -> Value {
    match (check, value) {
        (Check::Structure(members), Value::Object(given)) => members
            .iter()
            .filter_map(|member| {
                Some((member.wire.to_owned(), on_the_wire(given.get(member.name)?, member.check)))
            })
            .collect(),
        (Check::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| on_the_wire(value, item)).collect()
        }
        (Check::Map { value: inner, .. }, Value::Object(entries)) => {
            entries.iter().map(|(key, value)| (key.clone(), on_the_wire(value, inner))).collect()
        }
        (_, value) => value.clone(),
    }
}

/// A value as parameters of a form.
fn parameters(name: &str, value: &Value, form: &mut Vec<String>) {
    match value {
        Value::Object(members) if members.is_empty() => form.push(format!("{name}.nothing=")),
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| parameters(&format!("{name}.{member}"), value, form));
        }
        Value::Array(items) if items.is_empty() => form.push(format!("{name}=")),
        Value::Array(items) => {
            for (at, value) in (1..).zip(items) {
                parameters(&format!("{name}.member.{at}"), value, form);
            }
        }
        Value::String(text) => form.push(format!("{name}={}", escaped(text))),
        other => form.push(format!("{name}={other}")),
    }
}

/// Whether two values are one, but for the last digit of a fraction.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| {
                (one - other).abs() <= one.abs() * f64::EPSILON * 4.0 || one.to_bits() == other.to_bits()
            })
        }
        _ => one == other,
    }
}

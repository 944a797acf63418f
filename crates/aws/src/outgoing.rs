//! The other direction of a call: an operation and one object of its members to a request that is not signed yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use crate::refusal::{Refusal, echo};
use crate::service::{Protocol, Service};
use crate::table::{Check, Member, Operation, Place};
use crate::{route, time, uri};

/// A request that names its operation and carries its input. `host` and the signature are for the caller to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded.
    pub path: String,
    /// The query without the question mark; empty if there is none.
    pub query: String,
    /// The headers that the operation needs.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// Path and query as they stand in the request line.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

/// Bytes as an input holds them: a payload or another blob is base64 text there.
#[must_use]
pub fn blob(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

/// The request that [`crate::Call::bind`] binds to `input` again: one object keyed by the member names of the API.
///
/// Null counts as absent. Constraints are not checked; the server does that.
///
/// # Errors
/// [`Refusal::Validation`] for a member that the operation does not have, for what cannot stand where it belongs, and for
/// a label of the path that is missing or empty.
pub fn build(operation: &Operation, input: &Value) -> Result<Outgoing, Refusal> {
    let mut parts =
        Parts { labels: Vec::new(), query: Vec::new(), headers: HeaderMap::new(), body: Map::new() };
    let mut payload = None;
    let empty = Map::new();
    let given = match input {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => return Err(Refusal::Validation("The input must be an object.".to_owned())),
    };
    if let Some(name) = given.keys().find(|name| operation.members.iter().all(|member| member.name != **name))
    {
        return Err(Refusal::Validation(format!("{} has no member '{}'.", operation.name, echo(name))));
    }
    for member in operation.members {
        let Some(value) = given.get(member.name).filter(|value| !value.is_null()) else { continue };
        match member.place {
            Place::Payload => payload = Some(bytes_of(value, member)?),
            _ => parts.put(member, value)?,
        }
    }
    let Parts { labels, mut query, mut headers, body } = parts;
    let path = path(operation, &labels)?;
    let body = match operation.service.protocol() {
        Protocol::QueryXml => {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
            );
            form(operation, &body)
        }
        Protocol::Json11 => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
            let target =
                format!("{}.{}", operation.service.target_prefix().unwrap_or_default(), operation.name);
            headers.insert(HeaderName::from_static(route::TARGET), text_header(&target, route::TARGET)?);
            Value::Object(body).to_string().into_bytes()
        }
        Protocol::RestJson => match payload {
            Some(payload) => payload,
            None if operation.members.iter().any(|member| member.place == Place::Body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Value::Object(body).to_string().into_bytes()
            }
            None => Vec::new(),
        },
    };
    let method = Method::from_bytes(operation.method.as_str().as_bytes()).unwrap_or_default();
    query.sort_unstable();
    Ok(Outgoing { method, path, query: query.join("&"), headers, body })
}

/// What is gathered on the way.
struct Parts<'m> {
    labels: Vec<(&'m str, String)>,
    query: Vec<String>,
    headers: HeaderMap,
    body: Map<String, Value>,
}

impl<'m> Parts<'m> {
    fn put(&mut self, member: &'m Member, value: &Value) -> Result<(), Refusal> {
        match member.place {
            Place::Path => self.labels.push((member.wire, scalar(value, member)?)),
            Place::Query => {
                let value = uri::encode(scalar(value, member)?.as_bytes());
                self.query.push(format!("{}={value}", uri::encode(member.wire.as_bytes())));
            }
            Place::Header => {
                let text = text_header(&scalar(value, member)?, member.name)?;
                self.headers.insert(HeaderName::from_static(member.wire), text);
            }
            Place::JsonHeader => {
                let text = text_header(&json_header(value), member.name)?;
                self.headers.insert(HeaderName::from_static(member.wire), text);
            }
            Place::Body | Place::Payload => {
                self.body.insert(member.wire.to_owned(), on_the_wire(value, member.check));
            }
        }
        Ok(())
    }
}

fn path(operation: &Operation, labels: &[(&str, String)]) -> Result<String, Refusal> {
    let segment = |segment: &str| {
        let Some(label) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) else {
            return Ok(segment.to_owned());
        };
        // Slashes are escaped in the rest of a path as well, as SDKs do: an ARN or a topic stays one label.
        let label = label.strip_suffix('+').unwrap_or(label);
        let value = labels.iter().find(|(name, value)| *name == label && !value.is_empty());
        let (_, value) = value.ok_or_else(|| {
            Refusal::Validation(format!("{} needs a {label} that is not empty.", operation.name))
        })?;
        Ok(uri::encode(value.as_bytes()))
    };
    Ok(operation.path.split('/').map(segment).collect::<Result<Vec<_>, _>>()?.join("/"))
}

/// Text that [`crate::bind`] reads back as a value of the member's type.
fn scalar(value: &Value, member: &Member) -> Result<String, Refusal> {
    match (member.check, value) {
        (_, Value::String(text)) => Ok(text.clone()),
        (Check::Timestamp, Value::Number(number)) => {
            #[expect(clippy::cast_possible_truncation, reason = "dates have whole seconds")]
            let seconds = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64));
            Ok(seconds.map_or_else(|| number.to_string(), time::extended))
        }
        (_, Value::Number(_) | Value::Bool(_)) => Ok(value.to_string()),
        _ => Err(Refusal::Validation(format!("Member '{}' must be one value.", member.name))),
    }
}

fn text_header(text: &str, name: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Refusal::Validation(format!("Member '{name}' cannot stand in a header.")))
}

/// JSON in base64. Text that is JSON goes as it is, other text as a JSON string.
fn json_header(value: &Value) -> String {
    let bare = value
        .as_str()
        .filter(|text| serde_json::from_str::<Value>(text).is_ok_and(|inner| !inner.is_string()));
    STANDARD.encode(bare.map_or_else(|| value.to_string(), str::to_owned))
}

/// The bytes of a payload.
fn bytes_of(value: &Value, member: &Member) -> Result<Vec<u8>, Refusal> {
    match (member.check, value) {
        (Check::Blob { .. }, Value::String(text)) => STANDARD
            .decode(text)
            .map_err(|_| Refusal::Validation(format!("Member '{}' must be base64 text.", member.name))),
        (check, value) => Ok(on_the_wire(value, check).to_string().into_bytes()),
    }
}

/// A value under the names of the wire.
fn on_the_wire(value: &Value, check: &Check) -> Value {
    match (check, value) {
        (Check::Structure(members), Value::Object(given)) => given
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match members.iter().find(|member| member.name == *name) {
                Some(member) => (member.wire.to_owned(), on_the_wire(value, member.check)),
                None => (name.clone(), value.clone()),
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

/// The form of a query request, `Action` and `Version` first.
fn form(operation: &Operation, members: &Map<String, Value>) -> Vec<u8> {
    let mut pairs = vec![
        ("Action".to_owned(), operation.name.to_owned()),
        ("Version".to_owned(), operation.service.version().unwrap_or_default().to_owned()),
    ];
    for member in operation.members {
        if let Some(value) = members.get(member.wire) {
            parameters(member.wire, value, member.check, &mut pairs);
        }
    }
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", uri::encode(name.as_bytes()), uri::encode(value.as_bytes())))
        .collect();
    pairs.join("&").into_bytes()
}

/// A value as parameters of a form. A structure without members cannot be written: it is absent.
fn parameters(name: &str, value: &Value, check: &Check, pairs: &mut Vec<(String, String)>) {
    match (check, value) {
        (Check::Structure(members), Value::Object(given)) => {
            for member in *members {
                if let Some(value) = given.get(member.wire) {
                    parameters(&format!("{name}.{}", member.wire), value, member.check, pairs);
                }
            }
        }
        (Check::List { item, .. }, Value::Array(items)) => {
            if items.is_empty() {
                pairs.push((name.to_owned(), String::new()));
            }
            for (at, value) in (1..).zip(items) {
                parameters(&format!("{name}.member.{at}"), value, item, pairs);
            }
        }
        (Check::Map { value: inner, .. }, Value::Object(entries)) => {
            for (at, (key, value)) in (1..).zip(entries) {
                pairs.push((format!("{name}.entry.{at}.key"), key.clone()));
                parameters(&format!("{name}.entry.{at}.value"), value, inner, pairs);
            }
        }
        (Check::Timestamp, Value::Number(number)) => {
            let text = number.as_i64().map_or_else(|| number.to_string(), time::extended);
            pairs.push((name.to_owned(), text));
        }
        (_, Value::String(text)) => pairs.push((name.to_owned(), text.clone())),
        (_, other) => pairs.push((name.to_owned(), other.to_string())),
    }
}

impl Service {
    /// The version of its API that a form names, for a service that is asked with one.
    #[must_use]
    pub fn version(self) -> Option<&'static str> {
        self.namespace()?.trim_end_matches('/').rsplit('/').next()
    }

    /// The service that the names of AWS's own command line and environment mean: `iot`, `iot-data`,
    /// `iotsecuretunneling`, `iot-jobs-data`, `sts`, `iam`.
    #[must_use]
    pub fn command_name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iot-data",
            Self::JobsData => "iot-jobs-data",
            Self::Tunneling => "iotsecuretunneling",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// The service as `AWS_ENDPOINT_URL_…` and the `services` sections of configuration files name it, in lower case.
    #[must_use]
    pub const fn configuration_name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iot_data_plane",
            Self::JobsData => "iot_jobs_data_plane",
            Self::Tunneling => "iotsecuretunneling",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// AWS's own endpoint of it in a region, as a URL. That of `iam` is one for all regions of a partition.
    #[must_use]
    pub fn endpoint(self, region: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match self {
            Self::Iam if region.starts_with("cn-") => format!("https://iam.cn-north-1.{domain}"),
            Self::Iam if region.starts_with("us-gov-") => format!("https://iam.us-gov.{domain}"),
            Self::Iam => format!("https://iam.{domain}"),
            _ => format!("https://{}.{region}.{domain}", self.host_prefix()),
        }
    }

    /// The region that a call to AWS's own endpoint of it is signed for.
    #[must_use]
    pub fn signing_region(self, region: &str) -> &str {
        match self {
            Self::Iam if region.starts_with("cn-") => "cn-north-1",
            Self::Iam if region.starts_with("us-gov-") => "us-gov-west-1",
            Self::Iam => "us-east-1",
            _ => region,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn built(service: Service, name: &str, input: Value) -> Outgoing {
        build(service.operation(name).unwrap(), &input).unwrap()
    }

    fn body(outgoing: &Outgoing) -> &str {
        std::str::from_utf8(&outgoing.body).unwrap()
    }

    #[test]
    fn a_target_header_names_the_operation_of_json11() {
        let input =
            json!({ "destinationConfig": { "thingName": "lamp", "services": ["SSH"] }, "tags": null });
        let call = built(Service::Tunneling, "OpenTunnel", input);
        assert_eq!((call.method.as_str(), call.target().as_str()), ("POST", "/"));
        assert_eq!(call.headers["x-amz-target"], "IoTSecuredTunneling.OpenTunnel");
        assert_eq!(body(&call), r#"{"destinationConfig":{"services":["SSH"],"thingName":"lamp"}}"#);
    }

    #[test]
    fn members_go_to_their_places_in_rest() {
        let arn = "arn:aws:iot:r:1:cert/ab";
        let call =
            built(Service::Iot, "AttachThingPrincipal", json!({ "thingName": "a:b", "principal": arn }));
        assert_eq!(call.target(), "/things/a%3Ab/principals");
        assert_eq!(call.headers["x-amzn-principal"], arn);
        assert!(call.body.is_empty());
        let call = built(
            Service::Iot,
            "ListAttachedPolicies",
            json!({ "target": arn, "pageSize": 9, "recursive": true }),
        );
        assert_eq!(
            call.target(),
            "/attached-policies/arn%3Aaws%3Aiot%3Ar%3A1%3Acert%2Fab?pageSize=9&recursive=true"
        );
        let call =
            built(Service::IotData, "Publish", json!({ "topic": "a/b", "payload": blob(b"on"), "qos": 1 }));
        assert_eq!((call.target().as_str(), body(&call)), ("/topics/a%2Fb?qos=1", "on"));
    }

    #[test]
    fn a_form_names_action_version_and_numbers_lists() {
        let input = json!({ "RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "s", "DurationSeconds": 900,
                            "Tags": [{ "Key": "k", "Value": "a b" }] });
        let call = built(Service::Sts, "AssumeRole", input);
        assert_eq!(
            body(&call),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=s\
             &DurationSeconds=900&Tags.member.1.Key=k&Tags.member.1.Value=a%20b"
        );
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let refused = |name: &str, input: Value| {
            build(Service::Iot.operation(name).unwrap(), &input).unwrap_err().to_string()
        };
        assert!(refused("DescribeThing", json!({})).contains("thingName"));
        assert!(refused("DescribeThing", json!({ "thingName": "" })).contains("thingName"));
        assert!(refused("DescribeThing", json!({ "thing": "x" })).contains("no member 'thing'"));
        assert!(refused("DescribeThing", json!({ "thingName": [] })).contains("one value"));
        assert!(
            refused("AttachThingPrincipal", json!({ "thingName": "x", "principal": "a\nb" }))
                .contains("header")
        );
    }

    #[test]
    fn endpoints_are_those_of_aws() {
        for (service, region, url) in [
            (Service::Iot, "eu-west-1", "https://iot.eu-west-1.amazonaws.com"),
            (Service::IotData, "eu-west-1", "https://data-ats.iot.eu-west-1.amazonaws.com"),
            (Service::Tunneling, "cn-north-1", "https://api.tunneling.iot.cn-north-1.amazonaws.com.cn"),
            (Service::Sts, "us-east-2", "https://sts.us-east-2.amazonaws.com"),
            (Service::Iam, "us-east-2", "https://iam.amazonaws.com"),
        ] {
            assert_eq!(service.endpoint(region), url);
        }
        assert_eq!(Service::Iam.signing_region("eu-west-1"), "us-east-1");
        assert_eq!(Service::Iot.signing_region("eu-west-1"), "eu-west-1");
    }
}

//! Replies and faults, whatever the wire form.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::refusal::About;
use crate::service::Protocol;
use crate::table::Operation;
use crate::{json11, query_xml, rest_json};

/// A finished answer.
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// All headers except the length, the date and what the transport adds.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// What a fault says.
pub struct Failure<'a> {
    /// AWS's code, `ResourceNotFoundException`.
    pub code: &'a str,
    /// HTTP status; one that HTTP does not know becomes 500.
    pub status: u16,
    /// The text for people.
    pub message: &'a str,
    /// Further members of the body (`resourceId`, `traceId`); left out of XML.
    pub members: Map<String, Value>,
}

/// Writes the answer of a served operation. Null members of objects are left out at every depth.
///
/// `request_id` stands in the headers, and in the body too where the wire form has a place for it.
#[must_use]
pub fn reply(operation: &Operation, output: Value, request_id: &str) -> Reply {
    match operation.service.protocol() {
        Protocol::RestJson => rest_json::reply(operation.status, output, request_id),
        Protocol::Json11 => json11::reply(operation.status, output, request_id),
        Protocol::QueryXml => query_xml::reply(operation, &output, request_id),
    }
}

/// Writes a fault in the wire form of what is known of the request.
#[must_use]
pub fn fault(about: About, failure: Failure<'_>, request_id: &str) -> Reply {
    match about.protocol {
        Protocol::RestJson => rest_json::fault(failure, request_id),
        Protocol::Json11 => json11::fault(failure, request_id),
        Protocol::QueryXml => query_xml::fault(about.service, &failure, request_id),
    }
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: Vec<u8>, request_id: &str) -> Self {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut reply = Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body,
        };
        reply.text("x-amzn-requestid", request_id);
        reply
    }

    /// A JSON fault: the code in the header and, for clients that look there, in the body.
    pub(crate) fn json_fault(failure: Failure<'_>, content_type: &'static str, request_id: &str) -> Self {
        let mut members = failure.members;
        members.insert("__type".to_owned(), Value::from(failure.code));
        members.insert("message".to_owned(), Value::from(failure.message));
        let body = Value::Object(members).to_string().into_bytes();
        let mut reply = Self::new(failure.status, content_type, body, request_id);
        reply.text("x-amzn-errortype", failure.code);
        reply
    }

    /// Text that a header cannot hold is left out.
    fn text(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Takes null members out of objects, at every depth; lists keep theirs.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

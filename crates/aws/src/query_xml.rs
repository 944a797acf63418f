//! The wire form of `sts` and `iam`: a form in, XML out. spec: control-plane §12

use std::fmt::Write as _;

use serde_json::Value;

use crate::reply::{Failure, Reply};
use crate::service::Service;
use crate::table::Operation;

const XML: &str = "text/xml";

/// A reply: `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`. `OpResult` is there for an output without
/// members too: botocore insists on it for UpdateRole.
///
/// Objects become elements named by key, list entries `member` elements, null nothing.
#[must_use]
pub fn reply(operation: &Operation, output: &Value, request_id: &str) -> Reply {
    let name = operation.name;
    let mut xml = format!("<{name}Response xmlns=\"{}\">", namespace(Some(operation.service)));
    element(&format!("{name}Result"), output, &mut xml);
    xml.push_str("<ResponseMetadata><RequestId>");
    escape(request_id, &mut xml);
    let _ = writeln!(xml, "</RequestId></ResponseMetadata></{name}Response>");
    Reply::new(operation.status, XML, xml.into_bytes(), request_id)
}

/// A fault: `<ErrorResponse><Error><Type>…`, blaming the sender below status 500.
#[must_use]
pub fn fault(service: Option<Service>, failure: &Failure<'_>, request_id: &str) -> Reply {
    let blamed = if failure.status < 500 { "Sender" } else { "Receiver" };
    let mut xml =
        format!("<ErrorResponse xmlns=\"{}\"><Error><Type>{blamed}</Type><Code>", namespace(service));
    escape(failure.code, &mut xml);
    xml.push_str("</Code><Message>");
    escape(failure.message, &mut xml);
    xml.push_str("</Message></Error><RequestId>");
    escape(request_id, &mut xml);
    xml.push_str("</RequestId></ErrorResponse>\n");
    Reply::new(failure.status, XML, xml.into_bytes(), request_id)
}

/// Before the service is known, that of `sts`.
fn namespace(service: Option<Service>) -> &'static str {
    service.and_then(Service::namespace).or(Service::Sts.namespace()).unwrap_or_default()
}

fn element_content(value: &Value, xml: &mut String) {
    match value {
        Value::Null => {}
        Value::String(text) => escape(text, xml),
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(xml, "{value}");
        }
        Value::Array(items) => items.iter().for_each(|item| element("member", item, xml)),
        Value::Object(members) => members.iter().for_each(|(name, member)| element(name, member, xml)),
    }
}

fn element(name: &str, value: &Value, xml: &mut String) {
    if !value.is_null() {
        let _ = write!(xml, "<{name}>");
        element_content(value, xml);
        let _ = write!(xml, "</{name}>");
    }
}

/// Appends text so that it is data in an element; what XML 1.0 cannot hold becomes U+FFFD.
fn escape(text: &str, xml: &mut String) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\r' => xml.push_str("&#xD;"),
            '\t' | '\n' => xml.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            _ => xml.push(character),
        }
    }
}

//! An answer as its caller reads it: the output as one JSON object, or AWS's code and text of a fault.

use std::fmt;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::service::Protocol;
use crate::table::Operation;
use crate::xml;

/// The service said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// AWS's code without a namespace, `ResourceNotFoundException`; empty if the answer has none.
    pub code: String,
    /// The text for people; empty if the answer has none.
    pub message: String,
    /// The id under which the service keeps the call.
    pub request_id: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.is_empty(), self.message.is_empty()) {
            (true, true) => write!(f, "HTTP status {}", self.status),
            (true, false) => write!(f, "HTTP status {}: {}", self.status, self.message),
            (false, true) => f.write_str(&self.code),
            (false, false) => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

/// An answer that is not the output of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The service's own no.
    Fault(Fault),
    /// Not what this service answers with; perhaps another program answered. The text says what is wrong.
    Unreadable(String),
}

/// Reads an answer to `operation`: its output as one object, for a payload of JSON (a shadow) that. An empty body is an
/// empty object.
///
/// # Errors
/// [`Unanswered::Fault`] for any status but 2xx; [`Unanswered::Unreadable`].
pub fn read_answer(
    operation: &Operation,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Unanswered> {
    let protocol = operation.service.protocol();
    if !(200..300).contains(&status) {
        return Err(Unanswered::Fault(fault(protocol, status, headers, body)));
    }
    let unreadable = |why: &dyn fmt::Display| {
        Unanswered::Unreadable(format!("the answer to {} cannot be read: {why}", operation.name))
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    match protocol {
        Protocol::RestJson | Protocol::Json11 => serde_json::from_slice(body).map_err(|why| unreadable(&why)),
        Protocol::QueryXml => {
            let text = std::str::from_utf8(body).map_err(|why| unreadable(&why))?;
            let (name, content) = xml::parse(text).map_err(|why| unreadable(&why))?;
            if name.strip_suffix("Response") != Some(operation.name) {
                return Err(unreadable(&"it answers something else"));
            }
            match content.get(format!("{}Result", operation.name)) {
                Some(Value::Object(output)) => Ok(Value::Object(output.clone())),
                _ => Ok(Value::Object(Map::new())),
            }
        }
    }
}

fn fault(protocol: Protocol, status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut request_id = header("x-amzn-requestid");
    let text = std::str::from_utf8(body).unwrap_or_default();
    let xml =
        (protocol == Protocol::QueryXml || text.trim_start().starts_with('<')).then(|| xml::parse(text).ok());
    let (code, message) = match xml.flatten() {
        Some((_, content)) => {
            let member = |name: &str| string(content.get("Error").unwrap_or(&content), name);
            request_id = request_id.or_else(|| string(&content, "RequestId"));
            (member("Code"), member("Message"))
        }
        None => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let code = header("x-amzn-errortype")
                .or_else(|| string(&body, "__type"))
                .or_else(|| string(&body, "code"));
            let names = ["message", "Message", "errorMessage"];
            (code, names.into_iter().find_map(|name| string(&body, name)))
        }
    };
    Fault { status, code: bare(&code.unwrap_or_default()), message: message.unwrap_or_default(), request_id }
}

fn string(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// `com.amazonaws.iot#Name:http://…` is `Name`.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    fn operation(service: Service, name: &str) -> &'static Operation {
        service.operation(name).unwrap()
    }

    fn answered(
        operation: &Operation,
        status: u16,
        error: Option<&str>,
        body: &str,
    ) -> Result<Value, Unanswered> {
        let headers = error
            .map(|code| (HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_str(code).unwrap()));
        read_answer(operation, status, &headers.into_iter().collect(), body.as_bytes())
    }

    fn faulted(operation: &Operation, status: u16, error: Option<&str>, body: &str) -> (String, String) {
        match answered(operation, status, error, body) {
            Err(Unanswered::Fault(fault)) => (fault.code, fault.message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn outputs_are_read_in_every_wire_form() {
        let things = operation(Service::Iot, "ListThings");
        assert_eq!(answered(things, 200, None, r#"{"things":[]}"#), Ok(json!({ "things": [] })));
        assert_eq!(answered(things, 200, None, ""), Ok(json!({})));
        let caller = operation(Service::Sts, "GetCallerIdentity");
        let xml = "<GetCallerIdentityResponse xmlns=\"x\"><GetCallerIdentityResult><Account>1</Account>\
                   </GetCallerIdentityResult><ResponseMetadata/></GetCallerIdentityResponse>";
        assert_eq!(answered(caller, 200, None, xml), Ok(json!({ "Account": "1" })));
        assert!(matches!(answered(caller, 200, None, "<Other/>"), Err(Unanswered::Unreadable(_))));
        assert!(matches!(answered(things, 200, None, "<html>"), Err(Unanswered::Unreadable(_))));
    }

    #[test]
    fn a_faults_code_is_bare_wherever_it_stands() {
        let things = operation(Service::Iot, "ListThings");
        let body = r#"{"message":"no","__type":"com.amazonaws#B"}"#;
        assert_eq!(faulted(things, 404, Some("A:http://x"), body), ("A".into(), "no".into()));
        assert_eq!(faulted(things, 400, None, body), ("B".into(), "no".into()));
        let caller = operation(Service::Sts, "GetCallerIdentity");
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>old</Message></Error>\
                   <RequestId>r</RequestId></ErrorResponse>";
        assert_eq!(faulted(caller, 403, None, xml), ("ExpiredToken".into(), "old".into()));
        assert_eq!(faulted(things, 502, None, "<html>Bad gateway"), (String::new(), String::new()));
    }
}

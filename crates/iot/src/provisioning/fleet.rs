//! Fleet provisioning over MQTT: the topics of requests, and how requests and answers are written
//! (spec: provisioning §7).

use serde_json::{Value, json};

use super::failure::{Cause, Failure};
use super::parameters::Parameters;
use crate::cbor;
use crate::secret::Secret;

/// Characters of a parameter's name (spec: provisioning §8).
const MAX_NAME: usize = 2048;
/// Characters of a parameter's value (spec: provisioning §8).
const MAX_VALUE: usize = 4096;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// CBOR.
    Cbor,
}

impl Format {
    /// As it stands in topics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Cbor => "cbor",
        }
    }

    /// Reads a payload; nothing is an empty object.
    ///
    /// # Errors
    /// `InvalidPayload` for what is no object.
    pub fn read(self, payload: &[u8]) -> Result<Value, Rejected> {
        if payload.is_empty() {
            return Ok(json!({}));
        }
        let read = match self {
            Format::Json => serde_json::from_slice(payload).ok(),
            Format::Cbor => cbor::read(payload),
        };
        read.filter(Value::is_object).ok_or_else(Rejected::unparsed)
    }

    /// Writes an answer.
    pub fn write(self, value: &Value) -> Vec<u8> {
        match self {
            Format::Json => value.to_string().into_bytes(),
            Format::Cbor => cbor::write(value),
        }
    }
}

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A key and a certificate.
    Keys,
    /// A certificate for a request.
    Certificate,
    /// Everything that the template of that name says. Whether the name is one is not known.
    Thing(String),
}

/// A topic of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetTopic {
    /// What is asked for.
    pub asked: Asked,
    /// How the request is written, and the answer.
    pub format: Format,
}

impl FleetTopic {
    /// Reads a topic; `None` if it is none of a request.
    pub fn parse(topic: &str) -> Option<FleetTopic> {
        let (before, format) = topic.rsplit_once('/')?;
        let format = [Format::Json, Format::Cbor].into_iter().find(|known| known.as_str() == format)?;
        let asked = match before {
            "$aws/certificates/create" => Asked::Keys,
            "$aws/certificates/create-from-csr" => Asked::Certificate,
            other => {
                let name = other.strip_prefix("$aws/provisioning-templates/")?.strip_suffix("/provision")?;
                if name.is_empty() || name.contains('/') {
                    return None;
                }
                Asked::Thing(name.to_owned())
            }
        };
        Some(FleetTopic { asked, format })
    }

    /// The topic with `/<suffix>` behind it, such as `accepted`.
    pub fn reply(&self, suffix: &str) -> String {
        let format = self.format.as_str();
        match &self.asked {
            Asked::Keys => format!("$aws/certificates/create/{format}/{suffix}"),
            Asked::Certificate => format!("$aws/certificates/create-from-csr/{format}/{suffix}"),
            Asked::Thing(name) => format!("$aws/provisioning-templates/{name}/provision/{format}/{suffix}"),
        }
    }
}

/// Why a request was refused, as the device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// A status of HTTP.
    pub status: u16,
    /// AWS's word for it.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

impl Rejected {
    /// A refusal of status 400.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Rejected {
        Rejected { status: 400, code, message: message.into() }
    }

    /// The payload is not what it should be.
    pub fn unparsed() -> Rejected {
        Rejected::bad("InvalidPayload", "Message cannot be parsed")
    }

    /// The template cannot be used.
    pub fn template(message: impl Into<String>) -> Rejected {
        Rejected::bad("InvalidTemplate", message)
    }

    /// The hook or the role says no.
    pub fn denied(message: impl Into<String>) -> Rejected {
        Rejected { status: 403, code: "AccessDenied", message: message.into() }
    }

    /// The server cannot do it now.
    pub fn internal() -> Rejected {
        Rejected {
            status: 500,
            code: "InternalFailure",
            message: "The server cannot do this now; try again later.".to_owned(),
        }
    }

    /// What becomes of a failure; `request` is an id of this attempt.
    pub fn of(failure: &Failure, request: &str) -> Rejected {
        let reason = &failure.reason;
        match failure.cause {
            Cause::Template => Rejected::template(reason),
            Cause::Parameters => Rejected::bad("InvalidParameters", reason),
            Cause::Registry => Rejected::bad(
                "ProvisioningFailed",
                format!(
                    "{reason} (Service: AWSIot; Status Code: 400; Error Code: ResourceRegistrationFailureException; \
                     Request ID: {request}; Proxy: null)"
                ),
            ),
            Cause::Forbidden => Rejected::denied(reason),
            Cause::Server => Rejected::internal(),
        }
    }

    /// The answer.
    pub fn body(&self) -> Value {
        json!({"statusCode": self.status, "errorCode": self.code, "errorMessage": self.message})
    }
}

/// The PKCS#10 request in a payload.
///
/// # Errors
/// `InvalidPayload`.
pub fn signing_request(payload: &Value) -> Result<String, Rejected> {
    let text = payload.get("certificateSigningRequest").and_then(Value::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(Rejected::unparsed)
}

/// A request to be provisioned.
#[derive(Debug)]
pub struct Registration {
    /// Proves that the certificate is the asker's.
    pub token: Secret,
    /// What the device says of itself.
    pub parameters: Parameters,
}

impl Registration {
    /// Reads a payload.
    ///
    /// # Errors
    /// `InvalidPayload`, `InvalidCertificateOwnershipToken`, or `InvalidParameters` for those that are too long.
    pub fn read(payload: &Value) -> Result<Registration, Rejected> {
        let mut parameters = Parameters::new();
        match payload.get("parameters") {
            None | Some(Value::Null) => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    let Value::String(value) = value else { return Err(Rejected::unparsed()) };
                    if name.chars().count() > MAX_NAME || value.chars().count() > MAX_VALUE {
                        let text = format!(
                            "A parameter has a name of at most {MAX_NAME} and a value of at most {MAX_VALUE} characters"
                        );
                        return Err(Rejected::bad("InvalidParameters", text));
                    }
                    parameters.insert(name.clone(), value.clone());
                }
            }
            Some(_) => return Err(Rejected::unparsed()),
        }
        let token = match payload.get("certificateOwnershipToken") {
            None | Some(Value::Null) => "",
            Some(Value::String(token)) => token,
            Some(_) => return Err(Rejected::unparsed()),
        };
        Ok(Registration { token: Secret::new(token), parameters })
    }
}

/// A hook's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the device may be provisioned.
    pub allow: bool,
    /// Parameters that are put over the device's own.
    pub overrides: Parameters,
}

impl Verdict {
    /// Reads an answer.
    ///
    /// # Errors
    /// `InvalidResult`.
    pub fn read(body: &[u8]) -> Result<Verdict, Rejected> {
        let wrong =
            |what: &str| Rejected::bad("InvalidResult", format!("Invalid result of the hook: {what}"));
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(wrong("it is no JSON object"));
        };
        let Some(Value::Bool(allow)) = members.get("allowProvisioning") else {
            return Err(wrong("allowProvisioning must be true or false"));
        };
        let mut overrides = Parameters::new();
        match members.get("parameterOverrides") {
            None | Some(Value::Null) => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    let Value::String(value) = value else {
                        return Err(wrong("parameterOverrides must be texts"));
                    };
                    overrides.insert(name.clone(), value.clone());
                }
            }
            Some(_) => return Err(wrong("parameterOverrides must be an object")),
        }
        Ok(Verdict { allow: *allow, overrides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_answered() {
        for (topic, asked) in [
            ("$aws/certificates/create/json", Asked::Keys),
            ("$aws/certificates/create-from-csr/cbor", Asked::Certificate),
            ("$aws/provisioning-templates/a_b/provision/cbor", Asked::Thing("a_b".to_owned())),
        ] {
            let read = FleetTopic::parse(topic).unwrap();
            assert_eq!(read.asked, asked);
            assert_eq!(read.reply("accepted"), format!("{topic}/accepted"));
        }
        for other in [
            "$aws/certificates/create",
            "$aws/certificates/create/xml",
            "$aws/certificates/create/json/accepted",
            "$aws/provisioning-templates//provision/json",
            "$aws/provisioning-templates/a/b/provision/json",
            "$aws/provisioning-templates/a/json",
            "create/json",
        ] {
            assert_eq!(FleetTopic::parse(other), None, "{other}");
        }
    }

    #[test]
    fn payloads_are_objects_or_nothing() {
        for format in [Format::Json, Format::Cbor] {
            assert_eq!(format.read(b""), Ok(json!({})));
            let value = json!({"a": ["b", 1, null]});
            assert_eq!(format.read(&format.write(&value)), Ok(value));
            assert_eq!(format.read(&format.write(&json!([]))), Err(Rejected::unparsed()));
            assert_eq!(format.read(b"\xff"), Err(Rejected::unparsed()));
        }
    }

    #[test]
    fn registrations_are_checked() {
        let read = |payload: Value| Registration::read(&payload).map_err(|rejected| rejected.code);
        let good = read(json!({"certificateOwnershipToken": "t", "parameters": {"a": "b"}})).unwrap();
        assert_eq!((good.token.expose(), good.parameters.len()), ("t", 1));
        assert_eq!(read(json!({"parameters": null})).unwrap().token.expose(), "");
        for (payload, code) in [
            (json!({"certificateOwnershipToken": 1}), "InvalidPayload"),
            (json!({"parameters": []}), "InvalidPayload"),
            (json!({"parameters": {"a": 1}}), "InvalidPayload"),
            (json!({"parameters": {"a": "b".repeat(4097)}}), "InvalidParameters"),
        ] {
            assert_eq!(read(payload).unwrap_err(), code);
        }
        assert!(read(json!({"parameters": {"a": "ä".repeat(4096)}})).is_ok());
    }

    #[test]
    fn a_hook_answers_in_the_functions_form() {
        let read = |text: &str| Verdict::read(text.as_bytes()).map_err(|rejected| rejected.code);
        let overrides = Parameters::from([("a".to_owned(), "b".to_owned())]);
        let full = r#"{"allowProvisioning": true, "parameterOverrides": {"a": "b"}, "more": 1}"#;
        assert_eq!(read(full), Ok(Verdict { allow: true, overrides }));
        let no = Verdict { allow: false, overrides: Parameters::new() };
        assert_eq!(read(r#"{"allowProvisioning": false}"#), Ok(no));
        for wrong in [
            "",
            "true",
            "{}",
            r#"{"allowProvisioning": "true"}"#,
            r#"{"allowProvisioning": true, "parameterOverrides": {"a": 1}}"#,
            r#"{"allowProvisioning": true, "parameterOverrides": []}"#,
        ] {
            assert_eq!(read(wrong), Err("InvalidResult"), "{wrong}");
        }
    }
}

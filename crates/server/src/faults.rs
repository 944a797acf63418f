//! What a refusal looks like outside: the only file that knows a code or a status of any wire.

use adit_aws::table::Fault;
use adit_aws::{About, Failure, Operation, Protocol, Refusal, Reply, Service};
use adit_iot::{Error, Kind};
use serde_json::{Map, Value};

/// Code and HTTP status of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// AWS's name for it.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
}

const fn face(code: &'static str, status: u16) -> Face {
    Face { code, status }
}

/// How a handler's refusal looks, for an operation of a service.
///
/// AWS is not uniform: the operation's own list of faults decides where it has the name, with its status.
#[must_use]
pub fn of_kind(kind: Kind, about: About) -> Face {
    match about.protocol {
        Protocol::RestJson => rest(kind, about),
        Protocol::Json11 => json11(kind, about.operation),
        Protocol::QueryXml if about.service == Some(Service::Iam) => iam(kind, about.operation),
        Protocol::QueryXml => xml(kind),
    }
}

/// spec: control-plane §4
fn rest(kind: Kind, about: About) -> Face {
    let data = matches!(about.service, Some(Service::IotData | Service::JobsData));
    let listed = |names: &[&str], otherwise: Face| listed(about.operation, names).unwrap_or(otherwise);
    let invalid = face("InvalidRequestException", 400);
    match kind {
        Kind::Invalid => invalid,
        Kind::MalformedPolicy => listed(&["MalformedPolicyException"], invalid),
        Kind::BadCertificate => listed(&["CertificateValidationException"], invalid),
        Kind::BadRegistrationCode => listed(&["RegistrationCodeValidationException"], invalid),
        Kind::RegistrationFailed => listed(&["ResourceRegistrationFailureException"], invalid),
        Kind::Unauthenticated => face("UnrecognizedClientException", 403),
        Kind::Expired => face("ExpiredTokenException", 403),
        Kind::Forbidden if data => face("ForbiddenException", 403),
        Kind::Forbidden => face("AccessDeniedException", 403),
        Kind::NotFound => face("ResourceNotFoundException", 404),
        Kind::Exists => {
            listed(&["ResourceAlreadyExistsException"], face("ResourceAlreadyExistsException", 409))
        }
        Kind::Conflict => listed(
            &["ConflictException", "ConflictingResourceUpdateException", "CertificateConflictException"],
            face("ConflictingResourceUpdateException", 409),
        ),
        Kind::VersionConflict => {
            listed(&["VersionConflictException", "ConflictException"], face("VersionConflictException", 409))
        }
        Kind::InUse => listed(&["DeleteConflictException"], invalid),
        Kind::LimitExceeded => listed(&["LimitExceededException", "VersionsLimitExceededException"], invalid),
        Kind::Throttled => face("ThrottlingException", if data { 429 } else { 400 }),
        Kind::TooLarge => listed(&["RequestEntityTooLargeException"], invalid),
        Kind::Encoding => listed(&["UnsupportedDocumentEncodingException"], invalid),
        Kind::WrongState => {
            listed(&["CertificateStateException", "InvalidStateTransitionException"], invalid)
        }
        Kind::NotOffered => face("NotImplementedException", 501),
        Kind::Unavailable => listed(
            &["ServiceUnavailableException", "GatewayTimeoutException"],
            face("ServiceUnavailableException", 503),
        ),
        Kind::Internal => listed(
            &["InternalFailureException", "InternalException", "InternalServerException"],
            face("InternalFailureException", 500),
        ),
    }
}

/// spec: secure-tunneling §1.3
fn json11(kind: Kind, operation: Option<&'static Operation>) -> Face {
    let invalid = face("ValidationException", 400);
    match kind {
        Kind::Invalid
        | Kind::MalformedPolicy
        | Kind::BadCertificate
        | Kind::BadRegistrationCode
        | Kind::RegistrationFailed
        | Kind::TooLarge
        | Kind::Encoding
        | Kind::Exists
        | Kind::Conflict
        | Kind::VersionConflict
        | Kind::InUse
        | Kind::WrongState => invalid,
        Kind::Unauthenticated => face("UnrecognizedClientException", 400),
        Kind::Expired => face("ExpiredTokenException", 400),
        Kind::Forbidden => face("AccessDeniedException", 400),
        Kind::NotFound => face("ResourceNotFoundException", 400),
        Kind::LimitExceeded => listed(operation, &["LimitExceededException"]).unwrap_or(invalid),
        Kind::Throttled => face("ThrottlingException", 400),
        Kind::NotOffered => face("NotImplementedException", 501),
        Kind::Unavailable => face("ServiceUnavailableException", 503),
        Kind::Internal => face("InternalFailure", 500),
    }
}

/// spec: control-plane §12
fn xml(kind: Kind) -> Face {
    match kind {
        Kind::MalformedPolicy => face("MalformedPolicyDocument", 400),
        Kind::Invalid
        | Kind::BadCertificate
        | Kind::BadRegistrationCode
        | Kind::RegistrationFailed
        | Kind::TooLarge
        | Kind::Encoding
        | Kind::NotFound
        | Kind::Exists
        | Kind::Conflict
        | Kind::VersionConflict
        | Kind::InUse
        | Kind::LimitExceeded
        | Kind::WrongState => face("ValidationError", 400),
        Kind::Unauthenticated => face("InvalidClientTokenId", 403),
        Kind::Expired => face("ExpiredToken", 403),
        Kind::Forbidden => face("AccessDenied", 403),
        Kind::Throttled => face("Throttling", 400),
        Kind::NotOffered => face("NotImplemented", 501),
        Kind::Unavailable => face("ServiceUnavailable", 503),
        Kind::Internal => face("InternalFailure", 500),
    }
}

/// What IAM's model names; the rest as every query service.
fn iam(kind: Kind, operation: Option<&'static Operation>) -> Face {
    match kind {
        Kind::Invalid => listed(operation, &["InvalidInput"]).unwrap_or(face("ValidationError", 400)),
        Kind::NotFound => face("NoSuchEntity", 404),
        Kind::Exists => face("EntityAlreadyExists", 409),
        Kind::InUse => face("DeleteConflict", 409),
        Kind::LimitExceeded => face("LimitExceeded", 409),
        Kind::Conflict | Kind::VersionConflict => face("ConcurrentModification", 409),
        Kind::WrongState => face("UnmodifiableEntity", 400),
        Kind::Internal => face("ServiceFailure", 500),
        _ => xml(kind),
    }
}

fn listed(operation: Option<&'static Operation>, names: &[&str]) -> Option<Face> {
    let faults: &[Fault] = operation.map_or(&[], |row| row.faults);
    names.iter().find_map(|name| faults.iter().find(|f| f.name == *name)).map(|f| face(f.name, f.status))
}

/// How a refusal of the front looks. spec: control-plane §3, secure-tunneling §1.3
#[must_use]
pub fn of_refusal(why: &Refusal, about: About) -> Face {
    let signature = match why {
        Refusal::MissingToken => ["MissingAuthenticationTokenException", "MissingAuthenticationToken"],
        Refusal::IncompleteSignature(_) => ["IncompleteSignatureException", "IncompleteSignature"],
        Refusal::SignatureMismatch
        | Refusal::BodyHash(_)
        | Refusal::UnsignedHeader(_)
        | Refusal::Expired { .. }
        | Refusal::NotYetCurrent { .. }
        | Refusal::WrongScope(_)
        | Refusal::WrongService(_)
        | Refusal::WrongRegion(_) => ["InvalidSignatureException", "SignatureDoesNotMatch"],
        Refusal::UnknownOperation(_) => {
            return match about.protocol {
                // spec: mqtt-gateway §10
                Protocol::RestJson if about.service == Some(Service::IotData) => {
                    face("MethodNotAllowedException", 405)
                }
                Protocol::RestJson => face("UnknownOperationException", 404),
                Protocol::Json11 => face("UnknownOperationException", 400),
                Protocol::QueryXml => face("InvalidAction", 400),
            };
        }
        Refusal::Serialization(_) if about.protocol != Protocol::QueryXml => {
            return face("SerializationException", 400);
        }
        Refusal::Serialization(_) | Refusal::Validation(_) if about.protocol == Protocol::QueryXml => {
            return face("ValidationError", 400);
        }
        Refusal::Serialization(_) | Refusal::Validation(_) => return of_kind(Kind::Invalid, about),
        Refusal::TooLarge { .. } => return of_kind(Kind::TooLarge, about),
    };
    let [json, xml] = signature;
    let incomplete = matches!(why, Refusal::IncompleteSignature(_));
    match about.protocol {
        Protocol::RestJson if about.service == Some(Service::IotData) => face("ForbiddenException", 403),
        Protocol::RestJson => face(json, if incomplete { 400 } else { 403 }),
        Protocol::Json11 => face(json, 400),
        Protocol::QueryXml => face(xml, if incomplete { 400 } else { 403 }),
    }
}

/// The answer to a refusal of the front.
#[must_use]
pub fn refused(why: &Refusal, about: About, request_id: &str) -> (Face, Reply) {
    let face = of_refusal(why, about);
    let data = about.service == Some(Service::IotData) && face.status == 403;
    let text = match why {
        Refusal::WrongRegion(_) => why.to_string(),
        _ if data => "Forbidden".to_owned(),
        _ => why.to_string(),
    };
    (face, reply(face, about, &text, Map::new(), request_id))
}

/// The answer to a handler's refusal.
#[must_use]
pub fn failed(error: &Error, about: About, request_id: &str) -> (Face, Reply) {
    let face = of_kind(error.kind, about);
    let mut members = Map::new();
    if let Some(resource) = &error.resource {
        members.insert("resourceId".to_owned(), Value::from(resource.id.as_str()));
        members.insert("resourceArn".to_owned(), Value::from(resource.arn.as_str()));
    }
    (face, reply(face, about, &error.message, members, request_id))
}

fn reply(
    face: Face,
    about: About,
    message: &str,
    mut members: Map<String, Value>,
    request_id: &str,
) -> Reply {
    if about.service == Some(Service::IotData) {
        members.insert("traceId".to_owned(), Value::from(request_id));
    }
    let failure = Failure { code: face.code, status: face.status, message, members };
    adit_aws::fault(about, failure, request_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Columns of the matrix: a service, and an operation whose list of faults differs from the rest.
    const COLUMNS: [(Service, Option<&str>); 13] = [
        (Service::Iot, None),
        (Service::Iot, Some("CreatePolicyVersion")),
        (Service::Iot, Some("DeletePolicy")),
        (Service::Iot, Some("RegisterCertificate")),
        (Service::Iot, Some("RegisterThing")),
        (Service::Iot, Some("UpdateCertificate")),
        (Service::IotData, Some("UpdateThingShadow")),
        (Service::JobsData, Some("StartNextPendingJobExecution")),
        (Service::Tunneling, Some("OpenTunnel")),
        (Service::Sts, Some("GetCallerIdentity")),
        (Service::Sts, Some("AssumeRole")),
        (Service::Iam, Some("CreateRole")),
        (Service::Iam, Some("ListUsers")),
    ];

    fn about(service: Service, operation: Option<&str>) -> About {
        let operation = operation.map(|name| service.operation(name).unwrap_or_else(|| panic!("{name}")));
        About { protocol: service.protocol(), service: Some(service), operation }
    }

    #[test]
    fn the_whole_map() {
        let mut out = String::new();
        for (service, operation) in COLUMNS {
            let about = about(service, operation);
            writeln!(out, "{service:?} {}", operation.unwrap_or("(no operation)")).unwrap();
            for kind in Kind::ALL {
                let Face { code, status } = of_kind(kind, about);
                writeln!(out, "  {kind:<18} {status} {code}", kind = format!("{kind:?}")).unwrap();
            }
            for why in refusals() {
                let Face { code, status } = of_refusal(&why, about);
                let name = format!("{why:?}");
                let name = name.split(['(', ' ']).next().unwrap_or_default();
                writeln!(out, "  {name:<18} {status} {code}").unwrap();
            }
        }
        insta::assert_snapshot!(out);
    }

    fn refusals() -> Vec<Refusal> {
        let text = String::new;
        vec![
            Refusal::MissingToken,
            Refusal::IncompleteSignature(text()),
            Refusal::SignatureMismatch,
            Refusal::BodyHash(text()),
            Refusal::UnsignedHeader(text()),
            Refusal::Expired { ended: 0, earliest: 0, now: 0, window: 0 },
            Refusal::NotYetCurrent { signed: 0, latest: 0, now: 0, window: 0 },
            Refusal::WrongScope(text()),
            Refusal::WrongService(text()),
            Refusal::WrongRegion(text()),
            Refusal::UnknownOperation(text()),
            Refusal::Serialization(text()),
            Refusal::Validation(text()),
            Refusal::TooLarge { size: 2, limit: 1 },
        ]
    }
}

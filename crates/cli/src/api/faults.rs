//! The service said no: with which exit code the command ends, and what to do.

use crate::data_dir::Key;
use crate::exit::{Code, Failure};
use crate::http::Target;
use adit_aws::Fault;
use hyper::header::HeaderValue;

/// What was asked of whom, by whom.
pub struct About<'a> {
    pub operation: &'a str,
    pub target: &'a Target,
    pub key: &'a Key,
    /// The server's `date`.
    pub date: Option<&'a HeaderValue>,
}

/// Whether the same call may do a little later.
pub fn is_passing(fault: &Fault) -> bool {
    let throttled =
        ["ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"];
    throttled.contains(&fault.code.as_str())
        || fault.status == 429
        || matches!(fault.status, 500 | 502 | 503 | 504)
}

/// The fault as a failure of the command.
pub fn failure(fault: &Fault, about: &About<'_>) -> Failure {
    let failure =
        Failure::new(code(fault), format!("{}: {}", about.operation, said(fault))).of_fault(&fault.code);
    match advice(fault, about) {
        Some(next) => failure.next(next),
        None => failure,
    }
}

/// Text first, the code behind it.
fn said(fault: &Fault) -> String {
    let Fault { code, message, .. } = fault;
    match (code.is_empty(), message.is_empty()) {
        (false, false) => format!("{} ({code})", message.trim_end_matches('.')),
        _ => fault.to_string(),
    }
}

fn code(fault: &Fault) -> Code {
    // A value that the model does not allow was typed; other invalid requests are against the state of things.
    if fault.message.contains("validation error") {
        return Code::Usage;
    }
    match fault.code.as_str() {
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            Code::Conflict
        }
        "CertificateStateException" | "DeleteConflict" | "EntityAlreadyExists" | "LimitExceeded" => {
            Code::Conflict
        }
        "NoSuchEntity" => Code::NotFound,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ForbiddenException"
        | "UnauthorizedException" => Code::Denied,
        name if ["AccessDenied", "Signature", "MissingAuthenticationToken", "ExpiredToken"]
            .iter()
            .any(|part| name.contains(part)) =>
        {
            Code::Denied
        }
        name if name.contains("Conflict")
            || name.contains("AlreadyExists")
            || name.contains("LimitExceeded") =>
        {
            Code::Conflict
        }
        name if name.contains("NotFound") => Code::NotFound,
        _ => match fault.status {
            401 | 403 => Code::Denied,
            404 => Code::NotFound,
            409 | 410 | 429 => Code::Conflict,
            504 => Code::Timeout,
            502 | 503 => Code::Unreachable,
            _ => Code::Failed,
        },
    }
}

fn advice(fault: &Fault, about: &About<'_>) -> Option<String> {
    let (id, target) = (&about.key.id, about.target);
    let says = |text: &str| fault.message.contains(text);
    match fault.code.as_str() {
        "UnrecognizedClientException" | "InvalidClientTokenId" => Some(format!(
            "{target} does not know the access key {id}: look at AWS_PROFILE and AWS_ACCESS_KEY_ID, or take the root key \
             of a server on this machine with --data-dir"
        )),
        "ExpiredTokenException" | "ExpiredToken" => {
            Some(format!("the session of {id} has ended: log in again, or ask for another session"))
        }
        _ if says("Signature expired") || says("not yet current") || fault.code == "RequestTimeTooSkewed" => {
            Some(format!("set the clock of this machine by NTP{}", skew(about.date)))
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => Some(format!(
            "the secret of the access key {id} is another one: look at AWS_SECRET_ACCESS_KEY or the profile's \
             aws_secret_access_key; is a proxy in between that changes requests?"
        )),
        "AccessDeniedException" | "AccessDenied" | "ForbiddenException" => Some(
            "`aws sts get-caller-identity` says who the caller is; whoever administers the server can attach a policy that \
             allows this"
                .to_owned(),
        ),
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => Some("wait, and try again".to_owned()),
        _ if matches!(fault.status, 502 | 503) => Some("wait, and look at the server with `adit status`".to_owned()),
        _ => None,
    }
}

/// How far the clocks are apart, for people.
fn skew(date: Option<&HeaderValue>) -> String {
    let theirs =
        date.and_then(|date| date.to_str().ok()).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let Some(theirs) = theirs else { return String::new() };
    match super::now() - theirs.timestamp().as_second() {
        ahead @ 1.. => format!("; it is {ahead} s ahead of the server's"),
        behind => format!("; it is {} s behind the server's", -behind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16, code: &str, message: &str) -> Failure {
        let key = Key { id: "AKIA".into(), secret: "s".into(), session_token: None, expires: None };
        let target = Target { tls: false, host: "h".into(), port: 80 };
        let fault = Fault { status, code: code.into(), message: message.into(), request_id: None };
        failure(&fault, &About { operation: "Op", target: &target, key: &key, date: None })
    }

    #[test]
    fn each_class_of_fault_has_its_code() {
        for (status, name, code) in [
            (400, "AccessDeniedException", Code::Denied),
            (400, "UnrecognizedClientException", Code::Denied),
            (400, "InvalidSignatureException", Code::Denied),
            (400, "ExpiredTokenException", Code::Denied),
            (403, "", Code::Denied),
            (400, "IncompleteSignatureException", Code::Denied),
            (400, "ResourceNotFoundException", Code::NotFound),
            (404, "", Code::NotFound),
            (409, "ResourceAlreadyExistsException", Code::Conflict),
            (400, "LimitExceededException", Code::Conflict),
            (409, "VersionsLimitExceededException", Code::Conflict),
            (406, "CertificateStateException", Code::Conflict),
            (409, "DeleteConflictException", Code::Conflict),
            (400, "ThrottlingException", Code::Conflict),
            (400, "InvalidRequestException", Code::Failed),
            (504, "GatewayTimeoutException", Code::Timeout),
            (503, "ServiceUnavailableException", Code::Unreachable),
            (500, "InternalFailureException", Code::Failed),
        ] {
            let failure = failed(status, name, "m");
            assert_eq!(failure.code(), code, "{name}");
            assert_eq!(failure.fault(), Some(name));
        }
    }

    #[test]
    fn a_value_that_was_mistyped_is_a_wrong_command_line() {
        let message = "1 validation error detected: Value at 'thingName' failed to satisfy constraint: …";
        assert_eq!(failed(400, "InvalidRequestException", message).code(), Code::Usage);
    }

    #[test]
    fn the_text_comes_before_the_code() {
        assert_eq!(
            failed(404, "ResourceNotFoundException", "No thing x.").to_string(),
            "Op: No thing x (ResourceNotFoundException)"
        );
        assert_eq!(failed(502, "", "").to_string(), "Op: HTTP status 502");
    }

    #[test]
    fn a_wrong_clock_key_and_secret_have_advice_of_their_own() {
        let next = |code: &str, message: &str| format!("{:?}", failed(403, code, message));
        assert!(next("InvalidSignatureException", "Signature expired: 2").contains("NTP"));
        assert!(next("SignatureDoesNotMatch", "The request signature").contains("secret"));
        assert!(next("InvalidClientTokenId", "The security token").contains("does not know"));
        assert!(next("ExpiredToken", "x").contains("has ended"));
    }

    #[test]
    fn what_passes_is_tried_again() {
        let fault = |status, code: &str| Fault {
            status,
            code: code.into(),
            message: String::new(),
            request_id: None,
        };
        assert!(is_passing(&fault(400, "ThrottlingException")) && is_passing(&fault(503, "")));
        assert!(
            !is_passing(&fault(400, "InvalidRequestException")) && !is_passing(&fault(403, "AccessDenied"))
        );
    }
}

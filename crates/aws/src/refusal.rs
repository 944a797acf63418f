//! Why a request is refused before a handler sees it.

use std::fmt;

use crate::limits::ECHO_CHARS;
use crate::service::{Protocol, Service};
use crate::table::Operation;
use crate::time::basic;

/// The misdeed. `Display` is the message for the client, in AWS's words where clients know them.
///
/// spec: control-plane §3
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither an `Authorization` header nor a signed query.
    MissingToken,
    /// The signature's parts cannot be read; the text says which and why.
    IncompleteSignature(String),
    /// The signature is not the one that the secret gives.
    SignatureMismatch,
    /// `x-amz-content-sha256` is not the hash of the body, or asks for an unsigned body.
    BodyHash(String),
    /// A header that decides something is not among the signed ones.
    UnsignedHeader(String),
    /// Signed too long ago. All times in epoch seconds.
    Expired {
        /// When the signature ended.
        ended: i64,
        /// The earliest moment that would still do.
        earliest: i64,
        /// The server's time.
        now: i64,
        /// How long a signature lives, in seconds.
        window: i64,
    },
    /// Signed in the future. All times in epoch seconds.
    NotYetCurrent {
        /// When it says it was signed.
        signed: i64,
        /// The latest moment that would do.
        latest: i64,
        /// The server's time.
        now: i64,
        /// How far a clock may be ahead, in seconds.
        window: i64,
    },
    /// The credential scope's date or last word does not fit; the text says which.
    WrongScope(String),
    /// The credential scope is for another service than the request; names the right one.
    WrongService(String),
    /// The region in the credential scope cannot be one.
    WrongRegion(String),
    /// No model has this operation; the text names what was asked for.
    UnknownOperation(String),
    /// Not readable as the input of the operation; the text names the member.
    Serialization(String),
    /// Readable, but against the model's constraints; the text lists every violation.
    Validation(String),
    /// The body is larger than any operation takes. Both in bytes.
    TooLarge {
        /// The size received.
        size: usize,
        /// The size allowed.
        limit: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingToken => out.write_str("Missing Authentication Token"),
            Self::IncompleteSignature(text)
            | Self::BodyHash(text)
            | Self::WrongScope(text)
            | Self::UnknownOperation(text)
            | Self::Serialization(text)
            | Self::Validation(text) => out.write_str(text),
            Self::SignatureMismatch => out.write_str(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            ),
            Self::UnsignedHeader(name) => {
                write!(out, "'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Self::Expired { ended, earliest, now, window } => write!(
                out,
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                basic(*ended),
                basic(*earliest),
                basic(*now),
                window / 60
            ),
            Self::NotYetCurrent { signed, latest, now, window } => write!(
                out,
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                basic(*signed),
                basic(*latest),
                basic(*now),
                window / 60
            ),
            Self::WrongService(right) => {
                write!(out, "Credential should be scoped to correct service: '{right}'.")
            }
            Self::WrongRegion(region) => {
                write!(out, "Credential should be scoped to a valid region, not '{region}'.")
            }
            Self::TooLarge { size, limit } => {
                write!(out, "The request body of {size} bytes is larger than the {limit} bytes allowed.")
            }
        }
    }
}

/// As much of a peer's text as a message repeats, on one line.
pub(crate) fn echo(text: &str) -> String {
    text.chars()
        .take(ECHO_CHARS)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// What is known about a request, so that the answer takes the form its client reads.
#[derive(Clone, Copy)]
pub struct About {
    /// The wire form to answer in.
    pub protocol: Protocol,
    /// The service, once known.
    pub service: Option<Service>,
    /// The operation, once known.
    pub operation: Option<&'static Operation>,
}

impl About {
    pub(crate) fn operation(operation: &'static Operation) -> Self {
        let service = operation.service;
        Self { protocol: service.protocol(), service: Some(service), operation: Some(operation) }
    }
}

/// A refused request.
pub struct Refused {
    /// The misdeed and its text.
    pub why: Refusal,
    /// What is known of the request.
    pub about: About,
}

impl fmt::Debug for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Refused")
            .field("why", &self.why)
            .field("protocol", &self.about.protocol)
            .field("service", &self.about.service)
            .field("operation", &self.about.operation.map(|row| row.name))
            .finish()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(out)
    }
}

impl std::error::Error for Refused {}

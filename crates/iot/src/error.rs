//! The closed list of things that can go wrong, and the one error type of every operation.

use std::fmt;

/// What kind of refusal this is. A new kind needs a client that would act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The input breaks a rule; sending it again unchanged cannot succeed.
    Invalid,
    /// A policy document breaks the rules of its language.
    MalformedPolicy,
    /// A certificate does not parse, does not verify or is signed in a way that is not accepted.
    BadCertificate,
    /// A verification certificate does not carry the account's registration code.
    BadRegistrationCode,
    /// What a provisioning template asks for cannot be had.
    RegistrationFailed,
    /// Who is calling could not be established.
    Unauthenticated,
    /// The caller's temporary credentials are over; fresh ones would do.
    Expired,
    /// The caller is known and may not do this.
    Forbidden,
    /// No such record, or not in the caller's account and region.
    NotFound,
    /// A record of that name is there with other content.
    Exists,
    /// Another change to the same record got in between.
    Conflict,
    /// The caller's expected version is not the stored one.
    VersionConflict,
    /// The record is still referred to.
    InUse,
    /// A quota is used up.
    LimitExceeded,
    /// Too many calls; the same call can succeed later.
    Throttled,
    /// The input is larger than accepted.
    TooLarge,
    /// The input is not in an encoding this operation reads.
    Encoding,
    /// The record's state does not allow this.
    WrongState,
    /// A known operation that this server does not serve.
    NotOffered,
    /// The server cannot do it now (disk full, shutting down).
    Unavailable,
    /// A defect of the server.
    Internal,
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Kind; 21] = [
        Kind::Invalid,
        Kind::MalformedPolicy,
        Kind::BadCertificate,
        Kind::BadRegistrationCode,
        Kind::RegistrationFailed,
        Kind::Unauthenticated,
        Kind::Expired,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Exists,
        Kind::Conflict,
        Kind::VersionConflict,
        Kind::InUse,
        Kind::LimitExceeded,
        Kind::Throttled,
        Kind::TooLarge,
        Kind::Encoding,
        Kind::WrongState,
        Kind::NotOffered,
        Kind::Unavailable,
        Kind::Internal,
    ];
}

/// The record an error is about, for faults that carry it (spec: control-plane §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The record's id.
    pub id: String,
    /// The record's ARN.
    pub arn: String,
}

/// Why an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of refusal this is.
    pub kind: Kind,
    /// Text the caller may see: what was wrong and what is allowed. Never holds a secret.
    pub message: String,
    /// Text for the log only.
    pub inside: Option<String>,
    /// The record it is about, where the caller should learn it.
    pub resource: Option<Resource>,
}

impl Error {
    /// An error of `kind` with a text the caller may see.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), inside: None, resource: None }
    }

    /// The input breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// No such record for this caller.
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// A quota is used up.
    pub fn limit_exceeded(message: impl Into<String>) -> Error {
        Error::new(Kind::LimitExceeded, message)
    }

    /// A defect of the server: the caller learns only that there was one, the log learns `inside`.
    pub fn internal(inside: impl Into<String>) -> Error {
        Error::new(Kind::Internal, "The server failed on this request; its log says why.").with_inside(inside)
    }

    /// The same error with a text for the log.
    #[must_use]
    pub fn with_inside(mut self, inside: impl Into<String>) -> Error {
        self.inside = Some(inside.into());
        self
    }

    /// The same error naming the record it is about.
    #[must_use]
    pub fn with_resource(mut self, id: impl Into<String>, arn: impl Into<String>) -> Error {
        self.resource = Some(Resource { id: id.into(), arn: arn.into() });
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Error {}

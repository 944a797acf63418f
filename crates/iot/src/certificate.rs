//! Device certificates: the record and what may become of it (spec: control-plane §7, §8.2).

use crate::error::{Error, Kind};
use crate::ids::CertificateId;
use crate::time::Timestamp;

/// Whether a certificate may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It may.
    Active,
    /// Not now.
    Inactive,
    /// Never again.
    Revoked,
    /// Not until another account has taken it over or sent it back.
    PendingTransfer,
    /// Not until somebody activates it: it came in by itself.
    PendingActivation,
}

impl Status {
    /// Every status, in the order of declaration.
    pub const ALL: [Status; 5] = [
        Status::Active,
        Status::Inactive,
        Status::Revoked,
        Status::PendingTransfer,
        Status::PendingActivation,
    ];

    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Active => "ACTIVE",
            Status::Inactive => "INACTIVE",
            Status::Revoked => "REVOKED",
            Status::PendingTransfer => "PENDING_TRANSFER",
            Status::PendingActivation => "PENDING_ACTIVATION",
        }
    }

    /// The status of that name. The deprecated `REGISTER_INACTIVE` is [`Status::Inactive`].
    ///
    /// # Errors
    /// [`Kind::Invalid`] saying what is allowed.
    pub fn parse(text: &str) -> Result<Status, Error> {
        if text == "REGISTER_INACTIVE" {
            return Ok(Status::Inactive);
        }
        Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let all = Status::ALL.map(Status::as_str).join(", ");
            Error::invalid(format!("certificate status {text:?} must be one of {all}"))
        })
    }

    /// The status a certificate may be registered with (spec: control-plane §7).
    ///
    /// # Errors
    /// [`Kind::WrongState`] for a status that only the server gives.
    pub fn for_registration(self) -> Result<Status, Error> {
        match self {
            Status::Active | Status::Inactive | Status::Revoked => Ok(self),
            Status::PendingTransfer | Status::PendingActivation => Err(Error::new(
                Kind::WrongState,
                format!("Not allowed to register certificate with {} status", self.as_str()),
            )),
        }
    }
}

/// How a certificate is told apart on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// By the CA that issued it.
    Default,
    /// By the account whose host name the client asked for; its CA is unknown.
    SniOnly,
}

impl Mode {
    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Default => "DEFAULT",
            Mode::SniOnly => "SNI_ONLY",
        }
    }

    /// The mode of that name.
    ///
    /// # Errors
    /// [`Kind::Invalid`] saying what is allowed.
    pub fn parse(text: &str) -> Result<Mode, Error> {
        [Mode::Default, Mode::SniOnly]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("certificate mode {text:?} must be DEFAULT or SNI_ONLY")))
    }
}

/// A device certificate as it is kept. Its private key never is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER; unique in its scope.
    pub id: CertificateId,
    /// Whether it may be used.
    pub status: Status,
    /// How it is told apart.
    pub mode: Mode,
    /// The registered CA it was registered under, if any.
    pub ca_id: Option<CertificateId>,
    /// Its PEM, as it was given or issued.
    pub pem: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// 1 at creation, one more with every change.
    pub customer_version: i64,
    /// A UUID of this registration.
    pub generation_id: String,
    /// When it came to be known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Certificate {
    /// The certificate with another status; `None` if it has that status already.
    ///
    /// # Errors
    /// [`Kind::WrongState`] for a status that only the server gives, and for leaving `REVOKED` or `PENDING_TRANSFER`.
    pub fn with_status(&self, status: Status, now: Timestamp) -> Result<Option<Certificate>, Error> {
        let refused = |text: String| Err(Error::new(Kind::WrongState, text));
        match (self.status, status) {
            (_, Status::PendingTransfer | Status::PendingActivation) => refused(format!(
                "A certificate cannot be updated to {}; ACTIVE, INACTIVE and REVOKED are allowed. Id: {}",
                status.as_str(),
                self.id
            )),
            (from, to) if from == to => Ok(None),
            (Status::Revoked | Status::PendingTransfer, _) => refused(format!(
                "A certificate that is {} cannot be updated to {}. Id: {}",
                self.status.as_str(),
                status.as_str(),
                self.id
            )),
            _ => Ok(Some(Certificate {
                status,
                customer_version: self.customer_version.saturating_add(1),
                updated_at: now,
                ..self.clone()
            })),
        }
    }
}

/// Why a certificate may not be deleted, in the order in which it is looked at (spec: control-plane §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is active, or on its way to another account.
    Status(Status),
    /// A thing is attached to it.
    Things,
    /// A policy is attached to it, and the caller does not force it.
    Policies,
}

impl Kept {
    /// What keeps a certificate of this status, if anything does.
    pub fn of(status: Status, things: bool, policies: bool, force: bool) -> Option<Kept> {
        match status {
            Status::Active | Status::PendingTransfer => Some(Kept::Status(status)),
            _ if things => Some(Kept::Things),
            _ if policies && !force => Some(Kept::Policies),
            _ => None,
        }
    }

    /// The refusal.
    pub fn refusal(self, id: &CertificateId, arn: &str) -> Error {
        match self {
            Kept::Status(Status::PendingTransfer) => Error::new(
                Kind::WrongState,
                format!("Certificate must not be PENDING_TRANSFER for deletion. Id: {id}"),
            ),
            Kept::Status(_) => Error::new(
                Kind::WrongState,
                format!("Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"),
            ),
            Kept::Things => {
                Error::new(Kind::InUse, format!("Things must be detached before deletion (arn: {arn})"))
            }
            Kept::Policies => Error::new(
                Kind::InUse,
                format!("Certificate policies must be detached before deletion (arn: {arn})"),
            ),
        }
    }
}

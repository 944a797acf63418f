//! CA certificates of customers: the record and what may become of it (spec: control-plane §7, §8.1).

use crate::certificate::Mode;
use crate::error::{Error, Kind};
use crate::ids::{CertificateId, Scope};
use crate::time::Timestamp;

/// Most CA certificates with the same subject in one scope (spec: control-plane §15).
pub const MAX_OF_SUBJECT: usize = 10;

/// Whether certificates may be registered under a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// They may.
    Active,
    /// Not now; those that are registered already are not touched.
    Inactive,
}

impl Status {
    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Active => "ACTIVE",
            Status::Inactive => "INACTIVE",
        }
    }

    /// The status of that name.
    ///
    /// # Errors
    /// [`Kind::Invalid`] saying what is allowed.
    pub fn parse(text: &str) -> Result<Status, Error> {
        [Status::Active, Status::Inactive].into_iter().find(|status| status.as_str() == text).ok_or_else(
            || Error::invalid(format!("CA certificate status {text:?} must be ACTIVE or INACTIVE")),
        )
    }
}

/// `autoRegistrationStatus` as a switch.
///
/// # Errors
/// [`Kind::Invalid`] saying what is allowed.
pub fn parse_auto_registration(text: &str) -> Result<bool, Error> {
    match text {
        "ENABLE" => Ok(true),
        "DISABLE" => Ok(false),
        _ => Err(Error::invalid(format!("auto registration status {text:?} must be ENABLE or DISABLE"))),
    }
}

/// `ENABLE` or `DISABLE`.
pub const fn auto_registration(on: bool) -> &'static str {
    if on { "ENABLE" } else { "DISABLE" }
}

/// What is done with a device on its first connection (spec: provisioning §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationConfig {
    /// A named template, as it is at that time.
    Named(String),
    /// A template of its own.
    Inline {
        /// The template as it was sent.
        body: String,
        /// The role that must allow what it does.
        role_arn: String,
    },
}

impl RegistrationConfig {
    /// The two forms told apart by what is given. Neither template nor role has been looked at.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for both, neither, or half of one.
    pub fn of(
        template_name: Option<String>,
        template_body: Option<String>,
        role_arn: Option<String>,
    ) -> Result<RegistrationConfig, Error> {
        match (template_name, template_body, role_arn) {
            (Some(name), None, None) => Ok(RegistrationConfig::Named(name)),
            (None, Some(body), Some(role_arn)) => Ok(RegistrationConfig::Inline { body, role_arn }),
            (Some(_), _, _) => Err(Error::invalid(
                "registrationConfig takes templateName alone, or templateBody with roleArn; a named template has a \
                 role of its own.",
            )),
            (None, Some(_), None) => {
                Err(Error::invalid("registrationConfig with templateBody needs roleArn."))
            }
            (None, None, Some(_)) => Err(Error::invalid(
                "registrationConfig with roleArn needs templateBody, or templateName alone.",
            )),
            (None, None, None) => {
                Err(Error::invalid("registrationConfig needs templateName, or templateBody with roleArn."))
            }
        }
    }
}

/// A CA certificate as it is kept. Its private key never is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ca {
    /// SHA-256 of its DER; unique in its scope.
    pub id: CertificateId,
    /// Whether certificates may be registered under it.
    pub status: Status,
    /// Whether they may come in by themselves.
    pub auto_registration: bool,
    /// How its certificates are told apart; fixed at registration.
    pub mode: Mode,
    /// Its PEM, as it was given.
    pub pem: String,
    /// DER of its subject name.
    pub subject: Vec<u8>,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// What is done with its devices when they first connect.
    pub config: Option<RegistrationConfig>,
    /// 1 at creation, one more with every change.
    pub customer_version: i64,
    /// A UUID of this registration.
    pub generation_id: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What to change of a CA; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Another status.
    pub status: Option<Status>,
    /// Whether certificates may come in by themselves.
    pub auto_registration: Option<bool>,
    /// Another registration config, or none.
    pub config: Option<Option<RegistrationConfig>>,
}

impl Change {
    /// The change that also takes the registration config away and switches auto-registration off.
    #[must_use]
    pub fn without_auto_registration(self) -> Change {
        Change { auto_registration: Some(false), config: Some(None), ..self }
    }
}

impl Ca {
    /// The CA with a change; `None` if that is what it is already.
    pub fn changed(&self, change: &Change, now: Timestamp) -> Option<Ca> {
        let changed = Ca {
            status: change.status.unwrap_or(self.status),
            auto_registration: change.auto_registration.unwrap_or(self.auto_registration),
            config: change.config.clone().unwrap_or_else(|| self.config.clone()),
            ..self.clone()
        };
        (changed != *self).then(|| Ca {
            customer_version: self.customer_version.saturating_add(1),
            updated_at: now,
            ..changed
        })
    }

    /// Whether certificates it issued are registered when they first connect.
    pub fn takes_newcomers(&self) -> bool {
        self.status == Status::Active && self.auto_registration
    }
}

/// The refusal to delete an active CA (spec: control-plane §7).
pub fn still_active(id: &CertificateId) -> Error {
    Error::new(
        Kind::WrongState,
        format!("CA Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"),
    )
}

/// A CA with where it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Account and region.
    pub scope: Scope,
    /// The CA.
    pub ca: Ca,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca() -> Ca {
        Ca {
            id: CertificateId::from_sha256([1; 32]),
            status: Status::Inactive,
            auto_registration: false,
            mode: Mode::Default,
            pem: "pem".into(),
            subject: vec![0x30, 0],
            not_before: Timestamp::from_millis(0),
            not_after: Timestamp::from_millis(9),
            config: None,
            customer_version: 1,
            generation_id: "g".into(),
            created_at: Timestamp::from_millis(1),
            updated_at: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn a_change_counts_only_if_it_changes() {
        let now = Timestamp::from_millis(5);
        assert_eq!(ca().changed(&Change::default(), now), None);
        let same = Change { status: Some(Status::Inactive), config: Some(None), ..Change::default() };
        assert_eq!(ca().changed(&same, now), None);
        let config = RegistrationConfig::Named("t".into());
        let change = Change {
            status: Some(Status::Active),
            auto_registration: Some(true),
            config: Some(Some(config.clone())),
        };
        let changed = ca().changed(&change, now).unwrap();
        assert_eq!((changed.customer_version, changed.updated_at), (2, now));
        assert!(changed.takes_newcomers() && !ca().takes_newcomers());
        let off = changed.changed(&Change::default().without_auto_registration(), now).unwrap();
        assert_eq!((off.status, off.auto_registration, off.config), (Status::Active, false, None));
        let replaced = Change {
            config: Some(Some(RegistrationConfig::Inline { body: "{}".into(), role_arn: "r".into() })),
            ..Change::default()
        };
        assert_eq!(changed.changed(&replaced, now).unwrap().config, replaced.config.unwrap());
    }

    #[test]
    fn a_registration_config_has_one_of_two_forms() {
        let some = |text: &str| Some(text.to_owned());
        let of = |name, body, role| RegistrationConfig::of(name, body, role);
        assert_eq!(of(some("t"), None, None), Ok(RegistrationConfig::Named("t".into())));
        let inline = RegistrationConfig::Inline { body: "b".into(), role_arn: "r".into() };
        assert_eq!(of(None, some("b"), some("r")), Ok(inline));
        for (name, body, role, says) in [
            (some("t"), some("b"), some("r"), "templateName alone"),
            (some("t"), None, some("r"), "templateName alone"),
            (None, some("b"), None, "needs roleArn"),
            (None, None, some("r"), "needs templateBody"),
            (None, None, None, "needs templateName"),
        ] {
            let refusal = of(name, body, role).unwrap_err();
            assert_eq!(refusal.kind, Kind::Invalid);
            assert!(refusal.message.contains(says), "{}", refusal.message);
        }
    }

    #[test]
    fn words_are_read_and_written() {
        for status in [Status::Active, Status::Inactive] {
            assert_eq!(Status::parse(status.as_str()), Ok(status));
        }
        assert!(Status::parse("active").is_err());
        for on in [true, false] {
            assert_eq!(parse_auto_registration(auto_registration(on)), Ok(on));
        }
        assert!(parse_auto_registration("on").is_err());
    }
}

//! Named templates as they are kept (spec: control-plane §8.6).

use std::fmt;

use crate::arn::{Arn, partition};
use crate::error::{Error, Kind};
use crate::ids::Scope;
use crate::time::Timestamp;

/// Templates of an account and region (spec: provisioning §8).
pub const MAX_TEMPLATES: usize = 256;
/// Versions of a template (spec: provisioning §8).
pub const MAX_VERSIONS: usize = 5;
/// What a hook is sent when its template does not say (spec: control-plane §8.6).
pub const DEFAULT_PAYLOAD_VERSION: &str = "2020-04-01";

/// The name of a provisioning template: 1 to 36 characters `[0-9A-Za-z_-]` (spec: control-plane §11).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemplateName(String);

impl TemplateName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Kind::Invalid`] saying what is allowed.
    pub fn parse(text: &str) -> Result<TemplateName, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if text.is_empty() || text.len() > 36 || !text.bytes().all(allowed) {
            return Err(Error::invalid(format!(
                "template name {text:?} must be 1 to 36 of the characters a-z, A-Z, 0-9, '_' and '-'"
            )));
        }
        Ok(TemplateName(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a named template is for; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateType {
    /// Fleet provisioning.
    Fleet,
    /// First connections.
    Jitp,
}

impl TemplateType {
    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            TemplateType::Fleet => "FLEET_PROVISIONING",
            TemplateType::Jitp => "JITP",
        }
    }

    /// The type of that name.
    ///
    /// # Errors
    /// [`Kind::Invalid`] saying what is allowed.
    pub fn parse(text: &str) -> Result<TemplateType, Error> {
        [TemplateType::Fleet, TemplateType::Jitp].into_iter().find(|kind| kind.as_str() == text).ok_or_else(
            || Error::invalid(format!("template type {text:?} must be FLEET_PROVISIONING or JITP")),
        )
    }

    /// What its templates are read as.
    pub const fn flow(self) -> super::Flow {
        match self {
            TemplateType::Fleet => super::Flow::Fleet,
            TemplateType::Jitp => super::Flow::FirstConnection,
        }
    }
}

/// Who is asked before a device is provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The ARN of a function.
    pub target_arn: String,
    /// The version of what it is sent.
    pub payload_version: String,
}

/// A named template with the body of its default version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningTemplate {
    /// Its name, unique in its scope.
    pub name: TemplateName,
    /// What it is for.
    pub kind: TemplateType,
    /// Free text.
    pub description: Option<String>,
    /// Whether devices may be provisioned with it.
    pub enabled: bool,
    /// The role whose rights provisioning uses.
    pub role_arn: String,
    /// Who is asked before.
    pub hook: Option<Hook>,
    /// The number of the version that counts.
    pub default_version: i64,
    /// The body of that version, as it was sent.
    pub body: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One version of a named template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateVersion {
    /// 1, 2, …; a number is never used twice.
    pub version: i64,
    /// Whether this is the one that counts.
    pub is_default: bool,
    /// Its body, as it was sent.
    pub body: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Whether a text is the ARN of a role of the account (spec: control-plane §8.6). Whether there is such a role, and what
/// it may do, is asked when it is used.
///
/// # Errors
/// [`Kind::Invalid`] saying what is allowed.
pub fn check_role(scope: &Scope, text: &str) -> Result<(), Error> {
    let named = Arn::parse(text).filter(|arn| {
        let name = arn.resource.strip_prefix("role/");
        arn.service == "iam"
            && arn.region.is_empty()
            && arn.partition == partition(scope.region())
            && name.is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
    });
    match named {
        None => Err(Error::invalid(format!(
            "Role {text:?} is not the ARN of a role, such as arn:{}:iam::{}:role/name.",
            partition(scope.region()),
            scope.account()
        ))),
        Some(arn) if arn.account != scope.account() => Err(Error::invalid(format!(
            "Role {text} is of another account; a role of account {} is needed.",
            scope.account()
        ))),
        Some(_) => Ok(()),
    }
}

/// The refusal of a hook on a template that no hook can be asked about (spec: control-plane §8.6).
pub fn no_hook(kind: TemplateType) -> Error {
    Error::new(
        Kind::Invalid,
        format!("Provisioning hook is not supported for template type: {}", kind.as_str()),
    )
}

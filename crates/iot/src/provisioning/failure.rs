//! Why a device could not be provisioned.

use std::fmt;

/// Where provisioning stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Reading the template, or a function in it.
    Template,
    /// A value that the template refers to.
    Parameters,
    /// Asking whether the role may do it.
    Role,
    /// The pre-provisioning hook.
    Hook,
    /// The thing, its attributes or its type.
    Thing,
    /// The groups the thing is to be in.
    ThingGroups,
    /// The certificate, its status or its attachments.
    Certificate,
    /// A policy.
    Policy,
    /// Keeping it.
    Store,
}

impl Stage {
    /// A fixed word for logs, metrics and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Template => "template",
            Stage::Parameters => "parameters",
            Stage::Role => "role",
            Stage::Hook => "hook",
            Stage::Thing => "thing",
            Stage::ThingGroups => "thing-groups",
            Stage::Certificate => "certificate",
            Stage::Policy => "policy",
            Stage::Store => "store",
        }
    }
}

/// Whose fault it is, as far as a caller would act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The template is not one, or a function in it cannot work.
    Template,
    /// A parameter has no value.
    Parameters,
    /// What is there or what is missing is in the way.
    Registry,
    /// The role or the hook says no.
    Forbidden,
    /// The server cannot do it now, or has a defect; the same attempt can succeed later.
    Server,
}

/// Why a device could not be provisioned. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it stopped.
    pub stage: Stage,
    /// Whose fault it is.
    pub cause: Cause,
    /// What was wrong, for the operator and the caller. Never holds a secret.
    pub reason: String,
}

impl Failure {
    /// A template that is not one, or a function that cannot work.
    pub fn template(reason: impl Into<String>) -> Failure {
        Failure { stage: Stage::Template, cause: Cause::Template, reason: reason.into() }
    }

    /// A parameter without a value, in AWS's words (spec: provisioning §7).
    pub fn no_value(parameter: &str) -> Failure {
        Failure {
            stage: Stage::Parameters,
            cause: Cause::Parameters,
            reason: format!("Cannot resolve reference value: {parameter}"),
        }
    }

    /// Something in the registry is in the way.
    pub fn registry(stage: Stage, reason: impl Into<String>) -> Failure {
        Failure { stage, cause: Cause::Registry, reason: reason.into() }
    }

    /// The role or the hook says no.
    pub fn forbidden(stage: Stage, reason: impl Into<String>) -> Failure {
        Failure { stage, cause: Cause::Forbidden, reason: reason.into() }
    }

    /// The server cannot do it now.
    pub fn server(stage: Stage, reason: impl Into<String>) -> Failure {
        Failure { stage, cause: Cause::Server, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

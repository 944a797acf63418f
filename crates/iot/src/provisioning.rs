//! Provisioning templates: what a device is to get, and what is to be done about it (spec: provisioning §3–§5).
//!
//! A [`Template`] is read and checked once. [`Template::resolve`] puts parameters into it and gives a [`Wanted`]; with
//! what exists, a [`World`], that becomes a [`Plan`]: the steps that are missing. Whoever keeps the records carries the
//! plan out in one transaction.

mod failure;
pub mod fleet;
mod function;
pub mod parameters;
mod plan;
mod record;
mod template;
mod wanted;

pub use failure::{Cause, Failure, Stage};
pub use plan::{CertificateState, Plan, Step, World, plan};
pub use record::{
    DEFAULT_PAYLOAD_VERSION, Hook, MAX_TEMPLATES, MAX_VERSIONS, ProvisioningTemplate, TemplateName,
    TemplateType, TemplateVersion, check_role, no_hook,
};
pub use template::{Flow, Invalid, MAX_BODY, Template};
pub use wanted::{Source, Wanted, WantedCertificate, WantedPolicy, WantedThing};

//! A template: read, checked, ready to be filled in (spec: provisioning §3).

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::function::{Expression, Mappings};
use super::parameters::{self, CERTIFICATE_ID, Parameters};
use crate::certificate::Status;

/// Characters a template may have (spec: provisioning §8).
pub const MAX_BODY: usize = 10_240;

/// What a template is for; it decides what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Fleet provisioning: the device says its parameters.
    Fleet,
    /// A device's first connection (JITP): its certificate says them.
    FirstConnection,
    /// RegisterThing: the caller says them, and which certificate it is.
    RegisterThing,
}

/// Why a text is no template. Shown with AWS's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Option<String>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("The template body is invalid"),
            Some(reason) => write!(f, "The template body is invalid: {reason}"),
        }
    }
}

impl std::error::Error for Invalid {}

fn invalid<T>(reason: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(Some(reason.into())))
}

/// A template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub(super) flow: Flow,
    /// Declared parameters with their defaults.
    pub(super) parameters: BTreeMap<String, Option<String>>,
    pub(super) mappings: Mappings,
    pub(super) thing: Option<ThingResource>,
    pub(super) certificate: Option<CertificateResource>,
    pub(super) policies: Vec<PolicyResource>,
    pub(super) device_configuration: Vec<(String, Expression)>,
}

/// A resource of type `AWS::IoT::Thing`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ThingResource {
    pub(super) logical: String,
    pub(super) name: Expression,
    pub(super) attributes: Option<Vec<(String, Expression)>>,
    pub(super) type_name: Option<Expression>,
    pub(super) groups: Option<Expression>,
    pub(super) billing_group: Option<Expression>,
    pub(super) on_attributes: Override,
    pub(super) on_type: Override,
    pub(super) on_groups: Override,
}

/// A resource of type `AWS::IoT::Certificate`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CertificateResource {
    pub(super) logical: String,
    pub(super) named: Named,
    pub(super) status: Option<Expression>,
    pub(super) principal_type: Option<Expression>,
    pub(super) on_status: Override,
}

/// How a template says which certificate it is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    /// The one that is being provisioned.
    Given,
    Id(Expression),
    Request(Expression),
    Pem {
        pem: Expression,
        ca: Option<Expression>,
    },
}

/// A resource of type `AWS::IoT::Policy`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PolicyResource {
    pub(super) logical: String,
    pub(super) content: PolicyContent,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum PolicyContent {
    Name(Expression),
    Document(Expression),
}

/// What becomes of a property that exists with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Override {
    DoNothing,
    Replace,
    Merge,
    Fail,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// AWS's words for what is wrong, or ours with its beginning.
    pub fn parse(text: &str, flow: Flow) -> Result<Template, Invalid> {
        let length = text.chars().count();
        if length > MAX_BODY {
            return invalid(format!("It has {length} characters; at most {MAX_BODY} are allowed."));
        }
        let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Err(Invalid(None)) };
        let mut template = Template {
            flow,
            parameters: declared(section(&members, "Parameters")?)?,
            mappings: mappings(section(&members, "Mappings")?)?,
            thing: None,
            certificate: None,
            policies: Vec::new(),
            device_configuration: device_configuration(section(&members, "DeviceConfiguration")?)?,
        };
        for (logical, resource) in section(&members, "Resources")?.into_iter().flatten() {
            template.add(logical, resource)?;
        }
        template.check()?;
        Ok(template)
    }

    /// Which parameters the template declares, with their defaults.
    pub fn declared(&self) -> &BTreeMap<String, Option<String>> {
        &self.parameters
    }

    fn add(&mut self, logical: &str, resource: &Value) -> Result<(), Invalid> {
        let Value::Object(resource) = resource else {
            return invalid(format!("Resource {logical} must be an object"));
        };
        let Some(Value::Object(properties)) = resource.get("Properties") else {
            return invalid("Properties of a resource cannot be null.");
        };
        let properties = Properties { logical, members: properties };
        let overrides = match resource.get("OverrideSettings") {
            None | Some(Value::Null) => None,
            Some(Value::Object(members)) => Some(members),
            Some(_) => return invalid(format!("OverrideSettings of resource {logical} must be an object")),
        };
        match resource.get("Type").and_then(Value::as_str) {
            Some("AWS::IoT::Thing") => {
                if self.thing.is_some() {
                    return invalid("Only one thing resource can be defined");
                }
                self.thing = Some(thing(&properties, overrides)?);
            }
            Some("AWS::IoT::Certificate") => {
                if self.certificate.is_some() {
                    return invalid("Only one certificate resource can be defined");
                }
                self.certificate = Some(certificate(&properties, overrides, self.flow)?);
            }
            Some("AWS::IoT::Policy") => self.policies.push(policy(&properties)?),
            Some(other) => {
                return invalid(format!(
                    "Resource {logical} has the unknown Type {other}; AWS::IoT::Thing, AWS::IoT::Certificate and \
                     AWS::IoT::Policy are known"
                ));
            }
            None => return invalid(format!("Resource {logical} must have a Type")),
        }
        Ok(())
    }

    /// What concerns more than one part.
    fn check(&self) -> Result<(), Invalid> {
        if self.certificate.is_none() {
            if self.flow != Flow::RegisterThing {
                return invalid("Template must have certificate resource.");
            }
            if let Some(policy) = self.policies.first() {
                return invalid(format!(
                    "Policy resource {} needs a certificate resource to be attached to",
                    policy.logical
                ));
            }
            if self.thing.is_none() {
                return invalid("Template must have a thing resource or a certificate resource.");
            }
        }
        let mut unknown = None;
        let mut look = |name: &str| {
            if !self.parameters.contains_key(name) && !parameters::is_built_in(name) {
                unknown.get_or_insert_with(|| name.to_owned());
            }
        };
        self.expressions().for_each(|expression| expression.references(&mut look));
        match unknown {
            None => Ok(()),
            Some(name) => invalid(format!(
                "Parameter {name} is referred to and not declared in Parameters (a text ${{…}} that is not meant for \
                 Fn::Sub is written ${{!…}} there)"
            )),
        }
    }

    /// Every expression of the template.
    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let thing = self.thing.iter().flat_map(|thing| {
            let attributes = thing.attributes.iter().flatten().map(|(_, value)| value);
            let others = [&thing.type_name, &thing.groups, &thing.billing_group];
            [&thing.name].into_iter().chain(attributes).chain(others.into_iter().flatten())
        });
        let certificate = self.certificate.iter().flat_map(|certificate| {
            let named: [Option<&Expression>; 2] = match &certificate.named {
                Named::Given => [None, None],
                Named::Id(text) | Named::Request(text) => [Some(text), None],
                Named::Pem { pem, ca } => [Some(pem), ca.as_ref()],
            };
            let others = [certificate.status.as_ref(), certificate.principal_type.as_ref()];
            named.into_iter().chain(others).flatten()
        });
        let policies = self.policies.iter().map(|policy| match &policy.content {
            PolicyContent::Name(text) | PolicyContent::Document(text) => text,
        });
        thing
            .chain(certificate)
            .chain(policies)
            .chain(self.device_configuration.iter().map(|(_, value)| value))
    }
}

/// A top-level section; `null` counts as absent.
fn section<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, Invalid> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(section)) => Ok(Some(section)),
        Some(_) => invalid(format!("{name} must be an object")),
    }
}

fn declared(section: Option<&Map<String, Value>>) -> Result<BTreeMap<String, Option<String>>, Invalid> {
    let mut declared = BTreeMap::new();
    for (name, parameter) in section.into_iter().flatten() {
        if parameter.get("Type").and_then(Value::as_str) != Some("String") {
            return invalid(format!("Parameter {name} must have the Type String"));
        }
        let default = match parameter.get("Default") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return invalid(format!("The Default of parameter {name} must be a text")),
        };
        declared.insert(name.clone(), default);
    }
    Ok(declared)
}

fn mappings(section: Option<&Map<String, Value>>) -> Result<Mappings, Invalid> {
    let wrong = |name: &str| {
        Invalid(Some(format!("Mapping {name} must have two levels of names above texts or lists of texts")))
    };
    let mut mappings = Mappings::new();
    for (name, keys) in section.into_iter().flatten() {
        let mut read = BTreeMap::new();
        for (key, values) in keys.as_object().ok_or_else(|| wrong(name))? {
            let values = values.as_object().ok_or_else(|| wrong(name))?;
            let plain = |value: &Value| match value {
                Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
                other => !other.is_object(),
            };
            if !values.values().all(plain) {
                return Err(wrong(name));
            }
            read.insert(key.clone(), values.clone().into_iter().collect());
        }
        mappings.insert(name.clone(), read);
    }
    Ok(mappings)
}

fn device_configuration(section: Option<&Map<String, Value>>) -> Result<Vec<(String, Expression)>, Invalid> {
    let mut read = Vec::new();
    for (name, value) in section.into_iter().flatten() {
        let value = Expression::read(value).map_err(|reason| Invalid(Some(reason)))?;
        if matches!(value, Expression::List(_) | Expression::Object(_)) {
            return invalid(format!("{name} of DeviceConfiguration must be a text"));
        }
        read.push((name.clone(), value));
    }
    Ok(read)
}

/// The properties of one resource.
struct Properties<'a> {
    logical: &'a str,
    members: &'a Map<String, Value>,
}

impl Properties<'_> {
    /// A property; `null` counts as absent.
    fn get(&self, name: &str) -> Result<Option<Expression>, Invalid> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Expression::read(value).map(Some).map_err(|reason| Invalid(Some(reason))),
        }
    }
}

fn overriding(
    overrides: Option<&Map<String, Value>>,
    name: &str,
    allowed: &[(&str, Override)],
    default: Override,
) -> Result<Override, Invalid> {
    let Some(value) = overrides.and_then(|members| members.get(name)) else { return Ok(default) };
    let found = allowed.iter().find(|(word, _)| value.as_str() == Some(word));
    found.map_or_else(
        || {
            let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
            invalid(format!("OverrideSettings of {name} must be one of {}", words.join(", ")))
        },
        |(_, how)| Ok(*how),
    )
}

const THREE: &[(&str, Override)] =
    &[("DO_NOTHING", Override::DoNothing), ("REPLACE", Override::Replace), ("FAIL", Override::Fail)];
const FOUR: &[(&str, Override)] = &[
    ("DO_NOTHING", Override::DoNothing),
    ("REPLACE", Override::Replace),
    ("FAIL", Override::Fail),
    ("MERGE", Override::Merge),
];

fn thing(
    properties: &Properties<'_>,
    overrides: Option<&Map<String, Value>>,
) -> Result<ThingResource, Invalid> {
    let attributes = match properties.get("AttributePayload")? {
        None => None,
        Some(Expression::Object(members)) => Some(members),
        Some(_) => return invalid("AttributePayload of a thing resource must be an object of texts"),
    };
    let Some(name) = properties.get("ThingName")? else {
        return invalid("A thing resource must specify a ThingName");
    };
    Ok(ThingResource {
        logical: properties.logical.to_owned(),
        name,
        attributes,
        type_name: properties.get("ThingTypeName")?,
        groups: properties.get("ThingGroups")?,
        billing_group: properties.get("BillingGroup")?,
        on_attributes: overriding(overrides, "AttributePayload", FOUR, Override::Fail)?,
        on_type: overriding(overrides, "ThingTypeName", THREE, Override::Fail)?,
        on_groups: overriding(overrides, "ThingGroups", FOUR, Override::Fail)?,
    })
}

fn certificate(
    properties: &Properties<'_>,
    overrides: Option<&Map<String, Value>>,
    flow: Flow,
) -> Result<CertificateResource, Invalid> {
    let status = properties.get("Status")?;
    let named = if flow == Flow::RegisterThing {
        named(properties)?
    } else {
        if properties.get("CertificateId")? != Some(Expression::Ref(CERTIFICATE_ID.to_owned())) {
            return invalid(format!("CertificateId must contain a reference to {CERTIFICATE_ID}"));
        }
        let given = status.as_ref().and_then(Expression::literal);
        if given.and_then(status_of).is_none() {
            return invalid(
                "A certificate resource must specify a Status of either \"Active\" or \"Inactive\"",
            );
        }
        Named::Given
    };
    Ok(CertificateResource {
        logical: properties.logical.to_owned(),
        named,
        status,
        principal_type: properties.get("ThingPrincipalType")?,
        on_status: overriding(overrides, "Status", THREE, Override::Replace)?,
    })
}

fn named(properties: &Properties<'_>) -> Result<Named, Invalid> {
    let ca = properties.get("CACertificatePem")?;
    let (id, request, pem) = (
        properties.get("CertificateId")?,
        properties.get("CertificateSigningRequest")?,
        properties.get("CertificatePem")?,
    );
    match (id, request, pem, ca) {
        (Some(id), None, None, None) => Ok(Named::Id(id)),
        (None, Some(request), None, None) => Ok(Named::Request(request)),
        (None, None, Some(pem), ca) => Ok(Named::Pem { pem, ca }),
        _ => invalid(
            "A certificate resource must specify exactly one of CertificateId, CertificateSigningRequest and \
             CertificatePem (with or without CACertificatePem)",
        ),
    }
}

fn policy(properties: &Properties<'_>) -> Result<PolicyResource, Invalid> {
    let content = match (properties.get("PolicyName")?, properties.get("PolicyDocument")?) {
        (Some(name), None) => PolicyContent::Name(name),
        (None, Some(document)) => PolicyContent::Document(document),
        _ => return invalid("A policy resource must specify either a PolicyName or a PolicyDocument"),
    };
    Ok(PolicyResource { logical: properties.logical.to_owned(), content })
}

/// `ACTIVE` or `INACTIVE` in any case: AWS's own examples write `Active`.
pub(super) fn status_of(text: &str) -> Option<Status> {
    [Status::Active, Status::Inactive].into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text))
}

impl Template {
    /// What it is for.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// What the template asks for with these values.
    ///
    /// # Errors
    /// A parameter without a value, a function that cannot work, a value that breaks the rules of what it is for.
    pub fn resolve(&self, given: &Parameters) -> Result<super::Wanted, super::Failure> {
        super::wanted::resolve(self, &parameters::seen(self, given)?)
    }
}

//! What a template asks for once its parameters are known: names, attributes, documents; each checked by itself.

use std::collections::BTreeMap;

use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::failure::{Failure, Stage};
use super::function::{Expression, Values};
use super::parameters::Parameters;
use super::template::{
    CertificateResource, Named, Override, PolicyContent, PolicyResource, Template, ThingResource, status_of,
};
use crate::certificate::Status;
use crate::error::Error;
use crate::ids::{CertificateId, PolicyName, ThingGroupName, ThingName, ThingTypeName};
use crate::thing::{self, Attributes};

/// What is to be there in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The thing, if the template has one.
    pub thing: Option<WantedThing>,
    /// The certificate; only RegisterThing works without.
    pub certificate: Option<WantedCertificate>,
    /// The policies, by logical name.
    pub policies: Vec<WantedPolicy>,
    /// What the device is told at the end of fleet provisioning.
    pub device_configuration: BTreeMap<String, String>,
}

/// A thing that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedThing {
    /// The resource's name in the template.
    pub logical: String,
    /// Its name.
    pub name: ThingName,
    /// Its attributes, no value empty; `None`: nothing is said of them.
    pub attributes: Option<Attributes>,
    /// Its type; `None`: nothing is said of it.
    pub type_name: Option<ThingTypeName>,
    /// Its groups, each once; `None`: nothing is said of them.
    pub groups: Option<Vec<ThingGroupName>>,
    /// Its billing group.
    pub billing_group: Option<String>,
    pub(super) on_attributes: Override,
    pub(super) on_type: Override,
    pub(super) on_groups: Override,
}

/// A certificate that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedCertificate {
    /// The resource's name in the template.
    pub logical: String,
    /// Which one.
    pub source: Source,
    /// The status it is to have.
    pub status: Status,
    /// Whether it is to be attached to the thing as the only one; `None`: nothing is said of it.
    pub exclusive: Option<bool>,
    pub(super) on_status: Override,
}

/// Which certificate a template is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The one that is being provisioned.
    Given,
    /// The registered one of this id.
    Id(CertificateId),
    /// One that is issued for this PKCS#10 request in PEM.
    Request(String),
    /// This one, in PEM.
    Pem {
        /// The certificate.
        pem: String,
        /// The CA that issued it.
        ca_pem: Option<String>,
    },
}

/// A policy that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPolicy {
    /// The resource's name in the template.
    pub logical: String,
    /// Its name: the one given, or made of the document.
    pub name: PolicyName,
    /// What it is created with if it is not there; `None`: it must be there.
    pub document: Option<String>,
}

pub(super) fn resolve(template: &Template, parameters: &Parameters) -> Result<Wanted, Failure> {
    let values = Values::new(parameters, &template.mappings);
    let configured = |(name, value): &(String, Expression)| {
        Ok((name.clone(), values.text(value, &format!("{name} of DeviceConfiguration"))?))
    };
    Ok(Wanted {
        thing: template.thing.as_ref().map(|thing| self::thing(&values, thing)).transpose()?,
        certificate: template.certificate.as_ref().map(|it| certificate(&values, it)).transpose()?,
        policies: template.policies.iter().map(|it| policy(&values, it)).collect::<Result<_, _>>()?,
        device_configuration: template
            .device_configuration
            .iter()
            .map(configured)
            .collect::<Result<_, _>>()?,
    })
}

fn refused(stage: Stage) -> impl Fn(Error) -> Failure {
    move |error| Failure::registry(stage, error.message)
}

fn thing(values: &Values<'_>, resource: &ThingResource) -> Result<WantedThing, Failure> {
    let name = ThingName::parse(&values.text(&resource.name, "ThingName")?).map_err(refused(Stage::Thing))?;
    let type_name = match &resource.type_name {
        None => None,
        Some(text) => {
            let text = values.text(text, "ThingTypeName")?;
            Some(ThingTypeName::parse(&text).map_err(refused(Stage::Thing))?)
        }
    };
    let billing_group = resource.billing_group.as_ref();
    Ok(WantedThing {
        logical: resource.logical.clone(),
        name,
        attributes: resource.attributes.as_ref().map(|members| attributes(values, members)).transpose()?,
        type_name,
        groups: resource.groups.as_ref().map(|list| groups(values, list)).transpose()?,
        billing_group: billing_group.map(|name| values.text(name, "BillingGroup")).transpose()?,
        on_attributes: resource.on_attributes,
        on_type: resource.on_type,
        on_groups: resource.on_groups,
    })
}

fn attributes(values: &Values<'_>, members: &[(String, Expression)]) -> Result<Attributes, Failure> {
    let mut attributes = Attributes::new();
    for (name, value) in members {
        let value = values.text(value, &format!("Attribute {name} of AttributePayload"))?;
        thing::check_attribute(name, &value).map_err(refused(Stage::Thing))?;
        attributes.insert(name.clone(), value);
    }
    Ok(thing::kept(attributes))
}

fn groups(values: &Values<'_>, list: &Expression) -> Result<Vec<ThingGroupName>, Failure> {
    let mut groups = Vec::new();
    for name in values.texts(list, "ThingGroups")? {
        let name = ThingGroupName::parse(&name).map_err(refused(Stage::ThingGroups))?;
        if !groups.contains(&name) {
            groups.push(name);
        }
    }
    Ok(groups)
}

fn certificate(values: &Values<'_>, resource: &CertificateResource) -> Result<WantedCertificate, Failure> {
    let source = match &resource.named {
        Named::Given => Source::Given,
        Named::Id(text) => {
            let id = values.text(text, "CertificateId")?;
            Source::Id(CertificateId::parse(&id).map_err(refused(Stage::Certificate))?)
        }
        Named::Request(text) => Source::Request(values.text(text, "CertificateSigningRequest")?),
        Named::Pem { pem, ca } => Source::Pem {
            pem: values.text(pem, "CertificatePem")?,
            ca_pem: ca.as_ref().map(|text| values.text(text, "CACertificatePem")).transpose()?,
        },
    };
    let status = match &resource.status {
        None => Status::Active,
        Some(text) => {
            let text = values.text(text, "Status")?;
            status_of(&text).ok_or_else(|| {
                let text =
                    format!("The Status {text:?} of a certificate resource must be ACTIVE or INACTIVE");
                Failure::registry(Stage::Certificate, text)
            })?
        }
    };
    let exclusive = match &resource.principal_type {
        None => None,
        Some(text) => match values.text(text, "ThingPrincipalType")?.as_str() {
            "EXCLUSIVE_THING" => Some(true),
            "NON_EXCLUSIVE_THING" => Some(false),
            other => {
                let text =
                    format!("ThingPrincipalType {other:?} must be EXCLUSIVE_THING or NON_EXCLUSIVE_THING");
                return Err(Failure::registry(Stage::Certificate, text));
            }
        },
    };
    let logical = resource.logical.clone();
    Ok(WantedCertificate { logical, source, status, exclusive, on_status: resource.on_status })
}

fn policy(values: &Values<'_>, resource: &PolicyResource) -> Result<WantedPolicy, Failure> {
    let logical = resource.logical.clone();
    match &resource.content {
        PolicyContent::Name(name) => {
            let name = values.text(name, "PolicyName")?;
            Ok(WantedPolicy {
                logical,
                name: PolicyName::parse(&name).map_err(refused(Stage::Policy))?,
                document: None,
            })
        }
        PolicyContent::Document(document) => {
            let document = match values.value(document)? {
                Value::String(text) => text,
                object @ Value::Object(_) => object.to_string(),
                _ => return Err(Failure::template("PolicyDocument must be a text or an object")),
            };
            let name = PolicyName::parse(&hash(&document)).map_err(refused(Stage::Policy))?;
            Ok(WantedPolicy { logical, name, document: Some(document) })
        }
    }
}

/// The name of a policy that a template makes: the SHA-1 of its text in upper-case hex (spec: provisioning §5).
fn hash(document: &str) -> String {
    let mut name = String::with_capacity(40);
    for byte in Sha1::digest(document) {
        for digit in [byte >> 4, byte & 0xf] {
            name.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
        }
    }
    name
}

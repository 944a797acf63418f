//! Where the values of a template's parameters come from (spec: provisioning §3, §4).

use std::collections::BTreeMap;

use super::failure::Failure;
use super::template::{Flow, Template};
use crate::ids::CertificateId;
use crate::policy::NameField;

/// Values by name.
pub type Parameters = BTreeMap<String, String>;

/// The parameter that holds the id of the certificate.
pub const CERTIFICATE_ID: &str = "AWS::IoT::Certificate::Id";

/// The parameters that first connections fill from the subject of the device's certificate.
const OF_SUBJECT: [(&str, NameField); 7] = [
    ("AWS::IoT::Certificate::Country", NameField::Country),
    ("AWS::IoT::Certificate::Organization", NameField::Organization),
    ("AWS::IoT::Certificate::OrganizationalUnit", NameField::OrganizationalUnit),
    ("AWS::IoT::Certificate::DistinguishedNameQualifier", NameField::DistinguishedNameQualifier),
    ("AWS::IoT::Certificate::StateName", NameField::State),
    ("AWS::IoT::Certificate::CommonName", NameField::CommonName),
    ("AWS::IoT::Certificate::SerialNumber", NameField::SerialNumber),
];

/// Whether templates may refer to a parameter without declaring it.
pub(super) fn is_built_in(name: &str) -> bool {
    name == CERTIFICATE_ID || OF_SUBJECT.iter().any(|(known, _)| *known == name)
}

/// The parameters of a device's first connection: its certificate's id and the fields of its subject, given in the
/// order in which they stand there; of a repeated field the first value counts.
pub fn of_first_connection<'a>(
    id: &CertificateId,
    subject: impl IntoIterator<Item = (NameField, &'a str)>,
) -> Parameters {
    let mut parameters = Parameters::from([(CERTIFICATE_ID.to_owned(), id.to_string())]);
    for (field, value) in subject {
        if let Some((name, _)) = OF_SUBJECT.iter().find(|(_, known)| *known == field) {
            parameters.entry((*name).to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    parameters
}

/// The values a template sees: those given for what it declares, its defaults for the rest, and the built-in ones.
///
/// # Errors
/// In first connections a declared parameter without a value, whether it is referred to or not.
pub(super) fn seen(template: &Template, given: &Parameters) -> Result<Parameters, Failure> {
    let built_in = given.iter().filter(|(name, _)| is_built_in(name));
    let mut seen: Parameters = built_in.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, default) in &template.parameters {
        match given.get(name).or(default.as_ref()) {
            Some(value) => {
                seen.insert(name.clone(), value.clone());
            }
            None if template.flow == Flow::FirstConnection => return Err(Failure::no_value(name)),
            None => {}
        }
    }
    Ok(seen)
}

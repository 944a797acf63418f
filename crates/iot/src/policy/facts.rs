//! What is known of a certificate and of a thing, as far as policies can ask.

use std::collections::BTreeMap;

/// Values kept of one certificate field; more are ignored (spec: policies §5).
const VALUES: usize = 5;
/// Characters of a value that may still be put into a pattern.
const VALUE_CHARACTERS: usize = 1024;

/// A field of a distinguished name that policies can ask for (spec: policies §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the ones of X.520")]
pub enum NameField {
    DistinguishedNameQualifier,
    Country,
    Organization,
    OrganizationalUnit,
    State,
    CommonName,
    SerialNumber,
    Title,
    Surname,
    GivenName,
    Initials,
    Pseudonym,
    GenerationQualifier,
}

impl NameField {
    /// Every field, in AWS's order.
    pub const ALL: [NameField; 13] = [
        NameField::DistinguishedNameQualifier,
        NameField::Country,
        NameField::Organization,
        NameField::OrganizationalUnit,
        NameField::State,
        NameField::CommonName,
        NameField::SerialNumber,
        NameField::Title,
        NameField::Surname,
        NameField::GivenName,
        NameField::Initials,
        NameField::Pseudonym,
        NameField::GenerationQualifier,
    ];

    /// The field of an attribute type, given as a dotted OID such as `2.5.4.3`.
    #[must_use]
    pub fn of_oid(oid: &str) -> Option<NameField> {
        Some(match oid {
            "2.5.4.46" => NameField::DistinguishedNameQualifier,
            "2.5.4.6" => NameField::Country,
            "2.5.4.10" => NameField::Organization,
            "2.5.4.11" => NameField::OrganizationalUnit,
            "2.5.4.8" => NameField::State,
            "2.5.4.3" => NameField::CommonName,
            "2.5.4.5" => NameField::SerialNumber,
            "2.5.4.12" => NameField::Title,
            "2.5.4.4" => NameField::Surname,
            "2.5.4.42" => NameField::GivenName,
            "2.5.4.43" => NameField::Initials,
            "2.5.4.65" => NameField::Pseudonym,
            "2.5.4.44" => NameField::GenerationQualifier,
            _ => return None,
        })
    }

    /// As it stands in a variable's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            NameField::DistinguishedNameQualifier => "DistinguishedNameQualifier",
            NameField::Country => "Country",
            NameField::Organization => "Organization",
            NameField::OrganizationalUnit => "OrganizationalUnit",
            NameField::State => "State",
            NameField::CommonName => "CommonName",
            NameField::SerialNumber => "SerialNumber",
            NameField::Title => "Title",
            NameField::Surname => "Surname",
            NameField::GivenName => "GivenName",
            NameField::Initials => "Initials",
            NameField::Pseudonym => "Pseudonym",
            NameField::GenerationQualifier => "GenerationQualifier",
        }
    }
}

/// A kind of alternative name that policies can ask for (spec: policies §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the ones of RFC 5280")]
pub enum AlternativeName {
    RFC822Name,
    DNSName,
    DirectoryName,
    UniformResourceIdentifier,
    IPAddress,
}

impl AlternativeName {
    /// Every kind, in AWS's order.
    pub const ALL: [AlternativeName; 5] = [
        AlternativeName::RFC822Name,
        AlternativeName::DNSName,
        AlternativeName::DirectoryName,
        AlternativeName::UniformResourceIdentifier,
        AlternativeName::IPAddress,
    ];

    /// As it stands in a variable's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AlternativeName::RFC822Name => "RFC822Name",
            AlternativeName::DNSName => "DNSName",
            AlternativeName::DirectoryName => "DirectoryName",
            AlternativeName::UniformResourceIdentifier => "UniformResourceIdentifier",
            AlternativeName::IPAddress => "IPAddress",
        }
    }
}

/// One multi-valued field of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateField {
    /// `iot:Certificate.Subject.…`
    Subject(NameField),
    /// `iot:Certificate.Issuer.…`
    Issuer(NameField),
    /// `iot:Certificate.Subject.AlternativeName.…`
    SubjectAlternative(AlternativeName),
    /// `iot:Certificate.Issuer.AlternativeName.…`
    IssuerAlternative(AlternativeName),
}

impl CertificateField {
    /// The field that a variable's name means, given what follows `iot:Certificate.`; any letter case. The shorter
    /// `SubjectAlternativeName.…` is understood too.
    pub(super) fn parse(name: &str) -> Option<CertificateField> {
        let (of, rest) = name.split_once('.')?;
        let dn = |field: &str| NameField::ALL.into_iter().find(|f| f.as_str().eq_ignore_ascii_case(field));
        let alternative = |kind: &str| {
            AlternativeName::ALL.into_iter().find(|kinds| kinds.as_str().eq_ignore_ascii_case(kind))
        };
        let long = rest.split_once('.').filter(|(word, _)| word.eq_ignore_ascii_case("AlternativeName"));
        match (of.to_ascii_lowercase().as_str(), long) {
            ("subject", Some((_, kind))) => alternative(kind).map(CertificateField::SubjectAlternative),
            ("issuer", Some((_, kind))) => alternative(kind).map(CertificateField::IssuerAlternative),
            ("subject", None) => dn(rest).map(CertificateField::Subject),
            ("issuer", None) => dn(rest).map(CertificateField::Issuer),
            ("subjectalternativename", _) => alternative(rest).map(CertificateField::SubjectAlternative),
            ("issueralternativename", _) => alternative(rest).map(CertificateField::IssuerAlternative),
            _ => None,
        }
    }

    fn name(self) -> String {
        match self {
            CertificateField::Subject(field) => format!("iot:Certificate.Subject.{}", field.as_str()),
            CertificateField::Issuer(field) => format!("iot:Certificate.Issuer.{}", field.as_str()),
            CertificateField::SubjectAlternative(kind) => {
                format!("iot:Certificate.Subject.AlternativeName.{}", kind.as_str())
            }
            CertificateField::IssuerAlternative(kind) => {
                format!("iot:Certificate.Issuer.AlternativeName.{}", kind.as_str())
            }
        }
    }
}

/// What policies can ask of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    id: String,
    serial: String,
    /// In the certificate's order. A connection keeps this: one small list is less than a map.
    fields: Vec<(CertificateField, Box<str>)>,
}

impl CertificateFacts {
    /// Facts of the certificate with this id (64 hex digits) and serial number (hex); no fields yet.
    #[must_use]
    pub fn new(id: impl Into<String>, serial: impl Into<String>) -> CertificateFacts {
        CertificateFacts { id: id.into(), serial: serial.into(), fields: Vec::new() }
    }

    /// Adds a value as it stands in the certificate, in the certificate's order. The sixth and later values of a field
    /// are ignored. Special characters get a backslash here (spec: policies §5).
    pub fn add(&mut self, field: CertificateField, value: &str) {
        if self.values(field).count() < VALUES {
            self.fields.push((field, escaped(value).into()));
        }
    }

    /// The certificate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The serial number in hex.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The values of a field, escaped; none if the certificate does not have it.
    pub fn values(&self, field: CertificateField) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(of, _)| *of == field).map(|(_, value)| &**value)
    }

    /// The names of all variables that have a value, for `iot:Certificate.AvailableKeys`.
    pub(super) fn available(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (at, (field, _)) in self.fields.iter().enumerate() {
            let name = field.name();
            match self.fields.iter().take(at).filter(|(of, _)| of == field).count() {
                0 => names.extend([format!("{name}.List"), name]),
                before => names.push(format!("{name}.{before}")),
            }
        }
        if !self.serial.is_empty() {
            names.push("iot:Certificate.SerialNumber".to_owned());
        }
        names
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '"' | '\\' | '+' | '=' | '<' | '>' | ';') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Whether a certificate's value may be put into a pattern: not too long, and without a character that could be taken
/// for a wildcard (spec: policies §5).
pub(super) fn insertable(value: &str) -> bool {
    !value.contains(['*', '$', '+', '?', '#']) && value.chars().count() <= VALUE_CHARACTERS
}

/// What policies can ask of a connection's thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// Its name.
    pub name: String,
    /// The name of its type.
    pub type_name: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixth_value_is_ignored_and_special_characters_are_escaped() {
        let mut facts = CertificateFacts::new("id", "0a");
        let field = CertificateField::Subject(NameField::Organization);
        for value in ["a,b=c", "2", "3", "4", "5", "6"] {
            facts.add(field, value);
        }
        assert_eq!(facts.values(field).collect::<Vec<_>>(), ["a\\,b\\=c", "2", "3", "4", "5"]);
        let names = facts.available();
        assert_eq!(names.len(), 1 + 2 + 4);
        assert!(names.contains(&"iot:Certificate.Subject.Organization.4".to_owned()), "{names:?}");
    }

    #[test]
    fn every_field_is_found_by_its_own_name() {
        let mut facts = CertificateFacts::new("id", "");
        let of_names = NameField::ALL
            .into_iter()
            .flat_map(|f| [CertificateField::Subject(f), CertificateField::Issuer(f)]);
        let of_kinds = AlternativeName::ALL
            .into_iter()
            .flat_map(|k| [CertificateField::SubjectAlternative(k), CertificateField::IssuerAlternative(k)]);
        for field in of_names.chain(of_kinds) {
            facts.add(field, "x");
            let name = field.name();
            let tail = name.strip_prefix("iot:Certificate.").unwrap();
            assert_eq!(CertificateField::parse(&tail.to_uppercase()), Some(field), "{name}");
        }
        assert_eq!(facts.available().len(), 2 * 36);
    }

    #[test]
    fn a_wildcard_keeps_a_value_out_of_patterns() {
        for bad in ["a*", "$", "a+b", "what?", "#", &"x".repeat(1025)] {
            assert!(!insertable(bad), "{bad}");
        }
        assert!(insertable(&"x".repeat(1024)));
    }
}

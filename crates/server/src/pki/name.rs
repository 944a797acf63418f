//! The name in a certificate that is made here.

use super::Refused;
use super::encode::{SEQUENCE, SET, element, of};

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;

/// An attribute of a name. The last byte of its object identifier, 2.5.4.x (X.520).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// C, two letters.
    Country = 6,
    /// ST.
    State = 8,
    /// L.
    Locality = 7,
    /// O.
    Organization = 10,
    /// OU.
    OrganizationalUnit = 11,
    /// dnQualifier.
    DnQualifier = 46,
    /// serialNumber: of the device, not of the certificate.
    SerialNumber = 5,
    /// CN.
    CommonName = 3,
}

impl Attribute {
    /// The word that stands for it in a command or a message.
    fn word(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::State => "state",
            Self::Locality => "locality",
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational unit",
            Self::DnQualifier => "DN qualifier",
            Self::SerialNumber => "serial number",
            Self::CommonName => "common name",
        }
    }

    fn string(self) -> u8 {
        match self {
            Self::Country | Self::DnQualifier | Self::SerialNumber => PRINTABLE_STRING,
            _ => UTF8_STRING,
        }
    }

    /// Most letters (RFC 5280, appendix A.1).
    fn limit(self) -> usize {
        match self {
            Self::Country => 2,
            Self::State | Self::Locality => 128,
            _ => 64,
        }
    }

    fn check(self, value: &str) -> Result<(), Refused> {
        let (word, letters, limit) = (self.word(), value.chars().count(), self.limit());
        if self == Self::Country && !(letters == 2 && value.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(Refused(format!(
                "the country {value:?} is not a code of two capital letters, such as IN"
            )));
        }
        if !(1..=limit).contains(&letters) {
            return Err(Refused(format!(
                "the {word} has {letters} letters; 1 to {limit} fit into a certificate"
            )));
        }
        if value.chars().any(char::is_control) {
            return Err(Refused(format!("the {word} {value:?} holds a control character")));
        }
        let printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
        if self.string() == PRINTABLE_STRING && !value.bytes().all(printable) {
            return Err(Refused(format!(
                "the {word} {value:?} may hold Latin letters, digits, spaces and '()+,-./:=? only"
            )));
        }
        Ok(())
    }
}

/// A name, as a certificate holds it.
#[derive(Debug, Clone, Default)]
pub struct Name(Vec<u8>);

impl Name {
    /// Adds an attribute after those that are there.
    ///
    /// # Errors
    /// The value does not fit into a certificate.
    pub fn with(mut self, attribute: Attribute, value: &str) -> Result<Self, Refused> {
        attribute.check(value)?;
        let oid = [0x06, 0x03, 0x55, 0x04, attribute as u8];
        let pair = of(SEQUENCE, &[&oid, &element(attribute.string(), value)]);
        self.0.extend(element(SET, pair));
        Ok(self)
    }

    /// DER.
    pub(super) fn der(&self) -> Vec<u8> {
        element(SEQUENCE, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::FromDer as _;
    use x509_parser::x509::X509Name;

    use super::*;

    #[test]
    fn a_name_reads_as_it_was_written() {
        let name = Name::default()
            .with(Attribute::Country, "IN")
            .and_then(|name| name.with(Attribute::Organization, "Ä & Söhne"))
            .and_then(|name| name.with(Attribute::SerialNumber, "A-1"))
            .and_then(|name| name.with(Attribute::CommonName, "DemoThing"))
            .unwrap();
        let der = name.der();
        let (rest, read) = X509Name::from_der(&der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(read.to_string(), "C=IN, O=Ä & Söhne, serialNumber=A-1, CN=DemoThing");
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        for (attribute, value, why) in [
            (Attribute::Country, "India", "two capital letters"),
            (Attribute::Country, "in", "two capital letters"),
            (Attribute::CommonName, "", "has 0 letters"),
            (Attribute::CommonName, &"x".repeat(65), "has 65 letters; 1 to 64"),
            (Attribute::State, &"x".repeat(129), "1 to 128"),
            (Attribute::Organization, "a\nb", "control character"),
            (Attribute::SerialNumber, "no_1", "Latin letters"),
        ] {
            let refused = Name::default().with(attribute, value).unwrap_err();
            assert!(refused.to_string().contains(why), "{refused}");
        }
    }
}

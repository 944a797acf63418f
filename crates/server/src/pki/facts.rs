//! What policies can ask about a certificate, read from it.

use std::borrow::Cow;
use std::net::IpAddr;

use adit_iot::policy::{AlternativeName, CertificateFacts, CertificateField, NameField};
use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::X509Name;

use crate::ids::hex;

/// The facts of a certificate with this id. Values that are no text are left out. spec: policies §5
pub fn of(id: &str, certificate: &X509Certificate<'_>) -> CertificateFacts {
    let mut facts = CertificateFacts::new(id, serial(certificate.raw_serial()));
    for (name, field) in names(certificate.subject()) {
        facts.add(CertificateField::Subject(field), &name);
    }
    for (name, field) in names(certificate.issuer()) {
        facts.add(CertificateField::Issuer(field), &name);
    }
    for extension in certificate.extensions() {
        let (names, field): (_, fn(AlternativeName) -> CertificateField) = match extension.parsed_extension()
        {
            ParsedExtension::SubjectAlternativeName(names) => {
                (&names.general_names, CertificateField::SubjectAlternative)
            }
            ParsedExtension::IssuerAlternativeName(names) => {
                (&names.general_names, CertificateField::IssuerAlternative)
            }
            _ => continue,
        };
        for (kind, value) in names.iter().filter_map(alternative) {
            facts.add(field(kind), &value);
        }
    }
    facts
}

/// Hex digits of a serial number, without the zero byte that only says it is positive.
fn serial(raw: &[u8]) -> String {
    let positive = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    hex(positive)
}

fn names<'c>(name: &'c X509Name<'_>) -> impl Iterator<Item = (Cow<'c, str>, NameField)> {
    name.iter_attributes().filter_map(|attribute| {
        let field = NameField::of_oid(&attribute.attr_type().to_id_string())?;
        Some((text(attribute.attr_value())?, field))
    })
}
/// The subject's values as they stand there, in order.
pub(super) fn subject(certificate: &X509Certificate<'_>) -> Vec<(NameField, String)> {
    names(certificate.subject()).map(|(value, field)| (field, value.into_owned())).collect()
}

/// The text of a directory string, whichever of its types it has.
pub(super) fn text<'c>(value: &Any<'c>) -> Option<Cow<'c, str>> {
    const BMP_STRING: u32 = 30;
    if value.tag().0 == BMP_STRING {
        let (units, _) = value.data.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
        return char::decode_utf16(units).collect::<Result<_, _>>().ok().map(Cow::Owned);
    }
    // Latin-1 is what a T61String holds in practice.
    let latin = || Cow::Owned(value.data.iter().map(|byte| char::from(*byte)).collect());
    Some(std::str::from_utf8(value.data).map_or_else(|_| latin(), Cow::Borrowed))
}

fn alternative(name: &GeneralName<'_>) -> Option<(AlternativeName, String)> {
    Some(match name {
        GeneralName::RFC822Name(text) => (AlternativeName::RFC822Name, (*text).to_owned()),
        GeneralName::DNSName(text) => (AlternativeName::DNSName, (*text).to_owned()),
        GeneralName::DirectoryName(name) => (AlternativeName::DirectoryName, name.to_string()),
        GeneralName::URI(text) => (AlternativeName::UniformResourceIdentifier, (*text).to_owned()),
        GeneralName::IPAddress(bytes) => (AlternativeName::IPAddress, address(bytes)?.to_string()),
        _ => return None,
    })
}

/// An address of 4 or 16 bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType, SerialNumber};
    use x509_parser::prelude::FromDer as _;

    use super::*;

    #[test]
    fn names_alternative_names_and_serial_are_read() {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "IN");
        name.push(DnType::OrganizationName, "Acme, Inc");
        name.push(DnType::CommonName, "dev1");
        params.distinguished_name = name;
        params.serial_number = Some(SerialNumber::from(vec![0x9a, 0x01]));
        params.subject_alt_names = vec![
            SanType::DnsName("dev1.local".try_into().unwrap()),
            SanType::DnsName("dev1.example".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::URI("urn:dev:1".try_into().unwrap()),
        ];
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let facts = of("id", &parsed);
        let alternative = CertificateField::SubjectAlternative;
        for (field, values) in [
            (CertificateField::Subject(NameField::Country), &["IN"][..]),
            (CertificateField::Subject(NameField::Organization), &["Acme\\, Inc"]),
            (CertificateField::Issuer(NameField::CommonName), &["dev1"]),
            (alternative(AlternativeName::DNSName), &["dev1.local", "dev1.example"]),
            (alternative(AlternativeName::IPAddress), &["192.0.2.1"]),
            (alternative(AlternativeName::UniformResourceIdentifier), &["urn:dev:1"]),
            (alternative(AlternativeName::RFC822Name), &[]),
        ] {
            assert_eq!(facts.values(field).collect::<Vec<_>>(), values, "{field:?}");
        }
        assert_eq!((facts.id(), facts.serial()), ("id", "9a01"));
    }
}

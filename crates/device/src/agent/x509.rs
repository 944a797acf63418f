//! The little of X.509 a device needs: what its certificate says, and a request for one.
//!
//! The TLS library's reader refuses certificates of version 1, which `openssl x509 -req` makes without further
//! options and which devices therefore have (spec: provisioning §6.1).

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use jiff::civil::DateTime;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`: the version of a certificate, the attributes of a request.
const CONTEXT_0: u8 = 0xa0;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.2.840.10045.4.3.2, ecdsa-with-SHA256
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// What a certificate says of itself. Nothing is verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The last CN of the subject.
    pub common_name: Option<String>,
    /// The CN of the issuer.
    pub issuer: Option<String>,
    /// First second in which it counts, Unix time.
    pub not_before: i64,
    /// Last second in which it counts, Unix time.
    pub not_after: i64,
    /// The key, as DER of SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
}

/// Reads a certificate of any version; `None` for bytes that are none.
pub fn read(certificate: &[u8]) -> Option<Facts> {
    let mut outer = Der(certificate);
    let mut certificate = Der(outer.expect(SEQUENCE)?);
    if !outer.0.is_empty() {
        return None;
    }
    let mut fields = Der(certificate.expect(SEQUENCE)?);
    if fields.0.first() == Some(&CONTEXT_0) {
        fields.expect(CONTEXT_0)?;
    }
    fields.expect(INTEGER)?;
    fields.expect(SEQUENCE)?;
    let issuer = common_name(fields.expect(SEQUENCE)?);
    let mut validity = Der(fields.expect(SEQUENCE)?);
    let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
    let subject = common_name(fields.expect(SEQUENCE)?);
    let (tag, _, public_key) = fields.next()?;
    let facts =
        Facts { common_name: subject, issuer, not_before, not_after, public_key: public_key.to_vec() };
    (tag == SEQUENCE).then_some(facts)
}

/// The last CN of a Name.
fn common_name(name: &[u8]) -> Option<String> {
    let mut found = None;
    let mut sets = Der(name);
    while let Some(set) = sets.expect(SET) {
        let mut pairs = Der(set);
        while let Some(pair) = pairs.expect(SEQUENCE) {
            let mut pair = Der(pair);
            if pair.expect(OID) == Some(COMMON_NAME) {
                found = pair.next().map(|(_, text, _)| String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    found
}

/// A time of RFC 5280, which is always in UTC and to the second.
fn time(from: &mut Der<'_>) -> Option<i64> {
    let (tag, text, _) = from.next()?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME if text.len() == 12 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME if text.len() == 14 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let time = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// A request for a certificate (PKCS #10) for an ECDSA P-256 key, in PEM; `None` if the key cannot sign.
pub fn request(key: &EcdsaKeyPair, common_name: &str) -> Option<String> {
    let name = element(OID, COMMON_NAME);
    let pair = element(SEQUENCE, &[name, element(UTF8_STRING, common_name.as_bytes())].concat());
    let subject = element(SEQUENCE, &element(SET, &pair));
    let public_key = key.public_key().as_der().ok()?;
    let version = element(INTEGER, &[0]);
    let info =
        element(SEQUENCE, &[&version[..], &subject, public_key.as_ref(), &element(CONTEXT_0, &[])].concat());
    let signature = key.sign(&SystemRandom::new(), &info).ok()?;
    let algorithm = element(SEQUENCE, &element(OID, ECDSA_SHA256));
    let signature = element(BIT_STRING, &[&[0], signature.as_ref()].concat());
    Some(pem("CERTIFICATE REQUEST", &element(SEQUENCE, &[info, algorithm, signature].concat())))
}

/// Bytes as PEM (RFC 7468).
pub fn pem(label: &str, bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (count, letter) in text.chars().enumerate() {
        if count > 0 && count % 64 == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out + &format!("\n-----END {label}-----\n")
}

/// One element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | bytes.len() as u8);
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// DER that is read from front to back.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: tag, content, and the whole of it.
    fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (tag, first) = (*self.0.first()?, *self.0.get(1)?);
        let (head, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let bytes = self.0.get(2..2 + count)?;
                (2 + count, bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
            }
            _ => return None,
        };
        let whole = self.0.get(..head.checked_add(length)?)?;
        self.0 = self.0.get(whole.len()..)?;
        Some((tag, whole.get(head..)?, whole))
    }

    /// The content of the next element if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() != Some(&tag) {
            return None;
        }
        self.next().map(|(_, content, _)| content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    use rcgen::PublicKeyData as _;

    fn certificate(name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CountryName, "IN");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(1999, 12, 31);
        params.not_after = rcgen::date_time_ymd(2051, 2, 28);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn a_certificate_says_who_from_when_until_when_and_which_key() {
        let (certificate, key) = certificate("lamp-ü");
        let facts = read(certificate.der()).unwrap();
        assert_eq!(facts.common_name.as_deref(), Some("lamp-ü"));
        assert_eq!(facts.issuer, facts.common_name);
        assert_eq!((facts.not_before, facts.not_after), (946_598_400, 2_561_155_200));
        assert_eq!(facts.public_key, key.subject_public_key_info());
    }

    #[test]
    fn every_piece_of_a_certificate_is_refused_and_so_are_bytes_behind_it() {
        let (certificate, _) = certificate("lamp");
        let der = certificate.der().to_vec();
        for end in 0..der.len() {
            assert_eq!(read(&der[..end]), None, "{end}");
        }
        assert_eq!(read(&[&der[..], b"x"].concat()), None);
    }

    #[test]
    fn times_are_those_of_rfc_5280() {
        let at = |tag, text: &str| time(&mut Der(&element(tag, text.as_bytes())));
        assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(at(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for bad in ["7001010000Z", "700101000000+0100", "701301000000Z", "7001010000-1Z", ""] {
            assert_eq!(at(UTC_TIME, bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_are_those_of_der() {
        for length in [0, 1, 127, 128, 255, 256, 65_536] {
            let whole = element(SEQUENCE, &vec![7; length]);
            let mut der = Der(&whole);
            assert_eq!(der.expect(SEQUENCE).map(<[u8]>::len), Some(length));
            assert!(der.0.is_empty());
        }
        assert!(Der(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).next().is_none());
        assert!(Der(&[0x30, 0x80, 0, 0]).next().is_none());
    }

    #[test]
    fn a_request_is_signed_by_its_key() {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        let text = request(&key, &"n".repeat(64)).unwrap();
        assert!(text.lines().all(|line| line.len() <= 64), "{text}");
        // rcgen's reader checks the signature.
        let read = rcgen::CertificateSigningRequestParams::from_pem(&text).unwrap();
        assert_eq!(read.public_key.subject_public_key_info(), key.public_key().as_der().unwrap().as_ref());
    }
}

//! As much DER as a handshake needs: where in a certificate the public key is.
//!
//! A TLS library's own parser refuses version 1 certificates, which devices do have. spec: mqtt-gateway §1.4

use super::Unreadable;

/// The public key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// The contents of its AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The contents of its BIT STRING.
    pub key: &'a [u8],
}

impl PublicKey<'_> {
    /// Bits of the modulus, if the key is an RSA one.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        if !self.algorithm.starts_with(RSA) {
            return None;
        }
        let modulus = Reader(Reader(self.key).value(SEQUENCE).ok()?).value(INTEGER).ok()?;
        let first = modulus.iter().position(|byte| *byte != 0)?;
        let top = modulus.get(first)?;
        Some((modulus.len() - first) * 8 - top.leading_zeros() as usize)
    }
}

/// OBJECT IDENTIFIER 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;
const MALFORMED: Unreadable = Unreadable("the certificate is malformed");

/// Finds the public key of a certificate of any version, and looks at the outer structure on the way.
///
/// # Errors
/// The bytes are not one certificate.
pub(super) fn public_key(certificate: &[u8]) -> Result<PublicKey<'_>, Unreadable> {
    let mut outside = Reader(certificate);
    let mut whole = Reader(outside.value(SEQUENCE)?);
    outside.end()?;
    let mut inner = Reader(whole.value(SEQUENCE)?);
    whole.value(SEQUENCE)?;
    whole.value(BIT_STRING)?;
    whole.end()?;
    if inner.0.first() == Some(&VERSION) {
        inner.value(VERSION)?;
    }
    inner.value(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        inner.value(SEQUENCE)?;
    }
    let mut key = Reader(inner.value(SEQUENCE)?);
    let algorithm = key.value(SEQUENCE)?;
    let bits = key.value(BIT_STRING)?;
    key.end()?;
    match bits.split_first() {
        Some((0, key)) => Ok(PublicKey { algorithm, key }),
        _ => Err(MALFORMED),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Takes one value of this tag.
    fn value(&mut self, tag: u8) -> Result<&'a [u8], Unreadable> {
        let (&[found, length], rest) = self.0.split_first_chunk().ok_or(MALFORMED)?;
        if found != tag {
            return Err(MALFORMED);
        }
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81 => rest.split_first().map(|(&a, rest)| (usize::from(a), rest)).ok_or(MALFORMED)?,
            0x82 => {
                let (bytes, rest) = rest.split_first_chunk().ok_or(MALFORMED)?;
                (usize::from(u16::from_be_bytes(*bytes)), rest)
            }
            _ => return Err(MALFORMED),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(value)
    }

    fn end(&self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(MALFORMED) }
    }
}

//! Parsed names: a value that exists is well formed.

use std::fmt;

use crate::error::Error;

/// Account and region. Every record belongs to exactly one scope (spec: control-plane §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    account: String,
    region: String,
}

impl Scope {
    /// A scope of a 12-digit account and a region of 1 to 64 characters `[a-z0-9-]`.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) naming the part that is malformed.
    pub fn new(account: &str, region: &str) -> Result<Scope, Error> {
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::invalid(format!("account {account:?} must be 12 digits")));
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if region.is_empty() || region.len() > 64 || !region.bytes().all(allowed) {
            return Err(Error::invalid(format!(
                "region {region:?} must be 1 to 64 of the characters a-z, 0-9 and -"
            )));
        }
        Ok(Scope { account: account.to_owned(), region: region.to_owned() })
    }

    /// The account: 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region, as the caller signed it.
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// A name of the registry: 1 to 128 characters `[a-zA-Z0-9:_-]` (spec: control-plane §11).
macro_rules! registry_name {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The name of a ", $what, ": 1 to 128 characters `[a-zA-Z0-9:_-]` (spec: control-plane §11).")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks a name.
            ///
            /// # Errors
            /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
            pub fn parse(text: &str) -> Result<$name, Error> {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-');
                if text.is_empty() || text.len() > 128 || !text.bytes().all(allowed) {
                    return Err(Error::invalid(format!(
                        "{} name {text:?} must be 1 to 128 of the characters a-z, A-Z, 0-9, ':', '_' and '-'",
                        $what
                    )));
                }
                Ok($name(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

registry_name!(ThingName, "thing");
registry_name!(ThingTypeName, "thing type");
registry_name!(ThingGroupName, "thing group");

/// The id of a tunnel: 1 to 128 characters `[a-zA-Z0-9_\-+=:]`; ours are lower-case version 4 UUIDs
/// (spec: secure-tunneling §1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TunnelId(String);

impl TunnelId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
    pub fn parse(text: &str) -> Result<TunnelId, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'=' | b':');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(allowed) {
            return Err(Error::invalid(format!(
                "tunnel id {text:?} must be 1 to 128 of the characters a-z, A-Z, 0-9, '_', '-', '+', '=' and ':'"
            )));
        }
        Ok(TunnelId(text.to_owned()))
    }

    /// A fresh id from 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> TunnelId {
        TunnelId(uuid(random))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TunnelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a certificate: the SHA-256 of its DER as 64 lower-case hex digits (spec: control-plane §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateId(String);

impl CertificateId {
    /// Checks an id. Upper-case digits are taken for lower-case ones.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
    pub fn parse(text: &str) -> Result<CertificateId, Error> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::invalid(format!("certificate id {text:?} must be 64 hex digits")));
        }
        Ok(CertificateId(text.to_ascii_lowercase()))
    }

    /// The id of the certificate whose DER has this SHA-256.
    pub fn from_sha256(sum: [u8; 32]) -> CertificateId {
        let mut text = String::with_capacity(64);
        for byte in sum {
            for digit in [byte >> 4, byte & 0xf] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        CertificateId(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a policy: 1 to 128 characters `[a-zA-Z0-9_+=,.@-]` (spec: control-plane §11).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName(String);

impl PolicyName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
    pub fn parse(text: &str) -> Result<PolicyName, Error> {
        let allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(allowed) {
            return Err(Error::invalid(format!(
                "policy name {text:?} must be 1 to 128 of the characters a-z, A-Z, 0-9, '_', '+', '=', ',', '.', '@' \
                 and '-'"
            )));
        }
        Ok(PolicyName(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lower-case version 4 UUID from 16 random bytes; 122 of the bits are kept.
pub fn uuid(random: [u8; 16]) -> String {
    let mut bits = u128::from_be_bytes(random);
    bits = (bits & !(0xf << 76)) | (0x4 << 76);
    bits = (bits & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn scopes_are_checked() {
        assert_eq!(Scope::new("123456789012", "us-east-1").unwrap().to_string(), "123456789012/us-east-1");
        for (account, region) in [
            ("12345678901", "us-east-1"),
            ("12345678901a", "us-east-1"),
            ("123456789012", ""),
            ("123456789012", "US"),
        ] {
            assert!(Scope::new(account, region).is_err(), "{account} {region}");
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(ThingName::parse(&"a".repeat(128)).is_ok());
        for bad in ["", "a b", "ä", "a/b", "a=b", &"a".repeat(129)] {
            assert!(ThingName::parse(bad).is_err(), "{bad}");
        }
        assert!(PolicyName::parse("a+b=c,d.e@f-g_9").is_ok());
        for bad in ["", "a b", "a/b", "a:b", &"a".repeat(129)] {
            assert!(PolicyName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(CertificateId::parse(&"Ab".repeat(32)).unwrap().as_str(), "ab".repeat(32));
        assert_eq!(CertificateId::from_sha256([0x0f; 32]).as_str(), "0f".repeat(32));
        for bad in ["", "0x", &"a".repeat(63), &"g".repeat(64), &"a".repeat(65)] {
            assert!(CertificateId::parse(bad).is_err(), "{bad}");
        }
        assert!(TunnelId::parse("a+b=c:d_e-F9").is_ok());
        for bad in ["", "a b", "a/b", &"a".repeat(129)] {
            assert!(TunnelId::parse(bad).is_err(), "{bad}");
        }
    }
}

//! Whom a thing or a policy may be attached to: certificates, thing groups, Cognito identities
//! (spec: control-plane §5, §8.4, §8.5).

use crate::arn::{self, Arn};
use crate::error::{Error, Kind};
use crate::ids::{CertificateId, Scope, ThingGroupName};

/// Who connects: a certificate, or an identity that Cognito vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// A device certificate.
    Certificate(Scope, CertificateId),
    /// `<region>:<uuid>`; whether it exists is not known here.
    Cognito(String),
}

impl Principal {
    /// Reads an ARN of a certificate or a Cognito identity id; `None` for anything else.
    pub fn parse(text: &str) -> Option<Principal> {
        if is_cognito(text) {
            return Some(Principal::Cognito(text.to_owned()));
        }
        let (scope, id) = Arn::parse(text)?.as_certificate()?;
        Some(Principal::Certificate(scope, id))
    }

    /// How it is written, and the key under which it is kept.
    pub fn text(&self) -> String {
        match self {
            Principal::Certificate(scope, id) => arn::certificate(scope, id),
            Principal::Cognito(id) => id.clone(),
        }
    }
}

/// What a policy is attached to. It belongs to the scope it was parsed for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A device certificate.
    Certificate(CertificateId),
    /// A thing group.
    Group(ThingGroupName),
    /// A Cognito identity.
    Cognito(String),
}

impl Target {
    /// Reads a target of a caller in `scope`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no target and for another region, [`Kind::Forbidden`] for another account.
    pub fn parse(scope: &Scope, text: &str) -> Result<Target, Error> {
        if is_cognito(text) {
            return Ok(Target::Cognito(text.to_owned()));
        }
        let Some(arn) = Arn::parse(text) else { return Err(Error::invalid("Invalid Target")) };
        let invalid = || Error::invalid(format!("Invalid Target: {text}"));
        let target = match arn.resource.split_once('/') {
            Some(("cert", id)) => Target::Certificate(CertificateId::parse(id).map_err(|_| invalid())?),
            Some(("thinggroup", name)) => Target::Group(ThingGroupName::parse(name).map_err(|_| invalid())?),
            _ => return Err(invalid()),
        };
        if arn.service != "iot" || arn.partition != arn::partition(scope.region()) {
            return Err(invalid());
        }
        if arn.account != scope.account() {
            return Err(Error::new(
                Kind::Forbidden,
                "Cross account not allowed. Please check the account of the resource specified.",
            ));
        }
        if arn.region != scope.region() {
            return Err(Error::invalid(
                "Cross region not allowed. Please check the region of the resource specified.",
            ));
        }
        Ok(target)
    }

    /// How it is written, and the key under which it is kept.
    pub fn text(&self, scope: &Scope) -> String {
        match self {
            Target::Certificate(id) => arn::certificate(scope, id),
            Target::Group(name) => arn::thing_group(scope, name),
            Target::Cognito(id) => id.clone(),
        }
    }
}

/// `<region>:<uuid>`, the uuid in any case.
fn is_cognito(text: &str) -> bool {
    let Some((region, id)) = text.split_once(':') else { return false };
    let region_like = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let dashes = |(at, b): (usize, u8)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    region.contains('-')
        && region.len() <= 55
        && region.bytes().all(region_like)
        && id.len() == 36
        && id.bytes().enumerate().all(dashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::new("123456789012", "us-east-1").unwrap()
    }

    #[test]
    fn principals_are_certificates_and_cognito_identities() {
        let cognito = "eu-west-1:6ba7b810-9dad-11d1-80b4-00C04fd430c8";
        assert_eq!(Principal::parse(cognito), Some(Principal::Cognito(cognito.to_owned())));
        let arn = format!("arn:aws:iot:us-east-1:123456789012:cert/{}", "a".repeat(64));
        let principal = Principal::parse(&arn).unwrap();
        assert_eq!(principal.text(), arn);
        for bad in
            ["", "x", "us-east-1:x", "arn:aws:iot:us-east-1:123456789012:cert/abc", "arn:aws:iam::1:role/x"]
        {
            assert_eq!(Principal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn targets_are_refused_in_awss_words() {
        let text = |target: &str| Target::parse(&scope(), target).unwrap_err();
        let id = "a".repeat(64);
        assert_eq!(text("nobody").message, "Invalid Target");
        let thing = "arn:aws:iot:us-east-1:123456789012:thing/lamp";
        assert_eq!(text(thing).message, format!("Invalid Target: {thing}"));
        assert_eq!(text("arn:aws:s3:us-east-1:123456789012:thinggroup/x").kind, Kind::Invalid);
        assert_eq!(text(&format!("arn:aws:iot:us-east-1:999999999999:cert/{id}")).kind, Kind::Forbidden);
        assert_eq!(text(&format!("arn:aws:iot:eu-west-1:123456789012:cert/{id}")).kind, Kind::Invalid);
        let group = "arn:aws:iot:us-east-1:123456789012:thinggroup/a:b";
        let parsed = Target::parse(&scope(), group).unwrap();
        assert_eq!(
            (parsed.clone(), parsed.text(&scope())),
            (Target::Group(ThingGroupName::parse("a:b").unwrap()), group.to_owned())
        );
    }
}

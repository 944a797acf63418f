//! ARNs: `arn:<partition>:<service>:<region>:<account>:<resource>` (spec: control-plane §5).

use crate::ids::{CertificateId, PolicyName, Scope, ThingGroupName, ThingName, ThingTypeName, TunnelId};
use crate::provisioning::TemplateName;

/// The partition a region belongs to: `aws`, `aws-cn` or `aws-us-gov`.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// The ARN of a tunnel.
pub fn tunnel(scope: &Scope, id: &TunnelId) -> String {
    iot(scope, "tunnel", id.as_str())
}

/// The ARN of a thing.
pub fn thing(scope: &Scope, name: &ThingName) -> String {
    iot(scope, "thing", name.as_str())
}

/// The ARN of a device certificate.
pub fn certificate(scope: &Scope, id: &CertificateId) -> String {
    iot(scope, "cert", id.as_str())
}

/// The ARN of a CA certificate.
pub fn ca(scope: &Scope, id: &CertificateId) -> String {
    iot(scope, "cacert", id.as_str())
}

/// The ARN of a policy.
pub fn policy(scope: &Scope, name: &PolicyName) -> String {
    iot(scope, "policy", name.as_str())
}

/// The ARN of a provisioning template.
pub fn provisioning_template(scope: &Scope, name: &TemplateName) -> String {
    iot(scope, "provisioningtemplate", name.as_str())
}

/// The ARN of a thing type.
pub fn thing_type(scope: &Scope, name: &ThingTypeName) -> String {
    iot(scope, "thingtype", name.as_str())
}

/// The ARN of a thing group.
pub fn thing_group(scope: &Scope, name: &ThingGroupName) -> String {
    iot(scope, "thinggroup", name.as_str())
}

fn iot(scope: &Scope, kind: &str, name: &str) -> String {
    format!("arn:{}:iot:{}:{}:{kind}/{name}", partition(scope.region()), scope.region(), scope.account())
}

/// An ARN taken apart. Nothing but the six-part shape has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, or whatever stood there.
    pub partition: &'a str,
    /// The service, such as `iot`.
    pub service: &'a str,
    /// The region; empty in ARNs of global services.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
    /// Everything after the fifth colon, colons included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes an ARN apart; `None` if it does not have six parts or does not begin with `arn`.
    pub fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Arn {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }

    /// The scope and id, if this is the ARN of a tunnel with the partition of its region.
    pub fn as_tunnel(&self) -> Option<(Scope, TunnelId)> {
        let id = TunnelId::parse(self.resource.strip_prefix("tunnel/")?).ok()?;
        Some((self.iot_scope()?, id))
    }

    /// The scope and name, if this is the ARN of a thing with the partition of its region.
    pub fn as_thing(&self) -> Option<(Scope, ThingName)> {
        let name = ThingName::parse(self.resource.strip_prefix("thing/")?).ok()?;
        Some((self.iot_scope()?, name))
    }

    /// The scope and id, if this is the ARN of a device certificate with the partition of its region.
    pub fn as_certificate(&self) -> Option<(Scope, CertificateId)> {
        let id = CertificateId::parse(self.resource.strip_prefix("cert/")?).ok()?;
        Some((self.iot_scope()?, id))
    }

    /// The scope and name, if this is the ARN of a policy with the partition of its region.
    pub fn as_policy(&self) -> Option<(Scope, PolicyName)> {
        let name = PolicyName::parse(self.resource.strip_prefix("policy/")?).ok()?;
        Some((self.iot_scope()?, name))
    }

    /// The scope and name, if this is the ARN of a thing group with the partition of its region.
    pub fn as_thing_group(&self) -> Option<(Scope, ThingGroupName)> {
        let name = ThingGroupName::parse(self.resource.strip_prefix("thinggroup/")?).ok()?;
        Some((self.iot_scope()?, name))
    }

    fn iot_scope(&self) -> Option<Scope> {
        let scope = Scope::new(self.account, self.region).ok()?;
        (self.service == "iot" && self.partition == partition(self.region)).then_some(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_arn_names_its_partition() {
        let id = TunnelId::parse("t1").unwrap();
        for (region, arn) in [
            ("eu-west-1", "arn:aws:iot:eu-west-1:123456789012:tunnel/t1"),
            ("cn-north-1", "arn:aws-cn:iot:cn-north-1:123456789012:tunnel/t1"),
            ("us-gov-west-1", "arn:aws-us-gov:iot:us-gov-west-1:123456789012:tunnel/t1"),
        ] {
            let scope = Scope::new("123456789012", region).unwrap();
            assert_eq!(tunnel(&scope, &id), arn);
            assert_eq!(Arn::parse(arn).unwrap().as_tunnel(), Some((scope, id.clone())));
        }
    }

    #[test]
    fn a_thing_name_may_hold_colons() {
        let scope = Scope::new("123456789012", "us-east-1").unwrap();
        let name = ThingName::parse("a:b:c").unwrap();
        let arn = thing(&scope, &name);
        assert_eq!(Arn::parse(&arn).unwrap().as_thing(), Some((scope, name)));
        assert_eq!(Arn::parse(&arn).unwrap().as_tunnel(), None);
    }

    #[test]
    fn other_arns_are_not_tunnels() {
        for bad in [
            "arn:aws:iot:us-east-1:123456789012:tunnel/",
            "arn:aws:iot:us-east-1:12345678901:tunnel/t1",
            "arn:aws-cn:iot:us-east-1:123456789012:tunnel/t1",
            "arn:aws:s3:us-east-1:123456789012:tunnel/t1",
            "arn:aws:iot:us-east-1:123456789012:cert/t1",
            "urn:aws:iot:us-east-1:123456789012:tunnel/t1",
            "t1",
            "",
        ] {
            assert_eq!(Arn::parse(bad).and_then(|arn| arn.as_tunnel()), None, "{bad}");
        }
    }
}

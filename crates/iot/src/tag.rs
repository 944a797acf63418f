//! Tags: key and value on a resource.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, partition};
use crate::error::Error;
use crate::ids::Scope;

/// Most tags on one resource (spec: secure-tunneling §1.7).
pub const MAX_TAGS: usize = 50;

/// One tag. Lengths and characters are the table's business (spec: secure-tunneling §1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// The key, unique per resource.
    pub key: String,
    /// The value; may be empty.
    pub value: String,
}

/// Puts `tags` over `current`: a known key gets the new value; of a repeated key the last wins.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) for a key that begins with `aws:` in any case, and
/// [`Kind::LimitExceeded`](crate::Kind::LimitExceeded) if more than [`MAX_TAGS`] would result.
pub fn upsert(current: &[Tag], tags: &[Tag]) -> Result<Vec<Tag>, Error> {
    if let Some(tag) = tags.iter().find(|tag| is_reserved(&tag.key)) {
        return Err(Error::invalid(format!(
            "tag key {:?} begins with aws:, which is reserved; choose another key",
            tag.key
        )));
    }
    let merged: BTreeMap<&str, &str> =
        current.iter().chain(tags).map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
    if merged.len() > MAX_TAGS {
        return Err(Error::limit_exceeded(format!(
            "a resource may have at most {MAX_TAGS} tags; this would make {}",
            merged.len()
        )));
    }
    Ok(merged.into_iter().map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() }).collect())
}

fn is_reserved(key: &str) -> bool {
    key.as_bytes().first_chunk::<4>().is_some_and(|start| start.eq_ignore_ascii_case(b"aws:"))
}

/// Kinds of resources of service `iot` that have tags (spec: control-plane §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A policy.
    Policy,
    /// A CA certificate; its name is its id.
    CaCertificate,
    /// A provisioning template.
    Template,
    /// A thing type.
    ThingType,
    /// A thing group.
    ThingGroup,
    /// A billing group.
    BillingGroup,
    /// A rule.
    Rule,
    /// A job.
    Job,
    /// A role alias.
    RoleAlias,
    /// A custom authorizer.
    Authorizer,
    /// A domain configuration.
    DomainConfiguration,
}

impl Kind {
    const WORDS: [(&str, Kind); 11] = [
        ("policy", Kind::Policy),
        ("cacert", Kind::CaCertificate),
        ("provisioningtemplate", Kind::Template),
        ("thingtype", Kind::ThingType),
        ("thinggroup", Kind::ThingGroup),
        ("billinggroup", Kind::BillingGroup),
        ("rule", Kind::Rule),
        ("job", Kind::Job),
        ("rolealias", Kind::RoleAlias),
        ("authorizer", Kind::Authorizer),
        ("domainconfiguration", Kind::DomainConfiguration),
    ];

    fn word(self) -> &'static str {
        Kind::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A resource of service `iot` that has tags; shown as the last part of its ARN, such as `thinggroup/lamps`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taggable {
    /// What it is.
    pub kind: Kind,
    /// Its name within its kind.
    pub name: String,
}

impl fmt::Display for Taggable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

impl Taggable {
    /// The resource an ARN names, if it may have tags and is of this scope.
    ///
    /// # Errors
    /// [`Invalid`](crate::Kind::Invalid) for what is no ARN of service `iot`, of another account, or of a kind
    /// without tags; [`NotFound`](crate::Kind::NotFound) for one of another region.
    pub fn parse(scope: &Scope, text: &str) -> Result<Taggable, Error> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "iot");
        let Some((arn, (word, name))) = arn.and_then(|arn| Some((arn, arn.resource.split_once('/')?))) else {
            return Err(Error::invalid("Invalid arn in request"));
        };
        if arn.account != scope.account() {
            return Err(Error::invalid("ResourceArn doesn't belong in requester's account"));
        }
        let Some((_, kind)) = Kind::WORDS.iter().find(|(known, _)| *known == word) else {
            return Err(Error::invalid(format!("Invalid resource type in ARN: {word}")));
        };
        if arn.region != scope.region() || arn.partition != partition(scope.region()) {
            return Err(Error::not_found(format!("Resource {text} not found.")));
        }
        Ok(Taggable { kind: *kind, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Tag, upsert};
    use crate::error::Kind;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_known_key_gets_the_new_value_and_the_last_of_a_repeated_key_wins() {
        let tags =
            upsert(&[tag("a", "1"), tag("b", "2")], &[tag("a", "3"), tag("c", "4"), tag("c", "5")]).unwrap();
        assert_eq!(tags, [tag("a", "3"), tag("b", "2"), tag("c", "5")]);
    }

    #[test]
    fn reserved_keys_are_refused() {
        for key in ["aws:x", "AWS:x", "aws:"] {
            assert_eq!(upsert(&[], &[tag(key, "")]).unwrap_err().kind, Kind::Invalid, "{key}");
        }
        assert!(upsert(&[], &[tag("awsx", ""), tag("aws", "")]).is_ok());
    }

    #[test]
    fn the_fifty_first_tag_is_refused() {
        let fifty: Vec<Tag> = (0..50).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(upsert(&[], &fifty).unwrap().len(), 50);
        assert_eq!(upsert(&fifty, &[tag("49", "new")]).unwrap().len(), 50);
        assert_eq!(upsert(&fifty, &[tag("50", "")]).unwrap_err().kind, Kind::LimitExceeded);
    }
}

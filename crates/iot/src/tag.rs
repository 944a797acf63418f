//! Tags: key and value on a resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;

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

#[cfg(test)]
mod tests {
    use super::*;
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

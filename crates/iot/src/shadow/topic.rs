//! Which shadow, and what is to be done with it.

use std::fmt;

use crate::error::Error;
use crate::ids::ThingName;

/// The name of a named shadow: 1 to 64 characters `[$a-zA-Z0-9:_-]` (spec: control-plane §11).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShadowName(String);

impl ShadowName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
    pub fn parse(text: &str) -> Result<ShadowName, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'$' | b':' | b'_' | b'-');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            return Err(Error::invalid(format!(
                "shadow name {text:?} must be 1 to 64 of the characters a-z, A-Z, 0-9, '$', ':', '_' and '-'"
            )));
        }
        Ok(ShadowName(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShadowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done with a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Show it.
    Get,
    /// Merge a state over it.
    Update,
    /// Forget it.
    Delete,
}

impl Operation {
    /// The word in topics.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Update => "update",
            Operation::Delete => "delete",
        }
    }
}

/// A request topic: `$aws/things/<thing>/shadow[/name/<name>]/{get,update,delete}` (spec: mqtt-gateway §8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShadowTopic {
    /// Whose shadow. The thing need not be in the registry.
    pub thing: ThingName,
    /// Its name; the classic one has none.
    pub name: Option<ShadowName>,
    /// What is to be done.
    pub operation: Operation,
}

impl ShadowTopic {
    /// Reads a topic; `None` if it is no request to a shadow.
    pub fn parse(topic: &str) -> Option<ShadowTopic> {
        let (thing, rest) = topic.strip_prefix("$aws/things/")?.split_once("/shadow/")?;
        let (name, operation) = match rest.strip_prefix("name/") {
            None => (None, rest),
            Some(rest) => {
                let (name, operation) = rest.split_once('/')?;
                (Some(ShadowName::parse(name).ok()?), operation)
            }
        };
        let operation = match operation {
            "get" => Operation::Get,
            "update" => Operation::Update,
            "delete" => Operation::Delete,
            _ => return None,
        };
        Some(ShadowTopic { thing: ThingName::parse(thing).ok()?, name, operation })
    }

    /// The topic with `/<suffix>` behind it, such as `accepted`.
    pub fn reply(&self, suffix: &str) -> String {
        let Self { thing, name, operation } = self;
        let operation = operation.as_str();
        match name {
            None => format!("$aws/things/{thing}/shadow/{operation}/{suffix}"),
            Some(name) => format!("$aws/things/{thing}/shadow/name/{name}/{operation}/{suffix}"),
        }
    }

    /// How AWS names the shadow in its messages: the thing, and `~` and the name if it has one.
    pub fn identifier(&self) -> String {
        match &self.name {
            None => self.thing.to_string(),
            Some(name) => format!("{}~{name}", self.thing),
        }
    }
}

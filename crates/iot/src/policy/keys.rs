//! Condition keys by name: what is known of a signed caller and of an API call.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::variables::Values;

/// Condition keys and their values. Names are compared without letter case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<Box<str>, Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    One(Box<str>),
    Many(Vec<String>),
}

impl Keys {
    /// Adds a key of one value, such as `aws:username`. A name given again has the new value.
    pub fn one(&mut self, name: &str, value: impl Into<Box<str>>) {
        self.0.insert(name.to_ascii_lowercase().into(), Key::One(value.into()));
    }

    /// Adds a key of several values, such as `aws:TagKeys`. Without a value the key is absent.
    pub fn many(&mut self, name: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.0.insert(name.to_ascii_lowercase().into(), Key::Many(values));
        }
    }

    /// Adds all keys of `other`; they win over those of the same name.
    pub fn extend(&mut self, other: &Keys) {
        self.0.extend(other.0.iter().map(|(name, key)| (name.clone(), key.clone())));
    }

    /// What a condition sees, for a name in lower case.
    pub(super) fn values(&self, name: &str) -> Values<'_> {
        match self.0.get(name) {
            None => Values::Absent,
            Some(Key::One(value)) => Values::One(Cow::Borrowed(value)),
            Some(Key::Many(values)) => {
                Values::Many(values.iter().map(|v| Cow::Borrowed(v.as_str())).collect())
            }
        }
    }

    /// What stands for a variable, for a name in lower case: nothing for a key of several values.
    pub(super) fn single(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Key::One(value) => Some(value),
            Key::Many(_) => None,
        }
    }
}

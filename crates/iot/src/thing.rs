//! Things: the record and what may change in it (spec: control-plane §8.5).

use std::collections::BTreeMap;

use crate::error::Error;
use crate::ids::{ThingName, ThingTypeName};
use crate::time::Timestamp;

/// Attributes by name.
pub type Attributes = BTreeMap<String, String>;

/// Most attributes of a thing without a type (spec: control-plane §15).
pub const MAX_ATTRIBUTES_WITHOUT_TYPE: usize = 3;

/// Most attributes of a thing with a type (spec: control-plane §15).
pub const MAX_ATTRIBUTES_WITH_TYPE: usize = 50;

/// A thing as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name, unique in its scope.
    pub name: ThingName,
    /// A lower-case version 4 UUID.
    pub id: String,
    /// The name of its type, if it has one.
    pub type_name: Option<ThingTypeName>,
    /// Its attributes; no value is empty.
    pub attributes: Attributes,
    /// 1 at creation, one more with every change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Thing {
    /// A new thing at version 1. Attributes with an empty value are not kept.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for more attributes than allowed.
    pub fn new(
        name: ThingName,
        id: String,
        type_name: Option<ThingTypeName>,
        given: Attributes,
        now: Timestamp,
    ) -> Result<Thing, Error> {
        let attributes = kept(given);
        check_count(&attributes, type_name.is_some())?;
        Ok(Thing { name, id, type_name, attributes, version: 1, created_at: now })
    }

    /// Whether creating `other` again changes nothing: same name, type and attributes (spec: control-plane §7).
    pub fn is_same(&self, other: &Thing) -> bool {
        self.name == other.name && self.type_name == other.type_name && self.attributes == other.attributes
    }

    /// The thing after `change`, one version later.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for more attributes than allowed.
    pub fn changed(&self, change: &Change) -> Result<Thing, Error> {
        let attributes = merged(&self.attributes, change.attributes.as_ref(), change.merge);
        let type_name = match &change.kind {
            None => self.type_name.clone(),
            Some(TypeChange::Remove) => None,
            Some(TypeChange::Set(name)) => Some(name.clone()),
        };
        check_count(&attributes, type_name.is_some())?;
        Ok(Thing { attributes, type_name, version: self.version.saturating_add(1), ..self.clone() })
    }
}

/// What UpdateThing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The attributes given, if any; an empty value removes the attribute.
    pub attributes: Option<Attributes>,
    /// Whether they are put over the present ones (`true`) or replace them all (`false`).
    pub merge: bool,
    /// What becomes of its type; `None`: it stays.
    pub kind: Option<TypeChange>,
}

/// What UpdateThing does to a thing's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeChange {
    /// It gets this one.
    Set(ThingTypeName),
    /// It has none any more.
    Remove,
}

/// `current` after `given`, if any: put over it, or in its place; an attribute whose value becomes empty goes.
pub(crate) fn merged(current: &Attributes, given: Option<&Attributes>, merge: bool) -> Attributes {
    match given {
        None => current.clone(),
        Some(given) if merge => kept(current.clone().into_iter().chain(given.clone()).collect()),
        Some(given) => kept(given.clone()),
    }
}

pub(crate) fn kept(mut attributes: Attributes) -> Attributes {
    attributes.retain(|_, value| !value.is_empty());
    attributes
}

/// Whether a thing may have this attribute: what the table of CreateThing asks of one (spec: control-plane §11).
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) saying what is allowed.
pub fn check_attribute(name: &str, value: &str) -> Result<(), Error> {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"_.,@/:#-".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(of_name) {
        return Err(Error::invalid(format!(
            "Attribute name {name:?} must be 1 to 128 of the characters a-z, A-Z, 0-9 and _.,@/:#-"
        )));
    }
    let of_value = |b: u8| b.is_ascii_alphanumeric() || b"_.,@/:#=[]-".contains(&b);
    if value.len() > 800 || !value.bytes().all(of_value) {
        return Err(Error::invalid(format!(
            "The value {value:?} of attribute {name} must be at most 800 of the characters a-z, A-Z, 0-9 and \
             _.,@/:#=[]-"
        )));
    }
    Ok(())
}

fn check_count(attributes: &Attributes, typed: bool) -> Result<(), Error> {
    let (most, which) = if typed {
        (MAX_ATTRIBUTES_WITH_TYPE, "with a type")
    } else {
        (MAX_ATTRIBUTES_WITHOUT_TYPE, "without a type")
    };
    if attributes.len() > most {
        return Err(Error::invalid(format!(
            "A thing {which} may have at most {most} attributes; this would make {}.",
            attributes.len()
        )));
    }
    Ok(())
}

/// Which things a listing shows. All given conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only things of this type.
    pub type_name: Option<ThingTypeName>,
    /// Only things that have this attribute.
    pub attribute: Option<AttributeFilter>,
}

/// A condition on one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeFilter {
    /// The attribute's name.
    pub name: String,
    /// What its value must be; `None` is any value.
    pub value: Option<ValueFilter>,
}

/// A condition on a value. Upper and lower case differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueFilter {
    /// Exactly this.
    Is(String),
    /// Begins with this.
    StartsWith(String),
}

//! Thing types: the record and what may change in it (spec: control-plane §7, §9.1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids::ThingTypeName;
use crate::time::Timestamp;

/// Most searchable attributes of a type (spec: control-plane §15).
pub const MAX_SEARCHABLE: usize = 3;

/// The time AWS asks to wait between deprecating and deleting a type, in milliseconds (spec: control-plane §7).
pub const AWS_DELETE_WAIT_MILLIS: i64 = 5 * 60_000;

/// What a type says of its things, as it is on the wire and as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Properties {
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_description: Option<String>,
    /// Names of attributes, at most [`MAX_SEARCHABLE`]. Every attribute can be searched for; these are only kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searchable_attributes: Option<Vec<String>>,
    /// What messages of its things carry as MQTT 5 user properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt5_configuration: Option<Mqtt5>,
}

/// `Mqtt5Configuration` (spec: control-plane §11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mqtt5 {
    /// The properties, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagating_attributes: Option<Vec<Propagating>>,
}

/// `PropagatingAttribute` (spec: control-plane §11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Propagating {
    /// Key of the user property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_property_key: Option<String>,
    /// The attribute of the thing whose value it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_attribute: Option<String>,
    /// The attribute of the connection whose value it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_attribute: Option<String>,
}

impl Properties {
    /// The names as a set: their order says nothing, and none is the same as no list.
    fn searchable(&self) -> BTreeSet<&str> {
        self.searchable_attributes.iter().flatten().map(String::as_str).collect()
    }
}

/// A thing type as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingType {
    /// Its name, unique in its scope.
    pub name: ThingTypeName,
    /// A lower-case version 4 UUID.
    pub id: String,
    /// What it says of its things.
    pub properties: Properties,
    /// When it was deprecated, if it is: no further thing gets it then.
    pub deprecated_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl ThingType {
    /// A new type that is not deprecated.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for more than [`MAX_SEARCHABLE`] searchable attributes.
    pub fn new(
        name: ThingTypeName,
        id: String,
        properties: Properties,
        now: Timestamp,
    ) -> Result<ThingType, Error> {
        let count = properties.searchable().len();
        if count > MAX_SEARCHABLE {
            return Err(Error::invalid(format!(
                "A thing type may have at most {MAX_SEARCHABLE} searchable attributes; this would make {count}."
            )));
        }
        Ok(ThingType { name, id, properties, deprecated_at: None, created_at: now })
    }

    /// Whether creating `other` again changes nothing: same name and properties (spec: control-plane §7).
    pub fn is_same(&self, other: &ThingType) -> bool {
        let told = |kind: &ThingType| {
            let properties = &kind.properties;
            let described = properties.thing_type_description.as_deref().unwrap_or_default().to_owned();
            (described, properties.mqtt5_configuration.clone().unwrap_or_default())
        };
        self.name == other.name
            && told(self) == told(other)
            && self.properties.searchable() == other.properties.searchable()
    }

    /// The type with the given properties in place of its own; what is not given stays.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for other searchable attributes: they are fixed at creation.
    pub fn changed(&self, given: Properties) -> Result<ThingType, Error> {
        if given.searchable_attributes.is_some() && given.searchable() != self.properties.searchable() {
            return Err(Error::invalid(format!(
                "The searchable attributes of thing type {} cannot be changed; leave them out.",
                self.name
            )));
        }
        let own = self.properties.clone();
        let properties = Properties {
            thing_type_description: given.thing_type_description.or(own.thing_type_description),
            searchable_attributes: own.searchable_attributes,
            mqtt5_configuration: given.mqtt5_configuration.or(own.mqtt5_configuration),
        };
        Ok(ThingType { properties, ..self.clone() })
    }

    /// Whether things may get this type.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) if it is deprecated.
    pub fn assignable(&self) -> Result<(), Error> {
        match self.deprecated_at {
            None => Ok(()),
            Some(_) => Err(Error::invalid(format!(
                "Can not create new thing with deprecated thing type:{}",
                self.name
            ))),
        }
    }

    /// Whether the type may be deleted: nothing has it, and it was deprecated at least `wait_millis` ago. With no
    /// wait it need not be deprecated.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) saying what is in the way; clients match the text about the wait
    /// (spec: control-plane §13).
    pub fn deletable(&self, in_use: bool, wait_millis: i64, now: Timestamp) -> Result<(), Error> {
        let refused =
            |why: String| Err(Error::invalid(format!("Cannot delete thing type : {}. {why}", self.name)));
        if in_use {
            return refused("There are still things of this type.".to_owned());
        }
        if wait_millis == 0 {
            return Ok(());
        }
        let Some(since) = self.deprecated_at else {
            return refused("It is not deprecated; deprecate it first.".to_owned());
        };
        if now.millis() >= since.plus_millis(wait_millis).millis() {
            return Ok(());
        }
        let wait = "Please wait for 5 minutes after deprecation and then retry";
        if wait_millis == AWS_DELETE_WAIT_MILLIS {
            return refused(wait.to_owned());
        }
        refused(format!("{wait} (here: {} seconds)", wait_millis / 1000))
    }
}

//! Static thing groups: the record, what may change in it, and who may be in it (spec: control-plane §7, §9.2).

use crate::error::Error;
use crate::ids::{ThingGroupName, ThingName};
use crate::thing::{self, Attributes};
use crate::time::Timestamp;

/// Most groups a thing is in (spec: control-plane §15).
pub const MAX_GROUPS_OF_THING: usize = 10;

/// Most direct children of a group (spec: control-plane §15).
pub const MAX_CHILDREN: usize = 100;

/// Most levels of groups, the root's included (spec: control-plane §15).
pub const MAX_DEPTH: usize = 7;

/// Most attributes of a group, as of a thing with a type.
pub const MAX_ATTRIBUTES: usize = 50;

/// A thing group as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroup {
    /// Its name, unique in its scope.
    pub name: ThingGroupName,
    /// A lower-case version 4 UUID.
    pub id: String,
    /// The groups above it, root first, parent last; none for a root. Fixed at creation.
    pub above: Vec<ThingGroupName>,
    /// Free text.
    pub description: Option<String>,
    /// Its attributes; no value is empty.
    pub attributes: Attributes,
    /// 1 at creation, one more with every change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A group to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name.
    pub name: ThingGroupName,
    /// A lower-case version 4 UUID.
    pub id: String,
    /// The group above it.
    pub parent: Option<ThingGroupName>,
    /// Free text; an empty one is none.
    pub description: Option<String>,
    /// Its attributes; those with an empty value are not kept.
    pub attributes: Attributes,
    /// Now.
    pub created_at: Timestamp,
}

impl NewGroup {
    /// The group at version 1, below its parent (`above`: the parent's `above` and the parent).
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for too many attributes;
    /// [`Kind::LimitExceeded`](crate::Kind::LimitExceeded) for more than [`MAX_DEPTH`] levels or if the parent has
    /// [`MAX_CHILDREN`] children already.
    pub fn below(self, above: Vec<ThingGroupName>, siblings: usize) -> Result<ThingGroup, Error> {
        if above.len() >= MAX_DEPTH {
            return Err(Error::limit_exceeded(format!(
                "Thing groups may be nested at most {MAX_DEPTH} deep; thing group {} would be one deeper.",
                self.name
            )));
        }
        if let Some(parent) = above.last().filter(|_| siblings >= MAX_CHILDREN) {
            return Err(Error::limit_exceeded(format!(
                "Thing group {parent} has {siblings} child groups; it may have at most {MAX_CHILDREN}."
            )));
        }
        let attributes = thing::kept(self.attributes);
        check(&attributes)?;
        Ok(ThingGroup {
            name: self.name,
            id: self.id,
            above,
            description: self.description.filter(|text| !text.is_empty()),
            attributes,
            version: 1,
            created_at: self.created_at,
        })
    }
}

/// What UpdateThingGroup changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The description given, if any; an empty one removes it.
    pub description: Option<String>,
    /// The attributes given, if any; an empty value removes the attribute.
    pub attributes: Option<Attributes>,
    /// Whether they are put over the present ones (`true`) or replace them all (`false`).
    pub merge: bool,
}

impl ThingGroup {
    /// Whether creating `other` again changes nothing: same name, parent and properties (spec: control-plane §7).
    pub fn is_same(&self, other: &NewGroup) -> bool {
        self.name == other.name
            && self.above.last() == other.parent.as_ref()
            && self.description.as_deref().unwrap_or_default()
                == other.description.as_deref().unwrap_or_default()
            && self.attributes == thing::kept(other.attributes.clone())
    }

    /// The group after `change`, one version later.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) for more attributes than allowed.
    pub fn changed(&self, change: &Change) -> Result<ThingGroup, Error> {
        let attributes = thing::merged(&self.attributes, change.attributes.as_ref(), change.merge);
        check(&attributes)?;
        let description = change.description.clone().or_else(|| self.description.clone());
        Ok(ThingGroup {
            description: description.filter(|text| !text.is_empty()),
            attributes,
            version: self.version.saturating_add(1),
            ..self.clone()
        })
    }

    /// The top of its hierarchy: itself, if nothing is above.
    pub fn root(&self) -> &ThingGroupName {
        self.above.first().unwrap_or(&self.name)
    }
}

fn check(attributes: &Attributes) -> Result<(), Error> {
    let count = attributes.len();
    if count > MAX_ATTRIBUTES {
        return Err(Error::invalid(format!(
            "A thing group may have at most {MAX_ATTRIBUTES} attributes; this would make {count}."
        )));
    }
    Ok(())
}

/// A group a thing is in, or is to be put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: ThingGroupName,
    /// The top of its hierarchy.
    pub root: ThingGroupName,
}

/// The groups a thing is in after `remove` and then `add`; repeating what is so already changes nothing.
///
/// # Errors
/// [`Kind::Invalid`](crate::Kind::Invalid) for two groups of one hierarchy;
/// [`Kind::LimitExceeded`](crate::Kind::LimitExceeded) for more than [`MAX_GROUPS_OF_THING`].
pub fn regrouped(
    thing: &ThingName,
    current: &[Membership],
    remove: &[ThingGroupName],
    add: &[Membership],
) -> Result<Vec<Membership>, Error> {
    let mut after: Vec<Membership> =
        current.iter().filter(|held| !remove.contains(&held.group)).cloned().collect();
    for wanted in add {
        if after.iter().any(|held| held.group == wanted.group) {
            continue;
        }
        if let Some(held) = after.iter().find(|held| held.root == wanted.root) {
            return Err(Error::invalid(format!(
                "Thing {thing} is in thing group {} of the same hierarchy; it cannot be in thing group {} too.",
                held.group, wanted.group
            )));
        }
        after.push(wanted.clone());
    }
    if after.len() > MAX_GROUPS_OF_THING {
        return Err(Error::limit_exceeded(format!(
            "A thing may be in at most {MAX_GROUPS_OF_THING} thing groups; {thing} would be in {}.",
            after.len()
        )));
    }
    Ok(after)
}

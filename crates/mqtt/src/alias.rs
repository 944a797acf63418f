//! Topic aliases of one connection, in both directions. spec: mqtt5 §3.3.2.3.4

use std::sync::Arc;

/// What the other side's aliases stand for. As long as the highest one that was set.
#[derive(Debug, Default)]
pub(crate) struct Known {
    topics: Vec<Option<Box<str>>>,
}

impl Known {
    /// The topic of an alias that was set before.
    pub fn get(&self, alias: u16) -> Option<&str> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.as_deref()
    }

    /// Sets an alias of 1 to `max`. Says whether it is in that range.
    pub fn set(&mut self, alias: u16, topic: &str, max: u16) -> bool {
        if alias == 0 || alias > max {
            return false;
        }
        let count = usize::from(alias);
        if self.topics.len() < count {
            self.topics.reserve_exact(count - self.topics.len());
            self.topics.resize(count, None);
        }
        if let Some(place) = self.topics.get_mut(count - 1)
            && place.as_deref() != Some(topic)
        {
            *place = Some(topic.into());
        }
        true
    }
}

/// Bytes of the property: an alias for a topic that is no longer gains nothing.
const PROPERTY: usize = 3;

/// Bytes by which an alias may make a PUBLISH longer: the property, and the two lengths that count it.
pub(crate) const GROWTH: usize = PROPERTY + 2;

/// How a topic is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Plain,
    /// The topic and an alias for later.
    Set(u16),
    /// The alias alone.
    Known(u16),
}

/// The aliases we gave to topics towards the client: the first topics get them, and lose them when they were not
/// used for a whole round of the others.
#[derive(Debug, Default)]
pub(crate) struct Given {
    slots: Vec<(Arc<str>, bool)>,
    max: u16,
    hand: u16,
}

impl Given {
    /// Uses aliases of 1 to `max`.
    pub fn new(max: u16) -> Given {
        Given { slots: Vec::new(), max, hand: 0 }
    }

    /// How to write `topic` in a PUBLISH that is sent for certain.
    pub fn write(&mut self, topic: &Arc<str>) -> Written {
        if self.max == 0 || topic.len() <= PROPERTY {
            return Written::Plain;
        }
        for (alias, (known, is_used)) in (1u16..).zip(&mut self.slots) {
            if Arc::ptr_eq(known, topic) || **known == **topic {
                *is_used = true;
                return Written::Known(alias);
            }
        }
        if self.slots.len() < usize::from(self.max) {
            self.slots.push((topic.clone(), false));
            return u16::try_from(self.slots.len()).map_or(Written::Plain, Written::Set);
        }
        let at = self.hand;
        self.hand = (self.hand + 1) % self.max;
        match self.slots.get_mut(usize::from(at)) {
            Some((known, is_used)) if !*is_used => {
                *known = topic.clone();
                Written::Set(at + 1)
            }
            Some((_, is_used)) => {
                *is_used = false;
                Written::Plain
            }
            None => Written::Plain,
        }
    }
}

//! Who has one filter: mostly one, sometimes a hundred thousand.

use std::collections::BTreeMap;
use std::mem;

/// More than this many are kept in a map, so that taking one out stays cheap.
const FEW: usize = 32;

#[derive(Debug, Default)]
pub(super) enum Members<K, V> {
    #[default]
    None,
    One(K, V),
    /// Sorted.
    Few(Vec<(K, V)>),
    Many(BTreeMap<K, V>),
}

impl<K: Ord, V> Members<K, V> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Members::None => true,
            Members::One(..) => false,
            Members::Few(few) => few.is_empty(),
            Members::Many(many) => many.is_empty(),
        }
    }

    pub(super) fn each(&self, f: &mut impl FnMut(&K, &V)) {
        match self {
            Members::None => {}
            Members::One(key, value) => f(key, value),
            Members::Few(few) => few.iter().for_each(|(key, value)| f(key, value)),
            Members::Many(many) => many.iter().for_each(|(key, value)| f(key, value)),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Members::None => None,
            Members::One(own, value) => (own == key).then_some(value),
            Members::Few(few) => {
                let at = few.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
                few.get(at).map(|(_, value)| value)
            }
            Members::Many(many) => many.get(key),
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Members::None => {
                *self = Members::One(key, value);
                None
            }
            Members::One(own, old) if *own == key => Some(mem::replace(old, value)),
            Members::One(..) => {
                if let Members::One(own, old) = mem::take(self) {
                    let mut few = Vec::with_capacity(2);
                    if own < key {
                        few.extend([(own, old), (key, value)]);
                    } else {
                        few.extend([(key, value), (own, old)]);
                    }
                    *self = Members::Few(few);
                }
                None
            }
            Members::Few(few) => match few.binary_search_by(|(own, _)| own.cmp(&key)) {
                Ok(at) => few.get_mut(at).map(|(_, old)| mem::replace(old, value)),
                Err(at) if few.len() < FEW => {
                    few.insert(at, (key, value));
                    None
                }
                Err(_) => {
                    let mut many: BTreeMap<K, V> = mem::take(few).into_iter().collect();
                    many.insert(key, value);
                    *self = Members::Many(many);
                    None
                }
            },
            Members::Many(many) => many.insert(key, value),
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Members::None => None,
            Members::One(own, _) if own != key => None,
            Members::One(..) => match mem::take(self) {
                Members::One(_, value) => Some(value),
                _ => None,
            },
            Members::Few(few) => {
                let at = few.binary_search_by(|(own, _)| own.cmp(key)).ok()?;
                let (_, value) = few.remove(at);
                self.shrink();
                Some(value)
            }
            Members::Many(many) => {
                let value = many.remove(key)?;
                self.shrink();
                Some(value)
            }
        }
    }

    /// Goes back to a smaller form; a map only at half of [`FEW`], so that coming and going does not rebuild it.
    fn shrink(&mut self) {
        match self {
            Members::Few(few) if few.len() == 1 => {
                if let Some((key, value)) = few.pop() {
                    *self = Members::One(key, value);
                }
            }
            Members::Many(many) if many.len() <= FEW / 2 => {
                *self = Members::Few(mem::take(many).into_iter().collect());
            }
            _ => {}
        }
    }
}

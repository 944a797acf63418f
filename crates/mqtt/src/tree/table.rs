//! A hash table of ids, without keys: whoever asks compares.

use std::mem;

/// A slot that holds nothing; no id is `u32::MAX`.
const EMPTY: u64 = u64::MAX;

/// The fewest slots there are once there is one.
const FEWEST: usize = 16;

/// Ids by 32 bits of hash. Open addressing, at most three quarters full: 11 to 21 bytes for an id.
#[derive(Debug)]
pub(super) struct Table {
    /// Hash in the upper half, id in the lower.
    slots: Vec<u64>,
    len: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Table { slots: Vec::new(), len: 0 }
    }

    pub(super) fn with_room_for(len: usize) -> Self {
        let mut table = Table::new();
        table.resize((len / 3 + 1) * 4);
        table
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = hash as usize;
        loop {
            let slot = self.slot(at)?;
            if hash_of(slot) == hash && is_it(id_of(slot)) {
                return Some(id_of(slot));
            }
            at = at.wrapping_add(1);
        }
    }

    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.resize(self.slots.len() * 2);
        }
        self.len += 1;
        self.put(u64::from(hash) << 32 | u64::from(id));
    }

    /// Takes an id out that is in. What was pushed further by it moves back, so that no grave is left.
    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        let wanted = u64::from(hash) << 32 | u64::from(id);
        let mask = self.slots.len().wrapping_sub(1);
        let mut hole = hash as usize;
        loop {
            match self.slot(hole) {
                None => return,
                Some(slot) if slot == wanted => break,
                Some(_) => hole = hole.wrapping_add(1),
            }
        }
        self.len -= 1;
        let mut at = hole.wrapping_add(1);
        while let Some(slot) = self.slot(at) {
            let home = hash_of(slot) as usize;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.set(hole, slot);
                hole = at;
            }
            at = at.wrapping_add(1);
        }
        self.set(hole, EMPTY);
    }

    fn put(&mut self, entry: u64) {
        let mut at = hash_of(entry) as usize;
        while self.slot(at).is_some() {
            at = at.wrapping_add(1);
        }
        self.set(at, entry);
    }

    /// What lies at a place, counted round and round; None for nothing.
    fn slot(&self, at: usize) -> Option<u64> {
        let slot = self.slots.get(at & self.slots.len().wrapping_sub(1)).copied()?;
        (slot != EMPTY).then_some(slot)
    }

    fn set(&mut self, at: usize, entry: u64) {
        let mask = self.slots.len().wrapping_sub(1);
        if let Some(slot) = self.slots.get_mut(at & mask) {
            *slot = entry;
        }
    }

    fn resize(&mut self, slots: usize) {
        let slots = slots.next_power_of_two().max(FEWEST);
        let old = mem::replace(&mut self.slots, vec![EMPTY; slots]);
        old.into_iter().filter(|entry| *entry != EMPTY).for_each(|entry| self.put(entry));
    }
}

fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

fn id_of(entry: u64) -> u32 {
    entry as u32
}

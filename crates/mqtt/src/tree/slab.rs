//! An array whose places are reused.

use std::mem;

/// The id of nothing.
pub(super) const NONE: u32 = u32::MAX;

/// Places below which giving back is not worth the work.
const SMALL: usize = 1024;

/// Values by number; a place that is free holds the default. Room for 4,294,967,292 of them, beyond any memory.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<T>,
    free: Vec<u32>,
}

/// Where values went when a slab was compacted.
pub(super) struct Moved(Vec<u32>);

impl Moved {
    /// The new id for an old one; NONE stays NONE.
    pub(super) fn new_id(&self, old: u32) -> u32 {
        self.0.get(old as usize).copied().unwrap_or(NONE)
    }
}

impl<T: Default> Slab<T> {
    pub(super) fn new() -> Self {
        Slab { places: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(id) = self.free.pop() {
            *self.at_mut(id) = value;
            return id;
        }
        self.places.push(value);
        (self.places.len() - 1) as u32
    }

    /// `id` must be one that `insert` gave and nobody removed.
    pub(super) fn remove(&mut self, id: u32) -> T {
        self.free.push(id);
        mem::take(self.at_mut(id))
    }

    /// The value with an id that `insert` gave.
    #[expect(clippy::indexing_slicing, reason = "such an id is in bounds")]
    pub(super) fn at(&self, id: u32) -> &T {
        &self.places[id as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "as for `at`")]
    pub(super) fn at_mut(&mut self, id: u32) -> &mut T {
        &mut self.places[id as usize]
    }

    /// The value, or None for NONE.
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        self.places.get(id as usize)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.places.get_mut(id as usize)
    }

    /// Every place, free ones too, in order of their ids.
    pub(super) fn places(&self) -> &[T] {
        &self.places
    }

    pub(super) fn places_mut(&mut self) -> &mut [T] {
        &mut self.places
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }

    /// Closes the gaps when more than three quarters are free, and says where everything went. Keeps the order.
    pub(super) fn compact(&mut self) -> Option<Moved> {
        if self.places.len() < SMALL || self.free.len() <= self.places.len() / 4 * 3 {
            return None;
        }
        let mut moved = vec![0; self.places.len()];
        for id in mem::take(&mut self.free) {
            if let Some(place) = moved.get_mut(id as usize) {
                *place = NONE;
            }
        }
        let mut next = 0;
        for place in moved.iter_mut().filter(|place| **place != NONE) {
            *place = next;
            next += 1;
        }
        let kept = mem::take(&mut self.places).into_iter().zip(&moved).filter(|(_, id)| **id != NONE);
        let mut places = Vec::with_capacity(next as usize);
        places.extend(kept.map(|(value, _)| value));
        self.places = places;
        Some(Moved(moved))
    }
}

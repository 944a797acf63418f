//! The texts of levels, each kept once.

use std::hash::{BuildHasher, RandomState};

use super::slab::{Moved, Slab};
use super::table::Table;

#[derive(Debug)]
pub(super) struct Labels {
    labels: Slab<Label>,
    by_text: Table,
    hasher: RandomState,
    text_bytes: usize,
}

#[derive(Debug, Default)]
struct Label {
    text: Box<str>,
    /// Nodes that have it; 0 in a free place.
    uses: u32,
}

impl Labels {
    pub(super) fn new(hasher: RandomState) -> Self {
        Labels { labels: Slab::new(), by_text: Table::new(), hasher, text_bytes: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.labels.bytes() + self.by_text.bytes() + self.text_bytes
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.find(self.hash(text), |id| *self.labels.at(id).text == *text)
    }

    /// The label for a text, for one more node.
    pub(super) fn acquire(&mut self, text: &str) -> u32 {
        let hash = self.hash(text);
        if let Some(id) = self.by_text.find(hash, |id| *self.labels.at(id).text == *text) {
            self.labels.at_mut(id).uses += 1;
            return id;
        }
        self.text_bytes += text.len();
        let id = self.labels.insert(Label { text: text.into(), uses: 1 });
        self.by_text.insert(hash, id);
        id
    }

    /// One node less has this label.
    pub(super) fn release(&mut self, id: u32) {
        let label = self.labels.at_mut(id);
        label.uses -= 1;
        if label.uses == 0 {
            let text = self.labels.remove(id).text;
            self.text_bytes -= text.len();
            self.by_text.remove(self.hash(&text), id);
        }
    }

    /// Closes gaps if there are many.
    pub(super) fn compact(&mut self) -> Option<Moved> {
        let moved = self.labels.compact()?;
        self.by_text = Table::with_room_for(self.labels.places().len());
        for (id, label) in self.labels.places().iter().enumerate() {
            let hash = self.hasher.hash_one(&*label.text) as u32;
            self.by_text.insert(hash, id as u32);
        }
        Some(moved)
    }

    fn hash(&self, text: &str) -> u32 {
        self.hasher.hash_one(text) as u32
    }
}

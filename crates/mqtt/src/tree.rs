//! Which subscriptions want this topic? A trie over levels, made for a million filters.
//!
//! Nodes lie in one array and refer to each other by number; the edges of all nodes are one hash table; the text of
//! a level is kept once, however many filters have it. A node takes 24 bytes and 11 to 21 bytes of table. Matching
//! hashes each level of the topic once, walks without recursion and allocates nothing (for topics of up to 32
//! levels).

mod labels;
mod members;
mod slab;
mod table;

use std::hash::{BuildHasher, RandomState};

use self::labels::Labels;
use self::members::Members;
use self::slab::{NONE, Slab};
use self::table::Table;
use crate::topic::Filter;

/// The node all filters begin at.
const ROOT: u32 = 0;

/// The label of nodes for `+`, `#` and the root: no text has it.
const PLUS: u32 = u32::MAX - 1;
const HASH: u32 = u32::MAX - 2;

/// Levels of a topic that are matched without an allocation.
const SHORT: usize = 32;

/// Filters with a value for each key: who wants what.
///
/// The name of a share is not looked at, so shared and plain subscriptions need different keys. Room grows by
/// doubling and is given back when three quarters of it are unused.
#[derive(Debug)]
pub struct TopicTree<K, V> {
    labels: Labels,
    nodes: Slab<Node>,
    edges: Table,
    members: Slab<Members<K, V>>,
    seed: u64,
    len: usize,
}

/// One level of one or more filters.
#[derive(Debug)]
struct Node {
    parent: u32,
    label: u32,
    /// The child for `+`, or NONE.
    plus: u32,
    /// The child for `#`, or NONE.
    hash: u32,
    /// How many children have a text.
    literals: u32,
    /// Who wants exactly this, or NONE.
    members: u32,
}

impl Node {
    fn new(parent: u32, label: u32) -> Node {
        Node { parent, label, plus: NONE, hash: NONE, literals: 0, members: NONE }
    }

    fn is_unused(&self) -> bool {
        self.plus == NONE && self.hash == NONE && self.literals == 0 && self.members == NONE
    }
}

impl Default for Node {
    fn default() -> Self {
        Node::new(NONE, NONE)
    }
}

impl<K: Ord, V> Default for TopicTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> TopicTree<K, V> {
    /// Without filters.
    pub fn new() -> Self {
        let hasher = RandomState::new();
        let seed = hasher.hash_one(ROOT);
        let mut nodes = Slab::new();
        nodes.insert(Node::new(NONE, NONE));
        let labels = Labels::new(hasher);
        TopicTree { labels, nodes, edges: Table::new(), members: Slab::new(), seed, len: 0 }
    }

    /// How many pairs of filter and key there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes reserved by the tree, without what keys and values own themselves.
    pub fn bytes(&self) -> usize {
        self.labels.bytes() + self.nodes.bytes() + self.edges.bytes() + self.members.bytes()
    }

    /// Adds a subscription. Gives back the value it replaces, if `key` had this filter before.
    pub fn insert(&mut self, filter: &Filter, key: K, value: V) -> Option<V> {
        let mut node = ROOT;
        for level in filter.pattern().split('/') {
            node = self.child(node, level).unwrap_or_else(|| self.grow(node, level));
        }
        if self.nodes.at(node).members == NONE {
            self.nodes.at_mut(node).members = self.members.insert(Members::None);
        }
        let replaced = self.members.at_mut(self.nodes.at(node).members).insert(key, value);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// The value `key` has for this filter.
    pub fn get(&self, filter: &Filter, key: &K) -> Option<&V> {
        let node = self.find(filter)?;
        self.members.get(self.nodes.at(node).members)?.get(key)
    }

    /// Takes a subscription out, with everything only it needed. None if there was none.
    pub fn remove(&mut self, filter: &Filter, key: &K) -> Option<V> {
        let node = self.find(filter)?;
        let members = self.nodes.at(node).members;
        let value = self.members.get_mut(members)?.remove(key)?;
        self.len -= 1;
        if self.members.at(members).is_empty() {
            self.members.remove(members);
            self.nodes.at_mut(node).members = NONE;
            self.prune(node);
            self.give_back();
        }
        Some(value)
    }

    /// Calls `f` for every subscription whose filter takes `topic`; twice for a key that has two such filters.
    ///
    /// With `hash_matches_parent`, `a/#` takes `a`. A filter that begins with a wildcard takes no topic that begins
    /// with `$`. spec: mqtt5 §4.7.2, mqtt-gateway §5.1
    pub fn matches(&self, topic: &str, hash_matches_parent: bool, mut f: impl FnMut(&K, &V)) {
        let levels = topic.bytes().filter(|byte| *byte == b'/').count() + 1;
        let mut short = [NONE; SHORT];
        let mut long = Vec::new();
        let labels = if let Some(labels) = short.get_mut(..levels) {
            labels
        } else {
            long.resize(levels, NONE);
            &mut long
        };
        for (label, level) in labels.iter_mut().zip(topic.split('/')) {
            *label = self.labels.find(level).unwrap_or(NONE);
        }
        self.walk(&Names { labels, reserved: topic.starts_with('$'), hash_matches_parent }, &mut f);
    }

    /// Depth first: at each node the child with the text, then the child for `+`.
    fn walk(&self, names: &Names<'_>, f: &mut impl FnMut(&K, &V)) {
        let (mut node, mut depth) = (ROOT, 0);
        loop {
            self.visit(node, depth, names, f);
            let next = names.labels.get(depth).and_then(|label| self.literal(node, *label));
            if let Some(child) = next.or_else(|| self.plus(node, depth, names)) {
                (node, depth) = (child, depth + 1);
                continue;
            }
            loop {
                if node == ROOT {
                    return;
                }
                let left = node;
                (node, depth) = (self.nodes.at(node).parent, depth - 1);
                if self.nodes.at(left).label == PLUS {
                    continue;
                }
                if let Some(plus) = self.plus(node, depth, names) {
                    (node, depth) = (plus, depth + 1);
                    break;
                }
            }
        }
    }

    /// Calls `f` for what ends at this node, and for what ends with `#` below it.
    fn visit(&self, node: u32, depth: usize, names: &Names<'_>, f: &mut impl FnMut(&K, &V)) {
        let node = self.nodes.at(node);
        let at_end = depth == names.labels.len();
        let hash = (!at_end || names.hash_matches_parent) && !(depth == 0 && names.reserved);
        if hash && let Some(below) = self.nodes.get(node.hash) {
            self.tell(below.members, f);
        }
        if at_end {
            self.tell(node.members, f);
        }
    }

    fn tell(&self, members: u32, f: &mut impl FnMut(&K, &V)) {
        if let Some(members) = self.members.get(members) {
            members.each(f);
        }
    }

    fn plus(&self, node: u32, depth: usize, names: &Names<'_>) -> Option<u32> {
        let plus = self.nodes.at(node).plus;
        let open = depth < names.labels.len() && !(depth == 0 && names.reserved);
        (plus != NONE && open).then_some(plus)
    }

    fn literal(&self, parent: u32, label: u32) -> Option<u32> {
        if label == NONE || self.nodes.at(parent).literals == 0 {
            return None;
        }
        let is_it = |id| {
            let node: &Node = self.nodes.at(id);
            node.parent == parent && node.label == label
        };
        self.edges.find(tag(self.seed, parent, label), is_it)
    }

    fn child(&self, node: u32, level: &str) -> Option<u32> {
        match level {
            "+" => Some(self.nodes.at(node).plus).filter(|id| *id != NONE),
            "#" => Some(self.nodes.at(node).hash).filter(|id| *id != NONE),
            text => self.literal(node, self.labels.find(text)?),
        }
    }

    fn find(&self, filter: &Filter) -> Option<u32> {
        filter.pattern().split('/').try_fold(ROOT, |node, level| self.child(node, level))
    }

    /// A new child, which must not exist yet.
    fn grow(&mut self, parent: u32, level: &str) -> u32 {
        match level {
            "+" => {
                let id = self.nodes.insert(Node::new(parent, PLUS));
                self.nodes.at_mut(parent).plus = id;
                id
            }
            "#" => {
                let id = self.nodes.insert(Node::new(parent, HASH));
                self.nodes.at_mut(parent).hash = id;
                id
            }
            text => {
                let label = self.labels.acquire(text);
                let id = self.nodes.insert(Node::new(parent, label));
                self.nodes.at_mut(parent).literals += 1;
                self.edges.insert(tag(self.seed, parent, label), id);
                id
            }
        }
    }

    /// Takes out nodes nobody needs, upwards.
    fn prune(&mut self, mut node: u32) {
        while node != ROOT && self.nodes.at(node).is_unused() {
            let Node { parent, label, .. } = *self.nodes.at(node);
            match label {
                PLUS => self.nodes.at_mut(parent).plus = NONE,
                HASH => self.nodes.at_mut(parent).hash = NONE,
                text => {
                    self.edges.remove(tag(self.seed, parent, text), node);
                    self.nodes.at_mut(parent).literals -= 1;
                    self.labels.release(text);
                }
            }
            self.nodes.remove(node);
            node = parent;
        }
    }

    /// Moves everything closer together where most of an array is unused.
    fn give_back(&mut self) {
        if let Some(moved) = self.members.compact() {
            for node in self.nodes.places_mut() {
                node.members = moved.new_id(node.members);
            }
        }
        let labels = self.labels.compact();
        let nodes = self.nodes.compact();
        if labels.is_none() && nodes.is_none() {
            return;
        }
        for node in self.nodes.places_mut() {
            if let Some(moved) = &labels
                && node.label < HASH
            {
                node.label = moved.new_id(node.label);
            }
            if let Some(moved) = &nodes {
                node.parent = moved.new_id(node.parent);
                node.plus = moved.new_id(node.plus);
                node.hash = moved.new_id(node.hash);
            }
        }
        self.edges = Table::with_room_for(self.nodes.places().len());
        for (id, node) in self.nodes.places().iter().enumerate().filter(|(_, node)| node.label < HASH) {
            self.edges.insert(tag(self.seed, node.parent, node.label), id as u32);
        }
    }
}

/// What an edge is found by. The seed keeps clients from choosing names that collide.
fn tag(seed: u64, parent: u32, label: u32) -> u32 {
    let mut mixed = (u64::from(parent) << 32 | u64::from(label)) ^ seed;
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 32) as u32
}

/// A topic during a walk.
struct Names<'a> {
    /// For each level its label, or NONE when no filter has such a text.
    labels: &'a [u32],
    reserved: bool,
    hash_matches_parent: bool,
}

//! What a filter says of one column and of places inside its documents, as a tree of names.
//!
//! A dotted path's segment names a member of an object; where the value is an array it applies
//! to every element. A key that holds dots is found by its full name as well as by its segments.

use sha2::{Digest, Sha256};

/// Deepest path that is followed. Further segments are cut off: then more is hidden than was
/// asked for, never less.
pub(super) const MAX_DEPTH: usize = 64;

/// What happens to a value that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is left out.
    Hide,
    /// This JSON string stands in its place.
    Mask(Vec<u8>),
}

/// A column, or a place in its documents, with what the filter says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The filter's include list covers it.
    pub(super) included: bool,
    /// What exclude and redact say; exclude wins.
    pub(super) action: Option<Action>,
    pub(super) children: Vec<(String, Node)>,
}

impl Node {
    /// Marks `path` as shown; the empty path is the node itself.
    pub(super) fn include(&mut self, path: &str) {
        // Cutting a path short would show more than it names.
        if path.split('.').count() <= MAX_DEPTH {
            self.at(path).included = true;
        }
    }

    /// The node as it would be without any include list.
    pub(super) fn included_whole(&self) -> Self {
        Self { included: true, ..self.clone() }
    }

    /// Hides or masks `path`. The first mask of a path stays.
    pub(super) fn act(&mut self, path: &str, action: Action) {
        let node = self.at(path);
        if action == Action::Hide || node.action.is_none() {
            node.action = Some(action);
        }
    }

    /// Whether anything at or below the node is included.
    pub(super) fn is_visible(&self) -> bool {
        self.included || self.children.iter().any(|(_, child)| child.is_visible())
    }

    /// Whether anything below the node is hidden or masked.
    pub(super) fn acts_below(&self) -> bool {
        self.children.iter().any(|(_, child)| child.action.is_some() || child.acts_below())
    }

    /// Feeds everything that makes two nodes differ.
    pub(super) fn digest(&self, hash: &mut Sha256) {
        let (tag, mask): (u8, &[u8]) = match &self.action {
            None => (0, b""),
            Some(Action::Hide) => (1, b""),
            Some(Action::Mask(mask)) => (2, mask),
        };
        hash.update([u8::from(self.included), tag]);
        hash.update((mask.len() as u64).to_be_bytes());
        hash.update(mask);
        hash.update((self.children.len() as u64).to_be_bytes());
        for (name, child) in &self.children {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            child.digest(hash);
        }
    }

    fn at(&mut self, path: &str) -> &mut Self {
        let segments = path.split('.').take(if path.is_empty() { 0 } else { MAX_DEPTH });
        segments.fold(self, |node, segment| {
            let found = node.children.iter().position(|(name, _)| name == segment);
            let index = found.unwrap_or_else(|| {
                node.children.push((segment.to_owned(), Self::default()));
                node.children.len() - 1
            });
            &mut node.children[index].1
        })
    }

    /// What the filter says of the member `key`, dots in it included.
    pub(super) fn child(&self, key: &str) -> Option<&Self> {
        let named = |name: &str| self.children.iter().find(|(n, _)| n == name).map(|(_, c)| c);
        named(key).or_else(|| {
            key.match_indices('.').find_map(|(dot, _)| {
                let child = named(&key[..dot]).filter(|child| child.action.is_none())?;
                child.child(&key[dot + 1..])
            })
        })
    }
}

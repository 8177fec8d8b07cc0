//! Filters a JSON document in one pass over its text; no tree is built.
//!
//! What no path concerns is copied as it stands: key order, duplicate keys, number text. A key
//! written with escapes is found by what it means: `"\u0070hone"` is `phone`.

use std::borrow::Cow;

use super::paths::{Action, Node};
use crate::value::json;

/// Whether masks are put in place. They are left out to find out whether what they hide changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Masks {
    Applied,
    Lifted,
}

impl Node {
    /// Appends what of the document may be seen. False, with nothing appended, where nothing
    /// may, or where the text is no JSON: what cannot be read cannot be filtered.
    pub(super) fn write(&self, text: &[u8], masks: Masks, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        // Invalid UTF-8 comes from a SQL_ASCII database only.
        let text = String::from_utf8_lossy(text);
        let mut walk = Walk { text: text.as_bytes(), masks, out, open: Vec::new() };
        let written = json::is_document(walk.text) && walk.document(self).is_some();
        if !written {
            out.truncate(start);
        }
        written
    }
}

/// One pass over a document that is known to be valid.
struct Walk<'a> {
    text: &'a [u8],
    masks: Masks,
    out: &'a mut Vec<u8>,
    /// Containers that are being filtered. On the heap: documents nest as deep as they like.
    open: Vec<Container<'a>>,
}

struct Container<'a> {
    node: &'a Node,
    shown: bool,
    is_object: bool,
    is_empty: bool,
}

/// What becomes of one value.
enum Fate<'a> {
    Copy,
    Drop,
    Mask(&'a [u8]),
    Enter(&'a Node),
}

impl<'a> Walk<'a> {
    fn document(&mut self, root: &'a Node) -> Option<()> {
        let mut at = json::skip_space(self.text, 0);
        match fate_inside(root, root.included, *self.text.get(at)?) {
            Fate::Enter(node) => self.enter(node, root.included, at)?,
            Fate::Copy => {
                self.copy(at)?;
                return Some(());
            }
            Fate::Drop | Fate::Mask(_) => return None,
        }
        at += 1;
        while !self.open.is_empty() {
            at = json::skip_space(self.text, at);
            match self.text.get(at)? {
                byte @ (b'}' | b']') => {
                    self.out.push(*byte);
                    self.open.pop();
                    at += 1;
                }
                b',' => at += 1,
                _ => at = self.member(at)?,
            }
        }
        Some(())
    }

    /// Handles the member or element at `at`; returns the place after it, or after its opening
    /// bracket.
    fn member(&mut self, at: usize) -> Option<usize> {
        let container = self.open.last()?;
        let (node, outer) = (container.node, container.shown);
        let (key, value, fate, shown) = if container.is_object {
            let key = &self.text[at..json::string_end(self.text, at)?];
            let value = json::skip_space(self.text, json::key_end(self.text, at)?);
            let child = decoded(key).and_then(|key| node.child(&key));
            let shown = outer || child.is_some_and(|child| child.included);
            let fate = match child {
                Some(child) => self.fate(child, shown, *self.text.get(value)?),
                None if shown => Fate::Copy,
                None => Fate::Drop,
            };
            (Some(key), value, fate, shown)
        } else {
            (None, at, fate_inside(node, outer, *self.text.get(at)?), outer)
        };
        if let Fate::Drop = fate {
            return json::value_end(self.text, value);
        }
        self.separate();
        if let Some(key) = key {
            self.out.extend_from_slice(key);
            self.out.push(b':');
        }
        match fate {
            Fate::Drop => {}
            Fate::Copy => return self.copy(value),
            Fate::Mask(mask) => self.out.extend_from_slice(mask),
            Fate::Enter(node) => {
                self.enter(node, shown, value)?;
                return Some(value + 1);
            }
        }
        json::value_end(self.text, value)
    }

    fn fate(&self, node: &'a Node, shown: bool, first: u8) -> Fate<'a> {
        match &node.action {
            Some(Action::Hide) => Fate::Drop,
            Some(Action::Mask(mask)) if self.masks == Masks::Applied => {
                if shown || node.is_visible() { Fate::Mask(mask) } else { Fate::Drop }
            }
            _ => fate_inside(node, shown, first),
        }
    }

    fn enter(&mut self, node: &'a Node, shown: bool, at: usize) -> Option<()> {
        let bracket = *self.text.get(at)?;
        self.out.push(bracket);
        self.open.push(Container { node, shown, is_object: bracket == b'{', is_empty: true });
        Some(())
    }

    fn copy(&mut self, at: usize) -> Option<usize> {
        let end = json::value_end(self.text, at)?;
        self.out.extend_from_slice(&self.text[at..end]);
        Some(end)
    }

    fn separate(&mut self) {
        if let Some(container) = self.open.last_mut() {
            if !container.is_empty {
                self.out.push(b',');
            }
            container.is_empty = false;
        }
    }
}

/// The fate of a value on which its node itself does not act: a scalar where an included path
/// would lead further is not what the path names, and stays out.
fn fate_inside(node: &Node, shown: bool, first: u8) -> Fate<'_> {
    let leads_on = !node.children.is_empty() && matches!(first, b'{' | b'[');
    if leads_on && (shown || node.is_visible()) {
        Fate::Enter(node)
    } else if shown {
        Fate::Copy
    } else {
        Fate::Drop
    }
}

/// What a key's text means; `None` for one with a lone surrogate, which no path can name.
fn decoded(key: &[u8]) -> Option<Cow<'_, str>> {
    if key.contains(&b'\\') {
        serde_json::from_slice(key).ok().map(Cow::Owned)
    } else {
        std::str::from_utf8(key.get(1..key.len() - 1)?).ok().map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::paths::MAX_DEPTH;
    use super::*;

    fn tree(include: &[&str], hide: &[&str], mask: &[&str]) -> Node {
        let mut root = Node { included: include.is_empty(), ..Node::default() };
        include.iter().for_each(|path| root.include(path));
        hide.iter().for_each(|path| root.act(path, Action::Hide));
        mask.iter().for_each(|path| root.act(path, Action::Mask(b"\"***\"".to_vec())));
        root
    }

    fn shown(root: &Node, text: &str) -> Option<String> {
        let mut out = Vec::new();
        let written = root.write(text.as_bytes(), Masks::Applied, &mut out);
        assert!(written || out.is_empty());
        written.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_no_path_concerns_stays_verbatim() {
        let root = tree(&[], &["secret"], &[]);
        let text = r#"{"b": 1.10, "secret": 1, "a":[ 1e400 , {"secret":2}],"b":"\u00e9"}"#;
        let expected = r#"{"b":1.10,"a":[ 1e400 , {"secret":2}],"b":"\u00e9"}"#;
        assert_eq!(shown(&root, text).unwrap(), expected);
    }

    #[test]
    fn hidden_members_go_wherever_they_stand() {
        let root = tree(&[], &["a.b"], &[]);
        for (text, expected) in [
            (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
            (r#"{"a":{"b":1,"c":2},"a":{"c":3,"b":4}}"#, r#"{"a":{"c":2},"a":{"c":3}}"#),
            (r#"{"a":[{"b":1},{"c":2},[{"b":3}],4]}"#, r#"{"a":[{},{"c":2},[{}],4]}"#),
            (r#"[{"a":{"b":{"b":1}}}]"#, r#"[{"a":{}}]"#),
            (r#"{"a.b":1,"\u0061":{"\u0062":2}}"#, r#"{"\u0061":{}}"#),
            (r#"{"b":1,"a":"b"}"#, r#"{"b":1,"a":"b"}"#),
        ] {
            assert_eq!(shown(&root, text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn masks_take_the_place_of_whole_values() {
        let root = tree(&[], &[], &["phone", "home.street"]);
        let text = r#"{"phone":{"a":[1]},"home":[{"street":null,"no":1}],"x":"phone"}"#;
        let expected = r#"{"phone":"***","home":[{"street":"***","no":1}],"x":"phone"}"#;
        assert_eq!(shown(&root, text).unwrap(), expected);
    }

    #[test]
    fn included_paths_show_nothing_beside_them() {
        let root = tree(&["a.b", "c"], &[], &[]);
        for (text, expected) in [
            (r#"{"a":{"b":[1],"x":2},"c":{"y":3},"d":4}"#, Some(r#"{"a":{"b":[1]},"c":{"y":3}}"#)),
            (r#"{"a":"secret","d":1}"#, Some("{}")),
            (r#"{"a":["secret",{"b":1}]}"#, Some(r#"{"a":[{"b":1}]}"#)),
            (r#"["secret",{"c":1}]"#, Some(r#"[{"c":1}]"#)),
            (r#""secret""#, None),
            ("null", None),
        ] {
            assert_eq!(shown(&root, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn exclude_and_redact_act_on_what_include_left() {
        let root = tree(&["a"], &["a.b", "c"], &["a.c", "d"]);
        let text = r#"{"a":{"b":1,"c":2,"d":3},"c":4,"d":5}"#;
        assert_eq!(shown(&root, text).unwrap(), r#"{"a":{"c":"***","d":3}}"#);
        let below = tree(&["a.b.c"], &[], &["a.b"]);
        assert_eq!(shown(&below, r#"{"a":{"b":{"d":1}}}"#).unwrap(), r#"{"a":{"b":"***"}}"#);
    }

    #[test]
    fn lifted_masks_show_what_changed_beneath_them() {
        let root = tree(&[], &["b"], &["a"]);
        let mut out = Vec::new();
        assert!(root.write(br#"{"a":{"x":1},"b":2}"#, Masks::Lifted, &mut out));
        assert_eq!(out, br#"{"a":{"x":1}}"#);
    }

    #[test]
    fn what_is_no_json_is_not_shown() {
        for text in ["", "{", r#"{"a":1"#, "{'b':1}"] {
            assert_eq!(shown(&tree(&[], &["b"], &[]), text), None, "{text}");
        }
    }

    #[test]
    fn a_deep_document_does_not_overflow_the_stack() {
        let depth = 200_000;
        let text = "[".repeat(depth) + r#"{"a":{"b":1}}"# + &"]".repeat(depth);
        let out = shown(&tree(&[], &["a.b"], &[]), &text).unwrap();
        assert!(out.contains(r#"{"a":{}}"#) && out.len() == text.len() - 5);
    }

    #[test]
    fn a_path_deeper_than_followed_hides_more_and_shows_nothing() {
        let path = vec!["a"; 2 * MAX_DEPTH].join(".");
        let text = r#"{"a":"#.repeat(MAX_DEPTH) + "1" + &"}".repeat(MAX_DEPTH);
        assert!(!shown(&tree(&[], &[&path], &[]), &text).unwrap().contains('1'));
        assert_eq!(shown(&tree(&[&path], &[], &[]), &text), None);
    }
}

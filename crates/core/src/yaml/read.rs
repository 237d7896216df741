//! Reading nodes into what they mean, collecting every fault instead of stopping at the first.

use std::{cell::RefCell, collections::HashSet};

use serde_json::Value;

use super::{MAX_PROBLEMS, Node, words::Words};
use crate::{Id, problem::suggest, text};

/// The longest text, and the longest one of one line, in characters.
pub(crate) const MAX_TEXT: usize = 10_000;
pub(crate) const MAX_LINE: usize = 1_000;
/// The most entries of one map.
pub(crate) const MAX_ENTRIES: usize = 500;

/// One step of a path to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// Which part of an entry a fault speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

/// Something wrong at a path. Its position is looked up later.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(super) path: Vec<Step>,
    pub(super) part: Part,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// All faults found so far, up to a number.
#[derive(Debug, Default)]
pub(crate) struct Faults(RefCell<Faulty>);

/// The faults found, and how many came after the last one that is kept.
#[derive(Debug, Default)]
pub(super) struct Faulty {
    pub(super) faults: Vec<Fault>,
    pub(super) more: usize,
}

impl Faults {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().faults.is_empty()
    }

    pub(super) fn into_inner(self) -> Faulty {
        self.0.into_inner()
    }
}

/// Where the reader is. Lives on the stack, and becomes a path only when there is a fault.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    up: Option<&'a At<'a>>,
    here: Here<'a>,
    faults: &'a Faults,
}

#[derive(Clone, Copy)]
enum Here<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> At<'a> {
    pub(crate) fn root(faults: &'a Faults) -> Self {
        Self { up: None, here: Here::Root, faults }
    }

    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self { up: Some(self), here: Here::Key(key), faults: self.faults }
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self { up: Some(self), here: Here::Item(index), faults: self.faults }
    }

    /// Reports a fault of the value here.
    pub(crate) fn fault(&self, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.report(Part::Value, message.into(), help.into());
    }

    /// Reports a fault of the key here.
    pub(crate) fn key_fault(&self, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.report(Part::Key, message.into(), help.into());
    }

    pub(crate) fn report(&self, part: Part, message: String, help: Option<String>) {
        let mut all = self.faults.0.borrow_mut();
        if all.faults.len() >= MAX_PROBLEMS {
            all.more += 1;
            return;
        }
        let mut path = Vec::new();
        let mut at = Some(self);
        while let Some(here) = at {
            match here.here {
                Here::Root => {}
                Here::Key(key) => path.push(Step::Key(key.to_owned())),
                Here::Item(index) => path.push(Step::Item(index)),
            }
            at = here.up;
        }
        path.reverse();
        all.faults.push(Fault { path, part, message, help });
    }

    fn wrong_kind(&self, expected: &str, node: &Node) {
        let help = match node {
            Node::Int(_) | Node::Float(_) | Node::Bool(_) if expected == "text" => {
                Some("put it into quotes".to_owned())
            }
            // `header: {field}` without quotes is a map to YAML.
            Node::Map(_) | Node::List(_) if expected == "text" => {
                Some("text that begins with `{` or `[` stands in quotes: \"{field}\"".to_owned())
            }
            _ => None,
        };
        self.fault(format!("{expected} is expected here, not {}", node.noun()), help);
    }

    /// The node as text, perhaps of several lines.
    pub(crate) fn text<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match node {
            Node::Text(text) if text.trim().is_empty() => {
                self.fault("text is expected here, and it is empty", None);
                None
            }
            Node::Text(text) if is_longer(text, MAX_TEXT) => {
                self.fault(format!("a text has at most {MAX_TEXT} characters"), None);
                None
            }
            // Texts of a descriptor reach terminals and pages.
            Node::Text(text)
                if !text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
                    && text.chars().any(|c| text::is_invisible(c) || (c.is_control() && c != '\n')) =>
            {
                self.fault("this text holds a control character, or one that shows nothing", None);
                None
            }
            Node::Text(text) => Some(text),
            other => {
                self.wrong_kind("text", other);
                None
            }
        }
    }

    /// The node as text of one line.
    pub(crate) fn line<'n>(&self, node: &'n Node) -> Option<&'n str> {
        let text = self.text(node)?;
        if text.contains('\n') {
            self.fault("this text has one line", "write it without `|` and `>`".to_owned());
            return None;
        }
        if is_longer(text, MAX_LINE) {
            self.fault(format!("a line has at most {MAX_LINE} characters"), None);
            return None;
        }
        Some(text)
    }

    /// The node as an id.
    pub(crate) fn id(&self, node: &Node) -> Option<Id> {
        self.parse_id(Part::Value, self.text(node)?)
    }

    /// The key here as an id.
    pub(crate) fn key_id(&self, key: &str) -> Option<Id> {
        self.parse_id(Part::Key, key)
    }

    fn parse_id(&self, part: Part, text: &str) -> Option<Id> {
        let id = Id::parse(text);
        if id.is_none() {
            let help = format!(
                "an id is a lower-case letter, then lower-case letters, digits and `_`; at most {} characters",
                Id::MAX
            );
            self.report(part, "this is not an id".to_owned(), Some(help));
        }
        id
    }

    /// The node as a whole number from 0.
    fn number(&self, node: &Node) -> Option<usize> {
        match node {
            Node::Int(number) => {
                let number = usize::try_from(*number).ok();
                if number.is_none() {
                    self.fault("a whole number from 0 is expected here", None);
                }
                number
            }
            other => {
                self.wrong_kind("a whole number from 0", other);
                None
            }
        }
    }

    /// The node as true or false.
    fn flag(&self, node: &Node) -> Option<bool> {
        match node {
            Node::Bool(flag) => Some(*flag),
            other => {
                self.wrong_kind("true or false", other);
                None
            }
        }
    }

    /// The node as a list.
    pub(crate) fn list<'n>(&self, node: &'n Node) -> &'n [Node] {
        match node {
            Node::List(items) => items,
            other => {
                self.wrong_kind("a list", other);
                &[]
            }
        }
    }

    /// The node as one of a closed set of words.
    pub(crate) fn word<T: Copy>(&self, node: &Node, known: &[(&str, T)]) -> Option<T> {
        let text = self.line(node)?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.fault("this word is not known here", suggest(text, known.iter().map(|(word, _)| *word)));
        }
        found
    }

    /// The node as JSON. Duplicates are reported.
    pub(crate) fn json(&self, node: &Node) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::from(*value),
            Node::Float(value) => Value::from(*value),
            Node::Text(value) => Value::String(value.clone()),
            Node::List(items) => {
                items.iter().enumerate().map(|(index, item)| self.item(index).json(item)).collect()
            }
            Node::Map(_) => {
                let entries = self.entries(node).iter();
                entries.map(|(key, value)| (key.clone(), self.key(key).json(value))).collect()
            }
        }
    }

    /// The entries of a map whose keys are free. Duplicates are reported.
    pub(crate) fn entries<'n>(&self, node: &'n Node) -> &'n [(String, Node)] {
        let Node::Map(entries) = node else {
            self.wrong_kind("a map", node);
            return &[];
        };
        if entries.len() > MAX_ENTRIES {
            self.fault(format!("more than {MAX_ENTRIES} entries"), None);
            return &[];
        }
        let mut seen = HashSet::with_capacity(entries.len());
        for (key, _) in entries {
            if !seen.insert(key.as_str()) {
                self.key(key).key_fault("this key stands here twice", "remove one of the two".to_owned());
            }
        }
        entries
    }
}

/// A map whose keys are words of the language.
pub(crate) struct MapView<'n, 'a> {
    /// Whether there is a map at all; where there is none, that has been reported, and nothing is missing in it.
    is_map: bool,
    entries: &'n [(String, Node)],
    at: &'a At<'a>,
    words: &'static Words,
}

impl<'n, 'a> MapView<'n, 'a> {
    /// Opens a map; reports unknown and duplicate keys.
    pub(crate) fn open(node: &'n Node, at: &'a At<'a>, words: &'static Words) -> Self {
        let entries = at.entries(node);
        for (key, _) in entries {
            if words.key(key).is_none() {
                let help = suggest(key, words.names());
                at.key(key).key_fault(format!("this key is not known in {}", words.noun), help);
            }
        }
        Self { is_map: matches!(node, Node::Map(_)), entries, at, words }
    }

    /// Opens a map that is opened elsewhere too: reports nothing of its keys.
    pub(crate) fn peek(node: &'n Node, at: &'a At<'a>, words: &'static Words) -> Self {
        let entries: &[_] = if let Node::Map(entries) = node { entries } else { &[] };
        Self { is_map: matches!(node, Node::Map(_)), entries, at, words }
    }

    /// Tells whether nothing stands in the map, or nothing under any of its words.
    pub(crate) fn says_nothing(&self) -> bool {
        self.is_map
            && self
                .entries
                .iter()
                .all(|(key, node)| self.words.key(key).is_some() && *node == Node::Map(Vec::new()))
    }

    /// Where the map is.
    pub(crate) fn at(&self) -> &'a At<'a> {
        self.at
    }

    /// The node under a key.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'n Node> {
        debug_assert!(self.words.key(key).is_some(), "`{key}` is not a word of {}", self.words.noun);
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Reads the node under a key, when there is one.
    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&At<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        read(&self.at.key(key), node)
    }

    /// Reads the node under a key; its absence is a fault.
    pub(crate) fn need<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&At<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        debug_assert!(self.words.key(key).is_none_or(|key| key.needed), "`{key}` is needed");
        if self.is_map && self.get(key).is_none() {
            self.at.key_fault(format!("`{key}` is missing in {}", self.words.noun), None);
        }
        self.read(key, read)
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, |at, node| at.line(node).map(str::to_owned))
    }

    /// The text under a key; its absence is a fault.
    pub(crate) fn need_text(&self, key: &'static str) -> Option<String> {
        self.need(key, |at, node| at.line(node).map(str::to_owned))
    }

    /// Reads a list under a key, item by item; empty when there is none.
    pub(crate) fn list<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&At<'_>, &'n Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let at = self.at.key(key);
        at.list(node).iter().enumerate().filter_map(|(index, item)| read(&at.item(index), item)).collect()
    }

    /// Reads a map with free keys, entry by entry; empty when there is none.
    pub(crate) fn map<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&At<'_>, &'n str, &'n Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let at = self.at.key(key);
        at.entries(node).iter().filter_map(|(name, node)| read(&at.key(name), name, node)).collect()
    }

    /// The ids under `formerly`.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method holds for one lifetime of `At` only"
    )]
    pub(crate) fn formerly(&self) -> Vec<Id> {
        self.list("formerly", |at, node| at.id(node))
    }

    /// True or false under a key.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method holds for one lifetime of `At` only"
    )]
    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        self.read(key, |at, node| at.flag(node))
    }

    /// The whole number under a key.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method holds for one lifetime of `At` only"
    )]
    pub(crate) fn number(&self, key: &'static str) -> Option<usize> {
        self.read(key, |at, node| at.number(node))
    }
}

fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().nth(most).is_some()
}

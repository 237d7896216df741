//! YAML as descriptors use it: small, flat, and without the parts that are a way to attack or to mislead.
//!
//! `serde_yaml` reads a text into [`Node`]s, without positions. Only when something is wrong is the text read again by
//! [`scan`], which knows positions: the loading path stays small and fast. A test holds that both readers agree on
//! every shipped descriptor.

mod read;
mod scan;

use std::fmt;

use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Visitor};

pub(crate) use read::{At, Faults, MapView, Words};

use crate::problem::Problem;

/// The largest descriptor, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting.
pub(crate) const MAX_DEPTH: usize = 32;

/// A YAML node. A map keeps its order and its duplicates, so that the latter can be refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// What this is, for a message.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Reads one document. `Err` holds all that the YAML itself is at fault for.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} KiB", MAX_BYTES / 1024);
        return Err(vec![Problem::of_file(file, message, None)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_suspicious(text) {
        scan::scan(text)
            .map_err(|found| found.into_iter().map(|found| found.into_problem(file)).collect::<Vec<_>>())?;
    }
    Seed { depth: 0 }.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.to_string();
        // serde_yaml appends the position to the message; it has a place of its own here.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let at = scan::line(text, line).trim();
        vec![Problem { file: file.into(), line, column, text: scan::shorten(at), message, help: None }]
    })
}

/// Finds the positions of faults, and makes problems of them, sorted by position.
pub(crate) fn locate(file: &str, text: &str, faults: Faults) -> Vec<Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let marks = scan::scan(text).ok();
    let mut problems: Vec<Problem> = faults
        .into_vec()
        .into_iter()
        .map(|fault| {
            let (line, column, at) = marks.as_ref().map_or((1, 1, String::new()), |marks| marks.find(&fault));
            Problem { file: file.into(), line, column, text: at, message: fault.message, help: fault.help }
        })
        .collect();
    problems.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    problems.dedup();
    problems
}

/// Tells whether a text may hold what [`scan`] refuses. Errs on the side of yes.
///
/// An anchor, an alias or a tag begins a node, so white space or a flow indicator stands before it; nesting that is
/// deep enough to hurt needs brackets; a second document needs its marker at the beginning of a line.
fn is_suspicious(text: &str) -> bool {
    let mut before = b'\n';
    let mut depth: usize = 0;
    for &byte in text.as_bytes() {
        match byte {
            b'&' | b'*' | b'!'
                if matches!(before, b' ' | b'\t' | b'\r' | b'\n' | b'[' | b'{' | b',' | b':') =>
            {
                return true;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH / 2 {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'.' | b'%' if before == b'\n' => return true,
            _ => {}
        }
        before = byte;
    }
    false
}

struct Seed {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value).map(Node::Int).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let depth = deeper::<A::Error>(self.depth)?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { depth })? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let depth = deeper::<A::Error>(self.depth)?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Seed { depth })? {
            let key = match key {
                Node::Text(key) => key,
                Node::Int(key) => key.to_string(),
                other => return Err(de::Error::custom(format!("a key must be text, not {}", other.noun()))),
            };
            entries.push((key, map.next_value_seed(Seed { depth })?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(de::Error::custom("tags are not allowed"))
    }
}

fn deeper<E: de::Error>(depth: usize) -> Result<usize, E> {
    if depth >= MAX_DEPTH {
        return Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The readers agree on structure and text; `scan` does not resolve scalars, so only texts are compared.
    #[track_caller]
    fn agree(text: &str) {
        let node = parse("test", text).expect("serde_yaml reads it");
        let marks = scan::scan(text).expect("the marked reader reads it");
        assert!(marks.matches(&node), "the two readers disagree about\n{text}");
    }

    #[test]
    fn both_readers_agree_on_every_shipped_descriptor() {
        agree(include_str!("../../../providers/rootly/provider.yaml"));
        agree(include_str!("../../../providers/rally/provider.yaml"));
        agree(
            "a: [1, {b: c, \"d\": 'e'}]\nf: |\n  g\n  h\ni: >-\n  j\n  k\n\"/x/*\": [NO, 0123, 1e3, ~, true]\n",
        );
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_its_position() {
        for (text, line, column, message) in [
            ("a: &x 1\n", 1, 4, "anchors are not allowed"),
            ("a: b\nc: *x\n", 2, 4, "while parsing node, found unknown anchor"),
            ("a: &x 1\nb: *x\n", 1, 4, "anchors are not allowed"),
            ("a: !tag b\n", 1, 4, "tags are not allowed"),
            ("a: !!str b\n", 1, 4, "tags are not allowed"),
            ("a: b\n---\nc: d\n", 2, 1, "only one document is allowed"),
            ("a: b\na: c\nd: {e: [\n", 4, 1, ""),
        ] {
            let problems = parse("f.yaml", text).expect_err(text);
            let first = &problems[0];
            assert_eq!((first.line, first.column), (line, column), "{text}: {first}");
            assert!(first.message.contains(message), "{text}: {first}");
        }
    }

    #[test]
    fn a_bomb_a_well_and_a_flood_are_refused_in_no_time() {
        let mut bomb = String::from("a0: &a0 [x]\n");
        for level in 1..40 {
            bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1));
        }
        for (name, text) in [
            ("an alias bomb", bomb),
            ("a flow well", "[".repeat(100_000)),
            ("a map well", "{a: ".repeat(60_000)),
            ("a block well", "- ".repeat(100_000)),
            ("an indented well", (0..600).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
            ("50 MB", "a".repeat(50_000_000)),
        ] {
            assert!(parse("f.yaml", &text).is_err(), "{name}");
        }
    }

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        let Ok(Node::List(items)) = parse("f", "[NO, on, 0123, 1e3, 12, true, ~, '5']") else { panic!() };
        let text = |text: &str| Node::Text(text.into());
        assert_eq!(
            items,
            [
                text("NO"),
                text("on"),
                text("0123"),
                Node::Float(1e3),
                Node::Int(12),
                Node::Bool(true),
                Node::Null,
                text("5")
            ]
        );
    }
}

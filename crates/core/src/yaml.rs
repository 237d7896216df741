//! YAML as descriptors use it: small, flat, and without the parts that are a way to attack or to mislead.
//!
//! One reader makes a tree that knows where everything stands ([`mark`]); it refuses anchors, aliases, tags, second
//! documents and wells while it reads. Out of the tree come plain [`Node`]s, which [`read`] turns into what they mean.
//! Which keys there are stands in tables ([`words`]), of which the reader and the schema for editors ([`schema`]) are made.

mod mark;
mod read;
mod schema;
mod words;

pub(crate) use read::{At, Faults, MAX_ENTRIES, MapView, Part};
pub(crate) use words::{Holds, Key, Like, Names, Together, Words, words_of};

use crate::problem::Problem;
use mark::Mark;
use read::Faulty;

/// The largest descriptor, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting.
const MAX_DEPTH: usize = 32;
/// The most problems that are reported at once.
const MAX_PROBLEMS: usize = 100;

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
    scan(file, text)?.into_node().map_err(|found| vec![found.into_problem(file)])
}

fn scan(file: &str, text: &str) -> Result<Mark, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    mark::scan(text).map_err(|found| found.into_iter().map(|found| found.into_problem(file)).collect())
}

/// Makes problems of faults: with positions, and sorted by them. The text is read once more: positions are not kept,
/// because nearly every descriptor has no faults.
pub(crate) fn locate(file: &str, text: &str, faults: Faults) -> Vec<Problem> {
    let marks = match scan(file, text) {
        Ok(marks) => marks,
        Err(problems) => return problems,
    };
    let Faulty { faults, more } = faults.into_inner();
    let mut problems: Vec<Problem> = faults
        .into_iter()
        .map(|fault| {
            let (line, column, text) = marks.find(&fault);
            Problem { file: file.into(), line, column, text, message: fault.message, help: fault.help }
        })
        .collect();
    problems.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    problems.dedup_by(|a, b| (a.line, a.column, &a.message) == (b.line, b.column, &b.message));
    if more > 0 {
        let message = format!("{more} more problems are not shown");
        problems.push(Problem::of_file(file, message, None));
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn node(text: &str) -> Node {
        parse("f", text).expect("this is YAML")
    }

    /// What another reader makes of a text.
    fn of_value(value: &serde_yaml::Value) -> Node {
        use serde_yaml::Value;
        match value {
            Value::Null => Node::Null,
            Value::Bool(value) => Node::Bool(*value),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| Node::Float(number.as_f64().expect("a number")), Node::Int)
            }
            Value::String(text) => Node::Text(text.clone()),
            Value::Sequence(items) => Node::List(items.iter().map(of_value).collect()),
            Value::Mapping(map) => Node::Map(
                map.iter()
                    .map(|(key, value)| (key.as_str().expect("a text key").to_owned(), of_value(value)))
                    .collect(),
            ),
            Value::Tagged(_) => panic!("a tag"),
        }
    }

    #[test]
    fn n10_other_readers_read_the_same() {
        for text in [
            include_str!("../../../providers/rootly/provider.yaml"),
            include_str!("../../../providers/rally/provider.yaml"),
            "a: [1, {b: c, \"d\": 'e'}]\nf: |\n  g\n  h\ni: >-\n  j\n  k\n\"/x/*\": [NO, 0123, 1e3, ~, true]\n",
            "[NO, on, 0123, 1e3, 12, -3, +4, 1.5, true, True, false, ~, null, '5', 'true', 1_000, 1.2.3, --, 0]",
            "a:\nb: ''\n\"c\":   \n? d\n: e\n",
        ] {
            assert_eq!(node(text), of_value(&serde_yaml::from_str(text).expect("this is YAML")), "{text}");
        }
    }

    #[test]
    fn n10_what_is_not_allowed_is_refused_with_its_position() {
        for (text, line, column, message) in [
            ("a: &x 1\n", 1, 4, "anchors are not allowed"),
            ("a: b\nc: *x\n", 2, 4, "aliases are not allowed"),
            ("a: &x 1\nb: *x\n", 1, 4, "anchors are not allowed"),
            ("? &x a\n: b\n", 1, 3, "anchors are not allowed"),
            ("- &x a\n", 1, 3, "anchors are not allowed"),
            ("a: {\"b\":&x c}\n", 1, 9, "anchors are not allowed"),
            ("a: b\r&x c: d\n", 2, 1, "anchors are not allowed"),
            ("a: [*x]\n", 1, 5, "aliases are not allowed"),
            ("a: !tag b\n", 1, 4, "tags are not allowed"),
            ("a: !!str b\n", 1, 4, "tags are not allowed"),
            ("a: ! b\n", 1, 4, "tags are not allowed"),
            ("%TAG !e! tag:e,2000:\n---\na: !e!x b\n", 3, 4, "tags are not allowed"),
            ("a: b\n---\nc: d\n", 2, 1, "only one document is allowed"),
            ("a: b\r---\rc: d\n", 2, 1, "only one document is allowed"),
            ("a: b\n...\nc: d\n", 3, 1, ""),
            ("a: b\n\u{feff}---\nc: d\n", 2, 1, ""),
            ("a: b\n\u{feff}&x c: d\n", 2, 1, ""),
            ("[a]: b\n", 1, 1, "a key must be text, not a list"),
            ("? \n: b\n", 2, 1, "a key must be text, not nothing"),
            ("a: b\na: c\nd: {e: [\n", 4, 1, ""),
            ("a:\n\tb: c\n", 2, 2, "tab"),
        ] {
            let problems = parse("f.yaml", text).expect_err(text);
            let first = &problems[0];
            assert_eq!((first.line, first.column), (line, column), "{text:?}: {first}");
            assert!(first.message.contains(message), "{text:?}: {first}");
        }
    }

    #[test]
    fn n10_a_bomb_a_well_and_a_flood_are_refused_in_no_time() {
        let mut bomb = String::from("a0: &a0 [x]\n");
        for level in 1..40 {
            let _ = writeln!(bomb, "a{level}: &a{level} [*a{0}, *a{0}, *a{0}]", level - 1);
        }
        let mut indented = String::new();
        for depth in 0..600 {
            let _ = writeln!(indented, "{}a:", " ".repeat(depth));
        }
        for (name, text) in [
            ("an alias bomb", bomb),
            ("a flow well", "[".repeat(100_000)),
            ("a flow well whose brackets seem to close", "[\"]\",".repeat(50_000)),
            ("a map well", "{a: ".repeat(60_000)),
            ("a map well whose brackets seem to close", "{\"}\": ".repeat(40_000)),
            ("a block well", "- ".repeat(100_000)),
            ("a well of questions", "? ".repeat(100_000)),
            ("an indented well", indented),
            ("a flood of anchors", "- &a b\n".repeat(30_000)),
            ("a flood of tags", "- !a b\n".repeat(30_000)),
            ("50 MB", "a".repeat(50_000_000)),
        ] {
            let start = std::time::Instant::now();
            let problems = parse("f.yaml", &text).expect_err(name);
            assert!(problems.len() <= MAX_PROBLEMS, "{name}");
            assert!(start.elapsed().as_secs() < 2, "{name} took {:?}", start.elapsed());
        }
    }
}

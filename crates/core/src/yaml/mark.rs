//! The reader: a tree of all there is, which knows where everything stands.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{
    MAX_DEPTH, MAX_PROBLEMS, Node,
    read::{Fault, Part, Step},
};
use crate::problem::Problem;

/// Something that a descriptor may not hold.
#[derive(Debug)]
pub(super) struct Found {
    line: usize,
    column: usize,
    text: String,
    message: String,
    help: Option<&'static str>,
}

impl Found {
    pub(super) fn into_problem(self, file: &str) -> Problem {
        Problem {
            file: file.into(),
            line: self.line,
            column: self.column,
            text: self.text,
            message: self.message,
            help: self.help.map(Into::into),
        }
    }
}

/// A node with its position.
#[derive(Debug)]
pub(super) struct Mark {
    line: usize,
    column: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A text, and whether it stands without quotes, so that it may be a number.
    Scalar(String, bool),
    List(Vec<Mark>),
    /// Keys and values in turn; a value is missing only while the map is being read.
    Map(Vec<Mark>),
}

impl Mark {
    /// What stands here, without positions. Texts move: nothing is copied.
    pub(super) fn into_node(self) -> Result<Node, Found> {
        Ok(match self.kind {
            Kind::Scalar(text, true) => plain(text),
            Kind::Scalar(text, false) => Node::Text(text),
            Kind::List(items) => {
                Node::List(items.into_iter().map(Self::into_node).collect::<Result<_, _>>()?)
            }
            Kind::Map(marks) => {
                let mut entries = Vec::with_capacity(marks.len() / 2);
                let mut marks = marks.into_iter();
                while let (Some(key), Some(value)) = (marks.next(), marks.next()) {
                    entries.push((key.into_key()?, value.into_node()?));
                }
                Node::Map(entries)
            }
        })
    }

    fn into_key(self) -> Result<String, Found> {
        let noun = match self.kind {
            Kind::Scalar(text, false) => return Ok(text),
            Kind::Scalar(text, true) if !is_null(&text) => return Ok(text),
            Kind::Scalar(..) => Node::Null.noun(),
            Kind::List(_) => Node::List(Vec::new()).noun(),
            Kind::Map(_) => Node::Map(Vec::new()).noun(),
        };
        Err(Found {
            line: self.line,
            column: self.column,
            text: String::new(),
            message: format!("a key must be text, not {noun}"),
            help: None,
        })
    }

    /// Line, column and text of what a fault speaks of; of the nearest thing above it where it is not there.
    pub(super) fn find(&self, fault: &Fault) -> (usize, usize, String) {
        let mut here = self;
        let mut key = None;
        for step in &fault.path {
            let next = match (step, &here.kind) {
                (Step::Item(index), Kind::List(items)) => items.get(*index).map(|item| (None, item)),
                // The last one of a name: a duplicate is reported where it stands.
                (Step::Key(name), Kind::Map(entries)) => entries
                    .chunks_exact(2)
                    .rev()
                    .find(|pair| pair[0].scalar() == Some(name))
                    .map(|pair| (Some(&pair[0]), &pair[1])),
                _ => None,
            };
            let Some((its_key, value)) = next else { break };
            (key, here) = (its_key, value);
        }
        let mark = match fault.part {
            Part::Key => key.unwrap_or(here),
            // An empty value stands nowhere; its key does.
            Part::Value if here.scalar() == Some("") => key.unwrap_or(here),
            Part::Value => here,
        };
        let text = mark.scalar().or_else(|| key.and_then(Mark::scalar)).unwrap_or_default();
        (mark.line, mark.column, shorten(text))
    }

    fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }
}

fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}

/// What a text without quotes means in YAML 1.2: `NO`, `on` and `0123` are texts.
fn plain(text: String) -> Node {
    match &*text {
        text if is_null(text) => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Bool(true),
        "false" | "False" | "FALSE" => return Node::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let mut bytes = digits.bytes();
    let number = match (bytes.next(), bytes.next()) {
        (Some(b'0'), Some(second)) => !second.is_ascii_digit(),
        (Some(b'.'), second) => second.is_some_and(|second| second.is_ascii_digit()),
        (first, _) => first.is_some_and(|first| first.is_ascii_digit()),
    };
    if number && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        if let Ok(int) = text.parse() {
            return Node::Int(int);
        }
        if let Ok(float) = text.parse() {
            return Node::Float(float);
        }
    }
    Node::Text(text)
}

/// Reads one document. Recursion-free; stops at the first thing that is too deep, and when it has seen enough.
pub(super) fn scan(text: &str) -> Result<Mark, Vec<Found>> {
    let mut found = Vec::new();
    let mut open: Vec<Mark> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        if found.len() >= MAX_PROBLEMS {
            break;
        }
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                found.push(of_parser(text, error.marker(), error.info()));
                break;
            }
        };
        let at = span.start;
        let mut refuse = |what: &str, help| found.push(at_marker(text, &at, what.to_owned(), help));
        if anchor(&event) {
            refuse("anchors are not allowed", Some("write the value out where it is needed"));
        }
        if tagged(&event) {
            refuse("tags are not allowed", Some("quote text that begins with `!`"));
        }
        let done = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    refuse("only one document is allowed", Some("put the second one into a file of its own"));
                    break;
                }
                None
            }
            Event::Alias(_) => {
                refuse(ALIAS.0, Some(ALIAS.1));
                Some(mark(at, Kind::Scalar(String::new(), false)))
            }
            Event::Scalar(value, style, ..) => {
                Some(mark(at, Kind::Scalar(value.into_owned(), style == ScalarStyle::Plain)))
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_DEPTH {
                    refuse(&too_deep(), None);
                    break;
                }
                let list = matches!(event, Event::SequenceStart(..));
                open.push(mark(at, if list { Kind::List(Vec::new()) } else { Kind::Map(Vec::new()) }));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
        };
        if let Some(done) = done {
            match open.last_mut().map(|parent| &mut parent.kind) {
                Some(Kind::List(items) | Kind::Map(items)) => items.push(done),
                Some(Kind::Scalar(..)) | None => root = Some(done),
            }
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    Ok(root.unwrap_or(Mark { line: 1, column: 1, kind: Kind::Scalar(String::new(), true) }))
}

const ALIAS: (&str, &str) =
    ("aliases are not allowed", "write the value out, or quote text that begins with `*` or `&`");

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

/// What the parser itself refuses.
fn of_parser(text: &str, at: &Marker, info: &str) -> Found {
    // It resolves aliases before it reports them; `**bold**` without quotes ends here too.
    if info.contains("anchor") {
        return at_marker(text, at, ALIAS.0.to_owned(), Some(ALIAS.1));
    }
    if info.contains("recursion") {
        return at_marker(text, at, too_deep(), None);
    }
    let help = info.contains("tab").then_some("indent with spaces");
    at_marker(text, at, format!("this is not YAML: {info}"), help)
}

fn anchor(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
            *anchor != 0
        }
        _ => false,
    }
}

fn tagged(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(_, _, _, tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
            tag.is_some()
        }
        _ => false,
    }
}

fn mark(at: Marker, kind: Kind) -> Mark {
    Mark { line: at.line(), column: at.col() + 1, kind }
}

fn at_marker(text: &str, at: &Marker, message: String, help: Option<&'static str>) -> Found {
    let line = text.lines().nth(at.line().saturating_sub(1)).unwrap_or_default();
    Found { line: at.line(), column: at.col() + 1, text: shorten(line.trim()), message, help }
}

/// The beginning of a text, on one line.
fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    let text = text.trim_end_matches('\n');
    let short: String = text
        .chars()
        .take(MOST)
        .map(|c| match c {
            '\n' => ' ',
            c if c.is_control() || crate::text::is_invisible(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    if text.chars().nth(MOST).is_some() { short + "…" } else { short }
}

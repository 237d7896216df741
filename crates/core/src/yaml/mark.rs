//! The second reader: it knows where everything stands, and sees what a descriptor may not hold.

use saphyr_parser::{Event, Marker, Parser};

use super::{
    MAX_DEPTH,
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
    Scalar(String),
    List(Vec<Mark>),
    /// Keys and values in turn; a value is missing only while the map is being read.
    Map(Vec<Mark>),
}

impl Mark {
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
            Part::Value => here,
        };
        let text = mark.scalar().or_else(|| key.and_then(Mark::scalar)).unwrap_or_default();
        (mark.line, mark.column, shorten(text))
    }

    fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn matches(&self, node: &super::Node) -> bool {
        use super::Node;
        match (&self.kind, node) {
            (Kind::Scalar(text), Node::Text(other)) => text == other,
            (Kind::Scalar(_), Node::Null | Node::Bool(_) | Node::Int(_) | Node::Float(_)) => true,
            (Kind::List(marks), Node::List(nodes)) => {
                marks.len() == nodes.len() && marks.iter().zip(nodes).all(|(mark, node)| mark.matches(node))
            }
            (Kind::Map(marks), Node::Map(nodes)) => {
                marks.len() == 2 * nodes.len()
                    && marks
                        .chunks_exact(2)
                        .zip(nodes)
                        .all(|(pair, (key, value))| pair[0].scalar() == Some(key) && pair[1].matches(value))
            }
            _ => false,
        }
    }
}

/// Reads one document with positions. Recursion-free, and stops at the first thing that is too deep.
pub(super) fn scan(text: &str) -> Result<Mark, Vec<Found>> {
    let mut found = Vec::new();
    let mut open: Vec<Mark> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = error.marker();
                let line_text = shorten(line(text, at.line()).trim());
                found.push(at_marker(at, line_text, error.info().to_owned(), None));
                break;
            }
        };
        let at = span.start;
        let mut refuse = |what: &str, help| {
            let line_text = shorten(line(text, at.line()).trim());
            found.push(at_marker(&at, line_text, what.to_owned(), help));
        };
        if anchor(&event) {
            refuse("anchors are not allowed", Some("write the value out"));
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
                refuse(
                    "aliases are not allowed",
                    Some("write the value out, or quote text that begins with `*`"),
                );
                Some(mark(at, Kind::Scalar(String::new())))
            }
            Event::Scalar(value, ..) => Some(mark(at, Kind::Scalar(value.into_owned()))),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_DEPTH {
                    refuse(&format!("nested deeper than {MAX_DEPTH} levels"), None);
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
                Some(Kind::Scalar(_)) | None => root = Some(done),
            }
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    Ok(root.unwrap_or(Mark { line: 1, column: 1, kind: Kind::Scalar(String::new()) }))
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

fn at_marker(at: &Marker, text: String, message: String, help: Option<&'static str>) -> Found {
    Found { line: at.line(), column: at.col() + 1, text, message, help }
}

/// A line of a text, from 1.
pub(super) fn line(text: &str, number: usize) -> &str {
    text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
}

/// The beginning of a text, on one line.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

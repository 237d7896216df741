//! Rules over answers: what a descriptor says about what an answer means.

use std::fmt;

use serde_json::Value;

use crate::{
    Answer,
    pointer::Pointer,
    yaml::{At, Holds, Key, Like, MapView, Node, Part, Together, Words, words_of},
};

static CONDITION: Words = Words {
    noun: "a condition",
    keys: &[
        Key::may("exists", Holds::Flag, "whether there is a value at all", &["true"]),
        Key::may("one_of", Holds::List(&Holds::Any, 0), "the values that it may have", &["[quota, 17]"]),
        Key::may(
            "contains",
            Holds::Text,
            "what is a part of it, when it is text, or of a text in it, when it is a list",
            &["Invalid key"],
        ),
    ],
    together: &[Together::One],
};

/// What stands under `status` and `content_type` of a rule, and under each pointer of its `body`.
pub(crate) const STATUS: Holds =
    Holds::Either(&[Holds::Number(100, 599), Holds::Like(&CLASS), Holds::List(&ONE_STATUS, 0)]);
const ONE_STATUS: Holds = Holds::Either(&[Holds::Number(100, 599), Holds::Like(&CLASS)]);
pub(crate) const CONTENT_TYPE: Holds = Holds::Word(&words_of(&CONTENT_TYPES));
pub(crate) const CONTENT_TYPE_SAYS: &str = "`json`: the answer must call itself JSON";
pub(crate) const VALUE: Holds = Holds::AnyOrWords(&CONDITION);

static CLASS: Like = Like { noun: "a status or a class of them (`5xx`)", pattern: "^[1-5]xx$" };
const CONTENT_TYPES: [(&str, ()); 1] = [("json", ())];

/// Conditions that an answer meets or does not.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Empty: any status.
    status: Vec<Status>,
    content_type_json: bool,
    body: Vec<(Pointer, Condition)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Status {
    Code(u16),
    Class(u16),
}

#[derive(Debug)]
pub(crate) enum Condition {
    Equal(Value),
    Exists(bool),
    OneOf(Vec<Value>),
    Contains(String),
}

/// An answer, with its body parsed once.
pub(crate) struct Reading<'a> {
    answer: &'a Answer,
    json: Option<Value>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        // serde_json stops at a depth of 128, and refuses a byte order mark.
        Self { answer, json: serde_json::from_slice(answer.body()).ok() }
    }

    pub(crate) fn answer(&self) -> &Answer {
        self.answer
    }

    pub(crate) fn json(&self) -> Option<&Value> {
        self.json.as_ref()
    }
}

impl Rule {
    /// Reads the keys of a rule out of a map that may have others.
    pub(crate) fn read(map: &MapView<'_, '_>) -> Self {
        Self {
            status: map.read("status", read_status).unwrap_or_default(),
            content_type_json: map.read("content_type", |at, node| at.word(node, &CONTENT_TYPES)).is_some(),
            body: map.map("body", |at, name, node| {
                let pointer = read_pointer(at, Part::Key, name);
                let condition = read_condition(at, node);
                Some((pointer?, condition?))
            }),
        }
    }

    /// Tells whether the rule has this many conditions of the body: fewer than were written when some are at fault.
    pub(crate) fn has_conditions(&self, number: usize) -> bool {
        self.body.len() == number
    }

    /// Tells whether the rule asks for something in the body.
    pub(crate) fn proves(&self) -> bool {
        self.body.iter().any(|(_, condition)| !matches!(condition, Condition::Exists(false)))
    }

    /// Tells whether the rule speaks of answers of 200 to 299 alone, or of any.
    pub(crate) fn is_of_success(&self) -> bool {
        self.status.iter().all(|status| matches!(status, Status::Class(2) | Status::Code(200..=299)))
    }

    /// Tells whether the rule says nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.status.is_empty() && !self.content_type_json && self.body.is_empty()
    }

    pub(crate) fn holds(&self, reading: &Reading<'_>) -> bool {
        self.unmet(reading).is_none()
    }

    /// The first condition that an answer does not meet.
    pub(crate) fn unmet(&self, reading: &Reading<'_>) -> Option<Unmet<'_>> {
        let code = reading.answer.status().as_u16();
        if !self.status.is_empty() && !self.status.iter().any(|status| status.holds(code)) {
            return Some(Unmet::Status(&self.status));
        }
        if self.content_type_json && !reading.answer.says_json() {
            return Some(Unmet::ContentType);
        }
        let mut conditions = self.body.iter();
        let Some(json) = &reading.json else { return conditions.next().map(|_| Unmet::NoJson) };
        let (pointer, condition) = conditions.find(|(pointer, condition)| !condition.holds(pointer, json))?;
        let is_there = pointer.any(json, &mut |_| true);
        Some(Unmet::Body { pointer, condition, is_there })
    }
}

/// A condition that an answer does not meet, to be printed for whoever wrote the rule: what the rule wants, and nothing of
/// what the answer holds.
pub(crate) enum Unmet<'r> {
    Status(&'r [Status]),
    ContentType,
    NoJson,
    Body { pointer: &'r Pointer, condition: &'r Condition, is_there: bool },
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(wanted) => {
                f.write_str("`status` wants ")?;
                for (index, status) in wanted.iter().enumerate() {
                    f.write_str(if index > 0 { " or " } else { "" })?;
                    match status {
                        Status::Code(code) => write!(f, "{code}")?,
                        Status::Class(class) => write!(f, "{class}xx")?,
                    }
                }
                Ok(())
            }
            Self::ContentType => {
                f.write_str("`content_type` wants JSON, and the answer does not call itself that")
            }
            Self::NoJson => f.write_str("`body` wants JSON, and the answer's is none"),
            Self::Body { pointer, condition, is_there } => {
                let found = if *is_there {
                    "the answer has something else there"
                } else {
                    "the answer has no such member"
                };
                match condition {
                    Condition::Exists(true) => write!(f, "`body` wants `{pointer}`, and {found}"),
                    Condition::Exists(false) => {
                        write!(f, "`body` wants no `{pointer}`, and the answer has one")
                    }
                    Condition::Equal(value) => {
                        write!(f, "`body` wants `{pointer}` to be {value}, and {found}")
                    }
                    Condition::OneOf(values) => {
                        write!(
                            f,
                            "`body` wants `{pointer}` to be one of {}, and {found}",
                            Value::from(values.clone())
                        )
                    }
                    Condition::Contains(part) => {
                        write!(
                            f,
                            "`body` wants `{pointer}` to contain {}, and {found}",
                            Value::from(part.as_str())
                        )
                    }
                }
            }
        }
    }
}

impl Status {
    fn holds(self, code: u16) -> bool {
        match self {
            Self::Code(expected) => code == expected,
            Self::Class(class) => code / 100 == class,
        }
    }
}

impl Condition {
    fn holds(&self, pointer: &Pointer, json: &Value) -> bool {
        match self {
            Self::Exists(expected) => pointer.any(json, &mut |_| true) == *expected,
            Self::Equal(expected) => pointer.any(json, &mut |value| value == expected),
            Self::OneOf(expected) => pointer.any(json, &mut |value| expected.contains(value)),
            Self::Contains(part) => pointer.any(json, &mut |value| match value {
                Value::String(text) => text.contains(part),
                Value::Array(items) => {
                    items.iter().any(|item| item.as_str().is_some_and(|text| text.contains(part)))
                }
                _ => false,
            }),
        }
    }
}

fn read_status(at: &At<'_>, node: &Node) -> Option<Vec<Status>> {
    let one = |at: &At<'_>, node: &Node| -> Option<Status> {
        let status = match node {
            Node::Int(code @ 100..=599) => u16::try_from(*code).ok().map(Status::Code),
            Node::Text(text) => match text.as_bytes() {
                [class @ b'1'..=b'5', b'x', b'x'] => Some(Status::Class(u16::from(class - b'0'))),
                _ => None,
            },
            _ => None,
        };
        if status.is_none() {
            at.fault("this is not a status", "write 401 without quotes, 5xx, or a list of such".to_owned());
        }
        status
    };
    match node {
        Node::List(items) => {
            Some(items.iter().enumerate().filter_map(|(index, item)| one(&at.item(index), item)).collect())
        }
        node => one(at, node).map(|status| vec![status]),
    }
}

/// A pointer in a key or a value.
pub(crate) fn read_pointer(at: &At<'_>, part: Part, text: &str) -> Option<Pointer> {
    Pointer::parse(text).map_err(|message| at.report(part, message.to_owned(), None)).ok()
}

fn read_condition(at: &At<'_>, node: &Node) -> Option<Condition> {
    let Node::Map(entries) = node else { return Some(Condition::Equal(at.json(node))) };
    let map = MapView::open(node, at, &CONDITION);
    if entries.len() != 1 {
        at.fault("a condition says one thing", "`exists`, `one_of` or `contains`".to_owned());
        return None;
    }
    map.flag("exists")
        .map(Condition::Exists)
        .or_else(|| {
            map.read("one_of", |at, node| {
                Some(Condition::OneOf(
                    at.list(node).iter().enumerate().map(|(index, item)| at.item(index).json(item)).collect(),
                ))
            })
        })
        .or_else(|| {
            map.read("contains", |at, node| at.text(node).map(|text| Condition::Contains(text.into())))
        })
}

//! Whose key it is: what an answer says of the account.

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    Account,
    pointer::Pointer,
    rule::read_pointer,
    template::Template,
    text,
    yaml::{At, Holds, Key, Like, MapView, Node, Part, Words},
};

pub(super) static ACCOUNT: Words = Words {
    noun: "an account",
    keys: &[
        Key::need("id", Holds::Like(&POINTER), "a JSON pointer to what never changes", &["/data/id"]),
        Key::need(
            "label",
            Holds::List(&Holds::Like(&LABEL), 0),
            "a list of templates over pointers; the first whose pointers all exist wins",
            &["[\"{/data/name} ({/data/email})\", \"{/data/email}\"]"],
        ),
        Key::may(
            "same_by",
            Holds::Words(&SAME_BY),
            "what accounts with different ids have in common when a new key of one may, once a person confirms, stand in for that of another: their organization, say. Without it the id alone counts",
            &["{ pointer: /data/organization_id }", "{ pointer: /data/name, between: [\"[\", \"]\"] }"],
        ),
    ],
    together: &[],
};
static SAME_BY: Words = Words {
    noun: "`same_by`",
    keys: &[
        Key::need(
            "pointer",
            Holds::Like(&POINTER),
            "a JSON pointer to a text or a whole number",
            &["/data/organization_id"],
        ),
        Key::may(
            "between",
            Holds::Few(&Holds::Line, 2, 2),
            "two texts: what counts is what stands between the first one, at the very beginning, and the next occurrence of the second. Without it all of it counts",
            &["[\"[\", \"]\"]"],
        ),
    ],
    together: &[],
};

static POINTER: Like = Like { noun: "a JSON pointer (`/a/b`)", pattern: "^(/([^~/]|~[012])*)+$" };
static LABEL: Like = Like {
    noun: "text with `{/json/pointer}` in it",
    pattern: r"^ *([^{}\s]|\{/([^~{}\n]|~[012])*\})([^{}\n]|\{/([^~{}\n]|~[012])*\})*$",
};

/// The longest account id, and the longest group, that is believed, in bytes.
const MAX_ID: usize = 200;
/// The longest label that is read, in characters. It is masked before it is cut to what is shown: half a key is not
/// recognised.
const MAX_LABEL: usize = 2000;

/// Where an answer says whose key it is.
#[derive(Debug)]
pub(super) struct AccountRule {
    id: Pointer,
    label: Vec<Label>,
    same_by: Option<SameBy>,
}

/// A template over pointers.
#[derive(Debug)]
struct Label {
    template: Template,
    pointers: Vec<(Box<str>, Pointer)>,
}

/// Where an answer says what an account has in common with others.
#[derive(Debug)]
struct SameBy {
    pointer: Pointer,
    between: Option<(Box<str>, Box<str>)>,
}

impl AccountRule {
    pub(super) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let map = MapView::open(node, at, &ACCOUNT);
        let pointer = |at: &At<'_>, node: &Node| read_pointer(at, Part::Value, at.line(node)?);
        let id = map.need("id", pointer);
        let label = map.need("label", |_, _| Some(())).map(|()| map.list("label", Label::read));
        let same_by = map.read("same_by", |at, node| {
            let map = MapView::open(node, at, &SAME_BY);
            let pointer = map.need("pointer", pointer);
            let between = map.read("between", read_between);
            Some(SameBy { pointer: pointer?, between })
        });
        Some(Self { id: id?, label: label?, same_by })
    }

    /// The account, where the answer says whose it is.
    pub(super) fn find(&self, json: &Value) -> Option<Account> {
        let id = self.id.first(json).and_then(exact)?;
        let label = self.label.iter().find_map(|label| label.render(json));
        let label = label.unwrap_or_else(|| text::for_person(&id, MAX_LABEL));
        let account = Account::new(id, label);
        Some(match self.same_by.as_ref().and_then(|same_by| same_by.group(json)) {
            Some(group) => account.with_group(group),
            None => account,
        })
    }

    /// What an answer in which [nobody is found](Self::find) should have.
    pub(super) fn wants(&self) -> String {
        format!("`account.id` wants a text or a whole number at `{}`, and the answer has none there", self.id)
    }
}

fn read_between(at: &At<'_>, node: &Node) -> Option<(Box<str>, Box<str>)> {
    let texts = at.list(node);
    if let [before, after] = texts {
        let line = |index, node| Some(at.item(index).line(node)?.into());
        let (before, after) = (line(0, before), line(1, after));
        return Some((before?, after?));
    }
    if matches!(node, Node::List(_)) {
        at.fault("two texts are expected here", "what stands before it, and what behind it".to_owned());
    }
    None
}

impl SameBy {
    fn group(&self, json: &Value) -> Option<String> {
        let text = text_of(self.pointer.first(json)?)?;
        let group = match &self.between {
            None => &*text,
            Some((before, after)) => text.strip_prefix(&**before)?.split_once(&**after)?.0,
        };
        is_fit(group).then(|| group.to_owned())
    }
}

impl Label {
    fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let text = at.line(node)?;
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(message) => {
                at.fault(message, "a label is text with `{/json/pointer}` in it".to_owned());
                return None;
            }
        };
        let pointers: Option<Vec<_>> =
            template.names().map(|name| Some((name.into(), read_pointer(at, Part::Value, name)?))).collect();
        Some(Self { pointers: pointers?, template })
    }

    fn render(&self, json: &Value) -> Option<String> {
        let label = self.template.render(|name| {
            let (_, pointer) = self.pointers.iter().find(|(known, _)| &**known == name)?;
            scalar(pointer.first(json)?).map(Cow::Owned)
        })?;
        Some(text::for_person(&label, MAX_LABEL))
    }
}

/// A string or a number that is not empty, made fit to be shown.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text::for_person(text, MAX_LABEL),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A string or a whole number, as it is: what tells accounts apart is neither shortened nor cleaned, since two of them
/// could become one. What would have to be is no id.
fn exact(value: &Value) -> Option<String> {
    text_of(value).filter(|text| is_fit(text)).map(Cow::into_owned)
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        // A float has lost digits.
        Value::Number(number) if !number.is_f64() => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Tells whether a text can be an id or a group: something stands in it, not too much, and all of it can be seen.
pub(crate) fn is_fit(text: &str) -> bool {
    !text.trim().is_empty()
        && text.len() <= MAX_ID
        && !text.chars().any(|c| c.is_control() || text::is_invisible(c))
}

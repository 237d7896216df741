//! A configuration's file: TOML, read as keys with dots, each with its line.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What a file says, by key; and what is wrong with it.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) lines: BTreeMap<String, Line>,
    pub(super) problems: Vec<String>,
}

/// What a file says of one key.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) value: Value,
}

/// A value of the kinds that a setting may have.
pub(super) enum Value {
    Text(String),
    Number(String),
    Switch(bool),
    Texts(Vec<String>),
    /// Of a kind that no setting has.
    Other,
}

/// Reads a file. `Deserialize` would stop at the first fault, and quote what it found.
pub(super) fn lines(text: &str) -> Lines {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut read = Lines::default();
    for error in errors {
        let number = error.span().map_or(1, |span| number(text, span.start));
        // The parser's own words, which quote nothing.
        read.problems.push(format!("line {number}: this is not TOML: {}", error.message()));
    }
    // What is left of a file that cannot be read says little about what it should have been.
    if read.problems.is_empty() {
        read.add(text, "", table.get_ref());
    }
    read
}

impl Lines {
    fn add(&mut self, text: &str, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{above}{}", key.get_ref());
            match value.get_ref() {
                DeValue::Table(below) if !below.is_empty() => self.add(text, &format!("{name}."), below),
                // A heading with nothing below it.
                DeValue::Table(_) => {}
                _ => {
                    let number = number(text, key.span().start);
                    self.lines.insert(name, Line { number, value: of(value) });
                }
            }
        }
    }
}

fn of(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(is_on) => Value::Switch(*is_on),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(Value::Other, Value::Texts)
        }
        _ => Value::Other,
    }
}

fn number(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

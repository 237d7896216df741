//! A form as JSON Schema 2020-12.

mod mistake;
mod portable;
mod value;

use keyway_core::{Choice, Kind};
use serde::Serialize;

use crate::{Form, Input, object::Object};

/// The largest value: so many characters are never fewer bytes.
const MOST: usize = 64 * 1024;

impl<'a> Form<'a> {
    #[doc = include_str!("json_schema.md")]
    pub fn json_schema(&self) -> impl Serialize + use<'a> {
        let (descriptor, method) = (self.descriptor(), self.method());
        let properties = self.inputs().iter().map(|input| (input.field().id().as_str(), Property::of(input)));
        let required = self.inputs().iter().filter(|input| input.is_required());
        Schema {
            dialect: "https://json-schema.org/draft/2020-12/schema",
            title: format!("{}: {}", descriptor.name(), method.label()),
            description: descriptor.summary(),
            kind: "object",
            properties: Object(properties.collect()),
            required: required.map(|input| input.field().id().as_str()).collect(),
            additional_properties: false,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schema<'a> {
    #[serde(rename = "$schema")]
    dialect: &'static str,
    title: String,
    description: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Object<'a, Property<'a>>,
    required: Vec<&'a str>,
    additional_properties: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Property<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    values: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Titled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_of: Vec<Rule<'a>>,
}

/// A choice and what a person reads.
#[derive(Serialize)]
struct Titled<'a> {
    #[serde(rename = "const")]
    value: &'a str,
    title: &'a str,
}

/// What holds besides a property's own pattern.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Rule<'a> {
    Pattern(String),
    Not(Refused<'a>),
}

/// What a value is not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    /// Why, for whoever reads the schema, and for libraries that show it.
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_of: Vec<Rule<'a>>,
}

impl<'a> Property<'a> {
    fn of(input: &Input<'a>) -> Self {
        let field = input.field();
        let mut property = Self {
            kind: "string",
            title: field.label(),
            description: field.help().map(ToString::to_string),
            write_only: field.is_secret().then_some(true),
            default: field.default_value(),
            values: Vec::new(),
            one_of: Vec::new(),
            max_length: None,
            pattern: None,
            all_of: Vec::new(),
        };
        match field.kind() {
            // Of a list without a default that says `const`, react-jsonschema-form chooses the first for its user: there
            // the labels stand in the UI schema alone.
            Kind::Choice(choices) if field.default_value().is_none() || !are_labelled(choices) => {
                property.values = choices.iter().map(Choice::value).collect();
            }
            Kind::Choice(choices) => {
                property.one_of = choices
                    .iter()
                    .map(|choice| Titled { value: choice.value(), title: choice.label() })
                    .collect();
            }
            _ => {
                property.max_length = Some(MOST);
                property.pattern = Some(value::pattern(field, !input.is_required()));
                property.all_of.extend(value::without_invisible(field));
                property.all_of.extend(portable::pattern(field, !input.is_required()).map(Rule::Pattern));
                property.all_of.extend(mistake::refused(field));
            }
        }
        property
    }
}

/// Tells whether a person reads anything but the values.
pub(crate) fn are_labelled(choices: &[Choice]) -> bool {
    choices.iter().any(|choice| choice.label() != choice.value())
}

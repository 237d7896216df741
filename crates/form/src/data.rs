//! A form as plain data, for whoever draws one of their own: the words are those of the descriptor.

use keyway_core::{Choice, Kind, Links, Markup};
use serde::{Serialize, Serializer};

use crate::{Form, Input, Notice, hints::Hints, html};

#[derive(Serialize)]
struct FormData<'a> {
    provider: ProviderData<'a>,
    method: MethodData<'a>,
    guide: GuideData,
    inputs: &'a [Input<'a>],
    errors: &'a [Notice],
    warnings: &'a [Notice],
}

#[derive(Serialize)]
struct ProviderData<'a> {
    id: &'a str,
    name: &'a str,
    summary: &'a str,
    links: LinksData<'a>,
}

#[derive(Serialize)]
struct LinksData<'a> {
    docs: Option<&'a str>,
    keys: Option<&'a str>,
    support: Option<&'a str>,
}

#[derive(Serialize)]
struct MethodData<'a> {
    id: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct GuideData {
    needs: Vec<TextData>,
    steps: Vec<TextData>,
    warnings: Vec<TextData>,
}

/// A text with markup: once plain, and once as HTML, escaped and inert.
#[derive(Serialize)]
struct TextData {
    text: String,
    html: String,
}

#[derive(Serialize)]
struct InputData<'a> {
    id: &'a str,
    label: &'a str,
    help: Option<TextData>,
    placeholder: Option<&'a str>,
    kind: &'static str,
    choices: Vec<ChoiceData<'a>>,
    secret: bool,
    required: bool,
    multiline: bool,
    step: Option<usize>,
    pattern: Option<&'a str>,
    hints: Hints<'a>,
    value: Option<&'a str>,
    errors: &'a [Notice],
    warnings: &'a [Notice],
}

#[derive(Serialize)]
struct ChoiceData<'a> {
    value: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct NoticeData<'a> {
    field: &'a str,
    code: &'static str,
    message: &'a str,
}

impl Serialize for Form<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (descriptor, method) = (self.descriptor(), self.method());
        let guide = method.guide();
        let texts = |list: &[Markup]| list.iter().map(TextData::from).collect();
        FormData {
            provider: ProviderData {
                id: descriptor.id().as_str(),
                name: descriptor.name(),
                summary: descriptor.summary(),
                links: descriptor.links().into(),
            },
            method: MethodData { id: method.id().as_str(), label: method.label() },
            guide: GuideData {
                needs: texts(guide.needs()),
                steps: texts(guide.steps()),
                warnings: texts(guide.warnings()),
            },
            inputs: self.inputs(),
            errors: self.errors(),
            warnings: self.warnings(),
        }
        .serialize(serializer)
    }
}

impl<'a> From<&'a Links> for LinksData<'a> {
    fn from(links: &'a Links) -> Self {
        Self { docs: links.docs.as_deref(), keys: links.keys.as_deref(), support: links.support.as_deref() }
    }
}

impl From<&Markup> for TextData {
    fn from(markup: &Markup) -> Self {
        Self { text: markup.to_string(), html: html::markup(markup).into_string() }
    }
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = self.field();
        let (kind, choices): (_, &[Choice]) = match field.kind() {
            Kind::Choice(choices) => ("choice", choices),
            Kind::Url => ("url", &[]),
            Kind::Host => ("host", &[]),
            _ => ("text", &[]),
        };
        let choice = |choice| ChoiceData { value: Choice::value(choice), label: Choice::label(choice) };
        InputData {
            id: field.id().as_str(),
            label: field.label(),
            help: field.help().map(TextData::from),
            placeholder: field.placeholder(),
            kind,
            choices: choices.iter().map(choice).collect(),
            secret: field.is_secret(),
            required: self.is_required(),
            multiline: field.is_multiline(),
            step: field.step(),
            pattern: field.pattern(),
            hints: Hints::of(field),
            value: self.value(),
            errors: self.errors(),
            warnings: self.warnings(),
        }
        .serialize(serializer)
    }
}

impl Serialize for Notice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NoticeData { field: &self.field, code: self.code.as_str(), message: &self.message }
            .serialize(serializer)
    }
}

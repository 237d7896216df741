//! `keyway providers`.

use keyway::{Descriptor, Entry, Field, Kind, Method, Registry};
use serde::Serialize;

use crate::{
    exit::{Exit, Failure},
    output,
};

/// Lists the providers: as JSON, or for a person.
pub(crate) fn list(registry: &Registry, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&views(registry))?;
        return Ok(Exit::Done);
    }
    output::result(&table(registry))?;
    if output::shows_result() {
        output::note("\n`keyway connect ID` connects to one; with --sandbox it needs no account.");
    }
    Ok(Exit::Done)
}

/// The providers as JSON has them.
pub(crate) fn views(registry: &Registry) -> Vec<ProviderView<'_>> {
    registry.entries().iter().map(Entry::descriptor).map(ProviderView::of).collect()
}

/// The providers as a person reads them.
pub(crate) fn table(registry: &Registry) -> String {
    let rows: Vec<Vec<String>> = registry.entries().iter().map(Entry::descriptor).flat_map(rows).collect();
    output::table(&["ID", "NAME", "METHOD", "ASKS FOR", "SEEN LIVE"], &rows, "")
}

fn rows(descriptor: &Descriptor) -> impl Iterator<Item = Vec<String>> {
    descriptor.methods().iter().map(|method| {
        let fields: Vec<String> = method.fields().iter().map(in_short).collect();
        vec![
            descriptor.id().to_string(),
            descriptor.name().to_owned(),
            method.id().to_string(),
            fields.join(", "),
            descriptor.seen_live().unwrap_or("never").to_owned(),
        ]
    })
}

fn in_short(field: &Field) -> String {
    let notes: Vec<&str> = [(field.is_secret(), "secret"), (field.is_optional(), "optional")]
        .iter()
        .filter_map(|(holds, note)| holds.then_some(*note))
        .collect();
    if notes.is_empty() { field.id().to_string() } else { format!("{} ({})", field.id(), notes.join(", ")) }
}

/// A provider as JSON has it.
#[derive(Serialize)]
pub(crate) struct ProviderView<'d> {
    id: &'d str,
    name: &'d str,
    summary: &'d str,
    methods: Vec<MethodView<'d>>,
    seen_live: Option<&'d str>,
    links: LinksView<'d>,
}

#[derive(Serialize)]
struct MethodView<'d> {
    id: &'d str,
    label: &'d str,
    fields: Vec<FieldView<'d>>,
}

#[derive(Serialize)]
struct FieldView<'d> {
    id: &'d str,
    label: &'d str,
    secret: bool,
    optional: bool,
    kind: &'static str,
    default: Option<&'d str>,
    choices: Vec<ChoiceView<'d>>,
}

#[derive(Serialize)]
struct ChoiceView<'d> {
    value: &'d str,
    label: &'d str,
}

#[derive(Serialize)]
struct LinksView<'d> {
    docs: Option<&'d str>,
    keys: Option<&'d str>,
    support: Option<&'d str>,
}

impl<'d> ProviderView<'d> {
    fn of(descriptor: &'d Descriptor) -> Self {
        let links = descriptor.links();
        Self {
            id: descriptor.id().as_str(),
            name: descriptor.name(),
            summary: descriptor.summary(),
            methods: descriptor.methods().iter().map(|method| MethodView::of(method)).collect(),
            seen_live: descriptor.seen_live(),
            links: LinksView {
                docs: links.docs.as_deref(),
                keys: links.keys.as_deref(),
                support: links.support.as_deref(),
            },
        }
    }
}

impl<'d> MethodView<'d> {
    fn of(method: &'d Method) -> Self {
        let fields = method.fields().iter().map(FieldView::of).collect();
        Self { id: method.id().as_str(), label: method.label(), fields }
    }
}

impl<'d> FieldView<'d> {
    fn of(field: &'d Field) -> Self {
        let (kind, choices): (_, &[_]) = match field.kind() {
            Kind::Choice(choices) => ("choice", choices),
            Kind::Url => ("url", &[]),
            Kind::Host => ("host", &[]),
            _ => ("text", &[]),
        };
        let view = |choice: &'d keyway::Choice| ChoiceView { value: choice.value(), label: choice.label() };
        Self {
            id: field.id().as_str(),
            label: field.label(),
            secret: field.is_secret(),
            optional: field.is_optional(),
            kind,
            default: field.default_value(),
            choices: choices.iter().map(view).collect(),
        }
    }
}

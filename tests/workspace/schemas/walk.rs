//! Where a schema says what.

use jsonschema::draft7;
use serde_json::Value;

/// A place of a value, and what a schema says of it.
pub(crate) struct Spot<'s> {
    /// The place, as a JSON pointer.
    pub(crate) pointer: String,
    /// The same for a person: `methods.*.label`.
    pub(crate) name: String,
    pub(crate) schema: &'s Value,
}

/// Every place of a value of which a schema says something.
pub(crate) fn spots<'s>(schema: &'s Value, value: &Value) -> Vec<Spot<'s>> {
    let mut found = Vec::new();
    visit(schema, value, "", "", &mut found);
    found
}

fn visit<'s>(schema: &'s Value, value: &Value, pointer: &str, name: &str, found: &mut Vec<Spot<'s>>) {
    found.push(Spot { pointer: pointer.to_owned(), name: name.to_owned(), schema });
    for form in forms(schema).filter(|form| draft7::is_valid(form, value)) {
        visit(form, value, pointer, name, found);
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                if let Some(schema) = schema["properties"].get(key) {
                    visit(schema, member, &pointer, &below(name, key), found);
                } else if schema["additionalProperties"].is_object() {
                    visit(&schema["additionalProperties"], member, &pointer, &below(name, "*"), found);
                }
            }
        }
        Value::Array(items) if schema["items"].is_object() => {
            for (index, item) in items.iter().enumerate() {
                visit(&schema["items"], item, &format!("{pointer}/{index}"), &below(name, "*"), found);
            }
        }
        _ => {}
    }
}

/// Every schema inside a schema, with the name of its place.
pub(crate) fn all(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(schema, String::new(), &mut found);
    found
}

/// A key that a schema knows.
pub(crate) struct Key<'s> {
    /// Its place: `methods.*.label`.
    pub(crate) name: String,
    /// Whether it has to be there.
    pub(crate) needed: bool,
    pub(crate) schema: &'s Value,
}

/// Every key that a schema knows.
pub(crate) fn keys(schema: &Value) -> Vec<Key<'_>> {
    let mut found = Vec::new();
    for (name, map) in all(schema) {
        for (key, schema) in map["properties"].as_object().into_iter().flatten() {
            let needed =
                map["required"].as_array().is_some_and(|needed| needed.iter().any(|name| name == key));
            found.push(Key { name: below(&name, key), needed, schema });
        }
    }
    found
}

fn collect<'s>(schema: &'s Value, name: String, found: &mut Vec<(String, &'s Value)>) {
    for form in forms(schema) {
        collect(form, name.clone(), found);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        collect(schema, below(&name, key), found);
    }
    for every in ["additionalProperties", "items"] {
        if schema[every].is_object() {
            collect(&schema[every], below(&name, "*"), found);
        }
    }
    found.push((name, schema));
}

/// The forms that a value may have, where there are several. (`anyOf` also says which keys are enough: those are none.)
fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["anyOf"].as_array().into_iter().flatten().filter(|form| form.get("type").is_some())
}

fn below(name: &str, key: &str) -> String {
    if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }
}

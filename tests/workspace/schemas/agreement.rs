//! The schemas accept and refuse what the readers do. Every place of a file that has every key is spoilt in every way, and
//! both are asked.

use std::collections::BTreeSet;

use jsonschema::{Validator, draft7};
use keyway_core::{Descriptor, LoadError};
use keyway_testkit::Fixtures;
use serde_json::{Value, json};

use super::{walk, yaml};

/// What the readers know and no schema can say: the message, and why.
const OF_DESCRIPTORS: &[(&str, &str)] = &[
    ("is not a field of this method", "fields have free names"),
    ("holds a control character, or one that shows nothing", "the list of such characters is long"),
    ("cannot stand here", "a field's kind decides about its place in an origin"),
    ("is a secret, and cannot stand in a path", "it depends on another key of another map"),
    ("a secret is text", "`secret` may be left out, and is true then"),
    ("a secret has no default", "the same"),
    ("`reason` says why a field is not secret, and this one is", "the same"),
    ("a field of this name is a secret elsewhere", "fields have free names"),
    ("a field with `choices` is a choice", "it depends on the value of another key"),
    ("a choice needs `choices`", "the same"),
    ("the default is not one of the choices", "the same"),
    ("the default would be refused", "the same"),
    ("this choice would be refused", "the same"),
    ("this choice stands here twice", "one may be a text and the other a map"),
    ("the length counts the prefix too, and more", "a schema does not count"),
    ("the guide has no such step", "a schema does not count"),
    ("a value of several lines cannot stand in a header", "it depends on another key of another map"),
    ("a field that requests need cannot be left out", "the same"),
    ("a verdict needs a condition", "an empty list and an empty map are none"),
    ("a method places a value somewhere", "an empty map says nothing"),
    ("the host must be a plain name", "what a host's name is takes a parser"),
    ("an origin is https://host", "what is filled in decides"),
    ("this is not a regular expression", "only its engine can tell"),
    ("this is not a day", "a schema has no calendar"),
    ("`authorization` is no companion", "one list of forbidden headers is enough to read"),
];
const OF_FIXTURES: &[(&str, &str)] = &[
    ("a header's name is not one", "headers have free names"),
    ("a header's value is not one", "the list of characters that it may not hold is long"),
];

/// What a reader says of a text: nothing, or every problem.
type Reader = fn(&str) -> Vec<String>;

/// A schema, its reader, and files that have every key.
struct Language {
    schema: Value,
    validator: Validator,
    reader: Reader,
    samples: Vec<Value>,
    only_the_reader_knows: &'static [(&'static str, &'static str)],
}

fn languages() -> [Language; 2] {
    let descriptor = yaml(include_str!("every_key.yaml"));
    // `media_type` stands instead of two others.
    let mut with_media_type = descriptor.clone();
    let api = with_media_type["api"].as_object_mut().unwrap();
    api.retain(|key, _| !["accept", "content_type"].contains(&key.as_str()));
    api.insert("media_type".to_owned(), json!("application/json"));
    [
        Language::of(
            Descriptor::json_schema(),
            |text| {
                let problems = Descriptor::parse("sample", text).err();
                let problems = problems.iter().flat_map(LoadError::problems);
                problems.map(|problem| problem.message().to_owned()).collect()
            },
            vec![descriptor, with_media_type],
            OF_DESCRIPTORS,
        ),
        Language::of(
            Fixtures::json_schema(),
            |text| Fixtures::parse("sample", text).err().iter().map(ToString::to_string).collect(),
            vec![yaml(include_str!("every_key_of_fixtures.yaml"))],
            OF_FIXTURES,
        ),
    ]
}

impl Language {
    fn of(
        schema: Value,
        reader: Reader,
        samples: Vec<Value>,
        only_the_reader_knows: &'static [(&'static str, &'static str)],
    ) -> Self {
        let validator = draft7::new(&schema).unwrap();
        Self { schema, validator, reader, samples, only_the_reader_knows }
    }

    /// Asks schema and reader. JSON is YAML.
    fn ask(&self, value: &Value) -> (bool, Vec<String>) {
        (self.validator.is_valid(value), (self.reader)(&value.to_string()))
    }
}

#[test]
fn both_accept_a_file_with_every_key_in_every_form() {
    for language in languages() {
        let mut seen: Vec<*const Value> = Vec::new();
        for sample in &language.samples {
            assert_eq!(language.ask(sample), (true, Vec::new()));
            seen.extend(
                walk::spots(&language.schema, sample).iter().map(|spot| std::ptr::from_ref(spot.schema)),
            );
        }
        for (name, schema) in walk::all(&language.schema) {
            assert!(seen.contains(&std::ptr::from_ref(schema)), "no sample has `{name}` as {schema}");
        }
    }
}

#[test]
fn both_refuse_the_same() {
    for language in languages() {
        let mut met = BTreeSet::new();
        let mut faults = Vec::new();
        let mut done = Vec::new();
        for sample in &language.samples {
            for (name, how, spoilt) in spoilt(&language.schema, sample, &mut done) {
                let (fits, problems) = language.ask(&spoilt);
                if !fits && problems.is_empty() {
                    faults.push(format!("{name}: {how}: the schema refuses what the reader accepts"));
                }
                for problem in problems.iter().filter(|_| fits) {
                    let known =
                        language.only_the_reader_knows.iter().find(|(said, _)| problem.contains(said));
                    match known {
                        Some((said, _)) => _ = met.insert(*said),
                        None => faults.push(format!("{name}: {how}: only the reader says: {problem}")),
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        for (said, why) in language.only_the_reader_knows {
            assert!(met.contains(said), "`{said}` is listed ({why}), and the schema knows it too");
        }
    }
}

#[test]
fn both_count_alike() {
    let [descriptor, _] = languages();
    let grown = |change: &dyn Fn(&mut Value)| {
        let mut grown = descriptor.samples[0].clone();
        change(&mut grown);
        descriptor.ask(&grown)
    };
    let id = |length: usize| grown(&|all| all["id"] = json!("a".repeat(length)));
    let fill = |pointer: &str, name: &str, with: &Value, count: usize| {
        grown(&|all| {
            let map = all.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
            for more in map.len()..count {
                map.insert(format!("{name}{more}"), with.clone());
            }
        })
    };
    let method = &descriptor.samples[0]["methods"]["other"];
    let methods = |count| fill("/methods", "other_", method, count);
    let field = json!({ "label": "Field", "optional": true });
    let fields = |count| fill("/methods/other/fields", "field_", &field, count);
    let headers = |count| fill("/api/headers", "x-acme-", &json!("1"), count);
    let line = |length: usize| grown(&|all| all["name"] = json!("ä".repeat(length)));
    let text = |length: usize| {
        grown(&|all| all["methods"]["other"]["guide"] = json!([format!("a{}", "ä\n".repeat(length / 2))]))
    };
    for (what, at_most, above) in [
        ("characters of an id", id(48), id(49)),
        ("characters of a line", line(1_000), line(1_001)),
        ("characters of a text", text(9_999), text(10_001)),
        ("methods", methods(16), methods(17)),
        ("fields", fields(32), fields(33)),
        ("headers", headers(500), headers(501)),
    ] {
        assert_eq!(at_most, (true, Vec::new()), "{what}");
        let (fits, problems) = above;
        assert!(!fits && !problems.is_empty(), "{what}");
    }
}

/// The sample, spoilt in one place: where, how, and what it is then. Keys are taken away and added everywhere; other values
/// stand once for each part of the schema, in which it is `done` then.
fn spoilt(schema: &Value, sample: &Value, done: &mut Vec<*const Value>) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    let mut pointers = BTreeSet::new();
    for spot in walk::spots(schema, sample) {
        // What stands at the same place is another form of it.
        if !pointers.insert(spot.pointer.clone()) {
            continue;
        }
        let mut spoil = |how: String, change: &dyn Fn(&mut Value)| {
            let mut spoilt = sample.clone();
            change(spoilt.pointer_mut(&spot.pointer).unwrap());
            all.push((spot.name.clone(), how, spoilt));
        };
        let examples = spot.schema["examples"].as_array().cloned().unwrap_or_default();
        let of_its_type = odd().into_iter().filter(|other| {
            let types = &spot.schema["type"];
            types.is_null() || types == type_of(other)
        });
        let part = std::ptr::from_ref(spot.schema);
        if !done.contains(&part) {
            done.push(part);
            for other in one_of_each_type().into_iter().chain(of_its_type).chain(examples) {
                spoil(format!("{other} stands there"), &|value| *value = other.clone());
            }
        }
        let Some(members) = sample.pointer(&spot.pointer).and_then(Value::as_object) else { continue };
        spoil("a key that is not known".to_owned(), &|value| value["no key!"] = json!("x"));
        for key in members.keys() {
            spoil(format!("`{key}` is missing"), &|value| _ = value.as_object_mut().unwrap().remove(key));
        }
        for (key, schema) in spot.schema["properties"].as_object().into_iter().flatten() {
            if !members.contains_key(key) {
                let example = &schema["examples"][0];
                spoil(format!("`{key}` stands there too"), &|value| value[key] = example.clone());
            }
        }
    }
    all
}

fn one_of_each_type() -> [Value; 6] {
    [json!(null), json!(true), json!(4711), json!("No word: {"), json!([7]), json!({ "x": 7 })]
}

/// Values that somebody may write in the wrong place.
fn odd() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "two\nlines",
        "a\u{7}bell",
        "nothing\u{200b}visible",
        "2026-02-30",
        "2026-11-21",
        "never",
        "choice",
        "6xx",
        "2xx",
        "/~3",
        "POST /me",
        "GET /me",
        "https://user@acme.example",
        "http://acme.example",
        "https://acme.example",
        "https://{nothing}.acme.example",
    ];
    let others = [
        json!(-1),
        json!(0),
        json!(1.5),
        json!(99),
        json!(199),
        json!(599),
        json!(600),
        json!([]),
        json!([[]]),
        json!({}),
        json!({ "No key!": {} }),
        json!({ "/a": { "exists": true, "contains": "x" } }),
        json!({ "authorization": "x" }),
        json!({ "content-length": "{token}" }),
        json!({ "x-Upper": "{token}" }),
    ];
    texts.into_iter().map(Value::from).chain(others).collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

//! The JSON Schemas with which editors complete and explain descriptors and fixtures.

mod agreement;
pub(crate) mod walk;

use jsonschema::{Validator, draft7};
use keyway_core::Descriptor;
use keyway_testkit::Fixtures;
use serde_json::Value;

use crate::{documents::block, packages, read};

/// What a schema is of, where it is kept, and what it says.
fn schemas() -> [(&'static str, &'static str, Value); 2] {
    [("descriptor", "provider", Descriptor::json_schema()), ("fixtures", "fixtures", Fixtures::json_schema())]
}

/// A text of YAML as JSON.
fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn the_schemas_are_current() {
    for (what, file, schema) in schemas() {
        let path = format!("providers/{file}.schema.json");
        assert!(
            read(&path) == format!("{schema:#}\n"),
            "{path} is not what core and test kit say: cargo run -q -- schema {what} > {path}"
        );
    }
}

#[test]
fn the_schemas_are_draft_07() {
    for (what, _, schema) in schemas() {
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{what}");
        draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[test]
fn every_provider_fits_the_schemas_and_names_them() {
    for (_, file, schema) in schemas() {
        let validator = draft7::new(&schema).unwrap();
        for id in packages("providers") {
            let path = format!("providers/{id}/{file}.yaml");
            let text = read(&path);
            fits(&validator, &path, &text);
            let line = format!("# yaml-language-server: $schema=../{file}.schema.json\n");
            assert!(text.starts_with(&line), "the first line of {path} is {line}");
        }
    }
}

#[test]
fn the_examples_of_the_documents_fit_the_schemas() {
    let [descriptor, fixtures] = schemas().map(|(_, _, schema)| draft7::new(&schema).unwrap());
    fits(&descriptor, "README.md", block(&read("README.md"), "version: 1\nid: acme"));
    let path = "crates/testkit/README.md";
    let document = read(path);
    let example = block(&document, "version: 1\nmethods:");
    fits(&fixtures, path, example);
    Fixtures::parse(path, example).unwrap();
}

fn fits(validator: &Validator, path: &str, text: &str) {
    validator
        .validate(&yaml(text))
        .unwrap_or_else(|error| panic!("{path}: {}: {error}", error.instance_path()));
}

/// An editor shows these for the key under the cursor.
#[test]
fn every_key_is_described_and_shown_by_example() {
    for (what, _, schema) in schemas() {
        let mut keys = 0;
        for walk::Key { name, schema: key, .. } in walk::keys(&schema) {
            keys += 1;
            let name = format!("{what}: {name}");
            let said = key["description"].as_str().unwrap_or_else(|| panic!("{name} has no description"));
            assert!(said.len() > 5, "{name}: {said}");
            assert!(!said.contains('\n'), "{name}: {said}");
            if let Some(shown) = key.get("markdownDescription") {
                assert_eq!(shown, said, "{name}");
            }
            let examples = key["examples"].as_array().unwrap_or_else(|| panic!("{name} has no examples"));
            assert!(!examples.is_empty(), "{name} has no examples");
            let validator = draft7::new(key).unwrap();
            for example in examples {
                validator
                    .validate(example)
                    .unwrap_or_else(|error| panic!("{name}: the example {example}: {error}"));
            }
        }
        assert!(keys > 20, "{what} has {keys} keys: are they found?");
    }
}

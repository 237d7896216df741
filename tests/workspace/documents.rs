//! What the documents show is true.

use std::collections::{BTreeMap, BTreeSet};

use keyway_core::{Descriptor, Registry, Submission};

use crate::{read, schemas::walk};

/// The text of a document's code block that begins with a line.
pub(crate) fn block<'t>(text: &'t str, first: &str) -> &'t str {
    let start = text.find(first).unwrap_or_else(|| panic!("no block begins with `{first}`"));
    let end = text[start..].find("\n```").unwrap();
    &text[start..=start + end]
}

#[test]
fn the_smallest_provider_of_the_readme_works() {
    let readme = read("README.md");
    let yaml = block(&readme, "version: 1\nid: acme");
    let registry =
        Registry::from_descriptors([("README.md", yaml)]).unwrap_or_else(|error| panic!("\n{error}"));
    let steps = registry.get("acme").unwrap().descriptor().methods()[0].guide().steps().len();
    assert_eq!(steps, 2, "a list between brackets splits a step at its commas");
    let submission = Submission::new().with("api_key", "made-up");
    let credential = registry.accept("acme", None, &submission).unwrap().credential;
    let request = credential.check_request().unwrap();
    assert_eq!(request.uri(), "https://api.acme.example/me");
    assert_eq!(request.headers()["x-api-key"], "made-up");
}

#[test]
fn the_guide_for_contributors_shows_rally_as_it_is() {
    let contributing = read("CONTRIBUTING.md");
    for line in
        ["keyway_core::provider!(Rally);", "keyway_testkit::conformance!(keyway_rally::REGISTRATION);"]
    {
        assert!(contributing.contains(line), "CONTRIBUTING.md shows `{line}`");
    }
    assert!(read("providers/rally/src/lib.rs").contains("keyway_core::provider!(Rally);"));
    assert!(
        read("providers/rally/tests/conformance.rs")
            .contains("keyway_testkit::conformance!(keyway_rally::REGISTRATION);")
    );
}

#[test]
fn the_architecture_names_every_file_of_core() {
    let architecture = read("ARCHITECTURE.md");
    for entry in std::fs::read_dir(crate::root().join("crates/core/src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if std::path::Path::new(&name).extension().is_some_and(|ending| ending == "rs") && name != "lib.rs" {
            assert!(
                architecture.contains(&format!("`{name}`")),
                "ARCHITECTURE.md names crates/core/src/{name}"
            );
        }
    }
}

/// What editors say of a key and what the guide says are one text.
#[test]
fn the_guide_for_contributors_has_every_key_and_says_what_the_schema_says() {
    let contributing = read("CONTRIBUTING.md");
    let schema = Descriptor::json_schema();
    // The first heading whose place a key's name begins with is the key's own.
    let places = [
        ("A condition", "methods.*.check.valid.body.*."),
        ("A condition", "methods.*.check.verdicts.*.body.*."),
        ("A check", "methods.*.check."),
        ("A field", "methods.*.fields.*."),
        ("A method", "methods.*."),
        ("Under `api`", "api."),
        ("At the top", ""),
    ];
    let mut rows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for key in walk::keys(&schema) {
        let (heading, place) = places.iter().find(|(_, place)| key.name.starts_with(place)).unwrap();
        let name = key.name[place.len()..].replace(".*", "");
        let name = if key.needed { format!("**`{name}`**") } else { format!("`{name}`") };
        let said = key.schema["description"].as_str().unwrap().replace('|', "\\|");
        rows.entry(heading).or_default().insert(format!("| {name} | {said} |"));
    }
    for (heading, rows) in rows {
        let section = contributing.split(&format!("\n### {heading}\n")).nth(1).unwrap_or_default();
        let section = section.split("\n#").next().unwrap();
        let written: BTreeSet<String> = section
            .lines()
            .filter(|line| line.starts_with("| ") && *line != "| key | says |")
            .map(str::to_owned)
            .collect();
        let differ =
            |one: &BTreeSet<String>, other| -> Vec<String> { one.difference(other).cloned().collect() };
        let (missing, surplus) = (differ(&rows, &written), differ(&written, &rows));
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "CONTRIBUTING.md, `{heading}`\nlacks:\n{}\nhas instead:\n{}",
            missing.join("\n"),
            surplus.join("\n")
        );
    }
}

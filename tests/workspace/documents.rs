//! What the documents show is true.

use keyway_core::{Registry, Submission};

use crate::read;

/// The text of a document's code block that begins with a line.
fn block<'t>(text: &'t str, first: &str) -> &'t str {
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

/// Every word of the language that core knows is explained.
#[test]
fn the_guide_for_contributors_explains_every_word() {
    let contributing = read("CONTRIBUTING.md");
    let mut words: Vec<String> = Vec::new();
    let mut sources = Vec::new();
    crate::files(&crate::root().join("crates/core/src"), "rs", &mut sources);
    for path in sources {
        let text = std::fs::read_to_string(path).unwrap();
        for table in
            text.split("Words").skip(1).filter_map(|rest| rest.split("keys: &[").nth(1)?.split(']').next())
        {
            words.extend(table.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words.sort();
    words.dedup();
    assert!(words.len() > 40, "only {} words were found: {words:?}", words.len());
    for word in words {
        assert!(contributing.contains(&format!("`{word}`")), "CONTRIBUTING.md explains `{word}`");
    }
}

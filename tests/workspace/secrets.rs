//! Where secret values are looked at.

use std::path::PathBuf;

use crate::{files, root};

/// The files that may call `expose()`, and why. A file that is added here is read by somebody who asks where the value
/// goes from there.
const EXPOSING: [(&str, &str); 20] = [
    ("crates/cli/src/ask.rs", "hands what a person typed to core"),
    ("crates/cli/src/grant.rs", "prints a grant's token, this once"),
    (
        "crates/cli/src/serve/sandbox/demo.rs",
        "keeps the demonstration's grants, API token and links, which are good for stand-ins alone",
    ),
    ("crates/cli/src/session.rs", "prints a session's link, this once"),
    ("crates/cli/src/token.rs", "prints an API token, this once"),
    ("crates/connect/examples/hub.rs", "prints a link and a token, for the browser's tests"),
    ("crates/connect/src/api/answer.rs", "shows a new token or link, this once"),
    ("crates/connect/src/session/desk.rs", "writes a link, which is handed out once"),
    ("crates/core/src/accept.rs", "checks and renders what was submitted"),
    ("crates/core/src/credential.rs", "renders header values at acceptance"),
    ("crates/core/src/draft.rs", "places values in queries and cookies"),
    ("crates/core/src/header.rs", "makes sensitive header values of them"),
    ("crates/core/src/mask.rs", "looks for values in order to hide them"),
    ("crates/core/src/secret.rs", "defines it"),
    ("crates/core/src/submission.rs", "gives back what is not secret, and compares"),
    ("crates/vault/src/api_token.rs", "takes the id from the beginning of a new token"),
    ("crates/vault/src/draft.rs", "writes values into the text that is sealed"),
    ("crates/vault/src/keys/transit.rs", "makes a sensitive header of the key service's token"),
    ("crates/vault/src/scope.rs", "writes values into keyed fingerprints"),
    ("crates/vault/src/token.rs", "recognises a token of ours in a key's place"),
];

#[test]
fn secrets_are_exposed_in_listed_files_alone() {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in ["crates", "providers"] {
        files(&root().join(folder), "rs", &mut found);
    }
    let mut exposing: Vec<String> = found
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            [".expose()", "::expose", "fn expose", "expose_secret"].iter().any(|word| text.contains(word))
        })
        .map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"))
        .collect();
    exposing.sort();
    let listed: Vec<&str> = EXPOSING.iter().map(|(path, _)| *path).collect();
    assert_eq!(exposing, listed, "the files that expose secrets, and the list of those that may");
}

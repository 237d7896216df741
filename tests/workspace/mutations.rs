//! The mutations of `tests/mutations` and their table. That the tests notice them, `tests/mutations/run` shows.

use std::path::PathBuf;

use crate::{files, read, root};

#[test]
fn the_table_lists_every_mutation_and_what_it_plants() {
    let mut patches: Vec<PathBuf> = Vec::new();
    files(&root().join("tests/mutations"), "patch", &mut patches);
    patches.sort();
    let table = read("tests/mutations/README.md");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), patches.len(), "rows of tests/mutations/README.md, and patches");
    for (row, patch) in rows.iter().zip(&patches) {
        let (name, text) = (patch.file_stem().unwrap().to_str().unwrap(), read(patch));
        let plants = text.lines().next().and_then(|line| line.strip_prefix("Breaks: ")).unwrap();
        let begin = format!("| `{name}` | {} | ", plants.trim_end_matches('.'));
        assert!(row.starts_with(&begin), "{row} does not begin with {begin}");
    }
}

/// A test that is renamed is renamed in the patches, too.
#[test]
fn the_tests_that_must_notice_exist() {
    let (mut patches, mut sources) = (Vec::new(), Vec::new());
    files(&root().join("tests/mutations"), "patch", &mut patches);
    files(&root().join("crates"), "rs", &mut sources);
    let sources: Vec<String> = sources.iter().map(read).collect();
    for patch in patches {
        let text = read(&patch);
        let tests: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Test: ")).collect();
        assert!(!tests.is_empty(), "{} names no test", patch.display());
        for test in tests {
            let name = test.rsplit([' ', ':']).next().unwrap();
            let code = format!("fn {name}()");
            assert!(sources.iter().any(|source| source.contains(&code)), "{}: {test}", patch.display());
        }
    }
}

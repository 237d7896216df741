//! The house: a crate stands above all that it imports.

use std::collections::BTreeMap;

use crate::{packages, read};

/// What a package imports of ours, without its tests.
fn imports(manifest: &str) -> Vec<String> {
    let mut of_ours = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if section == "dependencies"
            && let Some(name) = line.split(['.', ' ', '=']).next()
            && name.starts_with("keyway")
        {
            of_ours.push(name.to_owned());
        }
    }
    of_ours
}

#[test]
fn no_arrow_runs_upwards() {
    let floor: BTreeMap<&str, u8> = BTreeMap::from([
        ("keyway-core", 1),
        ("keyway-form", 2),
        ("keyway-http", 2),
        ("keyway-testkit", 2),
        ("keyway-watch", 2),
        ("keyway-sandbox", 3),
        ("keyway-vault", 3),
        ("keyway-hub", 4),
        ("keyway", 4),
        ("keyway-connect", 5),
        ("keyway-cli", 6),
    ]);
    for folder in packages("crates") {
        let manifest = read(format!("crates/{folder}/Cargo.toml"));
        let name = if folder == "keyway" { folder.clone() } else { format!("keyway-{folder}") };
        let own =
            floor.get(name.as_str()).unwrap_or_else(|| panic!("crates/{folder} has no floor in this table"));
        for import in imports(&manifest) {
            // A provider stands on the second floor: on core alone.
            let below = floor.get(import.as_str()).unwrap_or(&2);
            assert!(below < own, "{name} imports {import}, which does not stand below it");
        }
    }
}

#[test]
fn a_provider_imports_core_alone() {
    for id in packages("providers") {
        assert_eq!(imports(&read(format!("providers/{id}/Cargo.toml"))), ["keyway-core"], "providers/{id}");
    }
}

#[test]
fn the_test_kit_imports_core_alone() {
    assert_eq!(imports(&read("crates/testkit/Cargo.toml")), ["keyway-core"]);
}

/// The libraries know no provider: only the facade names them.
#[test]
fn the_libraries_name_no_provider() {
    for folder in packages("crates").iter().filter(|folder| *folder != "keyway" && *folder != "cli") {
        let manifest = read(format!("crates/{folder}/Cargo.toml"));
        let imports = imports(&manifest);
        for id in packages("providers") {
            assert!(!imports.contains(&format!("keyway-{id}")), "crates/{folder} imports keyway-{id}");
        }
    }
}

#[test]
fn files_stay_short() {
    let mut found = Vec::new();
    for folder in ["crates", "providers", "tests"] {
        crate::files(&crate::root().join(folder), "rs", &mut found);
    }
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(lines <= 600, "{} has {lines} lines without its tests", path.display());
    }
}

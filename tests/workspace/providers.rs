//! The lists of providers, and how little one is.

use keyway_core::{Registration, Registry};

use crate::{packages, read};

fn sorted<'a>(packages: impl Iterator<Item = &'a Registration>) -> Vec<&'static str> {
    let mut names: Vec<&str> = packages.map(|registration| registration.package).collect();
    names.sort_unstable();
    names
}

/// A provider that is missing in one of the lists would be missing in somebody's program, silently.
#[test]
fn the_three_lists_are_one() {
    let listed = sorted(keyway::PROVIDERS.iter());
    let linked = Registry::linked().unwrap();
    let by_linker: Vec<String> =
        linked.entries().iter().map(|entry| entry.source().replace("/provider.yaml", "")).collect();
    let on_disk: Vec<String> = packages("providers").iter().map(|id| format!("keyway-{id}")).collect();
    let help = "providers/ (right) and keyway::PROVIDERS (left) differ: a provider is a line of PROVIDERS in \
                crates/keyway/src/lib.rs, and a feature, also in `default`, in crates/keyway/Cargo.toml";
    assert_eq!(listed, on_disk, "{help}");
    assert_eq!(by_linker, on_disk, "what inventory found, and the folders under providers/");
    let facade = read("crates/keyway/Cargo.toml");
    for id in packages("providers") {
        let feature = format!("\n{id} = [\"dep:keyway-{}\"]\n", id.replace('_', "-"));
        assert!(facade.contains(&feature), "crates/keyway/Cargo.toml has the feature{feature}");
    }
    let from_list = Registry::from_registrations(keyway::PROVIDERS).unwrap();
    let ids = |registry: &Registry| -> Vec<String> {
        registry.entries().iter().map(|entry| entry.descriptor().id().to_string()).collect()
    };
    assert_eq!(ids(&from_list), ids(&linked));
}

#[test]
fn a_descriptor_is_short() {
    for id in packages("providers") {
        let descriptor = read(format!("providers/{id}/provider.yaml"));
        let lines = lines_of_a_descriptor(&descriptor);
        assert!(lines <= 60, "providers/{id}/provider.yaml has {lines} lines");
        // Of these two it is known; another one may be as small as it likes.
        let known = ["rally", "rootly"].contains(&id.as_str());
        assert!(
            !known || lines > 20,
            "providers/{id}/provider.yaml has {lines} lines: are they counted right?"
        );
    }
}

/// Lines that are neither blank nor comment nor under `guide`.
fn lines_of_a_descriptor(text: &str) -> usize {
    let mut guide = None;
    let mut lines = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if guide.is_some_and(|at| indent > at) {
            continue;
        }
        guide = line.trim_start().starts_with("guide:").then_some(indent);
        lines += 1;
    }
    lines
}

#[test]
fn lines_are_counted_as_the_rule_says() {
    assert_eq!(
        lines_of_a_descriptor("a: 1\n\n# c\nguide:\n  - x\n  y:\n    z: 1\nb: 2\n  # d\n  e: 1 # f\n"),
        4
    );
}

#[test]
fn a_provider_is_hardly_any_rust() {
    for id in packages("providers") {
        let code = read(format!("providers/{id}/src/lib.rs"));
        let lines = code
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
            .count();
        assert!(lines <= 20, "providers/{id}/src/lib.rs has {lines} lines of Rust");
    }
}

/// Rally is told which version of Keyway speaks; a descriptor is data and cannot ask.
#[test]
fn rally_is_told_our_version() {
    let version = format!("x-rallyintegrationversion: \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(
        read("providers/rally/provider.yaml").contains(&version),
        "providers/rally/provider.yaml says {version}"
    );
}

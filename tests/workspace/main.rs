//! What crosses library crates: lists that must agree, limits on what a provider needs, and the shape of the house.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod documents;
mod house;
mod mutations;
mod providers;
mod schemas;
mod secrets;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A file of the workspace.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders right below one, by name, that hold a `Cargo.toml`.
fn packages(below: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join(below))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every file with an ending below a folder.
fn files(below: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

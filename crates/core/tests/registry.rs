//! Registries: every doubt is an error that names all sides, and never a panic (SECURITY.md, N13).

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use keyway_core::{LoadError, Registry};

const ACME: &str = include_str!("providers/acme.yaml");
const ONPREM: &str = include_str!("providers/onprem.yaml");

/// A directory of its own for each test, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("keyway-core-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn with(self, file: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        self
    }

    fn load(&self) -> Result<Registry, LoadError> {
        empty().with_directory(&self.0)
    }

    /// What is said of it, without its own name.
    #[track_caller]
    fn refused(&self) -> String {
        self.load().expect_err("it is refused").to_string().replace(&*self.0.to_string_lossy(), "DIR")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

fn empty() -> Registry {
    Registry::from_descriptors([]).expect("nothing is sound")
}

fn ids(registry: &Registry) -> Vec<&str> {
    registry.entries().iter().map(|entry| entry.descriptor().id().as_str()).collect()
}

#[test]
fn entries_are_sorted_and_found_by_every_name() {
    let registry =
        Registry::from_descriptors([("onprem.yaml", ONPREM), ("acme.yaml", ACME)]).expect("both are sound");
    assert_eq!(ids(&registry), ["acme", "onprem"]);
    for name in ["acme", "acme_classic"] {
        assert_eq!(registry.get(name).expect("it is known").descriptor().name(), "Acme");
    }
    for (name, id) in [(None, "token"), (Some("basic"), "basic"), (Some("password"), "basic")] {
        assert_eq!(registry.method("acme", name).expect("it is known").1.id(), &id);
    }
    let descriptor = registry.get("onprem").expect("it is known").descriptor();
    assert_eq!(descriptor.seen_live(), Some("2024-02-29"));
    assert_eq!(registry.get("acme").expect("it is known").source(), "acme.yaml");
}

#[test]
fn what_is_not_known_lists_what_is() {
    let registry =
        Registry::from_descriptors([("onprem.yaml", ONPREM), ("acme.yaml", ACME)]).expect("both are sound");
    for (name, expected) in [
        ("acne", "there is no such provider; did you mean `acme`? Known here: acme, onprem"),
        ("jira", "there is no such provider; known here: acme, onprem"),
        ("", "there is no such provider; known here: acme, onprem"),
        ("ACNE", "there is no such provider; did you mean `acme`? Known here: acme, onprem"),
        ("../jira", "there is no such provider; known here: acme, onprem"),
        ("sk_live_abc", "there is no such provider; known here: acme, onprem"),
        ("sk_canary_51hx0az_typed", "there is no such provider; known here: acme, onprem"),
        ("rootly_CANARY/\u{1b}[31m", "there is no such provider; known here: acme, onprem"),
    ] {
        assert_eq!(registry.get(name).expect_err(name).to_string(), expected);
    }
    assert!(registry.get("ACME").is_ok(), "letters of any case");
    let error = registry.method("acme", Some("tokens")).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        "acme has no such method; did you mean `token`? Known here: basic, cookie, query, token"
    );
    assert_eq!(
        empty().get("acme").expect_err("nothing").to_string(),
        "there is no such provider; nothing may stand here"
    );
}

#[test]
fn two_providers_with_one_id_are_both_named() {
    let error = Registry::from_descriptors([("a.yaml", ACME), ("b.yaml", ACME)]).expect_err("it is taken");
    let said = error.to_string();
    assert!(said.contains("the id `acme` is taken: a.yaml and b.yaml both claim it"), "{said}");
    let renamed = ONPREM.replace("id: onprem", "id: acme_classic");
    let error = Registry::from_descriptors([("a.yaml", ACME), ("b.yaml", renamed.as_str())])
        .expect_err("a former id");
    assert!(error.to_string().contains("`acme_classic` is taken: a.yaml and b.yaml"), "{error}");
    let directory = Directory::new().with("acme/provider.yaml", ACME);
    let registry = Registry::from_descriptors([("a.yaml", ACME)]).expect("it is sound");
    let error = registry.with_directory(&directory.0).expect_err("it is taken");
    assert!(error.to_string().contains("`acme` is taken"), "{error}");
}

#[test]
fn what_was_meant_to_be_a_provider_is_told() {
    let own_folder = Directory::new().with("provider.yaml", ACME);
    let error = own_folder.load().expect_err("the folder above is meant").to_string();
    assert!(error.contains("provider.yaml: a descriptor is looked for in a folder of its own"), "{error}");
    let other_name = Directory::new().with("acme/provider.yml", ACME);
    let error = other_name.load().expect_err("another name").to_string();
    assert!(error.contains("acme: provider.yml is not looked for"), "{error}");
    #[cfg(unix)]
    {
        let dangling = Directory::new().with("acme/notes.txt", "");
        std::os::unix::fs::symlink("nowhere.yaml", dangling.0.join("acme/provider.yaml")).expect("a link");
        let error = dangling.load().expect_err("a link that leads nowhere").to_string();
        assert!(error.contains("acme/provider.yaml: the file cannot be read"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_told() {
    use std::os::unix::fs::symlink;

    let directory = Directory::new().with("..1/acme/provider.yaml", ACME);
    symlink("..1", directory.0.join("..data")).expect("a link");
    symlink("..data/acme", directory.0.join("acme")).expect("a link");
    symlink("nowhere", directory.0.join(".hidden")).expect("a link");
    assert_eq!(ids(&directory.load().expect("it leads to a folder")), ["acme"]);
    fs::rename(directory.0.join("..1"), directory.0.join("..2")).expect("it is moved");
    let expected = "DIR/acme: this link leads nowhere\n  help: let it lead to a folder that this program may read, or remove it";
    assert_eq!(directory.refused(), expected);
    // In a circle.
    fs::remove_file(directory.0.join("acme")).expect("a link");
    symlink("acme", directory.0.join("acme")).expect("a link");
    assert_eq!(directory.refused(), expected);
}

#[test]
fn a_directory_adds_to_what_there_is() {
    let directory = Directory::new()
        .with("acme/provider.yaml", ACME)
        .with("acme/fixtures.yaml", "exchanges: []")
        .with("onprem/provider.yaml", format!("\u{feff}{ONPREM}"))
        .with("notes/README.md", "no provider")
        .with("file.txt", "no folder")
        .with(".git/provider.yaml", "not for us");
    let registry = directory.load().expect("it is sound");
    assert_eq!(ids(&registry), ["acme", "onprem"]);
    assert_eq!(registry.get("acme").expect("it is known").fixtures(), Some("exchanges: []"));
    assert_eq!(registry.get("onprem").expect("it is known").fixtures(), None);
    assert!(Path::new(registry.get("acme").expect("it is known").source()).is_file());
}

#[test]
fn all_that_is_wrong_with_a_directory_comes_at_once() {
    let directory = Directory::new()
        .with("other/provider.yaml", ACME)
        .with("broken/provider.yaml", ONPREM.replace("version: 1", "version: 9"))
        .with("binary/provider.yaml", b"\xff\xfe\x00")
        .with("large/provider.yaml", "#".repeat(300 * 1024))
        .with("misnamed/provider.yml", ONPREM)
        .with("folder/provider.yaml/inner", "")
        .with("fixtures/provider.yaml", ONPREM.replace("id: onprem", "id: fixtures"))
        .with("fixtures/fixtures.yaml", b"\xff");
    insta::assert_snapshot!(directory.refused());
}

#[test]
fn a_directory_that_is_none_is_an_error() {
    let directory = Directory::new().with("file", "");
    let missing = empty().with_directory(directory.0.join("missing")).expect_err("there is none");
    assert!(missing.to_string().contains("the directory cannot be read"), "{missing}");
    assert!(empty().with_directory(directory.0.join("file")).is_err());
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read() {
    let directory = Directory::new().with("acme/README.md", "");
    std::os::unix::fs::symlink("/dev/zero", directory.0.join("acme/provider.yaml")).expect("a link");
    assert!(directory.refused().contains("this is not a file"));
}

#[test]
fn nothing_is_linked_here_and_that_is_no_error() {
    assert!(ids(&Registry::linked().expect("nothing is sound")).is_empty());
}

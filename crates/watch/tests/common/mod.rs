//! A directory of descriptors that is edited, and what is told of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use keyway_core::{Id, LoadError, Registry};
use keyway_watch::{Change, Watch, Watched};

/// How long a change may take to be told before a test gives up. Nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of its own for each test, removed in the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("keyway-watch-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// One with Acme in it, at version `1`.
    pub(crate) fn with_acme() -> Self {
        let this = Self::new();
        this.write("acme/provider.yaml", provider("acme", "1"));
        this
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub(crate) fn at(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a file in one step, so that no test is told of a half that it did not mean.
    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.at(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = self.at(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, path).unwrap();
    }

    pub(crate) fn remove(&self, folder: &str) {
        fs::remove_dir_all(self.at(folder)).unwrap();
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::new(empty(), self.path()).every(Duration::from_millis(5))
    }

    pub(crate) fn watching(&self) -> Watching {
        let (sender, changes) = mpsc::channel();
        let listener = move |change| {
            // Whoever has seen enough does not listen any more.
            let _ = sender.send(change);
        };
        Watching { watched: self.watch().on_change(listener).start().unwrap(), changes }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn empty() -> Registry {
    Registry::from_descriptors([]).unwrap()
}

/// A descriptor whose summary holds a version.
pub(crate) fn provider(id: &str, version: &str) -> String {
    format!(
        r#"version: 1
id: {id}
name: Acme
summary: "Version {version}."
links: {{ docs: "https://docs.{id}.example/api", keys: "https://{id}.example/settings/keys" }}
seen_live: never
api: {{ origin: "https://api.{id}.example" }}
methods:
  api_key:
    label: API key
    guide: [Make a key., Copy it.]
    fields: {{ api_key: {{ label: API key }} }}
    authorize: {{ headers: {{ x-api-key: "{{api_key}}" }} }}
    check:
      request: GET /me
      valid: {{ status: 200, body: {{ /id: {{ exists: true }} }} }}
      account: {{ id: /id, label: ["{{/id}}"] }}
"#
    )
}

/// The ids in a registry, each with its version.
pub(crate) fn versions(registry: &Registry) -> Vec<String> {
    let one = |entry: &keyway_core::Entry| {
        let summary = entry.descriptor().summary();
        let version = summary.trim_start_matches("Version ").trim_end_matches('.');
        format!("{} {version}", entry.descriptor().id())
    };
    registry.entries().iter().map(one).collect()
}

/// A directory that is watched, and what is told of it.
pub(crate) struct Watching {
    pub(crate) watched: Watched,
    pub(crate) changes: Receiver<Change>,
}

impl Watching {
    pub(crate) fn now(&self) -> Vec<String> {
        versions(&self.watched.current())
    }

    pub(crate) fn next(&self) -> Change {
        self.changes.recv_timeout(PATIENCE).expect("something is told")
    }

    /// The next change is a reload: what was added, changed and removed, as `+id ~id -id`.
    #[track_caller]
    pub(crate) fn reloaded(&self) -> String {
        let told = match self.next() {
            Change::Reloaded { registry, added, changed, removed } => {
                assert_eq!(versions(&registry), self.now());
                let signed = |sign: char, ids: Vec<Id>| ids.into_iter().map(move |id| format!("{sign}{id}"));
                let all = signed('+', added).chain(signed('~', changed)).chain(signed('-', removed));
                all.collect::<Vec<_>>().join(" ")
            }
            other => panic!("{other:?}"),
        };
        assert!(self.watched.problem().is_none());
        told
    }

    /// The next change is none: what is wrong.
    #[track_caller]
    pub(crate) fn kept(&self) -> String {
        match self.next() {
            Change::Kept(error) => {
                let problem: &LoadError = &self.watched.problem().expect("there is a problem");
                assert_eq!(*problem, *error);
                error.to_string()
            }
            other => panic!("{other:?}"),
        }
    }
}

//! Looking at a directory, turn by turn, and deciding what comes of it. Knows neither threads nor time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use keyway_core::{Entry, Id, LoadError, Registry};

use crate::{Change, snapshot::Snapshot};

/// What readers see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: ArcSwap<Registry>,
    pub(crate) problem: ArcSwapOption<LoadError>,
}

/// Looks at a directory.
#[derive(Debug)]
pub(crate) struct Watcher {
    base: Registry,
    directory: PathBuf,
    shared: Arc<Shared>,
    /// What the last look saw.
    seen: Snapshot,
    /// What was judged last, good or bad.
    judged: Snapshot,
    /// What the registry was loaded from.
    good: Snapshot,
}

impl Watcher {
    /// Loads for the first time. Where the directory is broken, the registry is the base alone, and there is a problem.
    pub(crate) fn new(base: Registry, directory: PathBuf) -> Self {
        // Before it is loaded: what changes meanwhile is seen by the next look.
        let seen = Snapshot::of(&directory);
        let (registry, problem, good) = match base.clone().with_directory(&directory) {
            Ok(registry) => (registry, None, seen.clone()),
            Err(error) => (base.clone(), Some(Arc::new(error)), Snapshot::empty()),
        };
        let shared =
            Shared { registry: ArcSwap::from_pointee(registry), problem: ArcSwapOption::new(problem) };
        Self { base, directory, shared: Arc::new(shared), judged: seen.clone(), seen, good }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Looks once, and says what came of it. An edit is judged by the second look that sees it: the first one may have
    /// seen half of it.
    pub(crate) fn look(&mut self) -> Option<Change> {
        self.look_with(|base, directory| base.with_directory(directory))
    }

    fn look_with(
        &mut self,
        load: impl FnOnce(Registry, &Path) -> Result<Registry, LoadError>,
    ) -> Option<Change> {
        let seen = Snapshot::of(&self.directory);
        let is_settled = seen == self.seen;
        self.seen = seen;
        if !is_settled || self.seen == self.judged {
            return None;
        }
        let loaded = load(self.base.clone(), &self.directory);
        let after = Snapshot::of(&self.directory);
        if after != self.seen {
            // It changed while it was read, so what was loaded may be of two minds.
            self.seen = after;
            return None;
        }
        self.judged = after;
        Some(match loaded {
            Ok(registry) => self.replace(registry),
            Err(error) => {
                let error = Arc::new(error);
                self.shared.problem.store(Some(Arc::clone(&error)));
                Change::Kept(error)
            }
        })
    }

    fn replace(&mut self, registry: Registry) -> Change {
        let registry = Arc::new(registry);
        let before = self.shared.registry.swap(Arc::clone(&registry));
        self.shared.problem.store(None);
        let good = std::mem::replace(&mut self.good, self.judged.clone());
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        for id in ids(&registry) {
            if !ids(&before).any(|other| other == id) {
                added.push(id.clone());
            } else if !good.agrees(&self.good, id.as_str()) {
                // A provider's folder is named by its id.
                changed.push(id.clone());
            }
        }
        let removed = ids(&before).filter(|id| !ids(&registry).any(|other| other == *id)).cloned().collect();
        Change::Reloaded { registry, added, changed, removed }
    }
}

fn ids(registry: &Registry) -> impl Iterator<Item = &Id> {
    registry.entries().iter().map(|entry: &Entry| entry.descriptor().id())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A watcher of a directory of its own with an empty folder, and the path of a descriptor there.
    fn watcher(name: &str) -> (Watcher, PathBuf) {
        let directory = std::env::temp_dir().join(format!("keyway-watch-{name}-{}", std::process::id()));
        fs::create_dir_all(directory.join("acme")).unwrap();
        let descriptor = directory.join("acme/provider.yaml");
        (Watcher::new(Registry::from_descriptors([]).unwrap(), directory), descriptor)
    }

    #[test]
    fn what_changes_while_it_is_loaded_is_not_taken() {
        let (mut watcher, descriptor) = watcher("loading");
        fs::write(&descriptor, "version: 1\n").unwrap();
        assert!(watcher.look().is_none());
        let none = Registry::from_descriptors([]).unwrap();
        let change = watcher.look_with(|_, _| {
            fs::write(&descriptor, "version: 2\n").unwrap();
            Ok(none)
        });
        assert!(change.is_none(), "it is of two minds");
        // What was written meanwhile is judged by the next look.
        assert!(matches!(watcher.look(), Some(Change::Kept(_))));
        fs::remove_dir_all(&watcher.directory).unwrap();
    }

    #[test]
    fn an_edit_counts_when_two_looks_in_a_row_see_the_same() {
        let (mut watcher, descriptor) = watcher("turns");
        assert!(watcher.look().is_none(), "nothing was edited");

        fs::write(&descriptor, "version: 1\n").unwrap();
        assert!(watcher.look().is_none(), "this may be the half of it");
        fs::write(&descriptor, "version: 1\nid: acme\n").unwrap();
        assert!(watcher.look().is_none(), "it was");
        assert!(matches!(watcher.look(), Some(Change::Kept(_))));
        assert!(watcher.look().is_none(), "a fault is told once");

        fs::remove_file(&descriptor).unwrap();
        assert!(watcher.look().is_none());
        assert!(matches!(watcher.look(), Some(Change::Reloaded { .. })));
        assert!(watcher.look().is_none());

        // An edit that is taken back before the second look was none.
        fs::write(&descriptor, "version: 1\n").unwrap();
        assert!(watcher.look().is_none());
        fs::remove_file(&descriptor).unwrap();
        assert!(watcher.look().is_none() && watcher.look().is_none());
        fs::remove_dir_all(&watcher.directory).unwrap();
    }
}

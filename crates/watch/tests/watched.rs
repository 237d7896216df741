//! A directory that is edited while it is watched. Each test waits for what it is told, and for no time to pass.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::{
    fs,
    sync::{
        Arc, Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use keyway_core::{Registry, Submission};
use keyway_watch::{Change, WatchError, Watched};

use common::{Directory, PATIENCE, empty, provider, versions};

#[test]
fn an_edit_is_seen() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    assert_eq!(watching.now(), ["acme 1"]);
    directory.write("acme/provider.yaml", provider("acme", "2"));
    assert_eq!((watching.reloaded(), watching.now()), ("~acme".to_owned(), vec!["acme 2".to_owned()]));
    // The same length at nearly the same time.
    directory.write("acme/provider.yaml", provider("acme", "3"));
    assert_eq!((watching.reloaded(), watching.now()), ("~acme".to_owned(), vec!["acme 3".to_owned()]));
    // The registry holds the fixtures too.
    directory.write("acme/fixtures.yaml", "exchanges: []");
    assert_eq!(watching.reloaded(), "~acme");
    assert_eq!(watching.watched.current().get("acme").unwrap().fixtures(), Some("exchanges: []"));
    // And the logo.
    directory.write("acme/logo.svg", "<svg/>");
    assert_eq!(watching.reloaded(), "~acme");
    assert_eq!(watching.watched.current().get("acme").unwrap().logo(), Some("<svg/>"));
}

#[test]
fn what_is_not_loaded_is_not_told() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    for file in ["acme/README.md", "notes/README.md", "file.txt", ".git/provider.yaml", "..data/x"] {
        directory.write(file, "x");
    }
    directory.write("acme/provider.yaml", provider("acme", "2"));
    assert_eq!(watching.reloaded(), "~acme", "this is the first thing that is told");
}

#[test]
fn a_broken_descriptor_keeps_what_there_is_until_it_is_mended() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    directory.write("acme/provider.yaml", provider("acme", "2").replace("summary", "sumary"));
    let said = watching.kept();
    let file = directory.at("acme/provider.yaml");
    assert!(said.contains(&format!("{}:4:1: ", file.display())), "{said}");
    assert!(said.contains("did you mean `summary`?"), "{said}");
    assert_eq!(watching.now(), ["acme 1"]);

    // Broken in another way.
    directory.write("acme/provider.yaml", provider("acme", "2").replace("GET /me", "POST /me"));
    assert!(watching.kept().contains("provider.yaml:15:16: "));
    assert_eq!(watching.now(), ["acme 1"]);

    // Another provider's good news does not pass the broken one by.
    directory.write("beta/provider.yaml", provider("beta", "1"));
    assert!(watching.kept().contains("provider.yaml:15:16: "));
    assert_eq!(watching.now(), ["acme 1"]);

    directory.write("acme/provider.yaml", provider("acme", "2"));
    assert_eq!(watching.reloaded(), "+beta ~acme");
    assert_eq!(watching.now(), ["acme 2", "beta 1"]);
}

#[test]
fn an_edit_that_is_taken_back_mends() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    directory.write("acme/provider.yaml", "version: 1\n");
    watching.kept();
    directory.write("acme/provider.yaml", provider("acme", "1"));
    assert_eq!(watching.reloaded(), "", "it is what it was");
    assert_eq!(watching.now(), ["acme 1"]);
}

#[test]
fn every_kind_of_fault_keeps_what_there_is() {
    for (file, text) in [
        ("acme/provider.yaml", "" as &str),
        ("acme/provider.yaml", "{"),
        ("acme/fixtures.yaml", "\u{0}not text\u{0}"),
        ("other/provider.yaml", &provider("beta", "1")),
        ("stray.yaml", ""),
        ("beta/provider.yml", &provider("beta", "1")),
    ] {
        let directory = Directory::with_acme();
        let watching = directory.watching();
        let text = if text.contains('\u{0}') { &b"\xff\xfe"[..] } else { text.as_bytes() };
        directory.write(file, text);
        let said = watching.kept();
        assert!(said.contains(file.split('/').next().unwrap()), "{file}: {said}");
        assert_eq!(watching.now(), ["acme 1"], "{file}");
    }
}

#[test]
fn folders_come_and_go() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    directory.write("beta/provider.yaml", provider("beta", "1"));
    assert_eq!(watching.reloaded(), "+beta");
    assert_eq!(watching.now(), ["acme 1", "beta 1"]);
    directory.remove("acme");
    assert_eq!(watching.reloaded(), "-acme");
    assert_eq!(watching.now(), ["beta 1"]);
    fs::remove_file(directory.at("beta/provider.yaml")).unwrap();
    assert_eq!(watching.reloaded(), "-beta", "a folder without a descriptor is none");
    assert!(watching.now().is_empty());
}

#[test]
fn a_provider_of_the_base_stays_and_cannot_be_replaced() {
    let directory = Directory::with_acme();
    let base = Registry::from_descriptors([("built-in", &*provider("beta", "0"))]).unwrap();
    let (sender, changes) = mpsc::channel();
    let watch = keyway_watch::Watch::new(base, directory.path()).every(Duration::from_millis(5));
    let watched = watch.on_change(move |change| sender.send(change).unwrap()).start().unwrap();
    let watching = common::Watching { watched, changes };
    assert_eq!(watching.now(), ["acme 1", "beta 0"]);
    directory.write("beta/provider.yaml", provider("beta", "1"));
    assert!(watching.kept().contains("the id `beta` is taken"));
    directory.remove("beta");
    assert_eq!(watching.reloaded(), "");
    directory.remove("acme");
    assert_eq!(watching.reloaded(), "-acme");
    assert_eq!(watching.now(), ["beta 0"]);
}

#[test]
fn a_directory_that_is_gone_keeps_what_there_is() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    let aside = directory.path().with_extension("aside");
    fs::rename(directory.path(), &aside).unwrap();
    let said = watching.kept();
    assert!(said.contains("the directory cannot be read: there is nothing of this name"), "{said}");
    assert_eq!(watching.now(), ["acme 1"]);
    fs::rename(&aside, directory.path()).unwrap();
    assert_eq!(watching.reloaded(), "");
    assert_eq!(watching.now(), ["acme 1"]);
}

#[test]
fn a_save_by_renaming_is_seen() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    for version in ["2", "3"] {
        fs::write(directory.at("acme/.provider.yaml.swp"), provider("acme", version)).unwrap();
        fs::rename(directory.at("acme/.provider.yaml.swp"), directory.at("acme/provider.yaml")).unwrap();
        assert_eq!(watching.reloaded(), "~acme");
        assert_eq!(watching.now(), [format!("acme {version}")]);
    }
}

#[test]
fn a_file_written_in_halves_is_loaded_whole() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    let whole = provider("acme", "2");
    let (half, rest) = whole.split_at(whole.find("methods").unwrap());
    directory.write("acme/provider.yaml", half);
    // Somebody wrote a half and went away for longer than two looks.
    watching.kept();
    assert_eq!(watching.now(), ["acme 1"]);
    directory.write("acme/provider.yaml", format!("{half}{rest}"));
    assert_eq!(watching.reloaded(), "~acme");
    assert_eq!(watching.now(), ["acme 2"]);
}

#[test]
fn many_edits_at_once_end_in_what_is_there() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    let expected: Vec<String> = (0..60).map(|number| format!("p{number:02} 9")).collect();
    for version in 1..=9 {
        for number in 0..60 {
            let id = format!("p{number:02}");
            fs::create_dir_all(directory.at(&id)).unwrap();
            // In place, as many editors write: for a moment the file is empty.
            fs::write(directory.at(&format!("{id}/provider.yaml")), provider(&id, &version.to_string()))
                .unwrap();
        }
    }
    directory.remove("acme");
    while watching.now() != expected {
        watching.next();
    }
    let of_disk = empty().with_directory(directory.path()).unwrap();
    assert_eq!(watching.now(), versions(&of_disk));
}

#[test]
fn credentials_of_an_older_registry_work_on() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    let before = watching.watched.current();
    let submission = Submission::new().with("api_key", "made-up");
    let credential = before.accept("acme", None, &submission).unwrap().credential;
    directory.write("acme/provider.yaml", provider("acme", "2").replace("x-api-key", "x-other-key"));
    assert_eq!(watching.reloaded(), "~acme");
    directory.remove("acme");
    assert_eq!(watching.reloaded(), "-acme");
    assert_eq!(versions(&before), ["acme 1"], "what was handed out does not change");
    let request = credential.check_request().unwrap();
    assert_eq!(request.headers()["x-api-key"], "made-up");
    assert!(watching.watched.current().accept("acme", None, &submission).is_err());
}

#[test]
fn dropping_it_ends_the_watching() {
    let directory = Directory::with_acme();
    let watching = directory.watching();
    directory.write("acme/provider.yaml", provider("acme", "2"));
    watching.reloaded();
    let (registry, changes) = (watching.watched.current(), watching.changes);
    drop(watching.watched);
    // The thread is gone, and what it told with it.
    assert!(matches!(changes.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected)));
    assert_eq!(versions(&registry), ["acme 2"]);
}

#[test]
fn a_listener_may_end_the_watching() {
    let directory = Directory::with_acme();
    let place: Arc<Mutex<Option<Watched>>> = Arc::default();
    let (sender, told) = mpsc::channel();
    let own = Arc::clone(&place);
    let listener = move |_| {
        drop(own.lock().unwrap().take());
        sender.send(()).unwrap();
    };
    *place.lock().unwrap() = Some(directory.watch().on_change(listener).start().unwrap());
    directory.write("acme/provider.yaml", provider("acme", "2"));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(()), "it goes on after the drop");
    assert_eq!(told.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the thread ends");
}

#[test]
fn the_first_load_must_be_good_unless_somebody_waits_for_it() {
    let directory = Directory::new();
    directory.write("acme/provider.yaml", provider("acme", "1").replace("summary", "sumary"));
    let error = directory.watch().start().unwrap_err();
    assert!(error.to_string().contains("provider.yaml:4:1: "), "{error}");
    assert!(matches!(error, WatchError::Load(_)));
    let missing = keyway_watch::Watch::new(empty(), directory.at("missing")).start().unwrap_err();
    assert!(missing.to_string().contains("the directory cannot be read"), "{missing}");

    let (sender, changes) = mpsc::channel();
    let watch = directory.watch().even_if_broken().on_change(move |change| sender.send(change).unwrap());
    let watching = common::Watching { watched: watch.start().unwrap(), changes };
    assert!(watching.now().is_empty());
    assert!(watching.watched.problem().unwrap().to_string().contains("provider.yaml:4:1: "));
    directory.write("acme/provider.yaml", provider("acme", "1"));
    assert_eq!(watching.reloaded(), "+acme");
    assert_eq!(watching.now(), ["acme 1"]);
}

#[test]
fn a_listener_that_panics_is_told_the_next_time_again() {
    let directory = Directory::with_acme();
    let (sender, changes) = mpsc::channel();
    let listener = move |change: Change| {
        sender.send(change.clone()).unwrap();
        assert!(!matches!(change, Change::Kept(_)), "this listener does not like faults");
    };
    let watched = directory.watch().on_change(listener).start().unwrap();
    let watching = common::Watching { watched, changes };
    directory.write("acme/provider.yaml", "");
    watching.kept();
    directory.write("acme/provider.yaml", provider("acme", "2"));
    assert_eq!(watching.reloaded(), "~acme");
}

#[cfg(unix)]
mod links {
    use std::{
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    /// A directory as Kubernetes mounts a `ConfigMap`: what is seen are links through one that is swapped.
    struct Mounted(Directory);

    impl Mounted {
        fn new(ids: &[&str]) -> Self {
            let this = Self(Directory::new());
            this.fill(ids, 1);
            symlink("..1", this.0.at("..data")).unwrap();
            for id in ids {
                symlink(format!("..data/{id}"), this.0.at(id)).unwrap();
            }
            this
        }

        fn fill(&self, ids: &[&str], version: usize) {
            for id in ids {
                let file = format!("..{version}/{id}/provider.yaml");
                self.0.write(&file, provider(id, &version.to_string()));
            }
        }

        /// Swaps to the next version, in one step.
        fn swap(&self, ids: &[&str], version: usize) {
            self.fill(ids, version);
            symlink(format!("..{version}"), self.0.at("..next")).unwrap();
            fs::rename(self.0.at("..next"), self.0.at("..data")).unwrap();
            self.0.remove(&format!("..{}", version - 1));
        }
    }

    #[test]
    fn a_swapped_link_is_seen() {
        let mounted = Mounted::new(&["acme", "beta"]);
        let watching = mounted.0.watching();
        assert_eq!(watching.now(), ["acme 1", "beta 1"]);
        mounted.swap(&["acme", "beta"], 2);
        assert_eq!(watching.reloaded(), "~acme ~beta");
        assert_eq!(watching.now(), ["acme 2", "beta 2"]);
    }

    /// Removing the links says that a provider is to go; what they lead to may be on its way.
    #[test]
    fn links_that_lead_nowhere_keep_what_there_is() {
        let mounted = Mounted::new(&["acme", "beta"]);
        let watching = mounted.0.watching();
        symlink("..3", mounted.0.at("..next")).unwrap();
        fs::rename(mounted.0.at("..next"), mounted.0.at("..data")).unwrap();
        let said = watching.kept();
        for id in ["acme", "beta"] {
            let link = mounted.0.at(id);
            assert!(said.contains(&format!("{}: this link leads nowhere", link.display())), "{said}");
        }
        assert_eq!(watching.now(), ["acme 1", "beta 1"]);
        mounted.fill(&["acme"], 2);
        fs::rename(mounted.0.at("..2"), mounted.0.at("..3")).unwrap();
        assert!(watching.kept().contains("beta: this link leads nowhere"));
        assert_eq!(watching.now(), ["acme 1", "beta 1"]);
        fs::remove_file(mounted.0.at("beta")).unwrap();
        assert_eq!(watching.reloaded(), "~acme -beta");
        assert_eq!(watching.now(), ["acme 2"]);
    }

    /// Ends the readers when the test ends, however it does.
    struct Done<'d>(&'d AtomicBool);

    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn readers_never_see_half_of_a_registry() {
        const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mounted = Mounted::new(&IDS);
        let watching = mounted.0.watching();
        let (watched, done) = (&watching.watched, AtomicBool::new(false));
        thread::scope(|scope| {
            let read = || {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) {
                    let seen = versions(&watched.current());
                    assert_eq!(seen.len(), IDS.len(), "{seen:?}");
                    let version = seen[0].split(' ').nth(1);
                    assert!(seen.iter().all(|one| one.split(' ').nth(1) == version), "{seen:?}");
                    reads += 1;
                }
                reads
            };
            let readers = [scope.spawn(read), scope.spawn(read)];
            let guard = Done(&done);
            for version in 2..=12 {
                mounted.swap(&IDS, version);
                assert_eq!(watching.reloaded(), "~a ~b ~c ~d ~e ~f ~g ~h");
            }
            drop(guard);
            assert!(readers.map(|reader| reader.join().unwrap()).into_iter().sum::<usize>() > 0);
        });
    }
}

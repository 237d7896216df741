//! What a file of keys is when a process is killed, or comes in, between any two steps of a change.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{KeyFile, KeyId, KeySource as _, MasterKey, private::tests::STEP, text};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyway-steps-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("keys")
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A copy, in which two names of one file are that again.
fn copy(from: &Path) -> Folder {
    let folder = Folder::new();
    let mut seen: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (inode, to) = (entry.metadata().unwrap().ino(), folder.0.join(entry.file_name()));
        if let Some((_, same)) = seen.iter().find(|(other, _)| *other == inode) {
            fs::hard_link(same, to).unwrap();
        } else {
            fs::copy(entry.path(), &to).unwrap();
            seen.push((inode, to));
        }
    }
    folder
}

/// Does something, and looks at what is there after each of its steps.
fn at_each_step(look: impl FnMut() + 'static, act: impl FnOnce()) {
    STEP.set(Box::new(look));
    act();
    STEP.set(Box::new(|| {}));
}

/// The folder as it is after each step: what a kill there leaves.
fn states(folder: &Folder, act: impl FnOnce()) -> Vec<Folder> {
    let (states, from) = (Rc::new(RefCell::new(Vec::new())), folder.0.clone());
    let seen = Rc::clone(&states);
    at_each_step(move || seen.borrow_mut().push(copy(&from)), act);
    states.take()
}

/// Which of these keys are in the file of retired ones: each once at most.
fn retired(file: &KeyFile, of: &[MasterKey]) -> Vec<KeyId> {
    let there = fs::read_to_string(file.retired()).unwrap_or_default();
    let times = |key: &MasterKey| there.matches(text::write(key).as_str()).count();
    assert!(of.iter().all(|key| times(key) <= 1), "a key stands there twice");
    of.iter().filter(|key| times(key) == 1).map(MasterKey::id).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn ids(file: &KeyFile) -> Vec<KeyId> {
    run(file.keys(&[])).unwrap().iter().map(MasterKey::id).collect()
}

/// A file with this many keys.
fn filled(count: usize) -> (Folder, KeyFile, Vec<KeyId>) {
    let folder = Folder::new();
    let file = KeyFile::create(folder.file()).unwrap();
    while ids(&file).len() < count {
        file.fresh_key(&ids(&file)).unwrap();
    }
    let ids = ids(&file);
    (folder, file, ids)
}

/// A file that was left behind is as good as any: keys come and go.
fn goes_on(folder: &Folder) {
    let file = KeyFile::at(folder.file());
    let there = ids(&file);
    let fresh = file.fresh_key(&there).unwrap().id();
    assert_eq!(ids(&file), [&[fresh], &there[..]].concat());
    assert_eq!(file.without(fresh), Ok(true));
    assert_eq!(ids(&file), there);
    assert_eq!(folder.names(), ["keys", "keys.retired"]);
}

#[test]
fn n44_n45_a_kill_while_a_key_is_made_loses_none() {
    let (folder, file, before) = filled(2);
    let states = states(&folder, || drop(file.fresh_key(&before).unwrap()));
    let after = ids(&file);
    assert_eq!(after[1..], before);
    assert!(states.len() >= 8, "{}", states.len());
    let mut grown = 0;
    for state in states {
        let there = ids(&KeyFile::at(state.file()));
        assert!(there == before || there == after, "{there:?}");
        grown += usize::from(there == after);
        goes_on(&state);
    }
    assert!(grown >= 1, "the copies were made too early");
}

/// Whoever opened the file that is to take the other's place, and locks it when it has, must not write into it.
#[test]
fn n45_another_process_that_comes_in_at_any_step_loses_no_key_and_none_of_its_own() {
    for nth in 0.. {
        let (folder, file, before) = filled(2);
        let (other, known, theirs) =
            (KeyFile::at(folder.file()), before.clone(), Rc::new(RefCell::new(None)));
        let (mut steps, found) = (0, Rc::clone(&theirs));
        let come_in = move || {
            if steps == nth {
                let (other, known) = (other.clone(), known.clone());
                // A thread has no step of this one's. While the lock is held, it would wait.
                let locked = is_locked(&other);
                let act = move || if locked { None } else { Some(other.fresh_key(&known).unwrap().id()) };
                *found.borrow_mut() = Some(std::thread::spawn(act).join().unwrap());
            }
            steps += 1;
        };
        let mut mine = None;
        at_each_step(come_in, || mine = Some(file.fresh_key(&before).unwrap().id()));
        let (Some(theirs), mine) = (theirs.take(), mine.unwrap()) else { return assert!(nth >= 8) };
        let there = ids(&file);
        assert!(there.ends_with(&before) && there.contains(&mine), "step {nth}: {there:?}");
        assert!(theirs.is_none_or(|theirs| there.contains(&theirs)), "step {nth}: {there:?}");
        assert_eq!(folder.names(), ["keys"]);
    }
}

fn is_locked(file: &KeyFile) -> bool {
    let name = file.describe().replace("the file ", "") + ".new";
    fs::File::open(name).is_ok_and(|file| {
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err()
    })
}

#[test]
fn n44_n45_a_kill_while_a_key_is_forgotten_loses_none() {
    let (folder, file, before) = filled(3);
    let keys = run(file.keys(&[])).unwrap();
    // One is retired already: that file is made, and grows.
    for (number, gone) in [before[1], before[0]].into_iter().enumerate() {
        let (before, old) = (ids(&file), retired(&file, &keys));
        let states = states(&folder, || assert_eq!(file.without(gone), Ok(true)));
        let after: Vec<KeyId> = before.iter().copied().filter(|id| *id != gone).collect();
        assert_eq!(ids(&file), after);
        assert!(states.len() >= 16, "{}", states.len());
        let mut both = 0;
        for state in states {
            let file = KeyFile::at(state.file());
            let (there, kept) = (ids(&file), retired(&file, &keys));
            assert!(there == before || there == after, "{there:?}");
            assert!(keys.iter().all(|key| there.contains(&key.id()) || kept.contains(&key.id())), "{kept:?}");
            assert!(kept.len() == old.len() || kept.len() == old.len() + 1, "{kept:?}");
            both += usize::from(there == before && kept.contains(&gone));
            // Whoever was killed does it again.
            assert_eq!(file.without(gone), Ok(true));
            assert_eq!((ids(&file), retired(&file, &keys).len()), (after.clone(), number + 1));
            goes_on(&state);
        }
        assert!(both >= 1, "first it is kept, and then it is taken away");
    }
}

#[test]
fn n44_a_key_that_cannot_be_kept_as_retired_stays_where_it_is() {
    // Whatever step it is at, the file of retired keys is a folder now.
    for nth in 0.. {
        let (folder, file, before) = filled(2);
        let keys = run(file.keys(&[])).unwrap();
        let (at, mut steps, done) = (file.retired(), 0, Rc::new(RefCell::new(false)));
        let put = Rc::clone(&done);
        let spoil = move || {
            if steps == nth {
                *put.borrow_mut() = fs::create_dir(&at).is_ok();
            }
            steps += 1;
        };
        let mut forgotten = None;
        at_each_step(spoil, || forgotten = Some(file.without(before[1])));
        if !done.take() {
            // It was kept before.
            assert_eq!((forgotten, retired(&file, &keys)), (Some(Ok(true)), vec![before[1]]));
            return assert!(nth >= 8, "{nth}");
        }
        assert_eq!((forgotten, ids(&file)), (Some(Ok(false)), before), "step {nth}");
        assert_eq!(folder.names(), ["keys", "keys.retired"], "step {nth}");
    }
}

#[test]
fn n44_n45_a_kill_while_the_file_is_made_leaves_all_of_it_or_nothing() {
    let folder = Folder::new();
    let states = states(&folder, || drop(KeyFile::create(folder.file()).unwrap()));
    let made = ids(&KeyFile::at(folder.file()));
    assert_eq!((made.len(), folder.names()), (1, vec!["keys".to_owned()]));
    let mut whole = 0;
    for state in states {
        let before = state.file().exists().then(|| ids(&KeyFile::at(state.file())));
        let again = ids(&KeyFile::create(state.file()).unwrap());
        if let Some(before) = before {
            whole += 1;
            assert_eq!((&before, &again), (&made, &made), "a file that is there keeps its key");
        }
        assert_eq!(again.len(), 1);
        goes_on(&state);
    }
    assert!(whole >= 1, "the copies were made too early");
}

#[test]
fn n44_a_file_that_is_made_meanwhile_is_not_written_over() {
    let folder = Folder::new();
    let (path, mine) = (folder.file(), MasterKey::generate());
    let (to, line) = (path.clone(), text::write(&mine));
    let put = move || {
        if !to.exists() {
            fs::write(&to, line.as_bytes()).unwrap();
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&to, own).unwrap();
        }
    };
    let mut made = None;
    at_each_step(put, || made = Some(KeyFile::create(&path).unwrap()));
    assert_eq!(ids(&made.unwrap()), [mine.id()]);
    assert_eq!(folder.names(), ["keys"]);
}

#[test]
fn n44_a_file_that_is_swapped_while_it_is_read_is_the_one_that_was_opened() {
    let (folder, file, before) = filled(1);
    let (path, other) = (folder.file(), folder.0.join("other"));
    fs::write(&other, "not a key\n").unwrap();
    let swap = move || fs::rename(&other, &path).unwrap_or_default();
    let mut seen = Vec::new();
    at_each_step(swap, || seen = file.read().unwrap().keys.iter().map(|line| line.key.id()).collect());
    assert_eq!(seen, before);
}

#[test]
fn n44_a_file_that_is_written_to_while_it_is_read_is_not_believed() {
    let (folder, file, _) = filled(2);
    let path = folder.file();
    let cut = move || {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length - 65).unwrap();
    };
    let mut error = None;
    at_each_step(cut, || error = file.read().err());
    let error = error.unwrap().to_string().replace(&folder.file().display().to_string(), "FILE");
    assert_eq!(
        error,
        "the master key cannot be read: the file FILE was written to while it was read; try again"
    );
}

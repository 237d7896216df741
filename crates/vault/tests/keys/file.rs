use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use keyway_vault::{KeyError, KeyFile, KeySource as _};

use crate::{ONE, TWO, assert_silent, id, ids, told};

/// A folder that is gone after the test, and the place of a file of keys in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("keyway-key-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.at("keys")
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700));
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What a file gives: the keys, by name, or an error in which `FILE` is its path. `fresh` and `forget` give the same error.
pub(crate) async fn look(path: &Path) -> String {
    let file = KeyFile::at(path);
    assert_silent(&format!("{file:?} {}", file.describe()));
    let shown = |error: &KeyError| told(error).replace(&path.display().to_string(), "FILE");
    match file.keys(&[]).await {
        Ok(keys) => {
            assert_silent(&format!("{keys:?}"));
            let name = |found| if found == id(ONE) { "one" } else { "two" };
            ids(&keys).into_iter().map(name).collect::<Vec<_>>().join(", ")
        }
        Err(error) => {
            assert_eq!(file.fresh(&[]).await.unwrap_err(), error);
            assert_eq!(file.forget(id(ONE)).await.unwrap_err(), error);
            shown(&error)
        }
    }
}

#[tokio::test]
async fn n44_the_content_of_a_file() {
    let line = |number: usize, what: &str| {
        format!("the master key cannot be read: line {number} of the file FILE {what}")
    };
    let digits = |count: usize| format!("has {count} hex digits; a key has 64, which are 32 bytes");
    let other = "holds something other than hex digits; a key is 64 of them";
    let none = "there is no master key: the file FILE holds none".to_owned();
    let mark = "the master key cannot be read: the file FILE begins with a byte order mark; save it as plain text without one";
    let many: Vec<String> = (1..=17).map(|number| format!("{number:02x}{}", &ONE[2..])).collect();
    let text = |text: &str| text.as_bytes().to_vec();
    for (content, expected) in [
        (text(ONE), "one".to_owned()),
        (format!("{ONE}\n").into(), "one".to_owned()),
        (format!("{ONE}\n\n\n").into(), "one".to_owned()),
        (format!("{ONE}\r\n{TWO}\r\n").into(), "one, two".to_owned()),
        (format!("# Ours: c0ffee\n\n{TWO}\n  # older\n{ONE}").into(), "two, one".to_owned()),
        (format!(" \t{} \n", ONE.to_uppercase()).into(), "one".to_owned()),
        ([b"# \xff\xfe\n", ONE.as_bytes()].concat(), "one".to_owned()),
        (Vec::new(), none.clone()),
        (text("\n"), none.clone()),
        (text(" \r\n\t\n"), none.clone()),
        (text("# nothing here\n"), none),
        (text(&ONE[2..]), line(1, &digits(62))),
        (format!("{ONE}c0\n").into(), line(1, &digits(66))),
        (format!("# a\n\n{ONE}\n{}", &TWO[1..]).into(), line(4, &digits(63))),
        (format!("{ONE}{TWO}").into(), line(1, &digits(128))),
        ("00".repeat(32).into(), line(1, "is no key: all its bytes are the same")),
        (format!("{ONE}\n{}\n", "c0".repeat(32)).into(), line(2, "is no key: all its bytes are the same")),
        (
            format!("{ONE}\n{TWO}\n{}", ONE.to_uppercase()).into(),
            line(3, "repeats the key of line 1 of the file FILE"),
        ),
        (format!("\u{feff}{ONE}").into(), mark.to_owned()),
        (ONE.encode_utf16().flat_map(u16::to_be_bytes).collect(), line(1, other)),
        (
            [b"\xff\xfe".to_vec(), ONE.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
            mark.to_owned(),
        ),
        (format!("{} {}", &ONE[..32], &ONE[32..]).into(), line(1, other)),
        (format!("{ONE} # ours").into(), line(1, other)),
        (format!("{ONE}\r{TWO}").into(), line(1, other)),
        (format!("{ONE},{TWO}").into(), line(1, other)),
        (format!("0x{}", &ONE[2..]).into(), line(1, other)),
        (format!("{ONE}\0").into(), line(1, other)),
        ([ONE.as_bytes(), b"\n\xc0\xff\xee"].concat(), line(2, other)),
        ((0..32_u8).map(|byte| byte.wrapping_mul(7).wrapping_add(129)).collect(), line(1, other)),
        (many.join("\n").into(), line(17, "is one too many: there may be 16 keys")),
        (
            vec![b'#'; 64 * 1024 + 1],
            "the master key cannot be read: the file FILE is larger than 64 KiB".to_owned(),
        ),
        ([vec![b'#'; 64 * 1024 - 65], vec![b'\n'], ONE.into()].concat(), "one".to_owned()),
    ] {
        let folder = Folder::new();
        write(&folder.keys(), &content, 0o600);
        assert_eq!(look(&folder.keys()).await, expected);
        assert_eq!((fs::read(folder.keys()).unwrap(), folder.names()), (content, vec!["keys".to_owned()]));
    }
}

#[tokio::test]
async fn n44_the_file_itself() {
    type Make = fn(&Folder, &Path);
    let link = "the master key is not safe where it is: the file FILE is a symbolic link; name the file that it leads to";
    let regular = "the master key is not safe where it is: the file FILE is not a regular file";
    let open = |mode: &str| {
        format!(
            "the master key is not safe where it is: the file FILE may be used by others than its owner (mode {mode}); run \
             `chmod 600` on it"
        )
    };
    let missing = "there is no master key: the file FILE does not exist";
    let table: [(Make, String); 16] = [
        (|_, path| write(path, ONE, 0o600), "one".to_owned()),
        (|_, path| write(path, ONE, 0o400), "one".to_owned()),
        (|_, _| {}, missing.to_owned()),
        (|_, path| write(path, ONE, 0o644), open("0644")),
        (|_, path| write(path, ONE, 0o640), open("0640")),
        (|_, path| write(path, ONE, 0o620), open("0620")),
        (|_, path| write(path, ONE, 0o604), open("0604")),
        (|_, path| write(path, ONE, 0o601), open("0601")),
        (
            |folder, path| {
                write(&folder.at("real"), ONE, 0o600);
                symlink("real", path).unwrap();
            },
            link.to_owned(),
        ),
        (|_, path| symlink("nowhere", path).unwrap(), link.to_owned()),
        (|_, path| symlink("keys", path).unwrap(), link.to_owned()),
        (|_, path| symlink("/dev/zero", path).unwrap(), link.to_owned()),
        (|_, path| fs::create_dir(path).unwrap(), regular.to_owned()),
        (|_, path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), String::new()),
        // Nobody writes into it: whoever opened it to read would wait.
        (|_, path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()), regular.to_owned()),
        (
            |_, path| {
                write(&path.with_extension("real"), ONE, 0o600);
                fs::hard_link(path.with_extension("real"), path).unwrap();
            },
            "one".to_owned(),
        ),
    ];
    for (number, (make, expected)) in table.into_iter().enumerate() {
        let folder = Folder::new();
        make(&folder, &folder.keys());
        let found = look(&folder.keys()).await;
        if expected.is_empty() {
            assert!(found.starts_with("the master key cannot be read: the file FILE: "), "{found}");
        } else {
            assert_eq!(found, expected, "row {number}");
        }
        assert!(!folder.names().contains(&"keys.new".to_owned()), "row {number}");
    }
    assert_eq!(look(Path::new("/dev/zero")).await, regular);
    assert_eq!(look(Path::new("/nowhere/keys")).await, missing);
}

#[tokio::test]
async fn a_key_that_the_database_does_not_know_is_taken_and_otherwise_one_is_made() {
    let folder = Folder::new();
    let content = format!("# ours\n\n{TWO}\n# older\n{ONE}\n");
    write(&folder.keys(), &content, 0o600);
    let file = KeyFile::at(folder.keys());
    assert!(file.keeps());
    assert_eq!(file.fresh(&[]).await.unwrap().key.id(), id(TWO));
    assert_eq!(file.fresh(&[id(TWO)]).await.unwrap().key.id(), id(ONE));
    assert_eq!(fs::read_to_string(folder.keys()).unwrap(), content, "nothing had to be written");

    let new = file.fresh(&[id(ONE), id(TWO)]).await.unwrap();
    assert_eq!(new.wrapped, None);
    assert_eq!(ids(&file.keys(&[]).await.unwrap()), [new.key.id(), id(TWO), id(ONE)]);
    let text = fs::read_to_string(folder.keys()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1], lines[2].len()), (6, "# ours", "", 64));
    assert_eq!(lines[3..], [TWO, "# older", ONE]);
    assert_eq!((mode(&folder.keys()), folder.names()), (0o600, vec!["keys".to_owned()]));

    assert_eq!(file.forget(id(TWO)).await, Ok(true));
    assert_eq!(file.forget(id(TWO)).await, Ok(true), "it is gone, and that is what was asked for");
    let left = format!("# ours\n\n{}\n# older\n{ONE}\n", lines[2]);
    assert_eq!(fs::read_to_string(folder.keys()).unwrap(), left);
    assert_eq!(file.forget(new.key.id()).await, Ok(true));
    let error = file.forget(id(ONE)).await.unwrap_err();
    assert!(told(&error).ends_with("/keys would be left without a key"), "{error}");
    assert_eq!(fs::read_to_string(folder.keys()).unwrap(), format!("# ours\n\n# older\n{ONE}\n"));
    assert_eq!((mode(&file.retired()), folder.names()), (0o600, vec!["keys".into(), "keys.retired".into()]));
    let text = fs::read_to_string(file.retired()).unwrap();
    assert!(text.starts_with("# Master keys of Keyway that rotations took out"), "the head");
    let kept: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("# The key ")).collect();
    assert_eq!((kept.len(), kept[1], kept[3]), (4, TWO, lines[2]));
    assert!(kept[0].starts_with(&format!("# The key {}, taken out of the key file at 2", id(TWO))));
    // Nobody reads it, but it is a key file for whoever wants one.
    assert_eq!(ids(&file.keys(&[]).await.unwrap()), [id(ONE)]);
    assert_eq!(ids(&KeyFile::at(file.retired()).keys(&[]).await.unwrap()), [id(TWO), new.key.id()]);
}

#[tokio::test]
async fn a_last_line_without_an_end_takes_a_line_before_it() {
    let folder = Folder::new();
    write(&folder.keys(), ONE, 0o600);
    let file = KeyFile::at(folder.keys());
    let new = file.fresh(&[id(ONE)]).await.unwrap().key.id();
    assert_eq!(ids(&file.keys(&[]).await.unwrap()), [new, id(ONE)]);
    assert_eq!(file.forget(id(ONE)).await, Ok(true));
    assert_eq!(ids(&file.keys(&[]).await.unwrap()), [new]);
}

#[tokio::test]
async fn n44_a_full_file_takes_no_more() {
    let folder = Folder::new();
    let many: Vec<String> = (1..=16).map(|number| format!("{number:02x}{}", &ONE[2..])).collect();
    write(&folder.keys(), many.join("\n"), 0o600);
    let file = KeyFile::at(folder.keys());
    let known = ids(&file.keys(&[]).await.unwrap());
    let error = told(&file.fresh(&known).await.unwrap_err());
    assert!(
        error.ends_with("/keys holds 16 keys already; take those away that nothing is sealed with any more"),
        "{error}"
    );
    assert_eq!(file.forget(known[3]).await, Ok(true));
    let fresh = file.fresh(&known).await.unwrap().key.id();
    assert!(!known.contains(&fresh));
}

#[tokio::test]
async fn a_file_is_made_with_a_key_in_it_once() {
    let folder = Folder::new();
    let path = folder.at("a/b/keys");
    let file = KeyFile::create(&path).unwrap();
    for (path, expected) in [(path.as_path(), 0o600), (&folder.at("a"), 0o700), (&folder.at("a/b"), 0o700)] {
        assert_eq!(mode(path), expected);
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# A master key of Keyway.") && text.contains("Keep a copy"), "the head");
    let first = file.fresh(&[]).await.unwrap().key.id();
    assert_eq!(ids(&file.keys(&[]).await.unwrap()), [first]);
    assert_eq!(fs::read_dir(folder.at("a/b")).unwrap().count(), 1);

    // A file that somebody made before is the one to use.
    let again = KeyFile::create(&path).unwrap();
    assert_eq!(again.fresh(&[]).await.unwrap().key.id(), first);
    assert_eq!((again.make(), KeyFile::at(folder.keys()).make()), (Ok(false), Ok(true)));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn n44_what_is_there_is_never_written_over() {
    type Make = fn(&Path);
    let there =
        "there is a master key already: the file FILE is there and is left as it is, and cannot be used: ";
    let table: [(Make, &str); 6] = [
        (|path| write(path, "", 0o600), "there is no master key: the file FILE holds none"),
        (|path| write(path, "# soon\n", 0o600), "there is no master key: the file FILE holds none"),
        (
            |path| write(path, &ONE[2..], 0o600),
            "the master key cannot be read: line 1 of the file FILE has 62 hex digits; a key has 64, which are 32 bytes",
        ),
        (|path| write(path, ONE, 0o644), "mode 0644"),
        (|path| symlink("nowhere", path).unwrap(), "symbolic link"),
        (|path| fs::create_dir(path).unwrap(), "not a regular file"),
    ];
    for (make, expected) in table {
        let folder = Folder::new();
        make(&folder.keys());
        let before = fs::read(folder.keys()).ok();
        let error = KeyFile::create(folder.keys()).unwrap_err();
        let text = told(&error).replace(&folder.keys().display().to_string(), "FILE");
        match &error {
            KeyError::Exists(_) => assert_eq!(text, format!("{there}{expected}")),
            KeyError::Unsafe(_) => assert!(text.contains(expected), "{text}"),
            _ => panic!("{text}"),
        }
        assert_eq!((fs::read(folder.keys()).ok(), folder.names()), (before, vec!["keys".to_owned()]));
    }
}

/// What stands where the new file is to be written is written over when it was left there, and never followed.
#[tokio::test]
async fn n44_what_stands_beside_the_file() {
    type Make = fn(&Folder, &Path);
    let table: [(Make, Option<&str>); 8] = [
        (|_, beside| write(beside, "", 0o600), None),
        (
            |_, beside| {
                write(beside, "half a line, and much more than what takes its place".repeat(99), 0o600);
            },
            None,
        ),
        (|_, beside| write(beside, ONE, 0o644), Some("keys.new may be used by others")),
        (
            |folder, beside| {
                write(&folder.at("precious"), ONE, 0o600);
                symlink("precious", beside).unwrap();
            },
            Some("keys.new: "),
        ),
        (
            |folder, beside| {
                write(&folder.at("precious"), ONE, 0o600);
                fs::hard_link(folder.at("precious"), beside).unwrap();
            },
            Some("keys.new has a second name; remove it"),
        ),
        (|_, beside| fs::create_dir(beside).unwrap(), Some("cannot be written: ")),
        (
            |_, beside| {
                assert!(Command::new("mkfifo").args(["-m", "600"]).arg(beside).status().unwrap().success());
            },
            Some("keys.new is not a regular file"),
        ),
        // Left by a process that was killed when it had just made the file.
        (|folder, beside| fs::hard_link(folder.keys(), beside).unwrap(), None),
    ];
    for (number, (make, expected)) in table.into_iter().enumerate() {
        let folder = Folder::new();
        write(&folder.keys(), ONE, 0o600);
        make(&folder, &folder.at("keys.new"));
        let file = KeyFile::at(folder.keys());
        let fresh = file.fresh(&[id(ONE)]).await;
        let there = ids(&file.keys(&[]).await.unwrap());
        match expected {
            None => {
                assert_eq!(there, [fresh.unwrap().key.id(), id(ONE)], "row {number}");
                assert_eq!(folder.names(), ["keys"], "row {number}");
            }
            Some(part) => {
                let error = told(&fresh.unwrap_err());
                assert!(
                    error.starts_with("the master key cannot be kept: ") && error.contains(part),
                    "{number}: {error}"
                );
                assert_eq!(there, [id(ONE)]);
                assert!(folder.names().contains(&"keys.new".to_owned()), "row {number}");
            }
        }
        if folder.at("precious").exists() {
            assert_eq!(fs::read_to_string(folder.at("precious")).unwrap(), ONE);
        }
    }
}

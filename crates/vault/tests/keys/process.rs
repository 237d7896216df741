//! A file of keys and several processes: another user's, those that change it at once, one that is killed.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use keyway_vault::{KeyFile, KeyId, KeySource as _};

use crate::{
    ONE,
    file::{Folder, look, write},
    id, ids,
};

const ROLE: &str = "KEYWAY_TEST_KEY_FILE_ROLE";
const PATH: &str = "KEYWAY_TEST_KEY_FILE";

/// This program again, which plays a role on a file: see [`plays_its_role`].
fn role(program: &Path, role: &str, path: &Path) -> Command {
    let mut command = Command::new(program);
    as_role(&mut command, role, path);
    command
}

fn as_role(command: &mut Command, role: &str, path: &Path) {
    command.args(["--exact", "process::plays_its_role", "--nocapture"]).env(ROLE, role).env(PATH, path);
    command.stdout(Stdio::piped());
}

/// Nothing, unless another test starts this program with a role.
#[tokio::test]
async fn plays_its_role() {
    let (Ok(role), Some(path)) = (env::var(ROLE), env::var_os(PATH).map(PathBuf::from)) else { return };
    let file = KeyFile::at(&path);
    match role.as_str() {
        "look" => println!("\nSAID {}", look(&path).await),
        "change" => println!(
            "\nSAID {}",
            file.fresh(&[id(ONE)]).await.map_or_else(
                |error| error.to_string().replace(&path.display().to_string(), "FILE"),
                |new| format!("fresh {}", new.key.id()),
            )
        ),
        "forget" => println!("\nSAID {:?}", file.forget(id(ONE)).await),
        "grow" => {
            for _ in 0..7 {
                let known = ids(&file.keys(&[]).await.unwrap());
                println!("\n+{}", file.fresh(&known).await.unwrap().key.id());
            }
        }
        _ => loop {
            let known = ids(&file.keys(&[]).await.unwrap());
            println!("\n+{}", file.fresh(&known).await.unwrap().key.id());
            for old in &known[known.len().min(4)..] {
                println!("\n-{old}");
                file.forget(*old).await.unwrap();
            }
        },
    }
}

fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().find_map(|line| line.strip_prefix("SAID ")).unwrap().to_owned()
}

/// The keys that the lines of a role say are there.
#[derive(Default)]
struct Said(BTreeSet<KeyId>);

impl Said {
    fn hear(&mut self, line: &str) -> bool {
        let (Some(sign), Some(id)) = (line.get(..1), line.get(1..).and_then(KeyId::parse)) else {
            return false;
        };
        match sign {
            "+" => self.0.insert(id),
            "-" => self.0.remove(&id),
            _ => false,
        }
    }
}

#[test]
fn n45_processes_that_add_keys_at_once_lose_none() {
    let folder = Folder::new();
    let path = folder.keys();
    let file = KeyFile::create(&path).unwrap();
    let program = env::current_exe().unwrap();
    let children: Vec<_> = (0..2).map(|_| role(&program, "grow", &path).spawn().unwrap()).collect();
    let mut said = Said::default();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        for line in text.lines() {
            said.hear(line);
        }
    }
    let there = keys_of(&file);
    assert!(said.0.len() >= 7 && said.0.is_subset(&there), "{:?} of {there:?}", said.0);
}

#[test]
fn n45_a_process_that_is_killed_loses_no_key() {
    let folder = Folder::new();
    let path = folder.keys();
    write(&path, ONE, 0o600);
    let file = KeyFile::at(&path);
    let program = env::current_exe().unwrap();
    let mut ever = keys_of(&file);
    for round in 0..12 {
        let before = keys_of(&file);
        let mut child = role(&program, "churn", &path).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Said(before);
        let mut heard = 0;
        while heard < 5 + round {
            let line = lines.next().unwrap().unwrap();
            heard += usize::from(said.hear(&line));
            ever.extend(&said.0);
        }
        child.kill().unwrap();
        // What it said before it ended counts as well.
        for line in lines {
            said.hear(&line.unwrap());
            ever.extend(&said.0);
        }
        child.wait().unwrap();
        let there = keys_of(&file);
        assert!(said.0.is_subset(&there), "{:?} of {there:?}", said.0);
        // Those that were taken away are in the other file.
        let retired = retired_of(&file);
        assert!(ever.iter().all(|id| there.contains(id) || retired.contains(id)), "{ever:?} of {retired:?}");
    }
}

/// The keys that were retired: what is said of each stands before it.
fn retired_of(file: &KeyFile) -> BTreeSet<KeyId> {
    let text = fs::read_to_string(file.retired()).unwrap_or_default();
    let ids: Vec<KeyId> = text
        .lines()
        .filter_map(|line| KeyId::parse(line.strip_prefix("# The key ")?.split_once(',')?.0))
        .collect();
    assert_eq!(text.lines().filter(|line| line.len() == 64).count(), ids.len());
    ids.into_iter().collect()
}

fn keys_of(file: &KeyFile) -> BTreeSet<KeyId> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    ids(&runtime.block_on(file.keys(&[])).unwrap()).into_iter().collect()
}

/// A user with few rights, and a copy of this program where that user may run it.
struct Somebody {
    folder: Folder,
}

const USER: u32 = 60_123;

impl Somebody {
    /// `None` where this process may not become somebody else.
    fn new() -> Option<Self> {
        let words = user();
        let allowed = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
            && Command::new(&words[0])
                .args(&words[1..])
                .arg("true")
                .status()
                .is_ok_and(|status| status.success());
        if !allowed {
            assert!(env::var_os("CI").is_none(), "it takes the superuser, and `setpriv`");
            return None;
        }
        let folder = Folder::new();
        fs::set_permissions(folder.at(""), Permissions::from_mode(0o755)).unwrap();
        // Another process writes it: a file that this one has open for writing cannot be run by a child that was forked
        // meanwhile.
        let copied = Command::new("cp").arg(env::current_exe().unwrap()).arg(folder.at("program")).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(folder.at("program"), Permissions::from_mode(0o755)).unwrap();
        Some(Self { folder })
    }

    fn role(&self, role: &str, path: &Path) -> String {
        let words = user();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(self.folder.at("program"));
        as_role(&mut command, role, path);
        said(command)
    }
}

fn user() -> [String; 4] {
    ["setpriv".into(), format!("--reuid={USER}"), format!("--regid={USER}"), "--clear-groups".into()]
}

#[tokio::test]
async fn n44_a_file_of_somebody_else() {
    let Some(somebody) = Somebody::new() else { return };
    let path = somebody.folder.keys();
    write(&path, ONE, 0o600);
    assert_eq!(
        somebody.role("look", &path),
        "the master key cannot be read: the file FILE: Permission denied (os error 13)"
    );

    chown(&path, Some(USER), Some(USER)).unwrap();
    assert_eq!(somebody.role("look", &path), "one");
    assert_eq!(
        look(&path).await,
        "the master key is not safe where it is: the file FILE belongs to the user 60123; it must belong to whoever runs this \
         (user 0), or to root"
    );
}

#[tokio::test]
async fn n44_a_folder_that_may_not_be_written() {
    let Some(somebody) = Somebody::new() else { return };
    let path = somebody.folder.keys();
    write(&path, format!("{ONE}\n{}\n", crate::TWO), 0o600);
    chown(&path, Some(USER), Some(USER)).unwrap();
    assert_eq!(somebody.role("look", &path), "one, two");
    assert_eq!(
        somebody.role("change", &path),
        format!("fresh {}", id(crate::TWO)),
        "nothing has to be written"
    );
    assert_eq!(somebody.role("forget", &path), "Ok(false)", "somebody has to do that by hand");

    write(&path, ONE, 0o600);
    assert_eq!(
        somebody.role("change", &path),
        "the master key cannot be kept: the file FILE cannot be written: FILE.new: Permission denied (os error 13)"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), ONE);
}

//! Processes: what everybody sees of one, how it is ended, and one that may have no threads.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{Read as _, Write as _},
    os::unix::{ffi::OsStringExt as _, fs::MetadataExt as _},
    path::Path,
    process::{Command, Stdio},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::sink::Sink;

/// Tells whether a tool is there and works. Where it is not, that is said, once; in CI it fails.
pub(crate) fn has(tool: &str, arguments: &[&str]) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let output = Command::new(tool).args(arguments).stdin(Stdio::null()).output();
    let works = output.is_ok_and(|output| output.status.success());
    if !works {
        assert!(env::var_os("CI").is_none(), "CI has `{tool}`, and here it does not work");
        if SAID.lock().unwrap().insert(tool.to_owned()) {
            // Not `eprintln!`: that is captured, and a skip is to be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: runs of the canary that need `{tool}`");
        }
    }
    works
}

/// The arguments, the environment and the open files of a process and of all that it started, as others see them.
pub(crate) fn of_process(root: u32) -> Vec<(Sink, Vec<u8>)> {
    let parent = |id: u32| -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name stands in parentheses, and may hold anything.
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let running = fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(u32, u32)> = running
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, parent(id)?)))
        .collect();
    let mut family = vec![root];
    while let Some((id, _)) = all.iter().find(|(id, parent)| family.contains(parent) && !family.contains(id))
    {
        family.push(*id);
    }
    let mut found = Vec::new();
    for id in family {
        for (sink, name) in [(Sink::CommandLine, "cmdline"), (Sink::Environment, "environ")] {
            // It may be gone.
            let bytes = at_once(&format!("/proc/{id}/{name}"));
            found.extend(bytes.map(|bytes| (sink, whole_entries(bytes))));
        }
        found.push((Sink::OpenFiles, open_files(id)));
    }
    found
}

/// What is in a file, by a single read: between two, a process may become another program, and its arguments stand elsewhere.
fn at_once(path: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 1 << 21];
    let length = fs::File::open(path).ok()?.read(&mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// The entries that were read whole. A process that ends while it is read leaves the beginning of one, and what the caller
/// put there could no longer be told from what the process did.
fn whole_entries(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(memchr::memrchr(0, &bytes).map_or(0, |end| end + 1));
    bytes
}

#[test]
fn an_entry_that_was_cut_off_is_left_out() {
    assert_eq!(whole_entries(b"A=1\0B=2\0".to_vec()), b"A=1\0B=2\0");
    assert_eq!(whole_entries(b"A=1\0B=".to_vec()), b"A=1\0");
    assert_eq!(whole_entries(b"A=".to_vec()), b"");
}

/// The names of the files that a process has open, or in its memory, a line each.
fn open_files(id: u32) -> Vec<u8> {
    let open = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    let names = open.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.into_os_string().into_vec()));
    let mut lines: Vec<Vec<u8>> = names.collect();
    let maps = fs::read(format!("/proc/{id}/maps")).unwrap_or_default();
    // Addresses, rights, offset, device and inode stand before a name.
    let of_memory = maps
        .split(|byte| *byte == b'\n')
        .filter_map(|line| memchr::memchr2(b'/', b'[', line).map(|at| &line[at..]));
    lines.extend(of_memory.map(<[u8]>::to_vec));
    lines.dedup();
    lines.join(&b'\n')
}

/// A command that a signal ends. Whoever started the tests may have ignored `SIGINT`, as a shell does for what it runs in
/// the background, and every child would ignore it too. Where there is no `env` that undoes this, nothing is undone.
pub(crate) fn ended_by_signals(program: &Path) -> Command {
    const UNDO: &str = "--default-signal=INT,TERM";
    static WORKS: LazyLock<bool> = LazyLock::new(|| {
        Command::new("env").args([UNDO, "true"]).output().is_ok_and(|output| output.status.success())
    });
    if !*WORKS {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.arg(UNDO).arg(program);
    command
}

/// Sends a signal.
pub(crate) fn kill(signal: &str, process: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {process}")]).status().unwrap();
    assert!(status.success());
}

/// A command that may have one process and no further thread. For the superuser there is no such limit, so that it is
/// run as somebody who has no other process.
pub(crate) fn without_threads(program: &Path) -> Option<Command> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !has("prlimit", &["--nproc=1000", "true"]) {
        return None;
    }
    let mut words: Vec<String> = ["prlimit", "--nproc=1"].map(str::to_owned).to_vec();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        if !has("setpriv", &["--reuid=60000", "--regid=60000", "--clear-groups", "true"]) {
            return None;
        }
        // Runs at the same time would count as one user's.
        let user = 60_000 + (std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % 5_000;
        let user = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
        words = [vec!["setpriv".to_owned()], user.to_vec(), words].concat();
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(program);
    Some(command)
}

/// A command that may write no file beyond this many bytes.
pub(crate) fn within(bytes: u64, program: &Path) -> Option<Command> {
    let limit = format!("--fsize={bytes}");
    has("prlimit", &[&limit, "true"]).then(|| {
        let mut command = Command::new("prlimit");
        command.arg(limit).arg(program);
        command
    })
}

/// Tells whether a process may leave a core dump, in which its memory would stand.
pub(crate) fn may_dump(process: u32) -> bool {
    // It may be gone.
    let Ok(limits) = fs::read_to_string(format!("/proc/{process}/limits")) else { return false };
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    !line.split_whitespace().take(2).eq(["0", "0"])
}

/// Copies a program to where everybody may run it. Another process writes it: a file that this one has open for writing
/// would be open in every process that is started meanwhile, and could not be run.
pub(crate) fn copy_for_all(program: &Path, to: &Path) {
    let script = r#"cp -- "$0" "$1" && chmod -R a+rwX -- "$2""#;
    let folder = to.parent().and_then(Path::parent).unwrap();
    let status = Command::new("sh").args(["-c", script]).args([program, to, folder]).status().unwrap();
    assert!(status.success());
}

/// Writes a script that can be run; by another process, for the same reason.
pub(crate) fn script(path: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args(["-c", r#"cat > "$0" && chmod a+x -- "$0""#])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

//! Random secrets drive the binary through all that can happen to it, and whatever comes out of it is looked through.
//! Where a secret belongs, at its target, it is seen once. It is seen nowhere else, however it is written.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod astray;
mod commands;
mod drive;
mod files;
mod gateway;
mod pages;
mod planted;
mod postgres;
mod process;
mod scanner;
#[path = "../cli/support/script.rs"]
mod script;
mod server;
mod sink;
mod situations;
mod stage;
mod story;
mod subject;
mod terminal;

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::Command,
    sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
    thread,
};

use fastrand::Rng;
use keyway::Registry;

use crate::{
    drive::{Outcome, drive},
    scanner::Canary,
    sink::Sink,
    situations::Situation,
    subject::{OWN, Subject},
};

/// The binary.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_keyway"))
}

/// Everyone whose secrets are made up, and the number from which they were. `KEYWAY_CANARY=number` makes the same ones.
fn subjects() -> (u64, Vec<Subject>) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let seed = env::var("KEYWAY_CANARY").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("keyway-canary-own-{}-{count}", std::process::id()));
    fs::create_dir_all(folder.join("canary")).unwrap();
    fs::write(folder.join("canary/provider.yaml"), OWN).unwrap();
    let registry = Registry::linked().unwrap().with_directory(&folder);
    fs::remove_dir_all(&folder).unwrap();
    (seed, Subject::all(&registry.unwrap(), &mut Rng::with_seed(seed)))
}

/// The code with which the binary ends where a provider gives no answer.
const UNAVAILABLE: i32 = 6;

/// Drives situations. Where a provider was not heard in time, and nothing else went wrong, the machine was too busy: that may
/// happen twice. A sighting is one.
fn in_time(subject: &Subject, canary: &Canary, chain: &[Situation]) -> Option<Outcome> {
    let mut late = 0;
    loop {
        let outcome = drive(binary(), subject, canary, chain)?;
        let is_late = |wrong: &String| wrong.contains(&format!(": it ended with {UNAVAILABLE}: "));
        if outcome.wrong.is_empty() || late == 2 || !outcome.wrong.iter().all(is_late) {
            return Some(outcome);
        }
        late += 1;
    }
}

#[test]
fn a_key_is_seen_at_its_target_and_nowhere_else() {
    let (seed, subjects) = subjects();
    let canary = Subject::canary(&subjects);
    let mut work: Vec<(&Subject, Vec<Situation>)> = Vec::new();
    for subject in &subjects {
        // They take the longest.
        work.push((subject, story::usual(subject)));
        work.push((subject, gateway::through(subject)));
        work.push((subject, vec![pages::through(subject)]));
        let mut all = situations::of(subject, &subjects);
        // Where a key is mistaken for something else, nobody knows what method it is for.
        let is_first = subjects.iter().find(|other| other.provider == subject.provider);
        if is_first.is_some_and(|first| first.method == subject.method) {
            work.push((subject, astray::wrong(subject)));
            work.push((subject, astray::without(subject)));
            all.extend(commands::misplaced(subject));
            if subject.provider == "canary" {
                all.extend(astray::unreachable(subject));
            }
        }
        all.push(commands::served(subject));
        if subject.provider != "canary" {
            // It has no stand-in.
            all.extend(commands::usual(subject));
        }
        work.extend(all.into_iter().map(|situation| (subject, vec![situation])));
    }
    let next = AtomicUsize::new(0);
    let (wrong, yields) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    let runs = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((subject, chain)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(outcome) = in_time(subject, &canary, chain) else { continue };
                    runs.fetch_add(outcome.runs, Ordering::Relaxed);
                    yields.lock().unwrap().extend(outcome.yields);
                    wrong.lock().unwrap().extend(outcome.wrong);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let runs = runs.into_inner();
    assert!(wrong.is_empty(), "of {runs} runs (KEYWAY_CANARY={seed}):\n{}", wrong.join("\n"));
    let mut without = silent(&yields.into_inner().unwrap());
    if !terminal::is_there() {
        without.retain(|sink| *sink != Sink::Terminal);
    }
    assert!(without.is_empty(), "nothing came out of {without:?}: is it looked at?");
}

/// The sinks that nothing was caught in.
fn silent(yields: &BTreeSet<Sink>) -> Vec<Sink> {
    Sink::ALL.into_iter().filter(|sink| !yields.contains(sink)).collect()
}

#[test]
fn a_sink_that_yields_nothing_is_told() {
    for sink in Sink::ALL {
        let others = Sink::ALL.into_iter().filter(|other| *other != sink).collect();
        assert_eq!(silent(&others), [sink]);
    }
    assert_eq!(silent(&BTreeSet::new()), Sink::ALL);
}

/// A command that is added is driven, too.
#[test]
fn every_command_is_driven() {
    let of_vault = story::COMMANDS;
    let driven: BTreeSet<String> = commands::COMMANDS
        .iter()
        .map(|(name, _)| *name)
        .chain(of_vault.iter().map(|line| line[0]))
        .map(str::to_owned)
        .collect();
    assert_eq!(driven, told(&[]), "the canary's commands (left) and those of `keyway --help` (right)");
    for command in ["vault", "connection", "grant", "token", "session"] {
        let driven =
            of_vault.iter().filter(|line| line[0] == command).map(|line| line[1].to_owned()).collect();
        let told = told(&[command]);
        assert_eq!(told, driven, "`keyway {command} --help` (left) and the canary's commands (right)");
    }
}

/// The commands that help tells of.
fn told(of: &[&str]) -> BTreeSet<String> {
    let help = Command::new(binary()).args(of).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let first = names.filter_map(|line| line.split_whitespace().next());
    first.filter(|name| *name != "help").map(str::to_owned).collect()
}

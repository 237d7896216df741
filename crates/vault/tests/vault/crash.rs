//! N45: killed at any instant, and cut off at each call to the store: what was acknowledged is there.

mod cut;

use std::{
    env, fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use keyway_postgres::Server;

use crate::load::{Acknowledged, Place};

/// So many times the process is killed: as often as `KEYWAY_SOAK` says.
fn rounds() -> u64 {
    env::var("KEYWAY_SOAK").map_or(20, |rounds| rounds.parse().expect("KEYWAY_SOAK is a number of rounds"))
}

/// After so many rounds another vault is taken, so that looking at everything stays quick.
const ROUNDS: u64 = 50;

async fn crashes(rounds: u64, place: impl AsyncFn() -> Option<Place>) {
    let seed = fastrand::u64(..1 << 32);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut operations, mut interrupted) = (0, 0);
    for first in (0..rounds).step_by(usize::try_from(ROUNDS).unwrap()) {
        let Some(place) = place().await else { return };
        let mut known = Acknowledged::default();
        for round in first..rounds.min(first + ROUNDS) {
            // From the first instant on, where nothing is open yet, to where much was done.
            let (lines, wait) = (random.usize(0..150), Duration::from_micros(random.u64(0..20_000)));
            println!("seed {seed}, round {round}: killed after {lines} lines and {wait:?}");
            let mut load = place.load(random.u64(..1 << 32), 0);
            load.wait(lines);
            thread::sleep(wait);
            known.learn(&load.kill());
            let vault = place.vault().await;
            known.check(&vault).await;
            if place.end_rotation(&vault).await {
                interrupted += 1;
                known.check(&vault).await;
            }
            vault.close().await;
            place.assert_tidy();
        }
        let wrong: Vec<_> = known.refused.iter().filter(|line| !is_clean(line)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        operations += known.operations;
    }
    println!(
        "{rounds} rounds, {operations} acknowledged, {interrupted} rotations were interrupted and ended"
    );
    assert!(operations > 0);
}

/// Tells whether somebody was refused for a reason that there is while tasks compete.
fn is_clean(refused: &str) -> bool {
    refused.ends_with(" NotFound") || refused.ends_with(" Rotating")
}

#[tokio::test(flavor = "multi_thread")]
async fn n45_killed_at_any_instant_on_sqlite() {
    crashes(rounds(), async || Some(Place::sqlite().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n45_killed_at_any_instant_on_postgresql() {
    crashes(rounds(), Place::postgres).await;
}

/// The server itself is killed, with all its processes, while the other one works.
#[tokio::test(flavor = "multi_thread")]
async fn n45_killed_server_keeps_what_it_acknowledged() {
    let Some(server) = Server::start_new() else { return };
    let place = Place::at(server.database()).await;
    let mut known = Acknowledged::default();
    for round in 0..rounds().div_ceil(10) {
        let mut load = place.load(round, 0);
        load.wait(60);
        kill(&server);
        known.learn(&load.kill());
        server.start();
        let vault = place.vault().await;
        known.check(&vault).await;
        place.end_rotation(&vault).await;
        known.check(&vault).await;
        vault.close().await;
    }
    println!("{} acknowledged by a server that was killed", known.operations);
}

/// Kills the processes of a server, and waits until they are gone.
fn kill(server: &Server) {
    let file = server.socket().with_file_name("data").join("postmaster.pid");
    let first = fs::read_to_string(&file).unwrap().lines().next().unwrap().to_owned();
    let signal = |signal: &str, pid: &str| {
        // One that has ended by itself since is no mistake.
        Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status().unwrap();
    };
    // From here on it starts no others, and buries none.
    signal("-STOP", &first);
    let children = Command::new("ps").args(["-o", "pid=", "--ppid", &first]).output().unwrap().stdout;
    let children = String::from_utf8(children).unwrap();
    let all: Vec<_> = [first.as_str()].into_iter().chain(children.split_whitespace()).collect();
    for pid in &all {
        signal("-9", pid);
    }
    let is_gone = |pid: &&str| {
        let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap().stdout;
        state.is_empty() || state.starts_with(b"Z")
    };
    while !all.iter().all(is_gone) {
        thread::yield_now();
    }
    // Where nobody buries the dead, the new server would take the old one for alive.
    fs::remove_file(file).unwrap();
    fs::remove_file(server.socket().with_extension("5432.lock")).unwrap();
}

//! N45: killed at any instant, and cut off at each call to the store: what was acknowledged is there.

mod cut;

use std::{env, time::Duration};

use crate::load::{Acknowledged, Place};

/// So many times the process is killed: at least 1,000 where `KEYWAY_SOAK` is set.
fn rounds() -> u64 {
    match env::var("KEYWAY_SOAK") {
        Ok(rounds) => rounds.parse().unwrap_or(0).max(1000),
        Err(_) => 20,
    }
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
            let said = place.load(random.u64(..1 << 32), 0).kill_after(lines, wait);
            known.learn(&said);
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

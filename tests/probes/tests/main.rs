//! The probes themselves: a gateway that gets everything right passes all, and one with a single flaw fails at its probe.

mod flawed;
mod keyway;

use std::net::SocketAddr;

use flawed::{Flaw, Gateway};
use keyway_probes::{Caller, Listener, Outcome, Private, Setup, run};

const SECRET: &str = "_madeUp/0+1=2~3%20secret";

fn listener() -> Listener {
    Listener::at(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback has room")
}

/// What came of the probes on a gateway with these flaws.
fn outcomes(flaws: &'static [Flaw]) -> Vec<Outcome> {
    let (upstream, private) = (listener(), listener());
    let gateway = Gateway::start(flaws, SECRET, upstream.address(), private.address());
    let caller = |token: &str, connection: &str| Caller {
        gateway,
        headers: vec![format!("X-Grant: {token}")],
        prefix: format!("/c/{connection}"),
    };
    let setup = Setup {
        upstream,
        secret: SECRET.to_owned(),
        caller: caller("token-own", "own"),
        foreign: Some((caller("token-foreign", "foreign"), caller("token-foreign", "own"))),
        limited: Some(caller("token-limited", "own")),
        private: Some(Private { caller: caller("token-private", "private"), listener: private }),
        metadata: None,
    };
    run(&setup).expect("an ordinary request comes through")
}

fn failed(outcomes: &[Outcome]) -> Vec<usize> {
    outcomes.iter().filter(|outcome| !outcome.passed).map(|outcome| outcome.number).collect()
}

#[test]
fn a_gateway_without_a_flaw_passes_all() {
    let outcomes = outcomes(&[]);
    assert!(failed(&outcomes).is_empty(), "{outcomes:#?}");
}

/// A probe that cannot fail would be found here.
#[test]
fn each_flaw_is_found_by_its_probe_alone() {
    let mut found = Vec::new();
    for (flaw, number) in flawed::ALL {
        let outcomes = outcomes(std::slice::from_ref(flaw));
        assert_eq!(failed(&outcomes), [*number], "{flaw:?}: {outcomes:#?}");
        found.push(*number);
    }
    found.dedup();
    assert_eq!(found, (1..=12).collect::<Vec<_>>(), "each probe has a flaw, in their order");
}

#[test]
fn nothing_of_the_secret_is_said() {
    for flaws in [&[][..], &[Flaw::EchoInHeader, Flaw::AnyCaller, Flaw::AnyPath, Flaw::AnyConnection]] {
        for outcome in outcomes(flaws) {
            assert!(!outcome.to_string().contains(SECRET), "{}", outcome.number);
        }
    }
}

#[test]
fn what_was_not_set_up_is_not_passed() {
    let upstream = listener();
    let private = listener();
    let gateway = Gateway::start(&[], SECRET, upstream.address(), private.address());
    let caller =
        Caller { gateway, headers: vec!["X-Grant: token-own".to_owned()], prefix: "/c/own".to_owned() };
    let setup = Setup {
        upstream,
        secret: SECRET.to_owned(),
        caller,
        foreign: None,
        limited: None,
        private: None,
        metadata: None,
    };
    assert_eq!(failed(&run(&setup).unwrap()), [2, 11, 12]);
    let caller = Caller { headers: vec!["X-Grant: nobody".to_owned()], ..setup.caller.clone() };
    let seen = run(&Setup { caller, ..setup }).unwrap_err();
    assert_eq!(seen, "0 requests arrived; the answer was 401");
}

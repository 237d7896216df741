//! `keyway connect`, beside its verdicts and its messages.

use crate::support::{keyway, keyway_with, rally};

#[test]
fn without_values_and_without_a_terminal_it_says_how() {
    let run = keyway(&["connect", "rally"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("--values FILE"), "{}", run.stderr);
    assert!(run.stderr.contains(r#"{"host": "rally1.rallydev.com", "api_key": "_…"}"#), "{}", run.stderr);
    // In the sandbox there are keys to try.
    let run = keyway(&["connect", "rally", "--sandbox"]);
    assert_eq!(run.code, 1);
    for word in ["a good key", "a revoked key", "a key with no permission"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}

#[test]
fn a_good_key_of_the_sandbox_makes_a_request() {
    let run = keyway_with(&["connect", "rally", "--sandbox", "--values", "-"], &rally("valid"));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("Ada Lovelace @ Acme Rockets"), "{}", run.stdout);
    assert!(run.stdout.contains("→ 200 OK") && run.stdout.contains("DE42"), "{}", run.stdout);
    // A program wants the one object.
    let run = keyway_with(&["connect", "rally", "--sandbox", "--json", "--values", "-"], &rally("valid"));
    assert!(run.json().is_object());
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    for verdict in ["valid", "invalid"] {
        let run = keyway_with(&["connect", "rally", "--sandbox", "--values", "-"], &rally(verdict));
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:?}");
    }
}

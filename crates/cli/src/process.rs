//! What holds for the whole process: no core dumps, and panics that repeat no value.

use std::{
    panic::{self, AssertUnwindSafe, Location},
    process::ExitCode,
};

use crate::{exit::Exit, output};

/// Runs the command. A panic ends in [`Exit::Failed`], and shows where it was and nothing else.
pub(crate) fn guarded(run: impl FnOnce() -> ExitCode) -> ExitCode {
    no_core_dumps();
    panic::set_hook(Box::new(|panic| output::note(&of_panic(panic.location()))));
    caught(run)
}

fn caught(run: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Exit::Failed.into())
}

/// A panic's own text may quote what was worked on, a key among it.
fn of_panic(location: Option<&Location<'_>>) -> String {
    let place = location.map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
    format!("keyway stopped because of a fault of its own{place}. Please report this place.")
}

/// A dump would hold keys.
fn no_core_dumps() {
    #[cfg(unix)]
    if rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).is_err() {
        output::note("core dumps could not be switched off; one would hold the key");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_in_a_status_and_a_place_and_repeats_nothing() {
        let code = caught(|| panic!("sk_canary"));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        let text = of_panic(Some(Location::caller()));
        assert!(text.contains("process.rs:") && !text.contains("canary"), "{text}");
    }
}

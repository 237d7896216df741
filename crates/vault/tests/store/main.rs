//! The store's contract, on both engines, and what may happen to each.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

/// Each case as two tests: `case::sqlite` and `case::postgres`.
macro_rules! on_both_engines {
    ($($case:ident),* $(,)?) => {
        $(mod $case {
            #[test]
            fn sqlite() {
                $crate::engines::run($crate::engines::Engine::Sqlite, super::$case);
            }
            #[test]
            fn postgres() {
                $crate::engines::run($crate::engines::Engine::Postgres, super::$case);
            }
        })*
    };
}

mod address;
mod changes;
mod concurrent;
mod engines;
mod files;
mod fill;
#[path = "../common/flaky.rs"]
mod flaky;
mod flaky_store;
mod isolation;
mod n46_disk;
mod n49_network;
mod proxy;
mod reading;
mod rotation;
mod rows;
mod schema;
mod writing;

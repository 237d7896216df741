//! The client: checks and requests, over a transport that sends nothing and with a clock that stands still.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../common/mod.rs"]
mod common;

mod checks;
mod sends;

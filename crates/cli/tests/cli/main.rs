//! The binary, driven as a user drives it. Only here does Cargo build it and name it.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

mod arrives;
mod connect;
mod form;
mod interactive;
mod messages;
mod providers;
mod request;
mod sandbox;
mod schema;
mod usage;
mod values;
mod verdicts;
mod watch;

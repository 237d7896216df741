//! The binary, driven as a user drives it. Only here does Cargo build it and name it.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

mod arrives;
mod audit;
mod connect;
mod connection;
mod export;
mod form;
mod grant;
mod interactive;
mod kept;
mod messages;
mod providers;
mod request;
mod sandbox;
mod save;
mod schema;
mod serve;
mod serve_sandbox;
mod session;
mod token;
mod usage;
mod values;
mod vault;
mod verdicts;
mod watch;

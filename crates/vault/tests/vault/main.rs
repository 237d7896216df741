//! The vault, from outside: what is kept, who may read it, and what is noticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alike;
mod audit;
mod between;
#[cfg(unix)]
mod crash;
mod database;
mod epoch;
mod export;
mod fated;
mod flaky;
mod futures;
mod grants;
mod hidden;
mod keys;
#[cfg(unix)]
mod load;
mod replay;
mod rotation;
mod setting;
mod story;
mod tamper;
mod tenants;
mod token;
mod verify;
mod walk;
#[cfg(unix)]
mod writers;

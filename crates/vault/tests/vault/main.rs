//! The vault, from outside: what is kept, who may read it, and what is noticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(unix)]
mod crash;
mod database;
mod fated;
mod flaky;
#[cfg(unix)]
mod load;
mod rotation;
mod setting;
mod story;
mod tamper;
mod token;
mod walk;
#[cfg(unix)]
mod writers;

//! The vault, from outside: what is kept, who may read it, and what is noticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod between;
mod database;
mod export;
mod futures;
mod hidden;
mod keys;
mod replay;
mod setting;
mod story;
mod tamper;
mod tenants;
mod token;
mod verify;
mod walk;

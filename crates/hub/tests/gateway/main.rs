//! The gateway as its clients and its providers see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod credentials;
mod edges;
mod forward;
mod framing;
mod limits;
mod secure;
mod signing;
mod stage;
mod trust;
mod unwritten;

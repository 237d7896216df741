//! The control plane, served on loopback, as browsers and platforms see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod events;
mod flow;
mod promises;
mod provider;
mod stage;
mod walk;
mod wire;

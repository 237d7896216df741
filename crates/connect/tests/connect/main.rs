//! The control plane, served on loopback, as browsers and platforms see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "who asks here is a browser or a platform, and no key is near"
)]

mod api;
mod events;
#[path = "../../../vault/tests/vault/fated.rs"]
#[expect(dead_code, reason = "the vault's tests need more of it")]
mod fated;
mod flow;
mod gone;
mod later;
mod long;
mod manage;
mod promises;
mod provider;
mod stage;
mod sweep;
mod together;
mod walk;
mod wire;

//! The control plane, served on loopback, as browsers and platforms see it.

mod api;
mod events;
mod flow;
mod promises;
mod provider;
mod stage;
mod walk;
mod wire;

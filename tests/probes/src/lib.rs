#![doc = include_str!("../README.md")]

mod encoding;
mod listener;
mod message;
mod probes;
mod setup;
mod suite;

pub use listener::Listener;
pub use message::Message;
pub use probes::{PROBES, Probe};
pub use setup::{Caller, Private, Setup};
pub use suite::{Outcome, run};

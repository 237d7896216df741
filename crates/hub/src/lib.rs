#![doc = "Keyway gateway"]
mod h1 { pub(crate) mod head; }
mod intake;
mod limits;
mod places;
mod problem;
mod target;
mod wire;
pub use limits::Limits;

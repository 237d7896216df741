#![doc = "Keyway gateway"]
mod limits;
mod problem;
mod wire;
pub use limits::Limits;

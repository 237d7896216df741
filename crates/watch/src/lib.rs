#![doc = include_str!("../README.md")]

mod change;
mod error;
mod snapshot;
mod watch;
mod watcher;

pub use change::Change;
pub use error::WatchError;
pub use watch::{Watch, Watched};

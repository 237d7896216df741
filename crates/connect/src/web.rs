//! HTTP: the way in, and what every request and answer has in common.

mod browser;
mod guard;
mod guesses;
mod headers;
mod server;
mod stream;
mod turns;

pub use self::server::Peer;
pub(crate) use self::{
    browser::Browser,
    guard::{Refused, guard},
    guesses::Guesses,
    headers::{Frame, headers},
    turns::{Turn, Turns},
};

#![doc = include_str!("../README.md")]

mod connect;
mod error;
mod limits;
mod look;
mod router;
mod session;
mod shared;

mod web;

mod api;
mod flow;
mod page;

pub use connect::{Connect, ConnectBuilder};
pub use error::Error;
pub use limits::Limits;
pub use look::{Direction, Look};
pub use session::{NewSession, Purpose, Session, SessionError, SessionId, Started, Status};
pub use web::Peer;

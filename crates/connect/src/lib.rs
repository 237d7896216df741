#![doc = include_str!("../README.md")]

mod clock;
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

mod event;
mod schedule;
mod sweep;
mod webhook;
mod work;

pub use connect::{Connect, ConnectBuilder};
pub use error::Error;
pub use event::{Event, EventConnection, EventData, EventError, EventPage, EventType, NotACursor};
pub use limits::Limits;
pub use look::{Direction, Look};
pub use session::{NewSession, Purpose, Session, SessionError, SessionId, Started, Status};
pub use web::Peer;
pub use webhook::{
    Deliveries, Endpoint, EndpointChange, EndpointError, EndpointId, EndpointState, Endpoints, LastAttempt,
    NewEndpoint, Tested, signature,
};

/// The script with which a platform's page opens a session: what the npm package `@keyway/connect` has, also served as
/// `/keyway.js`.
pub const KEYWAY_JS: &str = include_str!("../js/keyway.js");

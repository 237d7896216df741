//! The gateway as its clients and its providers see it.

mod answers;
mod credentials;
mod forward;
mod framing;
mod limits;
mod secure;
mod stage;
mod trust;

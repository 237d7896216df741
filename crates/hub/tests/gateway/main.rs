//! The gateway as its clients and its providers see it.

mod forward;
mod stage;

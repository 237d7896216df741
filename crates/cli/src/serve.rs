//! `keyway serve`: the gateway.

mod config;
mod log;

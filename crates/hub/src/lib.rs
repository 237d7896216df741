#![doc = include_str!("../README.md")]

mod error;
mod limits;
mod problem;

mod wire;

mod intake;
mod places;
mod target;

mod metrics;
mod pace;
mod route;

mod admit;
mod gateway;

mod answer;
mod check;
mod exchange;
mod relay;
mod reply;
mod trouble;
mod upload;
mod upstream;

mod h1;
mod h2;
mod listener;
mod worker;

mod control;

pub use error::Error;
pub use gateway::{Gateway, GatewayBuilder, PublicUrl};
pub use limits::Limits;
pub use listener::{Listener, Stop, Tls, TlsError};
pub use metrics::REQUESTS;
pub use worker::Worker;

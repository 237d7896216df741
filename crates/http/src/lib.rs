#![doc = include_str!("../README.md")]

mod address;
mod guard;
mod resolver;

mod failure;
mod harden;
mod transport;

mod authorize;
mod client;
mod error;
mod head;
mod retry;

pub use address::{AddressClass, is_public};
pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use client::Client;
pub use error::Error;
pub use guard::check_url;
pub use harden::harden;
pub use retry::Retry;
pub use transport::{HttpTransport, HttpTransportBuilder};

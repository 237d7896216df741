#![doc = include_str!("../README.md")]

mod address;
mod guard;
mod resolver;

mod connect;
mod failure;
mod harden;
mod proxy;
mod transport;

mod dial;
mod link;
mod race;
mod trust;

mod authorize;
mod client;
mod error;
mod head;
mod retry;

pub use address::{AddressClass, is_public};
pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use client::Client;
pub use dial::{Dialer, DialerBuilder};
pub use error::Error;
pub use guard::check_url;
pub use harden::harden;
pub use link::Link;
pub use retry::Retry;
pub use transport::{HttpTransport, HttpTransportBuilder};

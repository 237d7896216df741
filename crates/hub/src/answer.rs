//! A provider's answer on its way to the client.

mod filter;
mod head;
mod temp;

pub(crate) use filter::{Filter, Unreadable};
pub(crate) use head::filter;
pub(crate) use temp::{Decode, Encoding, Rewrite, RewriteStream, is_json};

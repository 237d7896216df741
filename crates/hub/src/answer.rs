//! A provider's answer on its way to the client.

mod decode;
mod filter;
mod head;
mod rewrite;
mod url;

pub(crate) use decode::Encoding;
pub(crate) use filter::{Filter, Unreadable};
pub(crate) use head::filter;
pub(crate) use rewrite::{Rewrite, is_json};

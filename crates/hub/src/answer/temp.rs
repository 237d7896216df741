use std::{borrow::Cow, sync::Arc};
use bytes::Bytes;
use keyway_core::Origin;
use super::Unreadable;
pub(crate) struct Rewrite;
impl Rewrite {
    pub(crate) fn new(_: impl IntoIterator<Item = (Origin, String)>) -> Self { Self }
    pub(crate) fn location<'t>(&self, t: &'t str) -> Cow<'t, str> { Cow::Borrowed(t) }
    pub(crate) fn link<'t>(&self, t: &'t str) -> Cow<'t, str> { Cow::Borrowed(t) }
}
pub(crate) struct RewriteStream;
impl RewriteStream {
    pub(crate) fn new(_: Arc<Rewrite>) -> Self { Self }
    pub(crate) fn push(&mut self, piece: Bytes, out: &mut Vec<Bytes>) { out.push(piece) }
    pub(crate) fn finish(&mut self, _: &mut Vec<Bytes>) {}
}
#[derive(PartialEq, Eq, Clone, Copy)]
pub(crate) enum Encoding { Identity, Gzip, Unknown }
impl Encoding { pub(crate) fn of(h: &http::HeaderMap) -> Self { if h.contains_key("content-encoding") { Self::Unknown } else { Self::Identity } } }
pub(crate) struct Decode;
impl Decode {
    pub(crate) fn new(e: Encoding, _: u64) -> Result<Option<Self>, Unreadable> { if e == Encoding::Identity { Ok(None) } else { Err(Unreadable) } }
    pub(crate) fn push(&mut self, _: &Bytes, _: &mut Vec<Bytes>) -> Result<(), Unreadable> { Ok(()) }
    pub(crate) fn finish(&mut self, _: &mut Vec<Bytes>) -> Result<(), Unreadable> { Ok(()) }
}
pub(crate) fn is_json(v: &[u8]) -> bool { v.starts_with(b"application/json") }

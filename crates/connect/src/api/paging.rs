//! Lists come in parts.

use super::{call::Query, problem::Problem};

/// The entries of a part, where nothing is said.
const USUAL: usize = 20;
/// The most entries of a part.
const MOST: usize = 100;

/// Which part of a list is asked for.
pub(super) struct Paging<I> {
    pub(super) limit: usize,
    /// The last entry of the part before.
    pub(super) after: Option<I>,
}

impl<I> Paging<I> {
    /// Reads `limit` and `after`.
    pub(super) fn read<E>(query: &Query, id: impl FnOnce(&str) -> Result<I, E>) -> Result<Self, Problem> {
        let limit = match query.get("limit") {
            None => USUAL,
            Some(text) => {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
                let limit = text.parse().ok().filter(|limit| is_plain && (1..=MOST).contains(limit));
                limit.ok_or_else(|| Problem::parameter("limit", "range", "a whole number from 1 to 100"))?
            }
        };
        let after =
            query.get("after").map(id).transpose().map_err(|_| {
                Problem::parameter("after", "invalid", "what stood in `next` of the part before")
            })?;
        Ok(Self { limit, after })
    }
}

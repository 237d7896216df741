//! What the pages do: links, choosing, checking, confirming.

use axum::Router;

use crate::Connect;

pub(crate) fn routes() -> Router<Connect> {
    Router::new()
}

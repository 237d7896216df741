//! The REST API.

use axum::Router;

use crate::Connect;

pub(crate) fn routes() -> Router<Connect> {
    Router::new()
}

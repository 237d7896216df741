//! Who answers what.

use axum::Router;

use crate::{Connect, api, flow};

impl Connect {
    /// Pages and API as a router, for a program with a server of its own.
    ///
    /// # Contract
    /// Each request has to come with an extension of [`std::net::SocketAddr`]-like trust of its own: `serve` adds who asks.
    pub(crate) fn router(&self) -> Router {
        Router::new().merge(flow::routes()).merge(api::routes()).with_state(self.clone())
    }
}

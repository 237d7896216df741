//! Who answers what.

use axum::{Router, http::StatusCode, middleware::from_fn_with_state};

use crate::{Connect, api, flow};

impl Connect {
    /// Pages and API as a router, for a program with a server of its own; [`serve`](Self::serve) has one.
    ///
    /// # Contract
    /// Each request has an extension [`Peer`](crate::Peer) with the address of the client, which is what guesses are counted by;
    /// without it all clients are counted as one. The router stands at the root of the public URL. It has no fallback: it can be
    /// merged with other routers, and what it does not know is the program's to answer.
    ///
    /// # Security
    /// A request that proxies and servers may read in two ways (two `Host` lines, `Content-Length` beside `Transfer-Encoding`) and a
    /// head that never ends are the server's to refuse, and connections its to limit.
    pub fn router(&self) -> Router {
        routes().route_layer(from_fn_with_state(self.clone(), flow::finish)).with_state(self.clone())
    }

    /// The same, with an answer to everything.
    pub(crate) fn whole_router(&self) -> Router {
        routes()
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(from_fn_with_state(self.clone(), flow::finish))
            .with_state(self.clone())
    }
}

fn routes() -> Router<Connect> {
    flow::routes().merge(api::routes())
}

//! The REST API: JSON for a platform's backend, under `/v1`.
//!
//! Every request is read whole and strictly before anything is done: the token, its scope, the tenant, the query, the body. A problem
//! never repeats what was sent.

mod json;
mod problem;
mod verdict;

mod call;
mod once;
mod path;
mod sent;
mod values;

mod answer;
mod paging;

mod connections;
mod events;
mod grants;
mod key;
mod providers;
mod sessions;
mod webhooks;

mod document;

use axum::{
    Router,
    middleware::map_response,
    response::Response,
    routing::{any, delete, get, post},
};

use self::problem::{Kind, Problem};
use crate::{
    Connect,
    web::{Frame, headers},
};

pub(crate) fn routes() -> Router<Connect> {
    let v1 = Router::new()
        .route("/sessions", post(sessions::create))
        .route("/sessions/{id}", get(sessions::get).delete(sessions::end))
        .route("/connections", get(connections::list).post(connections::create))
        .route(
            "/connections/{id}",
            get(connections::get).patch(connections::rename).delete(connections::remove),
        )
        .route("/connections/{id}/check", post(connections::check))
        .route("/connections/{id}/key", post(key::replace))
        .route("/connections/{id}/reconnect", post(sessions::reconnect))
        .route("/connections/{id}/grants", post(grants::create))
        .route("/grants", get(grants::list))
        .route("/grants/{id}", delete(grants::revoke))
        .route("/providers", get(providers::list))
        .route("/providers/{id}", get(providers::get))
        .route("/providers/{id}/logo", get(providers::logo))
        .route("/providers/{id}/methods/{method}/form", get(providers::form))
        .route("/events", get(events::list))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::get).delete(webhooks::remove))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .route("/openapi.json", get(document::show))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(async |mut answer: Response| {
            headers(&mut answer, Frame::Nobody);
            answer
        }));
    Router::new()
        .nest("/v1", v1)
        .route("/v1/", any(no_such_path))
        .route("/openapi.json", get(document::show).fallback(method_not_allowed))
}

async fn no_such_path() -> Problem {
    Problem::new(Kind::NotFound, "the API has no such path; /openapi.json describes it")
}

async fn method_not_allowed() -> Problem {
    Problem::new(Kind::Method, "the header `Allow` says what is")
}

//! What the pages do: links, choosing, checking, confirming.

mod accounts;
mod answer;
mod check;
mod choose;
mod confirm;
mod fields;
mod files;
mod key;
mod link;
mod progress;
mod save;
mod stand;
mod visit;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use self::answer::finish;
use crate::Connect;

pub(crate) fn routes() -> Router<Connect> {
    Router::new()
        .route("/link/{code}", get(link::page).post(link::open))
        .route("/link/{code}/result", get(link::result))
        .route("/link/{code}/look.css", get(files::look_of_link))
        .route("/link/{code}/logo", get(files::logo_of_link))
        .route("/connect/{session}", get(stand::page))
        .route("/connect/{session}/look.css", get(files::look_of_session))
        .route("/connect/{session}/logo", get(files::logo_of_session))
        .route("/connect/{session}/providers", get(choose::page).post(choose::another))
        .route("/connect/{session}/providers/{provider}", get(key::page).post(key::submit))
        .route("/connect/{session}/providers/{provider}/{method}", get(key::page).post(key::submit))
        .route("/connect/{session}/confirm", post(confirm::confirm))
        .route("/connect/{session}/again", post(confirm::again))
        .route("/connect/{session}/cancel", post(confirm::cancel))
        .route("/connect/{session}/accounts", get(accounts::page))
        .route("/connect/{session}/leave", post(accounts::leave))
        .route("/connect/{session}/accounts/{connection}/check", post(accounts::check))
        .route("/connect/{session}/accounts/{connection}/reconnect", post(accounts::reconnect))
        .route("/connect/{session}/accounts/{connection}/remove", get(accounts::ask).post(accounts::remove))
        .route("/providers/{provider}/logo.svg", get(files::logo_of_provider))
        .route("/assets/{name}", get(files::asset))
        .route("/keyway.js", get(files::opener))
        .route("/look.css", get(files::look))
        .route("/logo", get(files::logo))
}

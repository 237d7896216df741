//! A platform whose users link accounts on the hub's own page, and come back. It needs `KEYWAY_URL=http://127.0.0.1:8081`,
//! `KEYWAY_TOKEN=kwa_…`, and `KEYWAY_WEBHOOK_SECRET=whsec_…` for webhooks.
#![expect(
    clippy::disallowed_methods,
    reason = "a platform's own client speaks to the hub and sends no user's key"
)]

use std::time::SystemTime;

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{Html, Redirect},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, RequestBuilder, Result};
use serde_json::{Value, json};

// -- Linking an account --
async fn keyway(request: RequestBuilder) -> Result<Value> {
    let request = request.bearer_auth(setting("KEYWAY_TOKEN"));
    request.send().await?.error_for_status()?.json().await
}

async fn link(user: &str, back: &str) -> Result<String> {
    let new = json!({ "end_user": user, "purpose": "connect", "return_url": back });
    let session = keyway(Client::new().post(setting("KEYWAY_URL") + "/v1/sessions").json(&new)).await?;
    Ok(session["link"].as_str().unwrap_or_default().to_owned())
}

async fn linked(user: &str) -> Result<Value> {
    let url = setting("KEYWAY_URL") + "/v1/connections";
    keyway(Client::new().get(url).query(&[("end_user", user)])).await
}

// -- Webhooks --
// https://www.standardwebhooks.com: nobody else could have signed it, and nobody sends an old one again.
fn is_from_keyway(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let is_fresh = time.parse().is_ok_and(|time: u64| now.abs_diff(time) < 300);
    let key = STANDARD.decode(setting("KEYWAY_WEBHOOK_SECRET").trim_start_matches("whsec_"));
    let Some(key) = key.ok().filter(|key| !key.is_empty()) else { return false };
    let (key, signed) =
        (hmac::Key::new(hmac::HMAC_SHA256, &key), [format!("{id}.{time}.").as_bytes(), body].concat());
    let fits = |signature: Vec<u8>| hmac::verify(&key, &signed, &signature).is_ok();
    let mut signatures = header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
    is_fresh && signatures.any(|one| STANDARD.decode(one).is_ok_and(fits))
}

// -- The platform as it was --
/// Whoever is signed in.
const USER: &str = "user-42";

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = setting("PORT").parse().unwrap_or(3000);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    println!("open {origin}");
    let router =
        Router::new().route("/", get(home)).route("/link", post(leave)).route("/webhook", post(webhook));
    axum::serve(listener, router.with_state(origin)).await
}

async fn home() -> std::result::Result<Html<String>, StatusCode> {
    // What the address says is not to be trusted: the hub says whose a connection is.
    let list = linked(USER).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let items = list["data"].as_array().into_iter().flatten();
    let items: String =
        items.map(|one| maud::html! { li { (one["provider"]) ": " (one["id"]) } }.into_string()).collect();
    Ok(Html(format!(
        "<!doctype html><html lang=en><title>Platform</title><h1>Platform</h1>\
         <form method=post action=/link><button>Link an account</button></form><ul>{items}</ul>"
    )))
}

async fn leave(State(origin): State<String>) -> std::result::Result<Redirect, StatusCode> {
    let link = link(USER, &format!("{origin}/")).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Redirect::to(&link))
}

async fn webhook(headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_from_keyway(&headers, &body) {
        return StatusCode::BAD_REQUEST;
    }
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    println!("{}", event["type"].as_str().unwrap_or_default());
    StatusCode::OK
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

//! A platform whose users link accounts on the hub's own page, and come back. It needs `KEYWAY_URL=http://127.0.0.1:8081` (the API),
//! `KEYWAY_TOKEN=kwa_…`, `KEYWAY_GATEWAY=http://127.0.0.1:8080` for calls with what is linked, and `KEYWAY_WEBHOOK_SECRET=whsec_…`
//! for webhooks.
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
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

// -- Linking an account --
async fn keyway(request: RequestBuilder) -> Result<Value> {
    let answer = request.bearer_auth(setting("KEYWAY_TOKEN")).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    // What is wrong stands in the body, and never a value.
    let read = || serde_json::from_str(&text).map_err(Into::into);
    if status.is_success() { read() } else { Err(format!("Keyway answers {status}: {text}").into()) }
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

// -- Using an account --
// The token is shown once. Whoever has it may do so much with this one account; keep it for as long as it lasts.
async fn grant(connection: &str) -> Result<String> {
    let url = format!("{}/v1/connections/{connection}/grants", setting("KEYWAY_URL"));
    let terms = json!({ "methods": ["GET"], "expires_in": 3600 });
    let made = keyway(Client::new().post(url).json(&terms)).await?;
    Ok(made["token"].as_str().unwrap_or_default().to_owned())
}

// The provider's own path, and its own answer.
async fn call(connection: &str, token: &str, path: &str) -> Result<Response> {
    let url = format!("{}/c/{connection}{path}", setting("KEYWAY_GATEWAY"));
    Ok(Client::new().get(url).header("keyway-grant", token).send().await?)
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
    let router = Router::new()
        .route("/", get(home))
        .route("/link", post(leave))
        .route("/users/me", get(me))
        .route("/webhook", post(webhook));
    axum::serve(listener, router.with_state(origin)).await
}

async fn home() -> std::result::Result<Html<String>, StatusCode> {
    // What the address says is not to be trusted: the hub says whose a connection is.
    let list = linked(USER).await.map_err(said)?;
    let items = list["data"].as_array().into_iter().flatten();
    let items: String =
        items.map(|one| maud::html! { li { (one["provider"]) ": " (one["id"]) } }.into_string()).collect();
    Ok(Html(format!(
        "<!doctype html><html lang=en><title>Platform</title><h1>Platform</h1>\
         <form method=post action=/link><button>Link an account</button></form><ul>{items}</ul>"
    )))
}

async fn leave(State(origin): State<String>) -> std::result::Result<Redirect, StatusCode> {
    let link = link(USER, &format!("{origin}/")).await.map_err(said)?;
    Ok(Redirect::to(&link))
}

async fn me() -> std::result::Result<String, StatusCode> {
    let answer = async {
        let mine = linked(USER).await?["data"][0]["id"].as_str().ok_or("nothing is linked")?.to_owned();
        Ok(call(&mine, &grant(&mine).await?, "/v1/users/me").await?.text().await?)
    };
    answer.await.map_err(said)
}

async fn webhook(headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_from_keyway(&headers, &body) {
        return StatusCode::BAD_REQUEST;
    }
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    println!("{}", event["type"].as_str().unwrap_or_default());
    StatusCode::OK
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` asks for")]
fn said(error: Box<dyn std::error::Error + Send + Sync>) -> StatusCode {
    eprintln!("{error}");
    StatusCode::BAD_GATEWAY
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

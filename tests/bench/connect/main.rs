//! What the connect pages cost: the first byte of a form, what a page weighs, and sessions that are made and opened.
//!
//! `just bench-connect` makes it. Nothing here fails. One process serves in a thread of its own, from a vault in SQLite whose
//! commits are durable; the clients are in this one, over loopback, and share the machine with it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

mod client;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keyway_connect::{Connect, NewSession, Purpose};
use keyway_core::{Entry, Registry};
use keyway_http::{Client, HttpTransport};
use keyway_hub::{Listener, Stop};
use keyway_sandbox::Sandbox;
use keyway_vault::{Actor, ApiScope, Database, KeyFile, Tenant, Vault};
use tokio::{runtime::Builder, task::JoinSet};

use self::client::Peer;

/// How often a form is asked for.
const FORMS: usize = 4000;
/// Sessions that are made and opened, and by how many at once.
const SESSIONS: usize = 6000;
const AT_ONCE: usize = 64;
/// The good key of Rootly's fixtures: made up.
const KEY: &str = "rootly_600d600d600d600d600d600d600d600d600d600d600d600d600d600d600d600d";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let registrations = [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION];
    let registry = Arc::new(Registry::from_registrations(registrations).unwrap());
    let entries: Vec<&Entry> = registry.entries().iter().collect();
    let stand_ins = Sandbox::start(&entries, 0).await.unwrap();
    let actor = Actor::parse("bench").unwrap();
    let store = Database::sqlite(folder.path().join("keyway.db")).create().await.unwrap();
    let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
    let vault = Vault::init(store, key, &actor).await.unwrap();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    let connect = Connect::builder(vault.clone(), registry, client).stand_in(stand_ins.origin());
    let connect = connect.build(&format!("http://{address}")).unwrap();
    let stop = Stop::new();
    let (serving, asked) = (connect.clone(), stop.clone());
    let server = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serving.serve(Listener::new(socket, None).unwrap(), asked)).unwrap();
    });
    let tenant = Tenant::parse("acme").unwrap();

    let purpose = Purpose::Connect { providers: vec!["rootly".to_owned()] };
    let started = connect.start(&tenant, NewSession::new("user-1", purpose)).await.unwrap();
    let mut browser = Peer::connect(address).await;
    let base = browser.open(started.link.expose()).await;
    let form = format!("{base}/providers/rootly");
    forms(&mut browser, &form).await;
    weight(&mut browser, &form).await;

    let token = vault.tokens(&actor).create(Some(&tenant), None, &ApiScope::ALL, None).await.unwrap();
    sessions(address, token.secret.expose()).await;
    submits(address, &browser, &form, &base).await;
    let list = vault.tenant(&tenant, &actor).list(None, 100).await.unwrap();
    println!("{AT_ONCE} parallel submits of one session: {} connection", list.len());

    stop.ask();
    server.join().unwrap();
}

/// The form, again and again over one connection.
async fn forms(browser: &mut Peer, form: &str) {
    let mut times = Vec::with_capacity(FORMS);
    for _ in 0..FORMS {
        let answer = browser.get(form).await;
        assert_eq!(answer.status, 200);
        times.push(answer.first_byte);
    }
    times.sort();
    println!(
        "first byte of a form: median {:.2} ms, p99 {:.2} ms (bar: median 5 ms)",
        millis(times[FORMS / 2]),
        millis(times[FORMS * 99 / 100])
    );
}

/// The form's page and all that it loads, without logos.
async fn weight(browser: &mut Peer, form: &str) {
    let page = browser.get(form).await.text;
    let mut all = page.len();
    let mut files = vec![format!("page {all}")];
    for part in page.split(['"', '\'']).filter(|part| part.starts_with('/')) {
        if [".css", ".js"].iter().any(|end| part.contains(end)) {
            let length = browser.get(part).await.text.len();
            all += length;
            files.push(format!("{} {length}", part.rsplit('/').next().unwrap_or_default()));
        }
    }
    println!("weight of a form: {all} bytes (bar: 60,000): {}", files.join(", "));
}

/// Sessions made over the REST API, their links looked at and opened.
async fn sessions(address: std::net::SocketAddr, token: &str) {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..AT_ONCE {
        let token = token.to_owned();
        clients.spawn(async move {
            let mut platform = Peer::connect(address).await;
            let mut browser = Peer::connect(address).await;
            for number in 0..SESSIONS / AT_ONCE {
                let body = format!(r#"{{"end_user":"user-{client}-{number}","purpose":"connect"}}"#);
                let answer = platform.api("/v1/sessions", &token, &body).await;
                assert_eq!(answer.status, 201, "{}", answer.text);
                let (_, rest) = answer.text.split_once(r#""link":""#).unwrap();
                browser.open(rest.split('"').next().unwrap()).await;
            }
        });
    }
    clients.join_all().await;
    let made = u32::try_from(SESSIONS / AT_ONCE * AT_ONCE).unwrap();
    println!(
        "sessions made over the API and opened (three requests each), {AT_ONCE} at once: {:.0} a second (bar: 1,000)",
        f64::from(made) / start.elapsed().as_secs_f64()
    );
}

/// The same key and its confirmation, by many at once.
async fn submits(address: std::net::SocketAddr, browser: &Peer, form: &str, base: &str) {
    let mut all = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (form, base, cookie) = (form.to_owned(), base.to_owned(), browser.cookie.clone());
        all.spawn(async move {
            let mut tab = Peer::connect(address).await;
            tab.cookie = cookie;
            let csrf = tab.get(&form).await.csrf();
            let _ = tab.post(&format!("{form}/api_key"), &[("csrf", &csrf), ("api_key", KEY)]).await;
            // The page that asks whose account it is, or what came of it.
            let csrf = tab.get(&base).await.csrf();
            let _ = tab.post(&format!("{base}/confirm"), &[("csrf", &csrf), ("name", "")]).await;
        });
    }
    all.join_all().await;
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

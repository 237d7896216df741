//! A control plane over a vault of its own, with stand-ins of the providers behind it, and a browser that is made of an HTTP client
//! and a cookie.

use std::{sync::Arc, time::Duration};

use keyway_connect::{Connect, ConnectBuilder, NewSession, Started};
use keyway_core::{Entry, Registry};
use keyway_http::{Client, HttpTransport};
use keyway_hub::{Listener, Stop};
use keyway_sandbox::Sandbox;
use keyway_vault::{Actor, ApiScope, Database, KeyFile, Scope, Store, Tenant, Vault};
use reqwest::{
    Response, StatusCode,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// Keys that are made up, and look it: those of the fixtures.
pub(crate) const ROOTLY: &str = "rootly_600d600d600d600d600d600d600d600d600d600d600d600d600d600d600d600d";
pub(crate) const ROOTLY_REVOKED: &str =
    "rootly_deaddeaddeaddeaddeaddeaddeaddeaddeaddeaddeaddeaddeaddeaddeaddead";

pub(crate) const TENANT: &str = "acme";

pub(crate) struct Stage {
    pub(crate) vault: Vault,
    pub(crate) registry: Arc<Registry>,
    pub(crate) connect: Connect,
    /// `http://127.0.0.1:PORT`, where it is served.
    pub(crate) origin: String,
    pub(crate) stop: Stop,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) stand_ins: Sandbox,
    pub(crate) folder: TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(set: impl FnOnce(ConnectBuilder) -> ConnectBuilder) -> Self {
        Self::over(|store| store, set).await
    }

    /// One whose store stands behind another.
    pub(crate) async fn over(
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
        set: impl FnOnce(ConnectBuilder) -> ConnectBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registrations = [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION];
        let registry = Arc::new(Registry::from_registrations(registrations).unwrap());
        let entries: Vec<&Entry> = registry.entries().iter().collect();
        let stand_ins = Sandbox::start(&entries, 0).await.unwrap();
        let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
        let store = store.parse::<Database>().unwrap().create().await.unwrap();
        let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
        let vault = Vault::init(wrap(store), key, &actor()).await.unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", socket.local_addr().unwrap());
        let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
        let builder =
            Connect::builder(vault.clone(), Arc::clone(&registry), client).stand_in(stand_ins.origin());
        let connect = set(builder).build(&origin).unwrap();
        let listener = Listener::new(socket, None).unwrap();
        let stop = Stop::new();
        let (serving, asked) = (connect.clone(), stop.clone());
        let serving = tokio::spawn(async move { serving.serve(listener, asked).await.unwrap() });
        Self { vault, registry, connect, origin, stop, serving, stand_ins, folder }
    }

    pub(crate) fn scope(&self, tenant: &str) -> Scope {
        self.vault.tenant(&Tenant::parse(tenant).unwrap(), &actor())
    }

    /// The same vault, as another process has it.
    pub(crate) async fn reopened(&self) -> Vault {
        let store = Database::sqlite(self.folder.path().join("keyway.db")).open().await.unwrap();
        Vault::open(store, Arc::new(KeyFile::at(self.folder.path().join("master.key")))).await.unwrap()
    }

    /// Changes the database by hand.
    pub(crate) async fn run(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("keyway.db"));
        let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    }

    /// A session, made as the REST API makes it.
    pub(crate) async fn start(&self, new: NewSession) -> Started {
        self.connect.start(&Tenant::parse(TENANT).unwrap(), new).await.unwrap()
    }

    /// How many entries of a kind the audit log of the tenant has.
    pub(crate) async fn audited(&self, kind: &str) -> usize {
        let entries = self.scope(TENANT).audit(0, 1000).await.unwrap();
        entries.iter().filter(|entry| entry.kind == kind).count()
    }

    /// A token for everything of a tenant.
    pub(crate) async fn token(&self, tenant: &str) -> String {
        let tenant = Tenant::parse(tenant).unwrap();
        let made =
            self.vault.tokens(&actor()).create(Some(&tenant), None, &ApiScope::ALL, None).await.unwrap();
        made.secret.expose().to_owned()
    }
}

/// A browser: it keeps one cookie, and follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    client: reqwest::Client,
    pub(crate) cookie: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    /// As it was sent.
    pub(crate) sent: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(60));
        // One that was kept may be closed just when it is used again.
        let client = client.pool_max_idle_per_host(0);
        Self { client: client.build().unwrap(), cookie: None }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.send(self.client.get(url)).await
    }

    /// Sends a form, as a browser does from a page of the same origin.
    pub(crate) async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let origin = origin_of(url);
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(url).header(ORIGIN, origin).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        self.send(request).await
    }

    pub(crate) async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let page = Page::read(request.send().await.unwrap()).await;
        if let Some(set) = page.headers.get(SET_COOKIE) {
            self.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        page
    }

    /// Opens a link and presses its button; returns the address that it leads to.
    pub(crate) async fn open(&mut self, link: &str) -> String {
        let page = self.get(link).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let csrf = page.csrf();
        let answer = self.post(link, &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer.location(link)
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }
}

impl Page {
    /// A page that says that something goes on, and leads on by itself, is told as where it leads: which of the two comes is a
    /// matter of time.
    pub(crate) async fn read(response: Response) -> Self {
        let (sent, mut headers) = (response.status(), response.headers().clone());
        let mut status = sent;
        let text = response.text().await.unwrap();
        if let Some((_, next)) = text.split_once(r#"http-equiv="refresh" content="0;url="#) {
            status = StatusCode::SEE_OTHER;
            headers.insert(LOCATION, next.split('"').next().unwrap().parse().unwrap());
        }
        Self { status, sent, headers, text }
    }

    /// The token in the first form of the page.
    pub(crate) fn csrf(&self) -> String {
        let (_, rest) =
            self.text.split_once(r#"name="csrf" value=""#).unwrap_or_else(|| panic!("{}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Where it leads to, as a whole address.
    pub(crate) fn location(&self, from: &str) -> String {
        let location = self.headers[LOCATION].to_str().unwrap();
        if location.starts_with('/') { format!("{}{location}", origin_of(from)) } else { location.to_owned() }
    }
}

pub(crate) fn origin_of(url: &str) -> String {
    url::Url::parse(url).unwrap().origin().ascii_serialization()
}

pub(crate) fn actor() -> Actor {
    Actor::parse("test").unwrap()
}

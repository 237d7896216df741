//! A gateway over a vault of its own, with a provider behind it that does as it is told; both spoken to over raw sockets.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use keyway_core::{Credential, Origin, Registry, Submission};
use keyway_http::{Dialer, HttpTransport};
use keyway_hub::{Gateway, GatewayBuilder, Limits, Listener, Stop, Tls};
use keyway_vault::{Actor, ConnectionId, Database, KeyFile, New, NewGrant, Tenant, Terms, Vault};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// Keys that are made up, and look it.
pub(crate) const ROOTLY: &str = "rootly_00000000000000000000000000000000000000000000000000000000cafecafe";
pub(crate) const RALLY: &str = "_madeUpForTests0000000000000000000000000000";

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Providers of the tests' own: a key in the query, a cookie, Basic, two headers.
const OWN: &str = r#"
version: 1
id: ID
name: Acme
summary: Made up.
links: { docs: "https://docs.acme.example", keys: "https://acme.example/keys" }
seen_live: never
api: { origin: "https://api.acme.example" MORE }
methods:
  api_key:
    label: API key
    guide: [Make one.]
    fields: { api_key: { label: API key } }
    authorize: AUTHORIZE
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/id}"] }
"#;

pub(crate) struct Stage {
    pub(crate) vault: Vault,
    pub(crate) registry: Arc<Registry>,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) folder: TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder, None).await
    }

    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::with(|builder| builder.limits(limits), None).await
    }

    pub(crate) async fn with(set: impl FnOnce(GatewayBuilder) -> GatewayBuilder, tls: Option<Tls>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let descriptors = folder.path().join("providers");
        for (id, api, authorize) in [
            ("query", "", r#"{ query: { api_key: "{api_key}" } }"#),
            ("cookie", "", r#"{ cookies: { session: "{api_key}" } }"#),
            ("basic", "", r#"{ basic: { user: "{api_key}", password: "" } }"#),
            (
                "also",
                r#", also: ["https://files.acme.example"]"#,
                r#"{ headers: { x-api-key: "{api_key}" } }"#,
            ),
            (
                "limits",
                ", concurrency: 2, rate_limit: { limit: x-limit, remaining: x-remaining, reset: { header: x-reset, as: seconds } }",
                r#"{ headers: { x-api-key: "{api_key}" } }"#,
            ),
        ] {
            let text =
                OWN.replace("ID", id).replace(" MORE ", &format!("{api} ")).replace("AUTHORIZE", authorize);
            std::fs::create_dir_all(descriptors.join(id)).unwrap();
            std::fs::write(descriptors.join(id).join("provider.yaml"), text).unwrap();
        }
        let registrations =
            [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION, &crate::signing::REGISTRATION];
        let registry = Registry::from_registrations(registrations).unwrap();
        let registry = Arc::new(registry.with_directory(&descriptors).unwrap());
        let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
        let store = store.parse::<Database>().unwrap().create().await.unwrap();
        let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
        let vault = Vault::init(store, key, &actor()).await.unwrap();
        let builder = Gateway::builder(vault.clone(), Arc::clone(&registry))
            .dialer(Dialer::builder().allow_loopback().build().unwrap())
            .transport(HttpTransport::builder().allow_loopback());
        let gateway = set(builder).open().await.unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Listener::new(socket, tls).unwrap();
        let address = listener.address().unwrap();
        let (worker, stop) = (gateway.worker(), Stop::new());
        let asked = stop.clone();
        let serving = tokio::spawn(async move { worker.serve(listener, asked).await.unwrap() });
        Self { vault, registry, gateway, address, stop, serving, folder }
    }

    /// A credential of a provider, at an origin of the test's own.
    pub(crate) fn credential(&self, provider: &str, origin: &str) -> Credential {
        let key = match provider {
            "rootly" => ROOTLY,
            _ => RALLY,
        };
        let submission = Submission::new().with("api_key", key);
        let accepted = self.registry.accept(provider, None, &submission).unwrap();
        accepted.credential.at_origin(Origin::parse_loopback(origin).unwrap())
    }

    /// Keeps one for a tenant.
    pub(crate) async fn connect(&self, owner: &str, credential: &Credential) -> ConnectionId {
        let scope = self.vault.tenant(&tenant(owner), &actor());
        scope.save(New::connection(credential)).await.unwrap().connection.id
    }

    pub(crate) async fn grant(&self, owner: &str, id: &ConnectionId, terms: Terms) -> NewGrant {
        self.vault.tenant(&tenant(owner), &actor()).grant(id, terms).await.unwrap()
    }

    /// A connection and a token for all of it.
    pub(crate) async fn token(&self, provider: &str, upstream: &Upstream) -> String {
        self.ready(provider, upstream).await.1
    }

    /// The same, with the connection's id.
    pub(crate) async fn ready(&self, provider: &str, upstream: &Upstream) -> (ConnectionId, String) {
        self.ready_at(provider, &upstream.origin()).await
    }

    pub(crate) async fn ready_at(&self, provider: &str, origin: &str) -> (ConnectionId, String) {
        let id = self.connect("acme", &self.credential(provider, origin)).await;
        let grant = self.grant("acme", &id, Terms::default()).await;
        (id, secret(&grant))
    }

    pub(crate) async fn connection(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own, and reads until it is closed or an answer is whole.
    pub(crate) async fn send(&self, text: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connection().await;
        stream.write_all(text.as_ref()).await.unwrap();
        answer(&mut stream).await
    }

    /// Sends `GET`.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: gw.example\r\n{headers}\r\n")).await
    }

    /// Ends the gateway as an operator does.
    pub(crate) async fn end(self) -> (Vault, TempDir) {
        self.stop.ask();
        self.serving.await.unwrap();
        self.gateway.close().await.unwrap();
        (self.vault, self.folder)
    }
}

pub(crate) fn actor() -> Actor {
    Actor::parse("tester").unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

pub(crate) fn secret(grant: &NewGrant) -> String {
    grant.token.expose().to_owned()
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The other side closed the connection behind it.
    pub(crate) closed: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The gateway's own problem, where it is one.
    #[track_caller]
    pub(crate) fn problem(&self) -> &str {
        self.header("keyway-problem").unwrap_or_else(|| panic!("no problem: {self:?}"))
    }
}

pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Reads one answer.
pub(crate) async fn answer(stream: &mut TcpStream) -> Answer {
    timeout(PATIENCE, read(stream)).await.expect("an answer came in time")
}

async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            if bytes.starts_with(b"HTTP/1.1 100") {
                bytes.drain(..at + 4);
                continue;
            }
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return Answer {
                head: String::from_utf8_lossy(&bytes).into_owned(),
                body: Vec::new(),
                closed: true,
            };
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut rest = bytes.split_off(end);
    let mut closed = false;
    let length: Option<usize> = header(&head, "content-length").map(|length| length.parse().unwrap());
    let chunked = header(&head, "transfer-encoding").is_some_and(|value| value == "chunked");
    let is_whole = |rest: &[u8]| match length {
        _ if head.starts_with("HTTP/1.1 204") || head.starts_with("HTTP/1.1 304") => true,
        Some(length) => rest.len() >= length,
        None if chunked => rest.ends_with(b"0\r\n\r\n"),
        None => false,
    };
    while !is_whole(&rest) {
        if stream.read_buf(&mut rest).await.unwrap_or(0) == 0 {
            closed = true;
            break;
        }
    }
    let says_close = header(&head, "connection").is_some_and(|value| value == "close");
    if says_close && !closed {
        closed = stream.read_buf(&mut rest).await.unwrap_or(0) == 0;
    }
    let body = if chunked { unchunked(&rest) } else { rest };
    Answer { head, body, closed }
}

/// A chunked body without its chunks.
pub(crate) fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = find(bytes, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        let data = &bytes[at + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        bytes = data.get(size + 2..).unwrap_or_default();
    }
    body
}

pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// A provider that answers each request with the next of the answers it was given, and the last of them ever after.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// What came in, request by request, each whole.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// How many connections were opened.
    pub(crate) connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

/// Writes where the provider stands, which nobody knows before, into what it says; and the size of a chunk.
fn placed(bytes: &[u8], address: SocketAddr) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let origin = format!("http://{address}");
    let text = text.replace("ORIGIN", &origin).replace("ESCAPED", &origin.replace('/', "\\/"));
    match text.split_once("CHUNK") {
        Some((head, body)) => format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes(),
        None => text.into_bytes(),
    }
}

/// What a provider answers: bytes; a pause before the next ones stands between two of them.
pub(crate) type Script = Vec<Vec<u8>>;

impl Upstream {
    /// One that answers JSON.
    pub(crate) async fn json(body: &str) -> Self {
        Self::saying(&[&ok(body)]).await
    }

    pub(crate) async fn saying(answers: &[&str]) -> Self {
        Self::scripted(answers.iter().map(|answer| vec![answer.as_bytes().to_vec()]).collect()).await
    }

    pub(crate) async fn scripted(answers: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<usize>>::default());
        let placed = |script: Script| script.iter().map(|piece| placed(piece, address)).collect();
        let answers: Arc<Vec<Script>> = Arc::new(answers.into_iter().map(placed).collect());
        let (seen, opened) = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *opened.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answers)));
            }
        });
        Self { address, requests, connections, task }
    }

    /// One that answers with a body in one chunk.
    pub(crate) async fn chunked(head: &str, body: &str) -> Self {
        Self::scripted(vec![vec![format!("{head}CHUNK{body}").into_bytes()]]).await
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request that came.
    #[track_caller]
    pub(crate) fn request(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests[0].clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with JSON in it.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn serve(mut stream: TcpStream, requests: Arc<Mutex<Vec<String>>>, answers: Arc<Vec<Script>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = find(&bytes, b"\r\n\r\n").map(|at| at + 4) else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let chunked = header(&head, "transfer-encoding").is_some();
        loop {
            let body = &bytes[end..];
            if if chunked { find(body, b"0\r\n\r\n").is_some() } else { body.len() >= length } {
                break;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let whole = if chunked { end + find(&bytes[end..], b"0\r\n\r\n").unwrap() + 5 } else { end + length };
        let request = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        bytes.drain(..whole);
        let count = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len()
        };
        let script = &answers[(count - 1).min(answers.len() - 1)];
        for (at, piece) in script.iter().enumerate() {
            if at > 0 {
                // So that it arrives by itself.
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            if stream.write_all(piece).await.is_err() {
                return;
            }
        }
        let said = script.concat();
        let framed = find(&said, b"ength:").is_some()
            || find(&said, b"chunked").is_some()
            || said.starts_with(b"HTTP/1.1 204");
        // An empty last piece closes the connection.
        if !framed || script.last().is_none_or(Vec::is_empty) {
            return;
        }
    }
}

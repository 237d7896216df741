//! A control plane on loopback, with stand-ins of the providers behind it that can be slow or down.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use keyway::{Origin, Registry};
use keyway_connect::{Connect, NewSession, Purpose};
use keyway_http::{Client, Dialer, HttpTransport};
use keyway_hub::{Gateway, Listener, Stop, Tls};
use keyway_sandbox::Sandbox;
use keyway_vault::{Actor, ApiScope, Database, KeyFile, NewApiToken, Scope, Tenant, Vault};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, runtime::Runtime, sync::watch, task::JoinSet};

/// A control plane, once over HTTP and once over TLS, and a gateway, over one vault.
pub(crate) struct Hub {
    runtime: Runtime,
    vault: Vault,
    plain: Connect,
    secure: Connect,
    gate: Gate,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    /// `https://localhost:PORT`: another site than `127.0.0.1`.
    pub(crate) secure_origin: String,
    /// The gateway over the same vault: `http://127.0.0.1:PORT`.
    pub(crate) gateway: String,
    /// Its certificate, signed by itself, and the key, in PEM.
    pub(crate) certificate: (String, String),
    _stand_ins: Sandbox,
    _folder: TempDir,
}

const TENANT: &str = "acme";

impl Hub {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let guard = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        let registry = Arc::new(Registry::linked().unwrap());
        let entries: Vec<_> = registry.entries().iter().collect();
        let stand_ins = runtime.block_on(Sandbox::start(&entries, 0)).unwrap();
        let gate = Gate::new(&stand_ins.origin());
        let vault = runtime.block_on(async {
            let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
            let store = store.parse::<Database>().unwrap().create().await.unwrap();
            let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
            Vault::init(store, key, &actor()).await.unwrap()
        });
        let connect = |origin: &str| {
            let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
            let builder = Connect::builder(vault.clone(), Arc::clone(&registry), client);
            builder.stand_in(gate.origin.clone()).build(origin).unwrap()
        };
        let serve = |connect: &Connect, socket, tls| {
            let (connect, listener) = (connect.clone(), Listener::new(socket, tls).unwrap());
            runtime.spawn(async move { connect.serve(listener, Stop::new()).await.unwrap() });
        };
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = (cert.pem(), signing_key.serialize_pem());
        let (socket, port) = socket();
        let origin = format!("http://127.0.0.1:{port}");
        let plain = connect(&origin);
        serve(&plain, socket, None);
        let (socket, port) = self::socket();
        let secure_origin = format!("https://localhost:{port}");
        let secure = connect(&secure_origin);
        let tls = Tls::from_pem(certificate.0.as_bytes(), certificate.1.as_bytes()).unwrap();
        serve(&secure, socket, Some(tls));
        let (socket, port) = self::socket();
        let gateway = Gateway::builder(vault.clone(), Arc::clone(&registry))
            .dialer(Dialer::builder().allow_loopback().build().unwrap());
        let gateway = runtime.block_on(gateway.open()).unwrap();
        let clients = Listener::new(socket, None).unwrap();
        runtime.spawn(async move { gateway.worker().serve(clients, Stop::new()).await });
        let gateway = format!("http://127.0.0.1:{port}");
        drop(guard);
        Self {
            runtime,
            vault,
            plain,
            secure,
            gate,
            origin,
            secure_origin,
            gateway,
            certificate,
            _stand_ins: stand_ins,
            _folder: folder,
        }
    }

    /// Does what a script asks for: `{"do": "session", …}`, `{"do": "end", …}`, `{"do": "provider", "is": "held"}`,
    /// `{"do": "connections", …}`, `{"do": "revoke", "token": "its id"}`.
    pub(crate) fn answer(&self, question: &Value) -> Value {
        let text = |name: &str| question[name].as_str();
        match text("do").unwrap() {
            "session" => {
                let purpose: Purpose = serde_json::from_value(question["purpose"].clone()).unwrap();
                let mut new = NewSession::new(text("end_user").unwrap(), purpose);
                if let Some(origin) = text("parent_origin") {
                    new = new.parent_origin(origin);
                }
                if let Some(url) = text("return_url") {
                    new = new.return_url(url);
                }
                if !question["look"].is_null() {
                    new = new.look(serde_json::from_value(question["look"].clone()).unwrap());
                }
                if !question["direction"].is_null() {
                    new = new.direction(serde_json::from_value(question["direction"].clone()).unwrap());
                }
                let connect = if question["secure"] == true { &self.secure } else { &self.plain };
                let tenant = Tenant::parse(TENANT).unwrap();
                let started = self.runtime.block_on(connect.start(&tenant, new)).unwrap();
                json!({ "id": started.session.id.as_str(), "link": started.link.expose() })
            }
            // As if its time had come.
            "end" => {
                let documents = self.vault.documents();
                self.runtime.block_on(async {
                    let document = documents.get("session", text("id").unwrap()).await.unwrap().unwrap();
                    documents
                        .replace(&document, &document.text, Some(SystemTime::now()))
                        .await
                        .unwrap()
                        .unwrap();
                });
                json!({})
            }
            "provider" => {
                self.gate.set(match text("is").unwrap() {
                    "well" => Mode::Well,
                    "held" => Mode::Held,
                    "down" => Mode::Down,
                    other => panic!("no provider is {other}"),
                });
                json!({})
            }
            "connections" => {
                let list = self.runtime.block_on(self.scope().list(None, 100)).unwrap();
                let list = list.iter().filter(|one| one.end_user.as_deref() == text("end_user"));
                list.map(|one| {
                    json!({
                        "id": one.id.as_str(), "provider": one.provider, "name": one.name, "version": one.version,
                        "account": one.account.as_ref().map(|account| account.label().to_owned()),
                    })
                })
                .collect()
            }
            "revoke" => {
                let tokens = self.vault.tokens(&actor());
                self.runtime.block_on(tokens.revoke(text("token").unwrap())).unwrap();
                json!({})
            }
            other => panic!("nobody can {other}"),
        }
    }

    /// A token of the REST API, of the tenant.
    pub(crate) fn token(&self, scopes: &[ApiScope]) -> NewApiToken {
        let tenant = Tenant::parse(TENANT).unwrap();
        let tokens = self.vault.tokens(&actor());
        self.runtime.block_on(tokens.create(Some(&tenant), None, scopes, None)).unwrap()
    }

    fn scope(&self) -> Scope {
        self.vault.tenant(&Tenant::parse(TENANT).unwrap(), &actor())
    }
}

fn actor() -> Actor {
    Actor::parse("test").unwrap()
}

fn socket() -> (TcpListener, u16) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// How the providers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Well,
    /// They hear nothing until they are well again.
    Held,
    Down,
}

/// What stands before the stand-ins.
struct Gate {
    origin: Origin,
    mode: Arc<watch::Sender<Mode>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Gate {
    fn new(to: &Origin) -> Self {
        let to = to.to_string().strip_prefix("http://").unwrap().to_owned();
        let (socket, port) = socket();
        socket.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(socket).unwrap();
        let (mode, connections) = (Arc::new(watch::Sender::new(Mode::Well)), Arc::default());
        let (now, all) = (Arc::clone(&mode), Arc::<Mutex<JoinSet<()>>>::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *now.borrow() != Mode::Down {
                    all.lock().unwrap().spawn(pass(stream, to.clone(), now.subscribe()));
                }
            }
        });
        let origin = Origin::parse_loopback(&format!("http://127.0.0.1:{port}")).unwrap();
        Self { origin, mode, connections }
    }

    /// Says how the providers are from now on: what is connected already is cut off, unless it was held.
    fn set(&self, mode: Mode) {
        if self.mode.send_replace(mode) != Mode::Held {
            self.connections.lock().unwrap().abort_all();
        }
    }
}

async fn pass(mut stream: TcpStream, to: String, mut mode: watch::Receiver<Mode>) {
    let _ = mode.wait_for(|mode| *mode != Mode::Held).await;
    let Ok(mut provider) = TcpStream::connect(to).await else { return };
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut provider).await;
}

//! Keyway's gateway.

use std::{net::SocketAddr, sync::Arc};

use keyway_core::{Credential, Origin, Registry, Submission};
use keyway_http::{Dialer, HttpTransport};
use keyway_hub::{Gateway, Listener as Clients, Stop};
// It registers itself; what no source names is not linked.
use keyway_rally as _;
use keyway_vault::{Actor, ConnectionId, Database, KeyFile, New, PathPattern, Tenant, Terms, Vault};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{failed, listener};
use keyway_probes::{Caller, Private, Setup, run};

/// Made up, with characters that encodings change.
const SECRET: &str = "_madeUp/00+11=22~33";

/// A gateway that may send to loopback, one that may not, and the vault of both.
struct Stage {
    runtime: Runtime,
    registry: Arc<Registry>,
    vault: Vault,
    open: SocketAddr,
    strict: SocketAddr,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Arc::new(Registry::linked().expect("good descriptors"));
        let (vault, open, strict) = runtime.block_on(async {
            let store = Database::sqlite(folder.path().join("keyway.db")).create().await.expect("a store");
            let key = KeyFile::create(folder.path().join("keyway.key")).expect("a key");
            let vault = Vault::init(store, Arc::new(key), &actor()).await.expect("a vault");
            let dialers = [Dialer::builder().allow_loopback(), Dialer::builder()];
            let [open, strict] = dialers.map(|dialer| dialer.build().expect("a dialer"));
            let open = serve(&vault, &registry, open).await;
            let strict = serve(&vault, &registry, strict).await;
            (vault, open, strict)
        });
        Self { runtime, registry, vault, open, strict, _folder: folder }
    }

    /// Keeps a key of Rally's that goes to an address.
    fn connection(&self, tenant: &str, key: &str, to: SocketAddr) -> ConnectionId {
        let submission = Submission::new().with("api_key", key);
        let accepted = self.registry.accept("rally", None, &submission).expect("a key");
        let origin = Origin::parse_loopback(&format!("http://{to}")).expect("an origin");
        let credential: Credential = accepted.credential.at_origin(origin);
        let scope = self.vault.tenant(&Tenant::parse(tenant).expect("a tenant"), &actor());
        let saved = self.runtime.block_on(scope.save(New::connection(&credential)));
        saved.expect("it is kept").connection.id
    }

    fn token(&self, tenant: &str, connection: &ConnectionId, terms: Terms) -> String {
        let scope = self.vault.tenant(&Tenant::parse(tenant).expect("a tenant"), &actor());
        let grant = self.runtime.block_on(scope.grant(connection, terms));
        grant.expect("a grant").token.expose().to_owned()
    }
}

fn actor() -> Actor {
    Actor::parse("tester").expect("a name")
}

/// Serves for as long as the runtime lives.
async fn serve(vault: &Vault, registry: &Arc<Registry>, dialer: Dialer) -> SocketAddr {
    let transport = HttpTransport::builder().allow_loopback();
    let gateway = Gateway::builder(vault.clone(), Arc::clone(registry));
    let gateway = gateway.dialer(dialer).transport(transport).open().await.expect("a gateway");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has room");
    let clients = Clients::new(socket, None).expect("a listener");
    let address = clients.address().expect("it listens");
    tokio::spawn(async move { gateway.worker().serve(clients, Stop::new()).await });
    address
}

/// Runs the probes with callers that this makes of a gateway, a token and a connection.
#[track_caller]
fn check(caller: fn(SocketAddr, &str, &ConnectionId) -> Caller) {
    let stage = Stage::new();
    let (upstream, private) = (listener(), listener());
    let own = stage.connection("acme", SECRET, upstream.address());
    let others = stage.connection("other", "_madeUpOther000000", upstream.address());
    let inside = stage.connection("acme", SECRET, private.address());
    let foreign = stage.token("other", &others, Terms::default());
    let below = PathPattern::parse("/v1/**").expect("a pattern");
    let limited = Terms::builder().path(below).build(std::time::SystemTime::now()).expect("terms");
    let setup = Setup {
        secret: SECRET.to_owned(),
        caller: caller(stage.open, &stage.token("acme", &own, Terms::default()), &own),
        foreign: Some((caller(stage.open, &foreign, &others), caller(stage.open, &foreign, &own))),
        limited: Some(caller(stage.open, &stage.token("acme", &own, limited), &own)),
        private: Some(Private {
            caller: caller(stage.strict, &stage.token("acme", &inside, Terms::default()), &inside),
            listener: private,
        }),
        metadata: None,
        upstream,
    };
    let outcomes = run(&setup).expect("an ordinary request comes through");
    assert!(failed(&outcomes).is_empty(), "{outcomes:#?}");
}

#[test]
fn keyway_passes_twelve_of_twelve_with_the_grant_in_the_keys_place() {
    check(|gateway, token, _| Caller {
        gateway,
        headers: vec![format!("ZSESSIONID: {token}")],
        prefix: String::new(),
    });
}

#[test]
fn keyway_passes_twelve_of_twelve_with_the_connection_in_the_path() {
    check(|gateway, token, connection| Caller {
        gateway,
        headers: vec![format!("Keyway-Grant: {token}")],
        prefix: format!("/c/{connection}"),
    });
}

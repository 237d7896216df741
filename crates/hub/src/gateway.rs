//! The gateway: what all its workers share.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use ipnet::IpNet;
use keyway_core::Registry;
use keyway_http::{Client, Dialer, HttpTransport, HttpTransportBuilder};
use keyway_vault::{Actor, Error as VaultError, Recorder, Recording, TokenHash, Vault};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
};
use url::Url;

use crate::{
    Error, Limits, Worker,
    metrics::Metrics,
    pace::Paces,
    places::Places,
    problem::{Code, Problem},
    route::{Route, Routes},
};

/// A gateway: clients of providers' APIs call them through it, with a grant in the key's place.
///
/// Clones are the same gateway. It serves with [`worker`](Self::worker)s, and ends with [`close`](Self::close).
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) registry: Arc<Registry>,
    pub(crate) dialer: Dialer,
    /// Made when it is needed first: it reads the system's certificates.
    client: OnceLock<Option<Client>>,
    transport: Mutex<Option<HttpTransportBuilder>>,
    pub(crate) limits: Limits,
    pub(crate) public: Option<PublicUrl>,
    trusted: Vec<IpNet>,
    pub(crate) strict: bool,
    pub(crate) places: Places,
    pub(crate) routes: Routes,
    paces: Paces,
    pub(crate) metrics: Metrics,
    /// Gone once the gateway is closed.
    pub(crate) recorder: ArcSwapOption<Recorder>,
    recording: Mutex<Option<Recording>>,
    /// Why uses cannot be written, while they cannot.
    pub(crate) unwritten: watch::Receiver<Option<VaultError>>,
    /// When it was last tried whether the vault can be written, and what came of it.
    pub(crate) tried: tokio::sync::Mutex<Option<(Instant, Result<(), VaultError>)>>,
    /// The store cannot be asked, so that nobody knows what changed.
    blind: AtomicBool,
    loading: Semaphore,
    pub(crate) actor: Actor,
    following: Mutex<Vec<AbortHandle>>,
}

/// Sets a [`Gateway`] up.
#[must_use]
pub struct GatewayBuilder {
    vault: Vault,
    registry: Arc<Registry>,
    dialer: Option<Dialer>,
    transport: Option<HttpTransportBuilder>,
    limits: Limits,
    public: Option<PublicUrl>,
    trusted: Vec<IpNet>,
    strict: bool,
}

/// Where clients reach a gateway: `https://gateway.example.com`, perhaps with a port and a path before every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    pub(crate) secure: bool,
    pub(crate) authority: HeaderValue,
}

/// How many grants are read from the vault at once: whoever makes tokens up takes no more of it.
const LOADING: usize = 16;
/// How long to wait for news before waiting anew. A look into the store that hangs fails by itself, well before: what is
/// silent for so long was asked, and had none.
const LOOK: Duration = Duration::from_secs(6);
/// Between two tries, where the store cannot be asked.
const PAUSE: Duration = Duration::from_millis(200);

impl Gateway {
    /// Starts to set a gateway up, over a vault and the providers whose connections it has.
    pub fn builder(vault: Vault, registry: Arc<Registry>) -> GatewayBuilder {
        GatewayBuilder {
            vault,
            registry,
            dialer: None,
            transport: None,
            limits: Limits::default(),
            public: None,
            trusted: Vec::new(),
            strict: false,
        }
    }

    /// A worker, which serves clients on the runtime that it is asked from. Each has connections of its own to the providers:
    /// one for each thread, with a runtime of its own, is what takes least.
    pub fn worker(&self) -> Worker {
        Worker::new(self.clone())
    }

    /// What it counted, in the text format of `OpenMetrics`.
    pub fn metrics(&self) -> String {
        self.0.metrics.text()
    }

    /// Whether it serves: the vault can be asked, and uses can be written, as far as it is known.
    pub fn is_ready(&self) -> bool {
        !self.0.blind.load(Ordering::Relaxed) && self.0.unwritten.borrow().is_none()
    }

    /// Ends it, once all workers have ended: waits until every use is in the audit log.
    pub async fn close(self) -> Result<(), Error> {
        for following in self.0.following.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            following.abort();
        }
        self.0.recorder.store(None);
        let recording = self.0.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(recording) = recording {
            recording.end().await?;
        }
        Ok(())
    }
}

impl GatewayBuilder {
    /// Dials providers with this; without, with the defaults of [`Dialer`].
    pub fn dialer(self, dialer: Dialer) -> Self {
        Self { dialer: Some(dialer), ..self }
    }

    /// Checks credentials over this, after a provider refused one; without, over the defaults of [`HttpTransport`]. It is built
    /// when it is needed first, since that reads the system's certificates.
    pub fn transport(self, transport: HttpTransportBuilder) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Takes other limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Says where clients reach it. Without, the `Host` of each request says so.
    pub fn public_url(self, url: PublicUrl) -> Self {
        Self { public: Some(url), ..self }
    }

    /// Believes `X-Forwarded-Proto` and `X-Forwarded-Host` of who connects from these networks. Nobody else is believed.
    pub fn trusted_proxies(self, networks: Vec<IpNet>) -> Self {
        Self { trusted: networks, ..self }
    }

    /// Writes each use to the audit log before its request is sent. Without, uses are written in groups, at most 250
    /// milliseconds after, and a killed process loses what was not written yet: see [`Recorder`].
    pub fn strict_audit(self) -> Self {
        Self { strict: true, ..self }
    }

    /// Opens it, on the current Tokio runtime: it says in the audit log that uses are recorded from now on, and follows what
    /// others change in the vault.
    pub async fn open(self) -> Result<Gateway, Error> {
        let dialer = self.dialer.map_or_else(|| Dialer::builder().build(), Ok)?;
        let actor = Actor::parse("gateway").map_err(|_| Error::Setting("the gateway has no name"))?;
        let (recorder, recording) = self.vault.recorder().await?;
        let unwritten = recorder.failing();
        let gateway = Gateway(Arc::new(Shared {
            places: Places::of(&self.registry),
            routes: Routes::new(self.limits.routes),
            vault: self.vault,
            registry: self.registry,
            dialer,
            client: OnceLock::new(),
            transport: Mutex::new(self.transport),
            limits: self.limits,
            public: self.public,
            trusted: self.trusted,
            strict: self.strict,
            paces: Paces::new(),
            metrics: Metrics::new(),
            recorder: ArcSwapOption::from_pointee(recorder),
            recording: Mutex::new(Some(recording)),
            unwritten: unwritten.clone(),
            tried: tokio::sync::Mutex::default(),
            blind: AtomicBool::new(false),
            loading: Semaphore::new(LOADING),
            actor,
            following: Mutex::default(),
        }));
        let failing = gateway.0.metrics.audit_failing.clone();
        let following = [
            tokio::spawn(follow(Arc::downgrade(&gateway.0))).abort_handle(),
            tokio::spawn(watch_audit(unwritten, failing)).abort_handle(),
        ];
        gateway.0.following.lock().unwrap_or_else(PoisonError::into_inner).extend(following);
        Ok(gateway)
    }
}

/// Hears of what other processes change, and notices when the store cannot be asked: what was kept is then not used, since a
/// grant may have been revoked (N58).
async fn follow(gateway: std::sync::Weak<Shared>) {
    let mut after = 0;
    loop {
        let Some(shared) = gateway.upgrade() else { return };
        let vault = shared.vault.clone();
        drop(shared);
        let news = match tokio::time::timeout(LOOK, vault.changed(after)).await {
            // Nothing changed, and the store was asked.
            Err(_) => Ok(after),
            Ok(news) => news,
        };
        let Some(shared) = gateway.upgrade() else { return };
        let blind = news.is_err();
        if shared.blind.swap(blind, Ordering::Relaxed) != blind {
            if blind {
                tracing::error!("the vault cannot be asked: no request is served until it can");
            } else {
                tracing::info!("the vault can be asked again");
            }
        }
        match news {
            Ok(news) => after = news,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Says when uses cannot be written, which whoever runs the gateway has to know at once, and when they can.
async fn watch_audit(mut unwritten: watch::Receiver<Option<VaultError>>, failing: Gauge) {
    let mut is_known = false;
    while unwritten.changed().await.is_ok() {
        let why = unwritten.borrow_and_update().clone();
        failing.set(i64::from(why.is_some()));
        match why {
            Some(error) if !is_known => tracing::error!(
                %error,
                "uses cannot be written to the audit log: requests are refused until they can"
            ),
            None if is_known => tracing::info!("uses can be written to the audit log again: none was lost"),
            _ => continue,
        }
        is_known = !is_known;
    }
}

impl Shared {
    /// What credentials are checked with.
    pub(crate) fn client(&self) -> Option<&Client> {
        let client = self.client.get_or_init(|| {
            let given = self.transport.lock().unwrap_or_else(PoisonError::into_inner).take();
            given.unwrap_or_else(HttpTransport::builder).build().ok().map(Client::from)
        });
        if client.is_none() {
            tracing::error!("the HTTP client for checks could not be set up");
        }
        client.as_ref()
    }

    /// Whether what a peer says of the client behind it is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// What a token stands for, as it is now.
    pub(crate) async fn route(&self, hash: &TokenHash) -> Result<Arc<Route>, Problem> {
        if self.blind.load(Ordering::Relaxed) {
            return Err(Code::StoreUnavailable.into());
        }
        match self.routes.get(hash) {
            Some(route) if self.is_current(&route) => Ok(route),
            _ => Box::pin(self.load(hash)).await,
        }
    }

    /// Whether a route is as it would be read now.
    pub(crate) fn is_current(&self, route: &Route) -> bool {
        route.epoch == self.vault.epoch() && !self.blind.load(Ordering::Relaxed)
    }

    async fn load(&self, hash: &TokenHash) -> Result<Arc<Route>, Problem> {
        let _turn = self.loading.acquire().await.map_err(|_| Problem::from(Code::Stopping))?;
        // Somebody else may have read it meanwhile.
        if let Some(route) = self.routes.get(hash).filter(|route| self.is_current(route)) {
            return Ok(route);
        }
        self.metrics.loads.inc();
        // Before anything is read: what changes meanwhile makes it stale.
        let epoch = self.vault.epoch();
        match self.read(hash, epoch).await {
            Ok(route) => {
                let route = Arc::new(route);
                self.routes.put(hash, Arc::clone(&route));
                Ok(route)
            }
            Err(error) => {
                self.routes.forget(hash);
                Err(refused(&error))
            }
        }
    }

    async fn read(&self, hash: &TokenHash, epoch: u64) -> Result<Route, VaultError> {
        let grant = self.vault.grant_by_hash(hash).await?;
        let scope = self.vault.tenant(&grant.tenant, &self.actor);
        let opened = scope.open(&grant.connection, &self.registry).await?;
        for warning in &opened.warnings {
            tracing::warn!(connection = %grant.connection, %warning, "a kept key is not as its provider describes it today");
        }
        let (connection, credential) = (opened.connection, opened.credential);
        let pace = self.paces.of(&connection, &credential);
        let meter = grant.terms.rate().map(|rate| self.paces.meter(&grant.id, rate));
        let counters = self.metrics.of(credential.provider().descriptor().id().as_str());
        Ok(Route::new(epoch, grant, connection, credential, pace, meter, counters))
    }
}

/// What a caller is told where the vault says no; whoever runs the gateway reads why in the log.
fn refused(error: &VaultError) -> Problem {
    let code = match error {
        VaultError::NotFound => return Code::GrantUnknown.into(),
        VaultError::NeedsKey { .. } => Code::ConnectionNeedsKey,
        VaultError::Store(_) => Code::StoreUnavailable,
        _ => Code::ConnectionUnusable,
    };
    tracing::error!(%error, problem = code.as_str(), "a grant's connection cannot be opened");
    code.into()
}

impl PublicUrl {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not `http` or `https` with a host, or has a query, a fragment or a user's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let problem = Error::Setting("the public URL is https://host, perhaps with a port and a path");
        let Ok(url) = Url::parse(text) else { return Err(problem) };
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let Some(host) = url.host_str().filter(|_| plain) else { return Err(problem) };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let authority = format!("{host}{port}{}", url.path().trim_end_matches('/'));
        let authority = HeaderValue::try_from(authority).map_err(|_| problem)?;
        Ok(Self { secure: url.scheme() == "https", authority })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("vault", &self.0.vault).finish_non_exhaustive()
    }
}

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayBuilder").field("vault", &self.vault).finish_non_exhaustive()
    }
}

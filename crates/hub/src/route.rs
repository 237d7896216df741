//! What a grant stands for: a connection, its opened credential, and where that may go.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use keyway_core::{Credential, Mask, Origin};
use keyway_vault::{By, Connection, Grant, Tenant, TokenHash, template_of};

use crate::{
    answer::Rewrite,
    metrics::OfProvider,
    pace::{Meter, Pace},
};

/// What a grant stands for. It is read from the vault once, and kept until anything there changes.
pub(crate) struct Route {
    /// [`Vault::epoch`](keyway_vault::Vault::epoch) before it was read.
    pub(crate) epoch: u64,
    pub(crate) grant: Grant,
    pub(crate) by: By,
    pub(crate) connection: Connection,
    pub(crate) credential: Arc<Credential>,
    pub(crate) mask: Arc<Mask>,
    pub(crate) targets: Vec<Upstream>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) meter: Option<Arc<Meter>>,
    pub(crate) counters: Arc<OfProvider>,
    rewrites: Mutex<Vec<(Base, Arc<Rewrite>)>>,
    template: Mutex<Option<(Box<str>, Arc<str>)>>,
    used: AtomicBool,
}

/// One origin of a credential.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) origin: Origin,
    pub(crate) pool: PoolKey,
    scheme: Scheme,
    authority: Authority,
}

/// Whose connections to which origin: tenants share none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey(Arc<(Tenant, String)>);

/// Where a client reaches the gateway: what the provider's own URLs are rewritten to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) secure: bool,
    /// Host, port and what stands before every path; empty where nobody knows, and nothing can be rewritten.
    pub(crate) authority: HeaderValue,
    /// Whether the client names the connection in the path.
    pub(crate) explicit: bool,
}

/// How many bases of one route are remembered: clients rarely know a gateway by more names.
const MAX_BASES: usize = 4;

impl Route {
    pub(crate) fn new(
        epoch: u64,
        grant: Grant,
        connection: Connection,
        credential: Credential,
        pace: Arc<Pace>,
        meter: Option<Arc<Meter>>,
        counters: Arc<OfProvider>,
    ) -> Self {
        let targets = credential.origins().iter().filter_map(|origin| Upstream::new(&grant.tenant, origin));
        Self {
            epoch,
            by: By::Grant(grant.id.clone()),
            targets: targets.collect(),
            mask: Arc::new(credential.mask()),
            credential: Arc::new(credential),
            grant,
            connection,
            pace,
            meter,
            counters,
            rewrites: Mutex::default(),
            template: Mutex::default(),
            used: AtomicBool::new(true),
        }
    }

    /// How the provider's URLs are rewritten for a client that knows the gateway by this name; `None` where they are not.
    pub(crate) fn rewrite(&self, base: &Base) -> Option<Arc<Rewrite>> {
        if !self.grant.terms.rewrites() || base.authority.is_empty() {
            return None;
        }
        let mut known = self.rewrites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rewrite)) = known.iter().find(|(known, _)| known == base) {
            return Some(Arc::clone(rewrite));
        }
        let scheme = if base.secure { "https" } else { "http" };
        let mut prefix = format!("{scheme}://{}", String::from_utf8_lossy(base.authority.as_bytes()));
        if base.explicit {
            prefix = format!("{prefix}/c/{}", self.connection.id);
        }
        let own = |at: usize, upstream: &Upstream| {
            // Only the first one is reached without being named.
            if at == 0 { prefix.clone() } else { format!("{prefix}/@{}", upstream.authority) }
        };
        let pairs = self.targets.iter().enumerate().map(|(at, up)| (up.origin.clone(), own(at, up)));
        let rewrite = Arc::new(Rewrite::new(pairs));
        if known.len() == MAX_BASES {
            known.remove(0);
        }
        known.push((base.clone(), Arc::clone(&rewrite)));
        Some(rewrite)
    }

    /// What the audit log shows of a path.
    pub(crate) fn template(&self, path: &str) -> Arc<str> {
        let mut last = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, template)) if **known == *path => Arc::clone(template),
            _ => {
                let template: Arc<str> = template_of(path).into();
                *last = Some((path.into(), Arc::clone(&template)));
                template
            }
        }
    }
}

impl Upstream {
    fn new(tenant: &Tenant, origin: &Origin) -> Option<Self> {
        let text = origin.to_string();
        let uri: Uri = text.parse().ok()?;
        Some(Self {
            scheme: uri.scheme()?.clone(),
            authority: uri.authority()?.clone(),
            origin: origin.clone(),
            pool: PoolKey(Arc::new((tenant.clone(), text))),
        })
    }

    /// Host and port, as they stand in `Host`.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The address of a path there.
    pub(crate) fn uri(&self, path: PathAndQuery) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("grant", &self.grant.id)
            .field("connection", &self.connection.id)
            .finish_non_exhaustive()
    }
}

/// The routes in use, by the hash of their token: a snapshot that is swapped whole, so that looking one up waits for nobody.
#[derive(Debug)]
pub(crate) struct Routes {
    table: ArcSwap<Table>,
    writing: Mutex<()>,
    most: usize,
}

type Key = [u8; 32];
type Table = HashMap<Key, Arc<Route>, BuildHasherDefault<FirstBytes>>;

impl Routes {
    pub(crate) fn new(most: usize) -> Self {
        Self { table: ArcSwap::default(), writing: Mutex::default(), most: most.max(1) }
    }

    /// The route of a token, whatever its age.
    pub(crate) fn get(&self, hash: &TokenHash) -> Option<Arc<Route>> {
        let table = self.table.load();
        let route = table.get(hash.as_bytes())?;
        // A look at the memory costs less than writing to it, which other processors would have to hear of.
        if !route.used.load(Ordering::Relaxed) {
            route.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(route))
    }

    /// Keeps a route; where there are too many, those that were not used lately go.
    pub(crate) fn put(&self, hash: &TokenHash, route: Arc<Route>) {
        let Ok(key) = Key::try_from(hash.as_bytes()) else { return };
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table.load());
        table.insert(key, route);
        if table.len() > self.most {
            table.retain(|own, route| *own == key || route.used.swap(false, Ordering::Relaxed));
            // All were used: half of them go, whichever.
            let mut over = if table.len() > self.most { table.len() / 2 } else { 0 };
            table.retain(|own, _| {
                let goes = over > 0 && *own != key;
                over -= usize::from(goes);
                !goes
            });
        }
        self.table.store(Arc::new(table));
    }

    /// Forgets a route.
    pub(crate) fn forget(&self, hash: &TokenHash) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.table.load().contains_key(hash.as_bytes()) {
            let mut table = Table::clone(&self.table.load());
            table.remove(hash.as_bytes());
            self.table.store(Arc::new(table));
        }
    }
}

/// A hash has been hashed.
#[derive(Debug, Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }
}

//! The vault: opened with the right key, or not at all.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Actor, Anchor, AnchorSink, Error, KeyId, KeySource, Scope, Tenant,
    audit::{Event, RowMark, What, chain, now, unchained},
    encoding::hex,
    epoch::Epoch,
    error::tampered,
    group::Group,
    name::fill,
    roots::{Roots, same},
    seal::{Binding, Ring, Unopened, key_of},
    state::{State, roots_of, unlock, wrong},
    store::{
        Batch, Change, Committed, EntryRow, Head, KeyRow, Rows, Store, StoreError, StoreErrorKind, Turn,
        VaultRow,
    },
};

/// Connections that are kept: sealed, bound to their tenant, and audited.
///
/// Clones are the same vault. All that belongs to a tenant goes through [`tenant`](Self::tenant).
///
/// # Security
/// `Debug` shows the vault's id, and nothing sealed.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) source: Arc<dyn KeySource>,
    pub(crate) row: VaultRow,
    pub(crate) roots: Roots,
    known: RwLock<Known>,
    /// The head as this process last saw it. Writers of this process take turns; those of others are noticed by it.
    head: Mutex<Head>,
    pub(crate) epoch: Epoch,
    anchors: Option<Arc<dyn AnchorSink>>,
    pub(crate) documents: Group,
}

/// The keys as this process last saw them.
struct Known {
    /// [`Head::changed`] at that instant.
    changed: i64,
    rows: Vec<KeyRow>,
    /// The vault's root, sealed under the active one.
    root: Vec<u8>,
    ring: Arc<Ring>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("id", &self.id()).field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// For how long a write tries while somebody else is first again and again: a process that is far from the database has
/// many others before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long the database is asked what became of a batch.
const DOUBT: Duration = Duration::from_secs(10);

impl Vault {
    /// Makes a vault in an empty store, under a key of the source that nothing else is under.
    ///
    /// # Errors
    /// When there is a vault, or no key. Nothing is there then.
    pub async fn init(
        store: Arc<dyn Store>,
        source: Arc<dyn KeySource>,
        actor: &Actor,
    ) -> Result<Self, Error> {
        // Before a key is made: it would be one for nothing.
        let mut fill_store = store.fill().await?;
        let fresh = source.fresh(&[]).await?;
        let ring = Ring::new([&fresh.key], fresh.key.id());
        let mut id = [0; 16];
        fill(&mut id);
        let mut row = VaultRow { id: hex(&id), created_at: now(), root: Vec::new() };
        let secret = Roots::secret();
        row.root = ring.seal(&Binding::root(&row), &secret);
        let roots = Roots::new(&secret);
        let key = key_row(&roots, fresh.key.id(), KeyRow::ACTIVE, row.created_at, fresh.wrapped);
        let what = What {
            actor: Some(actor.to_string()),
            key: Some(key.id.clone()),
            rows: vec![RowMark::key(&key)],
            ..What::default()
        };
        let nothing = Head { seq: 0, mac: Vec::new(), changed: 0 };
        let mut entries = unchained(vec![Event::of_vault("vault.created", &what)]);
        chain(&roots, &nothing, &mut entries, row.created_at);
        let head = Head { seq: 1, mac: entries[0].mac.clone(), changed: 1 };
        fill_store.put(Rows::Vault(row.clone(), head.clone())).await?;
        fill_store.put(Rows::Keys(vec![key.clone()])).await?;
        fill_store.put(Rows::Entries(entries)).await?;
        fill_store.finish().await?;
        Ok(Self::new(store, source, row, roots, (vec![key], ring), head))
    }

    /// Opens a vault. Nothing is written, but where an older version made the tables: with the right key they become those of
    /// today.
    ///
    /// # Errors
    /// When there is none, its key is missing or another one, or what can be seen at the start is not as it was written.
    pub async fn open(store: Arc<dyn Store>, source: Arc<dyn KeySource>) -> Result<Self, Error> {
        let state = State::read(&*store).await?;
        let (state, ring) = unlock(&*store, &*source, state).await?;
        let roots = roots_of(&ring, &state.row)?;
        state.check(&roots)?;
        // Not before: with another key nothing changes.
        store.upgrade().await?;
        Ok(Self::new(store, source, state.row, roots, (state.keys, ring), state.head))
    }

    pub(crate) fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn KeySource>,
        row: VaultRow,
        roots: Roots,
        (keys, ring): (Vec<KeyRow>, Ring),
        head: Head,
    ) -> Self {
        let known = RwLock::new(Known {
            changed: head.changed,
            rows: keys,
            root: row.root.clone(),
            ring: Arc::new(ring),
        });
        let (head, epoch) = (Mutex::new(head), Epoch::default());
        Self(Arc::new(Inner {
            store,
            source,
            row,
            roots,
            known,
            head,
            epoch,
            anchors: None,
            documents: Group::new(),
        }))
    }

    /// The same vault, which tells of every commit where the audit log stands. It is asked for right after opening.
    ///
    /// # Errors
    /// When the sink knows of an anchor that the audit log does not hold: the database was put back, or cut off.
    ///
    /// # Panics
    /// When the vault was cloned before.
    pub async fn with_anchors(mut self, sink: Arc<dyn AnchorSink>) -> Result<Self, Error> {
        if let Some(last) = sink.last()? {
            self.hold(&last).await?;
        }
        let inner = Arc::get_mut(&mut self.0).expect("a vault that was not cloned yet");
        inner.anchors = Some(sink);
        Ok(self)
    }

    /// The vault's id: 32 hex digits.
    pub fn id(&self) -> &str {
        &self.0.row.id
    }

    /// What belongs to a tenant; `actor` is who the audit log names.
    pub fn tenant(&self, tenant: &Tenant, actor: &Actor) -> Scope {
        Scope::new(self.clone(), tenant.clone(), actor.clone())
    }

    /// Where the audit log stands.
    pub async fn anchor(&self) -> Result<Anchor, Error> {
        let (_, head) = self.0.store.vault().await?.ok_or(Error::NoVault)?;
        Ok(Anchor::of(&head))
    }

    /// Checks that the audit log holds an anchor: that nothing before it was taken away or put in another's place.
    ///
    /// # Errors
    /// [`Error::Tampered`] when it does not.
    pub async fn hold(&self, anchor: &Anchor) -> Result<(), Error> {
        let entries = self.0.store.entries(anchor.seq() - 1, 1).await?;
        match entries.first() {
            Some(entry) if entry.seq == anchor.seq() && same(&entry.mac, anchor.mac()) => Ok(()),
            _ => {
                Err(tampered(&format!("the audit log: entry {} is not that of the anchor; it", anchor.seq())))
            }
        }
    }

    /// Closes the connections to the database.
    pub async fn close(self) {
        self.0.store.close().await;
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner).ring)
    }

    /// Reads the keys again: another process may have rotated them.
    pub(crate) async fn reload_keys(&self) -> Result<Arc<Ring>, Error> {
        let inner = &self.0;
        let changed = inner.known.read().unwrap_or_else(PoisonError::into_inner).changed;
        let state = State::read(&*inner.store).await?;
        // Before its keys are asked for: those of a database that was put back may be gone.
        if state.head.changed < changed {
            return Err(tampered("the audit log's head"));
        }
        // Most changes are not of keys, and a key service is not asked for what is at hand.
        {
            let known = inner.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.rows == state.keys && known.root == state.row.root {
                return Ok(Arc::clone(&known.ring));
            }
        }
        let (state, ring) = unlock(&*inner.store, &*inner.source, state).await?;
        state.check(&inner.roots)?;
        // Whose key it names is the one to seal under: only whoever has the keys can have written that.
        ring.open(&Binding::root(&inner.row), &state.row.root).map_err(|_| tampered("the vault's root"))?;
        let mut known = inner.known.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have begun to look later, and be done already.
        if state.head.changed >= known.changed {
            let ring = Arc::new(ring.after(&known.ring));
            *known = Known { changed: state.head.changed, rows: state.keys, root: state.row.root, ring };
        }
        Ok(Arc::clone(&known.ring))
    }

    /// Opens a record; where it is under a key that is not at hand, after reading the keys again.
    pub(crate) async fn open_record(
        &self,
        binding: &Binding,
        record: &[u8],
        what: &str,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        match self.ring().open(binding, record) {
            Err(Unopened::UnknownKey(needed)) => {
                let opened = self.reload_keys().await?.open(binding, record);
                opened.map_err(|error| match error {
                    Unopened::UnknownKey(_) => wrong(needed, "the key is not there any more").into(),
                    _ => tampered(what),
                })
            }
            opened => opened.map_err(|_| tampered(what)),
        }
    }

    /// Writes something to the audit log that changes no row.
    pub(crate) async fn note(&self, event: Event) -> Result<(), Error> {
        let mut write = self.write().await?;
        while !write.commit(Vec::new(), vec![event.clone()]).await? {}
        Ok(())
    }

    /// Begins to write. Nobody else of this process writes until it ends.
    pub(crate) async fn write(&self) -> Result<Write<'_>, Error> {
        let head = tokio::time::timeout(PATIENCE, self.0.head.lock()).await.map_err(|_| {
            StoreError::new(StoreErrorKind::Busy).because("others of this process wait to write")
        })?;
        Ok(Write { vault: self, head, turn: None, began: Instant::now() })
    }
}

/// A write: what is prepared from rows and the head is committed if neither moved meanwhile, and prepared again if one did.
pub(crate) struct Write<'v> {
    vault: &'v Vault,
    head: MutexGuard<'v, Head>,
    /// Held once somebody else was first.
    turn: Option<Box<dyn Turn>>,
    began: Instant,
}

impl Write<'_> {
    /// Commits changes and what the audit log says of them. `false` when something moved: everything is to be read and
    /// prepared again.
    ///
    /// # Errors
    /// When the store fails, or somebody else was first too often. Nothing was changed then, but where the store says that
    /// it does not know.
    pub(crate) async fn commit(&mut self, changes: Vec<Change>, events: Vec<Event>) -> Result<bool, Error> {
        let mut batch = Batch { after: self.head.clone(), entries: unchained(events), changes };
        self.place(&mut batch);
        self.put(&batch).await
    }

    /// Gives a batch its place behind the head, for [`put`](Self::put).
    pub(crate) fn place(&self, batch: &mut Batch) {
        batch.after.clone_from(&self.head);
        chain(&self.vault.0.roots, &batch.after, &mut batch.entries, now());
    }

    /// Commits a batch, as [`commit`](Self::commit) does.
    pub(crate) async fn put(&mut self, batch: &Batch) -> Result<bool, Error> {
        match self.send(batch).await {
            Err(error) if error.kind() == StoreErrorKind::Uncertain => self.settle(batch, error).await,
            committed => self.end(batch, committed?).await,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let _moving = self.vault.0.epoch.moving(batch);
        match self.turn.take() {
            Some(turn) => turn.commit(batch).await,
            None => self.vault.0.store.commit(batch).await,
        }
    }

    /// Finds out what became of a batch of which nobody knows, by committing it once more: that waits for whoever holds the
    /// head, so that afterwards the batch is there, now or since the first time, or never will be.
    ///
    /// # Errors
    /// That of the first time, where the store does not say.
    pub(crate) async fn settle(&mut self, batch: &Batch, error: StoreError) -> Result<bool, Error> {
        let began = Instant::now();
        while began.elapsed() < DOUBT {
            match self.send(batch).await {
                Ok(Committed::HeadMoved) => {
                    let entries = self.vault.0.store.entries(batch.after.seq, 1).await;
                    if let Ok(entries) = entries {
                        let is_ours = |entry: &EntryRow| same(&entry.mac, &batch.entries[0].mac);
                        let there = entries.first().is_some_and(is_ours);
                        let committed = if there { Committed::Done } else { Committed::HeadMoved };
                        return self.end(batch, committed).await;
                    }
                }
                Ok(committed) => return self.end(batch, committed).await,
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(error.into())
    }

    async fn end(&mut self, batch: &Batch, committed: Committed) -> Result<bool, Error> {
        if committed == Committed::Done {
            let head = batch.head().expect("a batch has entries");
            self.vault.0.epoch.done(batch);
            if let Some(anchors) = &self.vault.0.anchors {
                anchors.anchor(&Anchor::of(&head));
            }
            // Where keys changed, whoever writes next does as other processes do: it finds that the head moved, and reads
            // the keys again. So nothing comes under the old one.
            if !batch.changes.iter().any(|change| matches!(change, Change::PutKey(_) | Change::RetireKey(_)))
            {
                *self.head = head;
            }
            return Ok(true);
        }
        if self.began.elapsed() > PATIENCE {
            return Err(Error::Conflict);
        }
        // Nobody else writes between what is read now and the next try.
        self.turn = self.vault.0.store.turn().await?;
        self.refresh().await?;
        Ok(false)
    }

    /// Reads where the log stands, and the keys: somebody else wrote.
    async fn refresh(&mut self) -> Result<(), Error> {
        let vault = self.vault;
        let state = State::read(&*vault.0.store).await?;
        state.check(&vault.0.roots)?;
        // What was there once is there for good.
        vault.hold(&Anchor::of(&self.head)).await?;
        if state.head.changed < self.head.changed {
            return Err(tampered("the audit log's head"));
        }
        // The root is under the active key. Only where that is another one is its source asked, which may be far away: who
        // writes at the same time as others would be late again and again.
        if key_of(&state.row.root) != Ok(vault.ring().active()) {
            vault.reload_keys().await?;
        }
        *self.head = state.head;
        Ok(())
    }
}

/// Between two tries on a database that is away.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn key_row(
    roots: &Roots,
    id: KeyId,
    state: &str,
    created_at: i64,
    wrapped: Option<Vec<u8>>,
) -> KeyRow {
    let mut row =
        KeyRow { id: id.to_string(), state: state.to_owned(), created_at, wrapped, mac: Vec::new() };
    row.mac = roots.key(&row);
    row
}

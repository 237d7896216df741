//! What belongs to one tenant.

mod list;

use std::borrow::Cow;

use keyway_core::{Account, Credential, NotFound, Registry, Secret, Verdict};

use crate::{
    Actor, Connection, ConnectionId, Entry, Error, New, Opened, Saved, Status, Tenant, Vault,
    audit::{Event, RowKind, RowMark, What, now},
    connection::{AccountOf, Details, name},
    draft::{Draft, kept},
    error::tampered,
    roots::same,
    seal::{Binding, Ring, key_of},
    store::{Change, ConnectionRow, Marks},
};

/// What belongs to a tenant. Somebody else's is not there: every call says [`Error::NotFound`] of it, as of what does not
/// exist.
///
/// Each change is in the audit log, in the name of the actor, in the same transaction.
#[derive(Debug, Clone)]
pub struct Scope {
    pub(crate) vault: Vault,
    pub(crate) tenant: Tenant,
    pub(crate) actor: Actor,
}

/// Whose account a new key may be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accounts {
    /// That of the connection.
    Same,
    /// That of the connection, or one that may be the same by what the provider's descriptor says (`account.same_by`), of which
    /// somebody confirmed that it is: both are known, and of one [`group`](Account::group).
    Alike,
    /// Anybody's.
    Any,
}

/// The most connections that are listed, or saved together.
const MAX_PAGE: usize = 1000;

impl Scope {
    pub(crate) fn new(vault: Vault, tenant: Tenant, actor: Actor) -> Self {
        Self { vault, tenant, actor }
    }

    /// Keeps a credential.
    pub async fn save(&self, new: New<'_>) -> Result<Saved, Error> {
        let mut saved = self.save_all(&[new]).await?;
        Ok(saved.remove(0))
    }

    /// Keeps several credentials, all or none; at most 1,000.
    pub async fn save_all(&self, list: &[New<'_>]) -> Result<Vec<Saved>, Error> {
        if list.len() > MAX_PAGE {
            return Err(Error::Invalid(format!("at most {MAX_PAGE} connections can be saved together")));
        }
        let mut drafts = Vec::with_capacity(list.len());
        for new in list {
            drafts.push(self.draft(new)?);
        }
        let mut write = self.vault.write().await?;
        loop {
            let ring = self.vault.ring();
            let mut saved = Vec::with_capacity(list.len());
            let (mut changes, mut events) = (Vec::new(), Vec::new());
            for draft in &drafts {
                let mut row = self.unsealed(draft);
                self.seal(&ring, &mut row, draft);
                let marks =
                    Marks { secret: row.secret_mark.clone(), account: row.account_mark.clone(), owner: None };
                let alike = self.vault.0.store.alike(self.tenant.as_str(), &marks).await?;
                if draft.id.is_some()
                    && self.vault.0.store.connection(self.tenant.as_str(), &row.id).await?.is_some()
                {
                    return Err(Error::Exists);
                }
                saved.push(Saved {
                    connection: Connection::of(&row, draft.details())?,
                    same_secret: ids(&alike.secret)?,
                    same_account: ids(&alike.account)?,
                });
                events.push(self.event(&row, "connection.created"));
                changes.push(Change::Insert(Box::new(row)));
            }
            if changes.is_empty() || write.commit(changes, events).await? {
                return Ok(saved);
            }
        }
    }

    /// One connection.
    pub async fn get(&self, id: &ConnectionId) -> Result<Connection, Error> {
        let row = self.row(id).await?;
        self.shown(&row).await
    }

    /// Opens a connection's credential, as its provider is described today.
    ///
    /// # Errors
    /// [`Error::NeedsKey`] when the stored origins are no longer the provider's, or a stored value cannot be sent any more.
    pub async fn open(&self, id: &ConnectionId, registry: &Registry) -> Result<Opened, Error> {
        let row = self.row(id).await?;
        let what = format!("connection {id}");
        let text = self.vault.open_record(&Binding::credential(&row), &row.credential, &what).await?;
        let unknown = |error: NotFound| {
            Error::Invalid(format!("the connection's provider cannot be used here: {error}"))
        };
        let (entry, method) = registry.method(&row.provider, Some(&row.method)).map_err(unknown)?;
        let restored = entry
            .restore(method, &kept(&row.origins, row.elsewhere == 1, &text, &what)?)
            .map_err(|error| Error::NeedsKey { why: error.to_string() })?;
        let connection = self.shown(&row).await?;
        Ok(Opened { connection, credential: restored.credential, warnings: restored.warnings })
    }

    /// Writes down what a check said of a connection's credential. A valid verdict makes the connection active, an invalid
    /// one makes it need a key; any other leaves the status as it is.
    ///
    /// # Errors
    /// [`Error::Replaced`] when the connection has another key by now, of which the verdict says nothing.
    /// [`Error::OtherAccount`] when the key turned out to be of another account. Nothing was changed then.
    pub async fn checked(&self, connection: &Connection, verdict: &Verdict) -> Result<Connection, Error> {
        let mut write = self.vault.write().await?;
        loop {
            let mut row = self.row(&connection.id).await?;
            if row.credential_version != connection.credential_version {
                return Err(Error::Replaced);
            }
            let mut details = self.details(&row).await?;
            let from = row.version;
            if let Some(account) = verdict.account() {
                let mark = self.account_mark(&row.provider, account);
                if row.account_mark.as_ref().is_some_and(|known| !same(known, &mark)) {
                    return Err(Error::OtherAccount);
                }
                row.account_mark = Some(mark);
                details.account = Some(AccountOf::new(account));
            }
            let was = row.status.clone();
            row.status = match verdict {
                Verdict::Valid(_) => Status::Active.as_str().to_owned(),
                Verdict::Invalid(_) => Status::NeedsKey.as_str().to_owned(),
                _ => row.status,
            };
            row.verdict = Some(verdict.kind().as_str().to_owned());
            row.checked_at = Some(now());
            self.seal_details(&mut row, &details).await?;
            let event =
                self.event_with(&row, "connection.checked", What { was: Some(was), ..What::default() });
            let connection = Connection::of(&row, details)?;
            if write.commit(vec![Change::Update { row: Box::new(row), from }], vec![event]).await? {
                return Ok(connection);
            }
        }
    }

    /// Gives a connection a new key. Its id, its grants and, unless another is given, its name stay.
    ///
    /// # Errors
    /// [`Error::OtherAccount`] when the connection's account is known, and the new key's is not known, or another one than
    /// `accounts` lets through. [`Error::Replaced`] when it has another key by now than the one that the new one is
    /// [`over`](New::over).
    pub async fn replace(
        &self,
        id: &ConnectionId,
        new: New<'_>,
        accounts: Accounts,
    ) -> Result<Connection, Error> {
        let mut draft = self.draft(&new)?;
        let given = draft.name.take();
        let mut write = self.vault.write().await?;
        loop {
            let old = self.row(id).await?;
            if new.over.is_some_and(|version| version != old.credential_version) {
                return Err(Error::Replaced);
            }
            let details = self.details(&old).await?;
            if !is_same_service(&old, &draft) {
                return Err(Error::Invalid(
                    "this key is for another provider than the connection".to_owned(),
                ));
            }
            let ring = self.vault.ring();
            draft.name = given.clone().or(details.name);
            draft.end_user = details.end_user.or(draft.end_user);
            let mut row = self.unsealed(&draft);
            let account = draft.account.as_ref();
            let is_same = old.account_mark.as_ref().is_none_or(|known| {
                // The provider may have had another id then.
                account.is_some_and(|account| same(known, &self.account_mark(&old.provider, account)))
            });
            let is_alike =
                account.zip(details.account).is_some_and(|(account, known)| known.is_alike(account));
            let account = match accounts {
                _ if is_same => None,
                Accounts::Alike | Accounts::Any if is_alike => Some("alike".to_owned()),
                Accounts::Any => Some("other".to_owned()),
                Accounts::Same | Accounts::Alike => return Err(Error::OtherAccount),
            };
            row.id.clone_from(&old.id);
            row.created_at = old.created_at;
            row.version = old.version + 1;
            (row.credential_version, row.details_version) = (row.version, row.version);
            self.seal(&ring, &mut row, &draft);
            let more = What { was: Some(old.status), account, ..What::default() };
            let event = self.event_with(&row, "connection.replaced", more);
            let connection = Connection::of(&row, draft.details())?;
            let change = Change::Update { row: Box::new(row), from: old.version };
            if write.commit(vec![change], vec![event]).await? {
                drop(write);
                let _ = self.vault.0.store.scrub().await;
                return Ok(connection);
            }
        }
    }

    /// Gives a connection another name, or takes away the one that it has.
    pub async fn rename(&self, id: &ConnectionId, to: Option<&str>) -> Result<Connection, Error> {
        let to = to.map(name).transpose()?;
        let mut write = self.vault.write().await?;
        loop {
            let mut row = self.row(id).await?;
            let mut details = self.details(&row).await?;
            let from = row.version;
            if let Some(to) = &to {
                let what = format!("connection {id}");
                let text = self.vault.open_record(&Binding::credential(&row), &row.credential, &what).await?;
                if kept(&row.origins, row.elsewhere == 1, &text, &what)?.mask().holds(to.as_bytes()) {
                    return Err(Error::Invalid("the connection's name holds the key itself".to_owned()));
                }
            }
            details.name.clone_from(&to);
            self.seal_details(&mut row, &details).await?;
            let event = self.event(&row, "connection.renamed");
            let connection = Connection::of(&row, details)?;
            if write.commit(vec![Change::Update { row: Box::new(row), from }], vec![event]).await? {
                return Ok(connection);
            }
        }
    }

    /// Removes a connection, and its grants; also one that is not as it was written.
    pub async fn remove(&self, id: &ConnectionId) -> Result<(), Error> {
        let mut write = self.vault.write().await?;
        loop {
            let row = self.vault.0.store.connection(self.tenant.as_str(), id.as_str()).await?;
            let row = row.ok_or(Error::NotFound)?;
            // Nothing else of it is written down: it may not be as it was written.
            let what = What {
                actor: Some(self.actor.to_string()),
                rows: vec![RowMark::gone(RowKind::Connection, id.as_str())],
                ..What::default()
            };
            let event = Event::of(self.tenant.as_str(), id.as_str(), "connection.removed", &what);
            let change =
                Change::Delete { tenant: self.tenant.to_string(), id: id.to_string(), from: row.version };
            if write.commit(vec![change], vec![event]).await? {
                drop(write);
                // What is left of it is sealed, and is gone a little later if it is not now.
                let _ = self.vault.0.store.scrub().await;
                return Ok(());
            }
        }
    }

    /// Other connections with the same secret, and with the same account; the first 100 of each. With an end user, theirs
    /// alone.
    pub async fn alike(
        &self,
        credential: &Credential,
        account: Option<&Account>,
        end_user: Option<&str>,
    ) -> Result<(Vec<ConnectionId>, Vec<ConnectionId>), Error> {
        let mut new = New::connection(credential);
        new.account = account;
        let row = self.unsealed(&self.draft(&new)?);
        let owner = end_user.map(|end_user| self.owner_mark(end_user));
        let marks = Marks { secret: row.secret_mark, account: row.account_mark, owner };
        let alike = self.vault.0.store.alike(self.tenant.as_str(), &marks).await?;
        Ok((ids(&alike.secret)?, ids(&alike.account)?))
    }

    /// Other connections with the account of one that is there; the first 100.
    pub async fn same_account(&self, id: &ConnectionId) -> Result<Vec<ConnectionId>, Error> {
        let row = self.row(id).await?;
        let marks = Marks { secret: row.secret_mark, account: row.account_mark, owner: None };
        let mut alike = ids(&self.vault.0.store.alike(self.tenant.as_str(), &marks).await?.account)?;
        alike.retain(|one| one != id);
        Ok(alike)
    }

    /// A keyed fingerprint of a credential's secrets, by which two that are entered one after the other are known to be the same.
    /// It is for memory alone.
    pub fn fingerprint(&self, credential: &Credential) -> Result<Vec<u8>, Error> {
        Ok(self.unsealed(&self.draft(&New::connection(credential))?).secret_mark)
    }

    /// The tenant's entries of the audit log after a number, in order; as [`Vault::audit`]. Those of others are read too, since
    /// each entry is checked against the one before it.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>, Error> {
        self.vault.entries(Some(&self.tenant), after, limit).await
    }

    /// What is to be kept, unless its key stands where it would be in clear, or be shown.
    pub(crate) fn draft(&self, new: &New<'_>) -> Result<Draft, Error> {
        let mask = new.credential.mask();
        let holds = |text: &str| matches!(mask.text(text), Cow::Owned(_));
        let spilled = |what: &str| Error::Invalid(format!("{what} holds the key itself"));
        if holds(self.tenant.as_str()) {
            return Err(spilled("the tenant's name"));
        }
        if new.name.is_some_and(holds) {
            return Err(spilled("the connection's name"));
        }
        if new.end_user.is_some_and(holds) {
            return Err(spilled("the end user's name"));
        }
        Draft::new(new)
    }

    /// A connection's row, as it was written.
    pub(crate) async fn row(&self, id: &ConnectionId) -> Result<ConnectionRow, Error> {
        let row = self.read(id.as_str()).await?;
        self.with_key(row).await
    }

    async fn read(&self, id: &str) -> Result<ConnectionRow, Error> {
        let row = self.vault.0.store.connection(self.tenant.as_str(), id).await?;
        let row = row.ok_or(Error::NotFound)?;
        self.check(&row)?;
        Ok(row)
    }

    /// The row, or the same read again where nobody has its key any more: a rotation ended since it was read.
    async fn with_key(&self, row: ConnectionRow) -> Result<ConnectionRow, Error> {
        if self.vault.ring().has(&row.key) || self.vault.reload_keys().await?.has(&row.key) {
            return Ok(row);
        }
        self.read(&row.id).await
    }

    fn check(&self, row: &ConnectionRow) -> Result<(), Error> {
        let is_ours = row.tenant == self.tenant.as_str();
        if is_ours && is_authentic(&self.vault, row) {
            Ok(())
        } else {
            Err(tampered(&format!("connection {}", row.id)))
        }
    }

    async fn details(&self, row: &ConnectionRow) -> Result<Details, Error> {
        let what = format!("connection {}", row.id);
        let text = self.vault.open_record(&Binding::details(row), &row.details, &what).await?;
        Details::read(&text, &what)
    }

    async fn shown(&self, row: &ConnectionRow) -> Result<Connection, Error> {
        Connection::of(row, self.details(row).await?)
    }

    /// A new version of a row, its details sealed anew.
    async fn seal_details(&self, row: &mut ConnectionRow, details: &Details) -> Result<(), Error> {
        let mut ring = self.vault.ring();
        if key_of(&row.credential) != Ok(ring.active()) {
            // Both records of a row are under one key, and a rotation did not come to this row yet.
            let binding = Binding::credential(row);
            if ring.rewrap(&binding, &row.credential).is_err() {
                ring = self.vault.reload_keys().await?;
            }
            row.credential = ring
                .rewrap(&binding, &row.credential)
                .map_err(|_| tampered(&format!("connection {}", row.id)))?;
        }
        row.version += 1;
        row.details_version = row.version;
        row.updated_at = now();
        row.key = ring.active().to_string();
        row.details = ring.seal(&Binding::details(row), &details.text());
        row.mac = self.vault.0.roots.connection(row);
        Ok(())
    }

    /// The row of a new connection, before anything is sealed.
    fn unsealed(&self, draft: &Draft) -> ConnectionRow {
        let (provider, method) = (draft.provider.clone(), draft.method.clone());
        let secrets: Vec<&str> = draft.secrets.iter().map(Secret::expose).collect();
        let now = now();
        ConnectionRow {
            id: draft.id.clone().unwrap_or_else(ConnectionId::random).to_string(),
            tenant: self.tenant.to_string(),
            secret_mark: self.vault.0.roots.mark("secret", self.tenant.as_str(), &provider, &secrets),
            account_mark: draft.account.as_ref().map(|account| self.account_mark(&provider, account)),
            owner_mark: draft.end_user.as_ref().map(|owner| self.owner_mark(owner)),
            provider,
            method,
            origins: draft.origins.clone(),
            elsewhere: draft.elsewhere.into(),
            descriptor: draft.descriptor,
            version: 1,
            credential_version: 1,
            details_version: 1,
            status: Status::Active.as_str().to_owned(),
            verdict: draft.account.as_ref().map(|_| "valid".to_owned()),
            checked_at: draft.account.as_ref().map(|_| now),
            created_at: now,
            updated_at: now,
            key: String::new(),
            credential: Vec::new(),
            details: Vec::new(),
            mac: Vec::new(),
        }
    }

    fn seal(&self, ring: &Ring, row: &mut ConnectionRow, draft: &Draft) {
        row.key = ring.active().to_string();
        row.credential = ring.seal(&Binding::credential(row), &draft.text);
        row.details = ring.seal(&Binding::details(row), &draft.details().text());
        row.mac = self.vault.0.roots.connection(row);
    }

    fn account_mark(&self, provider: &str, account: &Account) -> Vec<u8> {
        self.vault.0.roots.mark("account", self.tenant.as_str(), provider, &[account.id()])
    }

    fn owner_mark(&self, end_user: &str) -> Vec<u8> {
        self.vault.0.roots.mark("owner", self.tenant.as_str(), "", &[end_user])
    }

    fn event(&self, row: &ConnectionRow, kind: &'static str) -> Event {
        self.event_with(row, kind, What::default())
    }

    fn event_with(&self, row: &ConnectionRow, kind: &'static str, more: What) -> Event {
        let what = What {
            actor: Some(self.actor.to_string()),
            provider: Some(row.provider.clone()),
            verdict: row.verdict.clone(),
            status: Some(row.status.clone()),
            rows: vec![RowMark::connection(row)],
            ..more
        };
        Event::of(&row.tenant, &row.id, kind, &what)
    }
}

fn is_same_service(old: &ConnectionRow, draft: &Draft) -> bool {
    old.provider == draft.provider || draft.formerly.contains(&old.provider)
}

/// Tells whether a row is as it was written, and where it says that it is.
pub(crate) fn is_authentic(vault: &Vault, row: &ConnectionRow) -> bool {
    let under = |record: &[u8]| key_of(record).is_ok_and(|key| key.to_string() == row.key);
    same(&vault.0.roots.connection(row), &row.mac) && under(&row.credential) && under(&row.details)
}

fn ids(ids: &[String]) -> Result<Vec<ConnectionId>, Error> {
    ids.iter().map(|id| ConnectionId::parse(id).map_err(|_| tampered("a connection's id"))).collect()
}

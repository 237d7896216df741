//! Grants: tokens of ours that let a caller use one connection.

use std::time::SystemTime;

use http::Method;
use keyway_core::Secret;

use crate::{
    ConnectionId, Denied, Error, GrantId, Scope, Tenant, Terms, Token, TokenHash, Vault,
    audit::{Event, RowKind, RowMark, What, now, time},
    error::tampered,
    roots::same,
    store::{Change, GrantRow},
};

/// A right to use one connection, as it may be shown: without its token, which nobody has but its holder.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Grant {
    /// The id.
    pub id: GrantId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The connection that it lets its holder use.
    pub connection: ConnectionId,
    /// What it allows.
    pub terms: Terms,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
}

/// A grant that was just made, and its token: the only time that it can be seen.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewGrant {
    /// The grant.
    pub grant: Grant,
    /// The token.
    pub token: Secret,
}

/// The most grants that are listed together.
const MAX_PAGE: usize = 1000;

impl Grant {
    /// Tells whether a request may be made now: the grant was not revoked, has not run out, and allows method and path.
    /// The path is the raw one, without its query.
    pub fn allows(&self, method: &Method, path: &str, now: SystemTime) -> Result<(), Denied> {
        if self.revoked_at.is_some() {
            return Err(Denied::Revoked);
        }
        self.terms.allows(method, path, now)
    }

    fn of(row: &GrantRow) -> Result<Self, Error> {
        let damaged = || tampered(&format!("grant {}", row.id));
        Ok(Self {
            id: GrantId::parse(&row.id).map_err(|_| damaged())?,
            tenant: Tenant::parse(&row.tenant).map_err(|_| damaged())?,
            connection: ConnectionId::parse(&row.connection).map_err(|_| damaged())?,
            terms: Terms::from_json(&row.terms).map_err(|_| damaged())?,
            created_at: time(row.created_at),
            revoked_at: row.revoked_at.map(time),
        })
    }
}

impl Vault {
    /// The grant that a token stands for; also one that was revoked or has run out, which [`Grant::allows`] tells.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, and when the text is no token at all.
    pub async fn grant(&self, token: &str) -> Result<Grant, Error> {
        let hash = TokenHash::parse(token).map_err(|_| Error::NotFound)?;
        self.grant_by_hash(&hash).await
    }

    /// As [`grant`](Self::grant), for a token that was read before.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn grant_by_hash(&self, hash: &TokenHash) -> Result<Grant, Error> {
        let row = self.0.store.grant_by_hash(hash.as_bytes()).await?.ok_or(Error::NotFound)?;
        if !hash.is(&row.hash) {
            return Err(tampered(&format!("grant {}", row.id)));
        }
        self.check_grant(&row)?;
        Grant::of(&row)
    }

    fn check_grant(&self, row: &GrantRow) -> Result<(), Error> {
        if same(&self.0.roots.grant(row), &row.mac) {
            Ok(())
        } else {
            Err(tampered(&format!("grant {}", row.id)))
        }
    }
}

impl Scope {
    /// Makes a grant for a connection.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such connection. [`Error::Invalid`] when it would be over before it began.
    pub async fn grant(&self, connection: &ConnectionId, terms: Terms) -> Result<NewGrant, Error> {
        terms.check_new(SystemTime::now()).map_err(|error| Error::Invalid(error.to_string()))?;
        let token = Token::new(terms.prefix().unwrap_or_default())
            .ok_or_else(|| Error::Invalid("this cannot stand before a token".to_owned()))?;
        let mut row = GrantRow {
            id: GrantId::random().to_string(),
            tenant: self.tenant.to_string(),
            connection: connection.to_string(),
            hash: token.hash().as_bytes().to_vec(),
            terms: terms.to_json(),
            version: 1,
            created_at: now(),
            revoked_at: None,
            mac: Vec::new(),
        };
        row.mac = self.vault.0.roots.grant(&row);
        let mut write = self.vault.write().await?;
        loop {
            // It may be removed at the same time: then the log has moved on, and this is asked again.
            self.row(connection).await?;
            let event = self.grant_event(&row, "grant.created");
            if write.commit(vec![Change::InsertGrant(row.clone())], vec![event]).await? {
                return Ok(NewGrant { grant: Grant::of(&row)?, token: token.secret().clone() });
            }
        }
    }

    /// Grants of one connection or of all, sorted by id, from the one after `after` on; at most `limit`, and at most 1,000.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such connection.
    pub async fn grants(
        &self,
        connection: Option<&ConnectionId>,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<Grant>, Error> {
        if let Some(connection) = connection {
            self.row(connection).await?;
        }
        let limit = u32::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        let (connection, after) = (connection.map(ConnectionId::as_str), after.map(GrantId::as_str));
        let rows = self.vault.0.store.grants(self.tenant.as_str(), connection, after, limit).await?;
        let grants = rows.iter().map(|row| {
            self.vault.check_grant(row)?;
            Grant::of(row)
        });
        grants.collect()
    }

    /// Revokes a grant, for good. One that was revoked before stays as it is. One that is not as it was written is removed:
    /// nothing else can be said of it, and of what is returned its id alone is sure.
    pub async fn revoke(&self, id: &GrantId) -> Result<Grant, Error> {
        let mut write = self.vault.write().await?;
        loop {
            let row = self.vault.0.store.grant(self.tenant.as_str(), id.as_str()).await?;
            let mut row = row.ok_or(Error::NotFound)?;
            let from = row.version;
            let is_authentic = self.vault.check_grant(&row).is_ok();
            if is_authentic && row.revoked_at.is_some() {
                return Grant::of(&row);
            }
            row.revoked_at = Some(now());
            let (change, event) = if is_authentic {
                row.version += 1;
                row.mac = self.vault.0.roots.grant(&row);
                let event = self.grant_event(&row, "grant.revoked");
                (Change::UpdateGrant { row: row.clone(), from }, event)
            } else {
                row.terms = Terms::default().to_json();
                let (tenant, id) = (self.tenant.to_string(), id.to_string());
                (Change::DeleteGrant { tenant, id, from }, self.grant_gone(&row.id))
            };
            let grant = Grant::of(&row)?;
            if write.commit(vec![change], vec![event]).await? {
                return Ok(grant);
            }
        }
    }

    /// Names no connection: the row's may be another than it was.
    fn grant_gone(&self, id: &str) -> Event {
        let what = What {
            actor: Some(self.actor.to_string()),
            grant: Some(id.to_owned()),
            rows: vec![RowMark::gone(RowKind::Grant, id)],
            ..What::default()
        };
        Event { tenant: Some(self.tenant.to_string()), ..Event::of_vault("grant.revoked", &what) }
    }

    fn grant_event(&self, row: &GrantRow, kind: &'static str) -> Event {
        let what = What {
            actor: Some(self.actor.to_string()),
            grant: Some(row.id.clone()),
            rows: vec![RowMark::grant(row)],
            ..What::default()
        };
        Event::of(&row.tenant, &row.connection, kind, &what)
    }
}

//! The rows' columns: one list a table, for reading and for writing.

use super::{
    ConnectionRow, EntryRow, GrantRow, Head, KeyRow, VaultRow,
    value::{Columns, Value, values},
};

/// A row that has a table of its own.
pub(super) trait Table: Sized {
    /// The table's name.
    const NAME: &'static str;
    /// Its columns, in the order of [`values`](Self::values) and [`read`](Self::read).
    const COLUMNS: &'static [&'static str];

    /// What is written.
    fn values(&self) -> Vec<Value<'_>>;

    /// What was read.
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;
}

/// `SELECT` all columns; the condition is the caller's.
pub(super) fn select<T: Table>(condition: &str) -> String {
    format!("SELECT {} FROM {} {condition}", T::COLUMNS.join(", "), T::NAME)
}

/// `INSERT` of some rows at once.
pub(super) fn insert<T: Table>(rows: usize) -> String {
    let width = T::COLUMNS.len();
    let tuples: Vec<_> = (0..rows)
        .map(|row| {
            let places: Vec<_> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
            format!("({})", places.join(", "))
        })
        .collect();
    format!("INSERT INTO {} ({}) VALUES {}", T::NAME, T::COLUMNS.join(", "), tuples.join(", "))
}

/// `UPDATE` of all columns; the condition is the caller's, and its first place is the one after the columns'.
pub(super) fn update<T: Table>(condition: impl FnOnce(usize) -> String) -> String {
    let columns: Vec<_> =
        T::COLUMNS.iter().enumerate().map(|(index, column)| format!("{column} = ${}", index + 1)).collect();
    format!("UPDATE {} SET {} WHERE {}", T::NAME, columns.join(", "), condition(columns.len() + 1))
}

impl Table for KeyRow {
    const NAME: &'static str = "keyway_keys";
    const COLUMNS: &'static [&'static str] = &["id", "state", "created_at", "wrapped", "mac"];

    fn values(&self) -> Vec<Value<'_>> {
        values![&self.id, &self.state, self.created_at, &self.wrapped, &self.mac]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: columns.take()?,
            state: columns.take()?,
            created_at: columns.take()?,
            wrapped: columns.take()?,
            mac: columns.take()?,
        })
    }
}

impl Table for ConnectionRow {
    const NAME: &'static str = "keyway_connections";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "tenant",
        "provider",
        "method",
        "origins",
        "elsewhere",
        "descriptor",
        "version",
        "credential_version",
        "details_version",
        "status",
        "verdict",
        "checked_at",
        "created_at",
        "updated_at",
        "secret_mark",
        "account_mark",
        "owner_mark",
        "key",
        "credential",
        "details",
        "mac",
    ];

    fn values(&self) -> Vec<Value<'_>> {
        values![
            &self.id,
            &self.tenant,
            &self.provider,
            &self.method,
            &self.origins,
            self.elsewhere,
            self.descriptor,
            self.version,
            self.credential_version,
            self.details_version,
            &self.status,
            &self.verdict,
            self.checked_at,
            self.created_at,
            self.updated_at,
            &self.secret_mark,
            &self.account_mark,
            &self.owner_mark,
            &self.key,
            &self.credential,
            &self.details,
            &self.mac,
        ]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: columns.take()?,
            tenant: columns.take()?,
            provider: columns.take()?,
            method: columns.take()?,
            origins: columns.take()?,
            elsewhere: columns.take()?,
            descriptor: columns.take()?,
            version: columns.take()?,
            credential_version: columns.take()?,
            details_version: columns.take()?,
            status: columns.take()?,
            verdict: columns.take()?,
            checked_at: columns.take()?,
            created_at: columns.take()?,
            updated_at: columns.take()?,
            secret_mark: columns.take()?,
            account_mark: columns.take()?,
            owner_mark: columns.take()?,
            key: columns.take()?,
            credential: columns.take()?,
            details: columns.take()?,
            mac: columns.take()?,
        })
    }
}

impl Table for GrantRow {
    const NAME: &'static str = "keyway_grants";
    const COLUMNS: &'static [&'static str] =
        &["id", "tenant", "connection", "hash", "terms", "version", "created_at", "revoked_at", "mac"];

    fn values(&self) -> Vec<Value<'_>> {
        values![
            &self.id,
            &self.tenant,
            &self.connection,
            &self.hash,
            &self.terms,
            self.version,
            self.created_at,
            self.revoked_at,
            &self.mac,
        ]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: columns.take()?,
            tenant: columns.take()?,
            connection: columns.take()?,
            hash: columns.take()?,
            terms: columns.take()?,
            version: columns.take()?,
            created_at: columns.take()?,
            revoked_at: columns.take()?,
            mac: columns.take()?,
        })
    }
}

impl Table for EntryRow {
    const NAME: &'static str = "keyway_entries";
    const COLUMNS: &'static [&'static str] = &["seq", "at", "tenant", "connection", "kind", "body", "mac"];

    fn values(&self) -> Vec<Value<'_>> {
        values![self.seq, self.at, &self.tenant, &self.connection, &self.kind, &self.body, &self.mac]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: columns.take()?,
            at: columns.take()?,
            tenant: columns.take()?,
            connection: columns.take()?,
            kind: columns.take()?,
            body: columns.take()?,
            mac: columns.take()?,
        })
    }
}

/// The vault's row and the head, which are read together.
pub(super) const VAULT: &str = "SELECT vault.id, vault.created_at, vault.root, head.seq, head.mac, head.changed \
     FROM keyway_vault AS vault LEFT JOIN keyway_head AS head ON head.one = vault.one";

/// Reads what [`VAULT`] selects. A vault without a head is an error.
pub(super) fn vault(columns: &mut Columns<'_>) -> Result<(VaultRow, Head), sqlx::Error> {
    let vault = VaultRow { id: columns.take()?, created_at: columns.take()?, root: columns.take()? };
    let head = Head { seq: columns.take()?, mac: columns.take()?, changed: columns.take()? };
    Ok((vault, head))
}

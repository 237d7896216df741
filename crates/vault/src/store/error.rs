//! Why a store did not do what it was asked for.

/// The store did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
pub struct StoreError {
    kind: StoreErrorKind,
    detail: Option<String>,
}

impl StoreError {
    /// Says what went wrong.
    pub fn new(kind: StoreErrorKind) -> Self {
        Self { kind, detail: None }
    }

    /// Says more, for whoever runs the database: an error's code, or a file. Never a row, an address or a password.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// What went wrong, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The database cannot be reached, or broke the connection. Nothing was changed. Trying again may help.
    #[error("the database cannot be reached")]
    Unavailable,
    /// The connection broke while a change was being made: it is done, or it is not.
    #[error("the connection to the database broke while a change was being made")]
    Uncertain,
    /// Others keep the database busy for too long. Nothing was changed. Trying again may help.
    #[error("the database is busy")]
    Busy,
    /// The database takes no changes: a read-only file, or a standby.
    #[error("the database takes no changes")]
    ReadOnly,
    /// There is no room. Nothing was changed.
    #[error("the database has no room left")]
    Full,
    /// The database, its address, or its file cannot be used as it is.
    #[error("the database cannot be used")]
    Unusable,
    /// There is a file or a database, or not even that, but nothing of Keyway in it yet.
    #[error("there is no vault in this database yet")]
    Missing,
    /// The database was made by a newer Keyway.
    #[error("the database was made by a newer version of Keyway")]
    Newer,
    /// There is a vault here, where an empty store is needed.
    #[error("there is a vault in this database already")]
    NotEmpty,
    /// What was to be kept or looked for cannot be: a text with a NUL, or a batch that does not fit together.
    #[error("the database cannot take this")]
    Invalid,
    /// What was read makes no sense.
    #[error("the database is damaged")]
    Damaged,
}

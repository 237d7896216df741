//! Where something could come out.

use std::path::Path;

/// Where something could come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sink {
    Stdout,
    Stderr,
    /// What a person sees.
    Terminal,
    /// Files below the folders that a program may write to: of the user, and the current one.
    Files,
    /// Below the folders for temporary files: everybody's, and SQLite's own.
    Temporary,
    /// The names of all files.
    FileNames,
    /// The arguments of the process and of those that it started.
    CommandLine,
    /// Their environment.
    Environment,
    /// The names of the files that they have open, and of those in their memory.
    OpenFiles,
    /// At the target, what stands beside the secret in its place.
    Target,
    /// Every byte at another server.
    Elsewhere,
    /// Answers of a server that the binary is.
    Answers,
    /// The file of SQLite.
    Database,
    /// Its `-wal`.
    Wal,
    /// Its `-shm`.
    SharedMemory,
    Exports,
    /// The file of `--anchors`.
    Anchors,
    /// What `keyway audit` prints.
    Audit,
    /// The key's file without the keys, and what stands beside it.
    KeyFile,
    /// The data folder of PostgreSQL, with its write-ahead log.
    Cluster,
    /// The log of PostgreSQL, with every statement and its parameters.
    ClusterLog,
    /// What `pg_dump` writes.
    Dump,
    /// Every byte to and from PostgreSQL.
    Wire,
}

impl Sink {
    /// Those that a run without PostgreSQL has.
    pub(crate) const ALL: [Self; 19] = [
        Self::Stdout,
        Self::Stderr,
        Self::Terminal,
        Self::Files,
        Self::Temporary,
        Self::FileNames,
        Self::CommandLine,
        Self::Environment,
        Self::OpenFiles,
        Self::Target,
        Self::Elsewhere,
        Self::Answers,
        Self::Database,
        Self::Wal,
        Self::SharedMemory,
        Self::Exports,
        Self::Anchors,
        Self::Audit,
        Self::KeyFile,
    ];

    /// Those that PostgreSQL has besides.
    pub(crate) const POSTGRES: [Self; 4] = [Self::Cluster, Self::ClusterLog, Self::Dump, Self::Wire];

    /// What a file is that the run may have written; `path` is below the folders that are watched.
    pub(crate) fn of_file(path: &Path) -> Self {
        let first = path.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match first {
            "tmp" | "sqlite" => Self::Temporary,
            "exports" => Self::Exports,
            "anchors" => Self::Anchors,
            "keys" => Self::KeyFile,
            _ if is_key_file(name) => Self::KeyFile,
            _ if name.ends_with("-wal") => Self::Wal,
            _ if name.ends_with("-shm") => Self::SharedMemory,
            _ if path.extension().is_some_and(|of| of == "db") => Self::Database,
            _ => Self::Files,
        }
    }

    /// How long the pieces are that it is written in: those that are known need no second look.
    pub(crate) fn page(self) -> Option<usize> {
        match self {
            Self::Database => Some(4096),
            // Each with a head of its own.
            Self::Wal => Some(24 + 4096),
            Self::SharedMemory | Self::Cluster => Some(8192),
            _ => None,
        }
    }

    /// Whether the same comes again with every run, and is looked at once.
    pub(crate) fn stays(self) -> bool {
        !matches!(
            self,
            Self::Stdout | Self::Stderr | Self::Terminal | Self::Target | Self::Answers | Self::Audit
        )
    }

    /// Whether a connection's name and account are rightly seen there.
    pub(crate) fn shows_names(self) -> bool {
        matches!(self, Self::Stdout | Self::Terminal | Self::Target | Self::Answers)
    }
}

/// Whether master keys belong in a file of this name: the key's file, that of the retired keys, and what is to take the place
/// of either.
pub(crate) fn is_key_file(name: &str) -> bool {
    ["", ".new", ".retired", ".retired.new"].iter().any(|more| name.strip_prefix(KEY) == Some(more))
}

/// The name of the file in which the master key is.
const KEY: &str = "master.key";

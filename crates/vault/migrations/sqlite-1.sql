-- What Keyway keeps, first version. STRICT: a value of another type is refused, not kept.
CREATE TABLE keyway_vault (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    root BLOB NOT NULL
) STRICT;

CREATE TABLE keyway_head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    mac BLOB NOT NULL,
    changed INTEGER NOT NULL
) STRICT;

CREATE TABLE keyway_keys (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    wrapped BLOB,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE keyway_connections (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    provider TEXT NOT NULL,
    method TEXT NOT NULL,
    origins TEXT NOT NULL,
    elsewhere INTEGER NOT NULL,
    descriptor INTEGER NOT NULL,
    version INTEGER NOT NULL,
    credential_version INTEGER NOT NULL,
    details_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    verdict TEXT,
    checked_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    secret_mark BLOB NOT NULL,
    account_mark BLOB,
    key TEXT NOT NULL,
    credential BLOB NOT NULL,
    details BLOB NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX keyway_connections_tenant ON keyway_connections (tenant, id);
CREATE INDEX keyway_connections_key ON keyway_connections (key, id);
CREATE INDEX keyway_connections_secret ON keyway_connections (tenant, secret_mark, id);
CREATE INDEX keyway_connections_account ON keyway_connections (tenant, account_mark, id);

CREATE TABLE keyway_grants (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    connection TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    terms TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    mac BLOB NOT NULL,
    FOREIGN KEY (tenant, connection) REFERENCES keyway_connections (tenant, id)
) STRICT;
CREATE INDEX keyway_grants_tenant ON keyway_grants (tenant, id);
CREATE INDEX keyway_grants_connection ON keyway_grants (tenant, connection, id);

CREATE TABLE keyway_entries (
    seq INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    tenant TEXT,
    connection TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE keyway_leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- What Keyway keeps, first version. Collation "C": ids sort by their bytes, as in SQLite.
CREATE TABLE keyway_vault (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    root BYTEA NOT NULL
);

CREATE TABLE keyway_head (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE keyway_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    wrapped BYTEA,
    mac BYTEA NOT NULL
);

CREATE TABLE keyway_connections (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    provider TEXT NOT NULL,
    method TEXT NOT NULL,
    origins TEXT NOT NULL,
    elsewhere BIGINT NOT NULL,
    descriptor BIGINT NOT NULL,
    version BIGINT NOT NULL,
    credential_version BIGINT NOT NULL,
    details_version BIGINT NOT NULL,
    status TEXT NOT NULL,
    verdict TEXT,
    checked_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    secret_mark BYTEA NOT NULL,
    account_mark BYTEA,
    key TEXT COLLATE "C" NOT NULL,
    credential BYTEA NOT NULL,
    details BYTEA NOT NULL,
    mac BYTEA NOT NULL
);
CREATE UNIQUE INDEX keyway_connections_tenant ON keyway_connections (tenant, id);
CREATE INDEX keyway_connections_key ON keyway_connections (key, id);
CREATE INDEX keyway_connections_secret ON keyway_connections (tenant, secret_mark, id);
CREATE INDEX keyway_connections_account ON keyway_connections (tenant, account_mark, id);

CREATE TABLE keyway_grants (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    terms TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    mac BYTEA NOT NULL,
    FOREIGN KEY (tenant, connection) REFERENCES keyway_connections (tenant, id)
);
CREATE INDEX keyway_grants_tenant ON keyway_grants (tenant, id);
CREATE INDEX keyway_grants_connection ON keyway_grants (tenant, connection, id);

CREATE TABLE keyway_entries (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    tenant TEXT COLLATE "C",
    connection TEXT COLLATE "C",
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE keyway_leases (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

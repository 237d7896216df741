-- Second version: documents, whose connections are whose among a tenant's users, and what finds changes and what is to be checked.
CREATE TABLE keyway_documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    tenant TEXT,
    mark BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    record BLOB NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, mark)
) STRICT;
CREATE INDEX keyway_documents_tenant ON keyway_documents (kind, tenant, id);
CREATE INDEX keyway_documents_end ON keyway_documents (expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE keyway_connections ADD COLUMN owner_mark BLOB;
CREATE INDEX keyway_connections_owner ON keyway_connections (tenant, owner_mark, id);
CREATE INDEX keyway_connections_due ON keyway_connections (status, coalesce(checked_at, created_at), id);

-- There are far more entries of uses than of changes.
CREATE INDEX keyway_entries_changes ON keyway_entries (seq) WHERE substr(kind, 1, 11) = 'connection.';
CREATE INDEX keyway_entries_changes_tenant ON keyway_entries (tenant, seq) WHERE substr(kind, 1, 11) = 'connection.';

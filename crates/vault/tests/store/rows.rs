//! Rows to keep. The store knows no keys: any bytes will do.

use keyway_vault::{
    Batch, Change, Committed, ConnectionRow, EntryRow, GrantRow, Head, KeyRow, Lease, Rewrap, Store, VaultRow,
};

pub(crate) fn vault() -> VaultRow {
    VaultRow {
        id: "0123456789abcdef0123456789abcdef".into(),
        created_at: 1_700_000_000_000,
        root: vec![0, 1, 255],
    }
}

/// A MAC that tells which entry it is of.
fn mac(seq: i64) -> Vec<u8> {
    [&seq.to_be_bytes()[..], &[0xA5; 24]].concat()
}

pub(crate) fn head(seq: i64, changed: i64) -> Head {
    Head { seq, mac: mac(seq), changed }
}

pub(crate) fn key(id: &str, state: &str, created_at: i64) -> KeyRow {
    KeyRow {
        id: id.into(),
        state: state.into(),
        created_at,
        wrapped: Some(vec![7; 40]),
        mac: mac(created_at),
    }
}

pub(crate) fn entry(seq: i64, tenant: Option<&str>) -> EntryRow {
    EntryRow {
        seq,
        at: 1_700_000_000_000 + seq,
        tenant: tenant.map(Into::into),
        connection: tenant.map(|_| "c1".into()),
        kind: "saved".into(),
        body: "{\"text\":\"ä → 鍵\"}".into(),
        mac: mac(seq),
    }
}

pub(crate) fn connection(tenant: &str, id: &str) -> ConnectionRow {
    ConnectionRow {
        id: id.into(),
        tenant: tenant.into(),
        provider: "example".into(),
        method: "api_key".into(),
        origins: "https://api.example.com\nhttps://eu.example.com".into(),
        elsewhere: 0,
        descriptor: 1,
        version: 1,
        credential_version: 1,
        details_version: 1,
        status: "active".into(),
        verdict: None,
        checked_at: Some(i64::MAX),
        created_at: -1,
        updated_at: 1_700_000_000_001,
        secret_mark: vec![1; 32],
        account_mark: None,
        owner_mark: None,
        key: "k1".into(),
        credential: (0..=255).collect(),
        details: vec![],
        mac: vec![3; 32],
    }
}

pub(crate) fn grant(tenant: &str, id: &str, connection: &str) -> GrantRow {
    GrantRow {
        id: id.into(),
        tenant: tenant.into(),
        connection: connection.into(),
        hash: format!("hash of {id}").into_bytes(),
        terms: "{}".into(),
        version: 1,
        created_at: 5,
        revoked_at: None,
        mac: vec![4; 32],
    }
}

pub(crate) fn lease(holder: &str, ms: i64) -> Lease {
    Lease { name: "rotation", holder: holder.into(), ms }
}

pub(crate) fn rewrap(id: &str, version: i64) -> Rewrap {
    Rewrap {
        id: id.into(),
        version,
        from: "k1".into(),
        key: "k2".into(),
        credential: vec![8; 9],
        details: vec![9; 8],
    }
}

/// What follows a head: one entry, and the changes.
pub(crate) fn batch(after: &Head, changes: Vec<Change>) -> Batch {
    Batch { after: after.clone(), entries: vec![entry(after.seq + 1, Some("acme"))], changes }
}

/// Commits changes where the head stands now.
pub(crate) async fn commit(store: &dyn Store, changes: Vec<Change>) -> Committed {
    let (_, head) = store.vault().await.unwrap().unwrap();
    store.commit(&batch(&head, changes)).await.unwrap()
}

pub(crate) fn insert(row: ConnectionRow) -> Change {
    Change::Insert(Box::new(row))
}

/// All that is there, for a look whether something changed.
pub(crate) async fn everything(store: &dyn Store) -> String {
    let mut view = store.snapshot().await.unwrap();
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        view.vault().await.unwrap(),
        view.keys().await.unwrap(),
        view.connections(None, 10_000).await.unwrap(),
        view.grants(None, 10_000).await.unwrap(),
        view.entries(0, 10_000).await.unwrap(),
    )
}

//! Rows that are true, but not where or when they are: moved, put back, taken away, or written by hand.

use std::sync::{Arc, Mutex};

use keyway_vault::{Anchor, AnchorSink, ConnectionId, Error, New, Terms, Vault};

use crate::{
    database::{Cell, Raw, TABLES},
    setting::{account, actor, checked, tenant},
    story::Story,
};

const ROWS: [&str; 1] = ["keyway_connections"];

fn text(id: &ConnectionId) -> Cell {
    Cell::Text(id.to_string())
}

fn tampered(id: &ConnectionId) -> Error {
    Error::Tampered { what: format!("connection {id}") }
}

/// Copies columns of one connection into another.
async fn copy(raw: &mut Raw, columns: &[&str], from: &ConnectionId, to: &ConnectionId) {
    for column in columns {
        let sql = format!(
            "UPDATE keyway_connections SET {column} = (SELECT {column} FROM keyway_connections WHERE id = ?1) WHERE id = ?2"
        );
        assert_eq!(raw.run(&sql, &[text(from), text(to)]).await, 1);
    }
}

#[tokio::test]
async fn n43_what_is_sealed_opens_in_no_other_row() {
    let mut story = Story::new().await;
    let all: Vec<String> =
        story.raw.columns("keyway_connections").await.into_iter().map(|c| c.name).collect();
    let but = |left: &[&str]| -> Vec<String> {
        all.iter().filter(|column| !left.contains(&column.as_str())).cloned().collect()
    };
    let own = |list: &[&str]| list.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>();
    let sets = [
        ("the credential", own(&["credential"])),
        ("both records", own(&["credential", "details"])),
        (
            "both records, their versions, and the MAC",
            own(&["credential", "details", "credential_version", "details_version", "version", "mac"]),
        ),
        ("all but the id", but(&["id"])),
        ("all but id and tenant", but(&["id", "tenant"])),
        ("all but id, tenant and provider", but(&["id", "tenant", "provider"])),
        ("all but id, tenant and MAC", but(&["id", "tenant", "mac"])),
        ("where it may be sent", own(&["provider", "method", "origins", "elsewhere", "descriptor"])),
    ];
    let pairs = [
        ("a row of the same tenant and provider", story.two.clone()),
        ("another provider", story.other_provider.clone()),
        ("another tenant", story.other_tenant.clone()),
    ];
    let whole = story.scope().get(&story.one).await.unwrap();
    for (from, source) in pairs {
        for (what, columns) in &sets {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            copy(&mut story.raw, &columns, &source, &story.one).await;
            let case = format!("{what} of {from}");
            let (scope, other) = (story.scope(), story.other());
            // Where even that is the same, nothing was changed.
            if scope.get(&story.one).await.as_ref() == Ok(&whole) && columns[0] == "provider" {
                assert_ne!(from, "another provider");
                continue;
            }
            let expected = if columns.contains(&"tenant") && from == "another tenant" {
                assert_eq!(
                    other.open(&story.one, &story.registry).await.unwrap_err(),
                    tampered(&story.one),
                    "{case}"
                );
                Error::NotFound
            } else {
                tampered(&story.one)
            };
            assert_eq!(scope.open(&story.one, &story.registry).await.unwrap_err(), expected, "{case}");
            let found = story.found().await;
            assert!(found.contains(&format!("changed connection {}", story.one)), "{case}: {found:?}");
            story.raw.put_back("whole", &ROWS).await;
        }
    }
    // One record in the place of the other.
    for (into, from) in [("credential", "details"), ("details", "credential")] {
        let sql = format!("UPDATE keyway_connections SET {into} = {from} WHERE id = ?1");
        story.raw.run(&sql, &[text(&story.one)]).await;
        assert_eq!(story.scope().open(&story.one, &story.registry).await.unwrap_err(), tampered(&story.one));
        assert_eq!(story.scope().get(&story.one).await, Err(tampered(&story.one)));
        assert!(story.found().await.contains(&format!("sealed connection {}", story.one)));
        story.raw.put_back("whole", &ROWS).await;
    }
    assert_eq!(story.found().await, [""; 0]);
}

#[tokio::test]
async fn n43_what_was_put_back_taken_away_or_added_is_named() {
    let mut story = Story::new().await;
    let (one, removed) = (story.one.to_string(), story.removed.to_string());
    let (grant, revoked) = (story.grant.0.to_string(), story.revoked.0.to_string());
    let raw = &mut story.raw;
    let keys = raw.column("keyway_keys", "id").await;
    let [Cell::Text(old_key), Cell::Text(new_key)] = [&keys[0].1, &keys[1].1] else { panic!("{keys:?}") };
    let (old_key, new_key) = (old_key.clone(), new_key.clone());
    let gone = |table: &str, id: &str| format!("DELETE FROM {table} WHERE id = '{id}'");
    let back = |table: &str, id: &str| {
        format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM temp.before_{table} WHERE id = '{id}'")
    };
    let by_hand = |hash: &str| {
        format!(
            "INSERT INTO keyway_grants SELECT 'gra_aaaaaaaaaaaaaaaaaaaa', tenant, connection, {hash}, '{{}}', 1, \
             created_at, NULL, mac FROM keyway_grants WHERE id = '{grant}'"
        )
    };
    let added_entry = "INSERT INTO keyway_entries SELECT {seq}, at, tenant, connection, kind, body, mac FROM \
         keyway_entries ORDER BY seq DESC LIMIT 1";
    let cases: [(&str, String, String); 14] = [
        ("an old version", back("keyway_connections", &one), format!("old connection {one}")),
        ("a removed connection", back("keyway_connections", &removed), format!("old connection {removed}")),
        ("a deleted connection", gone("keyway_connections", &one), format!("missing connection {one}")),
        ("a revoked grant", back("keyway_grants", &revoked), format!("old grant {revoked}")),
        ("a deleted grant", gone("keyway_grants", &grant), format!("missing grant {grant}")),
        ("a grant by hand", by_hand("x'00'"), "changed grant gra_aaaaaaaaaaaaaaaaaaaa".into()),
        ("an old key", back("keyway_keys", &old_key), format!("old key {old_key}")),
        ("a deleted key", gone("keyway_keys", &old_key), format!("missing key {old_key}")),
        ("a deleted active key", gone("keyway_keys", &new_key), "changed the keys".into()),
        (
            "an old root",
            "INSERT OR REPLACE INTO main.keyway_vault SELECT * FROM temp.before_keyway_vault".into(),
            "old the vault's root".into(),
        ),
        (
            "an entry behind the last",
            added_entry.replace("{seq}", "seq + 1"),
            "changed the audit log's head".into(),
        ),
        (
            "an entry before the first",
            added_entry.replace("{seq}", "-7"),
            "extra entry -7 of the audit log".into(),
        ),
        ("no entries", "DELETE FROM keyway_entries".into(), "missing entries 1 to ".into()),
        ("no head", "UPDATE keyway_head SET seq = 1".into(), "changed the audit log's head".into()),
    ];
    for (case, sql, expected) in cases {
        raw.run(&sql, &[]).await;
        let report = story.setting.vault.verify(&[]).await;
        let found: Vec<String> =
            report.unwrap().problems.iter().map(|found| format!("{} {}", found.code, found.what)).collect();
        assert!(found.iter().any(|found| found.starts_with(&expected)), "{case}: {expected} of {found:?}");
        raw.put_back("whole", &TABLES).await;
    }
    assert_eq!(story.found().await, [""; 0]);
}

#[tokio::test]
async fn n43_what_the_log_does_not_hold_does_not_open() {
    let mut story = Story::new().await;
    let engine = story.setting.store().await;
    // The source has both keys: that one is missing is not what refuses.
    story.setting.keys.0.lock().unwrap().insert(0, 1);
    let sets: [(&str, &str); 7] = [
        ("an old root", "INSERT OR REPLACE INTO main.keyway_vault SELECT * FROM temp.before_keyway_vault"),
        ("no key's row", "DELETE FROM keyway_keys"),
        ("no active key", "DELETE FROM keyway_keys WHERE state = 'active'"),
        ("no entry", "DELETE FROM keyway_entries"),
        ("no last entry", "DELETE FROM keyway_entries WHERE seq = (SELECT max(seq) FROM keyway_entries)"),
        (
            "an entry more",
            "INSERT INTO keyway_entries SELECT seq + 1, at, tenant, connection, kind, body, mac FROM keyway_entries ORDER BY seq DESC LIMIT 1",
        ),
        (
            "a gap before the last",
            "DELETE FROM keyway_entries WHERE seq = (SELECT max(seq) - 1 FROM keyway_entries)",
        ),
    ];
    for (case, sql) in sets {
        story.raw.run(sql, &[]).await;
        let opened = Vault::open(Arc::clone(&engine), Arc::new(story.setting.keys.clone())).await;
        assert!(matches!(opened, Err(Error::Tampered { .. })), "{case}: {opened:?}");
        // But it can be looked at.
        let keys = Arc::new(story.setting.keys.clone());
        let report = Vault::inspect(Arc::clone(&engine), keys, &[]).await.unwrap();
        assert!(!report.problems.is_empty(), "{case}");
        story.raw.put_back("whole", &TABLES).await;
    }
    Vault::open(engine, Arc::new(story.setting.keys.clone())).await.unwrap();
}

#[tokio::test]
async fn n43_an_entry_taken_out_moved_or_rewritten_is_named() {
    let mut story = Story::new().await;
    let seqs = story.raw.column("keyway_entries", "seq").await;
    let last = i64::try_from(seqs.len()).unwrap();
    for seq in 1..last {
        story.raw.run("DELETE FROM keyway_entries WHERE seq = ?1", &[Cell::Int(seq)]).await;
        let gone = Error::Tampered { what: format!("entry {seq} of the audit log") };
        assert_eq!(story.setting.vault.audit(0, 1000).await, Err(gone.clone()));
        assert_eq!(story.scope().audit(0, 1000).await, Err(gone.clone()));
        assert_eq!(story.setting.vault.audit(seq, 1000).await, Err(gone), "what it follows is not known");
        assert!(story.found().await.contains(&format!("missing entry {seq} of the audit log")), "{seq}");
        // Closing the gap does not hide it.
        for follower in seq + 1..=last {
            story.raw.set("keyway_entries", follower, "seq", &Cell::Int(follower - 1)).await;
        }
        story.raw.run("UPDATE keyway_head SET seq = seq - 1", &[]).await;
        let found = story.found().await;
        assert!(found.contains(&format!("changed entry {seq} of the audit log")), "{seq}: {found:?}");
        story.raw.put_back("whole", &TABLES).await;

        for (number, with) in [(seq, 0), (seq + 1, seq), (0, seq + 1)] {
            story.raw.set("keyway_entries", number, "seq", &Cell::Int(with)).await;
        }
        let found = story.found().await;
        for swapped in [seq, seq + 1] {
            assert!(
                found.contains(&format!("changed entry {swapped} of the audit log")),
                "{swapped}: {found:?}"
            );
        }
        story.raw.put_back("whole", &TABLES).await;
    }
}

/// Cuts the log off behind an entry, with a head that fits.
const CUT: [&str; 2] = [
    "DELETE FROM keyway_entries WHERE seq > ?1",
    "UPDATE keyway_head SET seq = ?1, mac = (SELECT mac FROM keyway_entries WHERE seq = ?1)",
];

#[tokio::test]
async fn n43_a_log_that_was_cut_off_is_seen_by_its_rows_and_by_an_anchor() {
    let mut story = Story::new().await;
    let vault = story.setting.vault.clone();
    let anchor = vault.anchor().await.unwrap();
    let kinds: Vec<(i64, bool)> = vault
        .audit(0, 1000)
        .await
        .unwrap()
        .iter()
        .map(|entry| (entry.seq, !entry.what.rows.is_empty()))
        .collect();
    for seq in 1..anchor.seq() {
        for sql in CUT {
            story.raw.run(sql, &[Cell::Int(seq)]).await;
        }
        let report = vault.verify(std::slice::from_ref(&anchor)).await.unwrap();
        assert!(report.problems.iter().any(|found| found.code == "anchor"), "{seq}: {:?}", report.problems);
        let cut_changes = kinds.iter().any(|(of, changes)| *of > seq && *changes);
        let without = vault.verify(&[]).await.unwrap();
        // What nobody could see without an anchor: that uses, or the like, are missing at the end.
        assert_eq!(without.problems.is_empty(), !cut_changes, "{seq}: {:?}", without.problems);
        assert!(matches!(vault.hold(&anchor).await, Err(Error::Tampered { .. })));
        story.raw.put_back("whole", &TABLES).await;
    }
    let report = vault.verify(&[anchor]).await.unwrap();
    assert_eq!((report.anchors, report.problems), (1, Vec::new()));
}

/// Keeps the last anchor where the database's attacker does not come.
#[derive(Debug, Default, Clone)]
struct Apart(Arc<Mutex<Option<Anchor>>>);

impl AnchorSink for Apart {
    fn anchor(&self, anchor: &Anchor) {
        *self.0.lock().unwrap() = Some(anchor.clone());
    }

    fn last(&self) -> Result<Option<Anchor>, Error> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn n43_a_database_put_back_whole_is_seen_against_an_anchor_and_by_who_was_running() {
    let mut story = Story::new().await;
    story.setting.keys.0.lock().unwrap().insert(0, 1);
    let sink = Apart::default();
    let running = story.setting.again().await.with_anchors(Arc::new(sink.clone())).await.unwrap();
    let scope = running.tenant(&tenant("acme"), &actor());
    scope.rename(&story.two, Some("Second")).await.unwrap();
    let anchor = running.anchor().await.unwrap();
    assert_eq!(sink.last().unwrap().as_ref(), Some(&anchor));
    assert_eq!(anchor.to_string().parse::<Anchor>().unwrap(), anchor);

    // All of it, as it was before the rotation: in itself it is without a fault.
    story.raw.put_back("before", &TABLES).await;
    let after = story.setting.again().await;
    assert_eq!(after.verify(&[]).await.unwrap().problems, []);
    let report = after.verify(std::slice::from_ref(&anchor)).await.unwrap();
    assert_eq!(report.problems[0].code, "anchor");
    let opened = story.setting.again().await.with_anchors(Arc::new(sink.clone())).await;
    assert!(matches!(opened, Err(Error::Tampered { .. })), "{opened:?}");
    // Who was running writes nothing behind another history, and goes on refusing.
    for _ in 0..2 {
        let refused = scope.rename(&story.two, Some("Third")).await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{refused:?}");
    }

    // The old history goes on until it is longer than the anchor.
    let other = after.tenant(&tenant("acme"), &actor());
    while after.anchor().await.unwrap().seq() <= anchor.seq() {
        other.rename(&story.two, Some("Another")).await.unwrap();
    }
    let refused = scope.rename(&story.two, Some("Third")).await;
    assert!(matches!(refused, Err(Error::Tampered { .. })), "{refused:?}");
    let report = after.verify(&[anchor]).await.unwrap();
    assert_eq!(report.problems[0].code, "anchor");
    let opened = story.setting.again().await.with_anchors(Arc::new(sink)).await;
    assert!(matches!(opened, Err(Error::Tampered { .. })), "{opened:?}");
}

#[tokio::test]
async fn n43_a_running_vault_writes_behind_no_head_that_is_not_the_logs_end() {
    let mut story = Story::new().await;
    let scope = story.scope();
    let last = story.setting.vault.anchor().await.unwrap().seq();
    let cases = [
        "UPDATE keyway_head SET seq = 9223372036854775807".to_owned(),
        "UPDATE keyway_head SET seq = -9223372036854775808".to_owned(),
        "UPDATE keyway_head SET seq = 0".to_owned(),
        "UPDATE keyway_head SET mac = x'00'".to_owned(),
        "UPDATE keyway_head SET changed = 1".to_owned(),
        // The rows and the head as they were, the entries left: an anchor of the last one would hold.
        format!(
            "UPDATE keyway_head SET seq = {0}, mac = (SELECT mac FROM keyway_entries WHERE seq = {0})",
            last - 3
        ),
    ];
    for sql in cases {
        story.raw.run(&sql, &[]).await;
        let refused = scope.rename(&story.two, Some("Second")).await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{sql}: {refused:?}");
        let written = story.raw.column("keyway_entries", "seq").await.last().unwrap().0;
        assert_eq!(written, last, "{sql}");
        story.raw.put_back("whole", &TABLES).await;
    }
    scope.rename(&story.two, Some("Second")).await.unwrap();
}

#[tokio::test]
async fn n43_a_running_vault_seals_under_no_key_that_was_put_back() {
    let mut story = Story::new().await;
    story.setting.keys.0.lock().unwrap().insert(0, 1);
    let other = story.setting.again().await.tenant(&tenant("acme"), &actor());
    // The root as it was under the old key, which the source still has.
    story.raw.put_back("before", &["keyway_vault"]).await;
    // Another process would write, and so the running one reads the keys again.
    let credential = story.setting.credential(9);
    let saved = other.save(New::connection(&credential)).await;
    let refused = story.scope().save(New::connection(&credential)).await;
    assert!(saved.is_ok(), "it has read the keys before");
    assert!(matches!(refused, Err(Error::Tampered { .. })), "{refused:?}");
}

#[tokio::test]
async fn n43_an_old_row_that_was_written_over_is_still_named() {
    let mut story = Story::new().await;
    // Whoever puts it back sees to it that the key which it is under is there too.
    story.setting.keys.0.lock().unwrap().insert(0, 1);
    // The credential of before the last change comes back, and a change of today makes it true again.
    story.raw.put_back_row("before", "keyway_connections", story.one.as_str()).await;
    let scope = story.scope();
    scope.rename(&story.one, Some("Production")).await.unwrap();
    let found = story.found().await;
    assert_eq!(found, [format!("old connection {}", story.one)]);
    // Whoever has seen to it removes it.
    scope.remove(&story.one).await.unwrap();
    assert_eq!(story.found().await, [""; 0]);
    // And a removed one that is back, too.
    story.raw.put_back_row("before", "keyway_connections", story.removed.as_str()).await;
    scope.rename(&story.removed, Some("Again")).await.unwrap();
    assert_eq!(story.found().await, [format!("old connection {}", story.removed)]);
}

#[tokio::test]
async fn n43_another_tenant_cannot_remove_what_was_moved_to_it_unseen() {
    let mut story = Story::new().await;
    story.raw.run("UPDATE keyway_connections SET tenant = 'other' WHERE id = ?1", &[text(&story.two)]).await;
    story.other().remove(&story.two).await.unwrap();
    assert_eq!(story.found().await, [format!("changed connection {}", story.two)]);
}

#[tokio::test]
async fn n43_a_tampered_connection_can_be_removed_and_nothing_else() {
    let mut story = Story::new().await;
    story
        .raw
        .run(
            "UPDATE keyway_connections SET origins = 'https://evil.example' WHERE id = ?1",
            &[text(&story.one)],
        )
        .await;
    let scope = story.scope();
    let credential = story.setting.credential(9);
    let u1 = account("u1");
    let new = New::connection(&credential).account(&u1);
    assert_eq!(scope.rename(&story.one, Some("Mine")).await, Err(tampered(&story.one)));
    assert_eq!(scope.replace(&story.one, new, keyway_vault::Accounts::Any).await, Err(tampered(&story.one)));
    assert_eq!(
        checked(&scope, &story.one, &keyway_core::Verdict::Valid(u1.clone())).await,
        Err(tampered(&story.one))
    );
    assert_eq!(scope.grant(&story.one, Terms::default()).await.unwrap_err(), tampered(&story.one));
    assert_eq!(scope.grants(Some(&story.one), None, 9).await.unwrap_err(), tampered(&story.one));
    scope.remove(&story.one).await.unwrap();
    assert_eq!(story.found().await, [""; 0]);
}

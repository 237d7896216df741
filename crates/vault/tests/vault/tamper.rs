//! Every column of every row, changed by hand: what was changed is refused, and named.

use std::{collections::HashSet, sync::Arc};

use keyway_vault::{ConnectionId, Error, New, Scope, Store, Vault};

use crate::{
    database::{Cell, Raw, changes},
    setting::{Setting, account, actor, tenant},
    story::Story,
};

/// So many connections are changed at once, each in another way.
const CONNECTIONS: usize = 128;

/// Many connections of one tenant, in the order of the rows.
async fn many() -> (Setting, Scope, Vec<ConnectionId>) {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let credentials: Vec<_> = (0..CONNECTIONS).map(|number| setting.credential(number)).collect();
    let account = account("u1");
    let list: Vec<_> =
        credentials.iter().map(|credential| New::connection(credential).account(&account)).collect();
    let saved = scope.save_all(&list).await.unwrap();
    let ids = saved.into_iter().map(|saved| saved.connection.id).collect();
    (setting, scope, ids)
}

/// Values that would make sense in a column: what another row holds, or what would be of use to whoever puts it there.
fn plausible(column: &str) -> Vec<Cell> {
    let texts: &[&str] = match column {
        "tenant" => &["other", "ACME", "acme\0"],
        "provider" => &["bolt", "rally"],
        "method" => &["token"],
        "origins" => &[
            "https://evil.example",
            "https://us.acme.example",
            "https://eu.acme.example\nhttps://evil.example",
            "https://eu.acme.example\n",
            "http://eu.acme.example",
            "http://127.0.0.1:1",
        ],
        "status" => &["needs_key", "active"],
        "state" => &["active", "decrypt", "retired", "ACTIVE"],
        "verdict" => &["valid", "invalid", "forbidden", "unknown", "unavailable"],
        "terms" => &["{}", r#"{"methods":["GET"]}"#],
        "kind" => &["uses", "connection.removed", "connection.created"],
        "body" => &["{}", "", "null", r#"{"actor":"somebody"}"#],
        _ => &[],
    };
    // SQLite would keep a NUL, and Keyway never asks with one.
    texts.iter().map(|text| Cell::Text((*text).replace('\0', " "))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn n43_every_change_of_a_connections_row_is_refused_and_named() {
    let (setting, scope, ids) = many().await;
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("whole").await;
    let whole = scope.list(None, CONNECTIONS).await.unwrap();
    let get = |id: &ConnectionId| whole.iter().find(|connection| connection.id == *id).unwrap();
    let mut tried = 0;
    for column in raw.columns("keyway_connections").await {
        let name = column.name.as_str();
        let cells = raw.column("keyway_connections", name).await;
        assert_eq!(cells.len(), ids.len());
        let lists: Vec<_> =
            cells.iter().map(|(_, cell)| changes(cell, column.nullable, &plausible(name))).collect();
        let most = lists.iter().map(Vec::len).max().unwrap();
        for first in (0..most).step_by(CONNECTIONS) {
            raw.run("BEGIN IMMEDIATE", &[]).await;
            let mut changed = HashSet::new();
            for (index, list) in lists.iter().enumerate() {
                if let Some(change) = list.get(first + index) {
                    // What is of another type, the database itself refuses.
                    raw.set_if_it_goes("keyway_connections", cells[index].0, name, change).await;
                    changed.insert(index);
                }
            }
            raw.run("COMMIT", &[]).await;
            let report = setting.vault.verify(&[]).await.unwrap();
            let named: HashSet<_> = report.problems.iter().map(|found| found.what.as_str()).collect();
            let now = raw.column("keyway_connections", name).await;
            for (index, id) in ids.iter().enumerate() {
                let is_changed = now.get(index).is_none_or(|now| *now != cells[index]);
                let case = format!("{name}, change {} of {:?}", first + index, cells[index].1);
                let opened = scope.open(id, &setting.registry).await;
                let shown = scope.get(id).await;
                assert_eq!(named.contains(format!("connection {id}").as_str()), is_changed, "{case}");
                if !is_changed {
                    assert!(opened.is_ok() && shown.as_ref() == Ok(get(id)), "{case}: {shown:?}");
                    continue;
                }
                tried += 1;
                let elsewhere = name == "id" || name == "tenant";
                match opened.map(|opened| opened.connection) {
                    Err(Error::Tampered { what }) => assert_eq!(what, format!("connection {id}"), "{case}"),
                    Err(Error::NotFound) if elsewhere => {}
                    other => panic!("{case}: {other:?}"),
                }
                // The wrap of the credential is of no meaning to what shows name and account alone.
                match shown {
                    Err(Error::Tampered { .. }) => {}
                    Err(Error::NotFound) if elsewhere => {}
                    Ok(same) if name == "credential" && same == *get(id) => {}
                    other => panic!("{case}: {other:?}"),
                }
            }
            raw.put_back("whole", &["keyway_connections"]).await;
        }
    }
    assert!(tried > 4000, "{tried}");
    assert_eq!(setting.vault.verify(&[]).await.unwrap().problems, []);
}

#[tokio::test]
async fn n43_a_row_moved_to_another_tenant_is_refused_there_too() {
    let mut story = Story::new().await;
    let id = Cell::Text(story.one.to_string());
    let sql = "UPDATE keyway_connections SET tenant = 'other' WHERE id = ?1";
    story.raw.run(sql, &[id]).await;
    let other = story.other();
    let tampered = Error::Tampered { what: format!("connection {}", story.one) };
    assert_eq!(other.get(&story.one).await, Err(tampered.clone()));
    assert_eq!(other.open(&story.one, &story.registry).await.unwrap_err(), tampered);
    assert_eq!(other.list(None, 10).await, Err(tampered.clone()));
    assert_eq!(other.rename(&story.one, Some("Mine")).await, Err(tampered));
    assert_eq!(story.scope().get(&story.one).await, Err(Error::NotFound));
}

/// A vault with one connection, after a rotation.
async fn small() -> (Setting, Raw, Arc<dyn Store>) {
    let setting = Setting::new().await;
    let credential = setting.credential(1);
    setting.vault.tenant(&tenant("acme"), &actor()).save(New::connection(&credential)).await.unwrap();
    setting.vault.rotate(&actor(), |_| {}).await.unwrap();
    // Whoever changes the database also has the key that is not used any more.
    setting.keys.0.lock().unwrap().insert(0, 1);
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("whole").await;
    let store = setting.store().await;
    (setting, raw, store)
}

/// Changes every column of a table, one at a time: the vault does not open, and one that is open names what was changed.
async fn refused_and_named(table: &str, names: &[&str], opens: impl Fn(&str) -> bool) {
    let (setting, mut raw, store) = small().await;
    let mut tried = 0;
    for column in raw.columns(table).await {
        for (row, cell) in raw.column(table, &column.name).await {
            for change in changes(&cell, column.nullable, &plausible(&column.name)) {
                raw.set_if_it_goes(table, row, &column.name, &change).await;
                if raw.column(table, &column.name).await.contains(&(row, cell.clone())) {
                    continue;
                }
                tried += 1;
                let case = format!("{table}.{}: {change:?} for {cell:?}", column.name);
                let opened = Vault::open(Arc::clone(&store), Arc::new(setting.keys.clone())).await;
                match opened {
                    Err(Error::Tampered { .. } | Error::Key(_)) => {}
                    Ok(_) if opens(&column.name) => {}
                    other => panic!("{case}: {other:?}"),
                }
                let inspected =
                    Vault::inspect(Arc::clone(&store), Arc::new(setting.keys.clone()), &[]).await.unwrap();
                for report in [setting.vault.verify(&[]).await.unwrap(), inspected] {
                    let is_named = report
                        .problems
                        .iter()
                        .any(|found| names.iter().any(|name| found.what.contains(name)));
                    assert!(is_named, "{case}: {:?}", report.problems);
                }
                raw.put_back("whole", &[table]).await;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(setting.vault.verify(&[]).await.unwrap().problems, []);
}

#[tokio::test]
async fn n43_every_change_of_the_vaults_row_is_refused_and_named() {
    refused_and_named("keyway_vault", &["the vault's"], |_| false).await;
}

#[tokio::test]
async fn n43_every_change_of_the_head_is_refused_and_named() {
    // Where it says that something changed, a wrong number wakes those who wait, or does not. It opens nothing.
    refused_and_named("keyway_head", &["the audit log", "entries ", "entry "], |column| column == "changed")
        .await;
}

#[tokio::test]
async fn n43_every_change_of_a_keys_row_is_refused_and_named() {
    refused_and_named("keyway_keys", &["key ", "the keys"], |_| false).await;
}

#[tokio::test]
async fn n43_every_change_of_a_grants_row_is_refused_and_named() {
    let mut story = Story::new().await;
    let (scope, mut tried) = (story.scope(), 0);
    let id = |number: i64| format!("SELECT id FROM keyway_grants WHERE rowid = {number}");
    let raw = &mut story.raw;
    for column in raw.columns("keyway_grants").await {
        for (row, cell) in raw.column("keyway_grants", &column.name).await {
            let Cell::Text(grant) = raw.rows(&id(row), &[]).await[0][0].clone() else { panic!() };
            let known = [&story.grant, &story.revoked, &story.other_grant];
            let (_, token) = known.into_iter().find(|(id, _)| id.as_str() == grant).unwrap();
            let mut others = plausible(&column.name);
            if column.name == "connection" {
                let ids = [&story.one, &story.two, &story.other_tenant];
                others.extend(ids.map(|id| Cell::Text(id.to_string())));
            }
            for change in changes(&cell, column.nullable, &others) {
                raw.set_if_it_goes("keyway_grants", row, &column.name, &change).await;
                if raw.column("keyway_grants", &column.name).await.contains(&(row, cell.clone())) {
                    continue;
                }
                tried += 1;
                let case = format!("{}: {change:?} for {cell:?}", column.name);
                match story.setting.vault.grant(token).await {
                    Err(Error::Tampered { .. }) => {}
                    Err(Error::NotFound) if column.name == "hash" => {}
                    other => panic!("{case}: {other:?}"),
                }
                if token == &story.grant.1 && !["id", "tenant"].contains(&&*column.name) {
                    let listed = scope.grants(None, None, 10).await;
                    assert!(matches!(listed, Err(Error::Tampered { .. })), "{case}: {listed:?}");
                }
                let report = story.setting.vault.verify(&[]).await.unwrap();
                let name = format!("grant {grant}");
                assert!(
                    report.problems.iter().any(|found| found.what == name),
                    "{case}: {:?}",
                    report.problems
                );
                raw.put_back("whole", &["keyway_grants"]).await;
            }
        }
    }
    assert!(tried > 1500, "{tried}");
}

#[tokio::test]
async fn a_grant_that_is_not_as_it_was_written_can_be_revoked() {
    for column in ["terms", "hash", "connection", "version", "created_at", "revoked_at", "mac"] {
        let mut story = Story::new().await;
        let (scope, (id, token)) = (story.scope(), story.grant.clone());
        let changed = match column {
            "terms" => Cell::Text("canary".to_owned()),
            "hash" | "mac" => Cell::Blob(vec![7; 32]),
            "connection" => Cell::Text(story.two.to_string()),
            _ => Cell::Int(i64::MAX),
        };
        let sql = "SELECT rowid FROM keyway_grants WHERE id = ?1";
        let Cell::Int(row) = story.raw.rows(sql, &[Cell::Text(id.to_string())]).await[0][0] else { panic!() };
        story.raw.set_if_it_goes("keyway_grants", row, column, &changed).await;
        scope.grants(None, None, 10).await.expect_err(column);
        assert!(!story.setting.vault.verify(&[]).await.unwrap().problems.is_empty(), "{column}");

        let revoked = scope.revoke(&id).await.unwrap_or_else(|error| panic!("{column}: {error}"));
        assert!(revoked.id == id && revoked.revoked_at.is_some(), "{column}");
        assert_eq!(story.setting.vault.grant(&token).await.unwrap_err(), Error::NotFound, "{column}");
        assert!(scope.grants(None, None, 10).await.unwrap().iter().all(|grant| grant.id != id), "{column}");
        assert_eq!(scope.revoke(&id).await.unwrap_err(), Error::NotFound, "{column}");
        let last = scope.audit(0, 1000).await.unwrap().pop().unwrap();
        assert_eq!((last.kind.as_str(), last.connection), ("grant.revoked", None), "{column}");
        assert_eq!(last.what.grant.as_deref(), Some(id.as_str()), "{column}");
        // Also when the connection goes that it was on.
        scope.remove(&story.one).await.unwrap();
        assert_eq!(story.setting.vault.verify(&[]).await.unwrap().problems, [], "{column}");
    }
}

/// The log is read up to an entry, by everybody and by a tenant, and no further.
async fn refuses_to_read(vault: &Vault, seq: i64, case: &str) {
    let tampered = Error::Tampered { what: format!("entry {seq} of the audit log") };
    assert_eq!(vault.audit(0, 1000).await, Err(tampered.clone()), "{case}");
    assert_eq!(vault.tenant(&tenant("acme"), &actor()).audit(0, 1000).await, Err(tampered), "{case}");
    let before = u32::try_from(seq - 1).unwrap();
    assert_eq!(vault.audit(0, before).await.unwrap().len(), before as usize, "{case}");
}

#[tokio::test]
async fn n43_every_change_of_an_entry_is_named() {
    let mut story = Story::new().await;
    let raw = &mut story.raw;
    let engine = story.setting.store().await;
    let mut tried = 0;
    for column in raw.columns("keyway_entries").await.into_iter().filter(|column| column.name != "seq") {
        let cells = raw.column("keyway_entries", &column.name).await;
        let lists: Vec<_> =
            cells.iter().map(|(_, cell)| changes(cell, column.nullable, &plausible(&column.name))).collect();
        for round in 0..lists.iter().map(Vec::len).max().unwrap() {
            // All entries at once, each in its own way: each is named.
            raw.run("BEGIN IMMEDIATE", &[]).await;
            for ((seq, _), list) in cells.iter().zip(&lists) {
                if let Some(change) = list.get(round) {
                    raw.set_if_it_goes("keyway_entries", *seq, &column.name, change).await;
                }
            }
            raw.run("COMMIT", &[]).await;
            let now = raw.column("keyway_entries", &column.name).await;
            let report = story.setting.vault.verify(&[]).await.unwrap();
            for (before, now) in cells.iter().zip(&now).filter(|(before, now)| before != now) {
                tried += 1;
                let name = format!("entry {} of the audit log", before.0);
                let named = report.problems.iter().any(|found| found.what == name);
                assert!(named, "{} {}: {:?} for {:?}", column.name, before.0, now.1, before.1);
            }
            if let Some((first, _)) = cells.iter().zip(&now).find(|(before, now)| before != now) {
                let case = format!("{} {}", column.name, first.0);
                refuses_to_read(&story.setting.vault, first.0, &case).await;
            }
            if cells.last() != now.last() {
                let opened = Vault::open(Arc::clone(&engine), Arc::new(story.setting.keys.clone())).await;
                assert!(matches!(opened, Err(Error::Tampered { .. })), "{}: {opened:?}", column.name);
            }
            raw.put_back("whole", &["keyway_entries"]).await;
        }
    }
    for (seq, _) in raw.column("keyway_entries", "seq").await {
        for other in [0, -1, i64::MIN, i64::MAX, seq + 1000, -seq] {
            raw.set("keyway_entries", seq, "seq", &Cell::Int(other)).await;
            tried += 1;
            let report = story.setting.vault.verify(&[]).await.unwrap();
            let gaps = [format!("entries {seq} to "), format!("entry {seq} of")];
            let named = report
                .problems
                .iter()
                .any(|found| found.code == "missing" && gaps.iter().any(|gap| found.what.starts_with(gap)));
            assert!(named, "{other} for {seq}: {:?}", report.problems);
            refuses_to_read(&story.setting.vault, seq, &format!("{other} for {seq}")).await;
            raw.put_back("whole", &["keyway_entries"]).await;
        }
    }
    assert!(tried > 8000, "{tried}");
    assert_eq!(story.setting.vault.verify(&[]).await.unwrap().problems, []);
}

//! The whole vault as a file, and back, whatever happens to the file.

use std::{
    io::Cursor,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway_vault::{ApiScope, Database, Error, Exported, New, NewDocument, Store, Vault};

use crate::{
    setting::{Keys, Setting, actor, database, tenant},
    story::Story,
};

async fn exported(vault: &Vault) -> Vec<u8> {
    let mut export = Vec::new();
    vault.export(&actor(), &mut export).await.unwrap();
    export
}

async fn import(store: &Arc<dyn Store>, keys: &Keys, export: &[u8]) -> Result<(Vault, Exported), Error> {
    Vault::import(Arc::clone(store), Arc::new(keys.clone()), &actor(), &mut Cursor::new(export)).await
}

/// Everything opens that the story says is there.
async fn is_whole(story: &Story, vault: &Vault) {
    let report = vault.verify(&[]).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.connections, report.grants, report.keys), (4, 3, 2));
    for (name, ids) in
        [("acme", vec![&story.one, &story.two, &story.other_provider]), ("other", vec![&story.other_tenant])]
    {
        let (there, before) =
            (vault.tenant(&tenant(name), &actor()), story.setting.vault.tenant(&tenant(name), &actor()));
        for id in ids {
            let opened = there.open(id, &story.registry).await.unwrap();
            assert_eq!(opened.connection, before.get(id).await.unwrap());
            let request = |credential: &keyway_core::Credential| {
                let (mut parts, ()) = http::Request::get(format!("{}/me", opened.connection.origins[0]))
                    .body(())
                    .unwrap()
                    .into_parts();
                credential.authorize(&mut parts, keyway_core::BodyAccess::Empty).unwrap();
                parts.headers
            };
            let old = before.open(id, &story.registry).await.unwrap();
            assert_eq!(request(&opened.credential), request(&old.credential));
        }
    }
    assert_eq!(vault.grant(&story.grant.1).await.unwrap().connection, story.one);
    assert!(vault.grant(&story.revoked.1).await.unwrap().revoked_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_moves_from_engine_to_engine_and_back() {
    let story = Story::new().await;
    let postgres = || Some(keyway_postgres::shared()?.database().parse::<Database>().unwrap());
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let ways = [Some(database(&folders[0])), postgres(), postgres(), Some(database(&folders[1]))];
    let (mut vault, mut entries) =
        (story.setting.vault.clone(), story.setting.vault.anchor().await.unwrap().seq());
    for place in ways.into_iter().flatten() {
        let anchor = vault.anchor().await.unwrap();
        let export = exported(&vault).await;
        let place = place.create().await.unwrap();
        let (next, rows) = import(&place, &story.setting.keys, &export).await.unwrap();
        assert_eq!((rows.connections, rows.grants, rows.keys), (4, 3, 2));
        assert_eq!(next.id(), vault.id());
        is_whole(&story, &next).await;
        // The chain goes on: the anchors of before hold, and an entry says that it was exported, and imported.
        next.hold(&anchor).await.unwrap();
        let kinds: Vec<_> =
            next.audit(entries, 9).await.unwrap().into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["vault.exported", "vault.imported"]);
        entries += 2;
        let reopened = Vault::open(Arc::clone(&place), Arc::new(story.setting.keys.clone())).await.unwrap();
        assert_eq!(reopened.verify(&[anchor]).await.unwrap().problems, []);
        vault = next;
    }
    // And it can be worked with.
    vault.tenant(&tenant("acme"), &actor()).rename(&story.two, Some("Moved")).await.unwrap();
    vault.rotate(&actor(), |_| {}).await.unwrap();
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

/// A small vault's export, and an empty store.
async fn small() -> (Setting, Vec<u8>, tempfile::TempDir, Arc<dyn Store>) {
    let setting = Setting::new().await;
    let credential = setting.credential(1);
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let id = scope.save(New::connection(&credential).name("Name")).await.unwrap().connection.id;
    scope.grant(&id, keyway_vault::Terms::default()).await.unwrap();
    let export = exported(&setting.vault).await;
    let folder = tempfile::tempdir().unwrap();
    let store = database(&folder).create().await.unwrap();
    (setting, export, folder, store)
}

async fn refused(store: &Arc<dyn Store>, keys: &Keys, export: &[u8], case: &str) {
    match import(store, keys, export).await {
        Err(Error::Import(_) | Error::Tampered { .. } | Error::Key(_)) => {}
        other => panic!("{case}: {other:?}"),
    }
    assert!(store.vault().await.unwrap().is_none(), "{case}: something is left");
}

#[tokio::test]
async fn every_line_dropped_doubled_swapped_or_cut_is_refused_and_nothing_is_left() {
    let (setting, export, _folder, store) = small().await;
    let lines: Vec<&[u8]> = export.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(lines.len() >= 9, "{}", lines.len());
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        refused(&store, &setting.keys, &dropped.concat(), &format!("line {at} dropped")).await;
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        refused(&store, &setting.keys, &doubled.concat(), &format!("line {at} doubled")).await;
        for other in 0..at {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            refused(&store, &setting.keys, &swapped.concat(), &format!("lines {at} and {other} swapped"))
                .await;
        }
        let before = lines[..at].concat();
        refused(&store, &setting.keys, &before, &format!("cut before line {at}")).await;
        let cut = [&before[..], &lines[at][..lines[at].len() / 2]].concat();
        refused(&store, &setting.keys, &cut, &format!("cut in line {at}")).await;
    }
    let cases: [(&str, Vec<u8>); 6] = [
        ("nothing", Vec::new()),
        ("an empty line", [b"\n", &export[..]].concat()),
        ("an empty line at the end", [&export[..], b"\n"].concat()),
        ("a byte more", [&export[..], b" "].concat()),
        ("twice", [&export[..], &export].concat()),
        ("no text", vec![0xff; 100]),
    ];
    for (case, export) in cases {
        refused(&store, &setting.keys, &export, case).await;
    }
    let (vault, _) = import(&store, &setting.keys, &export).await.unwrap();
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

#[tokio::test]
async fn every_byte_flipped_is_refused_and_nothing_is_left() {
    let (setting, export, _folder, store) = small().await;
    for at in 0..export.len() {
        let mut other = export.clone();
        other[at] ^= 1 << (at % 8);
        refused(&store, &setting.keys, &other, &format!("byte {at} of {}", export.len())).await;
    }
    import(&store, &setting.keys, &export).await.unwrap();
}

#[tokio::test]
async fn what_was_changed_before_the_export_is_imported_and_named_or_leaves_nothing() {
    // Whoever exports signs what is there.
    for (sql, imports) in [
        ("UPDATE keyway_entries SET at = at + 1 WHERE seq = 2", true),
        ("UPDATE keyway_connections SET origins = 'https://evil.example'", true),
        ("UPDATE keyway_grants SET terms = '{}', version = 2", true),
        ("UPDATE keyway_entries SET mac = x'00' WHERE seq = (SELECT max(seq) FROM keyway_entries)", false),
        ("DELETE FROM keyway_entries WHERE seq = (SELECT max(seq) FROM keyway_entries)", false),
        ("UPDATE keyway_keys SET created_at = created_at + 1", false),
        ("UPDATE keyway_keys SET state = 'decrypt'", false),
    ] {
        let (setting, _, _folder, store) = small().await;
        crate::database::Raw::open(&setting.folder).await.run(sql, &[]).await;
        let export = exported(&setting.vault).await;
        if imports {
            let (vault, _) = import(&store, &setting.keys, &export).await.unwrap();
            assert_ne!(vault.verify(&[]).await.unwrap().problems, [], "{sql}");
        } else {
            refused(&store, &setting.keys, &export, sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_five_thousand_while_others_write_is_one_state() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let credentials: Vec<_> = (0..5000).map(|number| setting.credential(number)).collect();
    for some in credentials.chunks(1000) {
        let list: Vec<_> = some.iter().map(New::connection).collect();
        scope.save_all(&list).await.unwrap();
    }
    let writer = tokio::spawn({
        let (other, one) = (setting.again().await, setting.credential(2));
        async move {
            let scope = other.tenant(&tenant("busy"), &actor());
            loop {
                let id = scope.save(New::connection(&one)).await.unwrap().connection.id;
                scope.rename(&id, Some("Busy")).await.unwrap();
                scope.remove(&id).await.unwrap();
            }
        }
    });
    let mut export = Vec::new();
    let rows = setting.vault.export(&actor(), &mut export).await.unwrap();
    writer.abort();
    assert!((5000..=5001).contains(&rows.connections), "{rows:?}");
    let folder = tempfile::tempdir().unwrap();
    let store = database(&folder).create().await.unwrap();
    let (vault, imported) = import(&store, &setting.keys, &export).await.unwrap();
    assert_eq!(imported, rows);
    let report = vault.verify(&[]).await.unwrap();
    assert_eq!((report.problems, report.connections), (Vec::new(), rows.connections));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_last_move_along() {
    let setting = Setting::new().await;
    let documents = setting.vault.documents();
    let (soon, past) =
        (SystemTime::now() + Duration::from_secs(600), SystemTime::now() - Duration::from_secs(1));
    let acme = tenant("acme");
    for (kind, id, expires_at) in [
        ("webhook", "w1", None),
        ("cursor", "c1", Some(soon)),
        ("cursor", "c2", Some(past)),
        ("session", "s1", Some(soon)),
        ("idempotency", "i1", None),
    ] {
        let new = NewDocument { kind, id, tenant: Some(&acme), mark: Some(b"m"), expires_at, text: b"text" };
        let new = NewDocument { mark: (id != "c2").then_some(b"m"), ..new };
        assert!(documents.insert(new).await.unwrap());
    }
    let token = setting.vault.tokens(&actor()).create(None, None, &ApiScope::ALL, None).await.unwrap();
    let export = exported(&setting.vault).await;
    let folder = tempfile::tempdir().unwrap();
    let postgres = keyway_postgres::shared().map(|server| server.database().parse::<Database>().unwrap());
    for place in [Some(database(&folder)), postgres].into_iter().flatten() {
        let store = place.create().await.unwrap();
        let (moved, rows) = import(&store, &setting.keys, &export).await.unwrap();
        assert_eq!(rows.documents, 3);
        let report = moved.verify(&[]).await.unwrap();
        assert_eq!((report.problems, report.documents), (vec![], 3));
        for (kind, id) in [("webhook", "w1"), ("cursor", "c1")] {
            let found = moved.documents().get(kind, id).await.unwrap().unwrap();
            let before = documents.get(kind, id).await.unwrap().unwrap();
            assert_eq!(
                (&found.text, found.expires_at, found.tenant),
                (&before.text, before.expires_at, before.tenant)
            );
            assert_eq!(moved.documents().by_mark(kind, b"m").await.unwrap().unwrap().id, id);
        }
        for (kind, id) in [("cursor", "c2"), ("session", "s1"), ("idempotency", "i1")] {
            assert!(moved.documents().get(kind, id).await.unwrap().is_none(), "{kind}");
        }
        assert_eq!(moved.tokens(&actor()).authenticate(token.secret.expose()).await.unwrap(), token.token);
    }
}

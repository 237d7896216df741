//! Documents changed by hand.

use keyway_vault::{Error, NewDocument};

use super::new;
use crate::{
    database::{Cell, Raw, changes},
    setting::{Setting, tenant},
};

#[tokio::test]
async fn n43_every_change_of_a_document_is_refused_and_named() {
    let setting = Setting::new().await;
    let documents = setting.vault.documents();
    let acme = tenant("acme");
    let expires_at = Some(std::time::SystemTime::now() + std::time::Duration::from_secs(3600));
    let one = NewDocument { tenant: Some(&acme), mark: Some(b"mark"), expires_at, ..new("n1", b"text") };
    assert!(documents.insert(one).await.unwrap());
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("whole").await;
    let plausible = |column: &str| match column {
        "tenant" => vec![Cell::Text("other".to_owned())],
        "kind" => vec![Cell::Text("token".to_owned())],
        _ => Vec::new(),
    };
    let mut tried = 0;
    for column in raw.columns("keyway_documents").await {
        let name = column.name.as_str();
        let (row, cell) = raw.column("keyway_documents", name).await.remove(0);
        for change in changes(&cell, column.nullable, &plausible(name)) {
            raw.set_if_it_goes("keyway_documents", row, name, &change).await;
            let now = raw.column("keyway_documents", name).await;
            if now[0].1 == cell {
                continue;
            }
            tried += 1;
            let case = format!("{name}: {change:?}");
            let shown = documents.get("note", "n1").await;
            let marked = documents.by_mark("note", b"mark").await;
            let listed = documents.list("note", Some(Some(&acme)), None, 9).await;
            let gone = |name: &str, by: &[&str]| by.contains(&name);
            let is_refused = |told: Result<bool, Error>, hidden: bool| match told {
                Err(Error::Tampered { .. }) => true,
                Ok(there) => !there && hidden,
                _ => false,
            };
            assert!(is_refused(shown.map(|one| one.is_some()), gone(name, &["kind", "id"])), "{case}");
            assert!(is_refused(marked.map(|one| one.is_some()), gone(name, &["kind", "mark"])), "{case}");
            let hidden = gone(name, &["kind", "tenant", "expires_at", "id"]);
            assert!(is_refused(listed.map(|list| !list.is_empty()), hidden), "{case}");
            let found = setting.vault.verify(&[]).await.unwrap().problems;
            assert_eq!(found.len(), 1, "{case}: {found:?}");
            assert_eq!(found[0].code, "sealed", "{case}");
            assert!(found[0].what.starts_with("document "), "{case}: {found:?}");
            raw.put_back("whole", &["keyway_documents"]).await;
        }
    }
    assert!(tried > 2000, "{tried}");
    assert_eq!(setting.vault.verify(&[]).await.unwrap().problems, []);
    assert!(documents.get("note", "n1").await.unwrap().is_some());
}

#[tokio::test]
async fn n43_what_is_sealed_for_one_document_opens_for_no_other() {
    let setting = Setting::new().await;
    let documents = setting.vault.documents();
    let (acme, bolt) = (tenant("acme"), tenant("bolt"));
    for (kind, id, tenant) in [
        ("note", "n1", Some(&acme)),
        ("note", "n2", Some(&acme)),
        ("note", "n3", Some(&bolt)),
        ("other", "n1", None),
    ] {
        assert!(documents.insert(NewDocument { kind, tenant, ..new(id, b"text") }).await.unwrap());
    }
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("whole").await;
    for (kind, id) in [("note", "n2"), ("note", "n3"), ("other", "n1")] {
        let cells = [Cell::Text(kind.to_owned()), Cell::Text(id.to_owned())];
        let sql = "UPDATE keyway_documents SET record = \
                   (SELECT record FROM keyway_documents WHERE kind = ?1 AND id = ?2) \
                   WHERE kind = 'note' AND id = 'n1'";
        assert_eq!(raw.run(sql, &cells).await, 1);
        let refused = documents.get("note", "n1").await.unwrap_err();
        assert_eq!(refused, Error::Tampered { what: "document note n1".to_owned() }, "{kind} {id}");
        raw.put_back("whole", &["keyway_documents"]).await;
    }
    // An older version of itself fits no newer row.
    let read = documents.get("note", "n1").await.unwrap().unwrap();
    documents.replace(&read, b"newer", None).await.unwrap().unwrap();
    let sql = "UPDATE keyway_documents SET record = (SELECT record FROM temp.whole_keyway_documents AS old \
               WHERE old.kind = 'note' AND old.id = 'n1') WHERE kind = 'note' AND id = 'n1'";
    assert_eq!(raw.run(sql, &[]).await, 1);
    assert!(matches!(documents.get("note", "n1").await, Err(Error::Tampered { .. })));
}

#[tokio::test]
async fn nothing_of_a_documents_text_is_in_the_file() {
    let setting = Setting::new().await;
    let documents = setting.vault.documents();
    let secret = b"acme_madeup00000000000000000042";
    assert!(documents.insert(new("n1", secret)).await.unwrap());
    let read = documents.get("note", "n1").await.unwrap().unwrap();
    assert!(!format!("{read:?} {:?} {documents:?}", new("n1", secret)).contains("madeup"));
    for file in std::fs::read_dir(setting.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[tokio::test]
async fn n43_one_that_was_changed_hides_none_of_the_others() {
    let setting = Setting::new().await;
    let documents = setting.vault.documents();
    for id in ["n1", "n2", "n3"] {
        assert!(documents.insert(new(id, b"text")).await.unwrap());
    }
    let mut raw = Raw::open(&setting.folder).await;
    raw.run("UPDATE keyway_documents SET created_at = 1 WHERE id = 'n2'", &[]).await;
    assert!(documents.list("note", None, None, 9).await.is_err());
    let told = |each: Vec<(String, Result<keyway_vault::Document, Error>)>| -> Vec<_> {
        each.into_iter().map(|(id, shown)| (id, shown.is_ok())).collect()
    };
    let each = told(documents.each("note", None, None, 9).await.unwrap());
    let expected =
        [("n1", true), ("n2", false), ("n3", true)].map(|(id, is_whole)| (id.to_owned(), is_whole));
    assert_eq!(each, expected);
    assert_eq!(told(documents.each("note", None, Some("n1"), 1).await.unwrap()), expected[1..2]);
    assert_eq!(told(documents.each("note", Some(None), None, 9).await.unwrap()), expected);
    // It can be taken away, by whom it belongs to.
    let acme = tenant("acme");
    assert!(documents.each("note", Some(Some(&acme)), None, 9).await.unwrap().is_empty());
    for (kind, id, whose) in [("note", "n2", Some(&acme)), ("other", "n2", None), ("note", "n4", None)] {
        assert!(!documents.discard(kind, id, whose).await.unwrap(), "{kind} {id} {whose:?}");
    }
    assert!(documents.discard("note", "n2", None).await.unwrap());
    assert!(!documents.discard("note", "n2", None).await.unwrap());
    let rest: Vec<_> =
        documents.list("note", None, None, 9).await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(rest, ["n1", "n3"]);
}

//! Documents: kept sealed, found by id and mark, changed by one at a time, gone when they end.

mod group;
mod tamper;

use std::time::{Duration, SystemTime};

use keyway_vault::{Document, DocumentChange, DocumentRow, Documents, Error, NewDocument, Vault};

use crate::{load::Place, setting::tenant};

on_both_engines!(
    one_is_kept_found_replaced_and_removed,
    ids_and_marks_are_taken_once,
    lists_are_sorted_and_go_on,
    what_ended_is_not_there_and_goes,
    what_ended_goes_also_when_nobody_writes,
    i10_what_is_too_long_or_odd_is_refused,
    n47_one_of_many_who_replace_the_same_wins,
    signatures_are_of_the_vault,
);

/// One of a kind that the tests have for themselves.
pub(crate) fn new<'n>(id: &'n str, text: &'n [u8]) -> NewDocument<'n> {
    NewDocument { kind: "note", id, tenant: None, mark: None, expires_at: None, text }
}

fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(600)
}

fn past() -> SystemTime {
    SystemTime::now() - Duration::from_secs(1)
}

async fn get(documents: &Documents, id: &str) -> Option<Document> {
    documents.get("note", id).await.unwrap()
}

async fn one_is_kept_found_replaced_and_removed(place: Place) {
    let (vault, other) = (place.vault().await, place.vault().await);
    let (documents, others) = (vault.documents(), other.documents());
    let acme = tenant("acme");
    let expires_at = Some(soon());
    let full = NewDocument { tenant: Some(&acme), mark: Some(b"mark"), expires_at, ..new("n1", b"first") };
    assert!(documents.insert(full).await.unwrap());
    let found = get(&others, "n1").await.unwrap();
    assert_eq!((found.kind, found.id.as_str(), found.version), ("note", "n1", 1));
    assert_eq!((found.tenant.as_ref(), found.mark.as_deref()), (Some(&acme), Some(&b"mark"[..])));
    assert_eq!(&**found.text, b"first");
    let marked = others.by_mark("note", b"mark").await.unwrap().unwrap();
    assert_eq!((marked.id.as_str(), &**marked.text), ("n1", &b"first"[..]));
    for (kind, id) in [("note", "n2"), ("other", "n1"), ("note", ""), ("note", "n1\0"), ("NOTE", "n1")] {
        assert!(others.get(kind, id).await.unwrap().is_none(), "{kind} {id:?}");
    }
    assert!(others.by_mark("other", b"mark").await.unwrap().is_none());

    let second = others.replace(&found, b"second", None).await.unwrap().unwrap();
    assert_eq!((second.version, second.expires_at, &**second.text), (2, None, &b"second"[..]));
    let read = get(&documents, "n1").await.unwrap();
    assert_eq!((read.version, read.expires_at, &**read.text), (2, None, &b"second"[..]));
    assert_eq!((read.created_at, read.mark.as_deref()), (found.created_at, Some(&b"mark"[..])));
    // The one that was read first is old now.
    assert!(documents.replace(&found, b"lost", None).await.unwrap().is_none());
    assert!(!documents.remove(&found).await.unwrap());
    assert_eq!(&**get(&others, "n1").await.unwrap().text, b"second");
    assert!(documents.remove(&second).await.unwrap());
    assert!(!others.remove(&second).await.unwrap());
    assert!(get(&others, "n1").await.is_none());
    assert!(others.replace(&second, b"lost", None).await.unwrap().is_none());
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

async fn ids_and_marks_are_taken_once(place: Place) {
    let documents = place.vault().await.documents();
    let marked = |id, mark| NewDocument { mark: Some(mark), ..new(id, b"text") };
    assert!(documents.insert(marked("n1", b"m1")).await.unwrap());
    assert!(!documents.insert(new("n1", b"other")).await.unwrap(), "the id");
    assert!(!documents.insert(marked("n2", b"m1")).await.unwrap(), "the mark");
    assert!(get(&documents, "n2").await.is_none());
    assert_eq!(&**get(&documents, "n1").await.unwrap().text, b"text");
    // Of another kind they are free, and without a mark nothing is the same.
    assert!(documents.insert(NewDocument { kind: "other", ..marked("n1", b"m1") }).await.unwrap());
    for id in ["n2", "n3"] {
        assert!(documents.insert(new(id, b"")).await.unwrap());
    }
    // One that has ended is in nobody's way, wherever it stands.
    let ended = NewDocument { expires_at: Some(past()), ..marked("n4", b"m4") };
    assert!(documents.insert(ended.clone()).await.unwrap());
    assert!(documents.insert(marked("n4", b"m5")).await.unwrap(), "the id");
    assert!(documents.insert(NewDocument { id: "n5", mark: Some(b"m6"), ..ended }).await.unwrap());
    assert!(documents.insert(marked("n6", b"m6")).await.unwrap(), "the mark");
}

async fn lists_are_sorted_and_go_on(place: Place) {
    let documents = place.vault().await.documents();
    let (acme, bolt) = (tenant("acme"), tenant("bolt"));
    let all = [
        ("n1", Some(&acme), false),
        ("n2", None, false),
        ("n3", Some(&bolt), false),
        ("n4", Some(&acme), true),
        ("n5", Some(&acme), false),
    ];
    for (id, tenant, ended) in all.into_iter().rev() {
        let expires_at = ended.then(past);
        assert!(documents.insert(NewDocument { tenant, expires_at, ..new(id, b"text") }).await.unwrap());
    }
    assert!(documents.insert(NewDocument { kind: "other", ..new("n0", b"text") }).await.unwrap());
    for (whose, after, limit, expected) in [
        (None, None, 9, &["n1", "n2", "n3", "n5"][..]),
        (None, Some("n1"), 2, &["n2", "n3"]),
        (None, None, 0, &[]),
        (Some(None), None, 9, &["n2"]),
        (Some(Some(&acme)), None, 9, &["n1", "n5"]),
        (Some(Some(&acme)), Some("n1"), 9, &["n5"]),
        (Some(Some(&bolt)), Some("n3"), 9, &[]),
    ] {
        let list = documents.list("note", whose, after, limit).await.unwrap();
        let ids: Vec<_> = list.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, expected, "{whose:?} after {after:?}, at most {limit}");
    }
}

async fn what_ended_is_not_there_and_goes(place: Place) {
    let vault = place.vault().await;
    let documents = vault.documents();
    let count = async || {
        let mut view = place.store().await.snapshot().await.unwrap();
        view.documents(None, 10).await.unwrap().len()
    };
    let short = NewDocument { expires_at: Some(soon()), mark: Some(b"m"), ..new("n1", b"text") };
    assert!(documents.insert(short).await.unwrap());
    let read = get(&documents, "n1").await.unwrap();
    let ended = documents.replace(&read, b"text", Some(past())).await.unwrap().unwrap();
    assert!(get(&documents, "n1").await.is_none());
    assert!(documents.by_mark("note", b"m").await.unwrap().is_none());
    assert!(documents.replace(&ended, b"back", None).await.unwrap().is_none(), "it comes back");
    assert!(!documents.remove(&ended).await.unwrap());
    assert_eq!(count().await, 1);
    // Whoever writes first in a process takes away what has ended.
    assert!(place.vault().await.documents().insert(new("n2", b"text")).await.unwrap());
    assert_eq!(count().await, 1);
    assert!(get(&documents, "n2").await.is_some());
}

async fn what_ended_goes_also_when_nobody_writes(place: Place) {
    let vault = place.vault().await;
    let documents = vault.documents();
    let count = async || {
        let mut view = place.store().await.snapshot().await.unwrap();
        view.documents(None, 2000).await.unwrap().len()
    };
    assert!(documents.insert(new("stays", b"text")).await.unwrap());
    // More than are taken away at once.
    let ended = (0..1100).map(|number| {
        let row = DocumentRow {
            kind: "note".to_owned(),
            id: format!("n{number}"),
            tenant: None,
            mark: None,
            version: 1,
            created_at: 1,
            expires_at: Some(2),
            record: vec![1],
        };
        DocumentChange::Insert(row)
    });
    place.store().await.write_documents(&ended.collect::<Vec<_>>(), 1, 0).await.unwrap();
    assert_eq!(count().await, 1101);
    documents.sweep().await.unwrap();
    assert_eq!(count().await, 1);
    assert!(get(&documents, "stays").await.is_some());
    documents.sweep().await.unwrap();
    assert_eq!(count().await, 1);
}

async fn i10_what_is_too_long_or_odd_is_refused(place: Place) {
    let documents = place.vault().await.documents();
    let long = vec![b'x'; 256 * 1024 + 1];
    let (id_of_128, id_of_129) = ("ä".repeat(128), "x".repeat(129));
    let kind_of_33 = "abcdefghijklmnopqrstuvwxyzabcdefg";
    for (case, one) in [
        ("no kind", NewDocument { kind: "", ..new("n", b"") }),
        ("a long kind", NewDocument { kind: kind_of_33, ..new("n", b"") }),
        ("an odd kind", NewDocument { kind: "Note", ..new("n", b"") }),
        ("no id", new("", b"")),
        ("a long id", new(&id_of_129, b"")),
        ("a NUL", new("a\0", b"")),
        ("two lines", new("a\nb", b"")),
        ("an empty mark", NewDocument { mark: Some(b""), ..new("n", b"") }),
        ("a long mark", NewDocument { mark: Some(&[1; 65]), ..new("n", b"") }),
        ("a long text", new("n", &long)),
    ] {
        let refused = documents.insert(one).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{case}: {refused:?}");
    }
    assert!(documents.list("note", None, None, 9).await.unwrap().is_empty());
    let most = &long[1..];
    let one = NewDocument { kind: &kind_of_33[1..], mark: Some(&[1; 64]), ..new(&id_of_128, most) };
    assert!(documents.insert(one).await.unwrap());
    let read = documents.get(&kind_of_33[1..], &id_of_128).await.unwrap().unwrap();
    assert_eq!(**read.text, *most);
    let refused = documents.replace(&read, &long, None).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
}

async fn n47_one_of_many_who_replace_the_same_wins(place: Place) {
    let vaults = [place.vault().await, place.vault().await];
    assert!(vaults[0].documents().insert(new("n1", b"")).await.unwrap());
    for round in 1..=5 {
        let read = get(&vaults[0].documents(), "n1").await.unwrap();
        let all: Vec<_> = (0..64)
            .map(|number: usize| {
                let (documents, read) = (vaults[number % 2].documents(), read.clone());
                tokio::spawn(async move {
                    let new = documents.replace(&read, &number.to_be_bytes(), None).await.unwrap();
                    new.map(|_| number)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for one in all {
            winners.extend(one.await.unwrap());
        }
        let [winner] = winners[..] else { panic!("{winners:?} have won") };
        let now = get(&vaults[1].documents(), "n1").await.unwrap();
        assert_eq!((now.version, &**now.text), (round + 1, &winner.to_be_bytes()[..]));
    }
}

async fn signatures_are_of_the_vault(place: Place) {
    let (vault, again) = (place.vault().await, place.vault().await);
    let documents = vault.documents();
    let signature = documents.sign("csrf", &[b"ab", b"c"]);
    assert!(again.documents().is_signed("csrf", &[b"ab", b"c"], &signature));
    for (purpose, texts) in [
        ("csrf", &[&b"a"[..], b"bc"][..]),
        ("csrf", &[b"abc"]),
        ("csrf", &[b"ab", b"c", b""]),
        ("other", &[b"ab", b"c"]),
    ] {
        assert!(!documents.is_signed(purpose, texts, &signature), "{purpose} {texts:?}");
    }
    assert!(!documents.is_signed("csrf", &[b"ab", b"c"], &signature[..31]));
    let other: Vault = Place::sqlite().await.vault().await;
    assert!(!other.documents().is_signed("csrf", &[b"ab", b"c"], &signature), "another vault's");
}

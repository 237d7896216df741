//! Changes of connections among many uses, whose connections are whose, and which are to be checked.

use std::time::{Duration, SystemTime};

use http::Method;
use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{Accounts, By, ConnectionId, Due, Entry, Error, New, Record, Scope, Terms};

use crate::{
    database::{Cell, Raw},
    load::Place,
    setting::{Setting, account, actor, checked, credential, registry, secret, tenant},
};

on_both_engines!(
    i8_changes_are_those_of_connections_of_one_tenant_or_all,
    i8_connections_are_listed_by_their_end_user,
    those_are_due_that_nobody_checked_for_long,
    one_leads_at_a_time,
);

/// Entries that are all as they were written.
fn whole(changes: Vec<(i64, Result<Entry, Error>)>) -> Vec<Entry> {
    let entries = changes.into_iter().map(|(seq, entry)| {
        let entry = entry.unwrap();
        assert_eq!(entry.seq, seq);
        entry
    });
    entries.collect()
}

async fn save(scope: &Scope, number: usize) -> ConnectionId {
    let credential = credential(&registry(), &secret(number));
    scope.save(New::connection(&credential)).await.unwrap().connection.id
}

async fn i8_changes_are_those_of_connections_of_one_tenant_or_all(place: Place) {
    let vault = place.vault().await;
    let (acme, bolt) = (vault.tenant(&tenant("acme"), &actor()), vault.tenant(&tenant("bolt"), &actor()));
    let one = save(&acme, 1).await;
    let two = save(&bolt, 2).await;
    acme.grant(&one, Terms::default()).await.unwrap();
    let (recorder, recording) = vault.recorder().await.unwrap();
    for _ in 0..5 {
        let by = By::Actor(actor());
        let record = Record::new(tenant("acme"), one.clone(), by, Method::GET, "/me".into());
        recorder.intend(record).await.unwrap();
    }
    drop(recorder);
    recording.end().await.unwrap();
    acme.rename(&one, Some("Production")).await.unwrap();
    bolt.remove(&two).await.unwrap();
    let kinds = |entries: &[keyway_vault::Entry]| -> Vec<(String, String)> {
        entries.iter().map(|entry| (entry.tenant.clone().unwrap(), entry.kind.clone())).collect()
    };
    let text = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(tenant, kind)| ((*tenant).to_owned(), (*kind).to_owned())).collect()
    };
    let all = whole(vault.changes(0, 10).await.unwrap());
    let expected = [
        ("acme", "connection.created"),
        ("bolt", "connection.created"),
        ("acme", "connection.renamed"),
        ("bolt", "connection.removed"),
    ];
    assert_eq!(kinds(&all), text(&expected));
    assert_eq!(kinds(&whole(acme.changes(0, 10).await.unwrap())), text(&[expected[0], expected[2]]));
    // As the whole log has them.
    let log = vault.audit(0, 100).await.unwrap();
    assert!(all.iter().all(|entry| log.contains(entry)));
    // They go on from where somebody was, and an entry that is none of them is as good.
    assert_eq!(whole(vault.changes(all[0].seq, 2).await.unwrap()), all[1..3]);
    assert_eq!(whole(vault.changes(all[2].seq - 1, 10).await.unwrap()), all[2..]);
    assert!(vault.changes(all[3].seq, 10).await.unwrap().is_empty());
    assert!(vault.changes(0, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn n43_a_change_that_was_changed_is_refused_and_named_and_hides_none_of_the_others() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let id = save(&scope, 1).await;
    scope.rename(&id, Some("Production")).await.unwrap();
    scope.rename(&id, Some("Test")).await.unwrap();
    let all = whole(scope.changes(0, 10).await.unwrap());
    let seq = all[1].seq;
    let refused = |seq| (seq, Err(Error::Tampered { what: format!("entry {seq} of the audit log") }));
    let good = |index: usize| (all[index].seq, Ok(all[index].clone()));
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("whole").await;
    for (column, cell) in [
        ("at", Cell::Int(1)),
        ("connection", Cell::Text("con_aaaaaaaaaaaaaaaaaaaa".to_owned())),
        ("kind", Cell::Text("connection.removed".to_owned())),
        ("body", Cell::Text("{}".to_owned())),
        ("mac", Cell::Blob(vec![0; 32])),
    ] {
        raw.set("keyway_entries", seq, column, &cell).await;
        // What the next one is bound to is the MAC.
        let last = if column == "mac" { refused(seq + 1) } else { good(2) };
        let expected = [good(0), refused(seq), last];
        assert_eq!(scope.changes(0, 10).await.unwrap(), expected, "{column}");
        assert_eq!(setting.vault.changes(0, 10).await.unwrap(), expected, "{column}");
        raw.put_back("whole", &["keyway_entries"]).await;
    }
    // One that another tenant is to take for its own.
    raw.set("keyway_entries", seq, "tenant", &Cell::Text("other".to_owned())).await;
    let other = setting.vault.tenant(&tenant("other"), &actor());
    assert_eq!(other.changes(0, 10).await.unwrap(), [refused(seq)]);
    raw.put_back("whole", &["keyway_entries"]).await;
    // And one whose predecessor is gone.
    raw.run("DELETE FROM keyway_entries WHERE seq = ?1", &[Cell::Int(seq - 1)]).await;
    assert_eq!(setting.vault.changes(0, 10).await.unwrap(), [refused(seq), good(2)]);
}

async fn i8_connections_are_listed_by_their_end_user(place: Place) {
    let vault = place.vault().await;
    let (acme, other) = (vault.tenant(&tenant("acme"), &actor()), vault.tenant(&tenant("other"), &actor()));
    let mut of_ada = Vec::new();
    for number in 0..5 {
        let credential = credential(&registry(), &secret(number));
        let owner = if number == 2 { "grace" } else { "ada ❤ 42" };
        let saved = acme.save(New::connection(&credential).end_user(owner)).await.unwrap().connection;
        assert_eq!(saved.end_user.as_deref(), Some(owner));
        if number != 2 {
            of_ada.push(saved.id);
        }
        other.save(New::connection(&credential).end_user("ada ❤ 42")).await.unwrap();
    }
    save(&acme, 9).await;
    of_ada.sort();
    let ids = async |after: Option<&ConnectionId>, limit| {
        let list = acme.list_of("ada ❤ 42", after, limit).await.unwrap();
        list.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 10).await, of_ada);
    assert_eq!(ids(None, 2).await, of_ada[..2]);
    assert_eq!(ids(Some(&of_ada[1]), 10).await, of_ada[2..]);
    assert!(acme.list_of("ada", None, 10).await.unwrap().is_empty());
    // Whatever is done with it, it stays whose it is.
    acme.rename(&of_ada[0], Some("Production")).await.unwrap();
    checked(&acme, &of_ada[0], &Verdict::Valid(account("u1"))).await.unwrap();
    let next = credential(&registry(), &secret(77));
    acme.replace(&of_ada[0], New::connection(&next).end_user("grace"), Accounts::Any).await.unwrap();
    assert_eq!(ids(None, 10).await, of_ada);
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
    // One from before anybody said so gets one with its new key.
    let unowned = save(&acme, 50).await;
    acme.replace(&unowned, New::connection(&next).end_user("grace"), Accounts::Any).await.unwrap();
    assert_eq!(acme.list_of("grace", None, 10).await.unwrap().len(), 2);
    let long = "x".repeat(129);
    for odd in ["", &long, "a\nb", "a\0", "a\u{200b}b", "a\u{202e}b"] {
        let refused = acme.save(New::connection(&next).end_user(odd)).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{odd:?}: {refused:?}");
    }
}

async fn those_are_due_that_nobody_checked_for_long(place: Place) {
    let vault = place.vault().await;
    let (acme, other) = (vault.tenant(&tenant("acme"), &actor()), vault.tenant(&tenant("other"), &actor()));
    let [never, once, broken] = [save(&acme, 1).await, save(&other, 2).await, save(&acme, 3).await];
    let invalid = Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no"));
    checked(&acme, &broken, &invalid).await.unwrap();
    let at = |id: &ConnectionId, column: &str, ms: i64| {
        format!("UPDATE keyway_connections SET {column} = {ms} WHERE id = '{id}'")
    };
    place.run(&at(&never, "created_at", 2_000)).await;
    place.run(&at(&once, "created_at", 1_000)).await;
    place.run(&at(&once, "checked_at", 5_000)).await;
    place.run(&at(&broken, "checked_at", 1)).await;
    let shown = |due: Vec<(String, Result<Due, Error>)>| -> Vec<_> {
        let shown = due.into_iter().map(|(id, due)| {
            let due = due.unwrap();
            assert_eq!((due.id.as_str(), &*due.provider), (&*id, "acme"));
            (due.tenant, due.id)
        });
        shown.collect()
    };
    let due = async |ms: u64, limit| {
        let before = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        shown(vault.due(before, &[], 0, limit).await.unwrap())
    };
    let of = |name: &str, id: &ConnectionId| (tenant(name), id.clone());
    assert_eq!(due(9_000, 10).await, [of("acme", &never), of("other", &once)]);
    assert_eq!(due(9_000, 1).await, [of("acme", &never)]);
    assert_eq!(due(5_000, 10).await, [of("acme", &never)]);
    assert_eq!(due(2_000, 10).await, []);
    let before = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    assert_eq!(shown(vault.due(before, &[], 1, 10).await.unwrap()), [of("other", &once)]);
    assert_eq!(shown(vault.due(before, &[], 2, 10).await.unwrap()), []);
    // Those of a provider that rests take nobody's place.
    place.run(&format!("UPDATE keyway_connections SET provider = 'rally' WHERE id = '{once}'")).await;
    let many = (0..3000).map(|number| format!("provider-{number}"));
    let many: Vec<String> = many.chain(["acme".to_owned()]).collect();
    assert_eq!(vault.due(before, &many, 0, 10).await.unwrap().len(), 1, "however many rest");
    for (without, left) in [
        (&["acme"][..], vec![("other".to_owned(), &once)]),
        (&["rally", "rootly"], vec![("acme".to_owned(), &never)]),
        (&["acme", "rally"], Vec::new()),
    ] {
        let without: Vec<String> = without.iter().map(ToString::to_string).collect();
        let due = vault.due(before, &without, 0, 1).await.unwrap();
        let due: Vec<_> = due.into_iter().map(|(_, due)| due.unwrap()).collect();
        let due: Vec<_> = due.iter().map(|due| (due.tenant.to_string(), &due.id)).collect();
        assert_eq!(due, left, "{without:?}");
    }
    // One that makes no sense hides none of the others.
    place.run(&format!("UPDATE keyway_connections SET tenant = 'No tenant' WHERE id = '{never}'")).await;
    let due = vault.due(before, &[], 0, 10).await.unwrap();
    let refused = Err(Error::Tampered { what: format!("connection {never}") });
    assert_eq!((due.len(), &due[0]), (2, &(never.to_string(), refused)));
    assert_eq!(due[1].1.as_ref().unwrap().id, once);
}

async fn one_leads_at_a_time(place: Place) {
    let (one, other) = (place.vault().await, place.vault().await);
    let minute = Duration::from_secs(60);
    let lead = one.lead("checks", minute).await.unwrap().unwrap();
    assert!(other.lead("checks", minute).await.unwrap().is_none());
    assert!(one.lead("checks", minute).await.unwrap().is_none(), "also of the same process");
    let webhooks = other.lead("webhooks", Duration::MAX).await.unwrap();
    assert!(webhooks.is_some());
    assert!(lead.prolong(minute).await.unwrap());
    lead.release().await.unwrap();
    let next = other.lead("checks", minute).await.unwrap().unwrap();
    // Once its time is over, another takes it, and it is told.
    place.expire_leases().await;
    let taken = one.lead("checks", minute).await.unwrap();
    assert!(taken.is_some());
    assert!(!next.prolong(minute).await.unwrap());
    next.release().await.unwrap();
    assert!(other.lead("checks", minute).await.unwrap().is_none(), "who lost it gives nothing back");
}

/// The indexes are used, however many entries of uses there are.
#[tokio::test]
async fn looking_for_changes_reads_no_uses() {
    let setting = Setting::new().await;
    let mut raw = Raw::open(&setting.folder).await;
    for (sql, index) in [
        (
            "SELECT seq FROM keyway_entries WHERE substr(kind, 1, 11) = 'connection.' AND seq > 5 ORDER BY seq LIMIT 9",
            "keyway_entries_changes",
        ),
        (
            "SELECT seq FROM keyway_entries WHERE substr(kind, 1, 11) = 'connection.' AND seq > 5 AND tenant = 'a' \
             ORDER BY seq LIMIT 9",
            "keyway_entries_changes_tenant",
        ),
        (
            "SELECT id FROM keyway_connections WHERE status = 'active' AND coalesce(checked_at, created_at) < 5 \
             ORDER BY coalesce(checked_at, created_at), id LIMIT 9",
            "keyway_connections_due",
        ),
        (
            "SELECT id FROM keyway_connections WHERE tenant = 'a' AND owner_mark = x'00' AND id > '' ORDER BY id",
            "keyway_connections_owner",
        ),
    ] {
        let plan = raw.rows(&format!("EXPLAIN QUERY PLAN {sql}"), &[]).await;
        let plan = format!("{plan:?}");
        assert!(plan.contains(&format!("INDEX {index} ")) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}

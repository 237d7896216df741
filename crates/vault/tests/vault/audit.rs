//! What each operation writes into the audit log, and how uses come there.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::Method;
use keyway_core::Verdict;
use keyway_vault::{
    Accounts, Actor, By, ConnectionId, Entry, Error, New, Record, Recorder, RowKind, Scope, StoreErrorKind,
    Terms, Vault,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{
    between::Between,
    setting::{Setting, account, actor, checked, tenant},
};

/// A vault over a store that shows what is committed, and a connection in it.
async fn watched() -> (Setting, Between, Vault, Scope, ConnectionId) {
    let setting = Setting::new().await;
    let between = Between::new(setting.store().await);
    let vault = Vault::open(Arc::new(between.clone()), Arc::new(setting.keys.clone())).await.unwrap();
    let scope = vault.tenant(&tenant("acme"), &Actor::parse("user:42").unwrap());
    let credential = setting.credential(1);
    let id = scope.save(New::connection(&credential).account(&account("u1"))).await.unwrap().connection.id;
    between.batches.lock().unwrap().clear();
    (setting, between, vault, scope, id)
}

/// The entries since, which must be those of one commit each.
async fn since(vault: &Vault, between: &Between, seq: &mut i64) -> Vec<Entry> {
    let entries = vault.audit(*seq, 1000).await.unwrap();
    let batches = std::mem::take(&mut *between.batches.lock().unwrap());
    let committed: Vec<i64> =
        batches.iter().flat_map(|batch| &batch.entries).map(|entry| entry.seq).collect();
    assert!(entries.iter().map(|entry| entry.seq).eq(committed));
    *seq = entries.last().map_or(*seq, |entry| entry.seq);
    entries
}

#[tokio::test]
async fn each_operation_leaves_exactly_its_entries() {
    let (setting, between, vault, scope, id) = watched().await;
    let mut seq = vault.anchor().await.unwrap().seq();
    let first = &vault.audit(0, 1).await.unwrap()[0];
    assert_eq!(
        (first.kind.as_str(), first.tenant.as_ref(), first.what.actor.as_deref()),
        ("vault.created", None, Some("test"))
    );
    let kinds = |entries: &[Entry]| entries.iter().map(|entry| entry.kind.clone()).collect::<Vec<_>>();
    let of_the_tenant = |entries: &[Entry], kind: &str, rows: &[(RowKind, bool)]| {
        assert_eq!(kinds(entries), [kind]);
        let entry = &entries[0];
        assert_eq!(entry.tenant.as_deref(), Some("acme"), "{kind}");
        assert_eq!(entry.connection.as_deref(), Some(id.as_str()), "{kind}");
        assert_eq!(entry.what.actor.as_deref(), Some("user:42"), "{kind}");
        let found: Vec<_> = entry.what.rows.iter().map(|row| (row.row, row.mac.is_some())).collect();
        assert_eq!(found, rows, "{kind}");
    };
    let written = [(RowKind::Connection, true)];

    scope.rename(&id, Some("Name")).await.unwrap();
    of_the_tenant(&since(&vault, &between, &mut seq).await, "connection.renamed", &written);
    checked(&scope, &id, &Verdict::Valid(account("u1"))).await.unwrap();
    let entries = since(&vault, &between, &mut seq).await;
    of_the_tenant(&entries, "connection.checked", &written);
    assert_eq!(
        (entries[0].what.verdict.as_deref(), entries[0].what.status.as_deref()),
        (Some("valid"), Some("active"))
    );
    let next = setting.credential(2);
    scope.replace(&id, New::connection(&next).account(&account("u1")), Accounts::Same).await.unwrap();
    of_the_tenant(&since(&vault, &between, &mut seq).await, "connection.replaced", &written);
    let grant = scope.grant(&id, Terms::default()).await.unwrap().grant.id;
    let entries = since(&vault, &between, &mut seq).await;
    of_the_tenant(&entries, "grant.created", &[(RowKind::Grant, true)]);
    assert_eq!(entries[0].what.grant.as_deref(), Some(grant.as_str()));
    scope.revoke(&grant).await.unwrap();
    of_the_tenant(&since(&vault, &between, &mut seq).await, "grant.revoked", &[(RowKind::Grant, true)]);
    scope.revoke(&grant).await.unwrap();
    assert_eq!(kinds(&since(&vault, &between, &mut seq).await), [""; 0], "it was revoked before");

    // What reads, or is refused, writes nothing.
    scope.get(&id).await.unwrap();
    scope.list(None, 9).await.unwrap();
    scope.grants(Some(&id), None, 9).await.unwrap();
    scope.open(&id, &setting.registry).await.unwrap();
    vault.verify(&[]).await.unwrap();
    vault.status().await.unwrap();
    checked(&scope, &id, &Verdict::Valid(account("u2"))).await.unwrap_err();
    scope.replace(&id, New::connection(&next), Accounts::Same).await.unwrap_err();
    for name in ["\n", "a\u{202e}b", "a\u{200b}b", "\u{200b}", "a\u{2066}b", "a\u{feff}b"] {
        scope.rename(&id, Some(name)).await.unwrap_err();
        scope.save(New::connection(&setting.credential(2)).name(name)).await.unwrap_err();
    }
    assert!(scope.save_all(&[]).await.unwrap().is_empty());
    assert_eq!(kinds(&since(&vault, &between, &mut seq).await), [""; 0]);

    // Several in one commit, with an entry each.
    let (one, two) = (setting.credential(3), setting.credential(4));
    let saved = scope.save_all(&[New::connection(&one), New::connection(&two)]).await.unwrap();
    assert_eq!(between.batches.lock().unwrap().len(), 1);
    let entries = since(&vault, &between, &mut seq).await;
    assert_eq!(kinds(&entries), ["connection.created"; 2]);
    for (entry, saved) in entries.iter().zip(&saved) {
        assert_eq!(entry.connection.as_deref(), Some(saved.connection.id.as_str()));
    }
    scope.grant(&id, Terms::default()).await.unwrap();
    since(&vault, &between, &mut seq).await;
    scope.remove(&id).await.unwrap();
    of_the_tenant(
        &since(&vault, &between, &mut seq).await,
        "connection.removed",
        &[(RowKind::Connection, false)],
    );

    // What concerns the whole vault is no tenant's.
    vault.rotate(&actor(), |_| {}).await.unwrap();
    let entries = since(&vault, &between, &mut seq).await;
    assert_eq!(kinds(&entries), ["rotation.started", "key.retired"]);
    vault.export(&actor(), &mut Vec::new()).await.unwrap();
    let exported = since(&vault, &between, &mut seq).await;
    assert_eq!(kinds(&exported), ["vault.exported"]);
    for entry in entries.iter().chain(&exported) {
        assert_eq!((entry.tenant.as_ref(), entry.what.actor.as_deref()), (None, Some("test")));
    }
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

#[tokio::test]
async fn a_name_that_changes_meanwhile_is_kept() {
    let (setting, between, _, scope, id) = watched().await;
    scope.rename(&id, Some("Before")).await.unwrap();
    let elsewhere = setting.again().await.tenant(&tenant("acme"), &actor());
    let renamed = id.clone();
    between.before_the_next_commit(async move {
        elsewhere.rename(&renamed, Some("After")).await.unwrap();
    });
    let next = setting.credential(2);
    let replaced =
        scope.replace(&id, New::connection(&next).account(&account("u1")), Accounts::Same).await.unwrap();
    assert_eq!(replaced.name.as_deref(), Some("After"));
    assert_eq!(scope.get(&id).await.unwrap().name.as_deref(), Some("After"));
}

fn record(of: &str, id: &ConnectionId) -> Record {
    let by = By::Actor(Actor::parse("user:7").unwrap());
    Record::new(tenant(of), id.clone(), by, Method::GET, "/me".into()).status(200)
}

/// The entries of uses: whose they are, and how many.
async fn uses(vault: &Vault) -> Vec<(String, usize)> {
    let entries = vault.audit(0, 1000).await.unwrap();
    let uses = entries.into_iter().filter(|entry| entry.kind == "uses");
    uses.map(|entry| (entry.tenant.unwrap(), entry.what.uses.len())).collect()
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looks = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), looks).await.expect("it comes")
}

#[tokio::test]
async fn uses_that_come_together_are_one_commit_with_one_entry_a_tenant() {
    let (_setting, between, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    between.batches.lock().unwrap().clear();
    let began = Instant::now();
    for of in ["acme", "other", "acme", "third", "acme"] {
        recorder.record(record(of, &id)).await.unwrap();
    }
    let found = until(async || Some(uses(&vault).await).filter(|uses| !uses.is_empty())).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "nobody waited for others: {:?}", began.elapsed());
    assert_eq!(found, [("acme".to_owned(), 3), ("other".to_owned(), 1), ("third".to_owned(), 1)]);
    drop(recorder);
    recording.end().await.unwrap();
    assert_eq!(between.batches.lock().unwrap().len(), 2, "the uses, and the recorder's end");
    let entries = vault.tenant(&tenant("acme"), &actor()).audit(0, 1000).await.unwrap();
    let used = &entries.last().unwrap().what.uses[0];
    assert_eq!(
        (used.connection.as_str(), used.actor.as_deref(), used.grant.as_ref()),
        (id.as_str(), Some("user:7"), None)
    );
    assert_eq!(
        (used.method.as_str(), used.path.as_str(), used.status, used.intended),
        ("GET", "/me", Some(200), false)
    );
    let kinds: Vec<_> = vault.audit(0, 1000).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds.last().unwrap(), "recording.ended");
    assert_eq!(vault.verify(&[]).await.unwrap().open_runs, []);
}

#[tokio::test]
async fn an_intended_use_is_committed_before_the_call_returns_and_takes_others_along() {
    let (_setting, between, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    between.batches.lock().unwrap().clear();
    recorder.record(record("acme", &id)).await.unwrap();
    recorder.intend(record("acme", &id)).await.unwrap();
    assert_eq!(uses(&vault).await.iter().map(|(_, count)| count).sum::<usize>(), 2);
    // While the log cannot be written, nobody is told that it was.
    between.refuse(true);
    let waiting = tokio::spawn({
        let (recorder, record) = (recorder.clone(), record("acme", &id));
        async move { recorder.intend(record).await }
    });
    until(async || (between.refused.load(Ordering::SeqCst) > 1).then_some(())).await;
    assert!(!waiting.is_finished());
    between.refuse(false);
    waiting.await.unwrap().unwrap();
    assert_eq!(uses(&vault).await.iter().map(|(_, count)| count).sum::<usize>(), 3);
    drop(recorder);
    recording.end().await.unwrap();
}

/// Takes uses until one has to wait; returns how many that was.
async fn taken_by(recorder: &Recorder, id: &ConnectionId) -> usize {
    let mut taken = 0;
    // Whoever waits is in the queue's way for seconds, and whoever does not is not.
    while let Ok(done) = timeout(Duration::from_secs(3), recorder.record(record("acme", id))).await {
        if done.is_err() {
            break;
        }
        taken += 1;
        assert!(taken <= 16_384, "no more may wait to be written");
    }
    taken
}

#[tokio::test]
async fn where_nothing_can_be_written_callers_wait_fail_and_lose_nothing() {
    let (_setting, between, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    let failing = recorder.failing();
    let (go_on, told) = oneshot::channel::<()>();
    between.before_the_next_commit(async move { told.await.unwrap() });
    let taken = taken_by(&recorder, &id).await;
    assert!(taken > 0);
    let began = Instant::now();
    let both = tokio::join!(recorder.record(record("acme", &id)), recorder.intend(record("acme", &id)));
    assert_eq!(both, (Err(Error::Audit), Err(Error::Audit)));
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(*failing.borrow(), None, "nobody knows yet that it cannot be written");
    let waiting = tokio::spawn({
        let (recorder, record) = (recorder.clone(), record("acme", &id));
        async move { recorder.record(record).await }
    });
    go_on.send(()).unwrap();
    waiting.await.unwrap().unwrap();
    drop(recorder);
    recording.end().await.unwrap();
    let all: usize = uses(&vault).await.iter().map(|(_, count)| count).sum();
    assert_eq!(all, taken + 1, "what was taken is written, and what was refused is not");
    assert!(uses(&vault).await.iter().all(|(_, count)| *count <= 1000));
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

#[tokio::test]
async fn n46_where_nothing_can_be_written_no_use_is_taken_after_a_second_and_none_is_lost() {
    let (_setting, between, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    let mut failing = recorder.failing();
    let reserved = recorder.reserve().await.unwrap();
    for round in 1..=2 {
        between.refuse(true);
        let began = Instant::now();
        recorder.record(record("acme", &id)).await.unwrap();
        failing.wait_for(Option::is_some).await.unwrap();
        assert!((1..5).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        let why = failing.borrow_and_update().clone().unwrap();
        assert!(matches!(&why, Error::Store(error) if error.kind() == StoreErrorKind::Full), "{why}");
        let began = Instant::now();
        for _ in 0..100 {
            assert_eq!(recorder.reserve().await.err(), Some(Error::Audit));
            assert_eq!(recorder.record(record("acme", &id)).await, Err(Error::Audit));
            assert_eq!(recorder.intend(record("acme", &id)).await, Err(Error::Audit));
        }
        assert!(began.elapsed() < Duration::from_secs(4), "nobody waits for what is known");
        assert_eq!(uses(&vault).await.len(), round - 1);
        between.refuse(false);
        failing.wait_for(Option::is_none).await.unwrap();
        assert_eq!(uses(&vault).await.len(), round, "it goes on by itself");
    }
    // Whoever had room before has it still, and all the rest is there again.
    reserved.record(record("acme", &id));
    let mut slots = Vec::new();
    for _ in 0..16_383 {
        slots.push(recorder.reserve().await.unwrap());
    }
    drop((slots, recorder));
    recording.end().await.unwrap();
    assert_eq!(uses(&vault).await.iter().map(|(_, count)| count).sum::<usize>(), 3);
}

#[tokio::test]
async fn who_has_room_reserved_can_always_record() {
    let (_setting, between, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    let mut slots = Vec::new();
    for _ in 0..16_384 {
        slots.push(recorder.reserve().await.unwrap());
    }
    // What is reserved is not written, and takes the room of others.
    let began = Instant::now();
    let refused = tokio::join!(recorder.reserve(), recorder.record(record("acme", &id)));
    assert!(matches!(refused, (Err(Error::Audit), Err(Error::Audit))), "{refused:?}");
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    drop(slots.pop());
    slots.push(recorder.reserve().await.expect("it was given back"));
    let waiting = tokio::spawn({
        let recorder = recorder.clone();
        async move { recorder.reserve().await }
    });
    tokio::task::yield_now().await;
    drop(slots.pop());
    slots.push(timeout(Duration::from_secs(4), waiting).await.expect("it is told").unwrap().unwrap());

    between.refuse(true);
    let all = slots.len();
    for slot in slots.drain(1..) {
        slot.record(record("acme", &id));
    }
    until(async || (between.refused.load(Ordering::SeqCst) > 1).then_some(())).await;
    between.refuse(false);
    let last = slots.pop().unwrap();
    drop(recorder);
    let end = tokio::spawn(recording.end());
    until(async || {
        let written: usize = uses(&vault).await.iter().map(|(_, count)| count).sum();
        (written == all - 1).then_some(())
    })
    .await;
    assert!(!end.is_finished(), "a slot is still held");
    last.record(record("acme", &id));
    end.await.unwrap().unwrap();
    assert_eq!(uses(&vault).await.iter().map(|(_, count)| count).sum::<usize>(), all);
    assert_eq!(vault.verify(&[]).await.unwrap().open_runs, []);
}

#[tokio::test]
async fn a_full_group_waits_for_no_others() {
    let mut late = Vec::new();
    // A machine that is busy may be late now and then; what waits is late each time.
    while late.last().is_none_or(|time| *time >= 200) {
        assert!(late.len() < 20, "written so many ms after the last one: {late:?}");
        let (_setting, between, vault, _, id) = watched().await;
        let (recorder, recording) = vault.recorder().await.unwrap();
        between.batches.lock().unwrap().clear();
        for _ in 0..4096 {
            recorder.record(record("acme", &id)).await.unwrap();
        }
        let told = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        until(async || (!between.batches.lock().unwrap().is_empty()).then_some(())).await;
        let first = between.batches.lock().unwrap()[0].clone();
        let sizes: Vec<_> = uses(&vault).await.into_iter().map(|(_, count)| count).collect();
        assert_eq!(sizes, [1000, 1000, 1000, 1000, 96]);
        late.push(first.entries[0].at - i64::try_from(told).unwrap());
        drop(recorder);
        recording.end().await.unwrap();
    }
}

#[tokio::test]
async fn a_use_has_the_time_that_is_said_of_it_or_that_of_its_telling() {
    let (_setting, _, vault, _, id) = watched().await;
    let (recorder, recording) = vault.recorder().await.unwrap();
    let said = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    let made = record("acme", &id);
    recorder.record(made.clone().at(said)).await.unwrap();
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    recorder.record(made).await.unwrap();
    drop(recorder);
    recording.end().await.unwrap();
    let entries = vault.audit(0, 1000).await.unwrap();
    let times: Vec<_> = entries.iter().flat_map(|entry| &entry.what.uses).map(|used| used.at_ms).collect();
    assert_eq!(times[0], 1_800_000_000_123);
    assert!(u128::try_from(times[1]).unwrap() >= before, "{times:?}");
}

#[tokio::test]
async fn a_recorder_that_was_killed_shows() {
    let (setting, _, vault, _, id) = watched().await;
    let folder = setting.folder.path().to_owned();
    let (keys, connection) = (setting.keys.clone(), id.clone());
    // Another process: its runtime ends with whatever was about to be written.
    let recorder: Recorder = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = keyway_vault::Database::sqlite(folder.join("keyway.db"));
            let vault = Vault::open(database.open().await.unwrap(), Arc::new(keys)).await.unwrap();
            let (recorder, _recording) = vault.recorder().await.unwrap();
            recorder.intend(record("acme", &connection)).await.unwrap();
            recorder.record(record("acme", &connection)).await.unwrap();
            recorder
        })
    })
    .join()
    .unwrap();
    let report = vault.verify(&[]).await.unwrap();
    assert_eq!(report.problems, []);
    let [run] = &report.open_runs[..] else { panic!("{:?}", report.open_runs) };
    let last = vault.anchor().await.unwrap().seq();
    assert_eq!((run.began, run.last), (last - 1, last));
    // Who still holds it is told so.
    assert_eq!(recorder.record(record("acme", &id)).await, Err(Error::Audit));
}

#[tokio::test]
async fn others_are_told_of_changes_and_not_of_uses() {
    let (setting, _, vault, scope, id) = watched().await;
    let other = setting.again().await;
    let mut at = vault.anchor().await.unwrap().seq();
    let told = async |after: i64| {
        // A second, and what a busy machine adds.
        timeout(Duration::from_secs(20), other.changed(after)).await.expect("it is told").unwrap()
    };
    assert_eq!(told(at - 1).await, at, "it is past that already");
    let grant = scope.grant(&id, Terms::default()).await.unwrap().grant.id;
    for step in ["the grant before", "revoke", "rename", "rotate", "remove"] {
        match step {
            "revoke" => drop(scope.revoke(&grant).await.unwrap()),
            "rename" => drop(scope.rename(&id, Some("Name")).await.unwrap()),
            "rotate" => drop(vault.rotate(&actor(), |_| {}).await.unwrap()),
            "remove" => scope.remove(&id).await.unwrap(),
            _ => {}
        }
        let now = told(at).await;
        assert!(now > at, "{step}");
        at = now;
    }
    let (recorder, recording) = vault.recorder().await.unwrap();
    recorder.intend(record("acme", &id)).await.unwrap();
    assert!(timeout(Duration::from_millis(500), other.changed(at)).await.is_err(), "a use woke somebody");
    drop(recorder);
    recording.end().await.unwrap();
    // Somebody who waits is woken.
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { other.changed(at).await }
    });
    let credential = setting.credential(5);
    scope.save(New::connection(&credential)).await.unwrap();
    let now = timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap().unwrap();
    assert!(now > at);
}
